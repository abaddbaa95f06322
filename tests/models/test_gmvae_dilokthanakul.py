import math

import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily
from torch.distributions import Normal as TorchNormal
from torch.distributions import kl_divergence as torch_kl

from latentbench.maths.random_streams import RandomStreams, drawing_from
from latentbench.models.components import log_density_by_component


def sampled(model, minibatch):
    """Return q(z | x), q(w | x), z and p(z | w, y), the noise that of the terms drawn from the same
    streams.
    """
    with torch.no_grad(), drawing_from(RandomStreams([0, 1], "z")):
        qz, qw = model.posteriors(minibatch)
        return qz, qw, qz.rsample(), model.pz(qw.rsample())


def terms_of(model, minibatch):
    with torch.no_grad(), drawing_from(RandomStreams([0, 1], "z")):
        return model.loss_terms(minibatch)


def as_torch(normal):
    return TorchNormal(normal.mean, torch.exp(0.5 * normal.log_variance))


def test_the_cluster_probabilities_are_bayes_rule_on_the_components(built):
    model, data, minibatch, _ = built("gmvae_dilokthanakul", "gaussian")
    model.eval()
    _, _, z, pz = sampled(model, minibatch)
    components = as_torch(pz)
    each = torch.stack([components.log_prob(z[:, None])[:, k].sum(-1) for k in range(4)], -1)
    mixture = MixtureSameFamily(
        Categorical(torch.ones(2, data.n_obs, 4)),
        Independent(
            TorchNormal(components.mean.transpose(1, 2), components.stddev.transpose(1, 2)), 1
        ),
    )
    posterior = torch.exp(each - math.log(4) - mixture.log_prob(z)[..., None])
    torch.testing.assert_close(
        torch.softmax(log_density_by_component(z, pz), -1), posterior, rtol=1e-3, atol=1e-5
    )


def test_every_term_equals_a_loop_over_the_components_with_torchs_own_divergences(built):
    model, data, minibatch, _ = built("gmvae_dilokthanakul", "gaussian")
    model.eval()
    terms = terms_of(model, minibatch)
    qz, qw, z, pz = sampled(model, minibatch)
    p = torch.softmax(log_density_by_component(z, pz), -1)
    kl_z = torch.zeros(2, data.n_obs)
    for k in range(4):
        kl_z += p[..., k] * torch_kl(
            as_torch(qz), TorchNormal(pz.mean[:, k], torch.exp(0.5 * pz.log_variance[:, k]))
        ).sum(-1)
    expected = {
        "reconstruction": -TorchNormal(model.decoder(z), 1.0).log_prob(minibatch.x).sum(-1),
        "kl_z": kl_z,
        "kl_w": torch_kl(as_torch(qw), TorchNormal(0.0, 1.0)).sum(-1),
        "kl_y": torch_kl(Categorical(p), Categorical(torch.ones_like(p))),
    }
    for name, value in expected.items():
        torch.testing.assert_close(terms[name], value, rtol=1e-4, atol=1e-4, msg=name)


@pytest.mark.parametrize("min_kl_y", [0.0, 1e-3, 1.3])
def test_the_last_term_is_at_least_lambda_on_average_in_training_and_below_it_has_no_gradient(
    min_kl_y, built
):
    model, _, minibatch, _ = built("gmvae_dilokthanakul", "gaussian", min_kl_y=min_kl_y)
    with drawing_from(RandomStreams([0, 1], "z")):
        kl_y = model.loss_terms(minibatch)["kl_y"]
    model.min_kl_y = 0.0
    with drawing_from(RandomStreams([0, 1], "z")):
        unbounded = model.loss_terms(minibatch)["kl_y"].mean(1)
    torch.testing.assert_close(kl_y.mean(1), unbounded.clamp(min=min_kl_y))
    kl_y.sum().backward()
    moved = model.components[0].weight.grad.abs().flatten(1).sum(1) > 0
    assert torch.equal(moved, unbounded > min_kl_y)


def test_what_is_evaluated_is_the_bound_itself_whatever_lambda(built):
    with_floor, without = (
        built("gmvae_dilokthanakul", "gaussian", min_kl_y=floor)[0].eval() for floor in (5.0, 0.0)
    )
    minibatch = built("gmvae_dilokthanakul", "gaussian")[2]
    torch.testing.assert_close(terms_of(with_floor, minibatch), terms_of(without, minibatch))


def test_a_weight_is_made_of_torchs_own_densities(built):
    model, _, minibatch, _ = built("gmvae_dilokthanakul", "gaussian")
    model.eval()
    with torch.no_grad(), drawing_from(RandomStreams([0, 1], "z")):
        log_w = model.log_weight(minibatch)
    with torch.no_grad(), drawing_from(RandomStreams([0, 1], "z")):
        qz, qw = model.posteriors(minibatch)
        z, w = qz.rsample(), qw.rsample()
        log_pz = torch.logsumexp(as_torch(model.pz(w)).log_prob(z[:, None]).sum(-1), 1) - math.log(
            4
        )
        log_px = TorchNormal(model.decoder(z), 1.0).log_prob(minibatch.x).sum(-1)
        log_pw = TorchNormal(0.0, 1.0).log_prob(w).sum(-1)
        expected = (
            log_px
            + log_pz
            + log_pw
            - as_torch(qz).log_prob(z).sum(-1)
            - as_torch(qw).log_prob(w).sum(-1)
        )
    torch.testing.assert_close(log_w, expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("spread", [0, 1, 20])
def test_the_loss_is_at_most_the_sampled_bound_and_that_the_importance_weighted_one(spread, built):
    """With p(y | z, w) exact, y is summed out of p(x, z, w, y); the weights' mean apart from the
    divergence lowers the bound unless the components are one.
    """
    model, _, minibatch, _ = built("gmvae_dilokthanakul", "gaussian")
    model.eval()
    log_w, elbo = [], []
    with torch.no_grad(), drawing_from(RandomStreams([0, 1], "bound")):
        for parameter in model.components[-1].parameters():
            parameter *= spread
        for _ in range(400):
            log_w.append(model.log_weight(minibatch))
            elbo.append(-sum(model.loss_terms(minibatch).values()))
    elbo, log_w = torch.stack(elbo).mean((0, 2)), torch.stack(log_w)
    sampled_bound = log_w.mean((0, 2))
    if spread == 0:
        torch.testing.assert_close(elbo, sampled_bound, rtol=0, atol=0.05)
    else:
        assert (elbo < sampled_bound - 0.1).all()
    assert (sampled_bound < (torch.logsumexp(log_w, 0) - math.log(len(log_w))).mean(1)).all()
