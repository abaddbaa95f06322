import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import adjusted_rand_score

from latentbench.evaluation.clusterings import Replica, merged
from latentbench.maths.merging import (
    MERGED_ABOVE,
    merged_components,
    overlaps,
    sums_over_groups,
)
from latentbench.neighbours import NeighbourGraph
from latentbench.outcomes import Outcome


def posteriors(x, means):
    """Return the posterior probabilities of a mixture of equal unit Gaussians."""
    densities = norm.pdf(x[:, None], means)
    return densities / densities.sum(1, keepdims=True)


def test_the_overlap_of_two_gaussians_is_the_share_of_one_on_the_far_side_of_their_middle():
    x = np.random.default_rng(0).normal(np.repeat([0.0, 2.0], 100_000))
    overlap = overlaps(posteriors(x, [0.0, 2.0]))
    assert overlap[0, 1] == pytest.approx(norm.cdf(-1), abs=0.003)
    assert np.array_equal(overlap, overlap.T)
    assert not overlap.diagonal().any()


def test_the_overlap_is_that_of_the_component_more_of_whose_cells_are_mistaken():
    probs = np.array([[0.6, 0.4], [0.6, 0.4], [0.0, 1.0], [0.0, 1.0]])
    # .8 of 2.8 cells of the second are taken for the first; none of the first for the second
    assert overlaps(probs)[0, 1] == pytest.approx(0.8 / 2.8)


def test_components_of_one_group_are_merged_and_groups_apart_are_not():
    truth = np.repeat([0, 1, 2], 500)
    x = np.random.default_rng(1).normal(np.array([0.0, 12.0, 24.0])[truth])
    probs = posteriors(x, [-0.5, 0.5, 12.0, 23.5, 24.0, 24.5])
    groups = merged_components(probs)
    assert groups.tolist() == [0, 0, 1, 2, 2, 2]
    assert adjusted_rand_score(truth, sums_over_groups(probs, groups).argmax(1)) == 1.0


def test_a_chain_of_overlapping_components_becomes_one_and_a_stricter_rule_merges_less():
    means = np.arange(5) * 1.5
    x = np.random.default_rng(2).normal(np.repeat(means, 400))
    probs = posteriors(x, means)
    assert merged_components(probs).max() == 0
    numbers = [merged_components(probs, above=above).max() + 1 for above in (0.05, 0.3, 0.6)]
    assert numbers == sorted(numbers)
    assert numbers[-1] == 5


def test_certain_components_stay_as_they_are_and_empty_ones_take_no_cell_along():
    probs = np.eye(4)[np.repeat([0, 1, 3], 20)]
    groups = merged_components(probs)
    assert len(np.unique(groups[[0, 1, 3]])) == 3
    nearly = probs + 1e-9
    assert len(np.unique(merged_components(nearly / nearly.sum(1, keepdims=True))[[0, 1, 3]])) == 3
    assert merged_components(np.ones((7, 1))).tolist() == [0]


def test_the_probabilities_of_groups_add_up():
    probs = np.random.default_rng(3).dirichlet(np.ones(4), 10).astype(np.float32)
    summed = sums_over_groups(probs, np.array([1, 0, 1, 1]))
    np.testing.assert_allclose(
        summed, np.stack([probs[:, 1], probs[:, [0, 2, 3]].sum(1)], 1), rtol=1e-6
    )
    assert summed.dtype == np.float32


def replica(probs, is_train):
    z = np.random.default_rng(0).normal(size=(len(is_train), 2)).astype(np.float32)
    return Replica(z, is_train, NeighbourGraph(z, is_train), None, 0, probs)


def test_merged_needs_components_and_test_cells_decide_nothing():
    rng = np.random.default_rng(4)
    x = rng.normal(np.repeat([0.0, 3.0, 12.0], [100, 100, 300]))
    probs, is_train = posteriors(x, [0.0, 3.0, 12.0]).astype(np.float32), rng.random(500) < 0.8
    clusters = merged(replica(probs, is_train))
    assert 0.03 < overlaps(probs[is_train].astype(np.float64))[0, 1] < MERGED_ABOVE
    assert len(np.unique(clusters)) == 3
    blurred = probs.copy()
    blurred[~is_train] = 1 / 3
    assert np.array_equal(merged(replica(blurred, is_train))[is_train], clusters[is_train])
    assert np.bincount(clusters[is_train]).argmax() == 0
    without = merged(replica(None, is_train))
    assert without.outcome == Outcome.NOT_APPLICABLE
    assert "does not cluster by itself" in without.reason
