"""The benchmarks that need no other package run, at a size of no meaning: what they call must still
be there.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def results(tmp_path):
    """A copy of the code whose results folder is a fresh one."""
    for name in ("benchmarks", "workflow_scripts", "config"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "results/benchmarks"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "arguments"),
    [
        ("consensus", ["--cells", "500", "--rounds", "1"]),
        ("cell_coverage", ["--cells", "60", "--studies", "2"]),
        ("rank_coverage", ["--datasets", "3", "--studies", "2"]),
        ("out_of_core", ["400", "1500"]),
        ("start_up", ["--scripts", "manifest", "--rounds", "1"]),
    ],
)
def test_a_script_runs_and_leaves_a_table(script, arguments, results):
    command = [sys.executable, f"benchmarks/{script}.py", *arguments]
    environment = os.environ | {"PYTHONPATH": "workflow_scripts", "OMP_NUM_THREADS": "1"}
    run = subprocess.run(
        command,
        cwd=results.parents[1],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    (table,) = results.glob(f"{script}*.tsv")
    assert len(table.read_text().splitlines()) > 1
