"""The answer of a whole data set: the groups that members agree on, how certain, how well
supported and how well told apart they are in both halves of the thinned counts (``reality``).
Models and members see both halves, for which the test allows.

Thinned counts decide whether there are groups at all: where merging what they do not tell apart
leaves one group, it is one. Short of that, groups that are not told apart are named and stay:
merging them by a rule tuned on other data sets came to a lower ARI (docs/evidence.md).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int
from scipy import sparse

from latentbench.answer.answer import Answer, find_groups
from latentbench.answer.certainty import LEARNED, Calibration
from latentbench.answer.cut import Agreement
from latentbench.answer.markers import markers_of
from latentbench.answer.members import together
from latentbench.answer.null import null_agreement
from latentbench.answer.predictive import predict_from_code
from latentbench.answer.reality import (
    Separability,
    Space,
    merge_until_told_apart,
    separability,
    space_of,
)
from latentbench.answer.thinning import thin
from latentbench.answer.variant_members import VariantMembers
from latentbench.logs import logger
from latentbench.outcomes import Outcome, Unavailable


@dataclass(frozen=True)
class DatasetAnswer:
    """The answer, and of every group how well it and the group that it is told apart from worst
    are: ``separability`` (AUC), ``p_value``, ``told_apart`` (yes or no). ``held_out``: the second
    part of the thinned counts. Both None where there are no counts. ``null``: how far members agree
    where there is one group.
    """

    answer: Answer | Unavailable
    pairs: pd.DataFrame | None = None
    held_out: sparse.csr_matrix | None = None
    null: Agreement | None = None


def answer_of(
    brought: Sequence[VariantMembers],
    *,
    counts: sparse.csr_matrix | None = None,
    batch: Int[np.ndarray, " obs"] | None = None,
    n_clusters: int | None = None,
    codes: Mapping[tuple[str, int], Float[np.ndarray, "obs _"]] | None = None,
    predictive: Mapping[str, float] | None = None,
    calibration: Calibration | None = LEARNED,
    seed: int = 0,
) -> DatasetAnswer:
    """Return the answer of what the variants of a data set bring; ``counts`` (cells x genes) are
    thinned to test it with, ``codes`` (by variant and seed) say how far members would agree if
    there were one group.
    """
    members = [part for each in brought for part in each.members]
    if not members:
        gap = Unavailable(Outcome.NOT_APPLICABLE, "no variant brings any clustering to agree on")
        return DatasetAnswer(gap)
    resampled = zip(*(each.resampled for each in brought if each.resampled), strict=True)
    parts = None if counts is None else thin(counts, seed=seed)
    space = None if parts is None else space_of(parts, found_on="all", seed=seed)

    def one_or_many(groups: Int[np.ndarray, " obs"]) -> Int[np.ndarray, " obs"]:
        merged = merge_until_told_apart(space, groups, batch=batch, seed=seed)
        n_told_apart = len(np.unique(merged.groups))
        logger.info(
            "%d groups proposed, %d left where every pair is told apart by thinned counts",
            len(np.unique(groups)),
            n_told_apart,
        )
        return merged.groups if n_told_apart == 1 else groups

    null = null_agreement(codes, batch=batch, seed=seed) if codes else None
    answer = find_groups(
        together(members),
        resampled=[together(parts_of_cells) for parts_of_cells in resampled],
        n_clusters=n_clusters,
        told_apart=None if space is None else one_or_many,
        null=null,
        predictive=predictive,
        calibration=calibration,
        seed=seed,
    )
    if space is None or isinstance(answer, Unavailable):
        return DatasetAnswer(answer, null=null)
    pairs = _worst_pairs(space, answer, batch, seed)
    return DatasetAnswer(answer, pairs, parts.held_out, null=null)


def predictive_scores(
    thinned: Mapping[str, tuple[Int[np.ndarray, " some"], Float[np.ndarray, "some _"]]],
    counts: sparse.csr_matrix,
    is_train: Bool[np.ndarray, " obs"],
    *,
    seed: int = 0,
) -> dict[str, float]:
    """Return by variant what its codes of half the counts explain of the other half
    (``predictive``, equation (3)); ``thinned``: cells and codes, the same cells for all.
    """
    if not thinned:
        return {}
    held_out = thin(counts, seed=seed).held_out
    found = {}
    for variant, (cells, codes) in thinned.items():
        train = np.flatnonzero(is_train[cells])
        test = np.flatnonzero(~is_train[cells])
        if len(test) and len(train) > 1:
            found[variant] = predict_from_code(
                codes.astype(np.float64), held_out[cells], train=train, test=test, seed=seed
            ).explained
    return found


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


def markers_of_answer(answered: DatasetAnswer, genes: pd.Index) -> pd.DataFrame | None:
    """Return the markers of every group in the second part of the thinned counts
    (``markers.Markers.table``); None where there are no counts or fewer than two groups.
    """
    if answered.held_out is None or answered.answer.n_groups < 2:
        return None
    found = markers_of(answered.held_out, answered.answer.groups, list(genes))
    return None if found is None else found.table


def first_markers(markers: pd.DataFrame, *, n_first: int = 5) -> pd.Series:
    """Return the first genes of every group that are more expressed there, as text."""
    up = markers[(markers["log2_fold_change"] > 0) & (markers["p_adjusted"] <= 0.05)]
    named = up.sort_values(["group", "rank"]).groupby("group")["gene"]
    return named.agg(lambda genes: ", ".join(genes.head(n_first)))
