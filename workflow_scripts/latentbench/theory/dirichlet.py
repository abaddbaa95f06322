"""What the Dirichlet prior of the thesis's model does to the bound: nothing to the generative model
(docs/models.md, ``gmvae_dirichlet``).

C_alpha(q) = -H(q) - log[B(alpha + q) / B(alpha)]                        (1)
C_alpha(q) = min over g of KL(q || p(y | d)) + KL(Dir(g) || Dir(alpha)), reached at g = alpha + q
    (2)
C_alpha(one-hot) = log K;  C_alpha(q) >= KL(q || uniform);  p(y) = E[d_y] = 1/K
                           (3)
below some alpha the uniform q costs more than a one-hot one             (4)
"""

import math

import numpy as np
import torch
from jaxtyping import Float
from scipy.optimize import brentq
from torch import Tensor
from torch.distributions import Dirichlet, kl_divergence

from latentbench.models.dirichlet import log_beta_ratio
from latentbench.theory.checks import Check, at_most, equal

FLIPS = {10: 0.233, 7: 0.247, 20: 0.207}
"""Number of components -> the alpha at which the preference flips."""


def checks() -> list[Check]:
    """Check (1)-(4)."""
    q = torch.from_numpy(np.random.default_rng(0).dirichlet(np.full(10, 0.5), size=200))
    return [*constant_checks(), *bound_checks(q), *flip_checks()]


def collapsed_term(q: Float[Tensor, "*any clusters"], alpha: float) -> Float[Tensor, "*any"]:
    """Return C_alpha(q), equation (1)."""
    return torch.xlogy(q, q).sum(-1) - log_beta_ratio(q, alpha)


def explicit_terms(
    q: Float[Tensor, "obs clusters"], g: Float[Tensor, "*samples obs clusters"], alpha: float
) -> Float[Tensor, "*samples obs"]:
    """Return KL(q || p(y | d)) + KL(Dir(g) || Dir(alpha)) with E[log d_k] = digamma(g_k) -
    digamma(sum g).
    """
    expected_log_d = torch.digamma(g) - torch.digamma(g.sum(-1, keepdim=True))
    return (torch.xlogy(q, q) - q * expected_log_d).sum(-1) + kl_divergence(
        Dirichlet(g), Dirichlet(torch.full_like(g, alpha))
    )


def constant_checks(n_clusters: int = 10) -> list[Check]:
    """Check the constants of (3), for every alpha."""
    onehot, uniform = (
        torch.eye(n_clusters, dtype=torch.float64),
        torch.full((n_clusters,), 1 / n_clusters, dtype=torch.float64),
    )
    checks = []
    for alpha in (0.1, 1.0, 5.0):
        cost, prior = (
            collapsed_term(onehot, alpha).numpy(),
            torch.exp(log_beta_ratio(onehot, alpha)).numpy(),
        )
        checks += [
            equal(
                "Dirichlet (3)",
                f"alpha = {alpha}: a one-hot q costs log K",
                cost,
                np.full(n_clusters, math.log(n_clusters)),
            ),
            equal(
                "Dirichlet (3)",
                f"alpha = {alpha}: p(y) is 1/K",
                prior,
                np.full(n_clusters, 1 / n_clusters),
            ),
        ]
    return [
        *checks,
        equal(
            "Dirichlet (1)",
            "alpha = 1, K = 10: the uniform q costs 0.499",
            collapsed_term(uniform, 1.0).item(),
            0.499,
            tolerance=5e-4,
        ),
        equal(
            "Dirichlet (1)",
            "alpha = 1, K = 10: a one-hot q costs 2.303",
            collapsed_term(onehot, 1.0)[0].item(),
            2.303,
            tolerance=5e-4,
        ),
    ]


def bound_checks(q: Float[Tensor, "obs clusters"]) -> list[Check]:
    """Check (2), and the inequality of (3), on many q."""
    n_clusters = q.shape[1]
    divergence = torch.xlogy(q, q).sum(-1) + math.log(n_clusters)
    factors = torch.from_numpy(np.random.default_rng(1).lognormal(sigma=0.3, size=(50, *q.shape)))
    checks = []
    for alpha in (0.1, 1.0, 5.0):
        collapsed = collapsed_term(q, alpha)
        least = (explicit_terms(q, (alpha + q) * factors, alpha) - collapsed).min().item()
        checks += [
            equal(
                "Dirichlet (2)",
                f"alpha = {alpha}: at g = alpha + q the two terms sum to C",
                explicit_terms(q, alpha + q, alpha).numpy(),
                collapsed.numpy(),
            ),
            at_most(
                "Dirichlet (2)",
                f"alpha = {alpha}: no other g does better (least difference)",
                0.0,
                least,
            ),
            at_most(
                "Dirichlet (3)",
                f"alpha = {alpha}: KL(q || uniform) is at most C (least difference)",
                0.0,
                (collapsed - divergence).min().item(),
            ),
        ]
    return checks


def flip_checks() -> list[Check]:
    """Check (4): the alpha at which the uniform q costs what a one-hot one does."""
    return [
        equal(
            "Dirichlet (4)",
            f"K = {n_clusters}: the preference flips at alpha = {stated}",
            flip(n_clusters),
            stated,
            tolerance=5e-4,
        )
        for n_clusters, stated in FLIPS.items()
    ]


def flip(n_clusters: int) -> float:
    """Return the alpha at which C_alpha(uniform) = log K."""
    uniform = torch.full((n_clusters,), 1 / n_clusters, dtype=torch.float64)
    return float(
        brentq(
            lambda alpha: collapsed_term(uniform, float(alpha)).item() - math.log(n_clusters),
            0.05,
            1.0,
        )
    )
