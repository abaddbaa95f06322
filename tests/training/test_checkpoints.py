import os
import signal
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from training_calls import fit, observed_classes

from latentbench.training import interruption
from latentbench.training.checkpoints import CheckpointFolder
from latentbench.training.loop import TrainingLoop
from latentbench.training.options import EarlyStopping, Phase, TrainingOptions
from latentbench.training.replicas import build_replicas

SEEDS = (0, 1)
PLAN = TrainingOptions(
    phases=[
        Phase(name="first", epochs=3, batch_size=16, learning_rate_schedule="cosine"),
        Phase(name="second", epochs=4, batch_size=16, kl_warmup=1.0, trains=("decoder",)),
    ],
    early_stopping=EarlyStopping(patience=3, validation_fraction=0.2),
    log_every=2,
)


class StoppedError(Exception):
    """Ends a training after a number of steps, as a kill would."""


class Loop(TrainingLoop):
    """A loop that saves after every step and breaks off after some."""

    steps_left = None

    def _pause_if_asked(self):
        super()._pause_if_asked()
        if self.steps_left is not None:
            self.steps_left -= 1
            if self.steps_left == 0:
                raise StoppedError


def make_loop(training_data, folder=None, kind="gmvae_dirichlet", every_seconds=0.0):
    data = training_data()
    options = {"n_clusters": 3} if kind != "vae" else {}
    model = build_replicas(
        kind,
        data.n_vars,
        likelihood="gaussian",
        seeds=SEEDS,
        n_latent=2,
        n_hidden=8,
        dropout=0.2,
        **options,
    )
    observed = observed_classes(data, seeds=SEEDS, n_clusters=3, mode="guided", guided_fraction=0.5)
    checkpoints = CheckpointFolder(folder, "this", every_seconds).of(SEEDS) if folder else None
    return Loop(model, data, SEEDS, observed, PLAN, checkpoints=checkpoints)


def assert_same(one, other):
    for (name, a), b in zip(
        one.model.state_dict().items(), other.model.state_dict().values(), strict=True
    ):
        assert torch.equal(a, b), name
    assert one.history.equals(other.history)
    assert [(r.seed, r.status, r.reason, r.epochs) for r in one.reports] == [
        (r.seed, r.status, r.reason, r.epochs) for r in other.reports
    ]


@pytest.mark.parametrize("kind", ["vae", "gmvae_dirichlet"])
def test_a_training_that_breaks_off_after_any_step_goes_on_with_the_same_bytes(
    kind, training_data, tmp_path
):
    whole = make_loop(training_data, kind=kind).run()
    broken_at = 0
    for steps in (1, 2, 3, 4, 5, 4):
        loop = make_loop(training_data, tmp_path, kind)
        loop.steps_left = steps
        with pytest.raises(StoppedError):
            loop.run()
        broken_at += steps
    assert broken_at == 19, "inside the second phase"
    assert_same(make_loop(training_data, tmp_path, kind).run(), whole)
    # Once more: the state after the end gives the result without another step.
    loop = make_loop(training_data, tmp_path, kind)
    loop.steps_left = 1
    assert_same(loop.run(), whole)


def test_a_checkpoint_of_another_training_is_not_used(training_data, tmp_path):
    loop = make_loop(training_data, tmp_path)
    loop.steps_left = 5
    with pytest.raises(StoppedError):
        loop.run()
    other = CheckpointFolder(tmp_path, "other data", 0.0).of(SEEDS)
    assert other.load() is None
    assert loop.checkpoints.load() is not None


