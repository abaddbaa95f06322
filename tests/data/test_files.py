import h5py
import numpy as np
import pandas as pd
import pytest

from latentbench.data.files import PAUL15_CELL_TYPES, annotate, files_of, read_annotation, read_file


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".csv.gz", ".tsv.gz"])
@pytest.mark.parametrize("orientation", ["cells_by_genes", "genes_by_cells"])
def test_a_table_is_read_in_both_orientations(tmp_path, cells, counts, row, suffix, orientation):
    frame = pd.DataFrame(counts, index=cells.obs_names, columns=cells.var_names)
    path = tmp_path / f"mine{suffix}"
    (frame if orientation == "cells_by_genes" else frame.T).to_csv(
        path, sep="\t" if "tsv" in suffix else ","
    )

    found = read_file(path, {**row, "orientation": orientation})

    np.testing.assert_array_equal(found.X.toarray(), counts)
    assert list(found.obs_names) == list(cells.obs_names)
    assert list(found.var_names) == list(cells.var_names)


def test_text_columns_and_named_columns_of_a_table_become_obs(tmp_path, cells, counts, row):
    frame = pd.DataFrame(counts, index=cells.obs_names, columns=cells.var_names).assign(
        kind=list("TBTB"), plate=[1, 1, 2, 2]
    )
    frame.to_csv(tmp_path / "mine.csv")

    found = read_file(
        tmp_path / "mine.csv", {**row, "orientation": "cells_by_genes", "batch": "plate"}
    )

    assert list(found.obs) == ["kind", "plate"]
    assert found.n_vars == 3
    np.testing.assert_array_equal(found.X.toarray(), counts)


def test_a_table_without_orientation_or_with_the_wrong_separator_is_refused(tmp_path, cells, row):
    cells.to_df().to_csv(tmp_path / "mine.csv", sep=";")

    with pytest.raises(
        ValueError, match="orientation is None; say cells_by_genes or genes_by_cells"
    ):
        read_file(tmp_path / "mine.csv", row)
    with pytest.raises(ValueError, match="no values"):
        read_file(tmp_path / "mine.csv", {**row, "orientation": "cells_by_genes"})


@pytest.mark.filterwarnings("ignore:Writing zarr v2:UserWarning")
def test_h5ad_and_zarr_come_back_as_written(tmp_path, cells, counts, row):
    cells.write_h5ad(tmp_path / "mine.h5ad")
    cells.write_zarr(tmp_path / "mine.zarr")

    for name in ("mine.h5ad", "mine.zarr"):
        found = read_file(tmp_path / name, row)
        np.testing.assert_array_equal(found.X.toarray(), counts)
        assert list(found.obs["cell_type"]) == ["T", "B", "T", "B"]


def test_a_loom_file_gives_its_matrix_names_and_attributes(tmp_path, counts, row):
    with h5py.File(tmp_path / "mine.loom", "w") as file:
        file["matrix"] = counts.T
        file["row_attrs/Gene"], file["col_attrs/CellID"] = ["g0", "g1", "g1"], ["a", "b", "c", "d"]
        file["col_attrs/cell_type"], file["col_attrs/depth"] = ["T", "B", "T", "B"], np.arange(4)

    found = read_file(tmp_path / "mine.loom", row)

    np.testing.assert_array_equal(found.X.toarray(), counts)
    assert list(found.obs["cell_type"]) == ["T", "B", "T", "B"]
    assert list(found.obs["depth"]) == [0, 1, 2, 3]
    assert list(found.var_names) == ["g0", "g1", "g1-1"]
    assert list(found.obs_names) == list("abcd")


def test_the_published_form_of_paul15_is_read(tmp_path, counts, row):
    with h5py.File(tmp_path / "paul15.h5", "w") as file:
        file["data.debatched"] = counts.T
        file["data.debatched_rownames"], file["data.debatched_colnames"] = (
            ["g0", "g1", "g2"],
            [
                "a",
                "b",
                "c",
                "d",
            ],
        )
        file["cluster.id"] = np.array([[1], [7], [19], [1]])

    found = read_file(tmp_path / "paul15.h5", row)

    np.testing.assert_array_equal(found.X.toarray(), counts)
    assert list(found.obs["paul15_clusters"]) == ["1Ery", "7MEP", "19Lymph", "1Ery"]
    assert len(PAUL15_CELL_TYPES) == 19


def test_annotation_is_joined_by_cell_name_in_any_order(tmp_path, cells):
    (tmp_path / "types.tsv").write_text(
        "TSNE\tbarcodes\tcelltype\n1\tc2\tT\n2\tc0\tB\n3\telsewhere\tNK\n"
    )

    annotated = annotate(cells, read_annotation(tmp_path / "types.tsv"), tmp_path)

    assert annotated.obs.loc[["c0", "c2"], "celltype"].tolist() == ["B", "T"]
    assert annotated.obs.loc[["c1", "c3"], "celltype"].isna().all()


def test_annotation_of_other_cells_or_with_a_cell_twice_is_refused(tmp_path, cells):
    (tmp_path / "a.csv").write_text("cell,celltype\nx,T\n")
    (tmp_path / "b.csv").write_text("cell,celltype\nc0,T\nc0,B\n")

    with pytest.raises(
        ValueError, match=r"none of its cell names \(first: x\) is in the data \(first: c0\)"
    ):
        annotate(cells, read_annotation(tmp_path / "a.csv"), tmp_path / "a.csv")
    with pytest.raises(ValueError, match="cell c0 has two lines"):
        annotate(cells, read_annotation(tmp_path / "b.csv"), tmp_path / "b.csv")


def test_missing_files_and_unknown_suffixes_say_what_to_do(tmp_path, row):
    (tmp_path / "mine.rds").write_text("")
    with pytest.raises(
        ValueError, match=r"mine.rds: this suffix is not read; give one of .h5ad .h5"
    ):
        read_file(tmp_path / "mine.rds", row)
    with pytest.raises(ValueError, match=r"mine.h5ad: does not exist"):
        read_file(tmp_path / "mine.h5ad", row)


def test_all_four_files_of_an_image_folder_are_checked(idx_folder):
    assert len(files_of(idx_folder[0])) == 4
