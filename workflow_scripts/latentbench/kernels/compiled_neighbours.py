"""Exact nearest neighbours and shared neighbours, compiled by numba: the loops of
``latentbench.neighbours``, on one thread, in float64.

Points lie in leaves: consecutive rows, each leaf with its bounding box [low, high]. A query looks
at a leaf only if its box may hold a point as near as the worst of the k neighbours found so far,

    sum_a max(0, low_a - q_a, q_a - high_a)^2 <= worst squared distance               (1)

and then at all its points at once. Points are kept axis by axis, so that LLVM computes several
distances with one instruction. Sums run over the axes in order and nothing may be reordered:
distances, and with them the neighbours, are the same on every processor and for every order of the
leaves."""

from typing import no_type_check

import numpy as np
from numba import njit

from latentbench.kernels.compiling import EXACT, INLINED


@njit(cache=True, **EXACT)
@no_type_check
def look_at_leaves(queries, query_ids, points, point_ids, starts, low, high, order, worst, found):
    """Put the ids of every query's nearest points into ``found``, nearest first, a tie to the lower
    id; a point with the query's own id is left out.

    ``queries`` (queries, axes), ``points`` (axes, points), ``low`` and ``high`` (leaves, axes). The
    leaves are looked at in ``order``, which changes the time alone. ``worst`` (queries, neighbours)
    starts at infinity and keeps the squared distances."""
    squares = np.empty(np.max(np.diff(starts)))
    last = worst.shape[1] - 1
    for leaf in order:
        start, stop = starts[leaf], starts[leaf + 1]
        for row in range(len(queries)):
            bound = 0.0
            for axis in range(len(points)):
                gap = max(
                    0.0, low[leaf, axis] - queries[row, axis], queries[row, axis] - high[leaf, axis]
                )
                bound += gap * gap
            if bound <= worst[row, last]:
                _squared_distances(queries[row], points, start, stop, squares)
                _keep_nearest(
                    squares, point_ids[start:stop], query_ids[row], worst[row], found[row]
                )


@njit(**EXACT, **INLINED)
@no_type_check
def _squared_distances(query, points, start, stop, squares):
    """Write the squared distances to the points from ``start`` to ``stop`` into ``squares``."""
    size = stop - start
    for point in range(size):
        squares[point] = 0.0
    for axis in range(len(query)):
        place, along = query[axis], points[axis, start:stop]
        for point in range(size):
            gap = along[point] - place
            squares[point] += gap * gap


@njit(**EXACT, **INLINED)
@no_type_check
def _keep_nearest(squares, ids, own_id, worst, found):
    """Insert the points of a leaf into the sorted list (``worst``, ``found``) of one query."""
    last = len(worst) - 1
    for point in range(len(ids)):
        square = squares[point]
        if square > worst[last]:
            continue
        number = ids[point]
        if number == own_id or (square == worst[last] and number > found[last]):
            continue
        place = last
        while place > 0 and (
            square < worst[place - 1] or (square == worst[place - 1] and number < found[place - 1])
        ):
            worst[place], found[place] = worst[place - 1], found[place - 1]
            place -= 1
        worst[place], found[place] = square, number


@njit(cache=True, **EXACT)
@no_type_check
def n_shared(left, right, pairs):
    """Return how many numbers row ``pairs[p, 0]`` of ``left`` and row ``pairs[p, 1]`` of ``right``
    have in common, for every pair p; rows are sorted.
    """
    counts = np.empty(len(pairs), np.int64)
    for pair in range(len(pairs)):
        one, other = left[pairs[pair, 0]], right[pairs[pair, 1]]
        i = j = count = 0
        while i < len(one) and j < len(other):
            if one[i] == other[j]:
                count += 1
            forward = one[i] <= other[j]
            j += one[i] >= other[j]
            i += forward
        counts[pair] = count
    return counts
