import numpy as np
import pytest
from scipy import sparse

from latentbench.data.simulation_in_blocks import CELLS_PER_BLOCK, NAME, counts_in_blocks


@pytest.fixture(scope="module")
def simulated():
    return counts_in_blocks(CELLS_PER_BLOCK + 500, 3000)


@pytest.fixture(scope="module")
def matrix(simulated) -> sparse.csr_matrix:
    return sparse.vstack([block for _, block in simulated.values]).tocsr()


def test_blocks_are_the_same_every_time_and_do_not_depend_on_what_comes_after(simulated, matrix):
    again = counts_in_blocks(CELLS_PER_BLOCK, 3000)
    [(_, block)] = again.values

    assert (block != matrix[:CELLS_PER_BLOCK]).nnz == 0
    assert (
        again.frame.obs["group"].tolist() == simulated.frame.obs["group"].tolist()[:CELLS_PER_BLOCK]
    )


def test_counts_are_sorted_positive_whole_numbers_with_the_stated_totals(matrix):
    assert matrix.dtype == np.int32
    assert matrix.has_canonical_format
    assert matrix.data.min() == 1
    assert matrix.shape == (CELLS_PER_BLOCK + 500, 3000)
    assert np.median(np.asarray(matrix.sum(axis=1))) == pytest.approx(1800, rel=0.05)


def test_groups_differ_and_counts_vary_more_than_poisson(simulated, matrix):
    group = simulated.frame.obs["group"].to_numpy()
    first, second = (matrix[group == name].toarray() for name in ("group 0", "group 1"))

    fold = np.log((first.mean(axis=0) + 0.01) / (second.mean(axis=0) + 0.01))
    assert 0.02 < (np.abs(fold) > 1).mean() < 0.2
    common = first.mean(axis=0) > 1
    assert (first[:, common].var(axis=0) > 1.1 * first[:, common].mean(axis=0)).mean() > 0.95


@pytest.mark.parametrize(
    ("name", "is_one"),
    [("counts_10x20", True), ("counts", False), ("counts_0x20", False), ("counts_10x", False)],
)
def test_the_name_gives_cells_and_genes(name, is_one):
    assert (NAME.fullmatch(name) is not None) == is_one
