import hashlib
import json
import logging
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import requests

from latentbench.data import sources
from latentbench.data.bundled import BUNDLED
from latentbench.data.packages import READERS, SPECIFICATION
from latentbench.data.raw import write_raw
from latentbench.data.row_blocks import StreamedCells
from latentbench.data.simulation import SIMULATED
from latentbench.data.sources import fetch
from latentbench.preprocessing.presets import PRESETS
from latentbench.study.sheets import read_sheet

CONFIG = Path(__file__).parents[2] / "config"


@pytest.fixture
def mirror(tmp_path, cells):
    folder = tmp_path / "mirror"
    folder.mkdir()
    cells.write_h5ad(folder / "mine.h5ad")
    return folder


def test_the_mirror_comes_before_the_sheet(row, mirror, tmp_path):
    row["sources"] = ["simulate:counts"]

    raw = fetch(row, mirror=str(mirror), cache=tmp_path)

    assert raw.n_obs == 4
    assert raw.uns["latentbench"]["source"] == str(mirror / "mine.h5ad")
    assert (
        raw.uns["latentbench"]["sha256"]
        == hashlib.sha256((mirror / "mine.h5ad").read_bytes()).hexdigest()
    )


def test_a_row_may_name_the_mirrors_file(row, mirror, tmp_path):
    row |= {"dataset": "another", "sources": ["mirror:mine.h5ad"]}

    assert fetch(row, mirror=str(mirror), cache=tmp_path).uns["latentbench"]["source"] == str(
        mirror / "mine.h5ad"
    )


def test_a_mirror_without_the_data_set_is_passed_over_and_one_that_is_no_folder_refused(
    row, mirror, tmp_path
):
    row |= {"dataset": "other", "sources": ["simulate:counts"]}

    assert fetch(row, mirror=str(mirror), cache=tmp_path).n_obs == 600
    with pytest.raises(ValueError, match=r"mirror: .*nowhere is not a folder"):
        fetch(row, mirror=str(tmp_path / "nowhere"), cache=tmp_path)


def test_an_image_folder_in_the_mirror_is_found_by_the_data_sets_name(row, idx_folder, tmp_path):
    row |= {"dataset": "tiny_images", "modality": "images", "label": "label"}

    assert fetch(row, mirror=str(tmp_path), cache=tmp_path).shape == (8, 6)


def test_a_failing_source_falls_through_and_is_remembered(row, mirror, tmp_path, caplog):
    damaged = tmp_path / "damaged.h5ad"
    damaged.write_bytes(b"not hdf5")
    row |= {"sources": ["missing.h5ad", str(damaged), "builtin:nothing", "simulate:counts"]}

    with caplog.at_level(logging.WARNING, logger="latentbench"):
        raw = fetch(row, cache=tmp_path)

    tried = raw.uns["latentbench"]["tried"].tolist()
    assert [line.split(":")[0] for line in tried] == ["missing.h5ad", str(damaged), "builtin"]
    assert "does not exist" in tried[0]
    assert [record.message for record in caplog.records] == [
        f"mine: source failed: {line}" for line in tried
    ]


def test_a_wrong_checksum_falls_through(row, mirror, tmp_path):
    row |= {"sha256": ["0" * 64], "sources": ["simulate:counts"]}

    raw = fetch(row, mirror=str(mirror), cache=tmp_path)

    assert raw.n_obs == 600
    assert "checksum mismatch" in raw.uns["latentbench"]["tried"][0]


def test_when_nothing_works_one_error_lists_every_source_its_failure_and_the_remedy(
    row, tmp_path, monkeypatch
):
    def refuse(url, cache, accepted):
        raise requests.ConnectionError("no route to host")

    monkeypatch.setattr(sources, "download", refuse)
    row |= {
        "sha256": ["0" * 64],
        "sources": ["https://host/a.h5ad", "mirror:mine.h5ad", "simulate:nothing"],
        "origin": "GEO",
    }

    with pytest.raises(ValueError, match="data set mine: none of its sources works") as caught:
        fetch(row, cache=tmp_path)

    lines = str(caught.value).splitlines()
    assert lines[1] == "  1. https://host/a.h5ad: ConnectionError: no route to host"
    assert lines[2].startswith("  2. mirror:mine.h5ad: no public file")
    assert "column origin of its row says" in lines[2]
    assert lines[3].startswith(
        "  3. simulate:nothing: there is no simulate:nothing; there is simulate:blobs,"
        " simulate:counts"
    )
    assert lines[4].startswith("Remedy: ")


@pytest.mark.parametrize("source", ["https://host/a.h5ad", "https://host/images/"])
def test_nothing_is_downloaded_without_a_checksum(row, tmp_path, source):
    with pytest.raises(ValueError, match="needs a checksum: give the file's sha256"):
        fetch({**row, "sources": [source]}, cache=tmp_path)


def test_a_package_without_a_checksum_and_an_open_address_are_refused(row, tmp_path):
    with pytest.raises(ValueError, match="needs a checksum"):
        fetch({**row, "sources": ["package:a==1:b.csv"]}, cache=tmp_path)
    with pytest.raises(ValueError, match="only https addresses and local paths are read"):
        fetch({**row, "sources": ["http://host/a.h5ad"], "sha256": ["0" * 64]}, cache=tmp_path)


