"""Clusterings of an embedding: fitted on the training cells, test cells assigned, and no label
within reach.

A clustering is a function of a ``Replica``, which holds no label; a new one is a function and a
line in ``CLUSTERINGS``. Everything random is seeded by the replica's seed. Clusters are numbered by
falling size among the training cells, except ``own``, which keeps the model's numbering of its
components."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from sklearn.cluster import KMeans

from latentbench.evaluation.resolution import RESOLUTIONS, leiden_matching, leiden_stable
from latentbench.maths.merging import merged_components, sums_over_groups
from latentbench.neighbours import NeighbourGraph, leiden_at
from latentbench.outcomes import Outcome, Unavailable


@dataclass(frozen=True)
class Replica:
    """What a clustering may look at of one trained replica; ``n_clusters`` is the number the data
    sheet declares, if any.
    """

    z: Float[np.ndarray, "obs latent"]
    is_train: Bool[np.ndarray, " obs"]
    graph: NeighbourGraph
    n_clusters: int | None
    seed: int
    cluster_probs: Float[np.ndarray, "obs clusters"] | None = None

    @property
    def n_train(self) -> int:
        return int(self.is_train.sum())


Clusters = Int[np.ndarray, " obs"]
SWEEP = "leiden@"
NO_COMPONENTS = Unavailable(Outcome.NOT_APPLICABLE, "the model does not cluster by itself")


def own(replica: Replica) -> Clusters | Unavailable:
    """Return the model's most probable component of every cell."""
    return (
        NO_COMPONENTS
        if replica.cluster_probs is None
        else replica.cluster_probs.argmax(axis=1).astype(np.int64)
    )


def merged(replica: Replica) -> Clusters | Unavailable:
    """Return the most probable group of components of every cell, those merged that claim the same
    training cells.
    """
    if replica.cluster_probs is None:
        return NO_COMPONENTS
    groups = merged_components(replica.cluster_probs[replica.is_train])
    return numbered_by_size(
        sums_over_groups(replica.cluster_probs, groups).argmax(axis=1), replica.is_train
    )


def kmeans(replica: Replica) -> Clusters | Unavailable:
    """Return k-means' clusters (k-means++, best of 10 starts) with the declared number of
    clusters.
    """
    if problem := _problem_with_declared(replica):
        return problem
    fitted = KMeans(replica.n_clusters, n_init=10, random_state=replica.seed).fit(
        replica.z[replica.is_train]
    )
    return numbered_by_size(fitted.predict(replica.z), replica.is_train)


def gaussian_mixture(replica: Replica) -> Clusters | Unavailable:
    """Return the most probable component of a mixture of the declared number of full-covariance
    Gaussians (EM from k-means).
    """
    from sklearn.mixture import (
        GaussianMixture,
    )  # imported here: most studies do without, and every job would pay for it

    if problem := _problem_with_declared(replica):
        return problem
    z = replica.z.astype(np.float64)
    try:
        fitted = GaussianMixture(replica.n_clusters, random_state=replica.seed).fit(
            z[replica.is_train]
        )
    except ValueError as singular:
        return Unavailable(
            Outcome.DEGENERATE,
            f"a component's covariance is singular: {singular}".split("\n", maxsplit=1)[0],
        )
    return numbered_by_size(fitted.predict(z), replica.is_train)


def leiden(replica: Replica) -> Clusters | Unavailable:
    """Return Leiden's clusters at the resolution that gives the declared number, or, where none is
    declared, at the most stable one.
    """
    if replica.n_train < 3:
        return Unavailable(
            Outcome.NOT_APPLICABLE,
            f"{replica.n_train} training cells are too few for a neighbour graph",
        )
    graph = replica.graph.train
    found = (
        leiden_stable(graph, replica.seed)
        if replica.n_clusters is None
        else leiden_matching(graph, replica.n_clusters, replica.seed)
    )
    return _of_all_cells(replica, found)


def leiden_sweep(replica: Replica) -> dict[str, Clusters]:
    """Return Leiden's clusters at each of ``RESOLUTIONS``, named ``leiden@<resolution>``: what an
    oracle picks from by label. Too few cells: none.
    """
    if replica.n_train < 3:
        return {}
    return {
        f"{SWEEP}{resolution:g}": _of_all_cells(
            replica, leiden_at(replica.graph.train, resolution, replica.seed)
        )
        for resolution in RESOLUTIONS
    }


CLUSTERINGS: dict[str, Callable[[Replica], Clusters | Unavailable]] = {
    "own": own,
    "merged": merged,
    "kmeans": kmeans,
    "leiden": leiden,
    "gaussian_mixture": gaussian_mixture,
}


def _of_all_cells(replica: Replica, found: Int[np.ndarray, " train"]) -> Clusters:
    """Return the clusters of the training cells with those that the test cells vote for."""
    clusters = np.empty(len(replica.z), dtype=np.int64)
    clusters[replica.is_train] = found
    clusters[~replica.is_train] = replica.graph.vote(found)
    return numbered_by_size(clusters, replica.is_train)


def _problem_with_declared(replica: Replica) -> Unavailable | None:
    if replica.n_clusters is None:
        return Unavailable(Outcome.NOT_APPLICABLE, "the data sheet declares no number of clusters")
    if replica.n_clusters > replica.n_train:
        return Unavailable(
            Outcome.NOT_APPLICABLE,
            f"{replica.n_clusters} clusters declared for {replica.n_train} training cells",
        )
    return None


def numbered_by_size(clusters: np.ndarray, is_train: np.ndarray) -> Clusters:
    """Return the clusters renumbered 0, 1, ... by falling number of training cells (equal sizes
    keep their order).
    """
    sizes = np.bincount(clusters[is_train], minlength=int(clusters.max()) + 1)
    new_number = np.empty(len(sizes), dtype=np.int64)
    new_number[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes))
    return new_number[clusters]
