"""What a trained variant brings to the answer of its data set: of every replica that ended ok the
fixed set of clusterings of its code, and the clusters that it finds by itself.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from latentbench.answer.members import Members, given, members_of
from latentbench.evaluation.trained import TrainedVariant
from latentbench.logs import logger

N_RESAMPLED = 2
"""Random halves of the cells that the clusterings of the first code are fitted on once more."""


@dataclass(frozen=True)
class VariantMembers:
    """The members of every code, and those of the first code fitted on random halves of the
    cells.
    """

    members: list[Members] = field(default_factory=list)
    resampled: list[Members] = field(default_factory=list)


def members_of_variant(
    trained: TrainedVariant, *, batch: Int[np.ndarray, " obs"] | None = None
) -> VariantMembers:
    """Return what a variant brings; of one that is a clustering (kind ``clustering``) there is no
    code to cluster.

    Replicas with one and the same code (those of PCA) bring theirs once: a second opinion that is
    the first is none.
    """
    found, seen = VariantMembers(), set()
    for seed, problem in trained.problems.items():
        if problem:
            continue
        probs = trained.cluster_probs(seed)
        own = None if probs is None else probs.argmax(axis=1)
        codes = trained.codes(seed)
        digest = hashlib.sha256(np.ascontiguousarray(codes)).hexdigest()
        if digest in seen:
            continue
        seen.add(digest)
        if trained.kind == "clustering":
            found.members.append(given(own, variant=trained.model, seed=seed))
            continue
        options = {"variant": trained.model, "seed": seed, "own": own, "batch": batch}
        found.members.append(members_of(codes, **options))
        if len(seen) == 1:
            found.resampled.extend(resampled_members(codes, **options))
    logger.info(
        "%s, %s: %d members of %d codes",
        trained.dataset,
        trained.model,
        sum(len(part.weight) for part in found.members),
        len(found.members),
    )
    return found


def resampled_members(codes: Float[np.ndarray, "obs _"], **options: Any) -> list[Members]:
    """Return the members of a code fitted on random halves of the cells; ``options`` are those of
    ``members_of``.
    """
    halves = [_half(len(codes), number) for number in range(N_RESAMPLED)]
    return [members_of(codes, fitted_on=half, **options) for half in halves]


def _half(n_obs: int, number: int) -> Int[np.ndarray, " cells"]:
    """Return the cells of a random half, the same for every variant."""
    return np.sort(np.random.default_rng([number, n_obs]).choice(n_obs, n_obs // 2, replace=False))
