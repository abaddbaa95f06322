"""What may go wrong around a study: clocks, a second Snakemake in its folder, files that are no
data. Each ends with a sentence and a way on.
"""

import os
import signal
import subprocess
import time

import pytest
import yaml

RAW = "results/data/blobs/raw.h5ad"


def test_a_file_from_the_future_is_named_as_a_matter_of_clocks_and_touching_it_is_the_way_on(
    fresh_workspace,
):
    ahead = fresh_workspace.workflow / "workflow_scripts/latentbench/data/simulation.py"
    os.utime(ahead, (time.time() + 86400,) * 2)
    run = fresh_workspace.snakemake(RAW)
    assert run.returncode != 0
    assert "clock skew" in run.stderr
    assert str(ahead) in run.stderr
    assert not (fresh_workspace.folder / RAW).exists()

    ahead.touch()
    run = fresh_workspace.snakemake(RAW)
    assert run.returncode == 0, run.stderr


def test_a_second_snakemake_in_the_folder_stops_before_it_does_anything_and_says_why(
    fresh_workspace,
):
    folder = fresh_workspace.folder
    with subprocess.Popen(
        fresh_workspace.command(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as first:
        while not list((folder / ".snakemake/locks").glob("*")):
            assert first.poll() is None
            time.sleep(0.1)
        second = fresh_workspace.snakemake(RAW)
        os.killpg(first.pid, signal.SIGKILL)
    assert second.returncode != 0
    assert "Directory cannot be locked" in second.stderr
    assert "--unlock" in second.stderr

    assert fresh_workspace.snakemake(RAW).returncode != 0, "a killed study leaves its lock"
    assert fresh_workspace.snakemake("--unlock").returncode == 0
    run = fresh_workspace.snakemake(RAW)
    assert run.returncode == 0, run.stderr


BAD_FILES = {
    "cut off": ("mine.h5ad", b"\x89HDF\r\n\x1a\n" + bytes(40), "mine.h5ad"),
    "a web page": ("mine.csv", b"<html>\n<p>sign in, please</p>\n", "mine.csv"),
    "a word among numbers": ("mine.csv", b"cell,g0,g1\na,1,2\nb,1,x\nc,3,4\n", "'x' among numbers"),
    "one cell": ("mine.csv", b"cell,g0,g1\na,1,2\n", "leaves 0 of 1 cells for testing"),
}


@pytest.mark.parametrize(("name", "content", "message"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_a_file_that_is_no_data_stops_with_a_sentence_and_leaves_no_prepared_file(
    name, content, message, fresh_workspace
):
    folder = fresh_workspace.folder
    (folder / name).write_bytes(content)
    header = (fresh_workspace.workflow / "config/datasets.tsv").read_text().splitlines()[0]
    row = {
        "dataset": "mine",
        "modality": "counts",
        "sources": name,
        "preset": "counts_raw",
        "orientation": "cells_by_genes",
    }
    (folder / "mine.tsv").write_text(
        header + "\n" + "\t".join(row.get(column, "") for column in header.split("\t")) + "\n"
    )
    config = yaml.safe_load((folder / "tiny.yaml").read_text())
    config |= {
        "datasets": ["mine"],
        "models": ["pca"],
        "experiments": [],
        "chapters": [],
        "predictions": [],
    }
    config["sheets"] |= {"datasets": "mine.tsv"}
    (folder / "tiny.yaml").write_text(yaml.safe_dump(config))
    run = fresh_workspace.snakemake("results/data/mine/prepared.h5ad")
    assert run.returncode != 0
    assert message in run.stderr[run.stderr.rindex("FAILED:") :]
    assert not (folder / "results/data/mine/prepared.h5ad").exists()
