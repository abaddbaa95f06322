"""What ``fit`` does when memory runs out: fewer at a time, then alone, then a typed end; each step
in the log.
"""

import os
import signal

import pytest
import torch
from training_calls import fit, observed_classes

from latentbench.outcomes import Outcome
from latentbench.training import fit as fit_module
from latentbench.training.replicas import build_replicas

SEEDS = (0, 1, 2)
train = fit_module._train


@pytest.fixture
def run(training_data, monkeypatch):
    """A factory: fit three replicas with something in place of the training of a stack."""

    def run(train_stack, *, stacked_below=0, **options):
        data = training_data()
        model = build_replicas(
            "vae", data.n_vars, likelihood="gaussian", seeds=SEEDS, n_latent=2, n_hidden=8
        )
        observed = observed_classes(data, seeds=SEEDS, n_clusters=None)
        monkeypatch.setattr(fit_module, "STACKED_BELOW", stacked_below)
        monkeypatch.setattr(fit_module, "_train", train_stack)
        return fit(model, data, seeds=SEEDS, observed=observed, epochs=2, batch_size=16, **options)

    return run


def same(one, other) -> bool:
    return all(
        torch.equal(a, b)
        for a, b in zip(
            one.model.state_dict().values(), other.model.state_dict().values(), strict=True
        )
    )


def test_a_replica_that_dies_beside_others_is_trained_again_with_fewer(run, tmp_path, caplog):
    def die_once(stack, on_progress):
        marker = tmp_path / f"died{stack.seeds[0]}"
        if stack.seeds[0] == 1 and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return train(stack, on_progress)

    fitted = run(die_once, n_workers=2)
    assert [report.status for report in fitted.reports] == [Outcome.OK] * 3
    assert same(fitted, run(train, n_workers=1))
    assert "training it again with 1 process(es) at a time" in caplog.text


@pytest.mark.parametrize(("stacked_below", "dead"), [(0, [1]), (10**9, [0, 1, 2])])
def test_what_dies_alone_too_ends_as_oom_and_the_others_stand(stacked_below, dead, run):
    def die(stack, on_progress):
        if 1 in stack.seeds:
            raise MemoryError("no more")
        return train(stack, on_progress)

    fitted = run(die, n_workers=1, stacked_below=stacked_below)
    assert [report.seed for report in fitted.reports] == list(SEEDS)
    assert [report.status is Outcome.OOM for report in fitted.reports] == [
        seed in dead for seed in SEEDS
    ]
    assert "no more" in fitted.reports[1].reason
    assert set(fitted.history.replica) == set(SEEDS) - set(dead)


def test_a_stack_that_does_not_fit_on_a_device_is_halved_and_at_last_leaves_it(
    run, monkeypatch, caplog
):
    """The ladder of a GPU, on the CPU."""
    tried = []

    def fits_alone(stack, on_progress):
        tried.append(stack.seeds)
        if len(stack.seeds) > 1 or stack.seeds == (2,):
            raise torch.OutOfMemoryError("CUDA out of memory")
        return train(stack, on_progress)

    fit_stacked, left = fit_module._fit_stacked, []

    def leave(stack, n_workers, on_progress):
        """Stand for the way of a CPU: at first taken to be the device, then what a replica is left
        to.
        """
        if len(stack.seeds) == len(SEEDS):
            return fit_stacked(stack, torch.device("cpu"), on_progress)
        left.append(stack.seeds)
        return train(stack, lambda done: None)

    monkeypatch.setattr(fit_module, "_fit_side_by_side", leave)
    fitted = run(fits_alone)
    assert tried == [(0, 1, 2), (0,), (1, 2), (1,), (2,)]
    assert left == [(2,)]
    assert [report.seed for report in fitted.reports] == list(SEEDS)
    assert "in two halves" in caplog.text
    assert "training it on the CPU" in caplog.text
