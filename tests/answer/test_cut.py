"""Where the tree is cut."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from latentbench.answer.cut import agreements, best_cut, told_apart
from latentbench.answer.members import given, together
from latentbench.answer.tree import grow


def test_agreement_is_the_ari_of_every_cut_with_every_member(noisy):
    _, members = noisy()
    tree = grow(members)
    expected = [
        [adjusted_rand_score(tree.cut_at(k), member) for member in members.clusters]
        for k in range(1, tree.n_leaves + 1)
    ]
    np.testing.assert_allclose(agreements(tree, members), expected, atol=1e-9)


def test_the_number_of_groups_is_found(noisy):
    groups, members = noisy()
    tree = grow(members)
    cut = best_cut(tree, members)
    assert cut.n_groups == 4
    assert adjusted_rand_score(groups, cut.group_of_leaf[tree.leaf]) > 0.97


def test_the_number_found_does_not_follow_the_number_of_fine_members(noisy):
    groups, members = noisy()
    rng = np.random.default_rng(0)
    fine = [
        given(groups * 8 + rng.integers(0, 8, len(groups)), variant=f"model{n % 4}", seed=9 + n)
        for n in range(16)
    ]
    joined = together([members, *fine])
    assert best_cut(grow(joined), joined).n_groups == 4


def test_members_that_agree_no_more_than_a_null_say_one_group(noisy):
    _, members = noisy()
    tree = grow(members)
    assert best_cut(tree, members, null_agreement=0.99).n_groups == 1
    assert best_cut(tree, members, null_agreement=0.2).n_groups == 4


@pytest.mark.parametrize(("at_least", "n_groups"), [(0.5, 4), (0.85, 3), (9.0, 1)])
def test_groups_that_held_out_data_do_not_tell_apart_are_one(at_least, n_groups):
    groups = np.repeat([0, 1, 2, 3], 10)
    position = np.array([0.0, 0.8, 3.0, 6.0])[groups]

    def separability(one, other):
        return abs(position[one].mean() - position[other].mean())

    merged = told_apart(groups, separability, at_least=at_least)
    assert len(np.unique(merged)) == n_groups
    if n_groups == 3:
        np.testing.assert_array_equal(np.unique(merged), [0, 2, 3])
