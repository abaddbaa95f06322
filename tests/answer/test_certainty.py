"""The certainty of a cell, and its calibration."""

import numpy as np
import pytest

from latentbench.answer.certainty import (
    calibrate,
    calibration_error,
    carries_majority,
    certainty_of,
    placements,
)


def test_placements_are_shares_of_the_cells_that_members_put_with_a_cell(noisy):
    groups, members = noisy()
    placed = placements(groups, members)
    np.testing.assert_allclose(placed.sum(axis=1), 1, atol=1e-5)


def test_cells_on_which_members_differ_are_less_certain(noisy):
    groups, members = noisy(share_wrong=0.3)
    found = certainty_of(groups, members)
    wrong = (members.clusters != members.clusters[0]).mean(axis=0)
    assert np.corrcoef(found.value, wrong)[0, 1] < 0
    assert (found.runner_up != groups).all()
    assert found.value.min() >= 0
    assert found.value.max() <= 1


def test_one_group_is_certain(noisy):
    groups, members = noisy()
    found = certainty_of(np.zeros_like(groups), members)
    assert (found.value == 1).all()


def test_calibration_learns_what_a_certainty_was_worth():
    rng = np.random.default_rng(0)
    value = rng.random(5000)
    correct = rng.random(5000) < value**2
    fitted = calibrate([value], [correct])
    assert np.all(np.diff(fitted.accuracy) >= 0)
    assert calibration_error(value, correct) > 0.1
    assert calibration_error(fitted(value), correct) < 0.03


def test_calibration_error_by_hand():
    certainty = np.array([0.95, 0.95, 0.15, 0.15])
    correct = np.array([True, False, False, False])
    assert calibration_error(certainty, correct) == pytest.approx((0.9 + 0.3) / 4)


def test_the_majority_of_a_group():
    groups = np.array([0, 0, 0, 1, 1])
    labels = np.array([2, 2, 1, 0, 0])
    np.testing.assert_array_equal(carries_majority(groups, labels), [True, True, False, True, True])
