"""Choosing a model without labels."""

import numpy as np
import pandas as pd
import pytest

from latentbench.answer.answer import find_groups
from latentbench.answer.choose import scores
from latentbench.answer.members import given, together


def test_the_variant_that_agrees_most_is_chosen(noisy):
    groups, members = noisy(share_wrong=0.3)
    joined = together([members, *(given(groups, variant="clear", seed=seed) for seed in (0, 1))])
    choice = find_groups(joined, n_resamples=20).choice
    assert choice.variant == "clear"
    assert choice.table.loc["clear", "chance"] >= 0.8
    assert choice.table.loc["clear", "stability"] == pytest.approx(1)


def test_equation_4_by_hand():
    table = pd.DataFrame(
        {
            "agreement": [0.1, 0.2, 0.3],
            "predictive": [3.0, np.nan, 1.0],
            "stability": [np.nan, np.nan, np.nan],
        },
        index=["a", "b", "c"],
    )
    np.testing.assert_allclose(scores(table), [0 + 1 + 0.25, 1 + 0.5 + 0.25, 2 + 0 + 0.25])