@pytest.mark.parametrize("damage", ["truncated", "one bit", "empty", "header"])
def test_of_a_broken_checkpoint_the_one_before_is_used(damage, training_data, tmp_path, caplog):
    whole = make_loop(training_data).run()
    loop = make_loop(training_data, tmp_path)
    loop.steps_left = 6
    with pytest.raises(StoppedError):
        loop.run()
    older, newest = sorted(loop.checkpoints.folder.glob("*.safetensors"))
    content = bytearray(newest.read_bytes())
    if damage == "truncated":
        content = content[: len(content) // 2]
    elif damage == "one bit":
        content[-5] ^= 1
    elif damage == "empty":
        content = bytearray()
    else:
        place = content.index(b"position")
        content[place] ^= 1
    newest.write_bytes(content)
    loaded = loop.checkpoints.load()
    assert loaded[1]["loop"]["position"] != []
    assert str(newest) in caplog.text
    assert older.exists()
    assert_same(make_loop(training_data, tmp_path).run(), whole)


def test_with_every_checkpoint_broken_the_training_starts_anew(training_data, tmp_path):
    loop = make_loop(training_data, tmp_path)
    loop.steps_left = 6
    with pytest.raises(StoppedError):
        loop.run()
    for path in loop.checkpoints.folder.glob("*.safetensors"):
        path.write_bytes(b"\x00" * 100)
    assert_same(make_loop(training_data, tmp_path).run(), make_loop(training_data).run())


def test_two_generations_are_kept_and_cleared_in_the_end(training_data, tmp_path):
    loop = make_loop(training_data, tmp_path / "job")
    loop.run()
    assert len(list(loop.checkpoints.folder.iterdir())) == 2
    CheckpointFolder(tmp_path / "job", "this").clear()
    assert not (tmp_path / "job").exists()
    CheckpointFolder(tmp_path / "job", "this").clear()


def test_a_short_training_writes_none(training_data, tmp_path):
    make_loop(training_data, tmp_path / "job", every_seconds=60.0).run()
    assert not (tmp_path / "job").exists()


def slow_fit(training_data, folder, *, n_workers=2, seeds=(0, 1)):
    data = training_data(n_obs=200)
    model = build_replicas(
        "vae", data.n_vars, likelihood="gaussian", seeds=seeds, n_latent=2, n_hidden=32
    )
    observed = observed_classes(data, seeds=seeds, n_clusters=None)
    checkpoints = CheckpointFolder(folder, "this", 0.1) if folder else None
    return fit(
        model,
        data,
        seeds=seeds,
        observed=observed,
        n_workers=n_workers,
        checkpoints=checkpoints,
        epochs=60,
        batch_size=16,
        log_every=20,
    )


@pytest.fixture(scope="module")
def undisturbed(training_data):
    """The training of ``slow_fit`` that nothing interrupts."""
    return slow_fit(training_data, None)


@pytest.mark.slow
@pytest.mark.parametrize("moment_seed", range(3))
def test_killed_at_random_moments_and_started_again_it_gives_the_same_bytes(
    moment_seed, undisturbed, training_data, tmp_path
):
    """SIGKILL to the process of the job: its workers end by themselves, and the next run goes on
    from what they saved.
    """
    rng = np.random.default_rng(moment_seed)
    for moment in rng.uniform(0.2, 1.5, 3):
        pid = os.fork()
        if pid == 0:
            slow_fit(training_data, tmp_path)
            os._exit(0)
        time.sleep(moment)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    assert_same(slow_fit(training_data, tmp_path), undisturbed)


@pytest.mark.slow
def test_asked_to_stop_it_saves_and_goes_on_later(undisturbed, training_data, tmp_path):
    pid = os.fork()
    if pid == 0:
        with interruption.stopping_on_signals():
            try:
                slow_fit(training_data, tmp_path)
            except interruption.Interrupted:
                os._exit(interruption.EXIT_CODE)
        os._exit(0)
    while not list(tmp_path.rglob("*.safetensors")):
        time.sleep(0.02)
    asked = time.monotonic()
    os.kill(pid, signal.SIGTERM)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == interruption.EXIT_CODE
    assert time.monotonic() - asked < 20
    assert_same(slow_fit(training_data, tmp_path), undisturbed)


def test_a_worker_does_not_outlive_its_job(training_data, tmp_path):
    pid = os.fork()
    if pid == 0:
        slow_fit(training_data, tmp_path, n_workers=1, seeds=(0,))
        os._exit(0)
    while not list(tmp_path.rglob("*.safetensors")):
        time.sleep(0.02)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    time.sleep(0.5)
    before = sorted(path.name for path in tmp_path.rglob("*.safetensors"))
    time.sleep(0.5)
    assert sorted(path.name for path in tmp_path.rglob("*.safetensors")) == before


def test_nothing_of_a_checkpoint_is_lost(tmp_path):
    checkpoints = CheckpointFolder(tmp_path, "this").of((3,))
    tensors = {
        "a": torch.randn(2, 3),
        "b": torch.tensor([1.5]).bfloat16(),
        "c": torch.zeros(0),
        "d": torch.arange(5, dtype=torch.uint8),
    }
    state = {"float": 0.1 + 0.2, "nested": [1, [None, "x"]], "small": 5e-324}
    checkpoints.save(tensors, state)
    loaded, numbers = checkpoints.load()
    assert numbers == state
    assert all(torch.equal(loaded[name], tensor) for name, tensor in tensors.items())
    assert replace(CheckpointFolder(tmp_path, "this"), belongs_to="that").of((3,)).load() is None
