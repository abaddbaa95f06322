"""A job of training or predicting that is killed inside a study goes on when the same command is
given again, and leaves the same bytes.
"""

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from latentbench.training.interruption import EXIT_CODE

CONFIG = """
datasets: [blobs]
models: [pca, shuffled_labels, true_labels, long_vae]
seeds: [0, 1]
sheets: {datasets: config/datasets.tsv, models: tiny_models.yaml}
checkpoints: {every_seconds: 0.05}
predictions:
  - {dataset: blobs, models: [long_cvae], control: control, stimulated: treated, min_cells: 50}
"""
MODELS = """
pca: {kind: pca}
shuffled_labels: {kind: shuffled_labels}
true_labels: {kind: true_labels}
long_vae:
  kind: vae
  likelihood: gaussian
  training:
    {epochs: 2, min_steps: 2500, learning_rate: 0.001, kl_warmup: 0.5, clip_gradient: 10}
long_cvae:
  kind: cvae
  likelihood: gaussian
  covariates: [condition]
  training: {epochs: 2, min_steps: 400}
"""


@dataclass(frozen=True)
class Job:
    """A rule, what to ask for to have its job run, where its checkpoints and its log lie, and what
    it and the jobs after it leave behind.
    """

    rule: str
    target: str
    checkpoints: str
    log: str
    leaves: tuple[str, ...]


TRAIN = Job(
    "train",
    "results/criteria/blobs/long_vae.tsv",
    "results/checkpoints/blobs/long_vae",
    "results/logs/train/blobs/long_vae.log",
    (
        "results/models/blobs/long_vae/weights.safetensors",
        "results/models/blobs/long_vae/history.parquet",
        "results/models/blobs/long_vae/quality.tsv",
        "results/criteria/blobs/long_vae.tsv",
    ),
)
PREDICT = Job(
    "predict",
    "results/predictions/models/blobs/long_cvae.tsv",
    "results/checkpoints/predictions/blobs/long_cvae",
    "results/logs/predict/blobs/long_cvae.log",
    (
        "results/predictions/models/blobs/long_cvae.tsv",
        "results/predictions/means/blobs/models/long_cvae.parquet",
    ),
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self").exists(), reason="finds the job's process in /proc"),
]


def prepare(workspace):
    (workspace.folder / "tiny.yaml").write_text(CONFIG)
    (workspace.folder / "tiny_models.yaml").write_text(MODELS)
    return workspace


@pytest.fixture(scope="module", params=[TRAIN, PREDICT], ids=["train", "predict"])
def job(request):
    return request.param


@pytest.fixture(scope="module")
def undisturbed(job, make_workspace, tmp_path_factory):
    workspace = prepare(make_workspace(tmp_path_factory.mktemp("undisturbed")))
    run = workspace.snakemake(job.target)
    assert run.returncode == 0, run.stderr
    return contents(workspace, job)


def contents(workspace, job: Job) -> list[bytes]:
    return [(workspace.folder / path).read_bytes() for path in job.leaves]


def process_of(job: Job, folder: Path) -> int | None:
    """Return the process of the job under ``folder``: the one whose parent is not one of its
    processes itself.
    """
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            words, cwd = (path / "cmdline").read_bytes(), (path / "cwd").readlink()
            parent = int((path / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
        if (
            cwd == folder
            and f".{job.rule}.py".encode() in words
            and b"bash" not in words.split(b"\0")[0]
        ):
            found[int(path.name)] = parent
    return next((pid for pid, parent in found.items() if parent not in found), None)


def disturb(
    workspace, job: Job, by: signal.Signals, *arguments: str
) -> subprocess.CompletedProcess:
    """Run the study and send the job a signal as soon as it has saved something."""
    with subprocess.Popen(
        workspace.command(job.target, *arguments),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as study:
        while not list((workspace.folder / job.checkpoints).rglob("*.safetensors")):
            assert study.poll() is None, study.stderr.read()
            time.sleep(0.05)
        os.kill(process_of(job, workspace.folder), by)
        messages = study.communicate(timeout=180)[1]
    return subprocess.CompletedProcess(study.args, study.returncode, "", messages)


def test_a_killed_job_goes_on_and_leaves_the_same_bytes(job, undisturbed, fresh_workspace):
    workspace = prepare(fresh_workspace)
    assert disturb(workspace, job, signal.SIGKILL).returncode != 0
    assert not (workspace.folder / job.leaves[0]).exists(), "nothing stands under a final name"
    assert list((workspace.folder / job.checkpoints).rglob("*.safetensors"))
    run = workspace.snakemake(job.target)
    assert run.returncode == 0, run.stderr
    assert "resuming from checkpoint" in (workspace.folder / job.log).read_text()
    assert contents(workspace, job) == undisturbed
    assert not (workspace.folder / job.checkpoints).exists()


def test_asked_to_stop_it_saves_and_a_retry_of_the_same_run_goes_on(
    job, undisturbed, fresh_workspace
):
    workspace = prepare(fresh_workspace)
    run = disturb(workspace, job, signal.SIGTERM, "--retries", "1")
    assert run.returncode == 0, run.stderr
    assert str(EXIT_CODE) in run.stderr
    assert "saved: the same command goes on from there" in run.stderr
    assert "resuming from checkpoint" in (workspace.folder / job.log).read_text()
    assert contents(workspace, job) == undisturbed
