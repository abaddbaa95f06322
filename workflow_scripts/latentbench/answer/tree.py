"""The consensus tree of members: average linkage of their weighted co-association.

    C_ij = sum_m w_m [m puts i and j together]              Fred and Jain 2005,             (1)
                                                            doi:10.1109/TPAMI.2005.113
    d(a, b) = 1 - mean of C_ij over i in a, j in b          average linkage                 (2)

Average linkage lets groups differ in size, where spectral clustering cuts into equal parts.
Cells that all members treat alike are one point. Where there are more than ``N_POINTS``, the tree
is grown over a random part of the cells and every other cell joins the leaf with which it is
together most, by (1), so that memory is bounded; cells are drawn with

    p_i ~ 1 / n + mean over m of 1 / (number of clusters of m * cells in m's cluster of i)   (3)

and count 1 / p_i, so that a rare cluster is drawn from as well as a common one.

A split of the tree that breaks off fewer than ``min_cells`` cells is none: these cells stay with
the rest, as in the condensed tree of Campello et al. 2013, doi:10.1007/978-3-642-37456-2_14. What
is left is at most ``N_LEAVES`` leaves, in the order in which the tree is cut from its root: leaf l
breaks off leaf ``parent[l]`` at the distance ``height[l]``."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from latentbench.answer.members import Members, in_order, indicator_of

N_POINTS, N_LEAVES = 3_000, 60
N_AT_ONCE = 50_000
"""Cells that are put into leaves at a time."""


@dataclass(frozen=True)
class Tree:
    """Leaves of cells, and how they join. ``parent[0]`` is -1, ``height[0]`` the distance of
    cells that no member puts together, 1.
    """

    leaf: Int[np.ndarray, " obs"]
    parent: Int[np.ndarray, " leaves"]
    height: Float[np.ndarray, " leaves"]

    @property
    def n_leaves(self) -> int:
        return len(self.parent)

    def group_of_leaf(self, n_groups: int) -> Int[np.ndarray, " leaves"]:
        """Return the group of every leaf where the tree is cut into ``n_groups``, at most one a
        leaf.
        """
        groups = np.arange(self.n_leaves)
        for leaf in range(n_groups, self.n_leaves):
            groups[leaf] = groups[self.parent[leaf]]
        return groups

    def cut_at(self, n_groups: int) -> Int[np.ndarray, " obs"]:
        """Return the groups of the cells where the tree is cut into ``n_groups``."""
        return self.group_of_leaf(n_groups)[self.leaf]


def fewest_cells(n_obs: int) -> int:
    """Return how many cells make a group: one in 400, at least 5."""
    return max(5, n_obs // 400)


def grow(
    members: Members,
    *,
    seed: int = 0,
    min_cells: int | None = None,
    fitted_on: Bool[np.ndarray, " obs"] | None = None,
) -> Tree:
    """Return the consensus tree; members of weight 0 have no say. Cells that it is not
    ``fitted_on`` (default: all) join the leaf that they are together with most.
    """
    keys = list(zip(members.variant, members.seed, members.clusterer, strict=True))
    # Sorted: distances are often equal, and then the order of points decides.
    heard = sorted(np.flatnonzero(members.weight > 0).tolist(), key=keys.__getitem__)
    clusters, weight = members.clusters[heard], members.weight[heard]
    n_obs = clusters.shape[1]
    fitted = np.arange(n_obs) if fitted_on is None else np.flatnonzero(fitted_on)
    places, counts = _drawn(clusters[:, fitted], seed)
    drawn = fitted[places]
    points, sizes = _signatures(clusters[:, drawn], counts)
    merges = _linkage(clusters[:, drawn[points.first]], weight, sizes)
    few = (fewest_cells(n_obs) if min_cells is None else min_cells) * sizes.sum() / n_obs
    leaf_of_point, parent, height = _condensed(merges, sizes, few)
    leaf_of_drawn = leaf_of_point[points.of_cell]
    leaf = np.full(n_obs, -1)
    leaf[drawn] = leaf_of_drawn
    if len(drawn) < n_obs:
        rest = np.flatnonzero(leaf < 0)
        leaf[rest] = _joined(clusters, weight, drawn, counts, leaf_of_drawn, rest)
    return Tree(leaf, parent, height)


@dataclass(frozen=True)
class _Points:
    """Cells that all members treat alike, as points; ``first`` is a cell of each."""

    of_cell: Int[np.ndarray, " drawn"]
    first: Int[np.ndarray, " points"]


def _drawn(
    clusters: Int[np.ndarray, "members obs"], seed: int
) -> tuple[Int[np.ndarray, " drawn"], Float[np.ndarray, " drawn"]]:
    """Return the cells that the tree grows over, by equation (3), and what each counts for; their
    order is that of their clusters, whatever the order of the cells.
    """
    n_obs = clusters.shape[1]
    order = in_order(clusters)
    if n_obs <= N_POINTS:
        return order, np.ones(n_obs)
    rarity = np.full(n_obs, 1 / n_obs)
    for member in clusters:
        sizes = np.bincount(member)
        rarity += (1 / np.maximum(sizes, 1) / (sizes > 0).sum())[member] / len(clusters)
    keys = np.random.default_rng(seed).exponential(size=n_obs) / rarity[order]
    chosen = order[np.sort(np.argpartition(keys, N_POINTS)[:N_POINTS])]
    return chosen, 1 / rarity[chosen]


def _signatures(
    clusters: Int[np.ndarray, "members drawn"], counts: Float[np.ndarray, " drawn"]
) -> tuple[_Points, Float[np.ndarray, " points"]]:
    """Return the points of sorted cells and what each counts for."""
    new = np.r_[True, (np.diff(clusters, axis=1) != 0).any(axis=0)]
    of_cell = np.cumsum(new) - 1
    return _Points(of_cell, np.flatnonzero(new)), np.bincount(of_cell, weights=counts)


def _linkage(
    clusters: Int[np.ndarray, "members points"],
    weight: Float[np.ndarray, " members"],
    sizes: Float[np.ndarray, " points"],
) -> Float[np.ndarray, "merges 3"]:
    """Return left, right and distance (2) of every merger, nearest first, numbered as scipy does,
    whose points all count alike.
    """
    from latentbench.kernels.average_linkage import merge_nearest  # imports numba

    return _numbered(merge_nearest(_distances(clusters, weight), sizes.copy()))


def _numbered(merges: Float[np.ndarray, "merges 3"]) -> Float[np.ndarray, "merges 3"]:
    merges = merges[np.argsort(merges[:, 2], kind="stable")]
    n = len(merges) + 1
    node = np.arange(n)
    for step, (one, other, _) in enumerate(merges):
        merges[step, :2] = node[int(one)], node[int(other)]
        node[int(one)] = n + step
    return merges


def _distances(
    clusters: Int[np.ndarray, "members points"], weight: Float[np.ndarray, " members"]
) -> Float[np.ndarray, "points points"]:
    """Return 1 minus equation (1); infinite between a point and itself."""
    indicator, _ = indicator_of(clusters)
    sizes = clusters.max(axis=1) + 1
    scaled = (indicator * np.sqrt(np.repeat(weight / weight.sum(), sizes))).toarray()
    distance = 1 - scaled.astype(np.float32) @ scaled.astype(np.float32).T
    distance = np.maximum(np.minimum(distance, distance.T), 0).astype(np.float64)
    np.fill_diagonal(distance, np.inf)
    return distance


def _condensed(
    merges: Float[np.ndarray, "merges 3"], sizes: Float[np.ndarray, " points"], few: float
) -> tuple[Int[np.ndarray, " points"], Int[np.ndarray, " leaves"], Float[np.ndarray, " leaves"]]:
    """Return the leaf of every point, and each leaf's parent and height."""
    n = len(sizes)
    mass = np.concatenate([sizes, np.zeros(n - 1)])
    children = merges[:, :2].astype(np.int64)
    for step, (one, other) in enumerate(children):
        mass[n + step] = mass[one] + mass[other]
    leaf = np.zeros(2 * n - 1, dtype=np.int64)
    parent, height = [-1], [1.0]
    small = np.zeros(2 * n - 1, dtype=bool)
    for step in range(n - 2, -1, -1):
        node = n + step
        one, other = sorted(children[step], key=lambda child: (-mass[child], child))
        leaf[one] = leaf[other] = leaf[node]
        small[one] = small[other] = small[node]
        if small[node]:
            continue
        if mass[other] >= few and len(parent) < N_LEAVES:
            leaf[other] = len(parent)
            parent.append(int(leaf[node]))
            height.append(float(merges[step, 2]))
        elif mass[other] < few:
            small[other] = True
    return leaf[:n], np.array(parent), np.array(height)


