"""Conditional variational autoencoder (Sohn 2015, NeurIPS 28), in two factorisations; c are the
one-hot covariates (condition, batch ...).

    prior "learned":  p(z | c) = N(m_p(c), diag s_p(c)^2),  p(x | z),     q(z | x, c)   (1)
    prior "fixed":    p(z) = N(0, I),                       p(x | z, c),  q(z | x, c)   (2)
    -ELBO(x | c) = E_q[-log p(x | z (, c))] + KL(q(z | x, c) || p(z | c) or p(z))       (3)

With (1) the code keeps the condition and the prior knows where to expect it. With (2) the decoder
is told the condition, so that the code has nothing to gain from it ("forgetful"): decoding with
another c asks what the cell would have been under it. With (1) the code is carried over to the
place that it has, in standard deviations, in the prior of the other c, and decoded there. Symbols
to code: (m, log s^2) of q is ``encoder``; (m_p, log s_p^2) is ``prior``, a row for every covariate.

Use: groups of cells across conditions or batches (prior fixed), and predictions for another
condition.
Cost: that of ``vae``.
"""

from typing import Annotated, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from latentbench.maths.distributions import (
    Distribution,
    Normal,
    kl_divergence,
    kl_of_each_dimension,
    log_density,
    log_standard_normal,
)
from latentbench.maths.likelihoods import AbstractLikelihood
from latentbench.models.blocks import MLP, Covariates, Decoder, Linear
from latentbench.models.components import standard_components
from latentbench.models.interface import (
    AbstractConditionalModel,
    AbstractGaussianLatentModel,
    Minibatch,
)
from latentbench.study.options import Option


class ConditionalVAE(AbstractGaussianLatentModel, AbstractConditionalModel):
    """CVAE with any likelihood; ``prior`` is ``"learned"`` (1) or ``"fixed"`` (2)."""

    generative = "p(z|c) p(x|z,c)"
    inference = "q(z|x,c)"
    linear_in_log_prob = True

    def __init__(
        self,
        n_vars: int,
        *,
        likelihood: AbstractLikelihood,
        n_covariates: int,
        n_latent: int = 10,
        n_hidden: int = 128,
        n_layers: int = 1,
        dropout: float = 0.0,
        prior: Annotated[
            Literal["fixed", "learned"],
            Option("p(z) with p(x | z, c), or p(z | c) with p(x | z)"),
        ] = "fixed",
    ) -> None:
        super().__init__()
        self.likelihood = likelihood
        self.encoder = MLP(
            n_vars,
            2 * n_latent,
            n_hidden=n_hidden,
            n_layers=n_layers,
            dropout=dropout,
            n_covariates=n_covariates,
        )
        self.prior = Linear(n_covariates, 2 * n_latent) if prior == "learned" else None
        told = 0 if self.prior else n_covariates
        self.decoder = Decoder(
            n_latent, likelihood.n_outputs, n_hidden=n_hidden, n_layers=n_layers, n_covariates=told
        )

    def qz(self, minibatch: Minibatch) -> Normal:
        """Return q(z | x, c)."""
        return Normal(*self.encoder(minibatch.inputs, minibatch.covariates).chunk(2, dim=-1))

    def pz(self, covariates: Covariates) -> Normal:
        """Return the learned p(z | c), equation (1)."""
        return Normal(*self.prior(covariates).chunk(2, dim=-1))

    def px(
        self,
        z: Float[Tensor, "replicas *samples obs latent"],
        covariates: Covariates,
        library_size: Float[Tensor, "replicas *#samples obs 1"],
    ) -> Distribution:
        """Return p(x | z) or p(x | z, c)."""
        outputs = self.decoder(z) if self.prior else self.decoder(z, covariates)
        return self.likelihood(outputs, library_size)

    def loss_terms(self, minibatch: Minibatch) -> dict[str, Float[Tensor, "replicas obs"]]:
        """Return the two terms of equation (3), the expectation from one sample of z."""
        qz = self.qz(minibatch)
        px = self.px(qz.rsample(), minibatch.covariates, minibatch.library_size)
        kl_z = (
            kl_divergence(qz, self.pz(minibatch.covariates))
            if self.prior
            else qz.kl_from_standard()
        )
        return {"reconstruction": -px.log_prob(minibatch.x), "kl_z": kl_z}

    def log_weight(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs"]:
        """Return log p(x | z (, c)) + log p(z | c) or p(z) - log q(z | x, c) at a sample of z."""
        qz = self.qz(minibatch)
        z = qz.rsample()
        log_px = self.px(z, minibatch.covariates, minibatch.library_size).log_prob(minibatch.x)
        log_pz = (
            log_density(z, self.pz(minibatch.covariates)) if self.prior else log_standard_normal(z)
        )
        return log_px + log_pz - log_density(z, qz)

    def kl_z_of_each_dimension(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs latent"]:
        """Return KL(q(z_j | x, c) || p(z_j | c) or p(z_j)) of every j."""
        qz = self.qz(minibatch)
        return (
            kl_of_each_dimension(qz, self.pz(minibatch.covariates))
            if self.prior
            else qz.kl_of_each_dimension_from_standard()
        )

    def embed(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs latent"]:
        """Return the mean of q(z | x, c)."""
        return self.qz(minibatch).mean

    def sample_codes(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs latent"]:
        """Return a sample of q(z | x, c)."""
        return self.qz(minibatch).rsample()

    def prior_of_codes(
        self, noise: Float[Tensor, "replicas obs latent"], minibatch: Minibatch
    ) -> Normal:
        """Return p(z | c) or p(z), its one component."""
        if not self.prior:
            return standard_components(noise)
        pz = self.pz(minibatch.covariates)
        return Normal(pz.mean[:, None], pz.log_variance[:, None])

    def decode(
        self, z: Float[Tensor, "replicas components obs latent"], minibatch: Minibatch
    ) -> Float[Tensor, "replicas components obs vars"]:
        """Return E[x | z] or E[x | z, c]."""
        return self.px(z, minibatch.covariates, minibatch.library_size[:, None]).mean

    def reconstruct(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs vars"]:
        """Return E[x] at the code's mean under the cell's own covariates."""
        return self.px(self.embed(minibatch), minibatch.covariates, minibatch.library_size).mean

    def predict(self, minibatch: Minibatch, covariates: Covariates) -> Distribution:
        """Return p(x | z (, c)) at the code's mean under other covariates."""
        z = self.embed(minibatch)
        if self.prior:
            here, there = self.pz(minibatch.covariates), self.pz(covariates)
            z = there.mean + torch.exp(0.5 * (there.log_variance - here.log_variance)) * (
                z - here.mean
            )
        return self.px(z, covariates, minibatch.library_size)
