import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from latentbench.determinism import not_the_same
from latentbench.files.manifest import check, read_manifest

ROOT = Path(__file__).parents[2]
WORKFLOW = (
    "Snakefile",
    "rules",
    "workflow_scripts",
    "config",
    "envs",
    "profiles",
    "report",
    "pyproject.toml",
    "requirements.lock",
    "requirements-torch.txt",
)
UNWANTED = shutil.ignore_patterns("*jaxtyping*", "*.pyc.*")
"""Compiled code goes along, but for what only tests import and what is being written."""

TINY = """
datasets: [blobs]
models: [pca, shuffled_labels, true_labels]
experiments:
  - {name: networks, datasets: [blobs], models: [pca, quick_vae, quick_gmvae]}
seeds: [0, 1]
sheets: {datasets: config/datasets.tsv, models: tiny_models.yaml, published: tiny_published.tsv}
chapters: [{name: toy, title: Toy data, datasets: [blobs]}]
scale: tiny
scales: {tiny: {preprocessing: {max_obs: 3000}}}
evaluation:
  clustering: {clusterings: [kmeans, merged]}
  scoring: {}
  statistics: {n_bootstrap: 200}
  selection: {seed: agreement_of_models, model: agreement_of_models}
allow_failures: false
predictions:
  - {dataset: blobs, models: [quick_cvae], control: control, stimulated: treated,
     hidden: [cell_type, nothing], min_cells: 50}
report:
  title: a tiny study
  maps: {layout: pca}
"""
TINY_PUBLISHED = [
    [
        *["experiment", "chapter", "dataset", "model", "table", "clustering", "split", "metric"],
        *["cell_type", "hidden", "source", "value", "value_high", "protocol", "bar", "remark"],
    ],
    [
        "blobs",
        "toy",
        "blobs",
        "quick_gmvae",
        "scores",
        "own",
        "test",
        "ari",
        "",
        "",
        "Someone 2020",
        "0.2",
        "",
        "one run",
        "0.1",
        "",
    ],
    [
        "predicted",
        "toy",
        "blobs",
        "mean_shift",
        "predictions",
        "",
        "",
        "r2_mean",
        "",
        "cell_type",
        "Someone 2020",
        "0.5",
        "",
        "one run",
        "",
        "",
    ],
    [
        "elsewhere",
        "toy",
        "digits",
        "pca",
        "scores",
        "own",
        "test",
        "ari",
        "",
        "",
        "Someone 2020",
        "0.5",
        "",
        "one run",
        "0.9",
        "",
    ],
]
TINY_MODELS = """
pca: {kind: pca}
shuffled_labels: {kind: shuffled_labels}
true_labels: {kind: true_labels}
quick_vae: {kind: vae, likelihood: gaussian, training: {epochs: 2}}
quick_cvae: {kind: cvae, likelihood: gaussian, covariates: [condition], training: {epochs: 2}}
quick_gmvae:
  kind: gmvae
  likelihood: gaussian
  task: {mode: guided, guided_fraction: 0.5}
  training: {epochs: 4, learning_rate: 0.003}
"""


@dataclass(frozen=True)
class Workspace:
    """A copy of the workflow and, elsewhere, a working directory with a tiny study."""

    workflow: Path
    folder: Path

    def command(self, *arguments: str, cores: int = 2) -> list[str]:
        """Return the words of a Snakemake run on the tiny study."""
        fixed = [
            "-s",
            self.workflow / "Snakefile",
            "--directory",
            self.folder,
            "--cores",
            cores,
            "--workflow-profile",
            self.workflow / "profiles/default",
        ]
        # The config file comes last: its option takes every word that follows.
        command = [
            sys.executable,
            "-m",
            "snakemake",
            *arguments,
            *fixed,
            "--configfile",
            self.folder / "tiny.yaml",
        ]
        return [str(word) for word in command]

    def snakemake(self, *arguments: str, cores: int = 2) -> subprocess.CompletedProcess:
        """Run Snakemake on the tiny study."""
        return subprocess.run(
            self.command(*arguments, cores=cores),
            capture_output=True,
            text=True,
            timeout=1800,
            check=False,
        )

    def jobs(self, *arguments: str) -> set[str]:
        """Return the message of every job of a dry run."""
        run = self.snakemake("--dry-run", *arguments)
        assert run.returncode == 0, run.stderr
        return set(re.findall(r"^Job \d+: (.*)$", run.stdout + run.stderr, re.MULTILINE))


