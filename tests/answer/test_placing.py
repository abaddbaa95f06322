import numpy as np
import pytest

from latentbench.answer.placing import OUTSIDE, place


@pytest.fixture
def old():
    rng = np.random.default_rng(0)
    groups = np.repeat([0, 1], [300, 100])
    return rng.normal(size=(400, 5)) + 8 * groups[:, None], groups


def drawn(group, n_obs=200, seed=1):
    return np.random.default_rng(seed).normal(size=(n_obs, 5)) + 8 * group


def test_cells_like_the_old_ones_get_their_group_and_few_are_called_outside(old):
    z, groups = old
    placed = place(drawn(1), z, groups, np.full(400, 0.9))
    assert set(placed.groups[~placed.is_outside]) == {1}
    assert np.allclose(placed.certainty, 0.9)
    assert placed.is_outside.mean() < 10 * OUTSIDE


def test_cells_of_another_kind_are_outside_and_have_no_group(old):
    z, groups = old
    placed = place(drawn(-3), z, groups, np.ones(400))
    assert placed.is_outside.all()
    assert set(placed.groups) == {-1}


def test_between_two_groups_the_certainty_is_shared(old):
    z, groups = old
    between = np.full((1, 5), 4.0)
    assert place(between, z, groups, np.ones(400), n_nearest=200).certainty[0] < 0.8


def test_codes_of_another_model_are_refused(old):
    z, groups = old
    with pytest.raises(ValueError, match="codes of 3 dimensions cannot be placed among codes of 5"):
        place(np.zeros((2, 3)), z, groups, np.ones(400))
