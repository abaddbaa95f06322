import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily
from torch.distributions import Normal as TorchNormal
from training_calls import observed_classes

from latentbench.maths.random_streams import RandomStreams, drawing_from
from latentbench.models.interface import TrainingCells
from latentbench.training.loop import TrainingLoop
from latentbench.training.options import TrainingOptions


def prior_of(model, replica):
    """p(z) of one replica as torch has it."""
    mean, log_variance = model.encoder(model.pseudo_inputs)[replica].chunk(2, dim=-1)
    return MixtureSameFamily(
        Categorical(logits=torch.zeros(len(mean))),
        Independent(TorchNormal(mean, torch.exp(0.5 * log_variance)), 1),
    )


@pytest.fixture
def model_and_cells(built):
    """A model whose pseudo-inputs are far from each other, and a minibatch."""
    model, _, minibatch, _ = built("vamp", "gaussian")
    with torch.no_grad():
        model.pseudo_inputs.copy_(minibatch.inputs[:, :4])
    return model.eval(), minibatch


def test_the_kl_term_is_the_difference_of_torchs_own_densities_at_the_sample(model_and_cells):
    model, minibatch = model_and_cells
    with torch.no_grad(), drawing_from(RandomStreams([0, 1], "z")):
        terms = model.loss_terms(minibatch)
    with torch.no_grad(), drawing_from(RandomStreams([0, 1], "z")):
        qz = model.qz(minibatch)
        z = qz.rsample()
        log_qz = TorchNormal(qz.mean, torch.exp(0.5 * qz.log_variance)).log_prob(z).sum(-1)
        log_pz = torch.stack(
            [prior_of(model, replica).log_prob(z[replica]) for replica in range(2)]
        )
    torch.testing.assert_close(terms["kl_z"], log_qz - log_pz, rtol=1e-4, atol=1e-4)


def test_on_average_the_kl_term_is_the_divergence_that_quadrature_finds(built):
    model, _, minibatch, _ = built("vamp", "gaussian", n_latent=1)
    with torch.no_grad(), drawing_from(RandomStreams([0, 1], "z")):
        sampled = torch.stack([model.loss_terms(minibatch)["kl_z"][0] for _ in range(2000)]).mean(0)
        qz, grid = model.qz(minibatch), torch.linspace(-12, 12, 4001)
        log_q = TorchNormal(qz.mean[0], torch.exp(0.5 * qz.log_variance[0])).log_prob(grid)
        integrand = torch.exp(log_q) * (log_q - prior_of(model, 0).log_prob(grid[:, None]))
        expected = torch.trapezoid(integrand, grid, dim=-1)
    torch.testing.assert_close(sampled, expected, rtol=0.05, atol=0.05)
    assert (expected > 0).all()


def test_the_divergence_of_a_cell_that_is_every_pseudo_input_is_zero_at_every_sample(built):
    model, _, minibatch, streams = built("vamp", "gaussian")
    with torch.no_grad(), drawing_from(streams):
        model.pseudo_inputs.copy_(minibatch.inputs[:, 7:8].expand(-1, 4, -1))
        kl_z = model.loss_terms(minibatch)["kl_z"]
    torch.testing.assert_close(kl_z[:, 7], torch.zeros(2), rtol=0, atol=1e-5)
    assert kl_z[:, 8].abs().min() > 1e-3


def test_the_clusters_are_the_responsibilities_of_the_pseudo_inputs(model_and_cells):
    model, minibatch = model_and_cells
    with torch.no_grad():
        z, probs = model.embed(minibatch), model.cluster_probs(minibatch)
        for replica in range(2):
            each = torch.exp(
                prior_of(model, replica).component_distribution.log_prob(z[replica][:, None])
            )
            torch.testing.assert_close(
                probs[replica], each / each.sum(-1, keepdim=True), rtol=1e-3, atol=1e-5
            )


def test_the_pseudo_inputs_start_at_the_training_cells_nearest_to_the_centres_of_the_codes(built):
    model, _, _, _ = built("vamp", "gaussian", n_clusters=3)
    generator = torch.Generator().manual_seed(0)
    means, groups = 10 * torch.randn(2, 3, 3, generator=generator), torch.arange(60) % 3
    codes = means[:, groups] + 0.1 * torch.randn(2, 60, 3, generator=generator)
    chosen = []
    cells = TrainingCells(
        (0, 1),
        lambda: codes,
        torch.full((2, 60), -1),
        lambda places: chosen.append(places) or places[..., None].float().expand(-1, -1, 12),
    )
    model.begin_phase("pretrain", cells)
    assert chosen == []
    model.begin_phase("cluster", cells)
    assert [sorted(groups[places].tolist()) for places in chosen[0]] == [[0, 1, 2]] * 2
    assert torch.equal(model.pseudo_inputs[..., 0], chosen[0].float())


@pytest.mark.parametrize("likelihood", ["gaussian", "nb"])
def test_they_are_what_the_encoder_reads_of_training_cells(likelihood, built):
    model, data, minibatch, _ = built("vamp", likelihood)
    observed = observed_classes(data, seeds=(0, 1), n_clusters=4)
    loop = TrainingLoop(
        model,
        data,
        (0, 1),
        observed,
        TrainingOptions(epochs=1, learning_rate=1e-12, log_every=1),
    )
    started = loop.run().model.pseudo_inputs.detach()
    inputs = minibatch.inputs if likelihood == "gaussian" else minibatch.inputs.to_dense()
    for replica in range(2):
        distances = (started[replica][:, None] - inputs[replica][data.train]).square().sum(-1)
        assert distances.min(1).values.max() < 1e-6
        assert len(set(distances.argmin(1).tolist())) == 4


def test_three_separated_groups_are_recovered(ari_of_groups):
    assert (
        ari_of_groups(
            "vamp",
            phases=[{"name": "train", "epochs": 100}],
            hyperparameters={"n_latent": 3, "n_hidden": 24},
        )
        == 1
    ).all()
