"""What happens to a results folder after its manifest was written is told, file by file."""

import pandas as pd
import pytest

from latentbench.commands.verify import main
from latentbench.files.artefacts import sha256_of, write_table
from latentbench.files.manifest import (
    COLUMNS,
    Problem,
    artefacts_in,
    check,
    manifest_of,
    read_manifest,
)


@pytest.fixture
def results(tmp_path):
    """A results folder with a manifest."""
    folder = tmp_path / "results"
    table = pd.DataFrame({"model": ["pca", "vae"] * 50, "ari": [0.25, 0.5] * 50})
    for name in ("scores.tsv", "scores.parquet"):
        write_table(table, folder / "tables" / name)
    for path in ("data/blobs/raw.h5ad", "models/blobs/vae/weights.safetensors"):
        (folder / path).parent.mkdir(parents=True)
        (folder / path).write_bytes(b"bytes of " + path.encode())
    for path in (
        "logs/train.log",
        "benchmarks/train.tsv",
        "cache/download",
        "checkpoints/blobs/1",
        "README.md",
    ):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text("no artefact")
    files = {
        "collect": [folder / "tables/scores.tsv", folder / "tables/scores.parquet"],
        "download": [folder / "data/blobs/raw.h5ad"],
        "train": [folder / "models/blobs/vae/weights.safetensors"],
    }
    write_table(manifest_of(files, folder), folder / "manifest.tsv")
    return folder


def found(folder):
    return [
        (finding.problem, finding.path)
        for finding in check(folder, read_manifest(folder / "manifest.tsv"))
    ]


def test_it_has_path_size_checksum_and_rule_of_every_artefact_and_of_nothing_else(results):
    manifest = read_manifest(results / "manifest.tsv")
    assert list(manifest.columns) == COLUMNS
    assert sorted(manifest["path"]) == manifest["path"].tolist() == sorted(artefacts_in(results))
    row = manifest.set_index("path").loc["tables/scores.tsv"]
    path = results / "tables/scores.tsv"
    assert (row["size"], row["sha256"], row["rule"]) == (
        path.stat().st_size,
        sha256_of(path),
        "collect",
    )


def test_an_untouched_folder_is_as_it_was_wherever_it_is_moved(results, capsys):
    assert main([str(results)]) == 0
    moved = results.rename(results.with_name("elsewhere"))
    assert main([str(moved)]) == 0
    assert "all 4 files" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "keep"),
    [("tables/scores.tsv", -20), ("tables/scores.parquet", 100), ("data/blobs/raw.h5ad", 0)],
)
def test_a_truncated_file_is_caught(results, capsys, name, keep):
    path = results / name
    path.write_bytes(path.read_bytes()[:keep])
    assert found(results) == [(Problem.CHANGED, name)]
    assert main([str(results)]) == 1
    assert "truncated since" in capsys.readouterr().out


def test_an_edited_number_of_the_same_length_is_caught(results, capsys):
    path = results / "tables/scores.tsv"
    path.write_text(path.read_text().replace("0.25", "0.95", 1))
    assert found(results) == [(Problem.CHANGED, "tables/scores.tsv")]
    assert main([str(results)]) == 1
    assert "not those that were written; it was made by rule collect" in capsys.readouterr().out


def test_missing_and_unknown_files_are_listed(results, capsys):
    (results / "data/blobs/raw.h5ad").unlink()
    (results / "tables/mine.tsv").write_text("by hand")
    assert found(results) == [
        (Problem.MISSING, "data/blobs/raw.h5ad"),
        (Problem.UNKNOWN, "tables/mine.tsv"),
    ]
    assert main([str(results)]) == 1
    told = capsys.readouterr().out
    assert "MISSING" in told
    assert "UNKNOWN" in told


def test_what_is_no_artefact_may_come_and_go(results):
    (results / "logs/train.log").write_text("another run")
    (results / "cache/download").unlink()
    assert found(results) == []


def test_a_manifest_that_lost_a_whole_line_shows_as_an_unknown_file(results):
    path = results / "manifest.tsv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    assert [problem for problem, _ in found(results)] == [Problem.UNKNOWN]


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (lambda text: text[:-1], "truncated or edited"),
        (lambda text: text[:-40], "truncated or edited"),
        (lambda text: text.replace("path", "file"), "its first line is not"),
        (lambda text: "", "its first line is not"),
        (lambda text: text + text.splitlines(keepends=True)[-1], "is there twice"),
    ],
)
def test_a_manifest_that_is_not_whole_is_refused(results, capsys, edit, sentence):
    path = results / "manifest.tsv"
    path.write_text(edit(path.read_text()))
    assert main([str(results)]) == 2
    assert sentence in capsys.readouterr().err


def test_no_manifest_is_refused_with_what_to_do(tmp_path, capsys):
    assert main([str(tmp_path)]) == 2
    assert "run the study to its end" in capsys.readouterr().err
