import logging

import anndata as ad
import h5py
import numpy as np
import pytest
from scipy import sparse

from latentbench.data.row_blocks import (
    append_csr,
    blocks_in_memory,
    blocks_on_disk,
    edges_by_stored,
    empty_rows,
    gb_in_memory,
    read_frame,
    some_rows,
    warn_of_large_dense,
)


@pytest.fixture
def on_disk(tmp_path, cells):
    cells.layers["dense"] = cells.X.toarray()
    cells.obsm["X_mine"] = np.ones((4, 2))
    cells.write_h5ad(tmp_path / "cells.h5ad")
    return tmp_path / "cells.h5ad"


@pytest.mark.parametrize("most_stored", [1, 2, 3, 100])
def test_blocks_together_are_the_matrix_each_time_they_are_gone_through(
    on_disk, counts, most_stored
):
    blocks = blocks_on_disk(on_disk, "X", most_stored=most_stored)

    for _ in range(2):
        np.testing.assert_array_equal(
            sparse.vstack([block for _, block in blocks]).toarray(), counts
        )
    assert blocks.shape == counts.shape
    for rows, block in blocks:
        np.testing.assert_array_equal(block.toarray(), counts[rows])


@pytest.mark.parametrize(
    ("most_stored", "edges"),
    [(1, [0, 1, 2, 3, 4]), (3, [0, 2, 3, 4]), (5, [0, 3, 4]), (7, [0, 3, 4]), (12, [0, 4])],
)
def test_rows_are_cut_by_what_they_store_and_a_rich_row_stands_alone(most_stored, edges):
    assert edges_by_stored(np.array([0, 3, 3, 5, 10]), most_stored).tolist() == edges


def test_a_matrix_in_memory_has_the_blocks_of_one_on_disk(on_disk, cells):
    in_memory, expected = (
        blocks_in_memory(cells.X, most_stored=3),
        blocks_on_disk(on_disk, "X", most_stored=3),
    )

    for (rows, block), (expected_rows, expected_block) in zip(in_memory, expected, strict=True):
        assert rows == expected_rows
        assert (block != expected_block).nnz == 0


def test_appended_blocks_are_a_matrix_that_anndata_reads(tmp_path, cells):
    cells.copy().write_h5ad(tmp_path / "cells.h5ad")
    with h5py.File(tmp_path / "cells.h5ad", "r+") as file:
        del file["X"]
        append_csr(
            file, "X", 3, (cells.X[rows] for rows in (slice(0, 1), slice(1, 1), slice(1, 4)))
        )

    read = ad.read_h5ad(tmp_path / "cells.h5ad")

    assert (read.X != cells.X).nnz == 0
    assert read.X.dtype == np.int32


def test_the_frame_is_all_but_the_values(on_disk):
    frame = read_frame(on_disk)

    assert frame.X is None
    assert frame.shape == (4, 3)
    assert list(frame.obs["cell_type"]) == ["T", "B", "T", "B"]
    assert list(frame.obsm) == ["X_mine"]


def test_the_size_is_that_of_counts_and_columns_and_only_of_csr(on_disk):
    assert gb_in_memory(on_disk, "X") == 6 * 8 / 1e9
    assert gb_in_memory(on_disk, "layers/dense") == 0
    assert gb_in_memory(on_disk, "layers/none") == 0


def test_empty_rows_are_told_from_the_row_ends(tmp_path):
    ad.AnnData(sparse.csr_matrix(np.array([[0, 1], [0, 0], [2, 3]]))).write_h5ad(
        tmp_path / "cells.h5ad"
    )

    assert empty_rows(tmp_path / "cells.h5ad", "X").tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("matrix", "limit", "warned"),
    [
        (np.ones((4, 3)), 1e-8, True),
        (np.ones((4, 3)), 1.0, False),
        (sparse.csr_matrix((4, 3)), 1e-8, False),
    ],
)
def test_dense_values_above_the_limit_are_warned_of(tmp_path, matrix, limit, warned, caplog):
    ad.AnnData(matrix).write_h5ad(tmp_path / "raw.h5ad")

    with caplog.at_level(logging.WARNING, logger="latentbench"):
        warn_of_large_dense(tmp_path / "raw.h5ad", limit)

    assert ("only counts are prepared block by block" in caplog.text) == warned


@pytest.mark.parametrize("kept", [[0], [1, 3], [0, 1, 2, 3], [3]])
def test_some_rows_are_the_rows_that_are_kept_in_their_order(on_disk, counts, kept):
    keep = np.isin(np.arange(4), kept)
    blocks = some_rows(blocks_on_disk(on_disk, "X", most_stored=3), keep)

    np.testing.assert_array_equal(
        sparse.vstack([block for _, block in blocks]).toarray(), counts[kept]
    )
    assert blocks.shape == (len(kept), counts.shape[1])
    assert np.concatenate(
        [np.arange(rows.start, rows.stop) for rows, _ in blocks]
    ).tolist() == list(range(len(kept)))
