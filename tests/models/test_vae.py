import math

import pytest
import torch
from torch.distributions import Normal as TorchNormal
from torch.distributions import kl_divergence as torch_kl
from training_calls import fit, observed_classes

from latentbench.maths.distributions import Normal
from latentbench.maths.random_streams import RandomStreams, drawing_from
from latentbench.models.free_bits import at_least_on_average
from latentbench.training.replicas import build_replicas


@pytest.mark.parametrize("likelihood", ["gaussian", "nb", "bernoulli"])
def test_the_elbo_is_at_most_the_importance_weighted_bound(likelihood, built):
    """ELBO <= E[log 1/K sum w] for K > 1 (Burda 2016, theorem 1), on the mean over cells and many
    samples.
    """
    model, _, minibatch, _ = built("vae", likelihood, seeds=(0,))
    model.eval()
    log_w = []
    with torch.no_grad(), drawing_from(RandomStreams([0], "test")):
        for _ in range(256):
            log_w.append(model.log_weight(minibatch))
        elbo = torch.stack(log_w).mean()
        bound = (torch.logsumexp(torch.stack(log_w), 0) - math.log(len(log_w))).mean()
        exact_kl = -sum(term.mean() for term in model.loss_terms(minibatch).values())
    assert elbo < bound
    # the closed-form KL of the model and the sampled one agree
    assert abs(elbo - exact_kl) < 0.05 * abs(elbo)


def test_a_weight_is_made_of_torchs_own_densities(built):
    model, _, minibatch, _ = built("vae", "gaussian")
    model.eval()
    with torch.no_grad(), drawing_from(RandomStreams([0, 1], "z")):
        log_w = model.log_weight(minibatch)
    with torch.no_grad(), drawing_from(RandomStreams([0, 1], "z")):
        qz = model.posterior(minibatch)
        z = qz.rsample()
        log_px = TorchNormal(model.decoder(z), 1.0).log_prob(minibatch.x).sum(-1)
        expected = log_px + (
            TorchNormal(0.0, 1.0).log_prob(z)
            - TorchNormal(qz.mean, torch.exp(0.5 * qz.log_variance)).log_prob(z)
        ).sum(-1)
    torch.testing.assert_close(log_w, expected)


def test_the_kl_term_is_torchs_own_divergence_from_the_standard_normal(built):
    model, _, minibatch, streams = built("vae", "gaussian")
    model.eval()
    with torch.no_grad(), drawing_from(streams):
        qz = model.posterior(minibatch)
        terms = model.loss_terms(minibatch)
    expected = torch_kl(
        TorchNormal(qz.mean, torch.exp(0.5 * qz.log_variance)), TorchNormal(0.0, 1.0)
    ).sum(-1)
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


@pytest.mark.parametrize("free_bits", [0.0, 0.05, 0.3])
def test_free_bits_are_the_least_mean_divergence_of_every_dimension(free_bits, built):
    model, _, minibatch, streams = built("vae", "gaussian", free_bits=free_bits)
    with torch.no_grad():
        qz = model.posterior(minibatch)
        each = torch_kl(
            TorchNormal(qz.mean, torch.exp(0.5 * qz.log_variance)), TorchNormal(0.0, 1.0)
        )
    with drawing_from(streams):
        kl_z = model.loss_terms(minibatch)["kl_z"]
    assert kl_z.shape == (2, 90)
    torch.testing.assert_close(
        kl_z.mean(1), each.mean(1).clamp(min=free_bits).sum(-1), rtol=1e-4, atol=1e-4
    )
    # a replica's floor is its own
    alone = at_least_on_average(each[1:], free_bits).sum(-1)
    torch.testing.assert_close(kl_z[1:], alone, rtol=1e-4, atol=1e-4)


def test_below_its_free_bits_a_dimension_has_no_gradient_and_above_that_of_the_divergence():
    qz = Normal(torch.tensor([[[0.1, 3.0], [0.2, 2.0]]], requires_grad=True), torch.zeros(1, 2, 2))
    at_least_on_average(qz.kl_of_each_dimension_from_standard(), 0.5).sum().backward()
    torch.testing.assert_close(qz.mean.grad, torch.tensor([[[0.0, 3.0], [0.0, 2.0]]]))


def test_what_is_evaluated_is_the_divergence_itself_whatever_the_free_bits(built):
    model, _, minibatch, streams = built("vae", "gaussian", free_bits=9.0)
    model.eval()
    with torch.no_grad(), drawing_from(streams):
        torch.testing.assert_close(
            model.loss_terms(minibatch)["kl_z"], model.posterior(minibatch).kl_from_standard()
        )


def test_free_bits_keep_a_code_in_use_that_collapses_without(training_data):
    """The prior's term at sixty times its weight presses the code of three groups to nothing; free
    bits leave it its share.
    """
    kept = {}
    for free_bits in (0.0, 1.0):
        data = training_data()
        model = build_replicas(
            "vae",
            data.n_vars,
            likelihood="gaussian",
            seeds=(0,),
            n_latent=2,
            n_hidden=16,
            free_bits=free_bits,
        )
        observed = observed_classes(data, seeds=(0,), n_clusters=None)
        fitted = fit(
            model,
            data,
            seeds=(0,),
            observed=observed,
            epochs=40,
            batch_size=36,
            learning_rate=5e-3,
            log_every=40,
            term_weights={"kl_z": 60.0},
        )
        last = (
            fitted.history[(fitted.history.epoch == 40) & (fitted.history.split == "test")]
            .set_index("term")
            .value
        )
        kept[free_bits] = last["kl_z"]
    assert kept[0.0] < 0.3
    assert kept[1.0] > 1.5
