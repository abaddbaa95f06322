"""A data set that cannot be used among others that can."""

import os
import re
import signal
import subprocess
import time

import pandas as pd
import pytest
import yaml

from latentbench.files.manifest import check, read_manifest

SHEET_ROWS = {
    "broken": {"sources": "broken.h5ad"},
    "empty": {"sources": "empty.csv", "orientation": "cells_by_genes"},
}


def add_bad_data(workspace):
    """One file that is no h5ad (refused by download), one of zeros alone (by preprocess); what is
    to be predicted on the good one asks for more cells than it has.
    """
    folder = workspace.folder
    (folder / "broken.h5ad").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(4000))
    zeros = "".join(f"c{i},0,0\n" for i in range(20))
    (folder / "empty.csv").write_text(f"cell,g0,g1\n{zeros}")
    lines = (workspace.workflow / "config/datasets.tsv").read_text().splitlines()
    columns = lines[0].split("\t")
    rows = [
        {"dataset": name, "modality": "counts", "preset": "counts_raw", **row}
        for name, row in SHEET_ROWS.items()
    ]
    text = [lines[0], *(line for line in lines if line.startswith("blobs\t"))]
    text += ["\t".join(row.get(column, "") for column in columns) for row in rows]
    (folder / "sheet.tsv").write_text("\n".join(text) + "\n")
    config = yaml.safe_load((folder / "tiny.yaml").read_text())
    config |= {"datasets": ["blobs", "broken", "empty"], "models": ["pca", "quick_vae"]}
    config |= {"experiments": [], "chapters": []}
    config["sheets"] = {"datasets": "sheet.tsv", "models": "tiny_models.yaml"}
    config["predictions"][0]["min_cells"] = 100_000
    (folder / "tiny.yaml").write_text(yaml.safe_dump(config, sort_keys=False))


PRETENCE = """
import time
from pathlib import Path

from latentbench.logs import log_to

log_to(snakemake.log[0])
if snakemake.rule == "download" and snakemake.wildcards.dataset == "broken":
    raise ValueError("broken.h5ad: it's \\"cut\\" off")
if snakemake.rule == "preprocess" and snakemake.wildcards.dataset == "empty":
    raise ValueError("empty: every cell is empty")
if snakemake.rule == "verdict" and snakemake.params.refused:
    raise ValueError(f"missing: {'; '.join(snakemake.params.refused.values())}")
time.sleep(float(Path("seconds").read_text()))
for path in snakemake.output:
    Path(path).write_text("made\\n")
"""
"""A script in place of every rule's own, for how the jobs hang together."""


@pytest.fixture
def pretending(fresh_workspace):
    add_bad_data(fresh_workspace)
    for script in (fresh_workspace.workflow / "workflow_scripts").glob("*.py"):
        script.write_text(PRETENCE)
    (fresh_workspace.folder / "seconds").write_text("0")
    return fresh_workspace


def with_good_data_alone(workspace):
    config = workspace.folder / "tiny.yaml"
    config.write_text(config.read_text().replace("- broken\n", "").replace("- empty\n", ""))


def test_the_study_is_planned_again_without_what_was_refused_within_the_same_command(pretending):
    results = pretending.folder / "results"

    run = pretending.snakemake()

    assert run.returncode != 0
    assert "The study goes on without broken and empty" in run.stderr
    last = run.stderr[run.stderr.rindex("FAILED: missing:") :]
    assert """it\'s "cut" off""" in last
    assert "empty: every cell is empty" in last
    assert "an earlier run" not in last
    assert (results / "report/index.html").exists()
    assert (results / "manifest.tsv").exists()
    assert not (results / "verdict.txt").exists()
    again = pretending.jobs()
    assert "get broken" in again, "what was refused is tried again by the same command"
    assert not any(job.startswith("train") and "blobs" in job for job in again)


def test_a_table_that_was_deleted_is_made_again(pretending):
    (pretending.folder / "tiny.yaml").write_text(
        (pretending.folder / "tiny.yaml")
        .read_text()
        .replace("- broken\n", "")
        .replace("- empty\n", "")
    )
    run = pretending.snakemake()
    assert run.returncode == 0, run.stderr
    (pretending.folder / "results/tables/answer.tsv").unlink()
    assert "collect the tables of the study and check its controls" in pretending.jobs()


@pytest.mark.parametrize("is_good", [True, False])
def test_after_ctrl_c_nothing_goes_on_and_what_is_to_be_mended_is_named(is_good, pretending):
    if is_good:
        with_good_data_alone(pretending)
    (pretending.folder / "seconds").write_text("3")
    with subprocess.Popen(
        pretending.command(),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A shell starts what is to run in its background deaf to Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as run:
        while not (pretending.folder / "results/logs/theory.log").exists():
            assert run.poll() is None
            time.sleep(0.1)
        os.killpg(run.pid, signal.SIGINT)
        _, told = run.communicate(timeout=60)
    assert run.returncode != 0
    assert ("Run the same command again and it goes on" in told) == is_good
    assert ("Mend what is named above" in told) == ("FAILED: " in told) == (not is_good)
    assert "goes on without" not in told


@pytest.mark.slow
def test_the_report_of_the_others_is_written_and_the_end_says_what_is_missing(fresh_workspace):
    add_bad_data(fresh_workspace)
    results = fresh_workspace.folder / "results"

    run = fresh_workspace.snakemake()

    assert run.returncode != 0
    assert "The study goes on without broken and empty" in run.stderr
    last = run.stderr[run.stderr.rindex("FAILED:") :]
    for part in ("could not be used: 2", "data set broken: ", "data set empty: ", "empty (all 20"):
        assert part in last, part
    assert "replicas did not end ok" not in last
    page = (results / "report/index.html").read_text()
    failures = page[page.index('id="failures"') :]
    assert "the data set was refused" in failures
    status = pd.read_csv(results / "tables/status.tsv", sep="\t")
    assert set(status[status["dataset"] == "broken"]["status"]) == {"not_applicable"}
    assert set(status[status["dataset"] == "blobs"]["status"]) == {"ok"}
    predictions = pd.read_csv(results / "tables/predictions.tsv", sep="\t")
    assert set(predictions["status"]) == {"not_applicable"}
    assert predictions["reason"].str.contains("100000").all()
    assert list(check(results, read_manifest(results / "manifest.tsv"))) == []
    assert not (results / "verdict.txt").exists()

    again = fresh_workspace.jobs()
    assert "get broken" in again, "what was refused is tried again by the same command"
    assert not any(re.search("train .* on blobs", job) for job in again)


def test_a_target_of_a_refused_data_set_alone_is_not_gone_on_without(fresh_workspace):
    add_bad_data(fresh_workspace)
    run = fresh_workspace.snakemake("results/data/broken/prepared.h5ad")
    assert run.returncode != 0
    assert "goes on without" not in run.stderr
    assert "Mend what is named above" in run.stderr
