"""Clusterings that guide the start of a mixture model (task mode ``guided``): found in an embedding
of the training cells, without labels.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from latentbench.maths.random_streams import seed_of

Probs = Float[np.ndarray, "obs clusters"]


def _kmeans(z: Float[np.ndarray, "obs latent"], n_clusters: int, seed: int) -> Probs:
    from sklearn.cluster import (
        KMeans,
    )  # imported here, as below: the other modes would pay a second for it

    return np.eye(n_clusters, dtype=np.float32)[
        KMeans(n_clusters, n_init=5, random_state=seed).fit_predict(z)
    ]


def _mixture(z: Float[np.ndarray, "obs latent"], n_clusters: int, seed: int) -> Probs:
    from latentbench.maths.mixtures import agreed_mixture_probs

    return agreed_mixture_probs(z, n_clusters, seed=seed)


def _manifold(z: Float[np.ndarray, "obs latent"], n_clusters: int, seed: int) -> Probs:
    from latentbench.maths.mixtures import agreed_mixture_probs, fit_manifold

    return agreed_mixture_probs(
        fit_manifold(z, n_clusters, seed=seed).embedding_, n_clusters, seed=seed
    )


GUIDES: dict[str, Callable[[Float[np.ndarray, "obs latent"], int, int], Probs]] = {
    "kmeans": _kmeans,
    "mixture": _mixture,
    "manifold": _manifold,
}


@dataclass(frozen=True)
class Guide:
    """How the guiding classes are found: by k-means, or by what several Gaussian mixtures agree on,
    of the codes or of where UMAP puts them (``mixtures``).
    """

    by: str
    n_clusters: int
    max_cells: int
    confidence: float

    def classes(self, z: Float[np.ndarray, "obs latent"], *, seed: int) -> Int[np.ndarray, " obs"]:
        """Return a class for every cell that was looked at and is certain enough, -1 for the
        others.
        """
        seed = seed_of(seed, "guide") % 2**32
        looked_at = np.sort(np.random.default_rng(seed).permutation(len(z))[: self.max_cells])
        probs = GUIDES[self.by](z[looked_at], self.n_clusters, seed)
        found = np.full(len(z), -1)
        found[looked_at] = np.where(probs.max(1) >= self.confidence, probs.argmax(1), -1)
        return found
