"""Support of groups, splits and their number."""

import numpy as np

from latentbench.answer.members import given, together
from latentbench.answer.support import best_jaccard, resample, support_of
from latentbench.answer.tree import grow
from latentbench.outcomes import Unavailable


def test_jaccard_is_that_of_the_best_branch_by_hand(noisy):
    groups, members = noisy()
    tree = grow(members)
    expected = np.zeros(4)
    for k in range(1, tree.n_leaves + 1):
        cut = tree.cut_at(k)
        for group in range(4):
            for branch in range(k):
                both = ((groups == group) & (cut == branch)).sum()
                either = ((groups == group) | (cut == branch)).sum()
                expected[group] = max(expected[group], both / either)
    np.testing.assert_allclose(best_jaccard(groups, tree), expected)


def test_a_group_of_one_variant_alone_has_less_support_by_variants(noisy):
    groups, members = noisy()
    torn = np.where(groups == 0, 4 + np.arange(len(groups)) % 3, groups)
    odd = together([members, *(given(torn, variant=f"torn{n}") for n in range(2))])
    support = support_of(groups, odd)
    assert support.variants[0] < support.variants[1]
    assert isinstance(support.cells, Unavailable)
    assert support.seeds.min() > 0.8


def test_one_seed_and_one_variant_are_typed():
    clusters = np.repeat([0, 1, 2], 20)
    members = together([given(clusters, variant="a"), given(clusters // 2, variant="a")])
    support = support_of(clusters, members)
    assert "one seed" in support.seeds.reason
    assert "one variant" in support.variants.reason


def test_the_interval_holds_the_number_of_clear_groups_and_widens_with_doubt(noisy):
    intervals = []
    for share in (0.05, 0.6):
        _, members = noisy(share_wrong=share)
        resamples = resample(members, grow(members), n_resamples=20)
        intervals.append(resamples.interval())
    assert intervals[0] == (4, 4)
    assert np.ptp(intervals[1]) > 0


def test_splits_of_clear_groups_are_held_and_those_of_noise_are_not(noisy):
    _, members = noisy()
    tree = grow(members, min_cells=3)
    held = resample(members, tree, n_resamples=20).split_support
    assert held[:4].min() > 0.9
    assert held[4:].mean() < 0.6
