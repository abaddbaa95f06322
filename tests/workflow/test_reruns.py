"""What a change of the data sheet or of the config runs anew: docs/reruns.md says it, and a study
whose jobs only pretend to work shows it.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from latentbench.study.sheets import read_yaml
from latentbench.study.study import laid_over

ROOT = Path(__file__).parents[2]
PRETENCE = """
from pathlib import Path

for path in snakemake.output:
    Path(path).write_text("made\\n")
"""
CONFIG = {
    "datasets": ["blobs", "digits"],
    "models": ["pca", "vae", "gmvae"],
    "seeds": [0],
    "scales": {"full": {}, "small": {"preprocessing": {"max_obs": 500}}},
    "sheets": {"datasets": "sheet.tsv", "published": "config/published.tsv"},
    "evaluation": {"integration": True},
    "predictions": [
        {
            "dataset": "blobs",
            "models": ["cvae"],
            "control": "control",
            "stimulated": "treated",
            "min_cells": 50,
        }
    ],
    "chapters": [{"name": "toy", "title": "Toy data", "datasets": ["blobs"]}],
}
OF_SHEET = {
    "sources": "simulate:counts",
    "sha256": "a" * 64,
    "label": "other",
    "batch": "other",
    "condition": "other",
    "donor": "other",
    "circular": "yes",
    "n_clusters": "7",
    "orientation": "genes_by_cells",
    "layer": "other",
    "annotation": "other.csv",
    "only": "other=yes",
    "var_names": "other",
    "genes_of": "digits",
    "licence": "other",
    "citation": "Other 2020",
    "origin": "https://other.org",
}
"""A change of each column of the row of ``blobs``."""

OF_CONFIG = {
    "seeds": {"seeds": [0, 1]},
    "scale": {"scale": "small"},
    "mirror": {"mirror": "elsewhere"},
    "checkpoints": {"checkpoints": {"every_seconds": 5}},
    "preprocessing: split": {"preprocessing": {"split": {"test_fraction": 0.3}}},
    "preprocessing: held_out": {"preprocessing": {"held_out": 0.3}},
    "preprocessing: max_obs": {"preprocessing": {"max_obs": 700}},
    "preprocessing: stream_above_gb": {"preprocessing": {"stream_above_gb": 5}},
    "preprocessing: counts_standard": {"preprocessing": {"counts_standard": {"n_top_genes": 500}}},
    "evaluation: held_out": {"evaluation": {"held_out": {"importance_samples": 30}}},
    "evaluation: clustering": {"evaluation": {"clustering": {"clusterings": ["kmeans"]}}},
    "evaluation: scoring": {"evaluation": {"scoring": {"silhouette_max_obs": 500}}},
    "evaluation: statistics": {"evaluation": {"statistics": {"n_bootstrap": 500}}},
    "evaluation: selection": {"evaluation": {"selection": {"seed": "held_out_loss"}}},
    "predictions: min_cells": {"predictions": [{**CONFIG["predictions"][0], "min_cells": 60}]},
    "allow_failures": {"allow_failures": True},
    "report: title": {"report": {"title": "another"}},
    "report: maps": {"report": {"maps": {"max_points": 500}}},
    "report: explorer": {"report": {"explorer": {"n_genes": 10}}},
    "chapters: title": {"chapters": [{**CONFIG["chapters"][0], "title": "Other"}]},
}
"""A change of each key of the config but for those that say which jobs there are."""

WHICH_JOBS = {"datasets", "models", "experiments", "scales", "sheets"}


def sheet_with(**cells):
    """The sheet with some cells of the row of ``blobs`` changed."""
    text = (ROOT / "config/datasets.tsv").read_text()
    header, *rows = [line.split("\t") for line in text.splitlines()]
    for row in rows:
        if row[0] == "blobs":
            row[:] = [cells.get(column, cell) for column, cell in zip(header, row, strict=True)]
    return "".join("\t".join(row) + "\n" for row in [header, *rows])


def documented(heading):
    """The table of a section of docs/reruns.md: what changes -> the rules that are told of it, and
    the variants that are trained anew.
    """
    section = (ROOT / "docs/reruns.md").read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in section.splitlines()
        if line.startswith("| `")
    ]
    return {
        what.strip("`"): (set() if told == "nothing" else set(told.split(", ")), trained)
        for what, told, trained in rows
    }


def put(folder, config, sheet):
    (folder / "study.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    (folder / "sheet.tsv").write_text(sheet)


def snakemake(workspace):
    command = [sys.executable, "-m", "snakemake", "-s", workspace.workflow / "Snakefile"]
    command += ["--directory", workspace.folder, "--cores", "2", "--scheduler", "greedy"]
    command += ["--configfile", workspace.folder / "study.yaml"]
    run = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, timeout=600, check=False
    )
    assert run.returncode == 0, run.stderr


@pytest.fixture(scope="module")
def pretended(tmp_path_factory, make_workspace):
    """A study that has run to its end, each job of which has written a word into its files."""
    workspace = make_workspace(tmp_path_factory.mktemp("pretended"))
    for script in (workspace.workflow / "workflow_scripts").glob("*.py"):
        script.write_text(PRETENCE)
    (workspace.folder / "other.csv").write_text("an annotation")
    put(workspace.folder, CONFIG, sheet_with())
    snakemake(workspace)
    return workspace


SUMMARIES = """
import json
import os
import sys
from pathlib import Path

