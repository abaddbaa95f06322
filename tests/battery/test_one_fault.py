"""One fault at a drawn place of drawn good data: refused by its cell, variable and value; the same
data without it is taken, value for value.

The fault is in a user's file of any format, or in a raw.h5ad: download and preprocess each have
their own gate."""

import shutil
import tempfile
import warnings
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as of_numpy
from scipy import sparse

BATTERY = settings.get_profile("battery")
FUZZ = settings(BATTERY, max_examples=BATTERY.max_examples // 4, phases=[Phase.generate])
PRESETS = {"counts": "counts_raw", "images": "images_unit", "real": "real_standardised"}
NOT_FINITE = st.sampled_from([np.nan, np.inf, -np.inf])
NEGATIVE = st.integers(-(2**31), -1).map(float)
FRACTIONS = st.tuples(st.integers(0, 200), st.integers(1, 2**8 - 1)).map(
    lambda parts: parts[0] + parts[1] / 2**8
)  # in so few digits that all parsers agree
FAULTS = [
    ("counts", "non-finite values", NOT_FINITE),
    ("counts", "negative values", NEGATIVE),
    ("counts", "non-integer values", FRACTIONS),
    ("counts", "values above 2147483647", st.integers(2**31, 2**60).map(float)),
    ("images", "non-finite pixels", NOT_FINITE),
    ("images", "pixels outside 0 to 255", st.one_of(NEGATIVE, st.integers(256, 2**31).map(float))),
    ("images", "non-integer pixels", FRACTIONS),
    (
        "real",
        "values that are not finite in float32",
        st.one_of(NOT_FINITE, st.floats(3.5e38, 1e300), st.floats(-1e300, -3.5e38)),
    ),
]
VALUE_FAULTS = pytest.mark.parametrize(
    ("modality", "said", "values"),
    FAULTS,
    ids=[f"{modality}: {said}" for modality, said, _ in FAULTS],
)
FORMS = st.sampled_from(
    [
        *[("h5ad", wrap, 4.0) for wrap in (np.asarray, sparse.csr_matrix, sparse.csc_matrix)],
        *[("h5ad", sparse.csr_matrix, 0.0)] * 2,
        *[(kind, np.asarray, 4.0) for kind in ("csv", "npz", "mtx in a zip")],
    ]
)
"""How the values are kept, and above how many GB they are read block by block."""


@st.composite
def matrices(draw):
    """Whole numbers; the first variable is in every cell, so that quality control keeps all of
    them.
    """
    drawn = draw(
        of_numpy.arrays(
            np.float64,
            draw(st.tuples(st.integers(6, 12), st.integers(3, 6))),
            elements=st.integers(0, 9),
        )
    )
    drawn[:, 0] += 1
    return drawn


@st.composite
def places(draw, matrix):
    return tuple(draw(st.integers(0, size - 1)) for size in matrix.shape)


@pytest.fixture
def somewhere(make_place):
    """A function: run another in a workplace of its own."""

    def run(function) -> None:
        folder = Path(tempfile.mkdtemp())
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                function(make_place(folder))
        finally:
            shutil.rmtree(folder)

    return run


def arguments(kind: str, modality: str, limit: float) -> dict:
    source = {
        "h5ad": "mine.h5ad",
        "csv": "mine.csv",
        "npz": "mine.npz",
        "mtx in a zip": "mine.zip",
    }[kind]
    row = {
        "sources": source,
        "modality": modality,
        "preset": PRESETS[modality],
        "orientation": "cells_by_genes" if kind == "csv" else "",
    }
    return {**row, "split": {"test_fraction": 0.3, "by": "none"}, "stream_above_gb": limit}


def assert_refused(attempt, place, *said: str) -> None:
    with pytest.raises(ValueError, match="mine") as caught:
        attempt()
    for words in said:
        assert words in str(caught.value)
    assert place.left_behind() == []


def assert_refused_by_download(place, *said: str, **given) -> None:
    assert_refused(lambda: place.prepare(**given), place, *said)
    assert not (place.results / "raw.h5ad").exists()


def with_value(matrix, place: tuple[int, int], value: float):
    changed = matrix.copy()
    changed[place] = value
    return changed


def named(place: tuple[int, int], value: float) -> str:
    return f"(first: cell c{place[0]}, variable g{place[1]}: {value})"


def written(place, matrix, kind: str, wrap) -> ad.AnnData:
    cells = place.cells(wrap(matrix), kind=["B" if row % 2 else "T" for row in range(len(matrix))])
    place.write_as(kind, cells)
    return cells


@VALUE_FAULTS
@FUZZ
@given(data=st.data(), matrix=matrices(), form=FORMS)
def test_a_value_is_refused_by_cell_and_variable_and_the_good_ones_are_taken(
    modality, said, values, somewhere, data, matrix, form
):
    (kind, wrap, limit), at, value = form, data.draw(places(matrix)), data.draw(values)

    def attempt(place):
        written(place, matrix, kind, wrap)
        taken = place.prepare(**arguments(kind, modality, limit))
        assert set(taken.obs_names) == {f"c{i}" for i in range(len(matrix))}
        if modality == "counts":
            cells, genes = (
                [int(name[1:]) for name in names] for names in (taken.obs_names, taken.var_names)
            )
            np.testing.assert_array_equal(
                taken.layers["counts"].toarray(), matrix[np.ix_(cells, genes)]
            )
        shutil.rmtree(place.results)
        written(place, with_value(matrix, at, value), kind, wrap)
        assert_refused_by_download(
            place, said, named(at, value), **arguments(kind, modality, limit)
        )

    somewhere(attempt)


@VALUE_FAULTS
@FUZZ
@given(data=st.data(), matrix=matrices(), limit=st.sampled_from([4.0, 0.0]))
def test_a_value_of_raw_h5ad_is_refused_as_well(
    modality, said, values, somewhere, data, matrix, limit
):
    at, value = data.draw(places(matrix)), data.draw(values)

    def attempt(place):
        written(place, matrix, "h5ad", np.asarray)
        place.prepare(**arguments("h5ad", modality, 4.0))
        raw = ad.read_h5ad(place.results / "raw.h5ad")
        as_before = sparse.csr_matrix if sparse.issparse(raw.X) else np.asarray
        raw.X = as_before(with_value(matrix, at, value))
        raw.write_h5ad(place.results / "raw.h5ad")
        (place.results / "prepared.h5ad").unlink()
        assert_refused(
            lambda: place.prepare_raw(**arguments("h5ad", modality, limit)),
            place,
            said,
            named(at, value),
        )

    somewhere(attempt)


@pytest.mark.parametrize("axis", ["obs_names", "var_names"])
@FUZZ
@given(data=st.data(), matrix=matrices(), form=FORMS)
def test_a_name_that_occurs_twice_is_refused_by_name(axis, somewhere, data, matrix, form):
    (kind, wrap, limit), n = form, matrix.shape[axis == "var_names"]
    assume(
        axis == "obs_names" or kind != "mtx in a zip"
    )  # there genes may share a symbol, and their ids tell them apart
    first, again = data.draw(st.lists(st.integers(0, n - 1), min_size=2, max_size=2, unique=True))

    def attempt(place):
        cells = written(place, matrix, kind, wrap)
        names = list(getattr(cells, axis))
        names[again] = names[first]
        setattr(cells, axis, names)
        place.write_as(kind, cells)
        assert_refused_by_download(
            place, "duplicated", names[first], **arguments(kind, "counts", limit)
        )

    somewhere(attempt)


@pytest.mark.parametrize("axis", ["obs_names", "var_names"])
@FUZZ
@given(data=st.data(), matrix=matrices(), limit=st.sampled_from([4.0, 0.0]))
def test_a_name_that_occurs_twice_in_raw_h5ad_is_refused_by_name(
    axis, somewhere, data, matrix, limit
):
    first, again = data.draw(
        st.lists(
            st.integers(0, matrix.shape[axis == "var_names"] - 1),
            min_size=2,
            max_size=2,
            unique=True,
        )
    )

    def attempt(place):
        written(place, matrix, "h5ad", sparse.csr_matrix)
        place.prepare(**arguments("h5ad", "counts", 4.0))
        raw = ad.read_h5ad(place.results / "raw.h5ad")
        names = list(getattr(raw, axis))
        names[again] = names[first]
        setattr(raw, axis, names)
        raw.write_h5ad(place.results / "raw.h5ad")
        (place.results / "prepared.h5ad").unlink()
        assert_refused(
            lambda: place.prepare_raw(**arguments("h5ad", "counts", limit)),
            place,
            "duplicated",
            names[first],
        )

    somewhere(attempt)


@pytest.mark.parametrize("part", ["indices", "indptr"])
@FUZZ
@given(
    data=st.data(),
    matrix=matrices(),
    wrap=st.sampled_from([sparse.csr_matrix, sparse.csc_matrix]),
    limit=st.sampled_from([4.0, 0.0]),
)
def test_a_place_of_sparse_values_that_is_none_is_refused(
    part, somewhere, data, matrix, wrap, limit
):
    def attempt(place):
        written(place, matrix, "h5ad", wrap)
        with h5py.File(place.folder / "mine.h5ad", "r+") as file:
            stored = file["X"][part]
            # The places at which rows end are wrong when they go beyond the values, the columns
            # when there is no such column.
            inside = (
                st.integers(1, len(stored) - 2)
                if part == "indptr"
                else st.integers(0, len(stored) - 1)
            )
            stored[data.draw(inside)] = data.draw(
                st.one_of(st.integers(-(2**31), -1), st.integers(matrix.size + 1, 2**31 - 1))
            )
        assert_refused_by_download(place, "damaged", **arguments("h5ad", "counts", limit))

    somewhere(attempt)
