"""The product of sparse cells with a dense weight, with its gradient: an encoder's first layer that never makes its input dense. For float32 on a CPU."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable


@dataclass(frozen=True)
class SparseRows:
    """A CSR matrix: row i holds ``values[starts[i]:starts[i + 1]]`` in the given columns."""

    values: Float[np.ndarray, " nonzeros"]
    columns: Int[np.ndarray, " nonzeros"]
    starts: Int[np.ndarray, " rows_plus_one"]


@dataclass(frozen=True)
class SparseCells:
    """The rows of a minibatch, each replica its own: what an encoder's first layer may be given in place of a dense input."""

    rows: SparseRows
    cells: Int[Tensor, "replicas obs"]


def sparse_linear(rows: SparseRows, cells: Int[Tensor, "replicas obs"], weight: Float[Tensor, "replicas n_in n_out"]) -> Float[Tensor, "replicas obs n_out"]:
    """Return rows[cells] W for every replica, its own cells and its own W; the gradient is that of W alone."""
    return _SparseLinear.apply(rows, cells, weight)


class _SparseLinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx, rows, cells, weight):
        from latentbench.kernels import sparse_products  # numba: half a second to import

        cells = cells.contiguous()
        ctx.rows, ctx.cells, ctx.shape = rows, cells, weight.shape
        product = weight.new_empty(*cells.shape, weight.shape[2])
        sparse_products.rows_times_matrix(rows.values, rows.columns, rows.starts, cells.numpy(), weight.detach().contiguous().numpy(), product.numpy())
        return product

    @staticmethod
    @once_differentiable
    def backward(ctx, upstream):
        from latentbench.kernels import sparse_products

        gradient = upstream.new_empty(ctx.shape)
        rows = ctx.rows
        sparse_products.transposed_rows_times_matrix(rows.values, rows.columns, rows.starts, ctx.cells.numpy(), upstream.contiguous().numpy(), gradient.numpy())
        return None, None, gradient
