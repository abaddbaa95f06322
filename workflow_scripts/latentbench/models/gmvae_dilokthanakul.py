"""Gaussian-mixture VAE with a second latent w and the exact posterior of y (Dilokthanakul 2016,
arXiv:1611.02648).

    p(w) = N(0, I), p(y) = 1/K, p(z | w, y) = N(mu_y(w), diag s_y(w)^2), p(x | z) by likelihood  (1)
    q(z | x), q(w | x) diag. Gaussians, p(y | z, w) = p(z | w, y) / sum_k p(z | w, k) by Bayes (2)
    -ELBO(x) = E[-log p(x | z)] + E sum_y p(y | z, w) KL(q(z | x) || p(z | w, y))
               + KL(q(w | x) || p(w))
               + max(lambda, E KL(p(y | z, w) || p(y)))   (3)

One sample of z and of w, y enumerated. The maximum is taken of the mean over a minibatch, and in
training only: what is evaluated is the bound itself. Where y is observed only its component counts,
the last term is log K, and -log p(y | z, w) is added. As in the paper the weights p(y | z, w) are
averaged apart from the divergence; since a softmax rises with its logits, that is at most the bound
in which both share their z. Symbols to code: mu_y and s_y are ``components``; lambda is
``min_kl_y``. Deviations: means and log variances are soft-clipped as in ``gmvae_dirichlet``.

Use: groups whose shape varies with something shared by all of them, which w takes up, without a
network for the cluster probabilities.
Cost: that of ``vae`` and a small network for the components.
"""

import math
from typing import Annotated

import torch
from jaxtyping import Float
from torch import Tensor

from latentbench.maths.distributions import Distribution, Normal, log_density, log_standard_normal
from latentbench.maths.likelihoods import AbstractLikelihood
from latentbench.models.blocks import MLP, Decoder
from latentbench.models.components import log_density_by_component, log_density_of_mixture
from latentbench.models.free_bits import at_least_on_average
from latentbench.models.interface import (
    AbstractClusteringModel,
    AbstractTwoLatentModel,
    ClassPosterior,
    Minibatch,
)
from latentbench.models.two_latents import (
    components_of,
    kl_from_components,
    kl_of_each_dimension_from_components,
    posteriors_of_z_and_w,
)
from latentbench.study.options import Option


class BayesMixtureVAE(AbstractTwoLatentModel, AbstractClusteringModel):
    """Mixture VAE whose cluster probabilities are Bayes' rule on its components, with any
    likelihood.
    """

    generative = "p(w) p(y) p(z|w,y) p(x|z)"
    inference = "q(z|x) q(w|x) p(y|z,w)"
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
        dropout: float = 0.0,
        min_kl_y: Annotated[
            float,
            Option(
                "lambda: mean KL(p(y|z,w) || p(y)) below which a minibatch is not pressed to lower"
                " it, in nats",
                at_least=0,
            ),
        ] = 0.0,
    ) -> None:
        super().__init__()
        self.likelihood = likelihood
        self.n_clusters, self.min_kl_y = n_clusters, min_kl_y
        self.encoder = MLP(
            n_vars, 4 * n_latent, n_hidden=n_hidden, n_layers=n_layers, dropout=dropout
        )
        self.components = MLP(n_latent, 2 * n_clusters * n_latent, n_hidden=n_hidden)
        self.decoder = Decoder(n_latent, likelihood.n_outputs, n_hidden=n_hidden, n_layers=n_layers)

    def posteriors(self, minibatch: Minibatch) -> tuple[Normal, Normal]:
        """Return q(z | x) and q(w | x)."""
        return posteriors_of_z_and_w(self.encoder(minibatch.inputs))

    def pz(self, w: Float[Tensor, "replicas obs latent"]) -> Normal:
        """Return p(z | w, y) for every y: (replicas, clusters, obs, latent)."""
        return components_of(self.components(w), self.n_clusters)

    def px(self, z: Float[Tensor, "replicas obs latent"], minibatch: Minibatch) -> Distribution:
        """Return p(x | z)."""
        return self.likelihood(self.decoder(z), minibatch.library_size)

    def loss_terms(self, minibatch: Minibatch) -> dict[str, Float[Tensor, "replicas obs"]]:
        """Return the terms of equation (3)."""
        qz, qw = self.posteriors(minibatch)
        z = qz.rsample()
        pz = self.pz(qw.rsample())
        py = ClassPosterior(log_density_by_component(z, pz), minibatch.y)
        kl_y = py.negative_entropy + math.log(self.n_clusters)
        return {
            "reconstruction": -self.px(z, minibatch).log_prob(minibatch.x),
            "kl_z": kl_from_components(py, qz, pz),
            "kl_w": qw.kl_from_standard(),
            "kl_y": at_least_on_average(kl_y, self.min_kl_y) if self.training else kl_y,
            "classification": py.classification,
        }

    def log_weight(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs"]:
        """Return log p(x | z) + log sum_y p(y) p(z | w, y) + log p(w) - log q(z | x) - log q(w |
        x) at a sample of z and of w.
        """
        qz, qw = self.posteriors(minibatch)
        z, w = qz.rsample(), qw.rsample()
        log_p = (
            self.px(z, minibatch).log_prob(minibatch.x)
            + log_density_of_mixture(z, self.pz(w))
            + log_standard_normal(w)
        )
        return log_p - log_density(z, qz) - log_density(w, qw)

    def kl_z_of_each_dimension(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs latent"]:
        """Return sum_y p(y | z, w) KL(q(z_j | x) || p(z_j | w, y)) of every j, from one sample of z
        and of w.
        """
        qz, qw = self.posteriors(minibatch)
        z = qz.rsample()
        pz = self.pz(qw.rsample())
        return kl_of_each_dimension_from_components(
            ClassPosterior(log_density_by_component(z, pz), minibatch.y), qz, pz
        )

    def embed(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs latent"]:
        """Return the mean of q(z | x)."""
        return self.posteriors(minibatch)[0].mean

    def sample_codes(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs latent"]:
        """Return a sample of q(z | x)."""
        return self.posteriors(minibatch)[0].rsample()

    def prior_of_codes(
        self, noise: Float[Tensor, "replicas obs latent"], minibatch: Minibatch
    ) -> Normal:
        """Return p(z | w, y) for every y, w the noise."""
        return self.pz(noise)

    def decode(
        self, z: Float[Tensor, "replicas components obs latent"], minibatch: Minibatch
    ) -> Float[Tensor, "replicas components obs vars"]:
        """Return E[x | z]."""
        return self.likelihood(self.decoder(z), minibatch.library_size[:, None]).mean

    def reconstruct(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs vars"]:
        """Return E[x] at the mean of q(z | x)."""
        return self.px(self.embed(minibatch), minibatch).mean

    def cluster_probs(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs clusters"]:
        """Return p(y | z, w) at the means of q(z | x) and q(w | x)."""
        qz, qw = self.posteriors(minibatch)
        return torch.softmax(log_density_by_component(qz.mean, self.pz(qw.mean)), dim=-1)
