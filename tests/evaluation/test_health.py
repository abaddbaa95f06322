"""How a mixture is used: against scipy's entropies, and the two ways to collapse."""

import numpy as np
import pytest
from scipy.stats import entropy

from latentbench.evaluation.health import HEALTH


def health(probs):
    return {name: measure(np.asarray(probs, dtype=np.float64)) for name, measure in HEALTH.items()}


def test_the_entropies_are_scipys_and_their_difference_is_the_mutual_information():
    probs = np.random.default_rng(0).dirichlet(np.full(5, 0.4), size=300)
    found = health(probs)
    assert found["usage_entropy"] == pytest.approx(entropy(probs.mean(axis=0)), abs=1e-12)
    assert found["assignment_entropy"] == pytest.approx(entropy(probs, axis=1).mean(), abs=1e-12)
    joint = probs / len(probs)
    expected = (
        joint * np.log(joint / (joint.sum(0, keepdims=True) * joint.sum(1, keepdims=True)))
    ).sum()
    assert found["mutual_information"] == pytest.approx(expected, abs=1e-12)


def test_sure_and_even_use_is_all_that_y_can_say():
    found = health(np.eye(4)[np.arange(40) % 4])
    assert found == pytest.approx(
        {
            "usage_entropy": np.log(4),
            "assignment_entropy": 0,
            "mutual_information": np.log(4),
            "components_in_use": 4,
            "confidence": 1,
        }
    )


@pytest.mark.parametrize(
    "probs",
    [np.eye(4)[np.zeros(40, dtype=int)], np.full((40, 4), 0.25)],
    ids=["one component", "all shared"],
)
def test_a_collapsed_mixture_says_nothing_of_x(probs):
    assert health(probs)["mutual_information"] == pytest.approx(0, abs=1e-12)


def test_a_component_with_less_than_a_hundredth_of_the_cells_is_not_in_use():
    probs = np.eye(3)[np.r_[np.zeros(500, dtype=int), np.ones(495, dtype=int), np.full(5, 2)]]
    assert health(probs)["components_in_use"] == 2
