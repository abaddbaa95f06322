"""What a training sees of a prepared data set: the modelled genes of one layer, resident in memory
and gathered by index.
"""

from collections.abc import Sequence
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

from latentbench.files.prepared import PreparedFile
from latentbench.kernels.sparse_rows import SparseCells, SparseRows, sparse_rows
from latentbench.maths.likelihoods import AbstractLikelihood
from latentbench.models.interface import Minibatch

SPARSE_BELOW = 0.12
"""Share of non-zeros up to which values that are no counts are kept as sparse rows."""


@dataclass(frozen=True)
class TrainingData:
    """The cells of one data set as a model reads them.

    ``x`` holds the values of the highly variable genes (or all pixels, all variables): counts as
    sparse rows, in memory or mapped from the file, anything else as a tensor unless most of it is
    zero. ``labels`` are class codes with -1 where unlabelled: only ``tasks`` and the controls may
    look at them. ``train`` and ``test`` are indices of cells. ``covariates`` are one-hot codes of
    the obs columns that a variant names, ``levels`` what each of them stands for
    (``"condition=stim"``).
    """

    x: Shaped[Tensor, "obs vars"] | SparseRows
    library_size: Float[Tensor, "obs 1"]
    labels: Int[np.ndarray, " obs"]
    train: Int[Tensor, " train"]
    test: Int[Tensor, " test"]
    pca: Float[np.ndarray, "obs components"]
    obs: pd.DataFrame
    obsm: dict[str, np.ndarray]
    covariates: Float[Tensor, "obs covariates"]
    levels: tuple[str, ...] = ()

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
        return (
            torch.from_numpy(self.x.to_scipy().toarray())
            if isinstance(self.x, SparseRows)
            else self.x.float()
        )

    def to(self, device: torch.device) -> "TrainingData":
        """Return the same data with its tensors on ``device``, dense, in the smallest type that
        torch gathers by index.
        """
        x = self.x
        if isinstance(x, SparseRows):
            kind = np.uint8 if x.values.dtype == np.uint8 else np.float32
            x = torch.from_numpy(
                sparse.csr_array(
                    (x.values.astype(kind), x.columns.astype(np.int32), x.starts), shape=x.shape
                ).toarray()
            )
        tensors = {
            name: getattr(self, name).to(device)
            for name in ("library_size", "train", "test", "covariates")
        }
        return replace(self, x=x.to(device), **tensors)

    def minibatch(
        self,
        cells: Int[Tensor, "replicas obs"],
        likelihood: AbstractLikelihood,
        *,
        y: Int[Tensor, "replicas obs"] | None = None,
        probs_at_refresh: Float[Tensor, "replicas obs clusters"] | None = None,
        sampled: bool = True,
    ) -> Minibatch:
        """Gather cells, each replica its own, and prepare them for a likelihood.

        ``y`` are the observed classes (none: all -1). ``sampled`` False leaves out the likelihood's
        own randomness (binarisation), as embedding a cell should.
        """
        raw = (
            self.x.gather(cells) if isinstance(self.x, SparseRows) else _rows(self.x, cells).float()
        )
        if likelihood.binarises and isinstance(raw, SparseCells):
            raw = raw.to_dense()
        x = likelihood.observe(raw) if sampled else raw
        hidden = torch.full_like(cells, -1) if y is None else y
        scored = x.to_dense() if isinstance(x, SparseCells) and likelihood.layer != "counts" else x
        covariates = (
            _rows(self.covariates, cells)
            if self.levels
            else self.covariates.new_empty((*cells.shape, 0))
        )
        return Minibatch(
            likelihood.encoder_input(x),
            scored,
            _rows(self.library_size, cells),
            hidden,
            covariates,
            probs_at_refresh,
        )


def read_training_data(
    path: str | Path,
    *,
    layer: str,
    covariates: Sequence[str] = (),
    genes: Sequence[str] | None = None,
) -> TrainingData:
    """Read from a prepared.h5ad only what a training needs; a matrix that was written to be mapped
    is left in its file.

    ``layer`` is ``"counts"`` or ``"X"``, ``covariates`` names obs columns. A cell without any count
    in the modelled genes gets library size 1, so that its log is finite. ``genes`` asks for these
    variables, in this order, in place of the file's own highly variable ones.

    Raises:
        ValueError: a column of ``covariates`` or some of ``genes`` are not in the file.
    """
    prepared = PreparedFile(path)
    obs, var = prepared.obs, prepared.var
    with prepared.open() as file:
        modelled = (
            np.flatnonzero(var["highly_variable"].to_numpy())
            if genes is None
            else _places(genes, var.index, path)
        )
        x = _read_matrix(
            file["layers/counts" if layer == "counts" else "X"],
            modelled,
            is_counts=layer == "counts",
        )
        obsm = {name: np.asarray(read_elem(file["obsm"][name])) for name in file["obsm"]}
    totals = (
        torch.from_numpy(x.row_sums().astype(np.float32))[:, None]
        if layer == "counts"
        else torch.ones(len(obs), 1)
    )
    split = obs["split"].to_numpy()
    levels, onehot = _onehot(obs, covariates, path)
    return TrainingData(
        x=x,
        library_size=totals.clamp(min=1),
        labels=_codes(obs),
        train=torch.from_numpy(np.flatnonzero(split == "train")),
        test=torch.from_numpy(np.flatnonzero(split == "test")),
        pca=obsm["X_pca"],
        obs=obs,
        obsm=obsm,
        covariates=onehot,
        levels=levels,
    )


