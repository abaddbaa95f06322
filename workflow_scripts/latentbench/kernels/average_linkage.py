"""Average linkage of points that count differently, by chains of nearest neighbours (Murtagh 1983,
doi:10.1093/comjnl/26.4.354), compiled. Importing it imports numba.
"""

from typing import no_type_check

import numpy as np
from numba import njit

from latentbench.kernels.compiling import EXACT

ROUNDING = 1e-9
"""Distances that differ by less are equal."""


@njit(cache=True, **EXACT)
@no_type_check
def merge_nearest(distance, sizes):
    """Return a row a merger in the order of the chains: the points (the lower stands for both from
    then on) and their mean distance; (points - 1, 3).

    ``distance``: (points, points), float64, symmetric, infinite between a point and itself;
    ``sizes``: what every point counts for. Both are overwritten.
    """
    n = len(sizes)
    merges = np.empty((n - 1, 3))
    chain = np.empty(n + 1, np.int64)
    length, first = 0, 0
    alive = np.ones(n, np.bool_)
    for step in range(n - 1):
        if length == 0:
            while not alive[first]:
                first += 1
            chain[0], length = first, 1
        while True:
            here = chain[length - 1]
            nearest, least = 0, np.inf
            for other in range(n):
                if distance[here, other] < least:
                    nearest, least = other, distance[here, other]
            # A chain falls by more than rounding at every link, or it could run in a circle.
            if length > 1 and distance[here, chain[length - 2]] <= least + ROUNDING:
                break
            chain[length] = nearest
            length += 1
        one = min(chain[length - 1], chain[length - 2])
        gone = max(chain[length - 1], chain[length - 2])
        length -= 2
        merges[step, 0], merges[step, 1], merges[step, 2] = one, gone, distance[one, gone]
        both = sizes[one] + sizes[gone]
        for other in range(n):
            if alive[other]:
                mean = sizes[one] * distance[one, other] + sizes[gone] * distance[gone, other]
                distance[one, other] = distance[other, one] = mean / both
                distance[gone, other] = distance[other, gone] = np.inf
        distance[one, one] = np.inf
        sizes[one], alive[gone] = both, False
    return merges
