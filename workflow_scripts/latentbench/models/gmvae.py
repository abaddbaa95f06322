"""Gaussian-mixture VAE with a uniform prior over components (Shu 2016; the M2 family of Kingma
2014, arXiv:1406.5298).

    p(y) = 1/K,  p(z | y) = N(m_y, diag v_y),  p(x | z) by the likelihood    (1)
    q(y | x) = Cat(pi(x)),  q(z | x, y) = N(m(x, y), diag s(x, y)^2)         (2)
    -ELBO(x) = sum_y q(y | x) { E_q[-log p(x | z)]
                                + KL(q(z | x, y) || p(z | y)) } + KL(q(y | x) || p(y))   (3)

Every y is enumerated, with one sample of z each; the inner KL is taken in closed form. Where y is
observed only its component counts, and -log q(y | x) is added. Symbols to code: pi is ``qy_head``
after ``trunk``; (m, log s^2) is ``qz_head`` after ``trunk``; (m_y, log v_y) are ``component_mean``,
``component_log_variance``. Deviation from Shu: the two encoders share their first layers.
``likelihood: nb`` and the other count likelihoods make it scVAE (Gronbech 2020,
doi:10.1093/bioinformatics/btaa293).

Use: to find about as many groups as you declare, each a Gaussian in the code.
Cost: one pass of the encoder and one of the decoder for every component a step: grows with the
number of clusters.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from latentbench.maths.distributions import (
    Distribution,
    Normal,
    kl_divergence,
    kl_of_each_dimension,
    log_density,
)
from latentbench.maths.likelihoods import AbstractLikelihood
from latentbench.models.blocks import MLP, Decoder, Linear
from latentbench.models.interface import (
    AbstractClusteringModel,
    AbstractGaussianLatentModel,
    ClassPosterior,
    Minibatch,
)


class GaussianMixtureVAE(AbstractGaussianLatentModel, AbstractClusteringModel):
    """GMVAE with enumerated components and any likelihood."""

    generative = "p(y) p(z|y) p(x|z)"
    inference = "q(y|x) q(z|x,y)"

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
    ) -> None:
        super().__init__()
        self.likelihood = likelihood
        self.trunk = MLP(n_vars, n_hidden, n_hidden=n_hidden, n_layers=n_layers, dropout=dropout)
        self.qy_head = MLP(n_hidden, n_clusters, n_hidden=n_hidden)
        self.qz_from_x = Linear(n_hidden, n_hidden)
        self.qz_from_y = nn.Parameter(torch.randn(1, n_clusters, 1, n_hidden) / math.sqrt(n_hidden))
        self.qz_head = Linear(n_hidden, 2 * n_latent)
        self.component_mean = nn.Parameter(torch.randn(1, n_clusters, 1, n_latent))
        self.component_log_variance = nn.Parameter(torch.zeros(1, n_clusters, 1, n_latent))
        self.decoder = Decoder(n_latent, likelihood.n_outputs, n_hidden=n_hidden, n_layers=n_layers)

    def posteriors(self, minibatch: Minibatch) -> tuple[ClassPosterior, Normal]:
        """Return q(y | x) and, for every y (axis 1), q(z | x, y): equation (2)."""
        features = torch.relu(self.trunk(minibatch.inputs))
        qy = ClassPosterior(self.qy_head(features), minibatch.y)
        # The layer that reads (features, one-hot y): its part of y is a row of its own for every
        # component.
        joint = torch.relu(self.qz_from_x(features)[:, None] + self.qz_from_y)
        return qy, Normal(*self.qz_head(joint).chunk(2, dim=-1))

    @property
    def pz(self) -> Normal:
        """p(z | y) for every y: (replicas, clusters, 1, latent)."""
        return Normal(self.component_mean, self.component_log_variance)

    def px(
        self, z: Float[Tensor, "replicas clusters obs latent"], minibatch: Minibatch
    ) -> Distribution:
        """Return p(x | z) for the z of every component."""
        return self.likelihood(self.decoder(z), minibatch.library_size[:, None])

    def loss_terms(self, minibatch: Minibatch) -> dict[str, Float[Tensor, "replicas obs"]]:
        """Return the terms of equation (3)."""
        qy, qz = self.posteriors(minibatch)
        reconstruction = -self.px(qz.rsample(), minibatch).log_prob(minibatch.x.unsqueeze(1))
        return {
            "reconstruction": qy.expectation(reconstruction),
            "kl_z": qy.expectation(kl_divergence(qz, self.pz)),
            "kl_y": qy.negative_entropy + math.log(qy.logits.shape[-1]),
            "classification": qy.classification,
        }

    def log_weight(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs"]:
        """Return log sum_y p(y) p(x | z_y) p(z_y | y) / q(z_y | x, y) at a sample z_y of every
        y.
        """
        qy, qz = self.posteriors(minibatch)
        z = qz.rsample()
        log_px = self.px(z, minibatch).log_prob(minibatch.x.unsqueeze(1))
        return torch.logsumexp(
            log_px + log_density(z, self.pz) - log_density(z, qz), dim=1
        ) - math.log(qy.logits.shape[-1])

    def kl_z_of_each_dimension(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs latent"]:
        """Return sum_y q(y | x) KL(q(z_j | x, y) || p(z_j | y)) of every j."""
        qy, qz = self.posteriors(minibatch)
        return qy.expectation(kl_of_each_dimension(qz, self.pz))

    def embed(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs latent"]:
        """Return E[z] = sum_y q(y | x) m(x, y)."""
        qy, qz = self.posteriors(minibatch)
        return qy.expectation(qz.mean)

    def sample_codes(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs latent"]:
        """Return a sample of q(z | x, y), y drawn from q(y | x)."""
        qy, qz = self.posteriors(minibatch)
        return qy.drawn(qz.rsample())

    def prior_of_codes(
        self, noise: Float[Tensor, "replicas obs latent"], minibatch: Minibatch
    ) -> Normal:
        """Return p(z | y) for every y."""
        return self.pz

    def decode(
        self, z: Float[Tensor, "replicas components obs latent"], minibatch: Minibatch
    ) -> Float[Tensor, "replicas components obs vars"]:
        """Return E[x | z]."""
        return self.px(z, minibatch).mean

    def reconstruct(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs vars"]:
        """Return E[x] at E[z]."""
        return self.px(self.embed(minibatch)[:, None], minibatch).mean.squeeze(1)

    def cluster_probs(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs clusters"]:
        """Return q(y | x)."""
        return self.posteriors(minibatch)[0].weights
