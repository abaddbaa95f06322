"""The consensus of several clusterings of the same cells: their tree (``latentbench.answer.tree``),
cut where it agrees with them most (``latentbench.answer.cut``), or into a declared number.

It is grown on the training cells; a test cell joins the leaf whose cells it is together with most.
On nine labelled data sets average linkage came to a higher ARI than spectral clustering of the same
co-association (docs/evidence.md), which cuts into parts of equal size.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from latentbench.answer.cut import best_cut, cut_into
from latentbench.answer.members import Members
from latentbench.answer.tree import fewest_cells, grow
from latentbench.evaluation.clusterings import Clusters, numbered_by_size
from latentbench.outcomes import Outcome, Unavailable

LARGEST_SHARE_OF_FEW = 0.05
"""Of few cells, no group need have more than this share."""


def consensus(
    members: Sequence[Int[np.ndarray, " _"]],
    *,
    is_train: Bool[np.ndarray, " obs"],
    n_clusters: int | None,
    seed: int,
    weights: Sequence[float] | None = None,
) -> Clusters | Unavailable:
    """Return the consensus of several clusterings, numbered by falling number of training cells;
    how clusters are numbered and members ordered is of no effect.

    A member of weight 0, or with all training cells in one cluster, tells nothing about any pair of
    cells and is left out. ``n_clusters`` None: as many as the members agree on. ``weights``: one a
    member, only their ratios matter; equal by default.

    Raises:
        ValueError: members of different cells, no training cell, or weights that are none.
    """
    shares = _shares(members, weights, is_train)
    if len(members) < 2:
        return Unavailable(
            Outcome.NOT_APPLICABLE,
            f"a consensus needs two clusterings, and there is {len(members) or 'none'}",
        )
    telling = [
        number
        for number, member in enumerate(members)
        if shares[number] > 0 and np.ptp(member[is_train]) > 0
    ]
    if len(telling) < 2:
        return Unavailable(
            Outcome.DEGENERATE,
            f"{len(telling)} of {len(members)} clusterings tell training cells apart, and a"
            " consensus needs two",
        )
    joined = _joined([members[number] for number in telling], shares[telling], is_train)
    few = min(fewest_cells(len(is_train)), int(LARGEST_SHARE_OF_FEW * len(is_train)))
    tree = grow(joined, seed=seed, min_cells=max(few, 1), fitted_on=is_train)
    if n_clusters is not None and n_clusters > tree.n_leaves:
        return Unavailable(
            Outcome.NOT_APPLICABLE,
            f"{n_clusters} clusters declared, and the clusterings tell only {tree.n_leaves} groups"
            " of training cells apart",
        )
    cut = best_cut(tree, joined)
    leaves = cut.group_of_leaf if n_clusters is None else cut_into(tree, joined, n_clusters, cut)
    return numbered_by_size(leaves[tree.leaf], is_train)


def _joined(
    clusterings: list[Clusters],
    shares: Float[np.ndarray, " members"],
    is_train: Bool[np.ndarray, " obs"],
) -> Members:
    """Return the members in an order, and with numbers of clusters, that depend on what is together
    alone.
    """
    order = np.concatenate([np.flatnonzero(is_train), np.flatnonzero(~is_train)])
    clusters = np.empty((len(shares), len(order)), dtype=np.int64)
    for number, member in enumerate(clusterings):
        clusters[number, order] = pd.factorize(member[order])[0]
    rank = sorted(
        range(len(shares)), key=lambda m: (clusters[m, order].tobytes(), float(shares[m]))
    )
    names = tuple(f"{place:06d}" for place in range(len(rank)))
    weight = shares[rank] / shares.sum()
    seeds, given = (0,) * len(rank), ("given",) * len(rank)
    return Members(clusters[rank], names, seeds, given, weight)


def _shares(
    members: Sequence[Int[np.ndarray, " _"]],
    weights: Sequence[float] | None,
    is_train: Bool[np.ndarray, " obs"],
) -> Float[np.ndarray, " members"]:
    """Return the weights scaled to a sum of 1."""
    if wrong := [number for number, member in enumerate(members) if len(member) != len(is_train)]:
        raise ValueError(
            f"consensus: member {wrong[0]} has {len(members[wrong[0]])} cells, not {len(is_train)};"
            " give clusterings of the same cells"
        )
    if not is_train.any():
        raise ValueError(
            "consensus: is_train: no training cell; a consensus is fitted on the training cells"
        )
    raw = np.ones(len(members)) if weights is None else np.asarray(weights, dtype=np.float64)
    if (
        len(raw) != len(members)
        or not np.isfinite(raw).all()
        or (raw < 0).any()
        or (len(raw) and not raw.sum() > 0)
    ):
        raise ValueError(
            f"consensus: weights: {raw.tolist()} for {len(members)} members; give each a number of"
            " at least 0, not all of them 0"
        )
    return raw / max(raw.sum(), np.finfo(np.float64).tiny)
