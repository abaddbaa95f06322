import numpy as np
import pytest
from scipy import sparse
from sklearn.cluster import KMeans

from latentbench.answer.reality import (
    Rule,
    beyond_null,
    merge_until_told_apart,
    separability,
    space_of,
)
from latentbench.maths.count_splitting import split_counts

N_GENES = 200


def counts_of(sizes, *, effect=1.0, seed=0, depth=0.3):
    """Poisson counts of groups that differ in 30 genes each, and the groups."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(len(sizes)), sizes)
    log_rate = np.tile(rng.normal(0, 1, N_GENES), (len(sizes), 1))
    for group in range(len(sizes)):
        log_rate[group, rng.choice(N_GENES, 30, replace=False)] += effect
    rate = np.exp(log_rate)[groups] * rng.lognormal(0, depth, (len(groups), 1))
    return sparse.csr_matrix(rng.poisson(rate)), groups


def cut(space, n_clusters):
    return KMeans(n_clusters, n_init=1, random_state=0).fit(space.seen[:, :10]).labels_


def halves(counts, *, seed=0, **options):
    """The space of counts of which half is held out."""
    return space_of(split_counts(counts, held_out=0.5, seed=seed), **options)


def test_groups_that_differ_stay_and_their_pieces_merge():
    counts, groups = counts_of([200, 150, 20], effect=1.8)
    pieces = groups * 2 + np.random.default_rng(1).integers(0, 2, len(groups))
    merges = merge_until_told_apart(halves(counts), pieces)
    assert merges.separability.n_groups == 3
    assert merges.became.tolist() == [0, 0, 1, 1, 2, 2]
    assert merges.groups.tolist() == groups.tolist()
    assert len(merges.steps) == 3


def test_one_population_that_was_cut_is_one_group():
    counts, _ = counts_of([400])
    space = halves(counts)
    assert merge_until_told_apart(space, cut(space, 8)).separability.n_groups == 1


def test_a_gradient_of_library_size_is_no_group():
    counts, _ = counts_of([400], depth=1.0)
    space = halves(counts)
    by_size = (space.log_size > np.median(space.log_size)).astype(int)
    assert merge_until_told_apart(space, by_size).separability.n_groups == 1


def test_a_continuum_is_no_group():
    rng = np.random.default_rng(0)
    place = rng.normal(0, 0.7, (500, 1))
    slope = rng.normal(0, 1, (1, N_GENES)) * (rng.random(N_GENES) < 0.2)
    counts = sparse.csr_matrix(rng.poisson(np.exp(1 + place * slope)))
    space = halves(counts)
    merges = merge_until_told_apart(space, cut(space, 2))
    assert merges.separability.n_groups == 1
    assert merges.steps["auc"].iloc[0] > 0.9


def test_tests_of_one_population_reject_as_often_as_they_say():
    p_values = []
    for seed in range(60):
        counts, _ = counts_of([150], seed=seed)
        space = halves(counts, seed=seed, n_pcs=10)
        p_values.append(separability(space, cut(space, 2), seed=seed).pairs["p"].iloc[0])
    assert np.mean(np.array(p_values) < 0.05) < 0.15
    assert 0.3 < np.mean(p_values) < 0.75


def test_batches_of_one_population_are_no_groups_where_both_groups_are_in_both():
    counts, groups = counts_of([200, 200], effect=2.0)
    rng = np.random.default_rng(0)
    batch = groups
    cells = rng.integers(0, 2, 400)
    merges = merge_until_told_apart(halves(counts), cells, batch=batch)
    assert merges.separability.n_groups == 1


def test_groups_that_share_no_batch_are_flagged():
    counts, groups = counts_of([100, 100], effect=2.0)
    found = separability(halves(counts), groups, batch=groups)
    assert found.pairs["confounded"].all()


def test_a_group_of_a_few_cells_joins_its_nearest():
    counts, groups = counts_of([100, 100], effect=2.0)
    few = groups.copy()
    few[:3] = 2
    merges = merge_until_told_apart(halves(counts), few)
    assert merges.groups.tolist() == groups.tolist()


def test_cells_of_no_group_stay_so():
    counts, groups = counts_of([100, 100], effect=2.0)
    some = np.where(np.arange(200) % 10 == 0, -1, groups)
    assert ((merge_until_told_apart(halves(counts), some).groups == -1) == (some == -1)).all()


def test_the_matrix_is_symmetric():
    counts, groups = counts_of([100, 100, 100], effect=2.0)
    matrix = separability(halves(counts), groups).matrix
    np.testing.assert_array_equal(matrix, matrix.T)
    assert matrix[0, 1] > 0.95


def test_the_same_seed_gives_the_same_merges():
    counts, groups = counts_of([100, 100], effect=0.5)
    one, same = (merge_until_told_apart(halves(counts, seed=3), groups) for _ in range(2))
    assert one.separability.pairs.equals(same.separability.pairs)
    assert one.steps.equals(same.steps)


def test_groups_of_other_cells_are_refused():
    counts, groups = counts_of([50, 50])
    with pytest.raises(ValueError, match="one for every cell"):
        separability(halves(counts), groups[:10])


def test_the_share_beyond_the_null_can_be_asked_for():
    counts, groups = counts_of([200, 150], effect=1.8)
    space = halves(counts)
    share = float(beyond_null(separability(space, groups).pairs).iloc[0])
    assert 0 < share <= 1
    for asked, told in ((share - 1e-3, True), (share + 1e-3, False)):
        rule = Rule(discreteness=0.0, auc=0.0, beyond_null=asked)
        assert bool(separability(space, groups, rule=rule).pairs["told_apart"].iloc[0]) is told
