"""What may go wrong around a study: clocks, a second Snakemake in its folder, files that are no
data. Each ends with a sentence and a way on.
"""

import os
import signal
import subprocess
import time

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
    "cut_off": (".h5ad", b"\x89HDF\r\n\x1a\n" + bytes(40), "cut_off.h5ad"),
    "a_web_page": (".csv", b"<html>\n<p>sign in, please</p>\n", "a_web_page.csv"),
    "a_word": (".csv", b"cell,g0,g1\na,1,2\nb,1,x\nc,3,4\n", "'x' among numbers"),
    "one_cell": (".csv", b"cell,g0,g1\na,1,2\n", "leaves 0 of 1 cells for testing"),
}


def test_files_that_are_no_data_stop_with_a_sentence_each_and_leave_no_prepared_file(
    fresh_workspace,
):
    folder = fresh_workspace.folder
    header = (fresh_workspace.workflow / "config/datasets.tsv").read_text().splitlines()[0]
    rows = [header]
    for name, (suffix, content, _) in BAD_FILES.items():
        (folder / f"{name}{suffix}").write_bytes(content)
        row = {
            "dataset": name,
            "modality": "counts",
            "sources": f"{name}{suffix}",
            "preset": "counts_raw",
            "orientation": "cells_by_genes",
        }
        rows.append("\t".join(row.get(column, "") for column in header.split("\t")))
    (folder / "mine.tsv").write_text("\n".join(rows) + "\n")
    config = yaml.safe_load((folder / "tiny.yaml").read_text())
    config |= {
        "datasets": list(BAD_FILES),
        "models": ["pca"],
        "experiments": [],
        "chapters": [],
        "predictions": [],
    }
    config["sheets"] |= {"datasets": "mine.tsv"}
    (folder / "tiny.yaml").write_text(yaml.safe_dump(config))
    prepared = [f"results/data/{name}/prepared.h5ad" for name in BAD_FILES]
    run = fresh_workspace.snakemake(*prepared)
    assert run.returncode != 0
    told = run.stderr[run.stderr.index("FAILED:") :].split("FAILED:")[1:]
    assert len(told) == len(BAD_FILES)
    for name, (_, _, message) in BAD_FILES.items():
        assert any(name in each and message in each for each in told), name
    assert not [path for path in prepared if (folder / path).exists()]
