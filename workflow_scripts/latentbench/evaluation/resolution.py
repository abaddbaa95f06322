"""The resolution of a Leiden clustering, chosen without a label.

Where the number of clusters is declared, the resolution is bisected until Leiden finds that many.
Where none is declared, it is the largest resolution whose stability under subsampling is within one
standard error of the best: the idea of chooseR (Patterson-Cross et al. 2021,
doi:10.1186/s12859-021-03957-4) with the one-standard-error rule of Breiman et al. (1984)."""

import igraph
import numpy as np
from jaxtyping import Int
from sklearn.metrics import adjusted_rand_score

from latentbench.logs import logger
from latentbench.maths.bisection import nearest_number
from latentbench.neighbours import leiden_at

RESOLUTIONS = (0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0)


def leiden_matching(graph: igraph.Graph, n_clusters: int, seed: int) -> Int[np.ndarray, " train"]:
    """Return the clusters at a resolution at which Leiden finds ``n_clusters``, or nearly."""
    resolution, clusters = nearest_number(
        lambda resolution: leiden_at(graph, resolution, seed), n_clusters
    )
    logger.info(
        "leiden, seed %d: %d clusters at resolution %.4g (%d declared)",
        seed,
        clusters.max() + 1,
        resolution,
        n_clusters,
    )
    return clusters


def leiden_stable(
    graph: igraph.Graph, seed: int, *, n_subsamples: int = 5, share: float = 0.8
) -> Int[np.ndarray, " train"]:
    """Return the clusters at the most stable of ``RESOLUTIONS``.

    The stability of a resolution is the ARI between the clusters of all cells and those of a random
    ``share`` of them (in the graph they induce), averaged over ``n_subsamples``. Resolutions that
    give one cluster or only clusters of one cell, which are stable whatever the data, are left out;
    if none is left, all cells are one cluster."""
    rng = np.random.default_rng(seed)
    subsets = [
        np.sort(rng.choice(graph.vcount(), size=round(share * graph.vcount()), replace=False))
        for _ in range(n_subsamples)
    ]
    subgraphs = [graph.induced_subgraph(subset.tolist()) for subset in subsets]
    candidates = [(resolution, leiden_at(graph, resolution, seed)) for resolution in RESOLUTIONS]
    candidates = [
        (resolution, clusters)
        for resolution, clusters in candidates
        if 0 < clusters.max() < graph.vcount() - 1
    ]
    if not candidates:
        return np.zeros(graph.vcount(), dtype=np.int64)
    agreements = np.array(
        [
            _agreements(clusters, resolution, seed, subsets, subgraphs)
            for resolution, clusters in candidates
        ]
    )
    chosen = _largest_within_one_standard_error(agreements)
    resolution, clusters = candidates[chosen]
    logger.info(
        "leiden, seed %d: resolution %g, stability %.3f, %d clusters",
        seed,
        resolution,
        agreements[chosen].mean(),
        clusters.max() + 1,
    )
    return clusters


def _agreements(
    clusters: np.ndarray,
    resolution: float,
    seed: int,
    subsets: list[np.ndarray],
    subgraphs: list[igraph.Graph],
) -> list[float]:
    """Return one ARI a subset, between all cells' clusters and the subset's own; 0 where the subset
    falls into one cluster.
    """
    return [
        adjusted_rand_score(clusters[subset], leiden_at(subgraph, resolution, seed))
        for subset, subgraph in zip(subsets, subgraphs, strict=True)
    ]


def _largest_within_one_standard_error(agreements: np.ndarray) -> int:
    """Return the last row of (candidates, subsamples) whose mean reaches the best mean minus that
    row's standard error.
    """
    means = agreements.mean(axis=1)
    best = int(means.argmax())
    error = agreements[best].std(ddof=1) / np.sqrt(agreements.shape[1])
    return int(np.flatnonzero(means >= means[best] - error)[-1])
