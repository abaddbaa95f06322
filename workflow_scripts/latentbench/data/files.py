"""One file or folder to AnnData, by its suffix; every format that a row of the data sheet may
name.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import anndata as ad
import h5py
import numpy as np
import pandas as pd
from anndata import AnnData
from anndata.io import read_elem
from anndata.utils import make_index_unique
from scipy import sparse

from latentbench.data.images import idx_paths, read_idx_folder, read_npz
from latentbench.data.raw import CANONICAL_COLUMNS, layer_of_values, refuse_duplicates
from latentbench.data.row_blocks import StreamedCells, blocks_on_disk, read_frame
from latentbench.data.tenx import ARCHIVE_SUFFIXES, read_10x_h5, read_10x_mtx
from latentbench.data.text_tables import is_counter, is_of_cells, is_of_genes, read_text_table
from latentbench.logs import logger

TABLE_SUFFIXES = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
ORIENTATIONS = ("cells_by_genes", "genes_by_cells")
SUFFIXES = (".h5ad", ".h5", ".loom", ".zarr", ".npz", *TABLE_SUFFIXES, *ARCHIVE_SUFFIXES)
LOOM_GENES_PER_READ = 256
FEWEST_NUMBERS = 0.5
"""Share of numbers from which on a column with words in it is taken for values with a mistake
and not for text."""
# The types that the paper gives its clusters 1 to 19 (as scanpy names them).
PAUL15_CELL_TYPES = (
    *6 * ["Ery"],
    "MEP",
    "Mk",
    "GMP",
    "GMP",
    "DC",
    "Baso",
    "Baso",
    "Mo",
    "Mo",
    "Neu",
    "Neu",
    "Eos",
    "Lymph",
)


def read_file(path: Path, row: dict[str, Any]) -> AnnData:
    """Return what ``path`` holds, as it is there; ``row`` gives the orientation and the obs columns
    of csv and tsv tables.

    Raises ``ValueError`` for a suffix that is not read and for a file that its format does not fit,
    ``OSError`` for one that cannot be read."""
    name = path.name.lower()
    if not path.exists():
        raise ValueError(
            f"{path}: does not exist (a relative path starts at the folder the pipeline runs in)"
        )
    if name.endswith(TABLE_SUFFIXES):
        return read_table(
            path,
            row.get("orientation"),
            [row[column] for column in CANONICAL_COLUMNS if row.get(column)],
        )
    if name.endswith(ARCHIVE_SUFFIXES):
        return read_10x_mtx(path)
    by_suffix = {
        ".h5ad": read_h5ad,
        ".h5": read_h5,
        ".loom": read_loom,
        ".npz": read_npz,
        ".zarr": ad.read_zarr,
    }
    if path.suffix.lower() in by_suffix:
        return by_suffix[path.suffix.lower()](path)
    if path.is_dir():
        is_images = row.get("modality") == "images" or any(path.glob("*-ubyte*"))
        return read_idx_folder(path) if is_images else read_10x_mtx(path)
    raise ValueError(
        f"{path}: this suffix is not read; give one of {' '.join(SUFFIXES)}, or a folder with 10x"
        " mtx or IDX files"
    )


def read_h5ad(path: Path) -> AnnData:
    """Return an h5ad file; one that lacks what anndata writes into every one is named as such."""
    with h5py.File(path) as file:
        if not {"obs", "var"} <= set(file):
            raise ValueError(
                f"{path}: not an h5ad file: no obs and var (top level:"
                f" {', '.join(file) or 'nothing'})"
            )
    return ad.read_h5ad(path)


def counts_group(path: Path, row: dict[str, Any]) -> str:
    """Return the group of an h5ad file (``X``, ``raw/X``, ``layers/<name>``) that holds the values
    of a row of the data sheet.
    """
    with h5py.File(path) as file:
        layer = layer_of_values(row, file.get("layers", ()))
    return {"X": "X", "raw": "raw/X"}.get(layer, f"layers/{layer}")


def read_h5ad_in_blocks(path: Path, row: dict[str, Any]) -> StreamedCells:
    """Return an h5ad file whose values are a CSR group, without reading them."""
    group = counts_group(path, row)
    frame = read_frame(path)
    if group == "raw/X":
        with h5py.File(path) as file:
            frame = AnnData(obs=frame.obs, var=read_elem(file["raw/var"]), obsm=dict(frame.obsm))
    return StreamedCells(frame, blocks_on_disk(path, group))


def files_of(path: Path) -> list[Path]:
    """Return the files whose checksums stand for ``path``: itself, or the IDX files of a folder;
    nothing for other folders.
    """
    if path.is_file():
        return [path]
    return idx_paths(path) if path.is_dir() and any(path.glob("*-ubyte*")) else []


def read_table(path: Path, orientation: str | None, obs_columns: Iterable[str]) -> AnnData:
    """Return a csv or tsv table with a header line and names in its first column.

    In a cells_by_genes table the text columns, and those in ``obs_columns``, become obs. Raises
    ``ValueError`` without an orientation, which cannot be told from the numbers."""
    if orientation not in ORIENTATIONS:
        raise ValueError(
            f"{path}: the data sheet's orientation is {orientation!r}; say"
            f" {' or '.join(ORIENTATIONS)}"
        )
    frame = read_text_table(path)
    if not frame.size:
        raise ValueError(
            f"{path}: no values: each variable needs a column of its own; is the separator that of"
            " its suffix?"
        )
    counters = [at for at, name in enumerate(frame) if name == "" and is_counter(frame.iloc[:, at])]
    frame = frame.iloc[:, [at for at in range(frame.shape[1]) if at not in counters]]
    if "" in frame:
        raise ValueError(f"{path}: line 1: a column has no name; name it, or drop it")
    var = pd.DataFrame(index=frame.index)
    if orientation == "genes_by_cells":
        of_genes = [name for name in frame if is_of_genes(name)]
        var, frame = frame[of_genes].astype(str), frame.drop(columns=of_genes)
        _refuse_words(frame, frame.columns, 0.0, path)
        refuse_duplicates(frame.index, "variable names (the table's first column)", str(path))
        frame = frame.T
    _refuse_words(
        frame,
        [column for column in frame.columns if column not in obs_columns],
        FEWEST_NUMBERS,
        path,
    )
    is_obs = [
        orientation == "cells_by_genes"
        and (name in obs_columns or is_of_cells(name, frame[name]) or is_counter(frame[name]))
        for name in frame.columns
    ]
    obs, values = frame.loc[:, is_obs], frame.loc[:, [not other for other in is_obs]]
    if values.empty:
        raise ValueError(
            f"{path}: no numeric column; is the separator that of its suffix, and the orientation"
            " right?"
        )
    apart = [str(name) for name in obs if pd.api.types.is_numeric_dtype(obs[name])]
    if apart or len(var.columns):
        logger.info(
            "%s: taken for annotations and not for values: %s",
            path,
            ", ".join([*apart, *var.columns]),
        )
    if orientation == "cells_by_genes":
        var = pd.DataFrame(index=values.columns.astype(str))
    return AnnData(sparse.csr_matrix(values.to_numpy()), obs=obs, var=var)


def read_h5(path: Path) -> AnnData:
    """Return a 10x .h5, or the .h5 in which Paul et al. 2015 (paul15) is published."""
    with h5py.File(path) as file:
        if "data.debatched" not in file:
            return read_10x_h5(path)
        counts = sparse.csr_matrix(file["data.debatched"][()].T)
        genes, cells, clusters = (
            _decoded(file[name]).ravel()
            for name in ("data.debatched_rownames", "data.debatched_colnames", "cluster.id")
        )
    obs = pd.DataFrame(
        {"paul15_clusters": [f"{k}{PAUL15_CELL_TYPES[k - 1]}" for k in clusters.astype(int)]},
        index=cells.astype(str),
    )
    return AnnData(counts, obs=obs, var=pd.DataFrame(index=genes.astype(str)))


def read_loom(path: Path) -> AnnData:
    """Return a loom file: ``matrix`` (genes x cells), names from row_attrs/Gene and
    col_attrs/CellID, the other one-dimensional attributes kept.
    """
    with h5py.File(path) as file:
        for part in ("matrix", "row_attrs", "col_attrs"):
            if part not in file:
                raise ValueError(
                    f"{path}: no {'dataset' if part == 'matrix' else 'group'} '{part}'; this is not"
                    " a loom file"
                )
        genes, cells = (
            _loom_attributes(file["row_attrs"], ("Gene", "var_names", "Accession")),
            _loom_attributes(file["col_attrs"], ("CellID", "obs_names")),
        )
        matrix = file["matrix"]
        # Read in slices of genes: the whole matrix is stored dense and may be larger than memory.
        slices = [
            sparse.csr_matrix(matrix[start : start + LOOM_GENES_PER_READ])
            for start in range(0, matrix.shape[0], LOOM_GENES_PER_READ)
        ]
    genes.index = make_index_unique(genes.index)
    return AnnData(sparse.vstack(slices).T.tocsr(), obs=cells, var=genes)


def read_annotation(path: Path) -> pd.DataFrame:
    """Return a csv or tsv of per-cell columns, indexed by its column ``barcodes`` or ``barcode``,
    or else by its first column.
    """
    return read_text_table(path, names_in=("barcodes", "barcode"))


def annotate(found: AnnData, annotation: pd.DataFrame, where: Path) -> AnnData:
    """Return ``found`` with the columns of ``annotation`` joined to obs by cell name; cells it does
    not name get missing values.

    Raises ``ValueError`` when a cell is named twice or no cell is named at all.
    """
    if annotation.index.has_duplicates:
        raise ValueError(
            f"{where}: cell {annotation.index[annotation.index.duplicated()][0]} has two lines"
        )
    if not found.obs_names.isin(annotation.index).any():
        raise ValueError(
            f"{where}: none of its cell names (first: {annotation.index[0]}) is in the data (first:"
            f" {found.obs_names[0]})"
        )
    found.obs = found.obs.drop(columns=annotation.columns, errors="ignore").join(annotation)
    return found


def _refuse_words(frame: pd.DataFrame, columns: Iterable, above: float, path: Path) -> None:
    """Refuse a word in a column of which more than ``above`` are numbers: the column is meant to be
    values, and would be taken for text.
    """
    for column in columns:
        if not pd.api.types.is_numeric_dtype(frame[column]):
            is_word = (
                pd.to_numeric(frame[column], errors="coerce").isna() & frame[column].notna()
            ).to_numpy()
            if is_word.any() and (~is_word).mean() >= above:
                at, others = (
                    int(np.argmax(is_word)),
                    f"{int(is_word.sum())} of {len(frame)} values are no numbers",
                )
                raise ValueError(
                    f"{path}: column {column}, line {frame.index[at]}: '{frame[column].iloc[at]}'"
                    f" among numbers ({others}); mend or drop it"
                )


def _loom_attributes(group: h5py.Group, names: tuple[str, ...]) -> pd.DataFrame:
    columns = {
        name: _decoded(item)
        for name, item in group.items()
        if isinstance(item, h5py.Dataset) and item.ndim == 1
    }
    key = next((name for name in names if name in columns), None)
    if key is None:
        raise ValueError(
            f"{group.file.filename}: {group.name} has none of {', '.join(names)}; it has"
            f" {', '.join(columns) or 'nothing'}"
        )
    return pd.DataFrame(columns, index=pd.Index(columns.pop(key).astype(str)))


def _decoded(item: h5py.Dataset) -> np.ndarray:
    return item.asstr()[()] if h5py.check_string_dtype(item.dtype) else item[()]
