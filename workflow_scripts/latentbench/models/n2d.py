"""N2D, "not too deep" clustering (McConville 2019, arXiv:1908.05968): an autoencoder, the manifold
of its codes, a mixture on the manifold.

    z = e(x),  loss(x) = -log p(x | d(z))                                    (1)
    u = UMAP(z) in K dimensions (at most ten), fitted on the training cells  (2)
    p(u) = sum_y pi_y N(u; m_y, S_y),  clusters by p(y | u)                  (3)

Only (1) is trained by gradient; (2) and (3) are fitted when that is over, each replica from its own
seed. The embedding is u; a test cell is placed by UMAP's transform. Symbols to code: e is
``encoder``, d is ``decoder``; (2) and (3) are mixtures.py. No batch normalisation, as in the paper.

Use: as a strong and simple rival of the mixture models, where distances between groups need not
mean anything.
Cost: that of ``ae``, then a UMAP of every replica's codes on one core, which outweighs the training
where cells are many.
"""

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

from latentbench.maths.distributions import Distribution
from latentbench.maths.likelihoods import AbstractLikelihood
from latentbench.maths.mixtures import ManifoldMixture
from latentbench.maths.random_streams import seed_of
from latentbench.models.blocks import MLP, Decoder, mirrored
from latentbench.models.interface import AbstractCodeClusteringModel, Minibatch
from latentbench.study.options import Option


class NotTooDeepClustering(AbstractCodeClusteringModel):
    """N2D with any likelihood; ``n_hidden`` are the widths of the encoder's hidden layers, the
    decoder's in reverse.
    """

    generative = "p(x|z)"
    inference = "z = e(x)"
    linear_in_log_prob = True

    def __init__(
        self,
        n_vars: int,
        *,
        likelihood: AbstractLikelihood,
        n_clusters: int,
        n_latent: int = 10,
        n_hidden: int | Sequence[int] = (500, 500, 2000),
        n_neighbors: Annotated[int, Option("neighbours of UMAP's graph", at_least=2)] = 20,
    ) -> None:
        super().__init__()
        self.likelihood, self.n_clusters, self.n_neighbors = likelihood, n_clusters, n_neighbors
        self.encoder = MLP(n_vars, n_latent, n_hidden=n_hidden, batch_norm=False)
        self.decoder = Decoder(
            n_latent, likelihood.n_outputs, n_hidden=mirrored(n_hidden), batch_norm=False
        )

    def px(self, z: Float[Tensor, "replicas obs latent"], minibatch: Minibatch) -> Distribution:
        """Return p(x | d(z))."""
        return self.likelihood(self.decoder(z), minibatch.library_size)

    def loss_terms(self, minibatch: Minibatch) -> dict[str, Float[Tensor, "replicas obs"]]:
        """Return equation (1)."""
        return {"reconstruction": -self.px(self.embed(minibatch), minibatch).log_prob(minibatch.x)}

    def embed(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs latent"]:
        """Return z = e(x)."""
        return self.encoder(minibatch.inputs)

    def reconstruct(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs vars"]:
        """Return E[x] at e(x)."""
        return self.px(self.embed(minibatch), minibatch).mean

    def cluster_codes(
        self, codes: Float[np.ndarray, "obs latent"], *, train: Int[np.ndarray, " train"], seed: int
    ) -> tuple[Float[np.ndarray, "obs manifold"], Float[np.ndarray, "obs clusters"]]:
        """Return u and p(y | u) of all cells, equations (2) and (3)."""
        fitted = ManifoldMixture.fit(
            codes[train],
            self.n_clusters,
            seed=seed_of(seed, "manifold"),
            n_neighbors=self.n_neighbors,
        )
        is_new = np.ones(len(codes), dtype=bool)
        is_new[train] = False
        u = np.empty((len(codes), fitted.umap.embedding_.shape[1]), dtype=np.float32)
        u[train] = fitted.umap.embedding_
        if is_new.any():
            u[is_new] = fitted.transform(codes[is_new])
        return u, fitted.mixture.predict_proba(u.astype(np.float64)).astype(np.float32)
