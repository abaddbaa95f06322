"""The neighbour graph against brute force."""

import numpy as np
import pytest

from latentbench import neighbours
from latentbench.neighbours import NeighbourGraph, leiden_at, nearest, nearest_others

K = 4


@pytest.fixture
def cells():
    rng = np.random.default_rng(0)
    return rng.normal(size=(40, 3)), np.arange(40) % 4 != 0


def brute_force(z_from, z_train, k):
    distances = np.linalg.norm(z_from[:, None] - z_train[None], axis=2)
    return [set(np.argsort(row)[:k]) for row in distances]


def test_edges_and_weights_are_the_jaccard_indices_of_the_neighbourhoods(cells):
    z, is_train = cells
    hoods = brute_force(z[is_train], z[is_train], K + 1)  # the nearest of a training cell is itself
    expected = {
        (i, j): len(hoods[i] & hoods[j]) / len(hoods[i] | hoods[j])
        for i in range(30)
        for j in range(i + 1, 30)
        if j in hoods[i] or i in hoods[j]
    }
    graph = NeighbourGraph(z, is_train, n_neighbors=K).train
    found = {tuple(sorted(edge.tuple)): edge["weight"] for edge in graph.es}
    assert found == pytest.approx(expected)


def test_a_test_cell_joins_the_cluster_with_the_largest_summed_weight(cells):
    z, is_train = cells
    clusters = np.random.default_rng(1).integers(0, 3, 30)
    hoods = brute_force(z[is_train], z[is_train], K + 1)
    expected = []
    for hood in brute_force(z[~is_train], z[is_train], K):
        votes = np.zeros(3)
        for j in hood:
            votes[clusters[j]] += len(hood & hoods[j]) / len(hood | hoods[j])
        expected.append(int(votes.argmax()))
    assert NeighbourGraph(z, is_train, n_neighbors=K).vote(clusters).tolist() == expected


def test_the_graph_is_the_same_at_any_scale_of_the_embedding(cells):
    z, is_train = cells
    near, far = (
        NeighbourGraph(scale * z, is_train, n_neighbors=K).train for scale in (1.0, 1024.0)
    )
    assert near.get_edgelist() == far.get_edgelist()
    assert near.es["weight"] == far.es["weight"]


def test_test_cells_do_not_move_the_graph(cells):
    z, is_train = cells
    moved = np.where(is_train[:, None], z, z + 5.0)
    assert (
        NeighbourGraph(z, is_train, n_neighbors=K).train.get_edgelist()
        == NeighbourGraph(moved, is_train, n_neighbors=K).train.get_edgelist()
    )


def test_more_neighbours_than_cells_join_all_cells():
    graph = NeighbourGraph(
        np.random.default_rng(0).normal(size=(5, 2)), np.ones(5, dtype=bool), n_neighbors=15
    )
    assert graph.train.ecount() == 10
    assert graph.vote(np.zeros(5, dtype=np.int64)).tolist() == []


def test_starting_from_fine_clusters_costs_no_modularity():
    rng = np.random.default_rng(0)
    z = 1.5 * rng.normal(size=(12, 6))[rng.integers(0, 12, 3000)] + rng.normal(size=(3000, 6))
    graph = NeighbourGraph(z, np.ones(3000, dtype=bool)).train
    for resolution in (0.2, 1.0, 3.0):
        cold = [
            neighbours._leiden(graph, resolution, seed, n_iterations=2, start=None)
            for seed in range(5)
        ]
        warm = [leiden_at(graph, resolution, seed).tolist() for seed in range(5)]
        of_cold, of_warm = (
            [graph.modularity(found, weights="weight", resolution=resolution) for found in each]
            for each in (cold, warm)
        )
        assert np.mean(of_warm) > np.mean(of_cold) - 0.003


def test_fine_clusters_are_forgotten_with_their_graph():
    graph = NeighbourGraph(
        np.random.default_rng(0).normal(size=(50, 2)), np.ones(50, dtype=bool)
    ).train
    leiden_at(graph, 1.0, seed=0)
    assert (id(graph), 0) in neighbours._FINE
    key = id(graph), 0
    del graph
    assert key not in neighbours._FINE


@pytest.mark.parametrize("shift", [0.0, 1e4])
def test_neighbours_are_exact_and_nearest_first_wherever_the_codes_lie(shift):
    points = np.random.default_rng(2).normal(size=(300, 10)) + shift
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    assert np.array_equal(nearest_others(points, 7), np.argsort(distances, axis=1)[:, 1:8])
    assert np.array_equal(nearest(points[:9], points, 7), np.argsort(distances[:9], axis=1)[:, :7])


def test_there_are_no_more_neighbours_than_points():
    three = np.arange(3.0)[:, None]
    assert nearest(np.array([[5.0]]), three, 9).tolist() == [[2, 1, 0]]
    assert nearest_others(np.zeros((1, 2)), 9).shape == (1, 0)
    assert nearest(np.zeros((0, 1)), three, 2).shape == (0, 2)
