"""The thesis's conditional model: ``gmvae_dirichlet`` with c, the one-hot covariates (condition,
batch ...), beside the inputs of every network.

    p(x, y, z, w, d | c) = p(x | z, c) p(z | w, y, c) p(y | d) p(d) p(w | c)                   (1)
      p(w | c) = N(0, I) or N(m(c), diag s(c)^2),  d ~ Dir(alpha),  y | d ~ Cat(d),
      z | w, y, c ~ N(mu_y(w, c), diag s_y(w, c)^2)
    q(y, z, w, d | x, c) = q(z | x, c) q(w | x, c) q(y | z, c) q(d | z, c)                     (2)
    -ELBO(x | c) = E[-log p(x | z, c)] + E sum_y q(y | z, c) KL(q(z | x, c) || p(z | w, y, c))
                   + KL(q(w | x, c) || p(w | c)) + the y and d terms of dirichlet.py           (3)
    under another c':  E[x | w, c'] = sum_y q(y | z, c) E[x | z'_y, c'],  z'_y = mu_y(w, c')   (4)

One sample of z and w, y enumerated. p(d | c) is Dir(alpha) for every c: a learned one,
Dir(alpha_c), would learn no more than how large the groups are under each condition. (4) is taken
at the means of q(z | x, c) and q(w | x, c): the cell keeps its y and its w, and z is what its
component expects of them under c'. It needs w to mean the same under every condition, which
``w_prior: standard`` asks for and a learned p(w | c) does not. Symbols to code: (m, log s^2) is
``prior``, a row for every covariate; mu_y and s_y are ``components``; g of q(d | z, c) = Dir(g) is
``concentrations``.

Use: groups that several conditions or batches have in common, and what a cell would be under
another condition.
Cost: that of ``gmvae_dirichlet``.
"""

from typing import Annotated, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from latentbench.maths.distributions import (
    Distribution,
    MixtureOfPredictions,
    Normal,
    kl_divergence,
    log_density,
    log_standard_normal,
)
from latentbench.maths.likelihoods import AbstractLikelihood
from latentbench.models.blocks import MLP, Covariates, Decoder, Linear
from latentbench.models.components import log_density_of_mixture
from latentbench.models.dirichlet import dirichlet_terms
from latentbench.models.interface import (
    AbstractClusteringModel,
    AbstractConditionalModel,
    AbstractTwoLatentModel,
    ClassPosterior,
    Minibatch,
)
from latentbench.models.two_latents import (
    clipped_normal,
    components_of,
    kl_from_components,
    kl_of_each_dimension_from_components,
    posteriors_of_z_and_w,
)
from latentbench.study.options import Option


