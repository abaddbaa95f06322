"""VAE with the VampPrior (Tomczak and Welling 2018, arXiv:1705.07120): a mixture of the posteriors
of K learned pseudo-inputs.

    q(z | x) = N(m(x), diag s(x)^2),  p(x | z) by the likelihood             (1)
    p(z) = 1/K sum_k q(z | u_k)                                              (2)
    -ELBO(x) = E_q[-log p(x | z) + log q(z | x) - log p(z)]                  (3)
    p(y = k | z) = q(z | u_k) / sum_l q(z | u_l)                             (4)

(3) is taken at one sample of z. The clusters are the components of (2), by their responsibilities
(4): one pseudo-input each, where the paper has hundreds. The u_k are values as the encoder reads
them (log(1 + x) of counts), without bounds. When the phase ``cluster`` begins (or ``train``, where
there is only one) they are set to training cells: those nearest to the centres that k-means finds
among the codes. Symbols to code: (m, log s^2) is ``encoder``; u is ``pseudo_inputs``. No batch
normalisation: a cell and a pseudo-input must be read alike.

Use: for a prior as flexible as the posterior, which gives typical cells of each cluster as its
pseudo-inputs.
Cost: that of ``vae``, and the pseudo-inputs through the encoder at every step.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from latentbench.maths.distributions import Distribution, Normal
from latentbench.maths.likelihoods import AbstractLikelihood
from latentbench.models.blocks import MLP, Decoder
from latentbench.models.components import log_density_by_component
from latentbench.models.interface import (
    AbstractClusteringModel,
    AbstractGenerativeModel,
    Minibatch,
    TrainingCells,
)
from latentbench.models.soft_clusters import kmeans_centres


class VampPriorVAE(AbstractGenerativeModel, AbstractClusteringModel):
    """VAE with a VampPrior and any likelihood."""

    generative = "p(y) p(z|y,u) p(x|z)"
    inference = "q(z|x) p(y|z)"
    linear_in_log_prob = True

    def __init__(
        self,
        n_vars: int,
        *,
        likelihood: AbstractLikelihood,
        n_clusters: int,
        n_latent: int = 10,
        n_hidden: int = 128,
        n_layers: int = 1,
    ) -> None:
        super().__init__()
        self.likelihood = likelihood
        self.encoder = MLP(
            n_vars, 2 * n_latent, n_hidden=n_hidden, n_layers=n_layers, batch_norm=False
        )
        self.pseudo_inputs = nn.Parameter(torch.rand(1, n_clusters, n_vars))
        self.decoder = Decoder(n_latent, likelihood.n_outputs, n_hidden=n_hidden, n_layers=n_layers)

    def qz(self, minibatch: Minibatch) -> Normal:
        """Return q(z | x), equation (1)."""
        return Normal(*self.encoder(minibatch.inputs).chunk(2, dim=-1))

    @property
    def components(self) -> Normal:
        """q(z | u_k) of every k: (replicas, clusters, 1, latent)."""
        mean, log_variance = self.encoder(self.pseudo_inputs).chunk(2, dim=-1)
        return Normal(mean[:, :, None], log_variance[:, :, None])

    def log_q_of_pseudo_inputs(
        self, z: Float[Tensor, "replicas obs latent"]
    ) -> Float[Tensor, "replicas obs clusters"]:
        """Return log q(z | u_k) for every k."""
        return log_density_by_component(z, self.components)

    def px(self, z: Float[Tensor, "replicas obs latent"], minibatch: Minibatch) -> Distribution:
        """Return p(x | z)."""
        return self.likelihood(self.decoder(z), minibatch.library_size)

    def loss_terms(self, minibatch: Minibatch) -> dict[str, Float[Tensor, "replicas obs"]]:
        """Return the terms of equation (3)."""
        qz = self.qz(minibatch)
        z = qz.rsample()
        log_qz = log_density_by_component(
            z, Normal(qz.mean[:, None], qz.log_variance[:, None])
        ).squeeze(-1)
        log_pz = torch.logsumexp(self.log_q_of_pseudo_inputs(z), dim=-1) - math.log(
            self.pseudo_inputs.shape[1]
        )
        return {
            "reconstruction": -self.px(z, minibatch).log_prob(minibatch.x),
            "kl_z": log_qz - log_pz,
        }

    def log_weight(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs"]:
        """Return log p(x | z) + log p(z) - log q(z | x) at a sample of z, which equation (3) is
        made of already.
        """
        return -sum(self.loss_terms(minibatch).values())

    def embed(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs latent"]:
        """Return m(x)."""
        return self.qz(minibatch).mean

    def sample_codes(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs latent"]:
        """Return a sample of q(z | x)."""
        return self.qz(minibatch).rsample()

    def prior_of_codes(
        self, noise: Float[Tensor, "replicas obs latent"], minibatch: Minibatch
    ) -> Normal:
        """Return q(z | u_k) for every k."""
        return self.components

    def decode(
        self, z: Float[Tensor, "replicas components obs latent"], minibatch: Minibatch
    ) -> Float[Tensor, "replicas components obs vars"]:
        """Return E[x | z]."""
        return self.likelihood(self.decoder(z), minibatch.library_size[:, None]).mean

    def reconstruct(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs vars"]:
        """Return E[x] at m(x)."""
        return self.px(self.embed(minibatch), minibatch).mean

    def cluster_probs(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs clusters"]:
        """Return the responsibilities (4) at m(x)."""
        return torch.softmax(self.log_q_of_pseudo_inputs(self.embed(minibatch)), dim=-1)

    @torch.no_grad()
    def begin_phase(self, name: str, cells: TrainingCells) -> None:
        """Set the pseudo-inputs to cells near the centres of the codes when the phase ``cluster``
        or ``train`` begins.
        """
        if name in ("cluster", "train"):
            codes = cells.codes()
            centres = kmeans_centres(codes, self.pseudo_inputs.shape[1], cells.seeds)
            distances = torch.cdist(
                centres, codes, compute_mode="donot_use_mm_for_euclid_dist"
            )  # exact, so that a stack does not change them
            self.pseudo_inputs.copy_(cells.inputs(distances.argmin(-1)))
