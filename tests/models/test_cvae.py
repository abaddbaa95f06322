import pytest
import torch
from torch.distributions import Normal as TorchNormal
from torch.distributions import kl_divergence as torch_kl

from latentbench.maths.random_streams import RandomStreams, drawing_from


@pytest.mark.parametrize("prior", ["fixed", "learned"])
def test_the_terms_are_those_of_torchs_own_distributions(prior, built):
    model, _, minibatch, _ = built("cvae", "gaussian", prior=prior)
    model.eval()
    with torch.no_grad(), drawing_from(RandomStreams([0, 1], "z")):
        terms = model.loss_terms(minibatch)
        qz = model.qz(minibatch)
    with torch.no_grad(), drawing_from(RandomStreams([0, 1], "z")):
        z = qz.rsample()
        mean, log_variance = (
            model.prior(minibatch.covariates).chunk(2, dim=-1)
            if prior == "learned"
            else (torch.zeros_like(z), torch.zeros_like(z))
        )
        decoded = model.decoder(z, None if prior == "learned" else minibatch.covariates)
    q = TorchNormal(qz.mean, (0.5 * qz.log_variance).exp())
    torch.testing.assert_close(
        terms["kl_z"],
        torch_kl(q, TorchNormal(mean, (0.5 * log_variance).exp())).sum(-1),
        rtol=1e-4,
        atol=1e-4,
    )
    torch.testing.assert_close(
        terms["reconstruction"],
        -TorchNormal(decoded, 1.0).log_prob(minibatch.x).sum(-1),
        rtol=1e-4,
        atol=1e-4,
    )


def test_a_fixed_prior_tells_the_decoder_the_condition_and_a_learned_one_does_not(built):
    for prior, is_told in (("fixed", True), ("learned", False)):
        model, _, minibatch, _ = built("cvae", "gaussian", prior=prior)
        model.eval()
        z = model.embed(minibatch)
        here, there = (
            model.px(z, covariates, minibatch.library_size).mean
            for covariates in (minibatch.covariates, minibatch.covariates.flip(-1))
        )
        assert torch.equal(here, there) != is_told


def test_the_layer_that_reads_covariates_is_one_layer_on_both_side_by_side(built):
    model, _, minibatch, _ = built("cvae", "gaussian")
    first = model.encoder[0]
    joined = torch.cat([minibatch.inputs, minibatch.covariates], -1)
    weight = torch.cat([first.weight, first.covariate_weight], 1)
    torch.testing.assert_close(
        first(minibatch.inputs, minibatch.covariates),
        torch.bmm(joined, weight),
        rtol=1e-4,
        atol=1e-5,
    )
    samples = torch.randn(2, 5, *minibatch.inputs.shape[1:])
    torch.testing.assert_close(
        first(samples, minibatch.covariates)[:, 3],
        first(samples[:, 3], minibatch.covariates),
        rtol=1e-4,
        atol=1e-5,
    )


def test_a_prediction_under_the_same_condition_is_the_reconstruction_and_under_another_it_is_not(
    built,
):
    for prior in ("fixed", "learned"):
        model, _, minibatch, _ = built("cvae", "gaussian", prior=prior)
        model.eval()
        with torch.no_grad():
            here, there = (
                model.predict(minibatch, covariates).mean
                for covariates in (minibatch.covariates, minibatch.covariates.flip(-1))
            )
            torch.testing.assert_close(
                here,
                model.px(model.embed(minibatch), minibatch.covariates, minibatch.library_size).mean,
            )
        assert not torch.allclose(here, there)


def test_with_a_learned_prior_a_code_keeps_its_place_in_standard_deviations(built):
    model, _, minibatch, _ = built("cvae", "gaussian", prior="learned")
    model.eval()
    there = minibatch.covariates.flip(-1)
    with torch.no_grad():
        place = (model.embed(minibatch) - model.pz(minibatch.covariates).mean) / torch.exp(
            0.5 * model.pz(minibatch.covariates).log_variance
        )
        z = model.pz(there).mean + torch.exp(0.5 * model.pz(there).log_variance) * place
        torch.testing.assert_close(
            model.predict(minibatch, there).mean, model.decoder(z), rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize("prior", ["learned", "fixed"])
def test_the_reconstruction_is_the_prediction_under_the_cells_own_covariates(prior, built):
    model, _, minibatch, _ = built("cvae", "gaussian", prior=prior)
    model.eval()
    with torch.no_grad():
        torch.testing.assert_close(
            model.reconstruct(minibatch), model.predict(minibatch, minibatch.covariates).mean
        )
