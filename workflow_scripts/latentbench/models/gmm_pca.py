"""A Gaussian mixture on principal components (Dempster 1977,
doi:10.1111/j.2517-6161.1977.tb01600.x)
as a reference.
"""

from typing import Annotated, Literal

import numpy as np

from latentbench.maths.mixtures import fit_mixture
from latentbench.maths.random_streams import seed_of
from latentbench.models.data import TrainingData
from latentbench.models.references import Reference
from latentbench.study.options import Option


def gmm_pca(
    data: TrainingData,
    *,
    seed: int,
    n_clusters: int,
    n_latent: int = 20,
    covariance: Annotated[
        Literal["full", "diag"], Option("covariance of a component: full or diagonal")
    ] = "full",
    n_init: Annotated[int, Option("fits, of which the likeliest is kept", at_least=1)] = 5,
) -> Reference:
    """Fit a Gaussian mixture to the principal components of the training cells by EM (Dempster
    1977) and give every cell its responsibilities.

    Of ``n_init`` fits, each started from a k-means clustering, the likeliest one is kept.
    ``covariance``: ``"full"`` or ``"diag"``.

    Use: as the mixture model without a network, whose clusters may be long and of different sizes.
    Cost: that of EM from several starts; with full covariances cells times clusters times squared
    dimensions an iteration.
    """
    codes = data.pca[:, :n_latent]
    mixture = fit_mixture(
        codes[data.train.cpu().numpy()],
        n_clusters,
        seed=seed_of(seed, "mixture"),
        n_init=n_init,
        covariance=covariance,
    )
    weights = {
        "weights": mixture.weights_[None],
        "means": mixture.means_[None],
        "covariances": mixture.covariances_[None],
    }
    return Reference(
        codes,
        mixture.predict_proba(codes.astype(np.float64)).astype(np.float32),
        weights=weights,
        of_components=True,
    )
