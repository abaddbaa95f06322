"""What a training sees of a prepared data set: the modelled genes of one layer, resident in memory and gathered by index."""

from dataclasses import dataclass, replace
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import torch
from anndata.io import read_elem
from jaxtyping import Float, Int
from scipy import sparse
from torch import Tensor

from latentbench.kernels.sparse_linear import SparseCells, SparseRows
from latentbench.likelihoods import AbstractLikelihood
from latentbench.models.interface import Minibatch

SPARSE_BELOW = 0.24
"""Share of non-zeros below which the sparse first layer is faster than the dense one in float32 (benchmarks/training_step.py)."""


@dataclass(frozen=True)
class TrainingData:
    """The cells of one data set as a model reads them.

    ``x`` holds the values of the highly variable genes (or all pixels, all variables), ``labels`` the class codes with -1 where unlabelled: only ``tasks`` and
    the controls may look at them. ``train`` and ``test`` are indices of cells. ``encoder_rows`` is what the encoder reads, where that is kept sparse.
    """

    x: Float[Tensor, "obs vars"]
    library_size: Float[Tensor, "obs 1"]
    labels: Int[np.ndarray, " obs"]
    train: Int[Tensor, " train"]
    test: Int[Tensor, " test"]
    pca: Float[np.ndarray, "obs components"]
    obs: pd.DataFrame
    obsm: dict[str, np.ndarray]
    encoder_rows: SparseRows | None = None

    @property
    def n_obs(self) -> int:
        """How many cells."""
        return len(self.x)

    @property
    def n_vars(self) -> int:
        """How many modelled variables."""
        return self.x.shape[1]

    def with_sparse_inputs(self, likelihood: AbstractLikelihood) -> "TrainingData":
        """Return the same data with what the encoder reads kept as sparse rows, where enough of it is zero to make that the faster way on a CPU."""
        if likelihood.binarises:
            return self
        inputs = sparse.csr_array(likelihood.encoder_input(self.x[None])[0].numpy())
        if inputs.nnz > SPARSE_BELOW * self.n_obs * self.n_vars:
            return self
        return replace(self, encoder_rows=SparseRows(inputs.data, inputs.indices, inputs.indptr))

    def to(self, device: torch.device) -> "TrainingData":
        """Return the same data with its tensors on ``device``, dense."""
        return replace(
            self, encoder_rows=None, x=self.x.to(device), library_size=self.library_size.to(device), train=self.train.to(device), test=self.test.to(device)
        )

    def minibatch(
        self, cells: Int[Tensor, "replicas obs"], likelihood: AbstractLikelihood, *, y: Int[Tensor, "replicas obs"] | None = None, sampled: bool = True
    ) -> Minibatch:
        """Gather cells, each replica its own, and prepare them for a likelihood.

        ``y`` are the observed classes (none: all -1). ``sampled`` False leaves out the likelihood's own randomness (binarisation), as embedding a cell should.
        """
        raw = self.x[cells]
        x = likelihood.observe(raw) if sampled else raw
        hidden = torch.full_like(cells, -1) if y is None else y
        inputs = likelihood.encoder_input(x) if self.encoder_rows is None else SparseCells(self.encoder_rows, cells)
        return Minibatch(inputs, x, self.library_size[cells], hidden)


def read_training_data(path: str | Path, *, layer: str) -> TrainingData:
    """Read from a prepared.h5ad only what a training needs.

    ``layer`` is ``"counts"`` or ``"X"``. A cell without any count in the modelled genes gets library size 1, so that its log is finite.
    """
    with h5py.File(path) as file:
        obs, var = read_elem(file["obs"]), read_elem(file["var"])
        matrix = read_elem(file["layers/counts"] if layer == "counts" else file["X"])
        obsm = {name: np.asarray(read_elem(file["obsm"][name])) for name in file["obsm"]}
    modelled = matrix[:, np.flatnonzero(var["highly_variable"].to_numpy())]
    x = torch.from_numpy(np.ascontiguousarray(modelled.toarray() if sparse.issparse(modelled) else modelled, dtype=np.float32))
    library_size = x.sum(1, keepdim=True).clamp(min=1) if layer == "counts" else torch.ones(len(x), 1)
    split = obs["split"].to_numpy()
    return TrainingData(
        x=x,
        library_size=library_size,
        labels=_codes(obs),
        train=torch.from_numpy(np.flatnonzero(split == "train")),
        test=torch.from_numpy(np.flatnonzero(split == "test")),
        pca=obsm["X_pca"],
        obs=obs,
        obsm=obsm,
    )


def _codes(obs: pd.DataFrame) -> Int[np.ndarray, " obs"]:
    if "label" not in obs:
        return np.full(len(obs), -1)
    return pd.Categorical(obs["label"]).codes.astype(np.int64)
