"""Where the tree is cut."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from latentbench.answer.cut import (
    Agreement,
    agreement_of,
    agreements,
    best_cut,
    cut_into,
    structure,
)
from latentbench.answer.members import effective_number, given, together
from latentbench.answer.tree import grow


def test_agreement_is_the_ari_of_every_cut_with_every_member(noisy):
    _, members = noisy()
    tree = grow(members)
    expected = [
        [adjusted_rand_score(tree.cut_at(k), member) for member in members.clusters]
        for k in range(1, tree.n_leaves + 1)
    ]
    found, granularity = agreements(tree, members)
    np.testing.assert_allclose(found, expected, atol=1e-9)
    np.testing.assert_allclose(
        granularity, [effective_number(tree.cut_at(k)) for k in range(1, tree.n_leaves + 1)]
    )


def test_equation_3_by_hand(noisy):
    _, members = noisy()
    tree = grow(members)
    found, granularity = agreements(tree, members)
    near = np.log(granularity[3] / members.granularity) / 0.25
    weight = members.weight * np.exp(-0.5 * near**2)
    expected = (weight @ found[3]) / weight.sum()
    assert agreement_of(tree, members).alike[3] == pytest.approx(expected)


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


def test_members_that_agree_hardly_more_than_a_null_say_one_group(noisy):
    _, members = noisy()
    tree = grow(members)
    assert best_cut(tree, members, null=null_of(0.99, 0.99)).n_groups == 1
    assert best_cut(tree, members, null=null_of(0.2, 0.99)).n_groups == 4


def test_members_as_fine_as_the_cut_may_agree_where_all_do_not(noisy):
    _, members = noisy()
    assert best_cut(grow(members), members, null=null_of(0.99, 0.1)).n_groups == 4


def null_of(overall: float, alike: float) -> Agreement:
    """Agreement on a Gaussian, the same at every granularity."""
    every = np.ones(30)
    return Agreement(np.arange(1.0, 31), overall * every, alike * every, every)


def test_equation_2_by_hand():
    assert structure(0.6, 0.2) == pytest.approx(0.5)


def test_a_declared_number_merges_what_costs_least_agreement(noisy):
    _, members = noisy()
    tree = grow(members, min_cells=5)
    found = best_cut(tree, members)
    groups = cut_into(tree, members, 3, found)[tree.leaf]
    of_found = found.group_of_leaf[tree.leaf]

    def mean_ari(clusters):
        aris = [adjusted_rand_score(clusters, member) for member in members.clusters]
        return np.dot(aris, members.weight)

    merged = [
        mean_ari(np.where(of_found == other, one, of_found))
        for one in range(4)
        for other in range(one)
    ]
    assert len(np.unique(groups)) == 3
    assert mean_ari(groups) == pytest.approx(max(merged))


def test_a_declared_number_above_the_number_found_cuts_the_tree_further(noisy):
    _, members = noisy()
    tree = grow(members, min_cells=3)
    found = best_cut(tree, members)
    np.testing.assert_array_equal(cut_into(tree, members, 6, found), tree.group_of_leaf(6))
