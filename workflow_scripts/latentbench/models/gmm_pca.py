"""A Gaussian mixture on principal components (Dempster 1977, doi:10.1111/j.2517-6161.1977.tb01600.x) as a reference."""

import numpy as np
from sklearn.mixture import GaussianMixture

from latentbench.models.data import TrainingData
from latentbench.models.references import Reference
from latentbench.random_streams import seed_of

FLOOR = 1e-3
"""Least variance of a component in any direction, as a share of the mean variance of a code: a component cannot shrink onto a few cells."""


def gmm_pca(data: TrainingData, *, seed: int, n_clusters: int, n_latent: int = 20, covariance: str = "full", n_init: int = 5) -> Reference:
    """Fit a Gaussian mixture to the principal components of the training cells by EM (Dempster 1977) and give every cell its responsibilities.

    Of ``n_init`` fits, each started from a k-means clustering, the likeliest one is kept. ``covariance``: ``"full"`` or ``"diag"``.

    Use: as the mixture model without a network, whose clusters may be long and of different sizes.
    Cost: a few seconds; a full covariance costs cells times clusters times dimensions squared an iteration.
    """
    codes = data.pca[:, :n_latent].astype(np.float64)
    train = codes[data.train.cpu().numpy()]
    floor = FLOOR * float(train.var(axis=0).mean())
    mixture = GaussianMixture(n_clusters, covariance_type=covariance, n_init=n_init, reg_covar=floor, random_state=seed_of(seed, "mixture") % 2**32)
    mixture.fit(train)
    weights = {"weights": mixture.weights_[None], "means": mixture.means_[None], "covariances": mixture.covariances_[None]}
    return Reference(data.pca[:, :n_latent], mixture.predict_proba(codes).astype(np.float32), weights=weights)