def test_an_address_that_ends_in_a_slash_stands_for_the_four_image_files(
    row, idx_folder, tmp_path, monkeypatch
):
    folder = idx_folder[0]
    digests = ["md5:" + hashlib.md5(path.read_bytes()).hexdigest() for path in folder.iterdir()]
    asked = []
    monkeypatch.setattr(sources, "download", lambda url, cache, accepted: asked.append(url))
    monkeypatch.setattr(sources, "cache_path", lambda url, cache: folder)
    row |= {"modality": "images", "sources": ["https://host/images/"], "sha256": digests}

    assert fetch(row, cache=tmp_path).n_obs == 8
    assert asked[0] == "https://host/images/train-images-idx3-ubyte.gz"
    assert len(asked) == 4


def test_a_misspelt_column_stops_at_once_rather_than_trying_other_sources(row, mirror, tmp_path):
    with pytest.raises(ValueError, match="did you mean 'cell_type'"):
        fetch(
            {**row, "label": "celltype", "sources": ["simulate:counts"]},
            mirror=str(mirror),
            cache=tmp_path,
        )


def test_labels_can_come_from_a_table_of_their_own(row, mirror, tmp_path):
    (tmp_path / "types.csv").write_text("barcode,fine_type\nc0,x\nc1,y\nc2,x\nc3,y\n")

    raw = fetch(
        {**row, "annotation": str(tmp_path / "types.csv"), "label": "fine_type"},
        mirror=str(mirror),
        cache=tmp_path,
    )

    assert list(raw.obs["label"]) == ["x", "y", "x", "y"]


def test_every_row_of_the_sheet_is_valid_and_names_sources_that_exist():
    rows = read_sheet(CONFIG / "datasets.tsv", CONFIG / "schemas")

    assert {"pbmc68k_reduced", "digits", "blobs", "kang_ifnb", "mnist", "fashion_mnist"} <= set(
        rows
    )
    for name, row in rows.items():
        for source in row["sources"]:
            kind, _, rest = source.partition(":")
            assert kind in ("builtin", "simulate", "package", "mirror", "https"), name
            assert kind != "builtin" or rest in BUNDLED
            assert kind != "simulate" or rest in SIMULATED
            assert (
                kind != "package" or Path(SPECIFICATION.fullmatch(rest)["member"]).name in READERS
            )
            assert kind not in ("package", "https") or row["sha256"], (
                f"{name}: a download needs a checksum"
            )


def test_the_sheets_schema_knows_exactly_the_presets_there_are():
    schema = json.loads((CONFIG / "schemas" / "datasets.schema.json").read_text())

    assert set(schema["properties"]["preset"]["enum"]) == set(PRESETS)


def test_large_counts_are_read_and_written_in_blocks_and_are_the_same_raw_data(
    row, mirror, cells, tmp_path
):
    cells.raw = ad.AnnData(
        cells.X * 2, obs=cells.obs, var=pd.DataFrame({"symbol": list("abc")}, index=cells.var_names)
    )
    cells.layers["counts"], cells.X = cells.X * 3, cells.X * 0.5
    cells.write_h5ad(mirror / "mine.h5ad")

    for layer in ("counts", "raw"):
        row |= {"label": "cell_type", "layer": layer}
        for name, limit in {"whole": 1.0, "blocks": 0.0}.items():
            write_raw(
                fetch(row, mirror=str(mirror), cache=tmp_path, stream_above_gb=limit),
                tmp_path / f"{name}.h5ad",
            )
        whole, blocks = (ad.read_h5ad(tmp_path / f"{name}.h5ad") for name in ("whole", "blocks"))
        assert (whole.X != blocks.X).nnz == 0
        assert blocks.X.dtype == np.int32
        pd.testing.assert_frame_equal(whole.obs, blocks.obs)
        pd.testing.assert_frame_equal(whole.var, blocks.var)
        assert whole.uns["latentbench"]["sha256"] == blocks.uns["latentbench"]["sha256"]


def test_a_fault_in_large_counts_is_named_as_they_are_written(row, mirror, cells, tmp_path):
    cells.X = cells.X * 0.5
    cells.write_h5ad(mirror / "mine.h5ad")
    raw = fetch(row, mirror=str(mirror), cache=tmp_path, stream_above_gb=0.0)

    with pytest.raises(
        ValueError, match=r"mine.h5ad: non-integer values in .*first: cell c0, variable g1: 1.5"
    ):
        write_raw(raw, tmp_path / "raw.h5ad")
    assert not (tmp_path / "raw.h5ad").exists()


def test_labels_from_a_table_reach_large_counts_too(row, mirror, tmp_path):
    (tmp_path / "types.csv").write_text("barcode,fine_type\nc0,x\nc1,y\nc2,x\nc3,y\n")
    row |= {"annotation": str(tmp_path / "types.csv"), "label": "fine_type"}

    raw = fetch(row, mirror=str(mirror), cache=tmp_path, stream_above_gb=0.0)

    assert isinstance(raw, StreamedCells)
    assert list(raw.frame.obs["label"]) == ["x", "y", "x", "y"]


def test_a_simulation_of_any_size_is_a_source(row, tmp_path):
    write_raw(
        fetch({**row, "sources": ["simulate:counts_30x200"], "label": "group"}, cache=tmp_path),
        tmp_path / "raw.h5ad",
    )

    raw = ad.read_h5ad(tmp_path / "raw.h5ad")

    assert raw.shape == (30, 200)
    assert raw.X.dtype == np.int32
    assert raw.obs["label"].nunique() > 2
    assert raw.uns["latentbench"]["source"] == "simulate:counts_30x200"
