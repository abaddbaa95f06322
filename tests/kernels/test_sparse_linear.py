import numpy as np
import pytest
import torch
from scipy import sparse

from latentbench.kernels.sparse_linear import SparseRows, sparse_linear


@pytest.mark.parametrize("density", [0.0, 0.02, 0.3, 1.0])
@pytest.mark.parametrize("n_out", [1, 16, 130])
def test_value_and_gradient_are_those_of_the_dense_product(density, n_out):
    rng = np.random.default_rng(0)
    matrix = sparse.random_array((40, 33), density=density, format="csr", dtype=np.float32, rng=rng)
    rows = SparseRows(matrix.data, matrix.indices, matrix.indptr)
    cells = torch.from_numpy(rng.integers(0, 40, (2, 25)))
    weight, upstream = torch.randn(2, 33, n_out, requires_grad=True), torch.randn(2, 25, n_out)
    product = sparse_linear(rows, cells, weight)
    dense = torch.bmm(torch.from_numpy(matrix.toarray())[cells], weight)
    torch.testing.assert_close(product, dense)
    torch.testing.assert_close(*(torch.autograd.grad(value, weight, upstream)[0] for value in (product, dense)))


def test_a_replica_has_the_same_bytes_alone_and_beside_others():
    rng = np.random.default_rng(1)
    matrix = sparse.random_array((10, 20), density=0.2, format="csr", dtype=np.float32, rng=rng)
    rows = SparseRows(matrix.data, matrix.indices, matrix.indptr)
    cells, weight = torch.from_numpy(rng.integers(0, 10, (3, 6))), torch.randn(3, 20, 8)
    together = sparse_linear(rows, cells, weight)
    assert torch.equal(together[1:2], sparse_linear(rows, cells[1:2], weight[1:2]))
