"""What the repository asks of a change is said once: the commit hook, CI and make agree."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
FLOW = [ROOT / "Snakefile", *sorted((ROOT / "rules").glob("*.smk"))]
MAKEFILE = (ROOT / "Makefile").read_text()
HOSTED = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]["ci"]


@pytest.mark.parametrize("path", FLOW, ids=lambda path: path.name)
def test_no_line_of_the_flow_is_longer_than_ruff_allows_python(path):
    longest = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["line-length"]
    lines = enumerate(path.read_text().splitlines(), 1)
    assert [number for number, line in lines if len(line) > longest] == []


def test_hosted_ci_runs_the_script_of_every_change_on_every_python_that_is_supported():
    supported = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    first, end = map(int, re.fullmatch(r">=3\.(\d+),<3\.(\d+)", supported).groups())
    versions = [f"3.{minor}" for minor in range(first, end)]
    assert HOSTED["strategy"]["matrix"]["python"] == versions
    assert any(step.get("run") == "bash .ci/run" for step in HOSTED["steps"])
    tried = re.search(r"for python in ([^;]*);", MAKEFILE)[1].split()
    assert tried == [f"python{version}" for version in reversed(versions)]


def test_the_commit_hook_runs_what_make_lint_runs():
    (local,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    hooked = {" ".join(hook["entry"].split()[:2]) for hook in local["hooks"]}
    lint = re.search(r"^lint: .*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)[1]
    assert hooked == {".venv/bin/ruff check", ".venv/bin/ruff format", ".venv/bin/snakefmt"}
    for command in hooked:
        assert command.replace(".venv/bin", "$(BIN)") in lint
    assert "make lint" in (ROOT / ".ci/run").read_text()


def test_whoever_reports_a_problem_is_asked_what_make_validate_says():
    form = yaml.safe_load((ROOT / ".github/ISSUE_TEMPLATE/problem.yml").read_text())
    asked = [part for part in form["body"] if "make validate" in part["attributes"]["label"]]
    assert [part["validations"]["required"] for part in asked] == [True]
