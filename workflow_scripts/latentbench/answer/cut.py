"""Where the consensus tree is cut: how many groups there are.

    S(k) = sum_m w_m ARI(cut into k groups, m)                                              (1)

The number of groups proposed is the k of the highest S, the smallest of equal ones. The weights
give every granularity the same say (``latentbench.answer.members``, equation (4)), so that more
fine members do not make for more groups.

Members that agree with the cut hardly more than members do on one Gaussian of the codes' own means
and covariances, S_0 (``latentbench.answer.null``), say nothing:

    structure = (S - S_0) / (1 - S_0)                                                       (2)

is .30 and more on the labelled sets of data/, and .28 and less on cells of one line, on counts with
every gene permuted over cells and on simulated single populations. But few and clear groups do not
reach it, for their fine members cut each of them by chance: with two groups that nine standard
deviations part it is .1. There the members as fine as the cut agree,

    S'(k) = sum_m w_m K(k, m) ARI(cut into k, m) / sum_m w_m K(k, m)                        (3)

with K the kernel of equation (2) of ``members`` on the logarithms of both effective numbers of
groups, and S'_0 the mean of (3), so weighted, over cuts of the Gaussian's tree as fine. (2) of S'
is .85 and more for two to six groups that five standard deviations part, .43 to .79 on the labelled
sets and .48 and less on the single populations. It is one group where (2) is below
``LEAST_STRUCTURE`` and that of (3) below ``LEAST_ALIKE``.

Thinned counts may have the last word (``latentbench.answer.reality``).

A declared number of groups above the number found is where the same tree is cut into that many; for
one below it, found groups are merged, each time the two whose merger leaves (1) highest. On data/
this was worth .01 to .03 of ARI over cutting the tree higher up."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from latentbench.answer.members import Members, ari_of_pairs, likeness
from latentbench.answer.tree import Tree

LEAST_STRUCTURE, LEAST_ALIKE = 0.29, 0.6
"""Of equation (2) for S and for S': what tells groups from none."""


@dataclass(frozen=True)
class Agreement:
    """How far members agree with the cuts of their tree into k = 1, 2, ... groups, one a leaf.

    ``granularity``: effective number of groups of the cut; ``overall``: S(k) of equation (1);
    ``alike``: S'(k) of (3), and ``n_alike``: the weight of the members that it rests on.
    """

    granularity: Float[np.ndarray, " leaves"]
    overall: Float[np.ndarray, " leaves"]
    alike: Float[np.ndarray, " leaves"]
    n_alike: Float[np.ndarray, " leaves"]

    @property
    def n_groups(self) -> int:
        """The number of the highest S(k), the smallest of equal ones."""
        return int(np.flatnonzero(self.overall >= self.overall.max() - 1e-12)[0]) + 1

    def alike_at(self, granularity: float) -> float:
        """Return the mean of S' over cuts about as fine."""
        weight = likeness(self.granularity, np.array([granularity]))[:, 0] * self.n_alike
        return float(weight @ self.alike / max(weight.sum(), np.finfo(np.float64).tiny))


@dataclass(frozen=True)
class Cut:
    """Groups of the leaves of a tree, and how far members agree with every cut."""

    group_of_leaf: Int[np.ndarray, " leaves"]
    agreement: Agreement

    @property
    def n_groups(self) -> int:
        return len(np.unique(self.group_of_leaf))


def agreement_of(tree: Tree, members: Members) -> Agreement:
    """Return how far the members agree with every cut of a tree."""
    ari, granularity = agreements(tree, members)
    weight = likeness(granularity, members.granularity) * members.weight
    n_alike = weight.sum(axis=1)
    alike = (weight * ari).sum(axis=1) / np.maximum(n_alike, np.finfo(np.float64).tiny)
    return Agreement(granularity, ari @ members.weight, alike, n_alike)


def agreements(
    tree: Tree, members: Members
) -> tuple[Float[np.ndarray, "leaves members"], Float[np.ndarray, " leaves"]]:
    """Return the ARI of the cut into 1, 2, ... groups with every member, and the effective number
    of groups of every cut.
    """
    n_obs = len(tree.leaf)
    tables = leaf_tables(tree, members)
    starts = np.cumsum([0, *(table.shape[1] for table in tables[:-1])])
    sizes = tables[0].sum(axis=1)
    table = np.concatenate(tables, axis=1)
    right = np.add.reduceat(_pairs(table.sum(axis=0)), starts)
    both = np.empty((tree.n_leaves, len(tables)))
    left = np.empty(tree.n_leaves)
    both[-1] = np.add.reduceat(_pairs(table).sum(axis=0), starts)
    left[-1] = _pairs(sizes).sum()
    # A merger of a and b cells of one cluster makes a b more pairs of it.
    for child in range(tree.n_leaves - 1, 0, -1):
        parent = tree.parent[child]
        both[child - 1] = both[child] + np.add.reduceat(table[parent] * table[child], starts)
        left[child - 1] = left[child] + sizes[parent] * sizes[child]
        table[parent] += table[child]
        sizes[parent] += sizes[child]
    return ari_of_pairs(both, left[:, None], right, n_obs), n_obs**2 / (2 * left + n_obs)


def leaf_tables(tree: Tree, members: Members) -> list[Float[np.ndarray, "leaves clusters"]]:
    """Return how many cells of every leaf are in every cluster of each member."""
    tables = []
    for member in members.clusters:
        n_clusters = int(member.max()) + 1
        counts = np.bincount(tree.leaf * n_clusters + member, minlength=tree.n_leaves * n_clusters)
        tables.append(counts.reshape(tree.n_leaves, n_clusters).astype(np.float64))
    return tables


def best_cut(tree: Tree, members: Members, *, null: Agreement | None = None) -> Cut:
    """Return the cut by equation (1); one group where there is too little structure beyond that of
    the Gaussian (``null``).
    """
    agreement = agreement_of(tree, members)
    is_one = null is not None and is_structureless(agreement, null)
    return Cut(tree.group_of_leaf(1 if is_one else agreement.n_groups), agreement)


def is_structureless(found: Agreement, null: Agreement) -> bool:
    """Return whether members agree with their best cut hardly more than on the Gaussian, all of
    them as well as those as fine as the cut.
    """
    overall, alike = structures(found, null)
    return overall < LEAST_STRUCTURE and alike < LEAST_ALIKE


def structures(found: Agreement, null: Agreement) -> tuple[float, float]:
    """Return equation (2) of the best cut for S and for S', each at most 1."""
    best = found.n_groups - 1
    pairs = (
        (found.overall[best], null.overall.max()),
        (found.alike[best], null.alike_at(found.granularity[best])),
    )
    overall, alike = (structure(agreement, below) for agreement, below in pairs)
    return overall, alike


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
