"""The answer of a whole data set: agreement of the members proposes groups, counts that no member
has seen dispose (``reality``), and how certain, how well supported and how apart they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Int
from scipy import sparse

from latentbench.answer.answer import Answer, find_groups
from latentbench.answer.certainty import Calibration
from latentbench.answer.members import Members
from latentbench.answer.reality import (
    Separability,
    Space,
    merge_until_told_apart,
    separability,
    space_of,
)
from latentbench.answer.thinning import Parts, thin
from latentbench.logs import logger
from latentbench.outcomes import Unavailable


@dataclass(frozen=True)
class DatasetAnswer:
    """The answer, and of every group how well it and the group that it is told apart from worst
    are: ``separability`` (AUC), ``p_value``, ``told_apart`` (yes or no). ``parts``: the thinned
    counts. Both None where there are no counts.
    """

    answer: Answer | Unavailable
    pairs: pd.DataFrame | None
    parts: Parts | None


def answer_of(
    members: Members,
    *,
    counts: sparse.csr_matrix | None = None,
    batch: Int[np.ndarray, " obs"] | None = None,
    n_clusters: int | None = None,
    null_agreement: float | None = None,
    predictive: Mapping[str, float] | None = None,
    calibration: Calibration | None = None,
    seed: int = 0,
) -> DatasetAnswer:
    """Return the answer of ``members``; ``counts`` (cells x genes) are thinned to test it with."""
    parts = None if counts is None else thin(counts, seed=seed)
    space = None if parts is None else space_of(parts, found_on="all", seed=seed)

    def disposed(groups: Int[np.ndarray, " obs"]) -> Int[np.ndarray, " obs"]:
        merged = merge_until_told_apart(space, groups, batch=batch, seed=seed)
        logger.info(
            "%d groups proposed, %d told apart by counts that no model has seen",
            len(np.unique(groups)),
            len(np.unique(merged.groups)),
        )
        return merged.groups

    answer = find_groups(
        members,
        n_clusters=n_clusters,
        told_apart=None if space is None else disposed,
        null_agreement=null_agreement,
        predictive=predictive,
        calibration=calibration,
        seed=seed,
    )
    pairs = None
    if space is not None and not isinstance(answer, Unavailable):
        pairs = _worst_pairs(space, answer, batch, seed)
    return DatasetAnswer(answer, pairs, parts)


def _worst_pairs(
    space: Space, answer: Answer, batch: Int[np.ndarray, " obs"] | None, seed: int
) -> pd.DataFrame:
    """Return, by group, the verdict on it and the group that it is told apart from worst."""
    if answer.n_groups == 1:
        return pd.DataFrame(columns=["separability", "p_value", "told_apart"])
    judged: Separability = separability(space, answer.groups, batch=batch, seed=seed)
    both = pd.concat(
        [judged.pairs.assign(group=judged.pairs[side]) for side in ("first", "second")]
    )
    worst = both.sort_values(["told_apart", "auc"], na_position="first", kind="stable")
    worst = worst.drop_duplicates("group").set_index("group").sort_index()
    return pd.DataFrame(
        {
            "separability": worst["auc"],
            "p_value": worst["p_holm"],
            "told_apart": np.where(worst["told_apart"], "yes", "no"),
        }
    )
