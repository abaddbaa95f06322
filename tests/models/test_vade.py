import math

import numpy as np
import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily
from torch.distributions import Normal as TorchNormal

from latentbench.maths.distributions import Normal
from latentbench.maths.random_streams import RandomStreams, drawing_from
from latentbench.models.interface import TrainingCells
from latentbench.models.vade import matched_to_classes

PHASES = [
    {
        "name": "pretrain",
        "epochs": 100,
        "term_weights": {"kl_z": 0, "kl_y": 0, "classification": 0},
    },
    {"name": "cluster", "epochs": 30},
]


@pytest.fixture
def model_with_components(built):
    """A model whose components differ in weight, place and width, a minibatch, and its q(z | x)."""
    model, data, minibatch, _ = built("vade", "gaussian")
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        model.component_logits.normal_(generator=generator)
        model.component_scale.normal_(generator=generator)
    return model.eval(), data, minibatch


def as_torch(model, replica):
    """p(z) of one replica as torch has it."""
    components = Independent(
        TorchNormal(
            model.components.mean[replica, :, 0],
            torch.exp(0.5 * model.components.log_variance[replica, :, 0]),
        ),
        1,
    )
    return MixtureSameFamily(Categorical(logits=model.component_logits[replica]), components)


def test_gamma_is_the_posterior_by_bayes(model_with_components):
    model, data, minibatch = model_with_components
    with torch.no_grad():
        z = 2 * torch.randn(2, data.n_obs, 3, generator=torch.Generator().manual_seed(1))
        gamma = model.gamma(z, minibatch.y).weights
        for replica in range(2):
            prior = as_torch(model, replica)
            joint = prior.mixture_distribution.logits + prior.component_distribution.log_prob(
                z[replica][:, None]
            )
            torch.testing.assert_close(
                gamma[replica],
                torch.exp(joint - prior.log_prob(z[replica])[:, None]),
                rtol=1e-3,
                atol=1e-5,
            )


def test_the_terms_sum_to_the_papers_bound_in_a_loop_over_the_components(model_with_components):
    """Jiang 2017, equation 12, but for its reconstruction."""
    model, _, minibatch = model_with_components
    with torch.no_grad(), drawing_from(RandomStreams([0, 1], "z")):
        terms = model.loss_terms(minibatch)
    with torch.no_grad(), drawing_from(RandomStreams([0, 1], "z")):
        qz = model.qz(minibatch)
        z = qz.rsample()
        gamma, pi = model.gamma(z, minibatch.y).weights, torch.softmax(model.component_logits, -1)
        bound = TorchNormal(model.decoder(z), 1.0).log_prob(minibatch.x).sum(-1) + 0.5 * (
            1 + qz.log_variance
        ).sum(-1)
        for k in range(4):
            mu, log_s2 = model.components.mean[:, k], model.components.log_variance[:, k]
            spread = (
                log_s2
                + torch.exp(qz.log_variance - log_s2)
                + (qz.mean - mu).square() * torch.exp(-log_s2)
            ).sum(-1)
            bound += gamma[..., k] * (torch.log(pi[:, k, None] / gamma[..., k]) - 0.5 * spread)
    torch.testing.assert_close(sum(terms.values()), -bound, rtol=1e-4, atol=1e-3)


def test_the_divergences_are_those_that_monte_carlo_finds(model_with_components):
    """kl_z + kl_y = E over q(z | x) and gamma of log q(z | x) + log gamma_y - log p(y) - log p(z |
    y).
    """
    model, _, minibatch = model_with_components
    with torch.no_grad(), drawing_from(RandomStreams([0, 1], "z")):
        terms = model.loss_terms(minibatch)
    with torch.no_grad(), drawing_from(RandomStreams([0, 1], "z")):
        qz = model.qz(minibatch)
        gamma = model.gamma(qz.rsample(), minibatch.y).weights
        q, prior = TorchNormal(qz.mean[0], torch.exp(0.5 * qz.log_variance[0])), as_torch(model, 0)
        z = q.mean + q.stddev * torch.randn(
            10_000, *q.mean.shape, generator=torch.Generator().manual_seed(3)
        )
        joint = prior.mixture_distribution.logits + prior.component_distribution.log_prob(
            z[..., None, :]
        )
        sampled = q.log_prob(z).sum(-1).mean(0) + (
            gamma[0] * (torch.log(gamma[0]) - joint.mean(0))
        ).sum(-1)
    torch.testing.assert_close((terms["kl_z"] + terms["kl_y"])[0], sampled, rtol=0.05, atol=0.1)


def test_the_bound_is_below_the_importance_weighted_estimate_of_log_px(model_with_components):
    model, _, minibatch = model_with_components
    log_w, losses = [], []
    with torch.no_grad(), drawing_from(RandomStreams([0, 1], "test")):
        for _ in range(200):
            log_w.append(model.log_weight(minibatch))
            losses.append(sum(model.loss_terms(minibatch).values()))
    bound = torch.logsumexp(torch.stack(log_w), 0) - math.log(len(log_w))
    assert -torch.stack(losses).mean() < bound.mean()


def test_a_weight_has_the_density_of_the_mixture_as_torch_has_it(model_with_components):
    model, _, minibatch = model_with_components
    with torch.no_grad(), drawing_from(RandomStreams([0, 1], "z")):
        log_w = model.log_weight(minibatch)
    with torch.no_grad(), drawing_from(RandomStreams([0, 1], "z")):
        qz = model.qz(minibatch)
        z = qz.rsample()
        log_pz = torch.stack(
            [as_torch(model, replica).log_prob(z[replica]) for replica in range(2)]
        )
        log_qz = TorchNormal(qz.mean, torch.exp(0.5 * qz.log_variance)).log_prob(z).sum(-1)
        expected = (
            TorchNormal(model.decoder(z), 1.0).log_prob(minibatch.x).sum(-1) + log_pz - log_qz
        )
    torch.testing.assert_close(log_w, expected, rtol=1e-4, atol=1e-3)


