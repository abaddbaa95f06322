import math

import torch
from torch.distributions import Categorical
from torch.distributions import Normal as TorchNormal
from torch.distributions import kl_divergence as torch_kl
from torch.nn import functional as F

from latentbench.maths.random_streams import RandomStreams, drawing_from
from latentbench.models.blocks import beside_its_class


def terms_of(model, minibatch):
    with torch.no_grad(), drawing_from(RandomStreams([0, 1], "z")):
        return model.loss_terms(minibatch)


def bounds_of_every_class(model, minibatch):
    """L(x, y) of equation (3), one class after the other, with torch's own distributions; and q(y |
    x).
    """
    with torch.no_grad(), drawing_from(RandomStreams([0, 1], "z")):
        qy, qz = model.posteriors(minibatch)
        z = qz.rsample()
        bounds = []
        for k in range(4):
            y = F.one_hot(torch.full(z.shape[:1] + z.shape[2:3], k), 4).float()
            px = TorchNormal(model.decoder(torch.cat([z[:, k], y], -1)), 1.0)
            q = TorchNormal(qz.mean[:, k], torch.exp(0.5 * qz.log_variance[:, k]))
            kl = torch_kl(q, TorchNormal(0.0, 1.0)).sum(-1)
            bounds.append(-px.log_prob(minibatch.x).sum(-1) + kl + math.log(4))
    return torch.stack(bounds, -1), torch.softmax(qy.logits, -1)


def test_an_unlabelled_cell_costs_the_expected_bound_less_the_entropy(built):
    model, _, minibatch, _ = built("m2", "gaussian")
    model.eval()
    bounds, q = bounds_of_every_class(model, minibatch)
    expected = (q * bounds).sum(-1) - Categorical(q).entropy()
    torch.testing.assert_close(
        sum(terms_of(model, minibatch).values()), expected, rtol=1e-4, atol=1e-3
    )


def test_the_objective_over_all_cells_is_kingmas_with_alpha_a_tenth_of_the_cells(built):
    """Bounds of all cells plus 0.1 N times the labelled cells' mean of -log q(y | x), over N: a
    mean of terms with weight 0.1 N / N_labelled.
    """
    y = torch.full((2, 90), -1)
    y[:, :9] = torch.arange(9) % 4
    model, _, minibatch, _ = built("m2", "gaussian", y=y)
    model.eval()
    bounds, q = bounds_of_every_class(model, minibatch)
    labelled = bounds[:, :9].gather(-1, y[:, :9, None])[..., 0]
    unlabelled = (q * bounds).sum(-1)[:, 9:] - Categorical(q[:, 9:]).entropy()
    cross_entropy = -torch.log(q[:, :9].gather(-1, y[:, :9, None])[..., 0])
    kingma = labelled.sum(1) + unlabelled.sum(1) + 0.1 * 90 * cross_entropy.mean(1)
    weights = {"classification": 0.1 * 90 / 9}
    ours = sum(
        weights.get(name, 1.0) * term.mean(1) for name, term in terms_of(model, minibatch).items()
    )
    torch.testing.assert_close(ours, kingma / 90, rtol=1e-4, atol=1e-3)


def test_the_class_reaches_both_the_style_and_the_decoder(built):
    model, _, minibatch, _ = built("m2", "gaussian")
    model.eval()
    with torch.no_grad():
        qz = model.posteriors(minibatch)[1]
        decoded = model.px(torch.zeros_like(qz.mean), minibatch).mean
    for values in (qz.mean, decoded):
        assert all(not torch.allclose(values[:, 0], values[:, k]) for k in range(1, 4))


def test_beside_every_value_stands_the_code_of_its_component():
    values = torch.randn(2, 3, 5, 4)
    joined = beside_its_class(values)
    assert torch.equal(joined[..., :4], values)
    assert torch.equal(joined[..., 4:].argmax(-1), torch.arange(3)[:, None].expand(2, 3, 5))


def test_the_reconstruction_is_the_mean_over_classes_of_each_classes_own(built):
    model, data, minibatch, _ = built("m2", "gaussian")
    model.eval()
    with torch.no_grad():
        qy, qz = model.posteriors(minibatch)
        expected = torch.zeros(2, data.n_obs, data.n_vars)
        for k in range(4):
            onehot = torch.nn.functional.one_hot(torch.full((2, data.n_obs), k), 4).float()
            expected += qy.weights[..., k, None] * model.decoder(
                torch.cat([qz.mean[:, k], onehot], -1)
            )
        torch.testing.assert_close(model.reconstruct(minibatch), expected)
