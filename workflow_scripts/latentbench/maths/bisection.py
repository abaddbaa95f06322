"""The resolution at which a clustering has a wanted number of clusters, by bisection."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Int

Clusters = Int[np.ndarray, " obs"]


def nearest_number(
    clusters_at: Callable[[float], Clusters], n_clusters: int, *, max_steps: int = 24
) -> tuple[float, Clusters]:
    """Return the first resolution, bisected on a log scale in [1e-3, 1e2], at which ``clusters_at``
    finds ``n_clusters``, and its clusters (numbered from 0).

    Where no tried resolution does (Leiden can jump over a number, and never finds fewer clusters
    than the graph has parts), the nearest number wins, the smaller one of two equally near. It is
    given up where the bracket's ends are a thousandth apart. (Interpolating between the numbers
    found at the ends takes no fewer steps: they jump.)"""
    low, high = 1e-3, 1e2
    tried: list[tuple[float, Clusters]] = []
    for _ in range(max_steps):
        resolution = float(np.sqrt(low * high))
        tried.append((resolution, clusters_at(resolution)))
        found = int(tried[-1][1].max()) + 1
        low, high = (resolution, high) if found < n_clusters else (low, resolution)
        if found == n_clusters or high / low < 1.001:
            break
    return min(tried, key=lambda each: (abs(each[1].max() + 1 - n_clusters), each[1].max()))
