import anndata as ad
import numpy as np
import pytest
from scipy import sparse

from latentbench.data.raw import to_raw
from latentbench.files.artefacts import write_h5ad


def make(cells, row, **changes):
    return to_raw(
        cells, {**row, **changes}, source="mine.h5ad", sha256="abc", tried=["first.h5ad: gone"]
    )


def test_named_columns_get_canonical_names_and_survive_the_disk(cells, row, tmp_path):
    cells.obs["label"] = "not the label"
    cells.obs["mixed"] = [1, "two", None, 3.0]
    cells.obsm["X_pca"] = np.ones((4, 2))
    raw = make(cells, row, label="cell_type", batch="sample")

    write_h5ad(raw, tmp_path / "raw.h5ad")
    read = ad.read_h5ad(tmp_path / "raw.h5ad")

    assert list(read.obs["label"]) == ["T", "B", "T", "B"]
    assert read.obs["label"].dtype == "category"
    assert list(read.obs["batch"]) == ["a", "a", "b", "b"]
    assert {"cell_type", "sample", "source_label", "mixed"} <= set(read.obs)
    assert "condition" not in read.obs
    assert isinstance(read.X, sparse.csr_matrix)
    assert read.X.dtype == np.int32
    assert list(read.obsm) == ["X_pca_source"]
    assert read.uns["latentbench"]["tried"].tolist() == ["first.h5ad: gone"]
    assert set(read.uns["latentbench"]) == {"dataset", "modality", "source", "sha256", "tried"}


def test_a_column_named_as_the_canonical_one_is_used_as_it_is(cells, row):
    cells.obs = cells.obs.rename(columns={"cell_type": "label", "sample": "batch"})

    raw = make(cells, row, label="label", batch="label")

    assert list(raw.obs["batch"]) == list(raw.obs["label"]) == ["T", "B", "T", "B"]
    assert list(raw.obs["source_batch"]) == ["a", "a", "b", "b"]


def test_variables_are_called_as_the_named_column_says(cells, row, tmp_path):
    cells.var["symbol"] = ["A", "B", *["A"] * (cells.n_vars - 2)]
    raw = make(cells, row, var_names="symbol")

    write_h5ad(raw, tmp_path / "raw.h5ad")

    assert (
        list(ad.read_h5ad(tmp_path / "raw.h5ad").var_names)[:3] == ["A", "B", "A-1"][: cells.n_vars]
    )


def test_a_missing_column_of_names_is_refused(cells, row):
    with pytest.raises(
        ValueError,
        match=(
            r"no var column 'symbl' for var_names; the columns are: none. Correct the 'var_names'"
            r" column"
        ),
    ):
        make(cells, row, var_names="symbl")


def test_blank_and_missing_labels_are_missing(cells, row):
    cells.obs["cell_type"] = ["T", " ", None, np.nan]

    assert make(cells, row, label="cell_type").obs["label"].isna().tolist() == [
        False,
        True,
        True,
        True,
    ]


def test_a_missing_column_names_the_nearest_and_all_there_are(cells, row):
    with pytest.raises(
        ValueError,
        match=(
            r"no obs column 'celltype' for label \(did you mean 'cell_type'\?\); the columns are:"
            r" cell_type, sample"
        ),
    ):
        make(cells, row, label="celltype")


def test_counts_come_from_the_counts_layer_or_the_one_that_the_sheet_names(cells, row):
    cells.layers["counts"] = cells.X.copy()
    cells.raw = ad.AnnData(cells.X * 2, obs=cells.obs, var=cells.var)
    cells.X = cells.X * 0.5

    assert make(cells, row).X.sum() == 16
    assert make(cells, row, layer="raw").X.sum() == 32
    with pytest.raises(
        ValueError,
        match=(
            r"non-integer values.*Whole numbers are in raw, counts: name it in the 'layer' column"
        ),
    ):
        make(cells, row, layer="X")
    with pytest.raises(ValueError, match="no layer 'spliced'; there is X, raw, counts"):
        make(cells, row, layer="spliced")


def test_duplicated_names_are_refused_by_the_first(cells, row):
    cells.var_names = ["g0", "g1", "g1"]
    with pytest.raises(
        ValueError, match=r"1 duplicated variable names \(var_names\) \(first: g1\)"
    ):
        make(cells, row)
    cells.var_names, cells.obs_names = ["g0", "g1", "g2"], ["a", "b", "a", "b"]
    with pytest.raises(ValueError, match=r"2 duplicated cell names \(obs_names\) \(first: a\)"):
        make(cells, row)
