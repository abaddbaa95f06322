import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from latentbench.study.own_data import look_at, name_of, own_row, ready_variants, row_as_text

COLUMNS = ("dataset", "modality", "sources", "sha256", "label", "batch", "n_clusters", "preset")
COLUMNS += ("orientation", "layer", "condition", "donor", "annotation", "only", "var_names")


def written(path, *, n_vars=1200, **changes):
    rng = np.random.default_rng(0)
    counts = sparse.csr_matrix(rng.poisson(0.5, (30, n_vars)).astype(np.float32))
    cells = ad.AnnData(counts.copy(), var=pd.DataFrame(index=[f"g{i}" for i in range(n_vars)]))
    logged = cells.X.copy()
    logged.data = np.log1p(logged.data)
    if changes.get("logged"):
        cells.X = logged
    if name := changes.get("counts_in"):
        cells.layers[name] = counts
    if changes.get("counts_in_raw"):
        raw = ad.AnnData(counts, var=cells.var)
        cells.raw = raw
    cells.write_h5ad(path)
    return path


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ("my.h5ad", "my"),
        ("../some folder/PBMC 3k (v2).h5ad", "PBMC_3k_v2"),
        ("run1/outs/filtered_feature_bc_matrix/", "run1"),
        ("https://host/download/123#cells.h5ad", "cells"),
        ("counts.csv.gz", "counts"),
        ("simulate:counts_1000x200", "simulate_counts_1000x200"),
        ("_.h5ad", "data"),
    ],
)
def test_a_data_set_is_named_after_its_file(data, name):
    assert name_of(data) == name


@pytest.mark.parametrize(
    ("changes", "layer", "modality"),
    [
        ({}, "X", "counts"),
        ({"logged": True, "counts_in": "counts"}, "counts", "counts"),
        ({"logged": True, "counts_in": "raw_umi"}, "raw_umi", "counts"),
        ({"logged": True, "counts_in_raw": True}, "raw", "counts"),
        ({"logged": True}, "X", "real"),
    ],
)
def test_where_the_counts_are_is_found(tmp_path, changes, layer, modality):
    found = look_at(written(tmp_path / "my.h5ad", **changes))
    assert (found["layer"], found["modality"], found["n_vars"]) == (layer, modality, 1200)


def test_a_row_has_what_was_given_and_what_was_found(tmp_path):
    path = str(written(tmp_path / "my.h5ad", logged=True, counts_in="counts"))
    row = own_row(path, {"label": "type", "n_clusters": 4, "batch": ""}, columns=COLUMNS)
    assert row == dict.fromkeys(COLUMNS) | {
        "dataset": "my",
        "modality": "counts",
        "sources": [path],
        "sha256": [],
        "label": "type",
        "n_clusters": 4,
        "preset": "counts_standard",
        "layer": "counts",
    }
    assert row_as_text(row).splitlines()[0].split("\t")[:2] == ["dataset", "modality"]


def test_a_panel_of_genes_and_real_values_have_presets_of_their_own(tmp_path):
    panel = written(tmp_path / "panel.h5ad", n_vars=200)
    assert own_row(str(panel), {}, columns=COLUMNS)["preset"] == "counts_lenient"
    real = written(tmp_path / "real.h5ad", logged=True)
    assert own_row(str(real), {}, columns=COLUMNS)["preset"] == "real_standardised"


def test_a_name_that_another_row_has_is_not_taken_twice():
    row = own_row("simulate:blobs", {}, columns=COLUMNS, taken=["simulate_blobs"])
    assert row["dataset"] == "simulate_blobs_own"


def test_a_file_that_cannot_be_looked_into_is_left_to_its_reader(tmp_path):
    (tmp_path / "broken.h5ad").write_bytes(b"not hdf5")
    row = own_row(str(tmp_path / "broken.h5ad"), {}, columns=COLUMNS)
    assert (row["modality"], row["layer"]) == ("counts", None)


@pytest.fixture
def with_codes(tmp_path):
    path = written(tmp_path / "mine.h5ad")
    cells = ad.read_h5ad(path)
    cells.obsm.update({"X_scVI": np.zeros((30, 2)), "X_pca": np.zeros((30, 3))})
    cells.obs = cells.obs.assign(leiden=pd.Categorical(["a"] * 30), **{"seurat clusters": 1})
    cells.write_h5ad(path)
    return str(path)


def test_codes_and_clusterings_of_the_data_become_variants_that_nobody_trains(with_codes):
    found = ready_variants(
        with_codes, ["X_scVI", "X_pca"], ["leiden", "seurat clusters"], taken=["leiden"]
    )
    assert found == {
        "X_scVI": {"kind": "embedding", "hyperparameters": {"obsm": "X_scVI"}},
        "X_pca": {"kind": "embedding", "hyperparameters": {"obsm": "X_pca_source"}},
        "leiden_own": {"kind": "clustering", "hyperparameters": {"obs": "leiden"}},
        "seurat_clusters": {"kind": "clustering", "hyperparameters": {"obs": "seurat clusters"}},
    }


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ((["X_scvi"], []), "embeddings: 'X_scvi' is not in obsm .*did you mean 'X_scVI'.*X_pca"),
        ((["X_pca"], ["louvain"]), "clusterings: 'louvain' is not in obs .*there are: leiden"),
        ((["X_pca"], ["leiden"]), "clusterings: 'leiden' is the column of the labels"),
    ],
)
def test_names_that_are_not_there_are_refused_with_those_that_are(with_codes, named, message):
    with pytest.raises(ValueError, match=message):
        ready_variants(with_codes, *named, label="leiden")


def test_cells_that_someone_has_worked_on_are_kept(with_codes):
    row = own_row(with_codes, {}, columns=COLUMNS, is_filtered=True)
    assert row["preset"] == "counts_lenient"
