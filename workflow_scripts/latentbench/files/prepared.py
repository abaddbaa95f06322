"""prepared.h5ad: the cells and variables of a data set as every model sees them. Of the file only
what is asked for is read.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Float32, Int
from scipy import sparse


@dataclass(frozen=True)
class PreparedCells:
    """``obs`` of a prepared data set."""

    path: str | Path
    obs: pd.DataFrame

    def codes(self, column: str) -> Int[np.ndarray, " obs"]:
        """Return integer codes of an obs column, -1 where a cell has no value or there is no such
        column.
        """
        if column not in self.obs:
            return np.full(len(self.obs), -1, dtype=np.int64)
        return pd.Categorical(self.obs[column]).codes.astype(np.int64)

    def require(self, cells: pd.Index) -> None:
        """Raise a ValueError if these are not ``cells`` (those of an embedding), in that order."""
        if not self.obs.index.equals(cells):
            raise ValueError(
                f"{self.path}: its cells are not those of the embedding, in the same order; train"
                " this data set's variants again"
            )


@dataclass(frozen=True)
class PreparedFile:
    """A prepared.h5ad."""

    path: str | Path

    @contextmanager
    def open(self) -> Iterator[h5py.File]:
        """Yield the open file, for those who read its matrices themselves."""
        with h5py.File(self.path) as file:
            yield file

    @cached_property
    def obs(self) -> pd.DataFrame:
        """What is said of every cell."""
        return self._element("obs")

    @cached_property
    def var(self) -> pd.DataFrame:
        """What is said of every variable."""
        return self._element("var")

    @cached_property
    def about(self) -> dict[str, Any]:
        """What ``uns['latentbench']`` says of the data set, in Python's own types."""
        return _plain(self._element("uns/latentbench"))

    @property
    def cells(self) -> PreparedCells:
        """The cells, without any matrix."""
        return PreparedCells(self.path, self.obs)

    @property
    def is_train(self) -> Bool[np.ndarray, " obs"]:
        """Which cells are for training."""
        return (self.obs["split"] == "train").to_numpy(dtype=bool)

    @property
    def is_modelled(self) -> Bool[np.ndarray, " vars"]:
        """Which variables a model reads: the highly variable ones."""
        return self.var["highly_variable"].to_numpy(dtype=bool)

    @property
    def is_on_disk(self) -> bool:
        """Whether the matrices are larger than memory, and stored to be gone through in blocks."""
        with self.open() as file:
            return "storage" in file["uns/latentbench"]

    @property
    def components(self) -> Float[np.ndarray, "obs pcs"]:
        """The principal components of every cell."""
        return self.obsm("X_pca")

    def obsm(self, name: str) -> Float[np.ndarray, "obs dims"]:
        """Return an embedding of the file."""
        with self.open() as file:
            return np.asarray(file[f"obsm/{name}"])

    @property
    def batch(self) -> Int[np.ndarray, " obs"] | None:
        """Codes of the batch of every cell; None where the data set has none."""
        return self.cells.codes("batch") if "batch" in self.obs else None

    def counts(self) -> sparse.csr_matrix | None:
        """Return what models see of the counts of the modelled genes (cells x genes); None where
        there are none.
        """
        return self._modelled("layers/counts")

    def held_out(self) -> sparse.csr_matrix | None:
        """Return the counts of the modelled genes that no model sees (cells x genes); None where
        models see all.
        """
        return self._modelled("layers/held_out")

    def _modelled(self, layer: str) -> sparse.csr_matrix | None:
        with self.open() as file:
            if layer not in file:
                return None
        counts = sparse.csr_matrix(self._element(layer))
        return counts if self.is_modelled.all() else counts[:, np.flatnonzero(self.is_modelled)]

    def modelled_values(self) -> Any:
        """Return the modelled columns of X: an array, or a sparse matrix by rows."""
        x = self._element("X")[:, np.flatnonzero(self.is_modelled)]
        return x.tocsr() if hasattr(x, "tocsr") else x

    def values_of(self, rows: Int[np.ndarray, " cells"]) -> Float32[np.ndarray, "cells vars"]:
        """Return the modelled columns of X of some cells, in the order of ``rows``; other rows are
        not read.
        """
        from anndata.io import sparse_dataset  # imported here, as in _element

        ordered, back = np.unique(rows, return_inverse=True)
        with self.open() as file:
            stored = file["X"]
            x = (
                stored[ordered][:, self.is_modelled]
                if isinstance(stored, h5py.Dataset)
                else sparse_dataset(stored)[ordered][:, self.is_modelled].toarray()
            )
        return x[back].astype(np.float32)

    def image_shape(self) -> tuple[int, int]:
        """Return rows and columns of the images: those that var says, else a square.

        Raises:
            ValueError: var says no row and column, and the pixels are no square.
        """
        if {"row", "column"} <= set(self.var):
            return int(self.var["row"].max()) + 1, int(self.var["column"].max()) + 1
        side = round(len(self.var) ** 0.5)
        if side * side != len(self.var):
            raise ValueError(
                f"{self.path}: {len(self.var)} pixels are no square, and var has no columns 'row'"
                " and 'column': give the raw file both"
            )
        return side, side

    def _element(self, name: str) -> Any:
        # Imported here: its import takes longer than what many a rule does.
        from anndata.io import read_elem

        with self.open() as file:
            element = read_elem(file[name])
        if sparse.issparse(element):
            # Streamed preprocessing stores narrow indices, which scipy does not compute with.
            element.indices = element.indices.astype(np.int32, copy=False)
        return element


def _plain(value: Any) -> Any:
    """HDF5 hands out numpy scalars and arrays; readers want Python's own."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, np.generic):
        return value.item()
    return value.tolist() if isinstance(value, np.ndarray) else value
