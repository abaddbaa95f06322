"""Where the consensus tree is cut: how many groups there are.

    S(k) = sum_m w_m ARI(cut into k groups, m)                                              (1)

The number of groups proposed is the k of the highest S, the smallest of equal ones. The weights
give every granularity the same say (``latentbench.answer.members``, equation (4)), so that more
fine members do not make for more groups.

Agreement proposes; what was held out disposes. With a function that says how well two groups of
cells are told apart by data that no member saw, the worst pair is merged until every pair is told
apart. And members that agree with the best cut no more than members do on one Gaussian of
the codes' own means and covariances say nothing: one group.

A declared number of groups is where the same tree is cut into that many."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from latentbench.answer.members import Members, ari_of_pairs
from latentbench.answer.tree import Tree

Separability = Callable[[Int[np.ndarray, " cells_a"], Int[np.ndarray, " cells_b"]], float]
"""How well two groups of cells (indices) are told apart, for instance an AUC; higher is better."""


@dataclass(frozen=True)
class Cut:
    """Groups of the leaves of a tree, and S(k) for k = 1, 2, ..., one a leaf."""

    group_of_leaf: Int[np.ndarray, " leaves"]
    agreement: Float[np.ndarray, " leaves"]

    @property
    def n_groups(self) -> int:
        return len(np.unique(self.group_of_leaf))


def agreements(tree: Tree, members: Members) -> Float[np.ndarray, "leaves members"]:
    """Return the ARI of the cut into 1, 2, ... groups with every member."""
    tables = leaf_tables(tree, members)
    n_obs = len(tree.leaf)
    right = np.array([_pairs(table.sum(axis=0)).sum() for table in tables])
    found = np.empty((tree.n_leaves, len(tables)))
    for n_groups in range(tree.n_leaves, 0, -1):
        both = np.array([_pairs(table[:n_groups]).sum() for table in tables])
        left = _pairs(tables[0][:n_groups].sum(axis=1)).sum()
        found[n_groups - 1] = ari_of_pairs(both, left, right, n_obs)
        if n_groups > 1:
            for table in tables:
                table[tree.parent[n_groups - 1]] += table[n_groups - 1]
    return found


def leaf_tables(tree: Tree, members: Members) -> list[Float[np.ndarray, "leaves clusters"]]:
    """Return how many cells of every leaf are in every cluster of each member."""
    tables = []
    for member in members.clusters:
        n_clusters = int(member.max()) + 1
        counts = np.bincount(tree.leaf * n_clusters + member, minlength=tree.n_leaves * n_clusters)
        tables.append(counts.reshape(tree.n_leaves, n_clusters).astype(np.float64))
    return tables


def best_cut(tree: Tree, members: Members, *, null_agreement: float | None = None) -> Cut:
    """Return the cut by equation (1); one group where the members agree with it no more than
    ``null_agreement``.
    """
    agreement = agreements(tree, members) @ members.weight
    n_groups = int(np.flatnonzero(agreement >= agreement.max() - 1e-12)[0]) + 1
    if null_agreement is not None and agreement.max() <= null_agreement:
        n_groups = 1
    return Cut(tree.group_of_leaf(n_groups), agreement)


def told_apart(
    groups: Int[np.ndarray, " obs"], separability: Separability, *, at_least: float
) -> Int[np.ndarray, " obs"]:
    """Return the groups after the pair that is told apart worst was merged, again and again, until
    every pair reaches ``at_least``; a merged group keeps its lower number.
    """
    groups = groups.copy()
    cells = {int(group): np.flatnonzero(groups == group) for group in np.unique(groups)}
    known = {
        (one, other): separability(cells[one], cells[other])
        for one in cells
        for other in cells
        if one < other
    }
    while known:
        (one, other), worst = min(known.items(), key=lambda item: (item[1], item[0]))
        if worst >= at_least:
            break
        groups[cells[other]] = one
        cells[one] = np.flatnonzero(groups == one)
        del cells[other]
        known = {pair: value for pair, value in known.items() if not {one, other} & {*pair}}
        for each in cells:
            if each != one:
                pair = (min(one, each), max(one, each))
                known[pair] = separability(cells[pair[0]], cells[pair[1]])
    return groups


def _pairs(counts: np.ndarray) -> np.ndarray:
    return counts * (counts - 1) / 2
