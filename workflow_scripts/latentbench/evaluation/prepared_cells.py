"""The cells of a prepared.h5ad: what its obs says of them, without its matrices."""

from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from jaxtyping import Float, Int


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


def read_prepared_cells(path: str | Path) -> PreparedCells:
    """Return the cells of a prepared.h5ad."""
    from anndata.io import (
        read_elem,
    )  # imported here: its import takes longer than what many a rule does

    with h5py.File(path) as file:
        return PreparedCells(path, read_elem(file["obs"]))


def read_components(path: str | Path) -> Float[np.ndarray, "obs pcs"]:
    """Return the principal components of a prepared.h5ad."""
    with h5py.File(path) as file:
        return np.asarray(file["obsm/X_pca"])
