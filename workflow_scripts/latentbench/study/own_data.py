"""One's own data without a sheet: ``--config data=my.h5ad`` becomes a row of the data sheet.

What the row cannot be told it is looked up in the file: where its values are, and whether they are
counts. A look at a sample decides how the data are read; every value is checked when it is. Codes
and clusterings that the data have already become variants of the models sheet.
Only light imports: Snakemake reads this at every start.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from latentbench.study.spelling import nearest

COLUMNS_OF_OBS = ("label", "batch", "condition", "donor")
GIVEN = (
    *COLUMNS_OF_OBS,
    "n_clusters",
    "modality",
    "preset",
    "layer",
    "orientation",
    "annotation",
    "only",
    "var_names",
    "sha256",
)
"""Columns of the data sheet that may be given beside ``data``."""

SUFFIXES = re.compile(
    r"(\.(h5ad|h5|loom|csv|tsv|txt|npz|zarr|zip|tar|tgz|gz|mtx))+$", flags=re.IGNORECASE
)
OF_MANY_FOLDERS = ("filtered_feature_bc_matrix", "raw_feature_bc_matrix", "outs", "filtered")
"""Names of folders that say nothing of what lies in them."""

LOOKED_AT = 100_000
"""Stored values from which a matrix is taken for counts or not."""

PANEL_BELOW = 1000
"""Genes below which counts are of a panel, for which limits of whole transcriptomes are wrong."""


def own_row(
    data: str,
    given: Mapping[str, Any],
    *,
    columns: Iterable[str],
    taken: Iterable[str] = (),
    is_filtered: bool = False,
) -> dict[str, Any]:
    """Return the row of the data sheet for a file, folder or address of one's own.

    ``given`` holds the columns that the user named, ``columns`` are all columns of the sheet,
    ``taken`` the names that other rows have already.

    Raises:
        ValueError: a local file is not there, or its values cannot be told.
    """
    row: dict[str, Any] = dict.fromkeys(columns)
    row |= {key: value for key, value in given.items() if value not in (None, "")}
    row["dataset"] = _free_name(name_of(data), taken)
    row["sources"] = [data]
    row["sha256"] = [str(row["sha256"])] if row["sha256"] else []
    found = look_at(Path(data)) if Path(data).suffix.lower() == ".h5ad" else {}
    for key in ("modality", "layer"):
        row[key] = row[key] or found.get(key)
    row["modality"] = row["modality"] or ("images" if _holds_images(Path(data)) else "counts")
    if row["orientation"] is None and re.search(r"\.(csv|tsv|txt)(\.gz)?$", data.lower()):
        row["orientation"] = "cells_by_genes"
    row["preset"] = row["preset"] or _preset(
        row["modality"], found.get("n_vars"), is_filtered=is_filtered
    )
    return row


def ready_variants(
    data: str,
    embeddings: Sequence[str],
    clusterings: Sequence[str],
    *,
    label: str | None = None,
    taken: Iterable[str] = (),
) -> dict[str, dict[str, Any]]:
    """Return an entry of the models sheet for every code (obsm) and clustering (obs column) that
    the data have already; none of them is trained.

    Raises:
        ValueError: an h5ad file has no such name (those that it has are listed), or a clustering is
            the column of the labels, which nothing may be found with.
    """
    path = Path(data)
    is_looked_at = path.suffix.lower() == ".h5ad" and path.is_file()
    for group, key, names in (
        ("obsm", "embeddings", embeddings),
        ("obs", "clusterings", clusterings),
    ):
        there = _names_in(path, group) if is_looked_at else None
        for name in names:
            if there is not None and name not in there:
                raise ValueError(
                    f"{key}: '{name}' is not in {group} of {data}{nearest(name, there)}; there are:"
                    f" {', '.join(there) or 'none'}"
                )
    if label in clusterings:
        raise ValueError(
            f"clusterings: '{label}' is the column of the labels (label={label}), with which all is"
            " scored; leave it out in one of the two places"
        )
    variants: dict[str, dict[str, Any]] = {}
    for kind, key, names in (
        ("embedding", "obsm", embeddings),
        ("clustering", "obs", clusterings),
    ):
        for name in names:
            # The prepared data have principal components of their own under this name.
            source = "X_pca_source" if (key, name) == ("obsm", "X_pca") else name
            variant = _free_name(_variant_name(name), [*taken, *variants])
            variants[variant] = {"kind": kind, "hyperparameters": {key: source}}
    return variants


def name_of(data: str) -> str:
    """Return the name of a data set after its file: letters, digits, _ and -."""
    path = Path(data.rstrip("/").split("#")[-1].split("://")[-1])
    parts = [SUFFIXES.sub("", part) for part in path.parts if part not in ("/", ".", "..")]
    while len(parts) > 1 and parts[-1].lower() in OF_MANY_FOLDERS:
        parts.pop()
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", parts[-1] if parts else "").strip("_-")
    return name if re.match(r"[A-Za-z0-9]", name) else f"data_{name}".rstrip("_")


def look_at(path: Path) -> dict[str, Any]:
    """Return where the values of an h5ad file are and what they are: ``layer``, ``modality``
    (counts or real), ``n_vars``; nothing where the file cannot be looked into, which its reader
    says better.
    """
    try:
        with h5py.File(path) as file:
            matrices = {"X": file.get("X"), "raw": file.get("raw/X")}
            matrices |= dict(file.get("layers", {}).items())
            order = sorted(matrices, key=_unlikely_to_hold_counts)
            whole = [name for name in order if _is_whole(matrices[name])]
            n_vars = len(file["var"][file["var"].attrs.get("_index", "_index")])
    except (OSError, KeyError, TypeError, AttributeError):
        return {}
    if not whole:
        return {"modality": "real", "layer": "X", "n_vars": n_vars}
    return {"modality": "counts", "layer": whole[0], "n_vars": n_vars}


def row_as_text(row: Mapping[str, Any]) -> str:
    """Return the row as two lines of a data sheet: header and cells, separated by tabs, the
    columns that are filled in alone.
    """
    cells = {
        key: " ".join(value) if isinstance(value, list) else str(value)
        for key, value in row.items()
        if value not in (None, "", [])
    }
    return "\t".join(cells) + "\n" + "\t".join(cells.values()) + "\n"


def _unlikely_to_hold_counts(name: str) -> tuple[int, str]:
    ranks = {"counts": 0, "X": 1, "raw": 3}
    like = 2 if re.search(r"count|umi|raw", name.lower()) else 4
    return ranks.get(name, like), name


def _is_whole(matrix: h5py.Dataset | h5py.Group | None) -> bool:
    """Whether the first stored values are whole numbers from 0, one of them at least above 0."""
    if matrix is None:
        return False
    values = matrix["data"] if isinstance(matrix, h5py.Group) else matrix
    if values.ndim == 1:
        sample = np.asarray(values[:LOOKED_AT])
    else:
        sample = np.asarray(values[: max(1, LOOKED_AT // max(1, values.shape[1]))])
    if sample.dtype.kind not in "iuf" or not sample.size:
        return False
    return bool((sample >= 0).all() and (sample == np.rint(sample)).all() and sample.any())


def _names_in(path: Path, group: str) -> list[str]:
    try:
        with h5py.File(path) as file:
            found = file[group]
            names = found.dtype.names if isinstance(found, h5py.Dataset) else list(found)
            return [name for name in names if not name.startswith("_")]
    except (OSError, KeyError):
        return []


def _variant_name(name: str) -> str:
    """Return a name that the models sheet allows, which start with a letter."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_") or "ready"
    return plain if plain[0].isalpha() else f"of_{plain}"


def _preset(modality: str, n_vars: int | None, *, is_filtered: bool) -> str:
    if modality == "counts":
        is_panel = n_vars is not None and n_vars < PANEL_BELOW
        return "counts_lenient" if is_panel or is_filtered else "counts_standard"
    return "images_unit" if modality == "images" else "real_standardised"


def _holds_images(path: Path) -> bool:
    return path.is_dir() and any(path.glob("*-images-idx3-ubyte*"))


def _free_name(name: str, taken: Iterable[str]) -> str:
    taken = set(taken)
    return name if name not in taken else f"{name}_own"
