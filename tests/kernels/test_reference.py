import numpy as np
import pytest
import torch
from scipy import special, stats

from latentbench.kernels import reference


def test_rising_factorials_agree_with_scipy():
    x, theta = np.meshgrid([0.0, 1, 2, 3.5, 40, 1e4], [1e-4, 0.3, 7, 1e3, 1e6])
    rising, slope = reference.log_rising(torch.from_numpy(x), torch.from_numpy(np.log(theta)))
    np.testing.assert_allclose(
        rising,
        special.gammaln(x + theta) - special.gammaln(theta) - x * np.log(theta),
        rtol=1e-9,
        atol=1e-7,
    )
    np.testing.assert_allclose(
        slope, theta * (special.digamma(x + theta) - special.digamma(theta)), rtol=1e-9, atol=1e-7
    )


@pytest.mark.parametrize("theta", [0.05, 1.0, 30.0])
def test_log_probabilities_agree_with_scipy(theta):
    x = torch.tensor([[[0.0, 1, 2, 7, 150]]], dtype=torch.float64)
    logits = torch.linspace(-2, 2, 5, dtype=torch.float64).view(1, 1, 5)
    size = torch.tensor([[[90.0]]], dtype=torch.float64)
    mean = (size * logits.softmax(-1)).numpy()
    nb, _ = reference.negative_binomial(
        x, size, logits, torch.full((1, 1, 5), np.log(theta), dtype=torch.float64)
    )
    np.testing.assert_allclose(
        nb, stats.nbinom.logpmf(x, theta, theta / (theta + mean)).sum(-1), rtol=1e-12
    )
    poisson, _ = reference.poisson(x, size, logits)
    np.testing.assert_allclose(poisson, stats.poisson.logpmf(x, mean).sum(-1), rtol=1e-12)


def test_single_precision_keeps_its_digits_at_large_dispersion():
    """lgamma(1e6) alone would lose the seventh digit of 1.3e7."""
    case = [
        torch.tensor([[[0.0, 3, 12]]]),
        torch.tensor([[[15.0]]]),
        torch.zeros(1, 1, 3),
        torch.full((1, 1, 3), float(np.log(1e6))),
    ]
    single, _ = reference.negative_binomial(*case)
    double, _ = reference.negative_binomial(*(tensor.double() for tensor in case))
    torch.testing.assert_close(single.double(), double, rtol=1e-6, atol=0)


def test_continuous_bernoulli_is_that_of_torch():
    logits = torch.linspace(-12, 12, 401, dtype=torch.float64).view(1, 1, -1)
    x = torch.linspace(0, 1, 401, dtype=torch.float64).view(1, 1, -1)
    theirs = torch.distributions.ContinuousBernoulli(logits=logits, lims=(0.4999, 0.5001))
    log_prob, (derivative,) = reference.continuous_bernoulli(x, logits)
    torch.testing.assert_close(log_prob, theirs.log_prob(x).sum(-1), rtol=1e-6, atol=0)
    torch.testing.assert_close(x - derivative, theirs.mean, rtol=1e-6, atol=1e-7)
