"""Jobs and whole studies that are killed at random moments, and resumed by the same command: the
same bytes as a study that nothing disturbed.

The disturbed study also runs on another number of cores and in a folder of another name. ``make
test-full`` kills the default study twenty times."""

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

from latentbench.files.manifest import artefacts_in

SEED = 20181123
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not Path("/proc/self").exists(), reason="finds the jobs' processes in /proc"
    ),
]


def kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def finished_files(folder: Path) -> list[str]:
    return [
        path
        for path in artefacts_in(folder / "results")
        if not path.rsplit("/", 1)[-1].startswith(".")
    ]


def disturbed(
    command: list[str],
    folder: Path,
    jobs: Callable[[], list[int]],
    rng: random.Random,
    *,
    most_files: int,
) -> bool:
    """Start a study, kill one of its jobs at a random moment, then at another the whole of it;
    return whether it had ended before.

    The moments are counted in files that were finished and then in seconds, so that a slow machine
    is killed all along its way and not at its start alone."""
    goal = len(finished_files(folder)) + rng.randint(0, most_files)
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as study:
        moment = None
        while moment is None or time.monotonic() < moment:
            if study.poll() is not None:
                return True
            if moment is None and jobs() and len(finished_files(folder)) >= goal:
                moment = time.monotonic() + rng.uniform(0, 8)
            time.sleep(0.1)
        kill(rng.choice(sorted(jobs()) or [study.pid]))
        time.sleep(rng.uniform(0, 3))
        os.killpg(study.pid, signal.SIGKILL)
    for pid in jobs():
        kill(pid)
    return False


def survives(
    run: Callable[..., list[str]],
    folder: Path,
    kills: int,
    jobs: Callable[[], list[int]],
    *,
    most_files: int,
) -> list[int]:
    """Kill a study so many times, each time unlocking it and going on, then let it end; return how
    many files were finished at each kill.
    """
    rng, finished = random.Random(SEED), []
    for _ in range(kills):
        if disturbed(run(), folder, jobs, rng, most_files=most_files):
            break
        files = finished_files(folder)
        finished.append(len(files))
        assert not [path for path in files if (folder / "results" / path).stat().st_size == 0], (
            "nothing half-written stands under a final name"
        )
        subprocess.run(run("--unlock"), capture_output=True, check=True)
    last = subprocess.run(run(), capture_output=True, text=True, check=False)
    assert last.returncode == 0, last.stderr
    return finished


def test_a_tiny_study_that_is_killed_three_times_leaves_the_same_bytes(
    finished, fresh_workspace, jobs_in, assert_same
):
    folder = fresh_workspace.folder
    assert (
        len(
            survives(
                lambda *more: fresh_workspace.command(*more, cores=1),
                folder,
                3,
                lambda: list(jobs_in(folder)),
                most_files=30,
            )
        )
        == 3
    )
    assert_same(finished.folder, folder)


@pytest.mark.full
def test_the_default_study_that_is_killed_twenty_times_leaves_the_same_bytes(
    default_study, run_of_default_study, jobs_in, assert_same, tmp_path
):
    folder = tmp_path / "disturbed study"
    folder.mkdir()
    kills = survives(
        lambda *more: run_of_default_study(folder, *more),
        folder,
        20,
        lambda: list(jobs_in(folder)),
        most_files=24,
    )
    assert len(kills) >= 15
    assert kills[-1] > len(finished_files(folder)) / 2, "they came all along the study"
    assert_same(default_study, folder)
    shutil.rmtree(folder)
