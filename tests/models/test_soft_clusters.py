import numpy as np
import pytest
import torch
from training_calls import observed_classes

from latentbench.models.interface import Minibatch, TrainingCells
from latentbench.models.soft_clusters import SoftClusters
from latentbench.training import interruption
from latentbench.training.checkpoints import CheckpointFolder
from latentbench.training.loop import TrainingLoop
from latentbench.training.options import Phase, TrainingOptions
from latentbench.training.replicas import build_replicas


@pytest.fixture
def clusters():
    """A factory of two replicas of four clusters among codes of three dimensions, with unequal
    frequencies, and codes near them.
    """

    def make(degrees_of_freedom=1.0):
        generator = torch.Generator().manual_seed(0)
        made = SoftClusters(4, 3, degrees_of_freedom=degrees_of_freedom).double()
        made.centres = torch.nn.Parameter(
            torch.randn(2, 4, 3, dtype=torch.float64, generator=generator)
        )
        made.frequencies = torch.tensor(
            [[0.1, 0.2, 0.3, 0.4], [0.7, 0.1, 0.1, 0.1]], dtype=torch.float64
        )
        return (
            made,
            torch.randn(2, 20, 3, dtype=torch.float64, generator=generator).requires_grad_(),
        )

    return make


def cells_with(probs):
    return Minibatch(
        torch.zeros(2, 20, 1),
        torch.zeros(2, 20, 1),
        torch.ones(2, 20, 1),
        torch.full((2, 20), -1),
        torch.zeros(2, 20, 0),
        probs,
    )


@pytest.mark.parametrize("a", [1.0, 3.0])
def test_the_probabilities_are_those_of_equation_1_with_all_of_its_exponent(a, clusters):
    made, z = clusters(a)
    expected = np.empty((2, 20, 4))
    for index in np.ndindex(2, 20, 4):
        distance = ((z[index[:2]] - made.centres[index[0], index[2]]) ** 2).sum().item()
        expected[index] = (1 + distance / a) ** (-(a + 1) / 2)
    expected /= expected.sum(-1, keepdims=True)
    np.testing.assert_allclose(made.probs(z).detach().numpy(), expected)


def test_with_many_degrees_of_freedom_the_kernel_is_gaussian(clusters):
    made, z = clusters(1e9)
    squared = torch.cdist(z, made.centres).square()
    torch.testing.assert_close(made.probs(z), torch.softmax(-squared / 2, -1), rtol=1e-6, atol=1e-8)


def test_the_target_is_that_of_equation_2(clusters):
    made, z = clusters()
    q = made.probs(z).detach()
    expected = q**2 / made.frequencies[:, None]
    target = torch.exp(made.log_target(torch.log(q)))
    torch.testing.assert_close(target, expected / expected.sum(-1, keepdim=True))
    torch.testing.assert_close(target.sum(-1), torch.ones(2, 20, dtype=torch.float64))


def test_the_target_sharpens_where_the_clusters_are_of_one_size_and_else_prefers_the_small_ones(
    clusters,
):
    made, z = clusters()
    q = made.probs(z).detach()
    unequal = made.log_target(torch.log(q))
    made.frequencies.fill_(0.25)
    equal = made.log_target(torch.log(q))
    assert torch.equal(equal.argmax(-1), q.argmax(-1))
    assert (torch.exp(equal).max(-1).values > q.max(-1).values).all()
    assert (torch.exp(unequal)[0, :, 0] > torch.exp(equal)[0, :, 0]).all()


@pytest.mark.parametrize("a", [1.0, 3.0])
def test_the_gradients_are_those_that_the_paper_derives(a, clusters):
    """Xie 2016, equations 4 and 5, for degrees of freedom a; P is held."""
    made, z = clusters(a)
    p = torch.exp(made.log_target(made.log_probs(z))).detach()
    made.divergence(z, cells_with(made.probs(z).detach())).sum().backward()
    with torch.no_grad():
        difference = z[:, :, None] - made.centres[:, None]
        pull = (
            (a + 1)
            / a
            * (p - made.probs(z))[..., None]
            * difference
            / (1 + difference.square().sum(-1, keepdim=True) / a)
        )
    torch.testing.assert_close(z.grad, pull.sum(2))
    torch.testing.assert_close(made.centres.grad, -pull.sum(1))


def test_the_divergence_is_from_the_target_at_the_refresh_and_without_one_from_that_of_now(
    clusters,
):
    made, z = clusters()
    then = torch.softmax(torch.randn(2, 20, 4, dtype=torch.float64), -1)
    log_q = made.log_probs(z)
    for given, p in ((then, made.log_target(torch.log(then))), (None, made.log_target(log_q))):
        expected = torch.nn.functional.kl_div(log_q, p, log_target=True, reduction="none").sum(-1)
        torch.testing.assert_close(made.divergence(z, cells_with(given)), expected)
        assert (expected > 0).all()