class ConditionalMixtureVAE(
    AbstractTwoLatentModel, AbstractClusteringModel, AbstractConditionalModel
):
    """Conditional Dirichlet mixture VAE; ``w_prior`` is ``"standard"`` or ``"learned"``,
    ``dirichlet`` as in ``gmvae_dirichlet``.
    """

    generative = "p(w|c) p(d|alpha) p(y|d) p(z|w,y,c) p(x|z,c)"
    inference = "q(z|x,c) q(w|x,c) q(y|z,c) q(d|z,c)"
    linear_in_log_prob = True

    def __init__(
        self,
        n_vars: int,
        *,
        likelihood: AbstractLikelihood,
        n_clusters: int,
        n_covariates: int,
        n_latent: int = 10,
        n_hidden: int = 128,
        n_layers: int = 1,
        dropout: float = 0.0,
        alpha: float = 1.0,
        dirichlet: Annotated[
            Literal["collapsed", "explicit"],
            Option("integrate d at its optimum, or with a network g(z)"),
        ] = "collapsed",
        w_prior: Annotated[
            Literal["standard", "learned"],
            Option("p(w | c): N(0, I) for every condition, or a Gaussian learned for each"),
        ] = "standard",
    ) -> None:
        super().__init__()
        self.likelihood = likelihood
        self.n_clusters, self.alpha = n_clusters, alpha
        told = {"n_hidden": n_hidden, "n_covariates": n_covariates}
        self.encoder = MLP(n_vars, 4 * n_latent, n_layers=n_layers, dropout=dropout, **told)
        self.qy = MLP(n_latent, n_clusters, **told)
        self.concentrations = MLP(n_latent, n_clusters, **told) if dirichlet == "explicit" else None
        self.components = MLP(n_latent, 2 * n_clusters * n_latent, **told)
        self.prior = Linear(n_covariates, 2 * n_latent) if w_prior == "learned" else None
        self.decoder = Decoder(n_latent, likelihood.n_outputs, n_layers=n_layers, **told)

    def posteriors(self, minibatch: Minibatch) -> tuple[Normal, Normal]:
        """Return q(z | x, c) and q(w | x, c)."""
        return posteriors_of_z_and_w(self.encoder(minibatch.inputs, minibatch.covariates))

    def pz(self, w: Float[Tensor, "replicas obs latent"], covariates: Covariates) -> Normal:
        """Return p(z | w, y, c) for every y: (replicas, clusters, obs, latent)."""
        return components_of(self.components(w, covariates), self.n_clusters)

    def px(
        self,
        z: Float[Tensor, "replicas *samples obs latent"],
        covariates: Covariates,
        library_size: Float[Tensor, "replicas *#samples obs 1"],
    ) -> Distribution:
        """Return p(x | z, c)."""
        return self.likelihood(self.decoder(z, covariates), library_size)

    def pw(self, covariates: Covariates) -> Normal:
        """Return the learned p(w | c)."""
        return clipped_normal(*self.prior(covariates).chunk(2, dim=-1))

    def kl_w(self, qw: Normal, covariates: Covariates) -> Float[Tensor, "replicas obs"]:
        """Return KL(q(w | x, c) || p(w | c))."""
        return kl_divergence(qw, self.pw(covariates)) if self.prior else qw.kl_from_standard()

    def loss_terms(self, minibatch: Minibatch) -> dict[str, Float[Tensor, "replicas obs"]]:
        """Return the terms of equation (3)."""
        c = minibatch.covariates
        qz, qw = self.posteriors(minibatch)
        z, w = qz.rsample(), qw.rsample()
        qy = ClassPosterior(self.qy(z, c), minibatch.y)
        return {
            "reconstruction": -self.px(z, c, minibatch.library_size).log_prob(minibatch.x),
            "kl_z": kl_from_components(qy, qz, self.pz(w, c)),
            "kl_w": self.kl_w(qw, c),
            **dirichlet_terms(
                qy, self.alpha, self.concentrations(z, c) if self.concentrations else None
            ),
            "classification": qy.classification,
        }

    def log_weight(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs"]:
        """Return log p(x | z, c) + log 1/K sum_y p(z | w, y, c) + log p(w | c) - log q(z | x, c) -
        log q(w | x, c) at a sample of z and of w.
        """
        c = minibatch.covariates
        qz, qw = self.posteriors(minibatch)
        z, w = qz.rsample(), qw.rsample()
        log_pw = log_density(w, self.pw(c)) if self.prior else log_standard_normal(w)
        log_p = (
            self.px(z, c, minibatch.library_size).log_prob(minibatch.x)
            + log_density_of_mixture(z, self.pz(w, c))
            + log_pw
        )
        return log_p - log_density(z, qz) - log_density(w, qw)

    def kl_z_of_each_dimension(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs latent"]:
        """Return sum_y q(y | z, c) KL(q(z_j | x, c) || p(z_j | w, y, c)) of every j, from one
        sample of z and of w.
        """
        c = minibatch.covariates
        qz, qw = self.posteriors(minibatch)
        z, w = qz.rsample(), qw.rsample()
        return kl_of_each_dimension_from_components(
            ClassPosterior(self.qy(z, c), minibatch.y), qz, self.pz(w, c)
        )

    def embed(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs latent"]:
        """Return the mean of q(z | x, c)."""
        return self.posteriors(minibatch)[0].mean

    def sample_codes(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs latent"]:
        """Return a sample of q(z | x, c)."""
        return self.posteriors(minibatch)[0].rsample()

    def prior_of_codes(
        self, noise: Float[Tensor, "replicas obs latent"], minibatch: Minibatch
    ) -> Normal:
        """Return p(z | w, y, c) for every y, w drawn from p(w | c) by the noise."""
        c = minibatch.covariates
        if not self.prior:
            return self.pz(noise, c)
        pw = self.pw(c)
        return self.pz(pw.mean + torch.exp(0.5 * pw.log_variance) * noise, c)

    def decode(
        self, z: Float[Tensor, "replicas components obs latent"], minibatch: Minibatch
    ) -> Float[Tensor, "replicas components obs vars"]:
        """Return E[x | z, c]."""
        return self.px(z, minibatch.covariates, minibatch.library_size[:, None]).mean

    def reconstruct(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs vars"]:
        """Return E[x] at the mean of q(z | x, c)."""
        return self.px(self.embed(minibatch), minibatch.covariates, minibatch.library_size).mean

    def cluster_probs(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs clusters"]:
        """Return q(y | z, c) at the mean of q(z | x, c)."""
        return torch.softmax(self.qy(self.embed(minibatch), minibatch.covariates), dim=-1)

    def predict(self, minibatch: Minibatch, covariates: Covariates) -> MixtureOfPredictions:
        """Return p(x) of every cell under other covariates, with its own w and y: equation (4)."""
        qz, qw = self.posteriors(minibatch)
        library_size = minibatch.library_size[:, None]
        return MixtureOfPredictions(
            torch.softmax(self.qy(qz.mean, minibatch.covariates), dim=-1),
            self.pz(qw.mean, covariates).mean,
            lambda z: self.px(z, covariates, library_size),
        )
