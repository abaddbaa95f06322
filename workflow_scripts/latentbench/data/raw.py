"""The raw.h5ad contract: checked values, canonical obs columns, where the data came from."""

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
from anndata import AnnData
from anndata.utils import make_index_unique
from scipy import sparse

from latentbench.data.row_blocks import StreamedCells, append_csr
from latentbench.data.text_tables import MISSING_WORDS
from latentbench.data.values import BY_MODALITY, as_count_blocks
from latentbench.files.artefacts import atomic_path, write_h5ad
from latentbench.logs import logger

CANONICAL_COLUMNS = ("label", "batch", "condition", "donor")
OUR_COLUMNS = ("split", "latentbench_cluster", "latentbench_certainty", "latentbench_runner_up")
"""Columns of the files to come, which none of the source's may pass for."""


def to_raw(
    found: AnnData, row: dict[str, Any], *, source: str, sha256: str, tried: Sequence[str]
) -> AnnData:
    """Return ``found`` in the form of raw.h5ad (docs/architecture.md), as a row of the data sheet
    describes it.

    The values are ``layers['counts']`` for counts where there is such a layer, otherwise X; the
    sheet's ``layer`` column names another (``X``, ``raw`` or a layer). Raises ``ValueError`` for a
    missing column or layer, duplicated names, and values that the modality forbids."""
    matrix, var = _values_and_variables(found, row, source)
    raw = _raw_frame(found, var, row, source)
    try:
        raw.X = BY_MODALITY[row["modality"]](matrix, raw.obs_names, raw.var_names, where=source)
    except ValueError as fault:
        raise ValueError(f"{fault}{_counts_elsewhere(found, row)}") from fault
    raw.uns["latentbench"] = provenance(row, source=source, sha256=sha256, tried=tried)
    return raw


def to_streamed_raw(
    found: StreamedCells, row: dict[str, Any], *, source: str, sha256: str, tried: Sequence[str]
) -> StreamedCells:
    """Return the same of counts that are not in memory; their values are checked as they are read,
    so a fault is raised when they are written.
    """
    frame = _raw_frame(found.frame, found.frame.var, row, source)
    frame.uns["latentbench"] = provenance(row, source=source, sha256=sha256, tried=tried)
    return StreamedCells(
        frame, as_count_blocks(found.values, frame.obs_names, frame.var_names, where=source)
    )


def write_raw(raw: AnnData | StreamedCells, path: str | Path) -> None:
    """Write raw.h5ad, block by block what is not in memory."""
    if isinstance(raw, AnnData):
        return write_h5ad(raw, path)
    with atomic_path(path) as temporary:
        raw.frame.write_h5ad(temporary, compression="gzip", compression_opts=1)
        with h5py.File(temporary, "r+") as file:
            append_csr(file, "X", raw.frame.n_vars, (block for _, block in raw.values))


def canonical_obs(obs: pd.DataFrame, row: dict[str, Any], source: str) -> pd.DataFrame:
    """Return ``obs`` with the columns that the sheet names under their canonical names, as
    categories of strings.

    A column of the source that has a canonical name without being named in the sheet, or that of a
    column which a later step adds, is kept as ``source_<name>``, so that nothing downstream takes
    it for what it may not be. Raises ``ValueError`` for a column that is not there."""
    canonical = {
        name: _as_category(_column(obs, row[name], name, source))
        for name in CANONICAL_COLUMNS
        if row.get(name)
    }
    others = obs.rename(
        columns={
            name: f"source_{name}"
            for name in (*CANONICAL_COLUMNS, *OUR_COLUMNS)
            if row.get(name) != name
        }
    )
    others = others.drop(columns=[name for name in CANONICAL_COLUMNS if row.get(name) == name])
    return others.assign(**canonical)


def provenance(
    row: dict[str, Any], *, source: str, sha256: str, tried: Sequence[str]
) -> dict[str, Any]:
    """Return what raw.h5ad says about itself in ``uns['latentbench']``; what is not known is an
    empty string. What the sheet says that is not read here (licence, n_clusters ...) is not kept: a
    change of it makes no data anew.
    """
    known = {name: row.get(name) or "" for name in ("dataset", "modality")}
    return {**known, "source": source, "sha256": sha256, "tried": np.array(tried, dtype=object)}


def refuse_duplicates(names: pd.Index, what: str, where: str) -> None:
    """Raise ``ValueError`` naming the first name that occurs twice."""
    if names.has_duplicates:
        repeated = names[names.duplicated()]
        raise ValueError(
            f"{where}: {len(repeated)} duplicated {what} (first: {repeated[0]}); make them unique,"
            " as anndata's *_names_make_unique does"
        )


def layer_of_values(row: dict[str, Any], layers: Iterable[str]) -> str:
    """Return where a row's values are: ``X``, ``raw`` or a layer; the sheet's choice, or else
    ``counts`` for counts where there is such a layer.
    """
    return row.get("layer") or (
        "counts" if row["modality"] == "counts" and "counts" in layers else "X"
    )


