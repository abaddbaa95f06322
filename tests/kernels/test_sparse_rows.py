import numpy as np
import pytest
import torch
from scipy import sparse

from latentbench.kernels.sparse_products import BLOCK
from latentbench.kernels.sparse_rows import SparseRows, smallest, sparse_linear, sparse_rows


def random_matrix(density=0.3, shape=(40, 33), seed=0):
    matrix = sparse.random_array(
        shape, density=density, format="csr", dtype=np.float32, rng=np.random.default_rng(seed)
    )
    matrix.data = np.ceil(300 * matrix.data).astype(np.float32)
    return matrix


@pytest.mark.parametrize("density", [0.0, 0.02, 0.3, 1.0])
def test_gathered_cells_are_those_of_the_matrix_each_replica_its_own(density):
    matrix = random_matrix(density)
    cells = torch.tensor([[3, 3, 39, 0], [7, 1, 2, 39]])
    gathered = sparse_rows(matrix).gather(cells)
    dense = torch.from_numpy(matrix.toarray())[cells]
    torch.testing.assert_close(gathered.to_dense(), dense, rtol=0, atol=0)
    torch.testing.assert_close(gathered.unsqueeze(1).to_dense(), dense[:, None], rtol=0, atol=0)
    torch.testing.assert_close(gathered.log1p().to_dense(), torch.log1p(dense))
    assert torch.equal(gathered.to_bf16(), dense.bfloat16())
    assert gathered.shape == (2, 4, 33)


def test_a_second_samples_axis_is_refused():
    cells = sparse_rows(random_matrix()).gather(torch.tensor([[0]]))
    with pytest.raises(ValueError, match="one samples axis"):
        cells.unsqueeze(1).unsqueeze(1)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([0, 1, 255], np.uint8),
        ([0, 256, 65535], np.uint16),
        ([0, 65536], np.float32),
        ([0.5, 1], np.float32),
        ([-1, 3], np.float32),
        ([], np.uint8),
    ],
)
def test_values_are_kept_in_the_smallest_type_that_holds_them(values, kind):
    kept = smallest(np.array(values, np.float64))
    assert kept.dtype == kind
    np.testing.assert_array_equal(kept.astype(np.float64), values)


def test_row_sums_are_exact_whatever_the_chunk():
    matrix = random_matrix(0.2)
    rows = sparse_rows(matrix)
    for chunk in (1, 7, 1000):
        np.testing.assert_array_equal(rows.row_sums(chunk=chunk), matrix.toarray().sum(1))


@pytest.mark.parametrize("density", [0.0, 0.02, 0.3, 1.0])
@pytest.mark.parametrize("n_vars", [33, 2 * BLOCK, 2 * BLOCK + 1])
@pytest.mark.parametrize("n_out", [1, 16, 90, 130])
def test_value_and_gradient_are_those_of_the_dense_product(density, n_vars, n_out):
    rng = np.random.default_rng(0)
    matrix = sparse.random_array(
        (40, n_vars), density=density, format="csr", dtype=np.float32, rng=rng
    )
    cells = torch.from_numpy(rng.integers(0, 40, (2, 25)))
    weight, upstream = torch.randn(2, n_vars, n_out, requires_grad=True), torch.randn(2, 25, n_out)
    product = sparse_linear(sparse_rows(matrix).gather(cells), weight)
    dense = torch.bmm(torch.from_numpy(matrix.toarray())[cells], weight)
    torch.testing.assert_close(product, dense)
    torch.testing.assert_close(
        *(torch.autograd.grad(value, weight, upstream)[0] for value in (product, dense))
    )


def test_the_entries_of_a_row_may_come_in_any_order():
    values, columns, starts = (
        np.array([1, 2, 3], np.float32),
        np.array([3 * BLOCK, 0, BLOCK], np.uint16),
        np.array([0, 3]),
    )
    weight = torch.randn(1, 4 * BLOCK, 20, requires_grad=True)
    product = sparse_linear(
        SparseRows(values, columns, starts, 4 * BLOCK).gather(torch.tensor([[0]])), weight
    )
    dense = (
        weight[:, columns.astype(int)].mul(torch.from_numpy(values)[:, None]).sum(1, keepdim=True)
    )
    torch.testing.assert_close(product, dense)
    torch.testing.assert_close(
        *(
            torch.autograd.grad(value.sum(), weight, retain_graph=True)[0]
            for value in (product, dense)
        )
    )


def test_a_replica_has_the_same_bytes_alone_and_beside_others():
    rng = np.random.default_rng(1)
    rows = sparse_rows(
        sparse.random_array((10, 20), density=0.2, format="csr", dtype=np.float32, rng=rng)
    )
    cells, weight = torch.from_numpy(rng.integers(0, 10, (3, 6))), torch.randn(3, 20, 8)
    together = sparse_linear(rows.gather(cells), weight)
    assert torch.equal(together[1:2], sparse_linear(rows.gather(cells[1:2]), weight[1:2]))


def test_rows_mapped_from_a_file_are_gathered_like_those_in_memory(tmp_path):
    matrix = random_matrix()
    rows = sparse_rows(matrix)
    for name in ("values", "columns"):
        getattr(rows, name).tofile(tmp_path / name)
    mapped = SparseRows(
        *(
            np.asarray(np.memmap(tmp_path / name, getattr(rows, name).dtype, mode="r"))
            for name in ("values", "columns")
        ),
        rows.starts,
        rows.n_vars,
    )
    cells = torch.tensor([[5, 2, 5]])
    assert torch.equal(mapped.gather(cells).to_dense(), rows.gather(cells).to_dense())
