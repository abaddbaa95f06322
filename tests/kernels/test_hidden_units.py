import pytest
import torch
from torch.nn import functional as F

from latentbench.kernels.hidden_units import lowest_kept, normalise_relu_drop
from latentbench.maths.random_streams import RandomStreams, drawing_from
from latentbench.models.blocks import HiddenUnits


def plain(x, weight, bias, running_mean, running_variance, *, bits, dropped):
    """The same by torch's own operations, replica by replica."""
    replicas = []
    for index in range(len(x)):
        state = (running_mean[index], running_variance[index], weight[index], bias[index])
        units = torch.relu(F.batch_norm(x[index], *state, training=True, momentum=0.05, eps=1e-3))
        replicas.append(
            units if bits is None else units * (bits[index] >= lowest_kept(dropped)) / (1 - dropped)
        )
    return torch.stack(replicas)


@pytest.mark.parametrize("dropped", [0.0, 0.3])
@pytest.mark.parametrize("n_features", [1, 7, 64])
def test_values_gradients_and_running_statistics_are_those_of_torch(dropped, n_features):
    torch.manual_seed(0)
    x = (3 * torch.randn(2, 30, n_features) + 5).requires_grad_()
    weight, bias = (torch.randn(2, n_features).requires_grad_() for _ in range(2))
    bits = RandomStreams([0, 1], "test").bits((2, 30, n_features)) if dropped else None
    upstream, results = torch.randn(2, 30, n_features), []
    for fused in (True, False):
        running_mean, running_variance = (
            torch.full((2, n_features), 0.5),
            torch.full((2, n_features), 2.0),
        )
        if fused:
            state = {"running_mean": running_mean, "running_variance": running_variance}
            y = normalise_relu_drop(
                x, weight, bias, **state, momentum=0.05, eps=1e-3, bits=bits, dropped=dropped
            )
        else:
            y = plain(x, weight, bias, running_mean, running_variance, bits=bits, dropped=dropped)
        results.append(
            [
                y,
                running_mean,
                running_variance,
                *torch.autograd.grad(y, (x, weight, bias), upstream),
            ]
        )
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_a_share_of_the_units_is_dropped_and_the_others_scaled():
    units = HiddenUnits(500, activation="relu", dropout=0.25, batch_norm=False)
    with drawing_from(RandomStreams([0, 1], "test")):
        y = units(torch.ones(2, 400, 500))
    assert y.unique().tolist() == pytest.approx([0.0, 1 / 0.75])
    assert (y == 0).float().mean(dim=(1, 2)).tolist() == pytest.approx([0.25, 0.25], abs=0.005)
    assert not torch.equal(y[0], y[1])


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_evaluation_uses_the_running_statistics_and_drops_nothing(activation):
    units = HiddenUnits(3, activation=activation, dropout=0.5, batch_norm=True).eval()
    units.running_mean.fill_(1.0)
    units.running_variance.fill_(4.0 - 1e-3)
    x = torch.randn(1, 2, 5, 3)
    torch.testing.assert_close(
        units(x), {"relu": torch.relu, "tanh": torch.tanh}[activation]((x - 1) / 2)
    )


def test_a_unit_that_is_not_finite_shows():
    x = torch.randn(1, 4, 2)
    x[0, 1, 0] = torch.nan
    ones = torch.ones(1, 2)
    y = normalise_relu_drop(
        x,
        ones,
        ones,
        running_mean=ones.clone(),
        running_variance=ones.clone(),
        momentum=0.1,
        eps=1e-3,
        bits=None,
        dropped=0.0,
    )
    assert torch.isnan(y[..., 0]).all()
    assert torch.isfinite(y[..., 1]).all()