def test_a_refresh_notes_the_mean_probabilities(clusters):
    made, z = clusters()
    made.refresh(made.probs(z).detach())
    torch.testing.assert_close(made.frequencies, made.probs(z).mean(1))


def no_inputs(places):
    raise AssertionError("the start needs codes alone")


def grouped_codes(seeds):
    generator = torch.Generator().manual_seed(1)
    means = 10 * torch.randn(len(seeds), 4, 3, generator=generator)
    return means, TrainingCells(
        seeds,
        lambda: means.repeat(1, 15, 1) + 0.1 * torch.randn(len(seeds), 60, 3, generator=generator),
        torch.full((len(seeds), 60), -1),
        no_inputs,
    )


def test_the_centres_start_at_the_means_of_the_codes_each_replica_at_its_own():
    means, cells = grouped_codes((0, 1))
    made = SoftClusters(4, 3)
    made.centres = torch.nn.Parameter(torch.zeros(2, 4, 3))
    made.begin_phase("pretrain", cells)
    assert made.centres.abs().max() == 0
    made.begin_phase("cluster", cells)
    for centres, expected in zip(made.centres, means, strict=True):
        distances = torch.cdist(centres, expected)
        assert sorted(distances.argmin(1).tolist()) == [0, 1, 2, 3]
        assert distances.min(1).values.max() < 0.2


def test_a_replicas_start_does_not_depend_on_its_neighbours():
    codes = torch.randn(2, 60, 3, generator=torch.Generator().manual_seed(2))
    centres = []
    for replicas, seeds in (([0, 1], (7, 8)), ([1], (8,))):
        made = SoftClusters(4, 3)
        made.centres = torch.nn.Parameter(torch.zeros(len(seeds), 4, 3))
        made.begin_phase(
            "cluster",
            TrainingCells(
                seeds,
                lambda kept=replicas: codes[kept],
                torch.full((len(seeds), 60), -1),
                no_inputs,
            ),
        )
        centres.append(made.centres[-1])
    assert torch.equal(*centres)


def test_a_phase_that_is_neither_of_the_two_is_refused():
    with pytest.raises(
        ValueError,
        match=r"'train' is no phase of this kind; it is trained in 'pretrain' and 'cluster'",
    ):
        SoftClusters(4, 3).begin_phase("train", grouped_codes((0,))[1])


PHASES = [
    Phase(name="pretrain", epochs=2, batch_size=24, term_weights={"clustering": 0.0}),
    Phase(name="cluster", epochs=4, batch_size=24, refresh_every=5),
]


def looped(data, seeds, checkpoints=None):
    """Three steps an epoch, and a refresh in the midst of one."""
    model = build_replicas(
        "idec",
        data.n_vars,
        likelihood="gaussian",
        seeds=seeds,
        n_clusters=3,
        n_latent=2,
        n_hidden=[8, 16],
    )
    return TrainingLoop(
        model,
        data,
        seeds,
        observed_classes(data, seeds=seeds, n_clusters=3),
        TrainingOptions(phases=PHASES, log_every=2),
        checkpoints=checkpoints,
    )


@pytest.mark.parametrize("n_steps", [8, 12, 16])
def test_a_training_that_breaks_off_between_two_refreshes_goes_on_with_the_same_bytes(
    n_steps, training_data, tmp_path, monkeypatch
):
    data, steps = training_data(), []
    whole = looped(data, (0, 1)).run()
    loop = looped(data, (0, 1), CheckpointFolder(tmp_path, "this", 0.0).of((0, 1)))
    monkeypatch.setattr(
        interruption, "is_requested", lambda: steps.append(1) or len(steps) == n_steps
    )
    with pytest.raises(interruption.Interrupted):
        loop.run()
    monkeypatch.undo()
    resumed = looped(data, (0, 1), CheckpointFolder(tmp_path, "this", 0.0).of((0, 1))).run()
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(tensor, resumed.model.state_dict()[name]), name
    assert whole.history.equals(resumed.history)


def test_a_replica_alone_ends_with_the_bytes_that_it_has_in_a_stack(training_data):
    stacked, alone = (
        looped(training_data(), seeds).run().model.state_dict() for seeds in ((3, 5), (5,))
    )
    for name, tensor in alone.items():
        assert torch.equal(tensor[0], stacked[name][1]), name