def _joined(
    clusters: Int[np.ndarray, "members obs"],
    weight: Float[np.ndarray, " members"],
    drawn: Int[np.ndarray, " drawn"],
    counts: Float[np.ndarray, " drawn"],
    leaf_of_drawn: Int[np.ndarray, " drawn"],
    rest: Int[np.ndarray, " rest"],
) -> Int[np.ndarray, " rest"]:
    """Return the leaf whose drawn cells are together with a cell most, on average, by (1)."""
    n_leaves = int(leaf_of_drawn.max()) + 1
    in_leaf = np.zeros((len(drawn), n_leaves))
    in_leaf[np.arange(len(drawn)), leaf_of_drawn] = counts
    in_leaf /= in_leaf.sum(axis=0)
    together = []
    for member, share in zip(clusters, weight, strict=True):
        table = np.zeros((int(member.max()) + 1, n_leaves))
        np.add.at(table, member[drawn], share * in_leaf)
        together.append(table.astype(np.float32))
    found = np.empty(len(rest), dtype=np.int64)
    for start in range(0, len(rest), N_AT_ONCE):
        cells = rest[start : start + N_AT_ONCE]
        score = np.zeros((len(cells), n_leaves), dtype=np.float32)
        for member, table in zip(clusters, together, strict=True):
            score += table[member[cells]]
        found[start : start + N_AT_ONCE] = score.argmax(axis=1)
    return found
