"""What the mixture models with a second latent w share: both posteriors from one encoder, the
components as functions of w, the divergence from them.

Means are soft-clipped to [-5, 5] and log variances to [-9, 1], so that neither a component nor a
posterior runs away while the mixture is still forming.
"""

from jaxtyping import Float
from torch import Tensor

from latentbench.maths.distributions import Normal, kl_divergence, kl_of_each_dimension
from latentbench.models.blocks import soft_clip
from latentbench.models.interface import ClassPosterior


def posteriors_of_z_and_w(outputs: Float[Tensor, "replicas obs outputs"]) -> tuple[Normal, Normal]:
    """Return q(z | .) and q(w | .) from the four parts of an encoder's outputs: mean and log
    variance of z, then of w.
    """
    z_mean, z_log_variance, w_mean, w_log_variance = outputs.chunk(4, dim=-1)
    return clipped_normal(z_mean, z_log_variance), clipped_normal(w_mean, w_log_variance)


def components_of(outputs: Float[Tensor, "replicas obs outputs"], n_clusters: int) -> Normal:
    """Return p(z | w, y) for every y, (replicas, clusters, obs, latent), from all means and then
    all log variances side by side.
    """
    mean, log_variance = outputs.unflatten(-1, (2, n_clusters, -1)).unbind(-3)
    return clipped_normal(mean.transpose(1, 2), log_variance.transpose(1, 2))


def kl_from_components(qy: ClassPosterior, qz: Normal, pz: Normal) -> Float[Tensor, "replicas obs"]:
    """Return sum_y w_y KL(q(z | .) || p(z | w, y)), the divergences in closed form."""
    return qy.expectation(kl_divergence(beside_components(qz), pz))


def kl_of_each_dimension_from_components(
    qy: ClassPosterior, qz: Normal, pz: Normal
) -> Float[Tensor, "replicas obs latent"]:
    """Return what every dimension adds to ``kl_from_components``."""
    return qy.expectation(kl_of_each_dimension(beside_components(qz), pz))


def beside_components(qz: Normal) -> Normal:
    """Return q(z | .) with an axis for the components."""
    return Normal(qz.mean[:, None], qz.log_variance[:, None])


def clipped_normal(
    mean: Float[Tensor, "*any latent"], log_variance: Float[Tensor, "*any latent"]
) -> Normal:
    """Return the Gaussian with its parameters soft-clipped."""
    return Normal(soft_clip(mean, -5.0, 5.0), soft_clip(log_variance, -9.0, 1.0))