def make_workspace(folder: Path) -> Workspace:
    workflow, working = folder / "workflow", folder / "study"
    working.mkdir(parents=True)
    for name in WORKFLOW:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, workflow / name, ignore=UNWANTED)
        else:
            workflow.mkdir(exist_ok=True)
            shutil.copy2(source, workflow / name)
    (working / "tiny.yaml").write_text(TINY)
    (working / "tiny_models.yaml").write_text(TINY_MODELS)
    (working / "tiny_published.tsv").write_text(
        "".join("\t".join(row) + "\n" for row in TINY_PUBLISHED)
    )
    return Workspace(workflow, working)


@pytest.fixture(scope="session", name="make_workspace")
def _make_workspace():
    """A factory: a folder -> a workspace in it."""
    return make_workspace


@pytest.fixture
def fresh_workspace(tmp_path):
    return make_workspace(tmp_path)


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A workspace whose tiny study has run to its end."""
    workspace = make_workspace(tmp_path_factory.mktemp("finished"))
    run = workspace.snakemake()
    assert run.returncode == 0, run.stdout + run.stderr
    return workspace


def run_of_default_study(
    folder: Path, *arguments: str, cores: int = 1, profile: Path = ROOT / "profiles/default"
) -> list[str]:
    """The words of a Snakemake run of the default study as it stands, in a folder of its own."""
    fixed = ["-s", ROOT / "Snakefile", "--directory", folder, "--workflow-profile", profile]
    fixed += ["--cores", cores] if profile.name == "default" else []
    return [str(word) for word in [sys.executable, "-m", "snakemake", *arguments, *fixed]]


@pytest.fixture(scope="session", name="run_of_default_study")
def _run_of_default_study():
    return run_of_default_study


@pytest.fixture(scope="session")
def default_study(tmp_path_factory):
    """A folder in which the default study has run to its end, undisturbed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    run = subprocess.run(
        run_of_default_study(folder, cores=2), capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return folder


def jobs_in(folder: Path, script: str = "") -> dict[int, int]:
    """Return the processes that run a rule's script in ``folder``, each with its parent."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            is_job = (path / "cwd").readlink() == folder and re.search(
                rb"\.snakemake/scripts/.*" + script.encode(), (path / "cmdline").read_bytes()
            )
            parent = int((path / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
        if is_job:
            found[int(path.name)] = parent
    return found


@pytest.fixture(scope="session", name="jobs_in")
def _jobs_in():
    return jobs_in


@pytest.fixture(scope="session")
def assert_same():
    """A check: two folders of one study hold the same bytes, and what the manifest of the second
    says.
    """

    def check_both(undisturbed: Path, other: Path) -> None:
        manifests = [
            read_manifest(folder / "results/manifest.tsv") for folder in (undisturbed, other)
        ]
        assert not_the_same(*manifests) == []
        assert list(check(other / "results", manifests[1])) == []

    return check_both


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Workers of pytest-xdist share nothing: tests with a study in common are run by one of them,
    and those of a file here as well. First of all tests, for they are the longest, and before
    pytest-xdist reads the mark.
    """
    studies = {"finished", "default_study"}
    ours = [item for item in items if Path(__file__).parent in item.path.parents]
    for item in ours:
        if not item.get_closest_marker("xdist_group"):
            shares = studies & set(item.fixturenames)
            item.add_marker(pytest.mark.xdist_group("workflow" if shares else item.path.stem))
    here = set(ours)
    items.sort(key=lambda item: (item not in here, not item.get_closest_marker("slow")))
