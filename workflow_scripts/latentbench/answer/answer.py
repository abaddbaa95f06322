"""The answer: groups of cells, how many, how sure, and which model finds them; no label is within
reach.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from latentbench.answer.certainty import LEARNED, Calibration, certainty_of, placements
from latentbench.answer.choose import Choice, choose_model
from latentbench.answer.cut import Agreement, best_cut, cut_into, leaf_tables
from latentbench.answer.members import Members, ari_of_pairs, pairwise_ari
from latentbench.answer.support import Support, resample, support_of
from latentbench.answer.tree import Tree, grow
from latentbench.outcomes import Outcome, Unavailable

ToldApart = Callable[[Int[np.ndarray, " obs"]], Int[np.ndarray, " obs"]]
"""From groups of the cells to those left when what no member saw has not told apart was merged."""


@dataclass(frozen=True)
class Answer:
    """Groups are numbered from 0 by falling size.

    ``n_found`` is the number of groups found, with its interval; the number of ``groups`` is
    another where one was declared. ``agreement`` is the mean ARI of groups and members, which
    tells structure from none; ``agreement_of_cuts`` those with the cuts into 1, 2, ... groups.
    ``table`` has a row a group: cells, certainty, supports by cells, seeds and variants (NaN where
    they cannot be had), the nearest group and how often the members put cells of both together.
    ``variants`` is the mean ARI between the members of two variants.
    """

    groups: Int[np.ndarray, " obs"]
    certainty: Float[np.ndarray, " obs"]
    runner_up: Int[np.ndarray, " obs"]
    tree: Tree
    group_of_leaf: Int[np.ndarray, " leaves"]
    split_support: Float[np.ndarray, " leaves"]
    n_found: int
    interval: tuple[int, int]
    agreement: float
    agreement_of_cuts: Agreement
    support: Support
    table: pd.DataFrame
    variants: pd.DataFrame
    choice: Choice

    @property
    def n_groups(self) -> int:
        return int(self.groups.max()) + 1


def find_groups(
    members: Members,
    *,
    n_clusters: int | None = None,
    resampled: Sequence[Members] = (),
    told_apart: ToldApart | None = None,
    null: Agreement | None = None,
    predictive: Mapping[str, float] | None = None,
    calibration: Calibration | None = LEARNED,
    n_resamples: int = 100,
    seed: int = 0,
) -> Answer | Unavailable:
    """Return the answer of the members (``latentbench.answer.members.together``).

    ``n_clusters``: a declared number, at which the same tree is cut; ``resampled``: members fitted
    on random parts of the cells; ``told_apart``: has the last word on the groups found;
    ``null``: agreement of members where there is one group (``latentbench.answer.null``);
    ``predictive``: by variant, higher is better; ``calibration``: of the certainties, None
    to leave them as they are.
    """
    if len(members.weight) < 2:
        return Unavailable(
            Outcome.NOT_APPLICABLE,
            f"a consensus needs two clusterings, and there is {len(members.weight) or 'none'}",
        )
    tree = grow(members, seed=seed)
    if n_clusters is not None and n_clusters > tree.n_leaves:
        return Unavailable(
            Outcome.NOT_APPLICABLE,
            f"{n_clusters} groups declared, and the clusterings tell only {tree.n_leaves} groups of"
            " cells apart",
        )
    cut = best_cut(tree, members, null=null)
    group_of_leaf = cut.group_of_leaf
    if told_apart is not None:
        merged = told_apart(group_of_leaf[tree.leaf])
        group_of_leaf = merged[np.unique(tree.leaf, return_index=True)[1]]
    n_found = len(np.unique(group_of_leaf))
    if n_clusters is not None:
        group_of_leaf = cut_into(tree, members, n_clusters, cut)
    group_of_leaf = _by_size(group_of_leaf, tree)
    groups = group_of_leaf[tree.leaf]
    resamples = resample(members, tree, n_resamples=n_resamples, seed=seed)
    low, high = resamples.interval()
    ari = _with_groups(members, tree, group_of_leaf)
    certainty = certainty_of(groups, members)
    value = certainty.value if calibration is None else calibration(certainty.value)
    support = support_of(groups, members, resampled=resampled, seed=seed)
    return Answer(
        groups=groups,
        certainty=value,
        runner_up=certainty.runner_up,
        tree=tree,
        group_of_leaf=group_of_leaf,
        split_support=resamples.split_support,
        n_found=n_found,
        interval=(min(low, n_found), max(high, n_found)),
        agreement=float(ari @ members.weight),
        agreement_of_cuts=cut.agreement,
        support=support,
        table=_table(groups, value, support, members),
        variants=_between_variants(members),
        choice=choose_model(members, groups, ari, resamples, predictive=predictive, seed=seed),
    )


def _by_size(group_of_leaf: Int[np.ndarray, " leaves"], tree: Tree) -> Int[np.ndarray, " leaves"]:
    """Return the groups renumbered by falling number of cells, equal ones in the tree's order."""
    numbers, groups = np.unique(group_of_leaf, return_inverse=True)
    sizes = np.bincount(groups[tree.leaf], minlength=len(numbers))
    rank = np.empty(len(numbers), dtype=np.int64)
    rank[np.argsort(-sizes, kind="stable")] = np.arange(len(numbers))
    return rank[groups]


def _with_groups(
    members: Members, tree: Tree, group_of_leaf: Int[np.ndarray, " leaves"]
) -> Float[np.ndarray, " members"]:
    """Return the ARI of every member with the groups."""
    n_groups = int(group_of_leaf.max()) + 1
    merging = np.eye(n_groups)[group_of_leaf].T
    tables = [merging @ leaves for leaves in leaf_tables(tree, members)]
    both, left, right = (
        np.array([_pairs(table.sum(axis=axes)) for table in tables]) for axes in ((), 1, 0)
    )
    return ari_of_pairs(both, left, right, len(tree.leaf))


def _table(
    groups: Int[np.ndarray, " obs"],
    certainty: Float[np.ndarray, " obs"],
    support: Support,
    members: Members,
) -> pd.DataFrame:
    n_groups = int(groups.max()) + 1
    cells = np.bincount(groups)
    table = pd.DataFrame({"cells": cells, "certainty": np.bincount(groups, certainty) / cells})
    for name in ("cells", "seeds", "variants"):
        value = getattr(support, name)
        table[f"support_{name}"] = np.nan if isinstance(value, Unavailable) else value
    together = np.eye(n_groups)
    placed = placements(groups, members)
    for group in range(n_groups):
        together[group] = placed[groups == group].mean(axis=0, dtype=np.float64)
    np.fill_diagonal(together, -1)
    table["nearest"] = together.argmax(axis=1)
    table["together_with_nearest"] = np.maximum(together.max(axis=1), 0)
    return table.rename_axis("group")


def _between_variants(members: Members) -> pd.DataFrame:
    """Return the mean ARI of the members of two variants, by weight; of a variant with itself
    over pairs of members.
    """
    ari = pairwise_ari(members.clusters)
    np.fill_diagonal(ari, 0)
    names = members.variants
    share = np.array([np.array(members.variant) == name for name in names]) * members.weight
    pairs = share @ (1 - np.eye(len(ari))) @ share.T
    means = np.divide(share @ ari @ share.T, pairs, out=np.ones_like(pairs), where=pairs > 0)
    return pd.DataFrame(means, index=names, columns=names)


def _pairs(counts: np.ndarray) -> float:
    return float((counts * (counts - 1) / 2).sum())
