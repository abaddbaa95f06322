"""What a training sees of a prepared data set: the modelled genes of one layer, resident in memory and gathered by index."""

from dataclasses import dataclass, replace
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import torch
from anndata.io import read_elem
from jaxtyping import Float, Int, Shaped
from scipy import sparse
from torch import Tensor

from latentbench.kernels.sparse_rows import SparseCells, SparseRows, sparse_rows
from latentbench.likelihoods import AbstractLikelihood
from latentbench.models.interface import Minibatch

SPARSE_BELOW = 0.12
"""Share of non-zeros up to which values that are no counts are kept as sparse rows."""


@dataclass(frozen=True)
class TrainingData:
    """The cells of one data set as a model reads them.

    ``x`` holds the values of the highly variable genes (or all pixels, all variables): counts as sparse rows, in memory or mapped from the file, anything else
    as a tensor unless most of it is zero. ``labels`` are class codes with -1 where unlabelled: only ``tasks`` and the controls may look at them. ``train`` and
    ``test`` are indices of cells.
    """

    x: Shaped[Tensor, "obs vars"] | SparseRows
    library_size: Float[Tensor, "obs 1"]
    labels: Int[np.ndarray, " obs"]
    train: Int[Tensor, " train"]
    test: Int[Tensor, " test"]
    pca: Float[np.ndarray, "obs components"]
    obs: pd.DataFrame
    obsm: dict[str, np.ndarray]

    @property
    def n_obs(self) -> int:
        """How many cells."""
        return self.x.shape[0]

    @property
    def n_vars(self) -> int:
        """How many modelled variables."""
        return self.x.shape[1]

    @property
    def device(self) -> torch.device:
        """Where the cells are."""
        return self.library_size.device

    def dense(self) -> Float[Tensor, "obs vars"]:
        """Return all values as one tensor."""
        return torch.from_numpy(self.x.to_scipy().toarray()) if isinstance(self.x, SparseRows) else self.x.float()

    def to(self, device: torch.device) -> "TrainingData":
        """Return the same data with its tensors on ``device``, dense, in the smallest type that torch gathers by index."""
        x = self.x
        if isinstance(x, SparseRows):
            kind = np.uint8 if x.values.dtype == np.uint8 else np.float32
            x = torch.from_numpy(sparse.csr_array((x.values.astype(kind), x.columns.astype(np.int32), x.starts), shape=x.shape).toarray())
        tensors = {name: getattr(self, name).to(device) for name in ("library_size", "train", "test")}
        return replace(self, x=x.to(device), **tensors)

    def minibatch(
        self, cells: Int[Tensor, "replicas obs"], likelihood: AbstractLikelihood, *, y: Int[Tensor, "replicas obs"] | None = None, sampled: bool = True
    ) -> Minibatch:
        """Gather cells, each replica its own, and prepare them for a likelihood.

        ``y`` are the observed classes (none: all -1). ``sampled`` False leaves out the likelihood's own randomness (binarisation), as embedding a cell should.
        """
        raw = self.x.gather(cells) if isinstance(self.x, SparseRows) else _rows(self.x, cells).float()
        if likelihood.binarises and isinstance(raw, SparseCells):
            raw = raw.to_dense()
        x = likelihood.observe(raw) if sampled else raw
        hidden = torch.full_like(cells, -1) if y is None else y
        scored = x.to_dense() if isinstance(x, SparseCells) and likelihood.layer != "counts" else x
        return Minibatch(likelihood.encoder_input(x), scored, _rows(self.library_size, cells), hidden)


def read_training_data(path: str | Path, *, layer: str) -> TrainingData:
    """Read from a prepared.h5ad only what a training needs; a matrix that was written to be mapped is left in its file.

    ``layer`` is ``"counts"`` or ``"X"``. A cell without any count in the modelled genes gets library size 1, so that its log is finite.
    """
    with h5py.File(path) as file:
        obs, var = read_elem(file["obs"]), read_elem(file["var"])
        x = _read_matrix(file["layers/counts" if layer == "counts" else "X"], np.flatnonzero(var["highly_variable"].to_numpy()), is_counts=layer == "counts")
        obsm = {name: np.asarray(read_elem(file["obsm"][name])) for name in file["obsm"]}
    totals = torch.from_numpy(x.row_sums().astype(np.float32))[:, None] if layer == "counts" else torch.ones(len(obs), 1)
    split = obs["split"].to_numpy()
    return TrainingData(
        x=x,
        library_size=totals.clamp(min=1),
        labels=_codes(obs),
        train=torch.from_numpy(np.flatnonzero(split == "train")),
        test=torch.from_numpy(np.flatnonzero(split == "test")),
        pca=obsm["X_pca"],
        obs=obs,
        obsm=obsm,
    )


def _read_matrix(stored: h5py.Group | h5py.Dataset, modelled: Int[np.ndarray, " vars"], *, is_counts: bool) -> Float[Tensor, "obs vars"] | SparseRows:
    if isinstance(stored, h5py.Group) and len(modelled) == stored.attrs["shape"][1] and all(_is_mappable(stored[name]) for name in ("data", "indices")):
        return SparseRows(_mapped(stored["data"]), _mapped(stored["indices"]), stored["indptr"][:].astype(np.int64), len(modelled))
    matrix = read_elem(stored)[:, modelled]
    if is_counts:
        return sparse_rows(sparse.csr_array(matrix))
    n_stored = matrix.nnz if sparse.issparse(matrix) else np.count_nonzero(matrix)
    if n_stored <= SPARSE_BELOW * matrix.shape[0] * matrix.shape[1]:
        return sparse_rows(sparse.csr_array(matrix))
    return torch.from_numpy(np.ascontiguousarray(matrix.toarray() if sparse.issparse(matrix) else matrix, dtype=np.float32))


def _rows(values: Shaped[Tensor, "obs columns"], cells: Int[Tensor, "replicas batch"]) -> Shaped[Tensor, "replicas batch columns"]:
    """Return the rows of some cells: by index_select, which costs a fraction of what indexing with square brackets does."""
    return values.index_select(0, cells.reshape(-1)).view(*cells.shape, -1)


def _is_mappable(stored: h5py.Dataset) -> bool:
    return stored.chunks is None and stored.id.get_offset() is not None


def _mapped(stored: h5py.Dataset) -> np.ndarray:
    return np.asarray(np.memmap(stored.file.filename, dtype=stored.dtype, mode="r", offset=stored.id.get_offset(), shape=stored.shape))


def _codes(obs: pd.DataFrame) -> Int[np.ndarray, " obs"]:
    if "label" not in obs:
        return np.full(len(obs), -1)
    return pd.Categorical(obs["label"]).codes.astype(np.int64)
