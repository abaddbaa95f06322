"""Exact nearest neighbours in the Euclidean distance, ties to the lower row: the same on any
machine and for any number of threads.

The points are halved at the median of their widest axis until a leaf holds few (Bentley 1975,
doi:10.1145/361002.361007). With codes of ten axes a search can pass by only a part of the leaves,
whatever the index; what is left is to look at a leaf fast (``kernels.compiled_neighbours``),
nearest leaves first."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

LEAF_SIZE = 128


@dataclass(frozen=True)
class Leaves:
    """Points in leaves: row r is that of the point ``ids[r]``, leaf l the rows from ``starts[l]``
    to ``starts[l + 1]``.
    """

    z: Float[np.ndarray, "obs latent"]
    ids: Int[np.ndarray, " obs"]
    starts: Int[np.ndarray, " bounds"]

    @cached_property
    def low(self) -> Float[np.ndarray, "leaves latent"]:
        """The lowest value of every leaf along every axis."""
        return np.minimum.reduceat(self.z, self.starts[:-1])

    @cached_property
    def high(self) -> Float[np.ndarray, "leaves latent"]:
        """The highest value of every leaf along every axis."""
        return np.maximum.reduceat(self.z, self.starts[:-1])


def in_leaves(z: Float[np.ndarray, "obs latent"]) -> Leaves:
    """Return the points, in float64, in leaves of at most ``LEAF_SIZE``."""
    z = z.astype(np.float64)
    leaves, waiting = [], [np.arange(len(z))]
    while waiting:
        ids = waiting.pop()
        if len(ids) <= LEAF_SIZE:
            leaves.append(ids)
            continue
        widest = int(np.ptp(z[ids], axis=0).argmax())
        halves = np.argpartition(z[ids, widest], len(ids) // 2)
        waiting += [ids[halves[len(ids) // 2 :]], ids[halves[: len(ids) // 2]]]
    ids = np.concatenate(leaves)
    return Leaves(z[ids], ids, np.cumsum([0, *map(len, leaves)]))


def nearest_others(points: Leaves, n_neighbors: int) -> Int[np.ndarray, "obs neighbours"]:
    """Return every point's nearest other points, nearest first; at most all others."""
    return _nearest(points, points, points.ids, min(n_neighbors, len(points.ids) - 1))


def nearest(
    queries: Float[np.ndarray, "queries latent"], points: Leaves, n_neighbors: int
) -> Int[np.ndarray, "queries neighbours"]:
    """Return every query's nearest points, nearest first; at most all points."""
    return _nearest(
        in_leaves(queries), points, np.full(len(queries), -1), min(n_neighbors, len(points.ids))
    )


def _nearest(
    queries: Leaves, points: Leaves, left_out: Int[np.ndarray, " queries"], n_neighbors: int
) -> Int[np.ndarray, "queries neighbours"]:
    """Return what the public functions do; ``left_out`` (in the order of the leaves) is the point
    that a query may not find, -1 for none.
    """
    from latentbench.kernels.compiled_neighbours import (
        look_at_leaves,
    )  # on first use: importing numba costs more than most of what uses this module

    found = np.full((len(queries.ids), n_neighbors), np.iinfo(np.int64).max)
    if not found.size:
        return found
    by_axis = np.ascontiguousarray(points.z.T)
    centres, query_centres = points.low + points.high, queries.low + queries.high
    for leaf, centre in enumerate(query_centres):
        rows = slice(queries.starts[leaf], queries.starts[leaf + 1])
        order = ((centres - centre) ** 2).sum(axis=1).argsort(kind="stable")
        worst = np.full(found[rows].shape, np.inf)
        look_at_leaves(
            queries.z[rows],
            left_out[rows],
            by_axis,
            points.ids,
            points.starts,
            points.low,
            points.high,
            order,
            worst,
            found[rows],
        )
    in_order = np.empty_like(found)
    in_order[queries.ids] = found
    return in_order
