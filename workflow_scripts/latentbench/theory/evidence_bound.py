"""The evidence and its lower bound, where every integral has a closed form: a linear-Gaussian
model, and a mixture whose components are enumerated.

    p(x) = E_{p(z)}[p(x | z)]                                                (3.1)
    p(z | x) = p(x | z) p(z) / p(x)                                          (3.2)
    ELBO(x) = E_q[log p(x, z) - log q(z)]                                    (3.3)
    log p(x) = ELBO(x) + KL(q || p(z | x))                                   (3.4)
    ELBO(x) = E_q[log p(x | z)] - KL(q || p(z))                              (3.6)

The draft of the thesis has a minus in (3.4); the rows show both signs. Its definition 3.1 and (3.5)
lack the logarithm of the divergence, and its "log p >= log p_theta" holds in expectation over p
only: these have rows too."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import logsumexp, rel_entr
from scipy.stats import multivariate_normal

from latentbench.theory.checks import Check, at_most, equal, unequal


@dataclass(frozen=True)
class Gaussian:
    """N(mean, covariance)."""

    mean: Float[np.ndarray, " dims"]
    covariance: Float[np.ndarray, "dims dims"]

    def log_prob(self, x: Float[np.ndarray, "*any dims"]) -> Float[np.ndarray, "*any"]:
        """Return the log density."""
        return np.asarray(multivariate_normal.logpdf(x, self.mean, self.covariance))

    @property
    def entropy(self) -> float:
        """Differential entropy, in nats."""
        return float(0.5 * np.linalg.slogdet(2 * np.pi * np.e * self.covariance)[1])


def gaussian_kl(q: Gaussian, p: Gaussian) -> float:
    """Return KL(q || p)."""
    precision, shift = np.linalg.inv(p.covariance), p.mean - q.mean
    log_ratio = np.linalg.slogdet(p.covariance)[1] - np.linalg.slogdet(q.covariance)[1]
    return float(
        0.5
        * (np.trace(precision @ q.covariance) + shift @ precision @ shift - len(shift) + log_ratio)
    )


def categorical_kl(q: Float[np.ndarray, " clusters"], p: Float[np.ndarray, " clusters"]) -> float:
    """Return KL(q || p) = sum_k q_k log(q_k / p_k)."""
    return float(rel_entr(q, p).sum())


@dataclass(frozen=True)
class LinearGaussian:
    """z ~ N(0, I), x | z ~ N(W z + m, s^2 I)."""

    W: Float[np.ndarray, "vars latent"]
    m: Float[np.ndarray, " vars"]
    variance: float

    @property
    def prior(self) -> Gaussian:
        """p(z)."""
        return Gaussian(np.zeros(self.W.shape[1]), np.eye(self.W.shape[1]))

    @property
    def marginal(self) -> Gaussian:
        """p(x) = N(m, W W' + s^2 I)."""
        return Gaussian(self.m, self.W @ self.W.T + self.variance * np.eye(len(self.m)))

    def posterior(self, x: Float[np.ndarray, " vars"]) -> Gaussian:
        """Return p(z | x) = N(M^-1 W'(x - m), s^2 M^-1), M = W'W + s^2 I."""
        M = self.W.T @ self.W + self.variance * np.eye(self.W.shape[1])
        return Gaussian(
            np.linalg.solve(M, self.W.T @ (x - self.m)), self.variance * np.linalg.inv(M)
        )

    def log_likelihood(
        self, x: Float[np.ndarray, " vars"], z: Float[np.ndarray, "samples latent"]
    ) -> Float[np.ndarray, " samples"]:
        """Return log p(x | z) for every z."""
        squares = ((x - self.m - z @ self.W.T) ** 2).sum(axis=1)
        return -0.5 * (squares / self.variance + len(x) * np.log(2 * np.pi * self.variance))

    def expected_log_likelihood(self, x: Float[np.ndarray, " vars"], q: Gaussian) -> float:
        """Return E_q[log p(x | z)]."""
        spread = np.trace(self.W @ q.covariance @ self.W.T) / self.variance
        return float(self.log_likelihood(x, q.mean[None])[0] - 0.5 * spread)

    def elbo(self, x: Float[np.ndarray, " vars"], q: Gaussian) -> float:
        """Return the bound by equation (3.6)."""
        return self.expected_log_likelihood(x, q) - gaussian_kl(q, self.prior)


def checks() -> list[Check]:
    """Check (3.1)-(3.4) and (3.6) on both models, and what the draft gets wrong."""
    rng = np.random.default_rng(0)
    model = LinearGaussian(rng.standard_normal((5, 2)), rng.standard_normal(5), 0.7)
    factor = rng.standard_normal((2, 2))
    q = Gaussian(rng.standard_normal(2), factor @ factor.T + 0.1 * np.eye(2))
    weights, responsibilities = rng.dirichlet(np.ones(4)), rng.dirichlet(np.ones(4))
    log_likelihood = -0.5 * (
        (rng.standard_normal((4, 3)) - rng.standard_normal(3)) ** 2 + np.log(2 * np.pi)
    ).sum(axis=1)
    return [
        *linear_gaussian_checks(model, rng.standard_normal(5), q),
        *mixture_checks(log_likelihood, weights, responsibilities),
        *divergence_checks(),
    ]


def linear_gaussian_checks(
    model: LinearGaussian, x: Float[np.ndarray, " vars"], q: Gaussian
) -> list[Check]:
    """Check the evidence of one x and its bound at an arbitrary q."""
    log_px, posterior = float(model.marginal.log_prob(x)), model.posterior(x)
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    grid = np.stack(np.meshgrid(nodes, nodes), axis=-1).reshape(-1, 2)
    log_weights = np.add.outer(np.log(weights), np.log(weights)).ravel() - np.log(2 * np.pi)
    z = np.random.default_rng(1).standard_normal((6, 2))
    expected_log_prior = -0.5 * (
        q.mean @ q.mean + np.trace(q.covariance) + len(q.mean) * np.log(2 * np.pi)
    )
    elbo, gap = model.elbo(x, q), gaussian_kl(q, posterior)
    bayes = model.log_likelihood(x, z) + model.prior.log_prob(z) - log_px
    return [
        equal(
            "(3.1)",
            "linear-Gaussian: log p(x) is that of the integral over z, by quadrature",
            log_px,
            logsumexp(model.log_likelihood(x, grid) + log_weights),
        ),
        equal(
            "(3.2)",
            "linear-Gaussian: p(x | z) p(z) / p(x) is the posterior in closed form",
            bayes,
            posterior.log_prob(z),
        ),
        equal(
            "(3.3), (3.6)",
            "linear-Gaussian: both forms of the bound agree",
            model.expected_log_likelihood(x, q) + expected_log_prior + q.entropy,
            elbo,
        ),
        *evidence_checks("linear-Gaussian", log_px, elbo, gap),
        equal(
            "(3.4)",
            "linear-Gaussian: the bound is tight at the posterior",
            model.elbo(x, posterior),
            log_px,
        ),
    ]


def mixture_checks(
    log_likelihood: Float[np.ndarray, " clusters"],
    weights: Float[np.ndarray, " clusters"],
    q: Float[np.ndarray, " clusters"],
) -> list[Check]:
    """Check the same with z one of K components: ``log_likelihood`` is log p(x | z = k),
    ``weights`` are p(z = k), ``q`` an arbitrary q(z = k).
    """
    log_joint = log_likelihood + np.log(weights)
    log_px = float(logsumexp(log_joint))
    posterior = np.exp(log_joint - log_px)
    elbo = float(q @ (log_joint - np.log(q)))
    return [
        equal(
            "(3.1)",
            "mixture: p(x) is the sum over the components",
            np.exp(log_px),
            weights @ np.exp(log_likelihood),
        ),
        equal("(3.2)", "mixture: the posterior sums to one", posterior.sum(), 1.0),
        equal(
            "(3.3), (3.6)",
            "mixture: both forms of the bound agree",
            elbo,
            float(q @ log_likelihood) - categorical_kl(q, weights),
        ),
        *evidence_checks("mixture", log_px, elbo, categorical_kl(q, posterior)),
        equal(
            "(3.4)",
            "mixture: the bound is tight at the posterior",
            float(posterior @ (log_joint - np.log(posterior))),
            log_px,
        ),
    ]


def evidence_checks(name: str, log_px: float, elbo: float, gap: float) -> list[Check]:
    """Check equation (3.4) with its right sign, and show that the draft's fails; ``gap`` is KL(q ||
    p(z | x)).
    """
    return [
        equal(
            "(3.4)",
            f"{name}: log p(x) is the bound plus the divergence of q from the posterior",
            log_px,
            elbo + gap,
        ),
        unequal(
            "(3.4), as drafted",
            f"{name}: the bound minus the divergence, the draft's sign, is not log p(x)",
            log_px,
            elbo - gap,
        ),
        at_most("(3.4)", f"{name}: the bound is at most log p(x)", elbo, log_px),
    ]


def divergence_checks() -> list[Check]:
    """Check definition 3.1 with its logarithm, and the sentence on log p and log p_theta in
    expectation, on two distributions over four values.
    """
    p, p_theta = np.array([0.4, 0.3, 0.2, 0.1]), np.array([0.1, 0.2, 0.3, 0.4])
    return [
        at_most("def 3.1", "KL(q || p) is not negative", 0.0, categorical_kl(p, p_theta)),
        equal("def 3.1", "KL(q || q) is zero", categorical_kl(p, p), 0.0),
        unequal(
            "def 3.1, as drafted",
            "without the logarithm it is one at q = p, not zero",
            float(p @ (p / p)),
            0.0,
        ),
        at_most(
            "(3.5)",
            "log p_theta is at most log p in expectation over p",
            float(p @ np.log(p_theta)),
            float(p @ np.log(p)),
        ),
        unequal(
            "(3.5), as drafted",
            "but not at every x: max of log p_theta - log p",
            float(np.log(p_theta / p).max()),
            0.0,
        ),
    ]
