"""The y and d terms of the mixture models whose class probabilities d are drawn from a Dirichlet
for every cell: y | d ~ Cat(d), d ~ Dir(alpha).

explicit:  KL(q(y) || p(y | d)) + KL(Dir(g) || Dir(alpha)),
               E[log d_k] = digamma(g_k) - digamma(sum g) in place of a sample of d   (1)
collapsed: the optimal q(d) is Dir(alpha + q(y)), and the two terms sum to
               C_alpha(q) = -H(q) - log[B(alpha + q) / B(alpha)]                      (2)
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Dirichlet
from torch.distributions import kl_divergence as torch_kl_divergence
from torch.nn import functional as F

from latentbench.models.interface import ClassPosterior


def dirichlet_terms(
    qy: ClassPosterior, alpha: float, concentrations: Float[Tensor, "replicas obs clusters"] | None
) -> dict[str, Float[Tensor, "replicas obs"]]:
    """Return ``kl_y`` and ``kl_d`` of equation (1), g the softplus of a network's outputs; without
    such a network ``kl_y`` of equation (2).
    """
    if concentrations is None:
        return {"kl_y": qy.negative_entropy - log_beta_ratio(qy.weights, alpha)}
    g = F.softplus(concentrations) + 1e-3  # a Dirichlet with a zero concentration has no density
    expected_log_d = torch.digamma(g) - torch.digamma(g.sum(-1, keepdim=True))
    return {
        "kl_y": qy.negative_entropy - (qy.weights * expected_log_d).sum(-1),
        "kl_d": torch_kl_divergence(Dirichlet(g), Dirichlet(torch.full_like(g, alpha))),
    }


def log_beta_ratio(qy: Float[Tensor, "*any clusters"], alpha: float) -> Float[Tensor, "*any"]:
    """Return log[B(alpha + q) / B(alpha)] of equation (2), B the multivariate beta of a symmetric
    alpha.
    """
    prior = torch.full((qy.shape[-1],), alpha, dtype=qy.dtype, device=qy.device)
    return (torch.lgamma(prior + qy) - torch.lgamma(prior)).sum(-1) - (
        torch.lgamma(prior.sum() + 1) - torch.lgamma(prior.sum())
    )
