"""Loss kernels in plain torch, for any device and precision: the formulas that the compiled ones
repeat, and what it is tested against.

Every function takes x and the parameters of a distribution and returns log p(x), summed over vars,
and its derivative by every parameter, before any sum over broadcast axes. With mu = L softmax(a), r
= mu / theta and l = log(1 + r), equations (1) to (3) of ``compiled_counts`` hold."""

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from latentbench.kernels.sparse_rows import SparseCells

Counts = Float[Tensor, "#replicas *#samples obs vars"]
Sizes = Float[Tensor, "#replicas *#samples obs 1"]
PerVar = Float[Tensor, "replicas *samples obs vars"]
PerCell = Float[Tensor, "replicas *samples obs"]


def negative_binomial(
    x: Counts, library_size: Sizes, scale_logits: PerVar, log_theta: Tensor
) -> tuple[PerCell, tuple[PerVar, ...]]:
    """Return log NB(x) and its derivatives by ``scale_logits`` and ``log_theta``."""
    nb = _NegativeBinomialParts(x, library_size, scale_logits, log_theta)
    log_prob = (x * (nb.log_mean - nb.log_excess) - nb.at_zero + nb.constant).sum(-1)
    return log_prob, (nb.through_softmax(nb.h), nb.slope - nb.at_zero - nb.h)


def zero_inflated_negative_binomial(
    x: Counts, library_size: Sizes, scale_logits: PerVar, log_theta: Tensor, zi_logits: PerVar
) -> tuple[PerCell, tuple[PerVar, ...]]:
    """Return log ZINB(x) and its derivatives by ``scale_logits``, ``log_theta`` and
    ``zi_logits``.
    """
    nb = _NegativeBinomialParts(x, library_size, scale_logits, log_theta)
    is_zero = x == 0
    log_zero = torch.logaddexp(zi_logits, -nb.at_zero)
    log_seen = torch.where(
        is_zero, log_zero, x * (nb.log_mean - nb.log_excess) - nb.at_zero + nb.constant
    )
    from_counts = torch.where(is_zero, torch.sigmoid(-zi_logits - nb.at_zero), 1.0)
    inflated = torch.where(is_zero, torch.sigmoid(zi_logits + nb.at_zero), 0.0)
    log_prob = (log_seen - F.softplus(zi_logits)).sum(-1)
    return log_prob, (
        nb.through_softmax(from_counts * nb.h),
        from_counts * (nb.slope - nb.at_zero - nb.h),
        inflated - torch.sigmoid(zi_logits),
    )


def poisson(
    x: Counts, library_size: Sizes, scale_logits: PerVar
) -> tuple[PerCell, tuple[PerVar, ...]]:
    """Return log Poisson(x) and its derivative x - softmax(a) sum x: the sum of mu is the library
    size whatever the logits.
    """
    log_shares = F.log_softmax(scale_logits, dim=-1)
    constant = -torch.lgamma(x.double() + 1).sum(-1) - library_size.squeeze(-1)
    log_prob = (x * (log_shares + torch.log(library_size))).sum(-1) + constant.to(x.dtype)
    return log_prob, (x - torch.exp(log_shares) * x.sum(-1, keepdim=True),)


def bernoulli(x: Counts, logits: PerVar) -> tuple[PerCell, tuple[PerVar, ...]]:
    """Return log Bernoulli(x) = x a - log(1 + exp a) and its derivative by the logits a."""
    return (x * logits - F.softplus(logits)).sum(-1), (x - torch.sigmoid(logits),)


def continuous_bernoulli(x: Counts, logits: PerVar) -> tuple[PerCell, tuple[PerVar, ...]]:
    """Return log CB(x) = x a - max(a, 0) - log((1 - exp(-s)) / s), s = |a|, and its derivative x -
    mean by the logits a.
    """
    near = (
        logits.abs() < 0.3
    )  # there the Taylor series is right to 1e-9, the differences below lose as much
    size = torch.where(near, 1.0, logits.abs())
    square = logits.square()
    log_near = -logits.abs() / 2 + square / 24 - square**2 / 2880 + square**3 / 181440
    log_rest = torch.where(near, log_near, torch.log(-torch.expm1(-size)) - torch.log(size))
    return (x * logits - logits.clamp(min=0) - log_rest).sum(-1), (
        x - continuous_bernoulli_mean(logits),
    )


