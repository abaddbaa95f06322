"""The SLURM profile on a real SLURM of one node, which the tests start: jobs are submitted,
stopped, killed and resumed as on a cluster.
"""

import os
import re
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest
import yaml

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
    absent = [
        name
        for name in ("slurmctld", "slurmd", "munged")
        if shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin") is None
    ]
    if absent:
        return f"no {', '.join(absent)}: install SLURM and munge"
    if os.geteuid() != 0:
        return "only root can start a SLURM"
    return "a SLURM is configured here" if Path("/etc/slurm/slurm.conf").exists() else ""


# A machine holds one SLURM: one worker starts it and runs all of its tests.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.where_installed,
    pytest.mark.xdist_group("slurm"),
    pytest.mark.skipif(bool(missing()), reason=missing()),
]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slurm")
    path = {"PATH": f"{os.environ['PATH']}:/usr/sbin"}
    started = subprocess.run(
        [STARTER, "start", folder],
        capture_output=True,
        text=True,
        env=os.environ | path,
        timeout=60,
        check=False,
    )
    yield started
    subprocess.run([STARTER, "stop", folder], env=os.environ | path, check=False)


def fitted(source: Path, folder: Path, *, runtime: str = "30", **resources) -> Path:
    """Write a profile with the sizes of a laptop and ``resources`` of a training (None: without
    it).
    """
    profile = yaml.safe_load((source / "config.yaml").read_text())
    train = profile["set-resources"]["train"] | {"mem_mb": 1500, "runtime": runtime} | resources
    profile["set-resources"]["train"] = {
        name: value for name, value in train.items() if value is not None
    }
    profile["set-threads"]["train"] = 1
    profile["group-components"] = {"small": os.cpu_count()}
    profile |= {
        "slurm-status-command": "squeue",
        "latency-wait": 5,
        "slurm-init-seconds-before-status-checks": 2,
        "seconds-between-status-checks": 2,
    }
    (folder / source.name).mkdir()
    (folder / source.name / "config.yaml").write_text(yaml.safe_dump(profile))
    return folder / source.name


@pytest.fixture
def study(cluster, fresh_workspace, tmp_path):
    """The words of a run of the tiny study under a profile."""
    assert cluster.returncode == 0, cluster.stderr
    (fresh_workspace.folder / "tiny_models.yaml").write_text(MODELS)
    config = fresh_workspace.folder / "tiny.yaml"
    text = re.sub(r"predictions:\n(?: .*\n)+", "predictions: []\n", config.read_text()).replace(
        "quick_gmvae]", "quick_gmvae, long_vae]"
    )
    config.write_text(text + "checkpoints: {every_seconds: 1}\n")

    def command(*arguments: str, profile: Path) -> list[str]:
        words = fresh_workspace.command(*arguments)
        words[words.index("--workflow-profile") + 1] = str(profile)
        del words[words.index("--cores") : words.index("--cores") + 2]
        return words

    command.folder, command.profiles, command.tmp = (
        fresh_workspace.folder,
        fresh_workspace.workflow / "profiles",
        tmp_path,
    )
    return command


@pytest.fixture
def on_cpus(study):
    """The same under profiles/slurm."""
    profile = fitted(study.profiles / "slurm", study.tmp)
    return lambda *arguments: study(*arguments, profile=profile)


def run(words: list[str], seconds: float = 900) -> subprocess.CompletedProcess:
    return subprocess.run(words, capture_output=True, text=True, timeout=seconds, check=False)


def queue() -> list[str]:
    return subprocess.run(
        ["squeue", "--noheader", "--format=%i %T"], capture_output=True, text=True, check=True
    ).stdout.split("\n")[:-1]


def wait_until(condition, seconds: float = 180) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.5)


def checkpoints(folder: Path) -> list[Path]:
    return list((folder / "results/checkpoints/blobs/long_vae").rglob("*.safetensors"))


