"""The resolution that gives a wanted number of clusters."""

import numpy as np

from latentbench.maths.bisection import nearest_number


def test_the_wanted_number_is_found():
    resolution, found = nearest_number(lambda at: np.arange(max(1, int(4 * at))), 9)
    assert found.max() + 1 == 9
    assert int(4 * resolution) == 9


def test_a_number_that_is_jumped_over_is_given_up_when_the_bracket_is_narrow():
    tried = []

    def jumps(at):
        tried.append(at)
        return np.arange(3 if at < 0.7 else 9)

    assert nearest_number(jumps, 5)[1].max() + 1 == 3
    assert len(tried) < 18
    assert abs(tried[-1] - 0.7) < 1e-3


def test_of_two_equally_near_numbers_the_smaller_wins():
    assert nearest_number(lambda at: np.arange(3 if at < 0.7 else 7), 5)[1].max() + 1 == 3
