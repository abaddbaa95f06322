import numpy as np
import pytest
from scipy import sparse

from latentbench.answer.thinning import N_IN_BLOCK, inverse_dispersion, thin

MU, THETA = 4.0, 2.0


def covariance_z(parts) -> float:
    """The covariance of the parts over all genes, in standard errors."""
    a, b = (np.asarray(part.todense(), dtype=float) for part in (parts.seen, parts.held_out))
    products = (a - a.mean(0)) * (b - b.mean(0))
    return float(products.mean() / (products.std() / np.sqrt(products.size)))


def negative_binomial(rng, shape):
    return sparse.csr_matrix(rng.poisson(rng.gamma(THETA, MU / THETA, shape)))


def test_the_parts_add_up_to_the_counts():
    counts = sparse.csr_matrix(np.random.default_rng(0).poisson(1, (50, 30)))
    parts = thin(counts, seed=1)
    assert (parts.seen + parts.held_out - counts).nnz == 0
    assert parts.seen.dtype == parts.held_out.dtype == np.int32


def test_the_same_seed_gives_the_same_parts_and_another_seed_others():
    counts = sparse.csr_matrix(np.random.default_rng(0).poisson(3, (N_IN_BLOCK + 5, 3)))
    one, same, other = (thin(counts, seed=seed).seen for seed in (1, 1, 2))
    assert (one != same).nnz == 0
    assert (one != other).nnz > 0


def test_the_share_is_what_the_first_part_gets():
    counts = sparse.csr_matrix(np.random.default_rng(0).poisson(5, (400, 50)))
    assert thin(counts, share=0.8, seed=0).seen.sum() / counts.sum() == pytest.approx(0.8, abs=0.01)


def test_parts_of_poisson_counts_are_independent():
    counts = sparse.csr_matrix(np.random.default_rng(0).poisson(MU, (4000, 20)))
    assert abs(covariance_z(thin(counts, seed=0))) < 3.5


def test_parts_of_overdispersed_counts_share_what_equation_5_says():
    counts = negative_binomial(np.random.default_rng(0), (4000, 20))
    parts = thin(counts, seed=0)
    a, b = (np.asarray(part.todense(), dtype=float) for part in (parts.seen, parts.held_out))
    shared = ((a - a.mean(0)) * (b - b.mean(0))).mean()
    assert shared == pytest.approx(MU**2 / THETA / 4, rel=0.05)


@pytest.mark.parametrize("known", [True, False])
def test_parts_of_overdispersed_counts_are_independent_given_the_dispersion(known):
    counts = negative_binomial(np.random.default_rng(0), (1000, 200))
    theta = np.full(200, THETA) if known else inverse_dispersion(counts)
    assert abs(covariance_z(thin(counts, theta=theta, seed=0))) < 3.5


def test_the_dispersion_is_recovered_inside_groups_that_differ():
    rng = np.random.default_rng(0)
    groups = np.arange(6000) % 2
    mean = np.where(groups[:, None] == 0, np.linspace(2, 8, 60), np.linspace(8, 2, 60))
    size = rng.uniform(0.5, 2, (6000, 1))
    counts = sparse.csr_matrix(rng.poisson(rng.gamma(THETA, size * mean / THETA)))
    assert np.median(inverse_dispersion(counts, groups)) == pytest.approx(THETA, rel=0.1)
    assert np.median(inverse_dispersion(counts)) < 0.9 * THETA


def test_poisson_counts_have_no_dispersion():
    counts = sparse.csr_matrix(np.random.default_rng(0).poisson(MU, (4000, 20)))
    assert (inverse_dispersion(counts) > 50).all()


@pytest.mark.parametrize("wrong", [0.5, -1.0])
def test_counts_that_are_none_are_refused(wrong):
    with pytest.raises(ValueError, match="raw counts"):
        thin(sparse.csr_matrix([[1.0, wrong]]))


def test_a_share_outside_0_to_1_and_a_theta_of_0_are_refused():
    with pytest.raises(ValueError, match="share"):
        thin(sparse.csr_matrix([[1]]), share=1.0)
    with pytest.raises(ValueError, match="theta"):
        thin(sparse.csr_matrix([[1]]), theta=np.zeros(1))
