"""Jobs and whole studies that are killed at random moments, and resumed by the same command: the same bytes as a study that nothing disturbed.

The disturbed study also runs on another number of cores and in a folder of another name. ``make test-full`` kills the default study twenty times.
"""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from latentbench.manifest import artefacts_in

SEED = 20181123
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not Path("/proc/self").exists(), reason="finds the jobs' processes in /proc")]


def kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def disturbed(command: list[str], jobs: Callable[[], list[int]], rng: random.Random, *, delays: tuple[float, float]) -> bool:
    """Start a study, kill one of its jobs at a random moment, then at another the whole of it; return whether it had ended before."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True) as study:
        deadline = time.monotonic() + rng.uniform(*delays)
        while time.monotonic() < deadline or not jobs():
            if study.poll() is not None:
                return True
            time.sleep(0.1)
        victim = rng.choice(sorted(jobs()) or [study.pid])
        kill(victim)
        time.sleep(rng.uniform(0, 3))
        os.killpg(study.pid, signal.SIGKILL)
    for pid in jobs():
        kill(pid)
    return False


def survives(run: Callable[..., list[str]], folder: Path, kills: int, jobs: Callable[[], list[int]], *, delays: tuple[float, float]) -> int:
    """Kill a study so many times, each time unlocking it and going on, then let it end; return how many kills came before its end."""
    rng, done = random.Random(SEED), 0
    for _ in range(kills):
        if disturbed(run(), jobs, rng, delays=delays):
            break
        done += 1
        left = [path for path in artefacts_in(folder / "results") if not path.rsplit("/", 1)[-1].startswith(".")]
        assert not [path for path in left if (folder / "results" / path).stat().st_size == 0], "nothing half-written stands under a final name"
        subprocess.run(run("--unlock"), capture_output=True, check=True)
    last = subprocess.run(run(), capture_output=True, text=True, check=False)
    assert last.returncode == 0, last.stderr
    return done


def test_a_tiny_study_that_is_killed_three_times_leaves_the_same_bytes(finished, fresh_workspace, jobs_in, assert_same):
    folder = fresh_workspace.folder
    assert survives(lambda *more: fresh_workspace.command(*more, cores=1), folder, 3, lambda: list(jobs_in(folder)), delays=(8.0, 25.0)) == 3
    assert_same(finished.folder, folder)


@pytest.mark.full
def test_the_default_study_that_is_killed_twenty_times_leaves_the_same_bytes(default_study, run_of_default_study, jobs_in, assert_same, tmp_path):
    folder = tmp_path / "disturbed study"
    folder.mkdir()
    kills = survives(lambda *more: run_of_default_study(folder, *more), folder, 20, lambda: list(jobs_in(folder)), delays=(5.0, 25.0))
    assert kills >= 15
    assert_same(default_study, folder)
    shutil.rmtree(folder)
