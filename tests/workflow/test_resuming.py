"""A training job that is killed inside a study goes on when the same command is given again, and leaves the same bytes."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from latentbench.training.interruption import EXIT_CODE

CONFIG = """
datasets: [blobs]
models: [pca, shuffled_labels, true_labels, long_vae]
seeds: [0, 1]
sheets: {datasets: config/datasets.tsv, models: tiny_models.yaml}
checkpoints: {every_seconds: 0.05}
"""
MODELS = """
pca: {kind: pca}
shuffled_labels: {kind: shuffled_labels}
true_labels: {kind: true_labels}
long_vae: {kind: vae, likelihood: gaussian, training: {epochs: 2, min_steps: 2500, learning_rate: 0.001, kl_warmup: 0.5, clip_gradient: 10}}
"""
TARGET = "results/criteria/blobs/long_vae.tsv"
CHECKPOINTS = "results/checkpoints/blobs/long_vae"
COMPARED = (
    TARGET,
    "results/models/blobs/long_vae/weights.safetensors",
    "results/models/blobs/long_vae/history.parquet",
    "results/models/blobs/long_vae/quality.tsv",
)

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not Path("/proc/self").exists(), reason="finds the job's process in /proc")]


def prepare(workspace):
    (workspace.folder / "tiny.yaml").write_text(CONFIG)
    (workspace.folder / "tiny_models.yaml").write_text(MODELS)
    return workspace


@pytest.fixture(scope="module")
def undisturbed(make_workspace, tmp_path_factory):
    workspace = prepare(make_workspace(tmp_path_factory.mktemp("undisturbed")))
    run = workspace.snakemake(TARGET)
    assert run.returncode == 0, run.stderr
    return [(workspace.folder / path).read_bytes() for path in COMPARED]


def training_process(folder: Path) -> int | None:
    """Return the process of the training job under ``folder``: the one whose parent is not a training itself."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            words, cwd = (path / "cmdline").read_bytes(), (path / "cwd").readlink()
            parent = int((path / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
        if cwd == folder and b".train.py" in words and b"bash" not in words.split(b"\0")[0]:
            found[int(path.name)] = parent
    return next((pid for pid, parent in found.items() if parent not in found), None)


def disturb(workspace, by: signal.Signals, *arguments: str) -> subprocess.CompletedProcess:
    """Run the study and send its training job a signal as soon as it has saved something."""
    with subprocess.Popen(workspace.command(TARGET, *arguments), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as study:
        while not list((workspace.folder / CHECKPOINTS).rglob("*.safetensors")):
            assert study.poll() is None, study.stderr.read()
            time.sleep(0.05)
        os.kill(training_process(workspace.folder), by)
        messages = study.communicate(timeout=180)[1]
    return subprocess.CompletedProcess(study.args, study.returncode, "", messages)


def log_of(workspace) -> str:
    return (workspace.folder / "results/logs/train/blobs/long_vae.log").read_text()


def test_a_killed_training_goes_on_and_leaves_the_same_bytes(undisturbed, fresh_workspace):
    workspace = prepare(fresh_workspace)
    assert disturb(workspace, signal.SIGKILL).returncode != 0
    assert not (workspace.folder / COMPARED[1]).exists(), "nothing stands under a final name"
    assert list((workspace.folder / CHECKPOINTS).rglob("*.safetensors"))
    run = workspace.snakemake(TARGET)
    assert run.returncode == 0, run.stderr
    assert "resuming from checkpoint" in log_of(workspace)
    assert [(workspace.folder / path).read_bytes() for path in COMPARED] == undisturbed
    assert not (workspace.folder / CHECKPOINTS).exists()


def test_asked_to_stop_it_saves_and_a_retry_of_the_same_run_goes_on(undisturbed, fresh_workspace):
    workspace = prepare(fresh_workspace)
    run = disturb(workspace, signal.SIGTERM, "--retries", "1")
    assert run.returncode == 0, run.stderr
    assert str(EXIT_CODE) in run.stderr
    assert "saved: the same command goes on from there" in run.stderr
    assert "resuming from checkpoint" in log_of(workspace)
    assert [(workspace.folder / path).read_bytes() for path in COMPARED] == undisturbed
