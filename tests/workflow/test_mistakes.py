"""A user's mistakes, through Snakemake as a user meets them."""

import re

import pytest


@pytest.mark.parametrize(
    ("file", "edit", "message"),
    [
        ("tiny.yaml", ("seeds:", "seed:"), "unknown key 'seed'; did you mean 'seeds'?"),
        (
            "tiny_models.yaml",
            ("epochs: 2", "epoch: 2"),
            "quick_vae: training: unknown key 'epoch'; did you mean 'epochs'?",
        ),
    ],
)
def test_a_typo_is_refused_by_name_before_anything_runs(file, edit, message, fresh_workspace):
    """One of the config and one of a sheet; tests/study/test_study.py has all that are refused."""
    path = fresh_workspace.folder / file
    path.write_text(path.read_text().replace(*edit))
    run = fresh_workspace.snakemake()
    assert run.returncode != 0
    assert message in run.stderr
    assert "Traceback" not in run.stderr
    assert not (fresh_workspace.folder / "results").exists()


def test_bad_counts_stop_their_data_set_with_a_sentence_and_leave_no_file(fresh_workspace):
    folder = fresh_workspace.folder
    (folder / "counts.csv").write_text("cell,gene1,gene2\na,1,2\nb,3.5,0\nc,1,1\n")
    header = (fresh_workspace.workflow / "config/datasets.tsv").read_text().splitlines()[0]
    row = {
        "dataset": "mine",
        "modality": "counts",
        "sources": "counts.csv",
        "preset": "counts_raw",
        "orientation": "cells_by_genes",
    }
    (folder / "mine.tsv").write_text(
        header + "\n" + "\t".join(row.get(column, "") for column in header.split("\t")) + "\n"
    )
    text = (
        (folder / "tiny.yaml")
        .read_text()
        .replace("[blobs]", "[mine]")
        .replace("config/datasets.tsv", "mine.tsv")
    )
    (folder / "tiny.yaml").write_text(
        re.sub(r"predictions:\n(?: .*\n)+", "predictions: []\n", text)
    )  # there are no blobs in this sheet
    run = fresh_workspace.snakemake("results/data/mine/prepared.h5ad")
    assert run.returncode != 0
    assert "3.5" in run.stderr
    assert "gene1" in run.stderr
    # The last lines say what failed, where its log is, and what to do.
    last = run.stderr[run.stderr.rindex("FAILED:") :]
    assert "3.5" in last
    assert "results/logs/download/mine.log" in last
    assert "run the same command again" in last
    assert [path.name for path in (folder / "results/data").rglob("*") if path.is_file()] == []


def test_validation_says_a_line_a_check_and_trains_nothing(fresh_workspace):
    run = fresh_workspace.snakemake("validate", "--quiet", "all", cores=1)
    assert run.returncode == 0, run.stdout + run.stderr
    lines = run.stdout.splitlines()
    assert lines[0] == "ok    config: 1 data sets, 5 models, 2 seeds: 5 jobs of training"
    assert "ok    data blobs: 3500 x 16 real from simulate:blobs" in lines
    assert {line[6:].split(":")[0] for line in lines[2:-1]} == {
        "environment",
        "disk",
        "device",
        "SLURM",
    }
    assert not (fresh_workspace.folder / "results/data").exists()