def continuous_bernoulli_mean(logits: PerVar) -> PerVar:
    """Return 1 / (1 - exp(-a)) - 1 / a, or its Taylor series near 0."""
    near = logits.abs() < 0.3
    a = torch.where(near, 1.0, logits)
    square = logits.square()
    series = 0.5 + logits * (1 / 12 - square * (1 / 720 - square * (1 / 30240 - square / 1209600)))
    return torch.where(near, series, -1 / torch.expm1(-a) - 1 / a)


def gaussian(x: Counts, mean: PerVar, log_variance: Tensor) -> tuple[PerCell, tuple[PerVar, ...]]:
    """Return log N(x; mean, exp(log_variance)) and its derivatives by mean and log variance."""
    gap, precision = x - mean, torch.exp(-log_variance)
    scaled = gap.square() * precision
    return -0.5 * (scaled + log_variance + math.log(2 * math.pi)).sum(-1), (
        gap * precision,
        0.5 * (scaled - 1),
    )


FORMULAS = {
    "negative_binomial": negative_binomial,
    "zero_inflated_negative_binomial": zero_inflated_negative_binomial,
    "poisson": poisson,
    "bernoulli": bernoulli,
    "continuous_bernoulli": continuous_bernoulli,
    "gaussian": gaussian,
}


def value(name: str, data: tuple[Any, ...], parameters: tuple[Tensor, ...]) -> PerCell:
    """Return log p of a family by name: (replicas, *samples, obs)."""
    return FORMULAS[name](*dense(data, parameters), *_wide(parameters))[0]


def gradient(
    name: str, data: tuple[Any, ...], parameters: tuple[Tensor, ...], upstream: PerCell
) -> tuple[Tensor, ...]:
    """Return the gradients of sum ``upstream`` * log p by the parameters: derivatives, weighted,
    summed over the axes that were broadcast.
    """
    _, derivatives = FORMULAS[name](*dense(data, parameters), *_wide(parameters))
    weighted = (derivative * upstream.unsqueeze(-1) for derivative in derivatives)
    return tuple(
        each.sum_to_size(parameter.shape).to(parameter.dtype)
        for each, parameter in zip(weighted, parameters, strict=True)
    )


def dense(data: tuple[Any, ...], parameters: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Return x, and the library sizes if there are any, as dense tensors where the parameters are,
    in the precision in which formulas are evaluated.
    """
    device, dtype = parameters[0].device, _wide(parameters)[0].dtype
    tensors = (each.to_dense() if isinstance(each, SparseCells) else each for each in data)
    return tuple(each.to(device, dtype) for each in tensors)


def _wide(parameters: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Return parameters that came in bfloat16 as float32: formulas are never evaluated in half
    precision.
    """
    return tuple(
        parameter.float() if parameter.dtype == torch.bfloat16 else parameter
        for parameter in parameters
    )


class _NegativeBinomialParts:
    """The terms that NB and ZINB share, by the names of ``compiled_counts``: h, ``slope`` T,
    ``at_zero`` theta l, ``constant`` R - lgamma(x + 1).
    """

    def __init__(
        self, x: Counts, library_size: Sizes, scale_logits: PerVar, log_theta: Tensor
    ) -> None:
        theta = torch.exp(log_theta)
        log_shares = F.log_softmax(scale_logits, dim=-1)
        self.shares = torch.exp(log_shares)
        self.log_mean = log_shares + torch.log(library_size)
        mean = self.shares * library_size
        ratio = mean / theta
        self.log_excess = torch.log1p(ratio)
        self.at_zero = theta * self.log_excess
        self.h = (x - mean) / (1 + ratio)
        rising, slope = log_rising(x.double(), log_theta.double())
        self.constant = (rising - torch.lgamma(x.double() + 1)).to(x.dtype)
        self.slope = slope.to(x.dtype)

    def through_softmax(self, gradient: PerVar) -> PerVar:
        """Turn a derivative by log mu into one by the logits."""
        return gradient - self.shares * gradient.sum(-1, keepdim=True)


def log_rising(
    x: Float[Tensor, "*x"], log_theta: Float[Tensor, "*theta"]
) -> tuple[Float[Tensor, "*any"], Float[Tensor, "*any"]]:
    """Return R = lgamma(x + theta) - lgamma(theta) - x log theta and T = theta (digamma(x + theta)
    - digamma(theta)), in double precision.

    Differences of large terms when theta is large: hence the precision.
    """
    theta = torch.exp(log_theta)
    rising = torch.lgamma(x + theta) - torch.lgamma(theta) - x * log_theta
    return rising, theta * (torch.digamma(x + theta) - torch.digamma(theta))
