"""Sparse cells: how counts are kept, how a minibatch of them is gathered, and their product with an
encoder's first weight. Nothing is made dense.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import BFloat16, Float, Int, Integer, Real, UInt
from scipy import sparse
from torch import Tensor
from torch.autograd.function import once_differentiable


@dataclass(frozen=True)
class SparseCells:
    """The cells of a minibatch as CSR: row r * obs + i is cell i of replica r. ``shared`` says that
    a samples axis of length one follows the replicas, ``density`` (0 to 1) is that of the whole
    data set."""

    values: Float[np.ndarray, " nonzeros"]
    columns: UInt[np.ndarray, " nonzeros"]
    starts: Int[np.ndarray, " rows_plus_one"]
    n_replicas: int
    n_obs: int
    n_vars: int
    density: float
    shared: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the dense tensor that this stands for."""
        return (self.n_replicas, *([1] if self.shared else []), self.n_obs, self.n_vars)

    def unsqueeze(self, axis: int) -> "SparseCells":
        """Return the same cells with a samples axis of length one, as a tensor's method does."""
        if axis != 1 or self.shared:
            raise ValueError("sparse cells take one samples axis, behind the replicas")
        return replace(self, shared=True)

    def log1p(self) -> "SparseCells":
        """Return log(1 + x)."""
        from latentbench.kernels import sparse_products  # numba: half a second to import

        values = np.empty_like(self.values)
        sparse_products.log1p_of_counts(self.values, values)
        return replace(self, values=values)

    def to_bf16(self) -> BFloat16[Tensor, "replicas obs vars"]:
        """Return the dense tensor in bfloat16, filled without a detour by float32."""
        from latentbench.kernels import sparse_products

        dense = torch.zeros((self.n_replicas, self.n_obs, self.n_vars), dtype=torch.bfloat16)
        sparse_products.fill_bf16(
            self.values,
            self.columns,
            self.starts,
            dense.view(-1, self.n_vars).view(torch.uint16).numpy(),
        )
        return dense

    def to_dense(self) -> Float[Tensor, "replicas *samples obs vars"]:
        """Return the dense tensor."""
        dense = torch.zeros(self.shape)
        rows = np.repeat(np.arange(self.n_replicas * self.n_obs), np.diff(self.starts))
        dense.view(-1, self.n_vars).numpy()[rows, self.columns] = self.values
        return dense


@dataclass(frozen=True)
class SparseRows:
    """The cells of a data set as CSR, in types as small as hold them, in memory or mapped from a
    file.
    """

    values: Real[np.ndarray, " nonzeros"]
    columns: Integer[np.ndarray, " nonzeros"]
    starts: Int[np.ndarray, " rows_plus_one"]
    n_vars: int

    @property
    def shape(self) -> tuple[int, int]:
        """Cells and variables."""
        return len(self.starts) - 1, self.n_vars

    @property
    def density(self) -> float:
        """The share of values that are stored, from 0 to 1."""
        return len(self.values) / max(1, self.shape[0] * self.n_vars)

    def to_scipy(self) -> sparse.csr_array:
        """Return the matrix for scipy, in float32."""
        return sparse.csr_array(
            (self.values.astype(np.float32), self.columns.astype(np.int32), self.starts),
            shape=self.shape,
        )

    def gather(self, cells: Int[Tensor, "replicas obs"]) -> SparseCells:
        """Return the named cells, each replica its own."""
        from latentbench.kernels import sparse_products

        rows = cells.reshape(-1).numpy()
        starts = np.zeros(len(rows) + 1, np.int64)
        np.cumsum(self.starts[rows + 1] - self.starts[rows], out=starts[1:])
        values, columns = np.empty(starts[-1], np.float32), np.empty(starts[-1], np.uint32)
        sparse_products.gather_rows(
            self.values, self.columns, self.starts, rows, starts, values, columns
        )
        return SparseCells(
            values, columns, starts, len(cells), cells.shape[1], self.n_vars, self.density
        )

    def row_sums(self, *, chunk: int = 65536) -> Float[np.ndarray, " rows"]:
        """Return the sum of every row, read in chunks of rows."""
        sums = np.zeros(len(self.starts) - 1)
        for first in range(0, len(sums), chunk):
            starts = self.starts[first : first + chunk + 1]
            running = np.concatenate(
                [[0.0], np.cumsum(self.values[starts[0] : starts[-1]], dtype=np.float64)]
            )
            sums[first : first + chunk] = np.diff(running[starts - starts[0]])
        return sums


def sparse_rows(matrix: sparse.csr_matrix | sparse.csr_array) -> SparseRows:
    """Return a CSR matrix as rows in the smallest types that hold its values."""
    return SparseRows(
        smallest(matrix.data),
        matrix.indices.astype(np.uint16 if matrix.shape[1] <= 2**16 else np.int32),
        matrix.indptr.astype(np.int64),
        matrix.shape[1],
    )


def smallest(values: np.ndarray) -> np.ndarray:
    """Return values as uint8 or uint16 where these hold them all exactly, else as float32."""
    for kind in (np.uint8, np.uint16):
        largest = np.iinfo(kind).max
        if values.size == 0 or (
            values.min() >= 0
            and values.max() <= largest
            and np.array_equal(values, values.astype(kind))
        ):
            return values.astype(kind)
    return values.astype(np.float32)


def sparse_linear(
    cells: SparseCells, weight: Float[Tensor, "replicas n_in n_out"]
) -> Float[Tensor, "replicas obs n_out"]:
    """Return the cells times W, each replica its own; the gradient is that of W alone. For float32
    on a CPU.
    """
    return _SparseLinear.apply(cells, weight)


class _SparseLinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx, cells, weight):
        from latentbench.kernels import sparse_products

        ctx.cells, ctx.shape = cells, weight.shape
        product = weight.new_empty(cells.n_replicas, cells.n_obs, weight.shape[2])
        sparse_products.rows_times_matrix(
            cells.values,
            cells.columns,
            cells.starts,
            weight.detach().contiguous().numpy(),
            product.numpy(),
        )
        return product

    @staticmethod
    @once_differentiable
    def backward(ctx, upstream):
        from latentbench.kernels import sparse_products

        gradient = upstream.new_empty(ctx.shape)
        cells = ctx.cells
        sparse_products.transposed_rows_times_matrix(
            cells.values,
            cells.columns,
            cells.starts,
            upstream.contiguous().numpy(),
            gradient.numpy(),
        )
        return None, gradient
