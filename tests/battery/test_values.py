"""Values that are no raw counts, pixels or finite numbers, and odd ones that are."""

import numpy as np
import pytest
from scipy import sparse

IMAGES = {"modality": "images", "preset": "images_unit"}
REAL = {"modality": "real", "preset": "real_standardised"}


def one_value(value, wrap=np.asarray, dtype=np.float64):
    """Good counts with one other value, of cell c7 and gene g4."""

    def make(place):
        matrix = place.counts().astype(dtype)
        matrix[7, 4] = value
        place.write(wrap(matrix))

    return make


def matrix_of(function):
    def make(place):
        place.write(function(place.counts()))

    return make


def normalised(counts):
    return counts / counts.sum(axis=1, keepdims=True) * 1e4


def logged_beside_raw(place):
    cells = place.cells()
    raw = cells.copy()
    cells.X = np.log1p(normalised(cells.X))
    cells.raw = raw
    cells.write_h5ad(place.folder / "mine.h5ad")


def in_layer(name: str, asked: str):
    def make(place):
        cells = place.cells()
        cells.layers[name], cells.X = cells.X.copy(), np.log1p(cells.X)
        cells.write_h5ad(place.folder / "mine.h5ad")
        return {"layer": asked}

    return make


def images(values, **cells):
    def make(place):
        np.savez(place.folder / "mine.npz", X=values)
        return {"sources": "mine.npz", **IMAGES, **cells}

    return make


PIXELS = np.arange(20 * 9).reshape(20, 3, 3) % 200
REFUSED = {
    "a fraction": (one_value(3.2), r"non-integer values in 1 of .*cell c7, variable g4: 3.2"),
    "a fraction in CSR": (
        one_value(3.2, sparse.csr_matrix),
        r"non-integer values in 1 of .*cell c7, variable g4: 3.2",
    ),
    "a fraction in CSC": (
        one_value(3.2, sparse.csc_matrix),
        r"non-integer values in 1 of .*cell c7, variable g4: 3.2",
    ),
    "a fraction in the last bits": (one_value(3 + 2**-40), "non-integer values in 1 of"),
    "a negative count": (
        one_value(-1, dtype=np.int64),
        r"negative values.*cell c7, variable g4: -1\); give raw counts, not scaled ones",
    ),
    "not a number": (one_value(np.nan), "non-finite values.*cell c7, variable g4: nan"),
    "infinity": (one_value(np.inf), "non-finite values.*cell c7, variable g4: inf"),
    "infinity in CSR": (
        one_value(-np.inf, sparse.csr_matrix),
        "non-finite values.*cell c7, variable g4: -inf",
    ),
    "a count above int32": (
        one_value(2**31, dtype=np.int64),
        "values above 2147483647.*cell c7, variable g4: 2147483648",
    ),
    "a count that overflows int64": (
        one_value(2**63, dtype=np.uint64),
        "values above 2147483647.*9223372036854775808",
    ),
    "a count as large as floats go": (one_value(1e300), "values above 2147483647.*1e"),
    "counts per ten thousand": (
        matrix_of(normalised),
        "non-integer values.*give raw counts, not normalised ones",
    ),
    "logged counts per ten thousand": (
        matrix_of(lambda x: np.log1p(normalised(x))),
        "already normalised and logged .*sums to 10000 in every cell",
    ),
    "logged counts": (matrix_of(lambda x: np.log1p(x.astype(np.float64))), "look log-transformed"),
    "z-scores": (
        matrix_of(lambda x: (x - x.mean(0)) / x.std(0)),
        "negative values.*not scaled ones",
    ),
    "logged values beside raw counts": (
        logged_beside_raw,
        "Whole numbers are in raw: name it in the 'layer' column",
    ),
    "logged values beside a layer of counts": (
        in_layer("UMIs", ""),
        "Whole numbers are in UMIs: name it in the 'layer' column",
    ),
    "a layer that is not there": (in_layer("UMIs", "umi"), "no layer 'umi'; there is X, UMIs"),
    "raw where there is none": (in_layer("UMIs", "raw"), "no layer 'raw'; there is X, UMIs"),
    "complex numbers": (matrix_of(lambda x: x.astype(np.complex128)), "holds complex128 values"),
    "nothing but zeros": (
        matrix_of(np.zeros_like),
        r"every cell is empty \(all 40 x 30 counts are 0\)",
    ),
    "nothing but zeros in CSR": (
        matrix_of(lambda x: sparse.csr_matrix(np.zeros_like(x))),
        r"every cell is empty \(all 40 x 30 counts are 0\)",
    ),
    "no cells": (matrix_of(lambda x: x[:0]), "there are no values"),
    "no genes": (matrix_of(lambda x: x[:, :0]), "there are no values"),
    "no cells in CSR": (matrix_of(lambda x: sparse.csr_matrix(x[:0])), "there are no values"),
    "one cell": (matrix_of(lambda x: x[:1]), "leaves 0 of 1 cells for testing"),
    "two cells": (matrix_of(lambda x: x[:2]), "leaves 0 of 2 cells for testing"),
    "a pixel of 256": (
        images(np.where(PIXELS == 7, 256, PIXELS)),
        "pixels outside 0 to 255.*: 256",
    ),
    "a negative pixel": (
        images(np.where(PIXELS == 7, -1, PIXELS)),
        "pixels outside 0 to 255.*: -1",
    ),
    "pixels from 0 to 1": (images(PIXELS / 255), "non-integer pixels.*store pixels as 0 to 255"),
    "a pixel that is not a number": (
        images(np.where(PIXELS == 7, np.nan, PIXELS)),
        "non-finite pixels",
    ),
    "black images": (images(np.zeros((20, 3, 3))), "every training pixel is 0"),
    "one image": (images(PIXELS[:1]), "leaves 0 of 1 cells for testing"),
    "a real value that is not a number": (
        lambda place: one_value(np.nan)(place) or REAL,
        "not finite in float32.*cell c7, variable g4: nan",
    ),
    "a real value beyond float32": (
        lambda place: one_value(1e39)(place) or REAL,
        r"not finite in float32.*cell c7, variable g4: 1e\+39",
    ),
}
# What is refused of counts in memory is refused of counts that are read block by block, with the
# same sentence.
STREAMED = [name for name in REFUSED if "CSR" in name]


