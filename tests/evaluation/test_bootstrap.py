"""The bootstrap against closed forms."""

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from latentbench.evaluation.bootstrap import holm, interval, mean_of_means, p_value, resampled_means
from latentbench.outcomes import Outcome, Unavailable

RNG = np.random.default_rng(0)


def test_resampled_means_have_the_mean_and_variance_of_the_plain_bootstrap():
    values = RNG.normal(size=8)
    drawn = resampled_means([values], 40_000)
    assert drawn.mean() == pytest.approx(values.mean(), abs=4 * values.std() / np.sqrt(8 * 40_000))
    assert drawn.std() == pytest.approx(values.std() / np.sqrt(8), rel=0.02)


def test_the_hierarchical_bootstrap_adds_the_variance_within_and_between_groups():
    groups = [RNG.normal(loc=loc, size=size) for loc, size in ((0.0, 3), (1.0, 5), (2.5, 9))]
    between = np.var([group.mean() for group in groups]) / 3
    within = np.mean([group.var() / len(group) for group in groups]) / 3
    assert resampled_means(groups, 60_000).var() == pytest.approx(between + within, rel=0.03)
    assert mean_of_means(groups) == pytest.approx(np.mean([group.mean() for group in groups]))


@pytest.mark.parametrize("loc", [0.1, 0.5, 1.5])
def test_with_one_group_the_test_is_students(loc):
    values = np.random.default_rng(1).normal(loc=loc, size=5)
    assert p_value([values], 50_000) == pytest.approx(ttest_1samp(values, 0.0).pvalue, rel=0.05)


def test_the_interval_of_five_values_covers_the_mean_far_more_often_than_the_plain_percentiles():
    rng = np.random.default_rng(2)
    samples = [rng.normal(size=5) for _ in range(400)]
    widened = np.mean(
        [low <= 0 <= high for low, high in (interval([sample], 500) for sample in samples)]
    )
    plain = np.mean(
        [
            low <= 0 <= high
            for low, high in (
                np.quantile(resampled_means([sample], 500), [0.025, 0.975]) for sample in samples
            )
        ]
    )
    assert plain < 0.88
    assert widened > 0.90


def test_a_single_unit_has_no_interval():
    assert np.isnan(interval([np.array([0.5])], 200)).all()


@pytest.mark.parametrize(
    "groups",
    [
        [np.array([0.5])],
        [np.array([0.2, 0.2])],
        [np.array([0.2, 0.3])],
        [np.full(5, 0.2)],
        [np.array([0.2, 0.2]), np.array([0.2])],
    ],
    ids=["one", "two equal ones", "two", "five times the same", "two data sets"],
)
def test_below_three_distinct_units_there_is_no_test_and_the_reason_is_typed(groups):
    found = p_value(groups, 2000)
    assert isinstance(found, Unavailable)
    assert found.outcome == Outcome.NOT_APPLICABLE
    assert "a test takes 3" in found.reason


def test_three_distinct_units_have_a_test():
    assert 0 < p_value([np.array([0.20, 0.21, 0.22])], 2000) < 0.05


def test_the_order_of_other_samples_does_not_matter():
    values = RNG.normal(size=5)
    first = interval([values], 500)
    interval([RNG.normal(size=9)], 500)
    assert interval([values], 500) == first


def test_holm_multiplies_by_the_number_of_tests_left_and_never_falls():
    assert holm(np.array([0.01, 0.04, 0.03])) == pytest.approx([0.03, 0.06, 0.06])
    assert holm(np.array([0.6, 0.5])) == pytest.approx([1.0, 1.0])
    assert holm(np.array([np.nan, 0.02]))[1] == pytest.approx(0.04)
    assert np.isnan(holm(np.array([np.nan, 0.02]))[0])
    assert holm(np.array([0.01, 0.2]), n_tests=10) == pytest.approx([0.1, 1.0])
    assert holm(np.array([])).size == 0
