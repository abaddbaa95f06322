"""The answer of a whole data set: the groups that members agree on, how certain, how well
supported and how well told apart they are by counts that no model has seen (``reality``).

Where models saw all counts (codes and clusterings of other tools, or a study that holds nothing
out), these are split in halves, and the test allows for groups found in both.

The counts decide whether there are groups at all: where merging what they do not tell apart
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
from latentbench.answer.variant_members import VariantMembers
from latentbench.logs import logger
from latentbench.maths.count_splitting import Parts, split_counts
from latentbench.outcomes import Outcome, Unavailable


@dataclass(frozen=True)
class HeldOutCounts:
    """Two parts of the counts; ``fresh``: no model has seen ``parts.held_out``."""

    parts: Parts
    fresh: bool


def held_out_counts(
    seen: sparse.csr_matrix | None,
    held_out: sparse.csr_matrix | None = None,
    *,
    saw_all: bool = False,
    seed: int = 0,
) -> HeldOutCounts | None:
    """Return what groups are told apart by: the counts that models have seen and those that they
    have not; ``saw_all``: some variant comes from elsewhere and saw both.
    """
    if seen is None:
        return None
    if held_out is None or saw_all:
        whole = seen if held_out is None else seen + held_out
        return HeldOutCounts(split_counts(whole, held_out=0.5, seed=seed), fresh=False)
    return HeldOutCounts(Parts(seen, held_out), fresh=True)


@dataclass(frozen=True)
class DatasetAnswer:
    """The answer, and of every group how well it and the group that it is told apart from worst
    are: ``separability`` (AUC), ``p_value``, ``told_apart`` (yes or no). ``counts``: what they are
    told apart by. Both None where there are no counts. ``null``: how far members agree
    where there is one group.
    """

    answer: Answer | Unavailable
    pairs: pd.DataFrame | None = None
    counts: HeldOutCounts | None = None
    null: Agreement | None = None


def answer_of(
    brought: Sequence[VariantMembers],
    *,
    counts: HeldOutCounts | None = None,
    batch: Int[np.ndarray, " obs"] | None = None,
    n_clusters: int | None = None,
    codes: Mapping[tuple[str, int], Float[np.ndarray, "obs _"]] | None = None,
    predictive: Mapping[str, float] | None = None,
    calibration: Calibration | None = LEARNED,
    seed: int = 0,
) -> DatasetAnswer:
    """Return the answer of what the variants of a data set bring; ``counts`` (cells x genes) test
    it, ``codes`` (by variant and seed) say how far members would agree if there were one group.
    """
    members = [part for each in brought for part in each.members]
    if not members:
        gap = Unavailable(Outcome.NOT_APPLICABLE, "no variant brings any clustering to agree on")
        return DatasetAnswer(gap)
    resampled = zip(*(each.resampled for each in brought if each.resampled), strict=True)
    space = None
    if counts is not None:
        space = space_of(counts.parts, found_on="seen" if counts.fresh else "all", seed=seed)

    def one_or_many(groups: Int[np.ndarray, " obs"]) -> Int[np.ndarray, " obs"]:
        merged = merge_until_told_apart(space, groups, batch=batch, seed=seed)
        n_told_apart = len(np.unique(merged.groups))
        logger.info(
            "%d groups proposed, %d left where every pair is told apart by counts",
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
    return DatasetAnswer(answer, pairs, counts, null=null)


def predictive_scores(
    codes: Mapping[tuple[str, int], Float[np.ndarray, "obs _"]],
    counts: HeldOutCounts | None,
    is_train: Bool[np.ndarray, " obs"],
    *,
    seed: int = 0,
) -> dict[str, float]:
    """Return by variant what its code (one replica of each) explains of the counts that it has not
    seen (``predictive``, equation (3)); nothing where it has seen all.
    """
    train, test = np.flatnonzero(is_train), np.flatnonzero(~is_train)
    if counts is None or not counts.fresh or len(train) < 2 or not len(test):
        return {}
    return {
        variant: predict_from_code(
            z.astype(np.float64), counts.parts.held_out, train=train, test=test, seed=seed
        ).explained
        for (variant, _), z in codes.items()
    }


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
    """Return the markers of every group in the held-out part of the counts
    (``markers.Markers.table``); None where there are no counts or fewer than two groups.
    """
    if answered.counts is None or answered.answer.n_groups < 2:
        return None
    found = markers_of(answered.counts.parts.held_out, answered.answer.groups, list(genes))
    return None if found is None else found.table


def first_markers(markers: pd.DataFrame, *, n_first: int = 5) -> pd.Series:
    """Return the first genes of every group that are more expressed there, as text."""
    up = markers[(markers["log2_fold_change"] > 0) & (markers["p_adjusted"] <= 0.05)]
    named = up.sort_values(["group", "rank"]).groupby("group")["gene"]
    return named.agg(lambda genes: ", ".join(genes.head(n_first)))
