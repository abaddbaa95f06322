import math

import numpy as np
import pytest
import torch
from scipy import stats

from latentbench.kernels import latents
from latentbench.maths.distributions import (
    Bernoulli,
    ContinuousBernoulli,
    NegativeBinomial,
    Normal,
    Poisson,
    ZeroInflatedNegativeBinomial,
    kl_divergence,
)
from latentbench.maths.random_streams import RandomStreams, drawing_from

X = torch.tensor([[[0.0, 1, 5, 0, 120], [3, 0, 0, 2, 9]]])
LOGITS = torch.tensor([[[0.3, -2, 1, 0, 3], [1.0, 0, -1, 0.5, 2]]])
SIZE = X.sum(-1, keepdim=True)


def log_theta(theta: float) -> torch.Tensor:
    return torch.full((1, 1, 5), math.log(theta))


def test_normal_is_that_of_torch():
    mean, log_variance, x = torch.randn(
        3, 2, 4, 6, generator=torch.Generator().manual_seed(0)
    ).unbind(0)
    expected = torch.distributions.Normal(mean, torch.exp(log_variance / 2)).log_prob(x).sum(-1)
    torch.testing.assert_close(Normal(mean, log_variance).log_prob(x), expected)


def test_kl_of_normals_is_that_of_torch_and_zero_at_the_prior():
    q, p = (
        Normal(*torch.randn(2, 3, 4, 6, generator=torch.Generator().manual_seed(seed)).unbind(0))
        for seed in (0, 1)
    )
    as_torch = [torch.distributions.Normal(n.mean, torch.exp(n.log_variance / 2)) for n in (q, p)]
    torch.testing.assert_close(
        kl_divergence(q, p), torch.distributions.kl_divergence(*as_torch).sum(-1)
    )
    zeros = Normal(torch.zeros(3, 4, 6), torch.zeros(3, 4, 6))
    assert torch.equal(kl_divergence(zeros, zeros), torch.zeros(3, 4))
    torch.testing.assert_close(q.kl_from_standard(), kl_divergence(q, zeros))
    assert torch.equal(zeros.kl_from_standard(), torch.zeros(3, 4))


def test_gradients_of_samples_and_divergences_are_those_of_finite_differences():
    mean, log_variance, noise = (
        torch.randn(2, 3, 4, dtype=torch.float64, requires_grad=True) for _ in range(3)
    )
    assert torch.autograd.gradcheck(
        lambda *q: latents.reparameterised(*q, noise.detach()), (mean, log_variance)
    )
    assert torch.autograd.gradcheck(latents.kl_from_standard_normal, (mean, log_variance))


def test_a_log_variance_that_is_shared_has_the_gradient_of_all_its_samples():
    shared = torch.zeros(1, 1, 1, requires_grad=True)
    with drawing_from(RandomStreams([0], "test")):
        (gradient,) = torch.autograd.grad(
            Normal(torch.zeros(1, 5, 2), shared).rsample().sum(), shared
        )
    with drawing_from(RandomStreams([0], "test")):
        noise = Normal(torch.zeros(1, 5, 2), torch.zeros(1, 1, 1)).rsample()
    torch.testing.assert_close(gradient, noise.sum().view(1, 1, 1) / 2)


def test_normal_samples_have_its_moments():
    normal = Normal(torch.full((1, 20000, 1), 2.0), torch.full((1, 20000, 1), math.log(9.0)))
    with drawing_from(RandomStreams([0], "test")):
        samples = normal.rsample()
    assert samples.mean() == pytest.approx(2, abs=0.1)
    assert samples.std() == pytest.approx(3, abs=0.1)


def test_bernoulli_is_that_of_torch():
    x = (X > 0).float()
    torch.testing.assert_close(
        Bernoulli(LOGITS).log_prob(x),
        torch.distributions.Bernoulli(logits=LOGITS).log_prob(x).sum(-1),
    )
    torch.testing.assert_close(Bernoulli(LOGITS).mean, torch.sigmoid(LOGITS))


@pytest.mark.parametrize("logit", [-60.0, -8.0, -0.3, -1e-3, 0.0, 5e-3, 0.7, 12.0, 60.0])
def test_continuous_bernoulli_integrates_to_one_and_has_its_mean(logit):
    distribution = ContinuousBernoulli(torch.full((1, 1, 1), logit, dtype=torch.float64))
    grid = torch.linspace(0, 1, 200001, dtype=torch.float64)
    density = torch.exp(
        ContinuousBernoulli(distribution.logits.expand(1, len(grid), 1)).log_prob(
            grid.view(1, -1, 1)
        )
    ).flatten()
    assert torch.trapezoid(density, grid).item() == pytest.approx(1, abs=1e-6)
    assert torch.trapezoid(density * grid, grid).item() == pytest.approx(
        distribution.mean.item(), abs=1e-6
    )


def test_poisson_is_that_of_scipy():
    px = Poisson(LOGITS, SIZE)
    np.testing.assert_allclose(
        px.log_prob(X), stats.poisson.logpmf(X, px.mean.double()).sum(-1), rtol=1e-5
    )
    torch.testing.assert_close(px.mean.sum(-1, keepdim=True), SIZE)


@pytest.mark.parametrize("theta", [0.02, 1.0, 50.0])
def test_negative_binomial_is_that_of_scipy(theta):
    px = NegativeBinomial(LOGITS, SIZE, log_theta(theta))
    np.testing.assert_allclose(
        px.log_prob(X),
        stats.nbinom.logpmf(X, theta, theta / (theta + px.mean.double())).sum(-1),
        rtol=1e-5,
    )


def test_negative_binomial_of_large_theta_is_poisson():
    torch.testing.assert_close(
        NegativeBinomial(LOGITS, SIZE, log_theta(1e12)).log_prob(X),
        Poisson(LOGITS, SIZE).log_prob(X),
    )


def test_zero_inflation_follows_its_formula_and_vanishes_with_pi():
    counts = NegativeBinomial(LOGITS, SIZE, log_theta(2.0))
    np_mean, pi = counts.mean.double().numpy(), 0.3
    nb = stats.nbinom.pmf(X, 2, 2 / (2 + np_mean))
    expected = np.log((1 - pi) * nb + pi * (X.numpy() == 0)).sum(-1)
    inflated = ZeroInflatedNegativeBinomial(
        counts, torch.full_like(LOGITS, math.log(pi / (1 - pi)))
    )
    np.testing.assert_allclose(inflated.log_prob(X), expected, rtol=1e-5)
    torch.testing.assert_close(inflated.mean, (1 - pi) * counts.mean)
    torch.testing.assert_close(
        ZeroInflatedNegativeBinomial(counts, torch.full_like(LOGITS, -50)).log_prob(X),
        counts.log_prob(X),
    )
