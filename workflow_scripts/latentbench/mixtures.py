"""Gaussian mixtures of codes, and of where they lie on the manifold that UMAP finds: no label within reach.

N2D (McConville 2019, arXiv:1908.05968):  u = UMAP(z) in K dimensions,  clusters = components of a mixture of K Gaussians fitted to u     (1)
"""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import NearestNeighbors

MAX_MANIFOLD_DIMENSIONS = 10


def fit_mixture(z: Float[np.ndarray, "obs latent"], n_clusters: int, *, seed: int, n_init: int = 5, covariance: str = "full") -> GaussianMixture:
    """Return the likeliest of ``n_init`` mixtures of Gaussians that EM finds from k-means; variances are kept above a thousandth of the codes' own."""
    floor = 1e-3 * float(z.var(axis=0).mean()) + 1e-9
    mixture = GaussianMixture(n_clusters, covariance_type=covariance, n_init=n_init, reg_covar=floor, random_state=seed % 2**32, max_iter=200)
    return mixture.fit(z.astype(np.float64))


@dataclass(frozen=True)
class ManifoldMixture:
    """UMAP of codes and the mixture of Gaussians fitted to it, equation (1)."""

    umap: Any
    mixture: GaussianMixture

    @classmethod
    def fit(cls, z: Float[np.ndarray, "obs latent"], n_clusters: int, *, seed: int, n_neighbors: int = 15, n_init: int = 5) -> "ManifoldMixture":
        """Fit both. UMAP has min_dist 0, as for clustering, and K dimensions, at most ten (beyond them nothing changes and time grows)."""
        from umap import UMAP  # imported here: it takes seconds, and few jobs need it

        options = {"n_components": max(2, min(n_clusters, MAX_MANIFOLD_DIMENSIONS, len(z) - 3)), "n_neighbors": min(n_neighbors, len(z) - 1)}
        search = _ExactSearch(z)
        distances, neighbours = search.finder.kneighbors(z, options["n_neighbors"])
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=r"precomputed_knn\[2\]")  # it asks for a search index of its own kind, and takes any with a query
            warnings.filterwarnings("ignore", message="n_jobs value")
            umap = UMAP(**options, min_dist=0.0, random_state=seed % 2**32, n_jobs=1, precomputed_knn=(neighbours, distances, search)).fit(z)
        return cls(umap, fit_mixture(umap.embedding_, n_clusters, seed=seed, n_init=n_init))

    def transform(self, z: Float[np.ndarray, "obs latent"]) -> Float[np.ndarray, "obs manifold"]:
        """Return where new codes lie on the manifold."""
        return np.asarray(self.umap.transform(z), dtype=np.float32)


class _ExactSearch:
    """The nearest neighbours of codes, exactly, as UMAP asks for them: codes have few dimensions, in which a tree is quicker than UMAP's own two ways.

    Those are, of some thousands of cells, a Python function called for every pair, and of more an index that takes a minute to compile in every process.
    """

    _angular_trees = False

    def __init__(self, z: Float[np.ndarray, "obs latent"]) -> None:
        self.finder = NearestNeighbors(algorithm="kd_tree").fit(z)

    def query(self, z: Float[np.ndarray, "new latent"], k: int, epsilon: float) -> tuple[Int[np.ndarray, "new k"], Float[np.ndarray, "new k"]]:
        """Return the k nearest of the codes to new ones, and their distances."""
        distances, neighbours = self.finder.kneighbors(z, k)
        return neighbours, distances