def _read_matrix(
    stored: h5py.Group | h5py.Dataset, modelled: Int[np.ndarray, " vars"], *, is_counts: bool
) -> Float[Tensor, "obs vars"] | SparseRows:
    is_whole = isinstance(stored, h5py.Group) and np.array_equal(
        modelled, np.arange(stored.attrs["shape"][1])
    )
    if is_whole and all(_is_mappable(stored[name]) for name in ("data", "indices")):
        return SparseRows(
            _mapped(stored["data"]),
            _mapped(stored["indices"]),
            stored["indptr"][:].astype(np.int64),
            len(modelled),
        )
    matrix = read_elem(stored)[:, modelled]
    if is_counts:
        return sparse_rows(sparse.csr_array(matrix))
    n_stored = matrix.nnz if sparse.issparse(matrix) else np.count_nonzero(matrix)
    if n_stored <= SPARSE_BELOW * matrix.shape[0] * matrix.shape[1]:
        return sparse_rows(sparse.csr_array(matrix))
    return torch.from_numpy(
        np.ascontiguousarray(
            matrix.toarray() if sparse.issparse(matrix) else matrix, dtype=np.float32
        )
    )


def _rows(
    values: Shaped[Tensor, "obs columns"], cells: Int[Tensor, "replicas batch"]
) -> Shaped[Tensor, "replicas batch columns"]:
    """Return the rows of some cells: by index_select, which costs a fraction of what indexing with
    square brackets does.
    """
    return values.index_select(0, cells.reshape(-1)).view(*cells.shape, -1)


def _is_mappable(stored: h5py.Dataset) -> bool:
    return stored.chunks is None and stored.id.get_offset() is not None


def _mapped(stored: h5py.Dataset) -> np.ndarray:
    return np.asarray(
        np.memmap(
            stored.file.filename,
            dtype=stored.dtype,
            mode="r",
            offset=stored.id.get_offset(),
            shape=stored.shape,
        )
    )


def modelled_genes(path: str | Path) -> list[str]:
    """Return the names of the variables that a model of this prepared.h5ad reads, in order."""
    file = PreparedFile(path)
    return file.var.index[file.is_modelled].tolist()


def _places(genes: Sequence[str], present: pd.Index, path: str | Path) -> Int[np.ndarray, " genes"]:
    places = present.get_indexer(pd.Index(genes))
    if (places < 0).any():
        missing = [gene for gene, place in zip(genes, places, strict=True) if place < 0]
        raise ValueError(
            f"{path}: {len(missing)} of the {len(genes)} modelled genes are not in it (first:"
            f" {', '.join(missing[:3])}): give both data sets the same gene names, or keep more"
            " genes in preprocessing"
        )
    return places


def _onehot(
    obs: pd.DataFrame, columns: Sequence[str], path: str | Path
) -> tuple[tuple[str, ...], Float[Tensor, "obs covariates"]]:
    if absent := [column for column in columns if column not in obs]:
        raise ValueError(
            f"{path}: no obs column {', '.join(absent)}: name its source in the data sheet, or take"
            " it out of the variant's covariates"
        )
    factors = {
        column: obs[column].astype("category").cat.remove_unused_categories() for column in columns
    }
    frames = [
        pd.get_dummies(factor, prefix=column, prefix_sep="=", dtype=np.float32)
        for column, factor in factors.items()
    ]
    joined = pd.concat(frames, axis=1) if frames else pd.DataFrame(index=obs.index)
    return tuple(joined.columns), torch.from_numpy(
        np.ascontiguousarray(joined.to_numpy(np.float32))
    )


def _codes(obs: pd.DataFrame) -> Int[np.ndarray, " obs"]:
    if "label" not in obs:
        return np.full(len(obs), -1)
    return pd.Categorical(obs["label"]).codes.astype(np.int64)
