"""Names of cells and genes, labels, batches and columns of every odd kind."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest

HALVES = np.repeat(["B", "T"], 20)
ODD_LABELS = [
    "<script>alert(1)</script>",
    "T cell / NK",
    "naïve",
    "细胞",
    "🧬",
    "a\tb",
    "line\nbreak",
    "'; rm -rf ~; '",
    "$(id)",
    "x" * 3000,
    "-1",
    "nan?",
]


def renamed(axis: str, names):
    def make(place):
        cells = place.cells()
        setattr(cells, axis, names(cells))
        cells.write_h5ad(place.folder / "mine.h5ad")

    return make


def with_obs(column: str = "kind", values=HALVES, **cells):
    def make(place):
        place.write(**{column: values})
        return cells

    return make


def without_obs(**cells):
    def make(place):
        place.write()
        return cells

    return make


def twice(names):
    return [*names[:-1], names[0]]


def annotated_by(content: str):
    def make(place):
        place.write()
        (place.folder / "types.csv").write_text(content)
        return {"annotation": "types.csv", "label": "kind"}

    return make


REFUSED = {
    "a cell twice": (
        renamed("obs_names", lambda cells: twice(cells.obs_names)),
        r"mine.h5ad: 1 duplicated cell names \(obs_names\) \(first: c0\)",
    ),
    "a gene twice": (
        renamed("var_names", lambda cells: twice(cells.var_names)),
        r"mine.h5ad: 1 duplicated variable names \(var_names\) \(first: g0\)",
    ),
    "cells of one name": (
        renamed("obs_names", lambda cells: [""] * 40),
        "39 duplicated cell names",
    ),
    "a misspelt label column": (
        with_obs(label="knid"),
        r"no obs column 'knid' for label \(did you mean 'kind'\?\); the columns are: kind",
    ),
    "a label where there are no columns": (
        without_obs(label="kind"),
        "no obs column 'kind' for label; the columns are: none",
    ),
    "a batch that is not there": (with_obs(batch="plate"), "no obs column 'plate' for batch"),
    "an annotation that is not there": (
        without_obs(annotation="types.csv"),
        "types.csv: no such file",
    ),
    "an annotation of other cells": (
        annotated_by("cell,kind\nx,T\n"),
        r"types.csv: none of its cell names \(first: x\) is in the data \(first: c0\)",
    ),
    "an annotation with a cell twice": (
        annotated_by("cell,kind\nc0,T\nc0,B\n"),
        "types.csv: cell c0 has two lines",
    ),
    "an empty annotation": (annotated_by(""), "types.csv: the file is empty"),
    "an annotation without columns": (annotated_by("cell\nc0\n"), "no obs column 'kind' for label"),
}


@pytest.mark.parametrize(("make", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_names_and_columns_that_cannot_be_used_are_refused_with_the_remedy(make, message, refused):
    refused(make, message)


LABELS = {
    "odd text": ([ODD_LABELS[i % len(ODD_LABELS)] for i in range(40)], set(ODD_LABELS)),
    "whole numbers": (np.arange(40) % 3, {"0", "1", "2"}),
    "truth values": (np.arange(40) % 2 == 0, {"False", "True"}),
    "numbers with gaps": (np.where(np.arange(40) % 2, 1.5, np.nan), {"1.5"}),
    "unused categories": (pd.Categorical(HALVES, categories=["A", "B", "T", "Z"]), {"B", "T"}),
    "ordered categories": (pd.Categorical(HALVES, categories=["T", "B"], ordered=True), {"B", "T"}),
    "one class": (["only"] * 40, {"only"}),
    "a class a cell": ([f"class {i}" for i in range(40)], {f"class {i}" for i in range(40)}),
    "blanks": (["", " ", "B", "T"] * 10, {"B", "T"}),
    "a class of one cell": (["alone", *["B"] * 20, *["T"] * 19], {"alone", "B", "T"}),
    "nothing": ([""] * 40, set()),
}


@pytest.mark.parametrize(("values", "classes"), LABELS.values(), ids=LABELS.keys())
def test_labels_of_every_kind_become_categories_of_text(values, classes, place):
    place.write(kind=values)
    prepared = place.prepare(sources="mine.h5ad", label="kind", batch="kind")
    assert isinstance(prepared.obs["label"].dtype, pd.CategoricalDtype)
    assert set(prepared.obs["label"].cat.categories) == classes
    assert set(prepared.obs["batch"].cat.categories) == classes
    assert set(prepared.obs["split"]) == {"train", "test"}


COLUMNS = {
    "a column called split": {"split": HALVES},
    "a column called label that the sheet does not name": {"label": np.arange(40)},
    "a name with a slash": {"cell/type": HALVES},
    "an empty name": {"": HALVES},
    "a number as a name": {7: HALVES},
    "columns that differ by a slash alone": {"a/b": HALVES, "a_b": np.arange(40)},
    "dates": {"day": pd.date_range("2020-01-01", periods=40)},
    "lists": {"list": [[1, 2]] * 40},
    "mixed types": {"mixed": [1, "a", None, 2.5] * 10},
    "truth values with gaps": {"maybe": pd.array([True, None] * 20, dtype="boolean")},
    "a name that h5ad reserves": {"_index": HALVES},
    "source_label already there": {"label": HALVES, "source_label": np.arange(40)},
}


@pytest.mark.parametrize("columns", COLUMNS.values(), ids=COLUMNS.keys())
def test_columns_that_nothing_asks_for_never_stop_a_data_set(columns, place, monkeypatch):
    cells = place.cells()
    for name, values in columns.items():
        cells.obs[name] = list(values)
    # Some of these no h5ad can hold; another format may.
    monkeypatch.setattr("latentbench.data.files.read_h5ad", lambda path: cells)
    (place.folder / "mine.h5ad").touch()
    monkeypatch.setattr("latentbench.data.sources.gb_in_memory", lambda path, group: 0.0)
    monkeypatch.setattr("latentbench.data.sources.counts_group", lambda path, row: "X")
    prepared = place.prepare(sources="mine.h5ad")
    assert prepared.shape == (40, 30)
    assert "label" not in prepared.obs
    assert set(prepared.obs["split"]) == {"train", "test"}


NAMES = {
    "numbers": lambda n: [str(i) for i in range(n)],
    "odd text": lambda n: [f"{ODD_LABELS[i % len(ODD_LABELS)]}{i}" for i in range(n)],
    "one empty": lambda n: ["", *[f"x{i}" for i in range(1, n)]],
    "names that differ by case alone": lambda n: ["a", "A", *[f"x{i}" for i in range(2, n)]],
}


@pytest.mark.parametrize("axis", ["obs_names", "var_names"])
@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES.keys())
def test_names_of_every_kind_come_through_unchanged(names, axis, place):
    cells = place.cells()
    setattr(cells, axis, names(getattr(cells, axis).size))
    cells.write_h5ad(place.folder / "mine.h5ad")
    prepared = place.prepare(sources="mine.h5ad")
    assert list(getattr(prepared, axis)) == list(getattr(cells, axis))


def test_columns_that_trade_canonical_names_are_told_apart(place):
    place.write(label=np.repeat(["p1", "p2"], 20), batch=np.tile(["B", "T"], 20))
    prepared = place.prepare(sources="mine.h5ad", label="batch", batch="label")
    assert set(prepared.obs["label"]) == {"B", "T"}
    assert set(prepared.obs["batch"]) == {"p1", "p2"}


@pytest.mark.parametrize("stream_above_gb", [4.0, 0.0], ids=["in memory", "block by block"])
def test_embeddings_and_other_parts_of_a_file_do_not_stop_it(stream_above_gb, place):
    cells = place.cells(place.csr())
    cells.obsm["X_mine"] = np.full((40, 2), np.nan)
    cells.obsm["frame"] = pd.DataFrame({"a": np.arange(40)}, index=cells.obs_names)
    cells.varm["loadings"], cells.uns["neighbors"] = np.ones((30, 2)), {"nothing": np.array([])}
    cells.obsp["distances"] = place.csr()[:, :1] @ place.csr()[:, :1].T
    cells.write_h5ad(place.folder / "mine.h5ad")
    prepared = place.prepare(sources="mine.h5ad", stream_above_gb=stream_above_gb)
    assert isinstance(prepared, ad.AnnData)
    assert prepared.obsm["X_pca"].dtype == np.float32
