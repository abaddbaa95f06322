"""The made-up study as one object, with every file that the report reads."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from study_results import DATASETS

from latentbench.evaluation.tables import cost_table
from latentbench.figures.catalogue import FIGURES
from latentbench.files.tables import CORRELATIONS as CORRELATIONS_TABLE
from latentbench.report.results import Results
from latentbench.theory.checks import as_table, equal, unequal

THEORY = as_table(
    [
        (
            "bounds",
            [
                equal("(3.4)", "the bound & the divergence", 1.0, 1.0),
                unequal("(3.4), as drafted", "another sign", 1.0, -2.5),
            ],
        )
    ]
)
EVIDENCE = pd.DataFrame(
    [
        ("seed", "agreement_of_models", 3, 21, 0.62, 0.6, 0.65, 0.02, 0.01, 0.03, 40.0, True),
        ("model", "silhouette_of_clusters", 3, 3, 0.5, 0.6, 0.7, -0.1, -0.2, 0.05, -50.0, False),
        ("model", "agreement_of_models", 3, 3, 0.71, 0.62, 0.74, 0.09, 0.0, 0.2, 75.0, True),
    ],
    columns=[
        *("level", "criterion", "n_datasets", "n_choices", "ari", "mean_ari", "best_ari"),
        *("gain", "low", "high", "share", "in_force"),
    ],
)
CORRELATIONS = CORRELATIONS_TABLE.frame(
    [("all", "silhouette_of_clusters", 0.4, 0.1, 0.7, 3, 6, 30, 0, "ok", "", "")]
)
LOG = ["12:00:01 INFO epoch 11", "12:00:02 WARNING <kl_z> is not finite"]
NAMES = {
    per: [figure.name for figure in FIGURES if figure.per == per] for per in ("study", "dataset")
}
AGAINST_LABELS = [figure.name for figure in FIGURES if "label" in figure.when]
SHEET = {"licence": "MIT", "citation": "made up for the tests", "origin": "a test"}


@pytest.fixture(scope="session")
def make_results(study_folder, tables, svg, tmp_path_factory) -> Callable[..., Results]:
    """A factory of results: ``frames`` replaces or adds tables by name (None takes one away),
    ``labels=False`` takes the labels away, ``sheet`` is what the data sheet says of every data
    set.
    """

    def make(
        *, labels: bool = True, sheet: dict[str, str] | None = None, chapters=(), **frames
    ) -> Results:
        root = tmp_path_factory.mktemp("results")
        shutil.copytree(study_folder, root, dirs_exist_ok=True)
        given = {
            "cost": cost_table(tables.status),
            "theory": THEORY,
            "criteria": EVIDENCE,
            "correlations": CORRELATIONS,
        }
        for name, frame in (given | frames).items():
            (root / f"tables/{name}.parquet").unlink(missing_ok=True)
            if frame is not None:
                frame.to_parquet(root / f"tables/{name}.parquet", index=False)
        status = root / "models/digits/gmvae/status.json"
        status.write_text(json.dumps(json.loads(status.read_text()) | {"log": LOG}))
        figures = [*NAMES["study"], "plates/vae", "thesis/figure_3_1_vae"]
        if "predictions" not in frames:
            figures.remove("predictions")
        # No answer, and so no figure of it, unless a test brings its tables.
        of_dataset = [
            name for name in NAMES["dataset"] if name != "groups" or "answer_summary" in frames
        ]
        figures += [f"{each}/{name}" for each in tables.datasets for name in of_dataset]
        tests = frames.get("tests")
        for name in figures:
            needs_labels = name.split("/")[-1] in AGAINST_LABELS
            untested = tests is not None and not (tests["status"] == "ok").all()
            if (needs_labels and not labels) or (untested and name == "ranks"):
                continue
            _copy(svg, root / f"figures/{name}.svg")
        if not labels:
            for dataset in tables.datasets:
                _take_labels_away(root / f"data/{dataset}/prepared.h5ad")
        return Results(
            sorted(path for path in root.rglob("*") if path.is_file()),
            root=root,
            datasets=tables.datasets,
            config={
                "datasets": tables.datasets,
                "preprocessing": {"split": {"test_fraction": 0.2}},
                "report": {"title": "A study"},
            },
            sheet={
                name: SHEET | {"n_clusters": DATASETS[name]} | (sheet or {})
                for name in tables.datasets
            },
            chapters=chapters,
        )

    return make


@pytest.fixture(scope="session")
def results(make_results) -> Results:
    return make_results()


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _take_labels_away(path: Path) -> None:
    import anndata as ad

    prepared = ad.read_h5ad(path)
    del prepared.obs["label"]
    prepared.write_h5ad(path)
