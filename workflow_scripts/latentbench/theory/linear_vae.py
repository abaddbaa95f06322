"""A linear VAE is probabilistic PCA (Tipping and Bishop 1999, doi:10.1111/1467-9868.00196; Lucas
2019, arXiv:1911.02469).

    p(z) = N(0, I),  p(x | z) = N(W z + m, s^2 I),  q(z | x) = N(V (x - m), C)
                     (1)
    W_ML = U_l (Lambda_l - s^2 I)^(1/2) R,  s^2_ML = mean of the discarded eigenvalues
                                            (2)
    at (2) the mean log p(x) is -1/2 [n log 2 pi + sum_{i <= l} log lambda_i + (n - l) log s^2 + n]
        (3)
    at a given s^2, every direction with lambda_i <= s^2 collapses: its column of W is zero and q is
        the prior there   (4)

lambda_i, U are eigenvalues and eigenvectors of the covariance of x. With R = I the posterior's
covariance is diagonal, so a VAE with a diagonal q reaches (3)."""

import numpy as np
from jaxtyping import Float

from latentbench.theory.checks import Check, at_most, equal, unequal
from latentbench.theory.evidence_bound import Gaussian, LinearGaussian, gaussian_kl

EIGENVALUES = np.array([9.0, 5.0, 3.0, 1.2, 0.8, 0.4])
N_LATENT = 3


def checks() -> list[Check]:
    """Check (2)-(4) on data whose covariance has the eigenvalues 9, 5, 3, 1.2, 0.8, 0.4."""
    rng = np.random.default_rng(0)
    whitened = np.linalg.qr(np.hstack([np.ones((200, 1)), rng.standard_normal((200, 6))]))[0][
        :, 1:
    ] * np.sqrt(200)
    X = whitened * np.sqrt(EIGENVALUES) @ np.linalg.qr(rng.standard_normal((6, 6)))[
        0
    ] + rng.standard_normal(6)
    return [*maximum_likelihood_checks(X), *collapse_checks(X, variance=2.0)]


def maximum_likelihood(
    X: Float[np.ndarray, "obs vars"], n_latent: int, *, variance: float | None = None
) -> LinearGaussian:
    """Return equation (2) with R = I; a given ``variance`` is kept, and eigenvalues below it are
    cut to it.
    """
    eigenvalues, U = _spectrum(X)
    s2 = float(eigenvalues[n_latent:].mean()) if variance is None else variance
    return LinearGaussian(
        U[:, :n_latent] * np.sqrt(np.maximum(eigenvalues[:n_latent] - s2, 0)), X.mean(axis=0), s2
    )


def fit_by_em(
    X: Float[np.ndarray, "obs vars"],
    n_latent: int,
    *,
    variance: float | None = None,
    n_iterations: int = 3000,
) -> LinearGaussian:
    """Return the linear VAE at the maximum of its bound: q and (W, s^2) in turns, each in closed
    form, from random weights.

    Neither eigenvalues nor eigenvectors appear in it. ``variance`` None learns s^2.
    """
    S = np.cov(X.T, bias=True)
    W, s2 = (
        np.random.default_rng(1).standard_normal((X.shape[1], n_latent)),
        (1.0 if variance is None else variance),
    )
    for _ in range(n_iterations):
        M = W.T @ W + s2 * np.eye(n_latent)
        S_W = S @ W
        moments = s2 * np.eye(n_latent) + np.linalg.solve(M, W.T @ S_W)
        W_new = S_W @ np.linalg.inv(moments)
        if variance is None:
            s2 = float(np.trace(S - S_W @ np.linalg.inv(M) @ W_new.T) / len(S))
        W = W_new
    return LinearGaussian(W, X.mean(axis=0), s2)


def mean_elbo(model: LinearGaussian, X: Float[np.ndarray, "obs vars"], *, diagonal: bool) -> float:
    """Return the mean bound at the best q, or at the best q of diagonal covariance: variances s^2 /
    (W'W + s^2 I)_jj.
    """
    total = 0.0
    for x in X:
        q = model.posterior(x)
        if diagonal:
            q = Gaussian(q.mean, np.diag(1 / np.diag(np.linalg.inv(q.covariance))))
        total += model.elbo(x, q)
    return total / len(X)


