import numpy as np
import pytest
from scipy import sparse

from latentbench.data.values import as_counts, as_pixels, as_real

CELLS, GENES = ["c0", "c1"], ["g0", "g1", "g2"]


def check(function, matrix):
    return function(matrix, CELLS, GENES, where="file.h5ad")


@pytest.mark.parametrize("wrap", [np.asarray, sparse.csr_matrix, sparse.csc_matrix])
def test_whole_numbers_stored_as_floats_are_counts(wrap):
    counts = check(as_counts, wrap(np.array([[0, 3.0, 1], [2, 0, 0]])))

    assert counts.dtype == np.int32
    assert isinstance(counts, sparse.csr_matrix)
    np.testing.assert_array_equal(counts.toarray(), [[0, 3, 1], [2, 0, 0]])


@pytest.mark.parametrize("wrap", [np.asarray, sparse.csr_matrix, sparse.csc_matrix])
@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (3.2, "non-integer"),
        (-1.0, "negative"),
        (np.nan, "non-finite"),
        (np.inf, "non-finite"),
        (2.0**31, "above 2147483647"),
    ],
)
def test_one_bad_count_anywhere_is_refused_by_cell_gene_and_value(wrap, value, fault):
    matrix = np.array([[0.0, 3, 1], [2, 0, 0]])
    matrix[1, 2] = value

    with pytest.raises(ValueError, match=rf"file.h5ad: .*{fault}.*first: cell c1, variable g2: "):
        check(as_counts, wrap(matrix))


def test_the_first_fault_in_reading_order_is_named():
    with pytest.raises(
        ValueError, match=r"in 2 of 4 stored values \(first: cell c0, variable g2: 0.5\)"
    ):
        check(as_counts, sparse.csc_matrix(np.array([[0, 1, 0.5], [0.25, 3, 0]])))


def test_logged_data_is_recognised_and_the_total_named():
    counts = np.array([[10.0, 30, 60], [1, 1, 6]])
    logged = np.log1p(counts / counts.sum(axis=1, keepdims=True) * 1e4)

    with pytest.raises(
        ValueError, match=r"already normalised and logged .* sums to 10000 in every cell"
    ):
        check(as_counts, sparse.csr_matrix(logged))
    with pytest.raises(ValueError, match="look log-transformed"):
        check(as_counts, np.log1p(counts))
    with pytest.raises(ValueError, match="give raw counts, not normalised ones"):
        check(as_counts, counts * 1.5 + 100.25)


def test_duplicate_entries_of_a_sparse_matrix_are_summed_and_stored_zeros_dropped():
    stored = sparse.csr_matrix(
        (np.array([1, 2, 0]), np.array([1, 1, 2]), np.array([0, 2, 3])), shape=(2, 3)
    )

    counts = check(as_counts, stored)

    assert counts.nnz == 1
    assert counts[0, 1] == 3
    assert stored.nnz == 3, "the caller's matrix is left alone"


@pytest.mark.parametrize("value", [256, -1, 0.5, np.nan])
def test_pixels_must_be_whole_and_from_0_to_255(value):
    pixels = np.array([[0, 255.0, 1], [2, 0, 0]])
    assert check(as_pixels, pixels).dtype == np.uint8

    pixels[1, 0] = value
    with pytest.raises(ValueError, match="cell c1, variable g0"):
        check(as_pixels, pixels)


def test_real_values_must_be_finite_in_single_precision():
    assert check(as_real, np.array([[0, -1.5, 1], [2, 0, 0]])).dtype == np.float32
    with pytest.raises(ValueError, match=r"cell c0, variable g1: 1e[+]39"):
        check(as_real, np.array([[0, 1e39, 1], [2, 0, 0]]))


def test_text_and_empty_matrices_are_refused():
    with pytest.raises(ValueError, match="give numbers only"):
        check(as_counts, np.array([["1", "2", "3"], ["1", "2", "3"]]))
    with pytest.raises(ValueError, match=r"there are no values \(shape \(0, 3\)\)"):
        as_counts(np.empty((0, 3)), [], GENES, where="file.h5ad")
