"""The thesis's model: a Gaussian-mixture VAE whose class probabilities d are drawn from a Dirichlet
for every cell.

    p(x, y, z, w, d) = p(x | z) p(z | w, y) p(y | d) p(d) p(w)                       (1)
      w ~ N(0, I),  d ~ Dir(alpha),  y | d ~ Cat(d),  z | w, y ~ N(mu_y(w), diag s_y(w)^2)
    q(y, z, w, d | x) = q(z | x) q(w | x) q(y | z) q(d | z),  q(d | z) = Dir(g(z))   (2)
    -ELBO(x) = E[-log p(x | z)] + E sum_y q(y | z) KL(q(z | x) || p(z | w, y))
               + KL(q(w | x) || p(w)) + E KL(q(y | z) || p(y | d))
               + E KL(Dir(g(z)) || Dir(alpha))                                               (3)
    qy "zx": q(y | z, x) in place of q(y | z) throughout
    collapsed: the optimal q(d | z) is Dir(alpha + q(y | z)), and the y and d terms sum to
      C_alpha(q) = -H(q) - log[B(alpha + q) / B(alpha)],  B the multivariate beta    (4)

One sample of z and w, y enumerated, d integrated: E[log d_k] = digamma(g_k) - digamma(sum g) in
place of a sample. p(y) is 1/K whatever alpha: the generative model is the uniform-prior mixture,
alpha changes only the bound. Symbols to code: mu_y and s_y are ``components``; g is
``concentrations``; q(y | z) or q(y | z, x) is ``qy``; (4) is in dirichlet.py. mu is soft-clipped to
[-5, 5], log s^2 to [-9, 1].

Use: to find groups and, apart from them in w, what varies inside a group.
Cost: one pass of encoder and decoder a step; the enumerated components cost little: hardly grows
with the number of clusters.
"""

from typing import Annotated, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from latentbench.maths.distributions import Distribution, Normal, log_density, log_standard_normal
from latentbench.maths.likelihoods import AbstractLikelihood
from latentbench.models.blocks import MLP, Decoder
from latentbench.models.components import log_density_of_mixture
from latentbench.models.dirichlet import dirichlet_terms
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


class DirichletMixtureVAE(AbstractTwoLatentModel, AbstractClusteringModel):
    """Dirichlet mixture VAE with any likelihood; ``dirichlet`` is ``"collapsed"`` (4) or
    ``"explicit"`` (3).

    ``qy`` says what y is inferred from: ``"z"``, or ``"zx"``, where the factor q(y | z) of
    ``inference`` is q(y | z, x).
    """

    generative = "p(w) p(d|alpha) p(y|d) p(z|w,y) p(x|z)"
    inference = "q(z|x) q(w|x) q(y|z) q(d|z)"
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
        alpha: float = 1.0,
        dirichlet: Annotated[
            Literal["collapsed", "explicit"],
            Option("integrate d at its optimum, or with a network g(z)"),
        ] = "collapsed",
        qy: Annotated[
            Literal["z", "zx"], Option("what y is inferred from: q(y | z), or q(y | z, x)")
        ] = "z",
    ) -> None:
        super().__init__()
        self.likelihood = likelihood
        self.n_clusters, self.n_latent, self.alpha = n_clusters, n_latent, alpha
        self.encoder = MLP(
            n_vars, 4 * n_latent, n_hidden=n_hidden, n_layers=n_layers, dropout=dropout
        )
        # On (x, z) side by side: x first, which may be sparse.
        self.qy_reads_x = qy == "zx"
        self.qy = (
            MLP(n_vars, n_clusters, n_hidden=n_hidden, n_covariates=n_latent)
            if self.qy_reads_x
            else MLP(n_latent, n_clusters, n_hidden=n_hidden)
        )
        self.concentrations = (
            MLP(n_latent, n_clusters, n_hidden=n_hidden) if dirichlet == "explicit" else None
        )
        self.components = MLP(n_latent, 2 * n_clusters * n_latent, n_hidden=n_hidden)
        self.decoder = Decoder(n_latent, likelihood.n_outputs, n_hidden=n_hidden, n_layers=n_layers)

    def posteriors(self, minibatch: Minibatch) -> tuple[Normal, Normal]:
        """Return q(z | x) and q(w | x)."""
        return posteriors_of_z_and_w(self.encoder(minibatch.inputs))

    def pz(self, w: Float[Tensor, "replicas obs latent"]) -> Normal:
        """Return p(z | w, y) for every y: (replicas, clusters, obs, latent)."""
        return components_of(self.components(w), self.n_clusters)

    def class_logits(
        self, z: Float[Tensor, "replicas obs latent"], minibatch: Minibatch
    ) -> Float[Tensor, "replicas obs clusters"]:
        """Return the logits of q(y | z) or q(y | z, x)."""
        return self.qy(minibatch.inputs, z) if self.qy_reads_x else self.qy(z)

    def px(self, z: Float[Tensor, "replicas obs latent"], minibatch: Minibatch) -> Distribution:
        """Return p(x | z)."""
        return self.likelihood(self.decoder(z), minibatch.library_size)

    def loss_terms(self, minibatch: Minibatch) -> dict[str, Float[Tensor, "replicas obs"]]:
        """Return the terms of equation (3), with (4) in place of the last two when collapsed."""
        qz, qw = self.posteriors(minibatch)
        z, w = qz.rsample(), qw.rsample()
        qy = ClassPosterior(self.class_logits(z, minibatch), minibatch.y)
        return {
            "reconstruction": -self.px(z, minibatch).log_prob(minibatch.x),
            "kl_z": kl_from_components(qy, qz, self.pz(w)),
            "kl_w": qw.kl_from_standard(),
            **dirichlet_terms(
                qy, self.alpha, self.concentrations(z) if self.concentrations else None
            ),
            "classification": qy.classification,
        }

    def log_weight(self, minibatch: Minibatch) -> Float[Tensor, "replicas obs"]:
        """Return log p(x | z) + log 1/K sum_y p(z | w, y) + log p(w) - log q(z | x) - log q(w | x)
        at a sample of z and of w; d is integrated out.
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
        """Return sum_y q(y | z) KL(q(z_j | x) || p(z_j | w, y)) of every j, from one sample of z
        and of w.
        """
        qz, qw = self.posteriors(minibatch)
        z, w = qz.rsample(), qw.rsample()
        return kl_of_each_dimension_from_components(
            ClassPosterior(self.class_logits(z, minibatch), minibatch.y), qz, self.pz(w)
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
        """Return q(y | z) or q(y | z, x) at the mean of q(z | x)."""
        return torch.softmax(self.class_logits(self.embed(minibatch), minibatch), dim=-1)
