"""Reliability of cluster probabilities: by hand, against a draw that is calibrated by construction,
and where there is nothing to compare.
"""

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from latentbench.evaluation.calibration import class_of_clusters, reliability
from latentbench.outcomes import Outcome, Unavailable


def test_clusters_are_matched_so_that_most_cells_agree_and_a_pair_without_a_cell_is_no_match():
    labels = np.array([0, 0, 0, 1, 1, 2, -1])
    clusters = np.array([2, 2, 1, 0, 0, 0, 3])
    assert class_of_clusters(labels, clusters, 4).tolist() == [1, -1, 0, -1]


def test_the_matching_is_scipys():
    rng = np.random.default_rng(0)
    labels, clusters = rng.integers(0, 5, 400), rng.integers(0, 5, 400)
    table = np.array(
        [[np.sum((labels == i) & (clusters == j)) for j in range(5)] for i in range(5)]
    )
    rows, columns = linear_sum_assignment(-table)
    assert class_of_clusters(labels, clusters, 5)[columns].tolist() == rows.tolist()


def test_labels_drawn_from_the_probabilities_themselves_are_calibrated():
    rng = np.random.default_rng(1)
    probs = rng.dirichlet(np.full(4, 0.7), size=40_000)
    labels = (probs.cumsum(axis=1) > rng.random((len(probs), 1))).argmax(axis=1)
    found = reliability(probs, labels, np.arange(4))
    assert found.expected_calibration_error < 0.01
    assert found.n_obs.sum() == len(probs)


def test_the_error_by_hand():
    probs = np.array([[0.95, 0.05], [0.95, 0.05], [0.65, 0.35], [0.35, 0.65]])
    labels = np.array([0, 1, 0, 0])
    found = reliability(probs, labels, np.array([0, 1]))
    assert found.n_obs[[6, 9]].tolist() == [2, 2]
    assert found.accuracy[[6, 9]].tolist() == [0.5, 0.5]
    assert found.expected_calibration_error == pytest.approx(
        0.5 * abs(0.5 - 0.65) + 0.5 * abs(0.5 - 0.95)
    )


def test_a_cluster_without_a_class_is_wrong_however_sure():
    found = reliability(
        np.tile([1.0, 0.0], (6, 1)), np.array([0, 0, 0, 1, 1, 1]), np.array([-1, 0])
    )
    assert found.expected_calibration_error == 1.0


def test_unlabelled_cells_do_not_count_and_no_labels_are_not_applicable():
    probs = np.array([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5]])
    assert reliability(probs, np.array([0, 1, -1]), np.array([0, 1])).n_obs.sum() == 2
    nothing = reliability(probs, np.array([-1, -1, -1]), np.array([0, 1]))
    assert isinstance(nothing, Unavailable)
    assert nothing.outcome is Outcome.NOT_APPLICABLE
