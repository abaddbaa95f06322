import math

import torch
from torch.distributions import Normal as TorchNormal
from torch.distributions import kl_divergence

from latentbench.maths.random_streams import RandomStreams, drawing_from


def test_enumerating_y_equals_a_loop_over_the_components(built):
    model, data, minibatch, _ = built("gmvae", "gaussian")
    model.eval()
    with torch.no_grad(), drawing_from(RandomStreams([0, 1], "z")):
        terms = model.loss_terms(minibatch)
    with torch.no_grad(), drawing_from(RandomStreams([0, 1], "z")):
        posterior, qz = model.posteriors(minibatch)
        qy = posterior.weights
        z = qz.rsample()
        loss = torch.zeros(2, data.n_obs)
        for k in range(4):
            px = TorchNormal(model.decoder(z[:, k]), 1.0)
            q = TorchNormal(qz.mean[:, k], torch.exp(0.5 * qz.log_variance[:, k]))
            p = TorchNormal(
                model.component_mean[:, k], torch.exp(0.5 * model.component_log_variance[:, k])
            )
            inner = -px.log_prob(minibatch.x).sum(-1) + kl_divergence(q, p).sum(-1)
            loss += qy[..., k] * (inner + torch.log(qy[..., k]) + math.log(4))
    torch.testing.assert_close(sum(terms.values()), loss, rtol=1e-4, atol=1e-3)


def test_an_observed_class_leaves_only_its_own_component(built):
    model, data, minibatch, _ = built("gmvae", "gaussian", y=torch.full((2, 90), 2))
    model.eval()
    with torch.no_grad(), drawing_from(RandomStreams([0, 1], "z")):
        terms = model.loss_terms(minibatch)
        qy = torch.softmax(model.posteriors(minibatch)[0].logits, -1)
    torch.testing.assert_close(terms["kl_y"], torch.full((2, data.n_obs), math.log(4)))
    torch.testing.assert_close(terms["classification"], -torch.log(qy[..., 2]))


def test_kl_y_is_zero_at_the_uniform_posterior(built):
    model, _, minibatch, streams = built("gmvae", "gaussian")
    with torch.no_grad():
        for parameter in model.qy_head[-1].parameters():
            parameter.zero_()
    with drawing_from(streams):
        assert model.loss_terms(minibatch)["kl_y"].abs().max() < 1e-5
