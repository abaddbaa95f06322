"""Nearest neighbours against brute force, in every number of leaves and with ties."""

import numpy as np
import pytest

from latentbench.nearest import LEAF_SIZE, in_leaves, nearest, nearest_others


def brute_force(queries, points, k, *, others=False):
    squares = ((queries[:, None].astype(np.float64) - points[None]) ** 2).sum(2)
    if others:
        np.fill_diagonal(squares, np.inf)
    return np.argsort(squares, axis=1, kind="stable")[:, :k]  # stable: a tie goes to the lower row


@pytest.mark.parametrize(
    ("n_obs", "n_latent"), [(2, 1), (LEAF_SIZE, 3), (LEAF_SIZE + 1, 2), (1000, 10), (700, 40)]
)
def test_the_nearest_points_are_those_of_brute_force_in_their_order(n_obs, n_latent):
    rng = np.random.default_rng(0)
    points, queries = (
        rng.normal(size=(n_obs, n_latent)).astype(np.float32),
        rng.normal(size=(300, n_latent)).astype(np.float32),
    )
    leaves = in_leaves(points)
    k = min(15, n_obs - 1)
    assert np.array_equal(nearest_others(leaves, k), brute_force(points, points, k, others=True))
    assert np.array_equal(nearest(queries, leaves, k), brute_force(queries, points, k))


def test_ties_go_to_the_lower_row_even_among_many_equal_points():
    points = (
        np.random.default_rng(0).integers(0, 3, (600, 2)).astype(np.float32)
    )  # nine places for 600 points
    assert np.array_equal(
        nearest_others(in_leaves(points), 7), brute_force(points, points, 7, others=True)
    )


def test_points_far_from_the_origin_lose_no_neighbour():
    points = np.random.default_rng(0).normal(size=(500, 4)) + 1e6
    assert np.array_equal(
        nearest_others(in_leaves(points), 5), brute_force(points, points, 5, others=True)
    )


def test_no_more_neighbours_than_points_and_none_for_a_lone_one():
    three = in_leaves(np.arange(3.0)[:, None])
    assert nearest_others(three, 9).tolist() == [[1, 2], [0, 2], [1, 0]]
    assert nearest(np.array([[5.0]]), three, 9).tolist() == [[2, 1, 0]]
    assert nearest_others(in_leaves(np.zeros((1, 2))), 9).shape == (1, 0)
    assert nearest(np.zeros((0, 1)), three, 2).shape == (0, 2)
