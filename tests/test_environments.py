"""The conda environments of the steps: the lock's versions, every package that a step's code
imports, and little else.

Snakemake puts its own site-packages behind a job's: a package that an environment lacks goes
unnoticed where Snakemake has it. Hence this look at the imports."""

import ast
import json
import re
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from latentbench.code_dependencies import library_files
from latentbench.commands.doctor import locked
from latentbench.figures.catalogue import FIGURES

ROOT = Path(__file__).parents[1]
LOCK, TORCH = ROOT / "requirements.lock", ROOT / "requirements-torch.txt"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SCRIPTS = ROOT / "workflow_scripts"
LIBRARY = SCRIPTS / "latentbench"
ENVIRONMENTS = sorted(path.stem for path in (ROOT / "envs").glob("*.yaml"))
PYPI_NAMES = {
    "pytorch": "torch",
    "pytorch-gpu": "torch",
    "python-igraph": "igraph",
    "matplotlib-base": "matplotlib",
}
PACKAGES = {
    "sklearn": "scikit-learn",
    "igraph": "python-igraph",
    "matplotlib": "matplotlib-base",
    "torch": "pytorch",
    "yaml": "pyyaml",
    "skmisc": "scikit-misc",
    "umap": "umap-learn",
    "scib_metrics": "scib-metrics",
    "IPython": "ipython",
    "PIL": "pillow",
}
"""What a package of conda-forge is called, where that is not the name of its module."""
NOT_IMPORTED = {
    "python",
    "pyarrow",
    "zarr",
    "scanpy",
    "pip",
    "ipykernel",
    "threadpoolctl",
    "python-igraph",
    "scikit-learn",
    "scikit-image",
    "bokeh",
}
"""Wanted without an import: engines of pandas and anndata, scanpy's data file, what Scrublet
finds its threshold by, pip as a command, the notebook's kernel, what functions import, the
drawing library whose scripts the report holds."""
NOT_LOCKED = {"python", "scib-metrics"}
"""scib-metrics brings jax, which no other step needs: it lives in its own environment alone."""
NOT_REACHED = {
    "notebook": {"umap-learn"},
    "report": {"statsmodels", "numba"},
}
"""Imported inside functions that the step does not call: maps are drawn, not laid out, in
notebooks; the report repeats p-values and adjusts none, and trains nothing."""
NOTEBOOKS = {"run_notebook": "*.ipynb", "run_chapter": "chapters/*.ipynb"}
IMPORTED_BY_NAME = {"train": "models", "predict": "models", "write_report": "report.sections"}
"""The packages whose modules a script imports by name."""


def listed(environment: str) -> dict[str, str]:
    text = (ROOT / f"envs/{environment}.yaml").read_text()
    return dict(re.findall(r"^  - ([\w-]+) =(\S+)$", text, re.MULTILINE))


def pinned() -> dict[str, str]:
    return locked(LOCK, TORCH)


def scripts_of(environment: str) -> list[str]:
    """The scripts of the rules whose ``conda:`` names an environment."""
    text = "\n".join(path.read_text() for path in (ROOT / "rules").glob("*.smk"))
    rules = re.findall(
        r"^ *rule\b[^\n]*:$.*?(?=^ *rule\b[^\n]*:$|\Z)", text, re.MULTILINE | re.DOTALL
    )
    named = (
        "training_environment()"
        if environment.startswith("train")
        else f'"../envs/{environment}.yaml"'
    )
    return [
        re.search(r"workflow_scripts/(\w+)\.py", rule)[1]
        for rule in rules
        if re.search(rf"conda:\s*{re.escape(named)}", rule)
    ]


def modules_of(text: str) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def imported_by(script: str) -> set[str]:
    """The top-level modules outside the standard library that a script and its library files
    import.
    """
    package = IMPORTED_BY_NAME.get(script, "")
    folder = LIBRARY.joinpath(*package.split("."))
    also = [f"{package}.{path.stem}" for path in folder.glob("[a-z]*.py")] if package else []
    if script == "draw":
        also = [f"figures.{figure.draw.split(':')[0]}" for figure in FIGURES]
    texts = [
        path.read_text()
        for path in (
            SCRIPTS / f"{script}.py",
            *map(Path, library_files(SCRIPTS / f"{script}.py", *also, library=LIBRARY)),
        )
    ]
    if script in NOTEBOOKS:
        for notebook in (SCRIPTS / "notebooks").glob(NOTEBOOKS[script]):
            cells = json.loads(notebook.read_text())["cells"]
            code = "\n".join(
                "".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"
            )
            probe = [
                module.removeprefix("latentbench.")
                for module in modules_of(code)
                if module.startswith("latentbench.")
            ]
            texts += [
                code,
                *(
                    Path(path).read_text()
                    for path in library_files(SCRIPTS / f"{script}.py", *probe, library=LIBRARY)
                ),
            ]
    names = {module.split(".")[0] for text in texts for module in modules_of(text)}
    return {name for name in names if name not in sys.stdlib_module_names and name != "latentbench"}


def packages_of(environment: str) -> set[str]:
    modules = set().union(*(imported_by(script) for script in scripts_of(environment)))
    return {PACKAGES.get(module, module) for module in modules}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_versions_are_those_of_the_lock(environment):
    pins, lock = listed(environment), pinned()
    assert pins.pop("python") == "3.11"
    text = (ROOT / f"envs/{environment}.yaml").read_text()
    assert text.startswith("channels:\n  - conda-forge\n  - nodefaults\n")
    assert len(pins) == text.count("\n  - ") - 3, "a line that is no exact pin"
    assert {name: version for name, version in pins.items() if name not in NOT_LOCKED} == {
        name: lock[PYPI_NAMES.get(name, name)] for name in pins if name not in NOT_LOCKED
    }


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_what_a_step_imports_is_in_its_environment(environment):
    assert scripts_of(environment)
    pins = {"pytorch" if name == "pytorch-gpu" else name for name in listed(environment)}
    assert packages_of(environment) - pins <= NOT_REACHED.get(environment, set())


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_an_environment_holds_nothing_that_its_steps_do_without(environment):
    pins = {"pytorch" if name == "pytorch-gpu" else name for name in listed(environment)}
    assert pins - packages_of(environment) <= NOT_IMPORTED


def test_the_two_environments_of_training_differ_by_the_build_of_torch_alone():
    cpu, gpu = listed("train"), listed("train_gpu")
    assert cpu.pop("pytorch") == gpu.pop("pytorch-gpu")
    assert cpu == gpu


def test_every_package_of_the_lock_has_a_hash_and_torch_is_not_among_them():
    first, *entries = re.split(r"\n(?=[a-z0-9])", LOCK.read_text())
    assert first.startswith("#")
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []
    names = {entry.split("==")[0] for entry in entries}
    assert not {name for name in names if re.match(r"torch$|nvidia-|cuda-|triton$", name)}
    assert "uv" in names
    assert "://" not in LOCK.read_text(), "an address"


def test_the_locks_hold_what_the_project_asks_for():
    asked = [
        Requirement(line)
        for line in [
            *PROJECT["dependencies"],
            *(line for extra in PROJECT["optional-dependencies"].values() for line in extra),
        ]
    ]
    pins = pinned()
    assert [str(one) for one in asked if not one.specifier.contains(pins[one.name.lower()])] == []
    assert TORCH.read_text().strip() in PROJECT["dependencies"]