def test_an_observed_class_leaves_only_its_own_component(built):
    model, data, minibatch, _ = built("vade", "gaussian", y=torch.full((2, 90), 2))
    with torch.no_grad(), drawing_from(RandomStreams([0, 1], "z")):
        terms = model.loss_terms(minibatch)
    with torch.no_grad(), drawing_from(RandomStreams([0, 1], "z")):
        qz = model.qz(minibatch)
        gamma = model.gamma(qz.rsample(), torch.full_like(minibatch.y, -1)).weights
    torch.testing.assert_close(terms["kl_y"], -model.log_pi[..., 2].expand(2, data.n_obs))
    torch.testing.assert_close(terms["classification"], -torch.log(gamma[..., 2]))


def test_no_component_is_narrower_than_the_floor_and_one_at_the_floor_can_widen_again(built):
    model, _, _, _ = built("vade", "gaussian", variance_floor=0.05)
    with torch.no_grad():
        model.component_scale.fill_(-4)
    variance = torch.exp(model.components.log_variance)
    assert variance.min() > 0.05
    assert variance.max() < 0.07
    variance.sum().backward()
    assert (model.component_scale.grad > 0).all()
    with torch.no_grad():
        model.component_scale.fill_(-1000)
    assert torch.exp(model.components.log_variance).min().item() == pytest.approx(0.05)


SIZES, WIDTHS = np.array([300, 150, 100, 50]), np.array([0.5, 1.0, 0.4, 0.7])


def no_inputs(places):
    raise AssertionError("the start needs codes alone")


def grouped_codes(seeds):
    """Codes of four groups of unequal sizes and widths, each replica's at places of its own, and
    the group of each code.
    """
    rng = np.random.default_rng(1)
    means, groups = 10 * rng.standard_normal((len(seeds), 4, 3)), np.repeat(np.arange(4), SIZES)
    codes = torch.from_numpy(
        (
            means[:, groups]
            + WIDTHS[groups, None] * rng.standard_normal((len(seeds), SIZES.sum(), 3))
        ).astype(np.float32)
    )
    return means, torch.from_numpy(groups).expand(len(seeds), -1), codes


def test_the_mixture_starts_where_the_codes_are_numbered_as_the_classes_that_are_shown(built):
    model, _, _, _ = built("vade", "gaussian")
    means, groups, codes = grouped_codes((0, 1))
    shown = torch.where(torch.arange(SIZES.sum()) % 10 == 0, groups, -1)
    model.begin_phase("pretrain", TrainingCells((0, 1), lambda: codes, shown, no_inputs))
    assert model.component_logits.abs().max() == 0
    model.begin_phase("cluster", TrainingCells((0, 1), lambda: codes, shown, no_inputs))
    np.testing.assert_allclose(model.component_mean[:, :, 0].detach().numpy(), means, atol=0.4)
    np.testing.assert_allclose(
        torch.softmax(model.component_logits, -1).detach().numpy(),
        [SIZES / SIZES.sum()] * 2,
        atol=1e-3,
    )
    np.testing.assert_allclose(
        torch.exp(0.5 * model.components.log_variance).mean((0, 2, 3)).detach().numpy(),
        WIDTHS,
        rtol=0.2,
    )


def test_a_replicas_start_does_not_depend_on_its_neighbours(built):
    _, _, codes = grouped_codes((7, 8))
    starts = []
    for replicas, seeds in (([0, 1], (7, 8)), ([1], (8,))):
        model, _, _, _ = built("vade", "gaussian", seeds=seeds)
        model.begin_phase(
            "cluster",
            TrainingCells(
                seeds,
                lambda kept=replicas: codes[kept],
                torch.full((len(seeds), SIZES.sum()), -1),
                no_inputs,
            ),
        )
        starts.append(model.component_mean[-1])
    assert torch.equal(*starts)


def test_clusters_take_the_places_of_the_classes_that_they_meet_most():
    clusters, classes = np.array([2, 2, 0, 0, 1, 1]), np.array([0, 0, 1, -1, 2, 0])
    np.testing.assert_array_equal(matched_to_classes(clusters, classes, 3), [2, 0, 1])
    np.testing.assert_array_equal(matched_to_classes(clusters, np.full(6, -1), 3), [0, 1, 2])


@pytest.mark.parametrize("mode", ["unsupervised", "guided", "semi_supervised"])
def test_three_separated_groups_are_recovered(mode, ari_of_groups):
    assert (
        ari_of_groups(
            "vade", phases=PHASES, hyperparameters={"n_latent": 3, "n_hidden": [16, 32]}, mode=mode
        )
        == 1
    ).all()


def test_the_density_of_a_component_is_torchs_own(model_with_components):
    from latentbench.models.components import log_density_by_component

    model, _, _ = model_with_components
    z = torch.randn(2, 7, 3)
    expected = torch.stack(
        [
            as_torch(model, replica).component_distribution.log_prob(z[replica][:, None])
            for replica in range(2)
        ]
    )
    torch.testing.assert_close(
        log_density_by_component(z, Normal(model.components.mean, model.components.log_variance)),
        expected,
    )
