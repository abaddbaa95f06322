"""How well groups, their number and the splits of the tree come back when cells, seeds and
variants are others.

The support of a group is how well it comes back in another tree of the same cells (Hennig 2007,
doi:10.1016/j.csda.2006.11.025), b over all branches of that tree, mean over trees:

    J(g, T) = max_b |g and b| / |g or b|                                                    (1)

The other trees are those of members fitted on resampled cells, of one seed alone and of one
variant alone: three supports, told apart.

Everything else is from resampling variants, seeds and cells together: variants are drawn with
replacement, a seed for each, and half of the cells; of these members the tree is grown and cut
anew. A split is supported by the trees that hold both of its sides with J of at least 1/2."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from latentbench.answer.cut import agreements
from latentbench.answer.members import Members, in_order
from latentbench.answer.tree import Tree, fewest_cells, grow
from latentbench.outcomes import Outcome, Unavailable

COVERAGE = 0.9
"""Of the interval of the number of groups."""
N_RESAMPLED_CELLS = 1_500
"""Cells of a resample at most: half of them where there are fewer than twice as many."""
FOUND_AGAIN = 0.5

Supports = Float[np.ndarray, " groups"] | Unavailable


@dataclass(frozen=True)
class Support:
    """Equation (1) of every group, numbered from 0, in [0, 1]."""

    cells: Supports
    seeds: Supports
    variants: Supports


@dataclass(frozen=True)
class Resamples:
    """What resampling variants, seeds and cells gives: the number of groups of every resample, the
    ARI of its groups with every member, and how many resamples hold each split of the tree.
    """

    n_groups: Int[np.ndarray, " resamples"]
    ari: Float[np.ndarray, "resamples members"]
    split_support: Float[np.ndarray, " leaves"]

    def interval(self) -> tuple[int, int]:
        """Return the interval of the number of groups."""
        tails = [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2]
        low, high = np.quantile(self.n_groups, tails, method="inverted_cdf")
        return int(low), int(high)


def support_of(
    groups: Int[np.ndarray, " obs"],
    members: Members,
    *,
    resampled: Sequence[Members] = (),
    seed: int = 0,
) -> Support:
    """Return the three supports of every group; ``resampled``: members fitted on random parts of
    the cells, all cells assigned.
    """
    by_seed = _parts(members, np.array(members.seed))
    by_variant = _parts(members, np.array(members.variant))
    return Support(
        _mean_support(groups, resampled, seed, 1, "no member was fitted on resampled cells"),
        _mean_support(groups, by_seed, seed, 2, "the members are of one seed"),
        _mean_support(groups, by_variant, seed, 2, "the members are of one variant"),
    )


def resample(members: Members, tree: Tree, *, n_resamples: int = 100, seed: int = 0) -> Resamples:
    """Return what becomes of number, splits and agreement when variants, seeds and cells are drawn
    anew.
    """
    rng = np.random.default_rng(seed)
    n_obs = members.clusters.shape[1]
    n_cells = min(N_RESAMPLED_CELLS, max(n_obs // 2, 10))
    rows = in_order(members.clusters)
    found, agreeing, held = [], [], np.zeros(tree.n_leaves)
    for _ in range(n_resamples):
        cells = rows[np.sort(rng.choice(n_obs, min(n_cells, n_obs), replace=False))]
        drawn = _of_cells(members, cells, _drawn_weights(members, rng))
        grown = grow(drawn, seed=seed, min_cells=_fewest_in(len(cells), n_obs))
        aris, _ = agreements(grown, drawn)
        best = int((aris @ drawn.weight).argmax())
        found.append(best + 1)
        agreeing.append(aris[best])
        held += _splits_held(tree, cells, grown)
    return Resamples(np.array(found), np.array(agreeing), held / n_resamples)


def best_jaccard(groups: Int[np.ndarray, " obs"], tree: Tree) -> Float[np.ndarray, " groups"]:
    """Return equation (1) of every group (numbered from 0) in a tree of the same cells."""
    n_groups = int(groups.max()) + 1
    table = np.bincount(groups * tree.n_leaves + tree.leaf, minlength=n_groups * tree.n_leaves)
    inside = _branches(tree, table.reshape(n_groups, tree.n_leaves))
    sizes = inside.sum(axis=0)
    either = table.reshape(n_groups, -1).sum(axis=1)[:, None] + sizes - inside
    return (inside / np.maximum(either, 1)).max(axis=1)


def _branches(
    tree: Tree, table: Float[np.ndarray, "rows leaves"] | Int[np.ndarray, "rows leaves"]
) -> Float[np.ndarray, "rows branches"]:
    """Return the sums over the leaves of every branch: every leaf as it stands after each split
    that it takes part in, the leaves themselves first.
    """
    current = table.astype(np.float64)
    columns = [current.copy()]
    for leaf in range(tree.n_leaves - 1, 0, -1):
        parent = tree.parent[leaf]
        current[:, parent] += current[:, leaf]
        columns.append(current[:, [parent]].copy())
    return np.concatenate(columns, axis=1)


def _mean_support(
    groups: Int[np.ndarray, " obs"],
    parts: Sequence[Members],
    seed: int,
    at_least: int,
    reason: str,
) -> Supports:
    parts = [part for part in parts if len(part.weight) and part.weight.sum() > 0]
    if len(parts) < at_least:
        return Unavailable(Outcome.NOT_APPLICABLE, reason)
    return np.mean([best_jaccard(groups, grow(part, seed=seed)) for part in parts], axis=0)


def _parts(members: Members, key: np.ndarray) -> list[Members]:
    return [members.of(np.flatnonzero(key == each)) for each in np.unique(key)]


def _drawn_weights(members: Members, rng: np.random.Generator) -> Float[np.ndarray, " members"]:
    variant, seed = np.array(members.variant), np.array(members.seed)
    weight = np.zeros(len(variant))
    for chosen in rng.choice(np.array(members.variants), size=len(members.variants)):
        of_variant = variant == chosen
        of_seed = of_variant & (seed == rng.choice(np.unique(seed[of_variant])))
        share = members.weight[of_seed].sum()
        if share > 0:
            weight[of_seed] += members.weight[of_seed] / share * members.weight[of_variant].sum()
    return weight / weight.sum() if weight.sum() > 0 else members.weight


def _of_cells(
    members: Members, cells: Int[np.ndarray, " cells"], weight: Float[np.ndarray, " members"]
) -> Members:
    return Members(
        members.clusters[:, cells], members.variant, members.seed, members.clusterer, weight
    )


def _fewest_in(n_cells: int, n_obs: int) -> int:
    """Return how many of the drawn cells are as many as make a group of all."""
    return max(3, round(fewest_cells(n_obs) * n_cells / n_obs))


def _splits_held(
    tree: Tree, cells: Int[np.ndarray, " cells"], grown: Tree
) -> Float[np.ndarray, " leaves"]:
    """Return 1 for every split of which the other tree has both sides, 0 for the others; the root,
    which is no split, has 1.
    """
    table = np.bincount(
        tree.leaf[cells] * grown.n_leaves + grown.leaf, minlength=tree.n_leaves * grown.n_leaves
    ).reshape(tree.n_leaves, grown.n_leaves)
    inside = _branches(grown, table)
    sizes = inside.sum(axis=0)
    held = np.ones(tree.n_leaves)
    for leaf in range(tree.n_leaves - 1, 0, -1):
        parent = tree.parent[leaf]
        sides = inside[[parent, leaf]]
        own = table[[parent, leaf]].sum(axis=1)[:, None]
        best = (sides / np.maximum(own + sizes - sides, 1)).max(axis=1)
        held[leaf] = float(best.min() >= FOUND_AGAIN)
        inside[parent] += inside[leaf]
        table[parent] += table[leaf]
    return held