def _raw_frame(found: AnnData, var: pd.DataFrame, row: dict[str, Any], source: str) -> AnnData:
    """Return obs, var and obsm in the form of raw.h5ad, without values."""
    obs_names, var_names = found.obs_names.astype(str), _variable_names(var, row, source)
    refuse_duplicates(obs_names, "cell names (obs_names)", source)
    refuse_duplicates(var_names, "variable names (var_names)", source)
    obs = _storable(canonical_obs(found.obs, row, source))
    frame = AnnData(obs=obs.set_index(obs_names), var=_storable(var).set_index(var_names))
    for name in found.obsm:
        # X_pca is the name that prepared.h5ad uses for its own.
        frame.obsm["X_pca_source" if name == "X_pca" else name] = found.obsm[name]
    return frame


def _variable_names(var: pd.DataFrame, row: dict[str, Any], source: str) -> pd.Index:
    """Return the names of the variables: those of the file, or those of the var column that the
    sheet names, where a name that occurs again gets -1, -2 ...
    """
    column = row.get("var_names")
    if not column:
        return var.index.astype(str)
    if column not in var:
        there = ", ".join(map(str, var.columns)) or "none"
        raise ValueError(
            f"{source}: no var column '{column}' for var_names; the columns are: {there}. Correct"
            " the 'var_names' column of the data sheet"
        )
    return make_index_unique(pd.Index(var[column].astype(str).tolist()))


def _values_and_variables(
    found: AnnData, row: dict[str, Any], source: str
) -> tuple[Any, pd.DataFrame]:
    layer = layer_of_values(row, found.layers)
    if layer == "X":
        return found.X, found.var
    if layer == "raw" and found.raw is not None:
        return found.raw.X, found.raw.var
    if layer not in found.layers:
        present = ["X", *(["raw"] if found.raw is not None else []), *found.layers]
        raise ValueError(
            f"{source}: no layer '{layer}'; there is {', '.join(present)}. Correct the 'layer'"
            " column of the data sheet"
        )
    logger.info("%s: values are taken from layer '%s'", source, layer)
    return found.layers[layer], found.var


def _counts_elsewhere(found: AnnData, row: dict[str, Any]) -> str:
    """Return where whole numbers are, if counts are wanted and ``found`` has any: the remedy that
    most refused files need.
    """
    if row["modality"] != "counts":
        return ""
    places = {"X": found.X, "raw": found.raw.X if found.raw is not None else None, **found.layers}
    read = layer_of_values(row, found.layers)
    whole = [
        name
        for name, matrix in places.items()
        if name != read and matrix is not None and _all_whole(matrix)
    ]
    return (
        f". Whole numbers are in {', '.join(whole)}: name it in the 'layer' column of the data"
        " sheet"
        if whole
        else ""
    )


def _all_whole(matrix) -> bool:
    stored = matrix.data if sparse.issparse(matrix) else np.asarray(matrix)
    return stored.dtype.kind in "biuf" and bool(
        (np.isfinite(stored) & (stored >= 0) & (stored == np.rint(stored))).all()
    )


def _column(obs: pd.DataFrame, column: str, name: str, source: str) -> pd.Series:
    if column in obs:
        return obs[column]
    nearest = difflib.get_close_matches(
        column, [str(known) for known in obs.columns], n=1, cutoff=0.4
    )
    hint = f" (did you mean '{nearest[0]}'?)" if nearest else ""
    there = ", ".join(map(str, obs.columns)) or "none"
    raise ValueError(
        f"{source}: no obs column '{column}' for {name}{hint}; the columns are: {there}. Correct"
        f" the '{name}' column of the data sheet"
    )


def _as_category(values: pd.Series) -> pd.Series:
    words = values.astype(object).astype(str).str.strip()
    missing = values.isna() | words.isin(MISSING_WORDS)
    text = words.mask(missing, np.nan)
    return text.astype(pd.CategoricalDtype(sorted(text.dropna().unique())))


def _storable(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the columns in forms that h5ad can hold: text where a column mixes types, and no name
    that it reserves.
    """
    frame = frame.rename(columns=lambda name: str(name).replace("/", "_") or "unnamed").drop(
        columns="_index", errors="ignore"
    )
    frame = frame.loc[:, ~frame.columns.duplicated()].apply(_plain_text)
    return frame.assign(
        **{
            name: frame[name].astype(str).astype("category")
            for name in frame
            if not _is_storable(frame[name])
        }
    )


def _plain_text(column: pd.Series) -> pd.Series:
    """Return nullable text (pandas 3, anndata 0.13) as objects, which every h5ad can hold; with
    gaps, as categories.
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        categories = column.cat.categories
        if isinstance(categories.dtype, pd.StringDtype):
            return column.cat.rename_categories(categories.astype(object))
        return column
    if not isinstance(column.dtype, pd.StringDtype):
        return column
    text = column.astype(object).where(column.notna(), np.nan)
    return text.astype("category") if column.isna().any() else text


def _is_storable(column: pd.Series) -> bool:
    """Whether a column, or its categories, are numbers, truth values or text: no dates, lists or
    mixtures.
    """
    is_categorical = isinstance(column.dtype, pd.CategoricalDtype)
    values = column.cat.categories if is_categorical else column
    return pd.api.types.is_numeric_dtype(values) or pd.api.types.infer_dtype(values) in (
        ("string", "empty") if is_categorical else ("string",)
    )
