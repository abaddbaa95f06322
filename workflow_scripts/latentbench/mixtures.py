"""Gaussian mixtures of codes, and of where they lie on the manifold that UMAP finds: no label within reach.

N2D (McConville 2019, arXiv:1908.05968):  u = UMAP(z) in K dimensions,  clusters = components of a mixture of K Gaussians fitted to u     (1)
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from sklearn.mixture import GaussianMixture

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

        n_dimensions = max(2, min(n_clusters, MAX_MANIFOLD_DIMENSIONS, len(z) - 3))
        umap = UMAP(n_components=n_dimensions, n_neighbors=min(n_neighbors, len(z) - 1), min_dist=0.0, random_state=seed % 2**32, n_jobs=1)
        return cls(umap, fit_mixture(umap.fit_transform(z), n_clusters, seed=seed, n_init=n_init))

    def transform(self, z: Float[np.ndarray, "obs latent"]) -> Float[np.ndarray, "obs manifold"]:
        """Return where new codes lie on the manifold."""
        return np.asarray(self.umap.transform(z), dtype=np.float32)
