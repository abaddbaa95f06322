"""Jobs and whole studies that are killed at random moments, and resumed by the same command: the same bytes as a study that nothing disturbed.

The disturbed study also runs on another number of cores and in a folder of another name. ``make test-full`` kills the default study twenty times.
"""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from latentbench.determinism import not_the_same
from latentbench.manifest import artefacts_in, check, read_manifest

ROOT = Path(__file__).parents[2]
SEED = 20181123
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not Path("/proc/self").exists(), reason="finds the jobs' processes in /proc")]


def jobs_in(folder: Path) -> list[int]:
    """Return the processes that run a script of a rule in ``folder``."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            is_job = (path / "cwd").readlink() == folder and b".snakemake/scripts/" in (path / "cmdline").read_bytes()
        except OSError:
            continue
        found += [int(path.name)] if is_job else []
    return found


def kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def disturbed(command: list[str], folder: Path, rng: random.Random, *, delays: tuple[float, float]) -> bool:
    """Start a study, kill one of its jobs at a random moment, then at another the whole of it; return whether it had ended before."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True) as study:
        deadline = time.monotonic() + rng.uniform(*delays)
        while time.monotonic() < deadline or not jobs_in(folder):
            if study.poll() is not None:
                return True
            time.sleep(0.1)
        victim = rng.choice(sorted(jobs_in(folder)) or [study.pid])
        kill(victim)
        time.sleep(rng.uniform(0, 3))
        os.killpg(study.pid, signal.SIGKILL)
    for pid in jobs_in(folder):
        kill(pid)
    return False


def survives(run: Callable[..., list[str]], folder: Path, kills: int, *, delays: tuple[float, float]) -> int:
    """Kill a study so many times, each time unlocking it and going on, then let it end; return how many kills came before its end."""
    rng, done = random.Random(SEED), 0
    for _ in range(kills):
        if disturbed(run(), folder, rng, delays=delays):
            break
        done += 1
        left = [path for path in artefacts_in(folder / "results") if not path.rsplit("/", 1)[-1].startswith(".")]
        assert not [path for path in left if (folder / "results" / path).stat().st_size == 0], "nothing half-written stands under a final name"
        subprocess.run(run("--unlock"), capture_output=True, check=True)
    last = subprocess.run(run(), capture_output=True, text=True, check=False)
    assert last.returncode == 0, last.stderr
    return done


def assert_same(undisturbed: Path, resumed: Path) -> None:
    manifests = [read_manifest(folder / "results/manifest.tsv") for folder in (undisturbed, resumed)]
    assert not_the_same(*manifests) == []
    assert list(check(resumed / "results", manifests[1])) == []


def test_a_tiny_study_that_is_killed_three_times_leaves_the_same_bytes(finished, fresh_workspace):
    def run(*arguments: str) -> list[str]:
        return fresh_workspace.command(*arguments, cores=1)

    assert survives(run, fresh_workspace.folder, 3, delays=(8.0, 25.0)) == 3
    assert_same(finished.folder, fresh_workspace.folder)


@pytest.mark.full
def test_the_default_study_that_is_killed_twenty_times_leaves_the_same_bytes(tmp_path):
    """Its folder is a fresh one; the study's own configuration is what it runs."""

    def run_in(folder: Path, cores: int) -> Callable[..., list[str]]:
        folder.mkdir()
        fixed = ["-s", ROOT / "Snakefile", "--directory", folder, "--workflow-profile", ROOT / "profiles/default", "--cores", cores]
        return lambda *arguments: [str(word) for word in [sys.executable, "-m", "snakemake", *arguments, *fixed]]

    quiet = subprocess.run(run_in(tmp_path / "undisturbed", 2)(), capture_output=True, text=True, check=False)
    assert quiet.returncode == 0, quiet.stderr
    kills = survives(run_in(tmp_path / "disturbed study", 1), tmp_path / "disturbed study", 20, delays=(5.0, 25.0))
    assert kills >= 15
    assert_same(tmp_path / "undisturbed", tmp_path / "disturbed study")
    shutil.rmtree(tmp_path)
