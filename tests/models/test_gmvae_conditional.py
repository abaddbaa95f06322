from dataclasses import replace

import pytest
import torch
from torch.distributions import Categorical, Dirichlet
from torch.distributions import Normal as TorchNormal
from torch.distributions import kl_divergence as torch_kl
from torch.nn import functional as F
from training_calls import fit, observed_classes

from latentbench.maths.random_streams import RandomStreams, drawing_from
from latentbench.training.replicas import build_replicas


def as_torch(normal):
    return TorchNormal(normal.mean, torch.exp(0.5 * normal.log_variance))


@pytest.mark.parametrize("w_prior", ["standard", "learned"])
def test_every_term_equals_a_loop_over_the_components_with_torchs_own_divergences(w_prior, built):
    model, data, minibatch, _ = built(
        "gmvae_conditional", "gaussian", w_prior=w_prior, dirichlet="explicit", alpha=0.7
    )
    model.eval()
    c = minibatch.covariates
    with torch.no_grad(), drawing_from(RandomStreams([0, 1], "z")):
        terms = model.loss_terms(minibatch)
    with torch.no_grad(), drawing_from(RandomStreams([0, 1], "z")):
        qz, qw = model.posteriors(minibatch)
        z, w = qz.rsample(), qw.rsample()
        q, pz = torch.softmax(model.qy(z, c), -1), model.pz(w, c)
        g = F.softplus(model.concentrations(z, c)) + 1e-3
        pw = TorchNormal(torch.zeros_like(w), 1.0)
        if w_prior == "learned":
            mean, log_variance = model.prior(c).chunk(2, -1)
            pw = TorchNormal(
                5 * torch.tanh(mean / 5),
                torch.exp(0.5 * (-4 + 5 * torch.tanh((log_variance + 4) / 5))),
            )
        kl_z = torch.zeros(2, data.n_obs)
        for k in range(4):
            kl_z += q[..., k] * torch_kl(
                as_torch(qz), TorchNormal(pz.mean[:, k], torch.exp(0.5 * pz.log_variance[:, k]))
            ).sum(-1)
        # E[log p(y | d)] by samples of d: the model has it in closed form
        expected_log_d = torch.log(Dirichlet(g).sample((4000,))).mean(0)
        expected = {
            "reconstruction": -TorchNormal(model.decoder(z, c), 1.0).log_prob(minibatch.x).sum(-1),
            "kl_z": kl_z,
            "kl_w": torch_kl(as_torch(qw), pw).sum(-1),
            "kl_d": torch_kl(Dirichlet(g), Dirichlet(torch.full_like(g, 0.7))),
        }
        kl_y = -Categorical(q).entropy() - (q * expected_log_d).sum(-1)
    for name, value in expected.items():
        torch.testing.assert_close(terms[name], value, rtol=1e-4, atol=1e-4, msg=name)
    torch.testing.assert_close(terms["kl_y"].mean(), kl_y.mean(), rtol=0.02, atol=0.02)


def test_every_part_reads_the_covariates(built):
    model, _, minibatch, _ = built(
        "gmvae_conditional", "gaussian", dirichlet="explicit", w_prior="learned"
    )
    model.eval()
    here, there = minibatch.covariates, minibatch.covariates.flip(-1)
    z = torch.randn(2, 90, 3)
    with torch.no_grad():
        for part in (model.qy, model.concentrations, model.components, model.decoder):
            assert not torch.allclose(part(z, here), part(z, there))
        assert not torch.allclose(model.prior(here), model.prior(there))
        assert not torch.allclose(
            model.embed(minibatch), model.embed(replace(minibatch, covariates=there))
        )


def test_a_prediction_sums_what_every_component_expects(built):
    model, _, minibatch, _ = built("gmvae_conditional", "nb")
    model.eval()
    other = minibatch.covariates.flip(-1)
    with torch.no_grad():
        qz, qw = model.posteriors(minibatch)
        q = torch.softmax(model.qy(qz.mean, minibatch.covariates), -1)
        expected = torch.zeros(2, 90, 12)
        for k in range(4):
            z = model.pz(qw.mean, other).mean[:, k]
            expected += (
                q[..., k, None]
                * minibatch.library_size
                * torch.softmax(model.decoder(z, other), -1)
            )
        torch.testing.assert_close(
            model.predict(minibatch, other).mean, expected, rtol=1e-4, atol=1e-4
        )


def test_draws_of_a_prediction_are_around_what_it_expects_and_of_one_component_each(built):
    model, _, minibatch, _ = built("gmvae_conditional", "poisson")
    model.eval()
    with torch.no_grad(), drawing_from(RandomStreams([0, 1], "draws")):
        predicted = model.predict(minibatch, minibatch.covariates.flip(-1))
        drawn = torch.stack([predicted.sample() for _ in range(400)])
        error = (predicted.mean / 400).sqrt()
        assert ((drawn.mean(0) - predicted.mean).abs() / error).mean() < 1
        # With all of the weight on one component every draw is of that one.
        certain = replace(
            predicted, weights=torch.nn.functional.one_hot(torch.full((2, 90), 3), 4).float()
        )
        of_it = torch.stack([certain.sample() for _ in range(400)]).mean(0)
        expected = predicted.px(predicted.z).mean[:, 3]
        assert ((of_it - expected).abs() / (expected / 400).sqrt()).mean() < 1


@pytest.mark.parametrize("w_prior", ["standard", "learned"])
def test_a_trained_model_predicts_the_effect_of_the_condition_on_every_group(
    w_prior, training_data
):
    data = training_data(n_obs=300)
    effect = torch.linspace(-2, 2, data.n_vars)
    data = replace(data, x=data.x + data.covariates[:, 1:] * effect)
    sizes = {"n_clusters": 3, "n_covariates": 2, "n_latent": 3, "n_hidden": 32}
    model = build_replicas(
        "gmvae_conditional",
        data.n_vars,
        likelihood="gaussian",
        seeds=(0,),
        w_prior=w_prior,
        **sizes,
    )
    observed = observed_classes(data, seeds=(0,), n_clusters=3, mode="guided", guided_fraction=0.5)
    model = fit(
        model,
        data,
        seeds=(0,),
        observed=observed,
        epochs=50,
        batch_size=60,
        learning_rate=5e-3,
        log_every=50,
    ).model.eval()
    control = data.test[data.covariates[data.test, 0] == 1]
    minibatch = data.minibatch(control[None], model.likelihood)
    with torch.no_grad():
        change = (
            model.predict(minibatch, minibatch.covariates.flip(-1)).mean
            - model.predict(minibatch, minibatch.covariates).mean
        )[0]
    for group in range(3):
        found = change[data.labels[control] == group].mean(0)
        assert (found - effect).abs().mean() < 0.25, group
