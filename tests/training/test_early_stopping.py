"""When a replica stops, and what it keeps."""

import pytest
import torch
from training_calls import observed_classes

from latentbench.training.early_stopping import StoppingState
from latentbench.training.loop import TrainingLoop
from latentbench.training.options import training_options
from latentbench.training.replicas import build_replicas

IN_TWO = [
    {"name": "pretrain", "epochs": 30, "term_weights": {"clustering": 0}},
    {"name": "cluster", "epochs": 3, "refresh_every": 2},
]


@pytest.fixture
def idec(training_data):
    """A factory: IDEC with early stopping at once, trained on three groups."""

    def train(**options):
        data = training_data()
        model = build_replicas(
            "idec",
            data.n_vars,
            likelihood="gaussian",
            seeds=(0,),
            n_clusters=3,
            n_latent=2,
            n_hidden=[16],
        )
        start = model.clusters.centres.clone()
        stated = {
            "phases": IN_TWO,
            "batch_size": 24,
            "learning_rate": 0.05,
            "log_every": 1,
            "early_stopping": {"patience": 1, "validation_fraction": 0.2, "min_improvement": 1e6},
            **options,
        }
        observed = observed_classes(data, seeds=(0,), n_clusters=3)
        loop = TrainingLoop(model, data, (0,), observed, training_options(stated))
        return loop.run(), start

    return train


def test_a_training_never_ends_before_its_last_phase_and_keeps_none_of_the_weights_before(idec):
    fitted, start = idec()
    # The first look of the last phase is the best one, the second the last.
    assert fitted.reports[0].epochs == 32
    assert not torch.equal(fitted.model.clusters.centres, start), "random centres came back"


def test_what_is_looked_at_is_the_weighted_loss(idec, monkeypatch):
    looked, look = [], StoppingState.look
    monkeypatch.setattr(
        StoppingState,
        "look",
        lambda state, model, losses, epoch: (
            looked.append((epoch, losses)) or look(state, model, losses, epoch)
        ),
    )
    fitted, _ = idec(term_weights={"reconstruction": 0.5})
    terms = fitted.history.query("split == 'validation'").set_index(["epoch", "term"])["value"]
    for epoch, losses in looked:
        expected = 0.5 * terms[epoch, "reconstruction"] + terms[epoch, "clustering"]
        assert losses.item() == pytest.approx(expected, rel=1e-5)
    assert [epoch for epoch, _ in looked] == [31, 32]
