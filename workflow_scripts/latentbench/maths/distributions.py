"""Distribution objects whose event is the last axis: ``log_prob`` sums over it, every axis before
it (replicas first) is kept.

Work is done in logs throughout. NB and ZINB are parametrised by mean and inverse dispersion (Lopez
2018, doi:10.1038/s41592-018-0229-2, eq. 1-4 of its supplement); the mean is ``library_size *
softmax(scale_logits)``, kept as logits because gradients and limits are best taken there."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from latentbench.kernels import latents
from latentbench.kernels import log_prob as kernels
from latentbench.kernels.reference import continuous_bernoulli_mean
from latentbench.kernels.sparse_rows import SparseCells
from latentbench.maths.random_streams import (
    gamma_of,
    poisson_of,
    standard_normal_like,
    uniform_like,
)


@runtime_checkable
class Distribution(Protocol):
    """What a likelihood returns: p(x | z) of a minibatch."""

    @property
    def mean(self) -> Float[Tensor, "replicas *#samples obs vars"]:
        """The expectation of x."""
        ...

    def log_prob(
        self, x: Float[Tensor, "#replicas *#samples obs vars"] | SparseCells
    ) -> Float[Tensor, "replicas *#samples obs"]:
        """Return log p(x | z), summed over vars."""
        ...


@runtime_checkable
class Predicted(Protocol):
    """What a model says of cells under other covariates. Of counts it also has ``sample()``, which
    draws them from the active random streams.
    """

    @property
    def mean(self) -> Float[Tensor, "replicas obs vars"]:
        """The expectation of x."""
        ...


@dataclass(frozen=True)
class Normal:
    """N(mean, exp(log_variance)), diagonal; the log variance may have axes of length one."""

    mean: Float[Tensor, "*any dims"]
    log_variance: Float[Tensor, "*#any #dims"]

    def log_prob(self, x: Float[Tensor, "*#any dims"]) -> Float[Tensor, "*#any"]:
        """Return the log density of ``x``, its constant included: by a kernel where x is data,
        which nobody asks a gradient of.
        """
        if not x.requires_grad and self.mean.ndim >= 3:
            return kernels.gaussian(x, self.mean, self.log_variance)
        squares = (x - self.mean).square() * torch.exp(-self.log_variance)
        return -0.5 * (squares + self.log_variance + math.log(2 * math.pi)).sum(-1)

    def rsample(self) -> Float[Tensor, "*any dims"]:
        """Return one reparameterised sample, its noise drawn from the active random streams."""
        return latents.reparameterised(
            self.mean, self.log_variance.expand_as(self.mean), standard_normal_like(self.mean)
        )

    def kl_from_standard(self) -> Float[Tensor, "*any"]:
        """Return KL(self || N(0, I)), summed over the last axis."""
        return latents.kl_from_standard_normal(self.mean, self.log_variance)

    def kl_of_each_dimension_from_standard(self) -> Float[Tensor, "*any dims"]:
        """Return KL(self || N(0, I)) of every dimension by itself."""
        return 0.5 * (torch.exp(self.log_variance) + self.mean.square() - 1 - self.log_variance)


def kl_divergence(q: Normal, p: Normal) -> Float[Tensor, "*any"]:
    """Return KL(q || p) of diagonal Gaussians, summed over the last axis; shapes broadcast."""
    return 0.5 * _twice_kl_of_each_dimension(q, p).sum(-1)


def kl_of_each_dimension(q: Normal, p: Normal) -> Float[Tensor, "*any dims"]:
    """Return KL(q || p) of every dimension by itself; shapes broadcast."""
    return 0.5 * _twice_kl_of_each_dimension(q, p)


def _twice_kl_of_each_dimension(q: Normal, p: Normal) -> Float[Tensor, "*any dims"]:
    log_ratio = q.log_variance - p.log_variance
    scaled = (q.mean - p.mean).square() * torch.exp(-p.log_variance)
    return torch.exp(log_ratio) + scaled - 1 - log_ratio


def log_density(z: Float[Tensor, "*#any dims"], p: Normal) -> Float[Tensor, "*any"]:
    """Return log p(z) of a latent; shapes broadcast. ``Normal.log_prob`` is for data."""
    squares = (z - p.mean).square() * torch.exp(-p.log_variance)
    return -0.5 * (squares + p.log_variance + math.log(2 * math.pi)).sum(-1)


def log_standard_normal(z: Float[Tensor, "*any dims"]) -> Float[Tensor, "*any"]:
    """Return log N(z; 0, I)."""
    return -0.5 * (z.square() + math.log(2 * math.pi)).sum(-1)


@dataclass(frozen=True)
class Bernoulli:
    """Independent {0, 1} values with the given logits."""

    logits: Float[Tensor, "replicas *samples obs vars"]

    @property
    def mean(self) -> Float[Tensor, "replicas *#samples obs vars"]:
        """The probability of 1."""
        return torch.sigmoid(self.logits)

    def log_prob(
        self, x: Float[Tensor, "#replicas *#samples obs vars"]
    ) -> Float[Tensor, "replicas *#samples obs"]:
        """Return log p(x): x a - log(1 + exp a), summed over vars."""
        return kernels.bernoulli(x, self.logits)


@dataclass(frozen=True)
class ContinuousBernoulli:
    """Independent values in [0, 1]: a Bernoulli form with its normaliser C(l) (Loaiza-Ganem and
    Cunningham 2019, arXiv:1907.06845, eq. 7).
    """

    logits: Float[Tensor, "replicas *samples obs vars"]

    @property
    def mean(self) -> Float[Tensor, "replicas *#samples obs vars"]:
        """E[x] = l / (2 l - 1) + 1 / (2 artanh(1 - 2 l)) = 1 / (1 - exp(-a)) - 1 / a with a =
        logit(l); 1/2 + a / 12 near a = 0.
        """
        return continuous_bernoulli_mean(self.logits)

    def log_prob(
        self, x: Float[Tensor, "#replicas *#samples obs vars"]
    ) -> Float[Tensor, "replicas *#samples obs"]:
        """Return log p(x) = x a + log(a / (exp(a) - 1)), summed over vars: x a - softplus(a) + log
        C(l) with both logarithms taken together.
        """
        return kernels.continuous_bernoulli(x, self.logits)


@dataclass(frozen=True)
class Poisson:
    """Poisson counts with mean ``library_size * softmax(scale_logits)``."""

    scale_logits: Float[Tensor, "replicas *samples obs vars"]
    library_size: Float[Tensor, "#replicas *#samples obs 1"]

    @property
    def log_mean(self) -> Float[Tensor, "replicas *#samples obs vars"]:
        """log mu."""
        return torch.log(self.library_size) + F.log_softmax(self.scale_logits, dim=-1)

    @property
    def mean(self) -> Float[Tensor, "replicas *#samples obs vars"]:
        """mu."""
        return torch.exp(self.log_mean)

    def log_prob(
        self, x: Float[Tensor, "#replicas *#samples obs vars"] | SparseCells
    ) -> Float[Tensor, "replicas *#samples obs"]:
        """Return log p(x) = x log mu - mu - lgamma(x + 1), summed over vars."""
        return kernels.poisson(x, self.library_size, self.scale_logits)

    def sample(self) -> Float[Tensor, "replicas *#samples obs vars"]:
        """Return one draw, from the active random streams."""
        return poisson_of(self.mean)


@dataclass(frozen=True)
class NegativeBinomial:
    """NB counts with mean mu = ``library_size * softmax(scale_logits)`` and inverse dispersion
    theta: variance mu + mu^2 / theta.
    """

    scale_logits: Float[Tensor, "replicas *samples obs vars"]
    library_size: Float[Tensor, "#replicas *#samples obs 1"]
    log_theta: Float[Tensor, "replicas *#samples #obs vars"]

    @property
    def log_mean(self) -> Float[Tensor, "replicas *#samples obs vars"]:
        """log mu."""
        return torch.log(self.library_size) + F.log_softmax(self.scale_logits, dim=-1)

    @property
    def mean(self) -> Float[Tensor, "replicas *#samples obs vars"]:
        """mu."""
        return torch.exp(self.log_mean)

    def log_prob(
        self, x: Float[Tensor, "#replicas *#samples obs vars"] | SparseCells
    ) -> Float[Tensor, "replicas *#samples obs"]:
        """Return log p(x) = lgamma(x+t) - lgamma(t) - lgamma(x+1) + t log(t/(t+m)) + x
        log(m/(t+m)), summed over vars.
        """
        return kernels.negative_binomial(x, self.library_size, self.scale_logits, self.log_theta)

    def sample(self) -> Float[Tensor, "replicas *#samples obs vars"]:
        """Return one draw, from the active random streams: a Poisson count whose rate is mu g /
        theta, g from Gamma(theta, 1).
        """
        theta = torch.exp(self.log_theta)
        return poisson_of(self.mean * gamma_of(theta.expand_as(self.mean)) / theta)


@dataclass(frozen=True)
class ZeroInflatedNegativeBinomial:
    """NB counts that are set to zero with probability pi = sigmoid(``zi_logits``)."""

    counts: NegativeBinomial
    zi_logits: Float[Tensor, "replicas *samples obs vars"]

    @property
    def mean(self) -> Float[Tensor, "replicas *#samples obs vars"]:
        """(1 - pi) mu."""
        return torch.sigmoid(-self.zi_logits) * self.counts.mean

    def log_prob(
        self, x: Float[Tensor, "#replicas *#samples obs vars"] | SparseCells
    ) -> Float[Tensor, "replicas *#samples obs"]:
        """Return log p(x): log(1 - pi) + NB(x) for x > 0, log(pi + (1 - pi) NB(0)) at 0, summed
        over vars.
        """
        nb = self.counts
        return kernels.zero_inflated_negative_binomial(
            x, nb.library_size, nb.scale_logits, nb.log_theta, self.zi_logits
        )

    def sample(self) -> Float[Tensor, "replicas *#samples obs vars"]:
        """Return one draw, from the active random streams."""
        drawn = self.counts.sample()
        return torch.where(
            uniform_like(drawn) < torch.sigmoid(self.zi_logits), torch.zeros_like(drawn), drawn
        )


@dataclass(frozen=True)
class MixtureOfPredictions:
    """sum_y w_y p(x | z_y) of every cell; ``px`` decodes codes with an axis of clusters."""

    weights: Float[Tensor, "replicas obs clusters"]
    z: Float[Tensor, "replicas clusters obs latent"]
    px: Callable[[Float[Tensor, "replicas clusters obs latent"]], Distribution]

    @property
    def mean(self) -> Float[Tensor, "replicas obs vars"]:
        """sum_y w_y E[x | z_y]."""
        return torch.einsum("rok,rkov->rov", self.weights, self.px(self.z).mean)

    def sample(self) -> Float[Tensor, "replicas obs vars"]:
        """Return one draw of counts: y by its weights, then x, from the active random streams."""
        below = uniform_like(self.weights[..., :1]) < self.weights.cumsum(-1)
        y = (~below).sum(-1).clamp(max=self.weights.shape[-1] - 1)
        rows = y[:, None, :, None].expand(-1, 1, -1, self.z.shape[-1])
        return self.px(self.z.gather(1, rows)).sample()[:, 0]
