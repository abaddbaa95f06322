from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats
from torch.distributions import Normal as TorchNormal
from torch.distributions import kl_divergence as torch_kl

from latentbench.maths.random_streams import RandomStreams, drawing_from


def under_streams(compute):
    with torch.no_grad(), drawing_from(RandomStreams([0, 1], "z")):
        return compute()


def test_the_reconstruction_is_scipys_negative_binomial_at_library_size_times_softmax(built):
    model, data, minibatch, _ = built("scvi", "nb")
    model.eval()
    with torch.no_grad():
        model.likelihood.log_theta.uniform_(-1, 2)
    terms = under_streams(lambda: model.loss_terms(minibatch))
    z = under_streams(lambda: model.posterior(minibatch).rsample())
    with torch.no_grad():
        mean = (
            (minibatch.library_size * torch.softmax(model.decoder(z, minibatch.covariates), -1))
            .double()
            .numpy()
        )
    theta = np.exp(model.likelihood.log_theta.detach().double().numpy())[:, None]
    expected = -stats.nbinom.logpmf(data.dense().numpy(), theta, theta / (theta + mean)).sum(-1)
    np.testing.assert_allclose(terms["reconstruction"].numpy(), expected, rtol=1e-4)


def test_the_variance_of_a_code_is_kept_above_a_ten_thousandth_and_enters_the_kl(built):
    model, _, minibatch, _ = built("scvi", "nb")
    model.eval()
    with torch.no_grad():
        model.encoder[-1].bias[..., 3:] = -30.0  # the log variances
        model.encoder[-1].weight[..., 3:] = 0.0
        qz = model.posterior(minibatch)
        sd = torch.full_like(qz.mean, 1e-2)
    terms = under_streams(lambda: model.loss_terms(minibatch))
    torch.testing.assert_close(
        terms["kl_z"],
        torch_kl(TorchNormal(qz.mean, sd), TorchNormal(0.0, 1.0)).sum(-1),
        rtol=1e-4,
        atol=1e-3,
    )


@pytest.mark.parametrize("encode_covariates", [False, True])
def test_the_decoder_is_told_the_covariates_and_the_encoder_only_where_asked(
    encode_covariates, built
):
    model, _, minibatch, _ = built("scvi", "nb", encode_covariates=encode_covariates)
    model.eval()
    elsewhere = replace(minibatch, covariates=minibatch.covariates.flip(-1))
    with torch.no_grad():
        assert torch.equal(model.embed(minibatch), model.embed(elsewhere)) != encode_covariates
        here, there = (
            model.predict(minibatch, each.covariates).mean for each in (minibatch, elsewhere)
        )
    assert not torch.allclose(here, there)
    torch.testing.assert_close(there.sum(-1, keepdim=True), minibatch.library_size)


def test_without_covariates_it_is_the_vae_of_the_same_weights_but_for_the_floor_of_the_variance(
    built,
):
    scvi, _, minibatch, _ = built("scvi", "zinb", n_covariates=0)
    vae, _, _, _ = built("vae", "zinb")
    vae.load_state_dict(scvi.state_dict())
    scvi.eval(), vae.eval()
    ours, theirs = (
        under_streams(lambda model=model: sum(model.loss_terms(minibatch).values()))
        for model in (scvi, vae)
    )
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-2)
