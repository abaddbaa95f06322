"""The counts that no model sees."""

import numpy as np
import pytest
from scipy import sparse

from latentbench.maths.count_splitting import split_counts


@pytest.fixture
def counts():
    return sparse.csr_matrix(np.random.default_rng(0).poisson(2.0, (300, 40)).astype(np.int32))


def test_the_parts_add_up_and_have_their_shares(counts):
    parts = split_counts(counts, held_out=0.2)
    seen, held_out = parts.seen, parts.held_out
    assert ((seen + held_out) != counts).nnz == 0
    assert min(seen.data.min(), held_out.data.min()) > 0
    n = counts.sum()
    assert held_out.sum() == pytest.approx(0.2 * n, abs=4 * np.sqrt(0.16 * n))


def test_parts_of_poisson_counts_are_independent(counts):
    parts = split_counts(counts, held_out=0.5)
    seen, held_out = (part.toarray().ravel() for part in (parts.seen, parts.held_out))
    assert abs(np.corrcoef(seen, held_out)[0, 1]) < 4 / np.sqrt(len(seen))


def test_parts_of_overdispersed_counts_share_what_equation_3_says():
    mean, theta = 4.0, 2.0
    rng = np.random.default_rng(0)
    counts = sparse.csr_matrix(rng.poisson(rng.gamma(theta, mean / theta, (4000, 20))))
    parts = split_counts(counts, held_out=0.2)
    a, b = (part.toarray().astype(float) for part in (parts.seen, parts.held_out))
    shared = ((a - a.mean(0)) * (b - b.mean(0))).mean()
    assert shared == pytest.approx(0.16 * mean**2 / theta, rel=0.05)


def test_another_seed_gives_other_parts(counts):
    one, other = (split_counts(counts, held_out=0.2, seed=seed).seen for seed in (1, 2))
    assert (one != other).nnz > 0


@pytest.mark.parametrize("wrong", [-1.0, 0.5, np.nan])
def test_counts_that_are_none_are_refused(wrong):
    with pytest.raises(ValueError, match="give raw counts"), np.errstate(invalid="ignore"):
        split_counts(sparse.csr_matrix([[1.0, wrong]]), held_out=0.2)


@pytest.mark.parametrize("share", [0, 1, -0.1])
def test_a_share_outside_0_to_1_is_refused(counts, share):
    with pytest.raises(ValueError, match="between 0 and 1"):
        split_counts(counts, held_out=share)


def test_which_cells_are_read_together_makes_no_difference(counts):
    whole = split_counts(counts, held_out=0.2).held_out
    rows = np.array([7, 3, 250])
    assert (split_counts(counts[rows], held_out=0.2, rows=rows).held_out != whole[rows]).nnz == 0


def test_no_cell_loses_all_its_molecules():
    single = sparse.csr_matrix(np.eye(200, dtype=np.int32))
    parts = split_counts(single, held_out=0.5)
    assert (parts.seen.sum(axis=1) == 1).all()
    assert parts.held_out.nnz == 0
