"""scANVI: scVI whose codes have classes (Xu 2021, doi:10.15252/msb.20209620; the M1 + M2 model of
Kingma 2014); s are the one-hot covariates, if any.

    p(y) = 1/K, p(u) = N(0, I), p(z | u, y) = N(m_p(u, y), diag s_p(u, y)^2), p(x | z, s): scVI (1)
    q(z | x) = N(m(x), diag s(x)^2),  q(y | z) = Cat(pi(z)),
    q(u | z, y) = N(m_u(z, y), diag s_u(z, y)^2)                                                 (2)
    -ELBO(x | s) = E[-log p(x | z, s)] + E sum_y q(y | z) [log q(z | x) - log p(z | u_y, y)]
                   + E sum_y q(y | z) KL(q(u | z, y) || p(u)) + E KL(q(y | z) || p(y))   (3)

u is what varies inside a class. One sample of z, and of u for every y, all y enumerated. Where y is
observed its component alone enters (3), and -log q(y | z) is added, with weight one; scvi-tools
takes (3) without the labels for every cell and adds 50 times the mean -log q(y | z) of labelled
cells. Of cells without a label the loss is that of scvi-tools' module on the same weights, which a
test shows where it is installed; there the second term of (3) is not warmed up. Symbols to code:
(m, log s^2) is ``encoder``, pi ``qy``, (m_u, log s_u^2) ``qu``, (m_p, log s_p^2) ``pz_net``, the
rest as in scVI. The variances of (2) are kept above 1e-4. ``term_weights: {classification: 50}`` is
the weight of scvi-tools. Other deviations: those of ``scvi``. Trained without any label, q(y | z)
falls back to the uniform prior and z is that of scVI, more or less; classes that a guide shows at
the start (task mode guided) stay. So it clusters only with labels or a guide.

Use: counts of which some cells have a type (task modes semi_supervised and supervised), for codes
and types of the others.
Cost: little more than ``scvi``, with two small networks that run once for every class.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from latentbench.maths.distributions import Distribution, Normal, log_density, log_standard_normal
from latentbench.maths.likelihoods import AbstractLikelihood
from latentbench.models.blocks import MLP, Covariates, Decoder, beside_its_class, floored
from latentbench.models.interface import (
    AbstractClusteringModel,
    AbstractConditionalModel,
    AbstractGenerativeModel,
    ClassPosterior,
    Minibatch,
)


class ScANVI(AbstractGenerativeModel, AbstractClusteringModel, AbstractConditionalModel):
    """scANVI with any likelihood; ``n_clusters`` is the number of classes."""

    generative = "p(y) p(u) p(z|u,y) p(x|z,s)"
    inference = "q(z|x) q(y|z) q(u|z,y)"
    linear_in_log_prob = True

    def __init__(
        self,
        n_vars: int,
        *,
        likelihood: AbstractLikelihood,
        n_clusters: int,
        n_covariates: int = 0,
        n_latent: int = 10,
        n_hidden: int = 128,
        n_layers: int = 1,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.likelihood, self.n_clusters = likelihood, n_clusters
        shape = {"n_hidden": n_hidden, "n_layers": n_layers}
        self.encoder = MLP(n_vars, 2 * n_latent, dropout=dropout, **shape)
        self.qy = MLP(n_latent, n_clusters, dropout=dropout, **shape)
        self.qu = MLP(n_latent + n_clusters, 2 * n_latent, dropout=dropout, **shape)
        self.pz_net = MLP(n_latent + n_clusters, 2 * n_latent, **shape)
        self.decoder = Decoder(n_latent, likelihood.n_outputs, n_covariates=n_covariates, **shape)

    def posterior(self, minibatch: Minibatch) -> Normal:
        """Return q(z | x)."""
        mean, log_variance = self.encoder(minibatch.inputs).chunk(2, dim=-1)
        return Normal(mean, floored(log_variance))

    def posterior_of_u(self, z: Float[Tensor, "replicas obs latent"]) -> Normal:
        """Return q(u | z, y) for every y (axis 1)."""
        mean, log_variance = self.qu(
            beside_its_class(z[:, None].expand(-1, self.n_clusters, -1, -1))
        ).chunk(2, dim=-1)
        return Normal(mean, floored(log_variance))

    def pz(self, u: Float[Tensor, "replicas clusters obs latent"]) -> Normal:
        """Return p(z | u_y, y) for every y (axis 1)."""
        return Normal(*self.pz_net(beside_its_class(u)).chunk(2, dim=-1))

    def px(
        self,
        z: Float[Tensor, "replicas obs latent"],
        covariates: Covariates,
        library_size: Float[Tensor, "replicas obs 1"],
    ) -> Distribution:
        """Return p(x | z, s)."""
        return self.likelihood(self.decoder(z, covariates), library_size)

    def loss_terms(self, minibatch: Minibatch) -> dict[str, Float[Tensor, "replicas obs"]]:
        """Return the terms of equation (3), in its order, and the classification of
        observed classes.
        """
        qz = self.posterior(minibatch)
        z = qz.rsample()
        qy, qu = ClassPosterior(self.qy(z), minibatch.y), self.posterior_of_u(z)
        px = self.px(z, minibatch.covariates, minibatch.library_size)
        log_pz = self.pz(qu.rsample()).log_prob(z[:, None])
        return {
            "reconstruction": -px.log_prob(minibatch.x),
            "kl_z": qz.log_prob(z) - qy.expectation(log_pz),
            "kl_u": qy.expectation(qu.kl_from_standard()),
            "kl_y": qy.negative_entropy + math.log(self.n_clusters),
            "classification": qy.classification,
        }

    def log_weight(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs"]:
        """Return log p(x | z, s) - log q(z | x) + log sum_y p(y) p(z | u_y, y) p(u_y) / q(u_y | z,
        y) at a sample of z and u_y of every y.
        """
        qz = self.posterior(minibatch)
        z = qz.rsample()
        qu = self.posterior_of_u(z)
        u = qu.rsample()
        log_px = self.px(z, minibatch.covariates, minibatch.library_size).log_prob(minibatch.x)
        log_pz = torch.logsumexp(
            log_density(z[:, None], self.pz(u)) + log_standard_normal(u) - log_density(u, qu), dim=1
        ) - math.log(self.n_clusters)
        return log_px + log_pz - log_density(z, qz)

    def embed(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs latent"]:
        """Return m(x)."""
        return self.posterior(minibatch).mean

    def sample_codes(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs latent"]:
        """Return a sample of q(z | x)."""
        return self.posterior(minibatch).rsample()

    def prior_of_codes(
        self, noise: Float[Tensor, "replicas obs latent"], minibatch: Minibatch
    ) -> Normal:
        """Return p(z | u, y) for every y, u the noise."""
        return self.pz(noise[:, None].expand(-1, self.n_clusters, -1, -1))

    def decode(
        self, z: Float[Tensor, "replicas components obs latent"], minibatch: Minibatch
    ) -> Float[Tensor, "replicas components obs vars"]:
        """Return E[x | z, s]."""
        return self.likelihood(
            self.decoder(z, minibatch.covariates), minibatch.library_size[:, None]
        ).mean

    def reconstruct(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs vars"]:
        """Return E[x] at m(x)."""
        return self.predict(minibatch, minibatch.covariates).mean

    def cluster_probs(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs clusters"]:
        """Return q(y | z) at m(x)."""
        return torch.softmax(self.qy(self.embed(minibatch)), dim=-1)

    def predict(self, minibatch: Minibatch, covariates: Covariates) -> Distribution:
        """Return p(x | z, s) at m(x) under other covariates."""
        return self.px(self.embed(minibatch), covariates, minibatch.library_size)
