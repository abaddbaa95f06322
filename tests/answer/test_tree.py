"""The consensus tree against scipy's average linkage, and what must not change it."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.cluster.hierarchy import cut_tree, linkage
from scipy.spatial.distance import squareform
from sklearn.metrics import adjusted_rand_score

from latentbench.answer import tree as module
from latentbench.answer.members import Members, given, together
from latentbench.answer.tree import fewest_cells, grow


def coassociation(members):
    """Return equation (1) as a dense matrix."""
    return sum(
        weight * (member[:, None] == member[None])
        for member, weight in zip(members.clusters, members.weight, strict=True)
    )


def test_heights_are_those_of_scipys_average_linkage_of_all_cells(noisy):
    """With weights of which no two sums are equal: ties are broken by another order there."""
    members = noisy()[1]
    weight = np.random.default_rng(0).dirichlet(np.ones(len(members.weight)))
    members = replace(members, weight=weight)
    distance = 1 - coassociation(members)
    np.fill_diagonal(distance, 0)
    expected = linkage(squareform(np.maximum(distance, 0), checks=False), "average")
    tree = grow(members, min_cells=1)
    n_leaves = min(tree.n_leaves, 20)
    np.testing.assert_allclose(
        tree.height[1:n_leaves], expected[::-1, 2][: n_leaves - 1], atol=1e-5
    )
    for n_groups in (2, 3, 4):
        theirs = cut_tree(expected, n_groups)[:, 0]
        assert adjusted_rand_score(theirs, tree.cut_at(n_groups)) == 1.0


def test_planted_groups_of_unequal_size_are_found(noisy):
    groups, members = noisy()
    assert adjusted_rand_score(groups, grow(members).cut_at(4)) > 0.97


def test_no_group_has_fewer_cells_than_make_one(noisy):
    _, members = noisy(share_wrong=0.5)
    tree = grow(members, min_cells=12)
    for n_groups in range(1, tree.n_leaves + 1):
        assert np.bincount(tree.cut_at(n_groups)).min() >= 12
        assert len(np.unique(tree.cut_at(n_groups))) == n_groups


def test_order_of_cells_and_members_is_of_no_effect(noisy):
    _, members = noisy()
    rng = np.random.default_rng(3)
    cells = rng.permutation(members.clusters.shape[1])
    order = rng.permutation(len(members.weight))
    shuffled = Members(
        members.clusters[np.ix_(order, cells)],
        *(
            tuple(np.array(key)[order].tolist())
            for key in (members.variant, members.seed, members.clusterer)
        ),
        members.weight[order],
    )
    tree, again = grow(members), grow(shuffled)
    np.testing.assert_allclose(tree.height, again.height, atol=1e-5)
    for n_groups in (2, 4):
        assert adjusted_rand_score(tree.cut_at(n_groups)[cells], again.cut_at(n_groups)) == 1.0


def test_a_tree_over_a_part_of_the_cells_puts_the_others_into_the_same_groups(noisy, monkeypatch):
    groups, members = noisy((1200, 600, 300, 40))
    monkeypatch.setattr(module, "N_POINTS", 300)
    assert adjusted_rand_score(groups, grow(members).cut_at(4)) > 0.95


def test_a_member_of_weight_0_has_no_say(noisy):
    groups, members = noisy()
    stray = np.random.default_rng(0).permutation(groups)
    joined = together([members, given(stray, variant="stray")])
    weight = np.where(np.array(joined.variant) == "stray", 0.0, 1.0)
    silent = Members(joined.clusters, joined.variant, joined.seed, joined.clusterer, weight)
    kept = silent.of(np.flatnonzero(weight))
    np.testing.assert_array_equal(grow(silent).leaf, grow(kept).leaf)


@pytest.mark.parametrize(("n_obs", "few"), [(100, 5), (10_000, 25)])
def test_how_many_cells_make_a_group(n_obs, few):
    assert fewest_cells(n_obs) == few


@pytest.mark.slow
def test_200_000_cells_are_grown_in_bounded_time_and_memory(noisy):
    import time
    import tracemalloc

    _, members = noisy((100_000, 60_000, 30_000, 10_000), n_members=40, share_wrong=0.3)
    tracemalloc.start()
    started = time.perf_counter()
    tree = grow(members)
    assert time.perf_counter() - started < 60
    assert tracemalloc.get_traced_memory()[1] < 1e9
    tracemalloc.stop()
    assert np.bincount(tree.cut_at(4)).max() < 120_000


def test_many_points_at_nearly_equal_distances_have_a_tree():
    # Sums of the same weights in another order differ in the last bit: a chain of nearest
    # neighbours must not run in a circle over them.
    rng = np.random.default_rng(0)
    for _ in range(20):
        clusters = np.array([rng.permutation(np.arange(120) % k) for k in (2, 3, 5, 8, 13)])
        parts = [given(each, variant=f"v{i}") for i, each in enumerate(clusters)]
        assert grow(together(parts)).leaf.shape == (120,)
