"""Gaussian mixtures of codes, and of where they lie on the manifold that UMAP finds: no label
within reach.

    N2D (McConville 2019, arXiv:1908.05968):  u = UMAP(z) in K dimensions,  clusters = components of
                                              a mixture of K Gaussians fitted to u     (1)

EM ends in another optimum from every start, and the likeliest of them is no better a clustering
than the others. What several fits agree on is: components are matched (Hungarian algorithm on sum_i
p_i(k) p'_i(l)) and probabilities averaged (in the spirit of Fred and Jain 2005,
doi:10.1109/TPAMI.2005.113)."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import normalized_mutual_info_score
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import NearestNeighbors

Probs = Float[np.ndarray, "obs clusters"]

MAX_MANIFOLD_DIMENSIONS = 10


def fit_mixture(
    z: Float[np.ndarray, "obs latent"],
    n_clusters: int,
    *,
    seed: int,
    n_init: int = 5,
    covariance: str = "full",
) -> GaussianMixture:
    """Return the likeliest of ``n_init`` mixtures of Gaussians that EM finds from k-means;
    variances are kept above a thousandth of the codes' own.
    """
    floor = 1e-3 * float(z.var(axis=0).mean()) + 1e-9
    mixture = GaussianMixture(
        n_clusters,
        covariance_type=covariance,
        n_init=n_init,
        reg_covar=floor,
        random_state=seed % 2**32,
        max_iter=200,
    )
    return mixture.fit(z.astype(np.float64))


def agreed_mixture_probs(
    z: Float[np.ndarray, "obs latent"], n_clusters: int, *, seed: int, n_fits: int = 8
) -> Probs:
    """Return what ``n_fits`` mixtures, each from a start of its own, say of every code on
    average.
    """
    return agreed_probs(
        [
            fit_mixture(z, n_clusters, seed=seed + fit, n_init=1).predict_proba(
                z.astype(np.float64)
            )
            for fit in range(n_fits)
        ]
    )


def agreed_probs(clusterings: Sequence[Probs], *, n_rounds: int = 3) -> Probs:
    """Return the average of several clusterings of the same cells, their clusters matched to each
    other.

    They are matched to the one that shares most information (NMI) with all others, then,
    ``n_rounds`` times, to the average so far."""
    found = [probs.argmax(1) for probs in clusterings]
    shared = [sum(normalized_mutual_info_score(one, other) for other in found) for one in found]
    average = clusterings[int(np.argmax(shared))]
    for _ in range(n_rounds):
        average = np.mean(
            [
                probs[:, linear_sum_assignment(average.T @ probs, maximize=True)[1]]
                for probs in clusterings
            ],
            axis=0,
        )
    return average.astype(np.float32)


@dataclass(frozen=True)
class ManifoldMixture:
    """UMAP of codes and the mixture of Gaussians fitted to it, equation (1)."""

    umap: Any
    mixture: GaussianMixture

    @classmethod
    def fit(
        cls,
        z: Float[np.ndarray, "obs latent"],
        n_clusters: int,
        *,
        seed: int,
        n_neighbors: int = 15,
        n_init: int = 5,
    ) -> "ManifoldMixture":
        """Fit both."""
        umap = fit_manifold(z, n_clusters, seed=seed, n_neighbors=n_neighbors)
        return cls(umap, fit_mixture(umap.embedding_, n_clusters, seed=seed, n_init=n_init))

    def transform(self, z: Float[np.ndarray, "obs latent"]) -> Float[np.ndarray, "obs manifold"]:
        """Return where new codes lie on the manifold."""
        return np.asarray(self.umap.transform(z), dtype=np.float32)


def fit_manifold(
    z: Float[np.ndarray, "obs latent"], n_clusters: int, *, seed: int, n_neighbors: int = 15
) -> Any:
    """Return the fitted UMAP, its coordinates as ``embedding_``: min_dist 0, as for clustering, in
    K dimensions, at most ten.
    """
    from umap import UMAP  # imported here: it takes seconds, and few jobs need it

    options = {
        "n_components": max(2, min(n_clusters, MAX_MANIFOLD_DIMENSIONS, len(z) - 3)),
        "n_neighbors": min(n_neighbors, len(z) - 1),
    }
    search = _ExactSearch(z)
    distances, neighbours = search.finder.kneighbors(z, options["n_neighbors"])
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", message=r"precomputed_knn\[2\]"
        )  # it expects a search index of its own kind, and uses any that has a query
        return UMAP(
            **options,
            min_dist=0.0,
            random_state=seed % 2**32,
            n_jobs=1,
            precomputed_knn=(neighbours, distances, search),
        ).fit(z)


class _ExactSearch:
    """The nearest neighbours of codes, exactly, as UMAP asks for them: codes have few dimensions,
    in which a tree is quicker than UMAP's own two ways.

    Those are, of some thousands of cells, a Python function called for every pair, and of more an
    index that takes a minute to compile in every process."""

    _angular_trees = False

    def __init__(self, z: Float[np.ndarray, "obs latent"]) -> None:
        self.finder = NearestNeighbors(algorithm="kd_tree").fit(z)

    def query(
        self, z: Float[np.ndarray, "new latent"], k: int, epsilon: float
    ) -> tuple[Int[np.ndarray, "new k"], Float[np.ndarray, "new k"]]:
        """Return the k nearest of the codes to new ones, and their distances."""
        distances, neighbours = self.finder.kneighbors(z, k)
        return neighbours, distances
