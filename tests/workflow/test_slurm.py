"""The SLURM profile on a real SLURM of one node, which the tests start: jobs are submitted, stopped, killed and resumed as on a cluster."""

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STARTER = ROOT / "tests/cluster/slurm.sh"
MODELS = """
pca: {kind: pca}
shuffled_labels: {kind: shuffled_labels}
true_labels: {kind: true_labels}
quick_vae: {kind: vae, likelihood: gaussian, training: {epochs: 2}}
quick_gmvae: {kind: gmvae, likelihood: gaussian, training: {epochs: 2}}
quick_cvae: {kind: cvae, likelihood: gaussian, covariates: [condition], training: {epochs: 2}}
long_vae: {kind: vae, likelihood: gaussian, training: {epochs: 2, min_steps: 40000}}
"""
LONG = "results/models/blobs/long_vae/status.json"


def missing() -> str:
    absent = [name for name in ("slurmctld", "slurmd", "munged") if shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin") is None]
    if absent:
        return f"no {', '.join(absent)}: install SLURM and munge"
    if os.geteuid() != 0:
        return "only root can start a SLURM"
    return "a SLURM is configured here" if Path("/etc/slurm/slurm.conf").exists() else ""


pytestmark = [pytest.mark.slow, pytest.mark.full, pytest.mark.skipif(bool(missing()), reason=missing())]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slurm")
    path = {"PATH": f"{os.environ['PATH']}:/usr/sbin"}
    started = subprocess.run([STARTER, "start", folder], capture_output=True, text=True, env=os.environ | path, timeout=60, check=False)
    yield started
    subprocess.run(["scancel", "--user", "root"], check=False)
    subprocess.run([STARTER, "stop", folder], env=os.environ | path, check=False)


@pytest.fixture
def study(cluster, fresh_workspace):
    """The words of a run of the tiny study under the profile, with a laptop's sizes."""
    assert cluster.returncode == 0, cluster.stderr
    (fresh_workspace.folder / "tiny_models.yaml").write_text(MODELS)
    config = fresh_workspace.folder / "tiny.yaml"
    text = re.sub("predictions: .*", "predictions: []", config.read_text()).replace("quick_gmvae]", "quick_gmvae, long_vae]")
    config.write_text(text + "checkpoints: {every_seconds: 1}\n")

    def command(*arguments: str, profile: str = "slurm", runtime: str = "30") -> list[str]:
        words = fresh_workspace.command(*arguments)
        words[words.index("--workflow-profile") + 1] = str(fresh_workspace.workflow / "profiles" / profile)
        del words[words.index("--cores") : words.index("--cores") + 2]
        quick = ["--latency-wait", "5", "--slurm-init-seconds-before-status-checks", "2", "--seconds-between-status-checks", "2"]
        quick += ["--slurm-status-command", "squeue", "--set-threads", "train=1", "--set-resources", f"train:runtime={runtime}", "train:mem_mb=1500"]
        place = words.index("-s")
        return [*words[:place], *quick, *words[place:]]

    command.folder = fresh_workspace.folder
    return command


def run(words: list[str]) -> subprocess.CompletedProcess:
    return subprocess.run(words, capture_output=True, text=True, timeout=900, check=False)


def queue() -> list[str]:
    return subprocess.run(["squeue", "--noheader", "--format=%i %T"], capture_output=True, text=True, check=True).stdout.split("\n")[:-1]


def wait_until(condition, seconds: float = 180) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.5)


def checkpoints(folder: Path) -> list[Path]:
    return list((folder / "results/checkpoints/blobs/long_vae").rglob("*.safetensors"))


def test_jobs_are_submitted_and_their_scores_come_back(study):
    done = run(study("results/criteria/blobs/quick_vae.tsv", "results/criteria/blobs/pca.tsv"))
    assert done.returncode == 0, done.stderr
    assert "SLURM jobid" in done.stderr
    assert (study.folder / "results/criteria/blobs/quick_vae.tsv").stat().st_size > 100
    wait_until(lambda: queue() == [])


def test_a_job_that_runs_out_of_time_is_submitted_again_and_goes_on_where_it_was(study):
    done = run(study(LONG, "--retries", "9", runtime="1"))
    assert done.returncode == 0, done.stderr
    assert "resuming from checkpoint" in (study.folder / "results/logs/train/blobs/long_vae.log").read_text()


def test_an_interruption_leaves_nothing_in_the_queue(study):
    with subprocess.Popen(study(LONG), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True) as main:
        wait_until(lambda: checkpoints(study.folder))
        main.send_signal(signal.SIGINT)
        main.wait(timeout=120)
    wait_until(lambda: queue() == [])


def test_after_a_killed_main_process_the_documented_commands_go_on_from_the_checkpoint(study):
    with subprocess.Popen(study(LONG), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True) as main:
        wait_until(lambda: checkpoints(study.folder))
        main.kill()
    assert queue(), "its jobs run on"
    subprocess.run(["scancel", "--me"], check=True)
    wait_until(lambda: queue() == [])
    assert not (study.folder / LONG).exists()
    assert run(study("--unlock")).returncode == 0
    done = run(study(LONG))
    assert done.returncode == 0, done.stderr
    assert "resuming from checkpoint" in (study.folder / "results/logs/train/blobs/long_vae.log").read_text()


@pytest.mark.parametrize(("given", "asked"), [("gpu=1", "--gpus=1"), ("gres='gpu:1'", "--gres=gpu:1")])
def test_a_training_asks_for_its_card_in_either_style(study, given, asked):
    words = study("results/models/blobs/quick_vae/status.json", "--retries", "0", profile="slurm_gpu")
    words.insert(words.index("train:mem_mb=1500") + 1, f"train:{given}")
    if "gres" in given:
        words.insert(words.index("train:mem_mb=1500") + 1, "train:gpu=0")
    done = run([*words[:3], "--verbose", *words[3:]])
    assert asked in done.stderr
    assert re.search(r"-p '?gpu'?", done.stderr)
    # The card is a pretended one: the training must say so and not run on the CPU in silence.
    assert done.returncode != 0
    assert "the job was given 1 GPU(s)" in done.stderr
