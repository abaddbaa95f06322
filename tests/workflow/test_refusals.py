"""A data set that cannot be used among others that can."""

import re

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