@pytest.mark.parametrize(("make", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_values_of_another_kind_are_refused_by_cell_variable_and_value(make, message, refused):
    refused(make, message)


@pytest.mark.parametrize("name", STREAMED)
def test_they_are_refused_with_the_same_sentence_where_they_are_read_block_by_block(name, refused):
    refused(*REFUSED[name], stream_above_gb=0.0)


TAKEN = {
    "whole numbers as floats": lambda x: x.astype(np.float64),
    "whole numbers as floats of half precision": lambda x: x.astype(np.float16),
    "unsigned bytes": lambda x: x.astype(np.uint8),
    "int64": lambda x: x.astype(np.int64),
    "big-endian": lambda x: x.astype(">i4"),
    "columns first": np.asfortranarray,
    "CSR": sparse.csr_matrix,
    "CSC": sparse.csc_matrix,
    "CSR with explicit zeros": lambda x: sparse.csr_matrix(
        (x.ravel(), np.tile(np.arange(30), 40), np.arange(0, 1201, 30)), shape=x.shape
    ),
    "CSR with its columns in disorder": lambda x: sparse.csr_matrix(
        (x[:, ::-1].ravel(), np.tile(np.arange(30)[::-1], 40), np.arange(0, 1201, 30)),
        shape=x.shape,
    ),
}


@pytest.mark.parametrize("stream_above_gb", [4.0, 0.0], ids=["in memory", "block by block"])
@pytest.mark.parametrize("wrap", TAKEN.values(), ids=TAKEN.keys())
def test_the_same_counts_in_any_form_give_the_same_prepared_counts(wrap, stream_above_gb, place):
    place.write(wrap(place.counts()))
    prepared = place.prepare(sources="mine.h5ad", stream_above_gb=stream_above_gb)
    in_order = prepared[[f"c{i}" for i in range(40)], [f"g{i}" for i in range(30)]]
    np.testing.assert_array_equal(in_order.layers["counts"].toarray(), place.counts())


@pytest.mark.parametrize(
    ("keep", "shape"),
    [
        (lambda x: x[:3], (3, 30)),
        (lambda x: x[:, :1] + 1, (40, 1)),
        (lambda x: x > 0, (40, 30)),
        (lambda x: x * 7_000_000, (40, 30)),
    ],
    ids=["three cells", "one gene", "whether a gene is there", "enormous counts"],
)
def test_little_or_odd_data_is_prepared_all_the_same(keep, shape, place):
    place.write(keep(place.counts()))
    prepared = place.prepare(sources="mine.h5ad", split={"test_fraction": 0.4})
    assert prepared.shape == shape
    assert np.isfinite(prepared.X.toarray()).all()
    assert np.isfinite(prepared.obsm["X_pca"]).all()


def test_a_layer_of_counts_is_preferred_to_logged_values(place):
    in_layer("counts", "")(place)
    prepared = place.prepare(sources="mine.h5ad")
    np.testing.assert_array_equal(prepared.layers["counts"].toarray(), place.counts())


def test_values_that_do_not_vary_are_prepared_as_zeros(place):
    place.write(np.full((20, 4), 0.1))
    prepared = place.prepare(sources="mine.h5ad", **REAL)
    assert not prepared.X.any()
    assert np.isfinite(prepared.obsm["X_pca"]).all()