class Watch(threading.Thread):
    """Looks five times a second for the trainings that run in a folder; ``most`` is how many it has
    seen at once.
    """

    def __init__(self, count) -> None:
        super().__init__(daemon=True)
        self.count, self.most, self.ended = count, 0, threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.2):
            self.most = max(self.most, self.count())


def test_jobs_are_submitted_and_their_scores_come_back(study, on_cpus):
    done = run(on_cpus("results/criteria/blobs/quick_vae.tsv", "results/criteria/blobs/pca.tsv"))
    assert done.returncode == 0, done.stderr
    assert "SLURM jobid" in done.stderr
    assert (study.folder / "results/criteria/blobs/quick_vae.tsv").stat().st_size > 100
    wait_until(lambda: queue() == [])


@pytest.mark.full
def test_a_job_that_runs_out_of_time_is_submitted_again_and_goes_on_where_it_was(study):
    done = run(
        study(
            LONG, "--retries", "9", profile=fitted(study.profiles / "slurm", study.tmp, runtime="1")
        )
    )
    assert done.returncode == 0, done.stderr
    assert "Trying to restart job" in done.stderr
    assert (
        "resuming from checkpoint"
        in (study.folder / "results/logs/train/blobs/long_vae.log").read_text()
    )


def test_an_interruption_leaves_nothing_in_the_queue_and_no_process(study, on_cpus, jobs_in):
    with subprocess.Popen(
        on_cpus(LONG), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as main:
        wait_until(lambda: checkpoints(study.folder))
        main.send_signal(signal.SIGINT)
        main.wait(timeout=120)
    wait_until(lambda: queue() == [])
    wait_until(lambda: not jobs_in(study.folder))


def test_after_a_killed_main_process_the_documented_commands_go_on_from_the_checkpoint(
    study, on_cpus, jobs_in
):
    def trainings() -> int:
        """How many trainings there are; the processes of a training's replicas are children of
        it.
        """
        found = jobs_in(study.folder, "train")
        return sum(parent not in found for parent in found.values())

    watch = Watch(trainings)
    watch.start()
    with subprocess.Popen(
        on_cpus(LONG), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as main:
        wait_until(lambda: checkpoints(study.folder))
        main.kill()
    assert queue(), "its jobs run on"
    assert trainings() == 1
    subprocess.run(["scancel", "--me"], check=True)
    wait_until(lambda: queue() == [])
    assert not (study.folder / LONG).exists()
    assert run(on_cpus("--unlock")).returncode == 0
    done = run(on_cpus(LONG))
    watch.ended.set()
    assert done.returncode == 0, done.stderr
    assert (
        "resuming from checkpoint"
        in (study.folder / "results/logs/train/blobs/long_vae.log").read_text()
    )
    assert watch.most == 1


@pytest.mark.full
@pytest.mark.parametrize(
    ("resources", "asked"),
    [({}, "--gpus=1"), ({"gpu": None, "gres": "gpu:1"}, "--gres=gpu:1")],
    ids=["gpus", "gres"],
)
def test_a_training_asks_for_its_card_in_either_style(study, resources, asked):
    profile = fitted(study.profiles / "slurm_gpu", study.tmp, **resources)
    done = run(
        study(
            "results/models/blobs/quick_vae/status.json",
            "--retries",
            "0",
            "--verbose",
            profile=profile,
        )
    )
    assert asked in done.stderr
    assert re.search(r"-p '?gpu'?", done.stderr)
    # The card is a pretended one: the training must say so and not run on the CPU in silence.
    assert done.returncode != 0
    assert "the job was given 1 GPU(s)" in done.stderr


@pytest.mark.full
def test_the_default_study_comes_out_the_same_as_on_one_machine(
    cluster, default_study, run_of_default_study, assert_same, tmp_path
):
    assert cluster.returncode == 0, cluster.stderr
    folder = tmp_path / "default study"
    folder.mkdir()
    done = run(
        run_of_default_study(folder, profile=fitted(ROOT / "profiles/slurm", tmp_path)),
        seconds=3600,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("SLURM jobid") > 50
    assert_same(default_study, folder)
