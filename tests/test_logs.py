import subprocess
import sys
import time
from pathlib import Path

from latentbench.logs import Failure, failures_since

SCRIPTS = Path(__file__).parents[1] / "workflow_scripts"


def stop_with(error: str, log: Path) -> str:
    script = f"from latentbench.logs import log_to\nlog_to({str(log)!r})\nraise {error}"
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=SCRIPTS, check=False
    ).stderr


def test_a_users_mistake_is_a_sentence_on_the_terminal_and_has_its_traceback_in_the_log(tmp_path):
    log = tmp_path / "download" / "mine.log"
    shown = stop_with("ValueError('mine.h5ad: no counts')", log)
    assert "ERROR: mine.h5ad: no counts" in shown
    assert "Traceback" not in shown
    assert "Traceback" in log.read_text()
    assert failures_since(time.time() - 60, tmp_path) == [
        Failure(log, "mine.h5ad: no counts", is_refusal=True)
    ]


def test_a_bug_keeps_its_traceback_on_the_terminal(tmp_path):
    log = tmp_path / "a.log"
    assert "Traceback" in stop_with("KeyError('x')", log)
    (failure,) = failures_since(time.time() - 60, tmp_path)
    assert not failure.is_refusal
    assert str(failure) == f"'x' (log: {log})"


def test_what_a_user_stopped_is_no_failure(tmp_path):
    stop_with("KeyboardInterrupt", tmp_path / "a.log")
    assert failures_since(time.time() - 60, tmp_path) == []


def test_failures_of_an_earlier_run_are_not_told_again(tmp_path):
    stop_with("ValueError('old')", tmp_path / "a.log")
    assert failures_since(time.time() + 10, tmp_path) == []


def test_a_library_that_dies_leaves_the_lines_that_it_died_in(tmp_path):
    log = tmp_path / "download" / "mine.log"
    script = (
        f"from latentbench.logs import log_to\nlog_to({str(log)!r})\nimport"
        " ctypes\nctypes.string_at(0)"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", script], capture_output=True, cwd=SCRIPTS, check=False
        ).returncode
        < 0
    )
    assert "string_at" in log.read_text()
    assert failures_since(time.time() - 60, tmp_path) == [
        Failure(log, "Segmentation fault", is_refusal=False)
    ]
