from functools import partial

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
import scanpy as sc
from anndata import AnnData
from scipy import sparse

from latentbench.data.row_blocks import blocks_on_disk
from latentbench.files.artefacts import sha256_of, write_h5ad
from latentbench.preprocessing import mapped
from latentbench.preprocessing.mapped import preprocess_on_disk
from latentbench.preprocessing.presets import preprocess


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Blocks of a few cells, so that there are many of them."""
    monkeypatch.setattr(mapped, "blocks_on_disk", partial(blocks_on_disk, most_stored=3000))
    monkeypatch.setattr(mapped, "VALUES_PER_PART", 3000)


@pytest.fixture
def raw(raw_counts) -> AnnData:
    """600 cells in which every filter finds something: empty cells and genes, poor cells, rare
    genes, cells of rare genes only, mitochondrial cells.
    """
    counts = raw_counts.X.toarray()
    counts[:, [7, 8]] = 0
    counts[[11, 12]] = 0
    counts[13] = np.arange(300) < 3
    # Genes 50 and 51 are in cells 14, 15 and 16 alone, and these have no other.
    counts[:, [50, 51]] = 0
    counts[14:17], counts[14:17, [50, 51]] = 0, 30
    counts[20, 299] = 10**4
    raw_counts.X = sparse.csr_matrix(counts)
    raw_counts.var_names = [*raw_counts.var_names[:-1], "mt-Nd1"]
    raw_counts.obsm["X_mine"] = np.arange(1200, dtype=np.float32).reshape(600, 2)
    return raw_counts


def both(
    raw: AnnData,
    tmp_path,
    preset: str,
    split: dict | None = None,
    held_out: float = 0.0,
    **options,
) -> tuple[AnnData, AnnData]:
    """The same data prepared in memory and on disk, the cells of the latter in the order of the
    former.
    """
    write_h5ad(raw, tmp_path / "raw.h5ad")
    arguments = {"preset": preset, "options": options, "split": split or {}}
    arguments["held_out"] = held_out
    preprocess_on_disk(tmp_path / "raw.h5ad", tmp_path / "prepared.h5ad", **arguments)
    in_memory, on_disk = (
        preprocess(ad.read_h5ad(tmp_path / "raw.h5ad"), **arguments),
        ad.read_h5ad(tmp_path / "prepared.h5ad"),
    )
    assert list(in_memory.obs_names) != list(on_disk.obs_names), "the cells on disk are shuffled"
    return in_memory, on_disk[in_memory.obs_names].copy()


@pytest.mark.parametrize(
    ("preset", "options"),
    [
        (
            "counts_lenient",
            {
                "n_top_genes": 100,
                "min_genes": 2,
                "min_cells": 5,
                "max_mito_fraction": 0.5,
                "n_mads": 4,
            },
        ),
        (
            "counts_lenient",
            {
                "n_top_genes": 60,
                "hvg_flavor": "pearson_residuals",
                "target_sum": "median",
                "scale": False,
                "n_pcs": 7,
            },
        ),
        ("counts_lenient", {"n_top_genes": None, "min_counts": 150}),
        ("counts_raw", {}),
    ],
)
@pytest.mark.parametrize("held_out", [0.0, 0.2])
def test_data_on_disk_is_prepared_as_data_in_memory(raw, tmp_path, preset, options, held_out):
    in_memory, on_disk = both(raw, tmp_path, preset, held_out=held_out, **options)

    variable = in_memory[:, in_memory.var["highly_variable"]]
    assert list(on_disk.var_names) == list(variable.var_names)
    assert on_disk.var["highly_variable"].all()
    assert set(on_disk.layers) == set(variable.layers)
    for name, layer in variable.layers.items():
        np.testing.assert_array_equal(on_disk.layers[name].toarray(), layer.toarray())
    np.testing.assert_allclose(on_disk.X.toarray(), variable.X.toarray(), rtol=1e-6)
    np.testing.assert_allclose(on_disk.obsm["X_pca"], in_memory.obsm["X_pca"], rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(on_disk.obsm["X_mine"], in_memory.obsm["X_mine"])
    pd.testing.assert_frame_equal(on_disk.obs, in_memory.obs)
    about, expected = on_disk.uns["latentbench"], in_memory.uns["latentbench"]
    assert about.pop("storage") == "mapped"
    assert about["filters"] == expected["filters"]
    np.testing.assert_allclose(
        about.pop("pca")["variance_ratio"], expected.pop("pca")["variance_ratio"], rtol=1e-5
    )
    assert set(about) == set(expected)
    assert about["variable_genes"] == expected["variable_genes"]
    for name, values in expected["quality"].items():
        np.testing.assert_array_equal(about["quality"][name], values)


def test_the_filters_all_find_something(raw, tmp_path):
    _, on_disk = both(
        raw,
        tmp_path,
        "counts_lenient",
        n_top_genes=100,
        min_genes=2,
        min_cells=5,
        max_mito_fraction=0.5,
    )

    filters = on_disk.uns["latentbench"]["filters"]
    assert {
        name: filters[name] for name in ("empty_cells", "empty_genes", "cells_below_min_counts")
    } == {
        "empty_cells": 2,
        "empty_genes": 2,
        "cells_below_min_counts": 1,
    }
    assert filters["cells_above_max_mito_fraction"] == 1
    assert filters["genes_below_min_cells"] >= 2
    assert filters["cells_emptied_by_gene_filter"] == 3


def test_blocks_of_a_single_cell_make_no_difference(raw, tmp_path, monkeypatch):
    monkeypatch.setattr(mapped, "blocks_on_disk", partial(blocks_on_disk, most_stored=1))

    in_memory, on_disk = both(
        raw[:60], tmp_path, "counts_lenient", n_top_genes=60, hvg_flavor="pearson_residuals"
    )

    assert list(on_disk.var_names) == list(in_memory.var_names[in_memory.var["highly_variable"]])
    np.testing.assert_allclose(on_disk.obsm["X_pca"], in_memory.obsm["X_pca"], rtol=1e-4, atol=1e-4)


def test_whole_donors_are_held_out_on_disk_too(raw, tmp_path):
    raw.obs["donor"] = pd.Categorical(np.arange(600) % 7).rename_categories(str)

    in_memory, on_disk = both(
        raw, tmp_path, "counts_raw", split={"by": "donor", "test_fraction": 0.3}
    )

    assert list(on_disk.obs["split"]) == list(in_memory.obs["split"])


def test_the_highly_variable_genes_are_those_of_scanpy(raw, tmp_path):
    _, on_disk = both(raw, tmp_path, "counts_lenient", n_top_genes=80)
    train = raw[on_disk.obs_names[on_disk.obs["split"] == "train"]].copy()
    sc.pp.filter_genes(train, min_cells=3)

    sc.pp.highly_variable_genes(train, flavor="seurat_v3", n_top_genes=80, batch_key="batch")

    assert set(on_disk.var_names) == set(train.var_names[train.var["highly_variable"]])


def test_the_matrices_can_be_mapped_and_share_their_columns(raw, tmp_path):
    both(raw, tmp_path, "counts_lenient", n_top_genes=50)

    with h5py.File(tmp_path / "prepared.h5ad") as file:
        counts, x = file["layers/counts"], file["X"]
        for dataset, kind in (
            (counts["data"], np.uint8),
            (counts["indices"], np.uint16),
            (counts["indptr"], np.int64),
            (x["data"], np.float32),
        ):
            assert dataset.dtype == kind
            assert (dataset.chunks, dataset.compression) == (None, None)
            place = np.memmap(
                tmp_path / "prepared.h5ad",
                kind,
                "r",
                offset=dataset.id.get_offset(),
                shape=dataset.shape,
            )
            np.testing.assert_array_equal(place, dataset[()])
        assert x["indices"] == counts["indices"]
        assert x["indptr"] == counts["indptr"]


@pytest.mark.parametrize(
    ("largest", "kind"), [(255, np.uint8), (256, np.uint16), (65536, np.int32)]
)
def test_counts_are_kept_in_the_smallest_type_that_holds_them_all(as_raw, tmp_path, largest, kind):
    counts = np.random.default_rng(0).poisson(2.0, (50, 30))
    counts[30, 4] = largest
    write_h5ad(
        as_raw(sparse.csr_matrix(counts.astype(np.int32)), modality="counts"), tmp_path / "raw.h5ad"
    )

    preprocess_on_disk(
        tmp_path / "raw.h5ad", tmp_path / "prepared.h5ad", preset="counts_raw", options={}, split={}
    )

    on_disk = ad.read_h5ad(tmp_path / "prepared.h5ad")
    assert on_disk.layers["counts"].dtype == kind
    assert on_disk.layers["counts"].max() == largest


def test_the_same_data_gives_the_same_bytes_and_leaves_nothing_beside_them(raw, tmp_path):
    write_h5ad(raw, tmp_path / "raw.h5ad")
    for name in "ab":
        preprocess_on_disk(
            tmp_path / "raw.h5ad",
            tmp_path / f"{name}.h5ad",
            preset="counts_lenient",
            options={"n_top_genes": 50},
            split={},
        )

    assert sha256_of(tmp_path / "a.h5ad") == sha256_of(tmp_path / "b.h5ad")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.h5ad", "b.h5ad", "raw.h5ad"]


def test_a_bad_value_in_a_late_block_is_named_and_nothing_is_left(as_raw, tmp_path):
    counts = np.random.default_rng(0).poisson(2.0, (600, 30)).astype(np.float32)
    counts[577, 4] = 2.5
    write_h5ad(as_raw(sparse.csr_matrix(counts), modality="counts"), tmp_path / "raw.h5ad")

    with pytest.raises(
        ValueError,
        match=(
            r"data set mine: non-integer values in 1 of \d+ stored values \(first: cell c577,"
            r" variable g4: 2.5\)"
        ),
    ):
        preprocess_on_disk(
            tmp_path / "raw.h5ad",
            tmp_path / "prepared.h5ad",
            preset="counts_raw",
            options={},
            split={},
        )
    assert [path.name for path in tmp_path.iterdir()] == ["raw.h5ad"]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"doublets": "remove"}, "doublets: remove"),
        ({"hvg_flavor": "seurat"}, "hvg_flavor: seurat"),
        ({"pca_of": "pearson_residuals"}, "pca_of: pearson_residuals"),
    ],
)
def test_a_step_that_cannot_be_streamed_is_refused_by_name(raw, tmp_path, options, named):
    write_h5ad(raw, tmp_path / "raw.h5ad")
    with pytest.raises(ValueError, match=f"{named}.* block by block"):
        preprocess_on_disk(
            tmp_path / "raw.h5ad",
            tmp_path / "prepared.h5ad",
            preset="counts_lenient",
            options={"n_top_genes": 50, **options},
            split={},
        )


def test_doublets_that_are_not_scored_on_disk_are_said_to_be_skipped(raw, tmp_path):
    write_h5ad(raw, tmp_path / "raw.h5ad")
    preprocess_on_disk(
        tmp_path / "raw.h5ad",
        tmp_path / "prepared.h5ad",
        preset="counts_lenient",
        options={"n_top_genes": 50, "doublets": "score"},
        split={},
    )
    found = ad.read_h5ad(tmp_path / "prepared.h5ad").uns["latentbench"]["doublets"]
    assert "larger than memory" in found["skipped"]
