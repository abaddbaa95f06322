"""Where the consensus tree is cut: how many groups there are.

    S(k) = sum_m w_m ARI(cut into k groups, m)                                              (1)

The number of groups proposed is the k of the highest S, the smallest of equal ones. The weights
give every granularity the same say (``latentbench.answer.members``, equation (4)), so that more
fine members do not make for more groups.

What was held out may have the last word: a function that merges groups which data that no member
saw do not tell apart (``latentbench.answer.reality``). And members that agree with the best cut
hardly more than members do on one Gaussian of the codes' own means and covariances, S_0
(``latentbench.answer.null``), say nothing:

    structure = (S - S_0) / (1 - S_0)                                                       (2)

is .31 and more on the labelled sets of data/, and .28 and less on cells of one line, on
counts with every gene permuted over cells and on simulated single populations; below
``LEAST_STRUCTURE`` it is one group.

A declared number of groups above the number found is where the same tree is cut into that many; for
one below it, found groups are merged, each time the two whose merger leaves (1) highest. On data/
this was worth .01 to .03 of ARI over cutting the tree higher up."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from latentbench.answer.members import Members, ari_of_pairs
from latentbench.answer.tree import Tree

LEAST_STRUCTURE = 0.29
"""Of equation (2): what tells groups from none."""


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
    """Return the cut by equation (1); one group where the structure (2) is too little."""
    agreement = agreements(tree, members) @ members.weight
    n_groups = int(np.flatnonzero(agreement >= agreement.max() - 1e-12)[0]) + 1
    if null_agreement is not None and structure(agreement.max(), null_agreement) < LEAST_STRUCTURE:
        n_groups = 1
    return Cut(tree.group_of_leaf(n_groups), agreement)


def cut_into(tree: Tree, members: Members, n_groups: int, found: Cut) -> Int[np.ndarray, " leaves"]:
    """Return the groups of the leaves for a declared number, at most one a leaf."""
    if n_groups >= found.n_groups:
        return tree.group_of_leaf(n_groups)
    groups = found.group_of_leaf.copy()
    merging = np.eye(found.n_groups)[groups].T
    tables = [merging @ table for table in leaf_tables(tree, members)]
    right = np.array([_pairs(table.sum(axis=0)).sum() for table in tables])
    alive = list(range(found.n_groups))
    while len(alive) > n_groups:
        both = np.array([_pairs(table[alive]).sum() for table in tables])
        sizes = tables[0][alive].sum(axis=1)
        one, other = np.triu_indices(len(alive), 1)
        gained = np.array([(table[alive] @ table[alive].T)[one, other] for table in tables])
        left = _pairs(sizes).sum() + sizes[one] * sizes[other]
        aris = ari_of_pairs(both[:, None] + gained, left, right[:, None], len(tree.leaf))
        best = int((members.weight @ aris).argmax())
        kept, gone = alive[one[best]], alive[other[best]]
        groups[groups == gone] = kept
        for table in tables:
            table[kept] += table[gone]
        alive.remove(gone)
    return groups


def structure(agreement: float, null_agreement: float) -> float:
    """Return equation (2), at most 1."""
    return float((agreement - null_agreement) / max(1 - null_agreement, 1e-9))


def _pairs(counts: np.ndarray) -> np.ndarray:
    return counts * (counts - 1) / 2
