import math

import pytest
import torch
from torch.distributions import Normal as TorchNormal
from torch.distributions import kl_divergence as torch_kl

from latentbench.distributions import Normal
from latentbench.random_streams import RandomStreams, drawing_from


@pytest.mark.parametrize("likelihood", ["gaussian", "nb", "bernoulli"])
def test_the_elbo_is_at_most_the_importance_weighted_bound(likelihood, built):
    """ELBO <= E[log 1/K sum w] for K > 1 (Burda 2016, theorem 1), on the mean over cells and many samples."""
    model, _, minibatch, _ = built("vae", likelihood, seeds=(0,))
    model.eval()
    log_w = []
    with torch.no_grad(), drawing_from(RandomStreams([0], "test")):
        for _ in range(256):
            qz = model.posterior(minibatch)
            z = qz.rsample()
            log_w.append(model.px(z, minibatch).log_prob(minibatch.x) + Normal(torch.zeros_like(z), torch.zeros_like(z)).log_prob(z) - qz.log_prob(z))
        elbo = torch.stack(log_w).mean()
        bound = (torch.logsumexp(torch.stack(log_w), 0) - math.log(len(log_w))).mean()
        exact_kl = -sum(term.mean() for term in model.loss_terms(minibatch).values())
    assert elbo < bound
    # the closed-form KL of the model and the sampled one agree
    assert abs(elbo - exact_kl) < 0.05 * abs(elbo)


def test_the_kl_term_is_torchs_own_divergence_from_the_standard_normal(built):
    model, _, minibatch, streams = built("vae", "gaussian")
    model.eval()
    with torch.no_grad(), drawing_from(streams):
        qz = model.posterior(minibatch)
        terms = model.loss_terms(minibatch)
    expected = torch_kl(TorchNormal(qz.mean, torch.exp(0.5 * qz.log_variance)), TorchNormal(0.0, 1.0)).sum(-1)
    torch.testing.assert_close(terms["kl_z"], expected)
    assert expected.min() > 0


def test_kl_is_zero_where_the_posterior_is_the_prior(built):
    model, _, minibatch, streams = built("vae", "gaussian")
    with torch.no_grad():
        for parameter in model.encoder[-1].parameters():
            parameter.zero_()
    with drawing_from(streams):
        assert model.loss_terms(minibatch)["kl_z"].abs().max() == 0


def test_the_reconstruction_term_is_torchs_own_log_density(built):
    model, _, minibatch, _ = built("vae", "gaussian")
    with drawing_from(RandomStreams([0, 1], "z")):
        terms = model.loss_terms(minibatch)
    with drawing_from(RandomStreams([0, 1], "z")):
        mean = model.decoder(model.posterior(minibatch).rsample())
    expected = -TorchNormal(mean, 1.0).log_prob(minibatch.x).sum(-1)
    torch.testing.assert_close(terms["reconstruction"], expected)
