"""M2, the semi-supervised VAE with a class and a style (Kingma 2014, arXiv:1406.5298).

    p(y) = 1/K,  p(z) = N(0, I),  p(x | y, z) by the likelihood              (1)
    q(y | x) = Cat(pi(x)),  q(z | x, y) = N(m(x, y), diag s(x, y)^2)         (2)
    L(x, y) = E_q[-log p(x | y, z)] + KL(q(z | x, y) || p(z)) + log K        (3)
    y hidden:    loss(x) = sum_y q(y | x) L(x, y) - H(q(y | x))              (4)
    y observed:  loss(x, y) = L(x, y) - alpha log q(y | x)                   (5)

Every y is enumerated, with one sample of z each. The term ``classification`` is -log q(y | x) where
y is observed. The paper adds 0.1 N times its mean over the labelled cells to the sum over all N
cells; here, in a mean over all cells, that is alpha = 0.1 N / N_labelled, the weight of the term:
``training: {term_weights: {classification: 2}}`` for a ``label_fraction`` of .05. Without any
labels a training tends to end where q(y | x) says little and z does all the work: show it labels,
or start it from a clustering. Symbols to code: pi is ``qy_head`` after ``trunk``, (m, log s^2) is
``qz_head`` after ``trunk``. Deviation: the two encoders share their first layers.

Use: a small share of labelled cells, and a z that is to hold what varies within a class.
Cost: encoder's last layers and decoder run once for every class.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from latentbench.maths.distributions import Distribution, Normal, log_density, log_standard_normal
from latentbench.maths.likelihoods import AbstractLikelihood
from latentbench.models.blocks import MLP, Decoder, beside_its_class
from latentbench.models.components import standard_components
from latentbench.models.interface import (
    AbstractClusteringModel,
    AbstractGaussianLatentModel,
    ClassPosterior,
    Minibatch,
)


class SemiSupervisedVAE(AbstractGaussianLatentModel, AbstractClusteringModel):
    """M2 with any likelihood."""

    generative = "p(y) p(z) p(x|y,z)"
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
        self.n_clusters = n_clusters
        self.trunk = MLP(n_vars, n_hidden, n_hidden=n_hidden, n_layers=n_layers, dropout=dropout)
        self.qy_head = MLP(n_hidden, n_clusters, n_hidden=n_hidden)
        self.qz_head = MLP(n_hidden + n_clusters, 2 * n_latent, n_hidden=n_hidden)
        self.decoder = Decoder(
            n_latent + n_clusters, likelihood.n_outputs, n_hidden=n_hidden, n_layers=n_layers
        )

    def posteriors(self, minibatch: Minibatch) -> tuple[ClassPosterior, Normal]:
        """Return q(y | x) and, for every y (axis 1), q(z | x, y): equation (2)."""
        features = torch.relu(self.trunk(minibatch.inputs))
        of_every_class = features[:, None].expand(-1, self.n_clusters, -1, -1)
        return ClassPosterior(self.qy_head(features), minibatch.y), Normal(
            *self.qz_head(beside_its_class(of_every_class)).chunk(2, dim=-1)
        )

    def px(
        self, z: Float[Tensor, "replicas clusters obs latent"], minibatch: Minibatch
    ) -> Distribution:
        """Return p(x | y, z) for every y and its z."""
        return self.likelihood(self.decoder(beside_its_class(z)), minibatch.library_size[:, None])

    def loss_terms(self, minibatch: Minibatch) -> dict[str, Float[Tensor, "replicas obs"]]:
        """Return the terms of equation (5) where y is observed, of (4) elsewhere."""
        qy, qz = self.posteriors(minibatch)
        reconstruction = -self.px(qz.rsample(), minibatch).log_prob(minibatch.x.unsqueeze(1))
        return {
            "reconstruction": qy.expectation(reconstruction),
            "kl_z": qy.expectation(qz.kl_from_standard()),
            "kl_y": qy.negative_entropy + math.log(self.n_clusters),
            "classification": qy.classification,
        }

    def log_weight(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs"]:
        """Return log sum_y p(y) p(x | y, z_y) p(z_y) / q(z_y | x, y) at a sample z_y of every y."""
        _, qz = self.posteriors(minibatch)
        z = qz.rsample()
        log_px = self.px(z, minibatch).log_prob(minibatch.x.unsqueeze(1))
        return torch.logsumexp(
            log_px + log_standard_normal(z) - log_density(z, qz), dim=1
        ) - math.log(self.n_clusters)

    def kl_z_of_each_dimension(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs latent"]:
        """Return sum_y q(y | x) KL(q(z_j | x, y) || p(z_j)) of every j."""
        qy, qz = self.posteriors(minibatch)
        return qy.expectation(qz.kl_of_each_dimension_from_standard())

    def embed(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs latent"]:
        """Return E[z] = sum_y q(y | x) m(x, y): the style, from which the class is meant to
        be absent.
        """
        qy, qz = self.posteriors(minibatch)
        return qy.expectation(qz.mean)

    def sample_codes(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs latent"]:
        """Return a sample of q(z | x, y), y drawn from q(y | x)."""
        qy, qz = self.posteriors(minibatch)
        return qy.drawn(qz.rsample())

    def prior_of_codes(
        self, noise: Float[Tensor, "replicas obs latent"], minibatch: Minibatch
    ) -> Normal:
        """Return p(z), which is the same for every y."""
        z = standard_components(noise)
        return Normal(z.mean.expand(-1, self.n_clusters, -1, -1), z.log_variance)

    def decode(
        self, z: Float[Tensor, "replicas components obs latent"], minibatch: Minibatch
    ) -> Float[Tensor, "replicas components obs vars"]:
        """Return E[x | y, z] for every y and its z."""
        return self.px(z, minibatch).mean

    def reconstruct(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs vars"]:
        """Return sum_y q(y | x) E[x | y, m(x, y)]."""
        qy, qz = self.posteriors(minibatch)
        return qy.expectation(self.px(qz.mean, minibatch).mean)

    def cluster_probs(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs clusters"]:
        """Return q(y | x)."""
        return self.posteriors(minibatch)[0].weights
