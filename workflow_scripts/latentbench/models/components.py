"""Gaussian components of a code, each with its density: what the priors that are mixtures share.

Use: in a model that needs the density of a code under every component of its prior.
Cost: a squared deviation of every code from every component.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from latentbench.maths.distributions import Normal


def log_density_by_component(
    z: Float[Tensor, "replicas obs latent"], components: Normal
) -> Float[Tensor, "replicas obs clusters"]:
    """Return log N(z; mean, variance) of every component, whose parameters have axes (replicas,
    clusters, obs or 1, latent).

    Written out: ``Normal.log_prob`` takes z for data, of which a training step may leave the value
    out (``linear_in_log_prob``).
    """
    deviations = (z[:, None] - components.mean).square() * torch.exp(-components.log_variance)
    return -0.5 * (deviations + components.log_variance + math.log(2 * math.pi)).sum(-1).transpose(
        1, 2
    )


def log_density_of_mixture(
    z: Float[Tensor, "replicas obs latent"], components: Normal
) -> Float[Tensor, "replicas obs"]:
    """Return log 1/K sum_k N(z; mean_k, variance_k) of K components that weigh the same."""
    each = log_density_by_component(z, components)
    return torch.logsumexp(each, dim=-1) - math.log(each.shape[-1])


def standard_components(noise: Float[Tensor, "replicas obs latent"]) -> Normal:
    """Return N(0, I) as the one component of a prior, with the axes of a mixture's: (replicas, 1,
    obs, latent).
    """
    zero = torch.zeros_like(noise)[:, None]
    return Normal(zero, zero)
