"""What SECURITY.md promises of the code itself: no shell, no code from data, pages that escape."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "workflow_scripts").rglob("*.py"))
FORBIDDEN = {
    "eval": "runs text as code",
    "exec": "runs text as code",
    "os.system": "asks a shell",
    "os.popen": "asks a shell",
    "pickle.load": "runs whatever a pickle asks for",
    "pickle.loads": "runs whatever a pickle asks for",
    "torch.load": "runs whatever a pickle asks for",
    "pandas.read_pickle": "runs whatever a pickle asks for",
    "pd.read_pickle": "runs whatever a pickle asks for",
    "joblib.load": "runs whatever a pickle asks for",
    "tempfile.mktemp": "may be taken by another before it is made",
}


EXCEPTIONS = {"latentbench/training/workers.py": ["pickle.loads"]}
"""The pipe between a training and the processes that it started itself: nothing in it comes
from outside."""


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def faults_of(text: str) -> list[str]:
    """What in a source breaks a promise."""
    found = []
    for name, call in calls(ast.parse(text)):
        given = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
        if name in FORBIDDEN:
            found.append(f"line {call.lineno}: {name} {FORBIDDEN[name]}")
        if given.get("shell", "False") != "False":
            found.append(f"line {call.lineno}: {name} asks a shell")
        if given.get("allow_pickle", "False") != "False":
            found.append(f"line {call.lineno}: {name} runs whatever a pickle asks for")
        if name.endswith((".extractall", ".extract")):
            found.append(f"line {call.lineno}: {name} unpacks where the archive says")
        if name == "yaml.load" and given.get("Loader") != "_StrictLoader":
            found.append(f"line {call.lineno}: {name} makes any object")
        if name.endswith("Environment") and given.get("autoescape") in (None, "False"):
            found.append(f"line {call.lineno}: {name} does not escape")
        if given.get("verify") == "False":
            found.append(f"line {call.lineno}: {name} believes any server")
    return found


@pytest.mark.parametrize(
    "path", SOURCES, ids=lambda path: path.relative_to(ROOT / "workflow_scripts").as_posix()
)
def test_no_source_runs_data_as_code_or_asks_a_shell(path):
    allowed = EXCEPTIONS.get(path.relative_to(ROOT / "workflow_scripts").as_posix(), [])
    assert [
        fault
        for fault in faults_of(path.read_text())
        if not any(f" {name} " in fault for name in allowed)
    ] == []


@pytest.mark.parametrize(
    "text",
    [
        "eval(x)",
        "import os; os.system(x)",
        "import subprocess; subprocess.run(x, shell=True)",
        "np.load(x, allow_pickle=True)",
        "archive.extractall(x)",
        "yaml.load(x, Loader=yaml.Loader)",
        "jinja2.Environment(loader=x)",
        "requests.get(x, verify=False)",
    ],
)
def test_the_check_finds_what_it_looks_for(text):
    assert faults_of(text)


@pytest.mark.parametrize(
    "path",
    [ROOT / "Snakefile", *sorted((ROOT / "rules").glob("*.smk"))],
    ids=lambda path: path.name,
)
def test_no_rule_asks_a_shell(path):
    """A config value that reaches no command line can do no harm there."""
    assert not re.search(r"^\s*(shell|run):|\bshell\(", path.read_text(), re.MULTILINE)