import snakemake.cli

os.chdir(sys.argv[2])
for name, config, sheet in json.load(sys.stdin):
    Path("study.yaml").write_text(config)
    Path("sheet.tsv").write_text(sheet)
    child = os.fork()
    if child == 0:
        os.dup2(os.open(f"{name}.summary", os.O_WRONLY | os.O_CREAT), 1)
        words = ["--summary", "-s", sys.argv[1], "--cores", "1", "--configfile", "study.yaml"]
        snakemake.cli.main(words)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, name
"""
"""Snakemake's summary after each of many changes, by a process that imports Snakemake once."""


@pytest.fixture(scope="module")
def changed(pretended):
    """What every change of the sheet and of the config reruns: the rules that are told of it, and
    the variants of ``blobs`` that are trained anew.
    """
    changes = {column: (CONFIG, sheet_with(**{column: OF_SHEET[column]})) for column in OF_SHEET}
    changes |= {key: (laid_over(CONFIG, OF_CONFIG[key]), sheet_with()) for key in OF_CONFIG}
    given = [
        (str(number), yaml.safe_dump(config, sort_keys=False), sheet)
        for number, (config, sheet) in enumerate(changes.values())
    ]
    run = subprocess.run(
        [sys.executable, "-c", SUMMARIES, pretended.workflow / "Snakefile", pretended.folder],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return {
        name: reruns((pretended.folder / f"{number}.summary").read_text())
        for number, name in enumerate(changes)
    }


def reruns(summary):
    """Return the rules that a change is told to, by Snakemake's summary, and the variants of
    ``blobs`` that are trained anew.
    """
    header, *rows = [line.split("\t") for line in summary.splitlines() if line.count("\t") > 3]
    files = [dict(zip(header, row, strict=True)) for row in rows]
    told = {
        re.sub("draw_(blobs|digits)", "draw_dataset", file["rule"])
        for file in files
        if file["status"] != "ok"
    }
    trained = {
        file["output_file"].split("/")[3]
        for file in files
        if file["rule"] == "train"
        and file["plan"] == "update pending"
        and "/blobs/" in file["output_file"]
    }
    return told, WORDS[tuple(sorted(trained))]


WORDS = {(): "none", ("gmvae",): "that need it", ("gmvae", "pca", "vae"): "all"}


def test_every_column_and_every_key_is_in_the_table():
    columns = (ROOT / "config/datasets.tsv").read_text().splitlines()[0].split("\t")
    assert set(documented("Columns of the data sheet")) == set(OF_SHEET)
    assert set(columns) - set(OF_SHEET) == {"dataset", "modality", "preset"}, "they say what it is"
    keys = {name.split(":")[0] for name in OF_CONFIG}
    assert set(documented("Keys of the config")) == set(OF_CONFIG)
    whole = {key for key in read_yaml(ROOT / "config/config.yaml") if key not in WHICH_JOBS}
    assert keys >= whole


@pytest.mark.slow
@pytest.mark.parametrize("column", OF_SHEET)
def test_a_column_of_the_sheet_reruns_what_the_documentation_says(column, changed):
    assert changed[column] == documented("Columns of the data sheet")[column]


@pytest.mark.slow
@pytest.mark.parametrize("key", OF_CONFIG)
def test_a_key_of_the_config_reruns_what_the_documentation_says(key, changed):
    assert changed[key] == documented("Keys of the config")[key]
