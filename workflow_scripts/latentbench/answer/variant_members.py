"""What a trained variant brings to the consensus of its data set: of every replica that ended ok
the fixed set of clusterings of its code, and the clusters that it finds by itself.
"""

import hashlib

import numpy as np
from jaxtyping import Int

from latentbench.answer.members import Members, given, members_of
from latentbench.evaluation.trained import TrainedVariant
from latentbench.logs import logger


def members_of_variant(
    trained: TrainedVariant,
    *,
    is_clustering: bool = False,
    batch: Int[np.ndarray, " obs"] | None = None,
) -> list[Members]:
    """Return the members of every replica; ``is_clustering``: the variant is a clustering that
    exists already, and there is no code to cluster.

    Replicas with one and the same code (those of PCA) bring theirs once: a second opinion that is
    the first is none.
    """
    parts, seen = [], set()
    for seed, problem in trained.problems.items():
        if problem:
            continue
        probs = trained.cluster_probs(seed)
        own = None if probs is None else probs.argmax(axis=1)
        if is_clustering:
            codes = own
        else:
            codes = trained.codes(seed)
        digest = hashlib.sha256(np.ascontiguousarray(codes)).hexdigest()
        if digest in seen:
            continue
        seen.add(digest)
        parts.append(
            given(own, variant=trained.model, seed=seed)
            if is_clustering
            else members_of(codes, variant=trained.model, seed=seed, own=own, batch=batch)
        )
    logger.info(
        "%s, %s: %d members of %d codes",
        trained.dataset,
        trained.model,
        sum(len(part.weight) for part in parts),
        len(parts),
    )
    return parts
