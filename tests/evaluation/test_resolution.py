"""The label-free resolutions find the groups that are there."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from latentbench.evaluation.resolution import (
    RESOLUTIONS,
    _largest_within_one_standard_error,
    leiden_matching,
    leiden_stable,
)
from latentbench.neighbours import NeighbourGraph, leiden_at


@pytest.fixture(scope="module")
def groups():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 5, 400)
    z = 8 * np.eye(5)[labels] + rng.normal(size=(400, 5))
    return NeighbourGraph(z, np.ones(400, dtype=bool)).train, labels


def test_bisection_finds_the_declared_number_and_the_groups(groups):
    graph, labels = groups
    assert adjusted_rand_score(labels, leiden_matching(graph, 5, seed=0)) > 0.99


@pytest.mark.parametrize("n_clusters", [7, 9, 12])
def test_bisection_finds_other_numbers_too(groups, n_clusters):
    assert abs(int(leiden_matching(groups[0], n_clusters, seed=0).max()) + 1 - n_clusters) <= 1


def test_fewer_clusters_than_parts_of_the_graph_gives_the_nearest_number(groups):
    graph, _ = groups
    n_parts = len(graph.connected_components())
    assert int(leiden_matching(graph, 1, seed=0).max()) + 1 == n_parts


def test_the_most_stable_resolution_finds_the_groups_without_their_number(groups):
    graph, labels = groups
    assert adjusted_rand_score(labels, leiden_stable(graph, seed=0)) > 0.95


def test_a_graph_that_cannot_be_divided_gives_a_single_cluster():
    graph = NeighbourGraph(
        np.random.default_rng(0).normal(size=(6, 2)), np.ones(6, dtype=bool)
    ).train
    assert set(leiden_stable(graph, seed=0)) == {0}


def test_the_same_seed_gives_the_same_clusters_whatever_ran_before(groups):
    graph, _ = groups
    first = leiden_at(graph, 3.0, seed=1)
    leiden_at(graph, 1.0, seed=5)
    assert np.array_equal(leiden_at(graph, 3.0, seed=1), first)
    assert any(not np.array_equal(leiden_at(graph, 3.0, seed=seed), first) for seed in range(2, 8))


def test_the_largest_resolution_within_one_standard_error_of_the_best_is_chosen():
    agreements = np.array(
        [[0.9, 0.8], [1.0, 0.8], [0.86, 0.86], [0.5, 0.6]]
    )  # best 0.9, standard error 0.1
    assert _largest_within_one_standard_error(agreements) == 2
    assert list(RESOLUTIONS) == sorted(RESOLUTIONS)
