"""Whatever a file holds: either a valid prepared file or a ``ValueError`` that names the place;
never another error, never half a file.

Forty fixed examples a test; FUZZ_EXAMPLES=300 in the environment (as ``make test-full`` has it)
tries so many new ones."""

import os
import shutil
import tempfile
import warnings
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as of_numpy
from scipy import sparse

FUZZ = settings.get_profile("battery")
PRESETS = {
    "counts": ["counts_raw", "counts_lenient", "counts_standard"],
    "images": ["images_unit", "images_binarised"],
    "real": ["real_standardised"],
}
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=6)
SCALARS = st.one_of(NAMES, st.none(), st.integers(-(2**40), 2**70), st.floats(), st.booleans())


def seldom(odd, usual):
    """The odd now and then, so that most examples get past it to the next thing that may go
    wrong.
    """
    return st.sampled_from([odd, *[usual] * 7]).flatmap(lambda chosen: chosen)


SHAPES = seldom(
    st.tuples(st.integers(0, 3), st.integers(0, 3)),
    st.tuples(st.integers(6, 12), st.integers(3, 7)),
)


@st.composite
def matrices(draw):
    """Small numbers mostly, so that some pass, and now and then one of every other kind; dense, CSR
    or CSC.
    """
    shape, dtype = (
        draw(SHAPES),
        draw(
            st.sampled_from(
                ["int32", "int64", "uint8", "uint64", "bool", *["float32", "float64"] * 3]
            )
        ),
    )
    small = draw(of_numpy.arrays(np.uint8, shape, elements=st.integers(0, 9))).astype(dtype)
    if draw(st.sampled_from([True, False, False])) and small.size:
        odd = (
            st.sampled_from([np.nan, np.inf, -np.inf, -1.0, 3.2, 2.0**31, 1e39])
            if dtype.startswith("float")
            else of_numpy.from_dtype(np.dtype(dtype))
        )
        flat = small.reshape(-1)
        with np.errstate(over="ignore"):
            flat[draw(st.integers(0, flat.size - 1))] = draw(odd)
    return draw(st.sampled_from([np.asarray, sparse.csr_matrix, sparse.csc_matrix]))(small)


@st.composite
def data_sets(draw):
    """AnnData with names and labels of every kind."""
    matrix = draw(matrices())
    names = [
        draw(
            st.lists(
                NAMES, min_size=n, max_size=n, unique=draw(seldom(st.just(False), st.just(True)))
            )
        )
        for n in matrix.shape
    ]
    kinds = draw(
        st.lists(
            seldom(SCALARS, st.sampled_from(["B", "T"])),
            min_size=matrix.shape[0],
            max_size=matrix.shape[0],
        )
    )
    obs = pd.DataFrame(
        {draw(seldom(st.sampled_from(["label", "split", ""]), st.just("kind"))): kinds},
        index=pd.Index(names[0], dtype=str),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ad.AnnData(matrix, obs=obs, var=pd.DataFrame(index=pd.Index(names[1], dtype=str)))


@st.composite
def rows(draw):
    """A row of the data sheet, and the options of the preparation."""
    modality = draw(st.sampled_from(list(PRESETS)))
    cells = {
        "modality": modality,
        "preset": draw(st.sampled_from(PRESETS[modality])),
        "label": draw(st.sampled_from(["", "kind"])),
    }
    cells["n_clusters"] = draw(seldom(st.just("9"), st.sampled_from(["", "2"])))
    cells["orientation"] = draw(
        seldom(st.sampled_from(["", "genes_by_cells"]), st.just("cells_by_genes"))
    )
    split = {
        "test_fraction": draw(seldom(st.floats(0.01, 0.99), st.just(0.3))),
        "by": draw(st.sampled_from(["label", "donor", "none"])),
    }
    return cells, {"split": split, "stream_above_gb": draw(st.sampled_from([0.0, 4.0]))}


def written(place, cells, kind: str) -> str:
    """Write a data set; what its format cannot hold is no example."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return place.write_as(kind, cells)
        except (TypeError, ValueError, OverflowError, UnicodeError, NotImplementedError):
            reject()


def met_as_it_should_be(place, source: str, row, arguments) -> None:
    """A prepared file that keeps its contract, or a ValueError that names the file or the data set
    and leaves nothing.
    """
    prepared, refusal = None, None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            prepared = place.prepare(sources=source, **row, **arguments)
    except ValueError as fault:
        refusal = str(fault)
    if prepared is None:
        assert "mine" in refusal
        assert place.left_behind() == []
        return
    assert place.left_behind() == ["prepared.h5ad"]
    values = prepared.X.toarray() if sparse.issparse(prepared.X) else prepared.X
    assert np.isfinite(values).all()
    assert prepared.obs_names.is_unique
    assert prepared.var_names.is_unique
    assert set(prepared.obs["split"].dropna()) == {"train", "test"}
    if row["modality"] == "counts":
        counts = prepared.layers["counts"]
        assert counts.dtype.kind in "iu"
        assert counts.min() >= 0


def in_a_folder(make_place, function) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        function(make_place(folder))
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("kind", ["h5ad", "csv", "npz", "mtx in a zip"])
@FUZZ
@given(cells=data_sets(), row=rows())
def test_any_content(kind, make_place, cells, row):
    def attempt(place):
        met_as_it_should_be(place, written(place, cells, kind), *row)

    in_a_folder(make_place, attempt)


@st.composite
def damages(draw):
    """Bytes written over a file at a share of its length, or its end cut off there."""
    return draw(st.floats(0, 1, exclude_max=True)), draw(
        st.one_of(st.none(), st.binary(min_size=1, max_size=64))
    )


def damage(path: Path, at: float, content: bytes | None) -> None:
    held = bytearray(path.read_bytes())
    start = int(at * len(held))
    held[start : len(held) if content is None else start + len(content)] = content or b""
    path.write_bytes(held)


def good(place, kind: str) -> str:
    rng = np.random.default_rng(0)
    return place.write_as(kind, place.cells(rng.poisson(3.0, (40, 6)), kind=["B", "T"] * 20))


@pytest.mark.parametrize("kind", ["csv", "npz", "mtx in a zip"])
@FUZZ
@given(how=damages(), row=rows())
def test_any_damage(kind, make_place, how, row):
    def attempt(place):
        source = good(place, kind)
        damage(place.folder / source, *how)
        met_as_it_should_be(place, source, *row)

    in_a_folder(make_place, attempt)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.parametrize("compression", ["gzip", None])
@FUZZ
@given(how=damages(), row=rows())
def test_any_damage_to_an_h5ad(compression, make_place, how, row):
    """In a process of its own, which the HDF5 library must not bring down."""

    def attempt(place):
        place.write(place.csr(), compression=compression, kind=["B", "T"] * 20)
        damage(place.folder / "mine.h5ad", *how)
        child = os.fork()
        if child == 0:
            try:
                met_as_it_should_be(place, "mine.h5ad", *row)
                os._exit(0)
            except BaseException:
                os._exit(1)
        ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert ended == 0

    in_a_folder(make_place, attempt)