def maximum_likelihood_checks(X: Float[np.ndarray, "obs vars"]) -> list[Check]:
    """Check (2) and (3), s^2 learned."""
    eigenvalues, _ = _spectrum(X)
    closed, trained = maximum_likelihood(X, N_LATENT), fit_by_em(X, N_LATENT)
    n_vars = X.shape[1]
    log_det = np.log(eigenvalues[:N_LATENT]).sum() + (n_vars - N_LATENT) * np.log(closed.variance)
    evidence = -0.5 * (n_vars * np.log(2 * np.pi) + log_det + n_vars)
    rotation = np.linalg.qr(np.random.default_rng(2).standard_normal((N_LATENT, N_LATENT)))[0]
    rotated = LinearGaussian(closed.W @ rotation, closed.m, closed.variance)
    perturbed = LinearGaussian(
        closed.W + 0.05 * np.random.default_rng(3).standard_normal(closed.W.shape),
        closed.m,
        closed.variance,
    )
    return [
        equal(
            "pPCA (2)",
            "the trained linear VAE has the closed form's W W'",
            trained.W @ trained.W.T,
            closed.W @ closed.W.T,
            tolerance=1e-6,
        ),
        equal(
            "pPCA (2)",
            "its s^2 is the mean discarded eigenvalue",
            trained.variance,
            eigenvalues[N_LATENT:].mean(),
            tolerance=1e-6,
        ),
        equal(
            "pPCA (3)",
            "mean log p(x) at the closed form",
            float(closed.marginal.log_prob(X).mean()),
            evidence,
        ),
        at_most(
            "pPCA (2)",
            "other weights have a lower mean log p(x)",
            float(perturbed.marginal.log_prob(X).mean()),
            evidence,
            tolerance=-1e-4,
        ),
        equal(
            "linear VAE",
            "with R = I the bound of a diagonal q is the evidence",
            mean_elbo(closed, X, diagonal=True),
            evidence,
        ),
        equal(
            "linear VAE",
            "with any R the bound of a full q is the evidence",
            mean_elbo(rotated, X, diagonal=False),
            evidence,
        ),
        unequal(
            "linear VAE",
            "with R not I the bound of a diagonal q is below it",
            mean_elbo(rotated, X, diagonal=True),
            evidence,
        ),
    ]


def collapse_checks(X: Float[np.ndarray, "obs vars"], *, variance: float) -> list[Check]:
    """Check (4): with more latent dimensions than eigenvalues above a given s^2, those left over
    collapse.
    """
    eigenvalues, _ = _spectrum(X)
    n_latent = 5
    n_above = int((eigenvalues > variance).sum())
    trained, closed = (
        fit_by_em(X, n_latent, variance=variance),
        maximum_likelihood(X, n_latent, variance=variance),
    )
    strengths = np.linalg.svd(trained.W, compute_uv=False) ** 2
    kl = np.mean([_kl_per_dimension(closed, x) for x in X], axis=0)
    return [
        equal(
            "pPCA (4)",
            "trained at s^2 = 2: squared singular values of W are lambda_i - s^2, or zero",
            strengths,
            np.maximum(eigenvalues[:n_latent] - variance, 0),
            tolerance=1e-6,
        ),
        equal(
            "pPCA (4)",
            "dimensions in use are the eigenvalues above s^2",
            float((strengths > 1e-3).sum()),
            float(n_above),
            tolerance=0.0,
        ),
        equal(
            "pPCA (4)",
            "the KL of a collapsed dimension is zero: its posterior is the prior",
            kl[n_above:],
            np.zeros(n_latent - n_above),
        ),
        at_most(
            "pPCA (4)",
            "the KL of a dimension in use is above zero",
            0.0,
            float(kl[:n_above].min()),
            tolerance=-1e-2,
        ),
    ]


def _kl_per_dimension(
    model: LinearGaussian, x: Float[np.ndarray, " vars"]
) -> Float[np.ndarray, " latent"]:
    q = model.posterior(x)
    one = Gaussian(np.zeros(1), np.eye(1))
    return np.array(
        [
            gaussian_kl(Gaussian(q.mean[[j]], q.covariance[[j]][:, [j]]), one)
            for j in range(len(q.mean))
        ]
    )


def _spectrum(
    X: Float[np.ndarray, "obs vars"],
) -> tuple[Float[np.ndarray, " vars"], Float[np.ndarray, "vars vars"]]:
    """Return the eigenvalues of the covariance, largest first, and its eigenvectors."""
    eigenvalues, U = np.linalg.eigh(np.cov(X.T, bias=True))
    return eigenvalues[::-1].copy(), U[:, ::-1].copy()
