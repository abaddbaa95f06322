"""Ranks and their tests against scipy, published tables and brute force."""

from itertools import permutations, product

import numpy as np
import pytest
from scikit_posthocs import posthoc_nemenyi_friedman
from scipy.stats import f, friedmanchisquare

from latentbench.evaluation.ranks import (
    N_PERMUTATIONS,
    clique_letters,
    cliques,
    critical_difference,
    friedman,
    rank_intervals,
    rank_scores,
    resampled_ranks,
)
from latentbench.outcomes import Outcome, Unavailable

DEMSAR = np.array(
    [
        *(
            [0.763, 0.768, 0.771, 0.798],
            [0.599, 0.591, 0.590, 0.569],
            [0.954, 0.971, 0.968, 0.967],
            [0.628, 0.661, 0.654, 0.657],
        ),
        *(
            [0.882, 0.888, 0.886, 0.898],
            [0.936, 0.931, 0.916, 0.931],
            [0.661, 0.668, 0.609, 0.685],
            [0.583, 0.583, 0.563, 0.625],
        ),
        *(
            [0.775, 0.838, 0.866, 0.875],
            [1.000, 1.000, 1.000, 1.000],
            [0.940, 0.962, 0.965, 0.962],
            [0.619, 0.666, 0.614, 0.669],
        ),
        *([0.972, 0.981, 0.9751, 0.975], [0.957, 0.978, 0.946, 0.970]),
    ]
)
"""AUC of four classifiers on 14 data sets: Demsar 2006, table 6, with two values apart that are
equal as printed and are ranked second and third there."""


def test_ranks_and_critical_difference_are_those_of_demsars_example():
    mean_ranks = rank_scores(DEMSAR).mean(axis=0)
    np.testing.assert_allclose(mean_ranks, [3.143, 2.000, 2.893, 1.964], atol=5e-4)
    assert 12 * 14 / (4 * 5) * ((mean_ranks**2).sum() - 4 * 25 / 4) == pytest.approx(
        9.28, abs=0.005
    ), "his statistic, which has no correction for ties"
    assert critical_difference(4, 14) == pytest.approx(1.25, abs=0.005)
    # With ties corrected, by R and Matlab (scipy's own test of this example).
    assert friedman(DEMSAR)[0].statistic == pytest.approx(10.2283464566929)


@pytest.mark.parametrize(
    ("n_models", "quantile"),
    [
        (2, 1.960),
        (3, 2.343),
        (4, 2.569),
        (5, 2.728),
        (6, 2.850),
        (7, 2.949),
        (8, 3.031),
        (9, 3.102),
        (10, 3.164),
    ],
)
def test_the_critical_values_are_those_of_demsars_table_5(n_models, quantile):
    assert critical_difference(n_models, 10) / np.sqrt(
        n_models * (n_models + 1) / 60
    ) == pytest.approx(quantile, abs=0.0015)


def test_the_difference_tells_apart_whom_nemenyis_test_in_scikit_posthocs_does():
    scores = np.random.default_rng(3).normal(size=(12, 6)) + 0.6 * np.arange(6)
    mean_ranks = rank_scores(scores).mean(axis=0)
    apart = np.abs(mean_ranks[:, None] - mean_ranks) >= critical_difference(6, 12)
    p_values = posthoc_nemenyi_friedman(scores).to_numpy()
    assert apart.any()
    assert not apart.all()
    np.testing.assert_array_equal(apart, p_values <= 0.05)


def test_for_many_data_sets_the_p_values_are_those_of_the_distributions():
    scores = np.random.default_rng(3).normal(size=(40, 6)) + 0.1 * np.arange(6)
    expected = friedmanchisquare(*scores.T)
    chi_square, ratio = friedman(scores)
    assert chi_square.p_value == pytest.approx(expected.pvalue)
    assert ratio.statistic == pytest.approx(39 * expected.statistic / (40 * 5 - expected.statistic))
    assert ratio.p_value == pytest.approx(f.sf(ratio.statistic, 5, 195))
    assert (chi_square.method, ratio.method) == ("chi-square distribution", "F distribution")


@pytest.mark.parametrize(
    "scores",
    [
        np.random.default_rng(0).normal(size=(3, 3)),
        np.array([[1.0, 1.0, 0.0], [3.0, 2.0, 1.0], [0.5, 0.7, 0.1]]),
    ],
)
def test_the_p_value_of_few_data_sets_is_that_of_every_permutation(scores):
    def statistic(ranks):
        return (np.sum(ranks, axis=0) ** 2).sum()

    ranks = rank_scores(scores)
    every = [statistic(rows) for rows in product(*[list(permutations(row)) for row in ranks])]
    expected = np.mean([value >= statistic(ranks) - 1e-9 for value in every])
    chi_square, ratio = friedman(scores)
    assert chi_square.p_value == ratio.p_value == pytest.approx(expected)
    assert chi_square.method == "exact, all 36 permutations"


def test_random_permutations_are_stated_seeded_and_near_the_distribution_they_approximate():
    scores = np.random.default_rng(5).normal(size=(25, 6)) + 0.15 * np.arange(6)
    chi_square, _ = friedman(scores)
    assert str(N_PERMUTATIONS) in chi_square.method
    assert "random state" in chi_square.method
    assert friedman(scores) == friedman(scores)
    assert chi_square.p_value == pytest.approx(friedmanchisquare(*scores.T).pvalue, abs=0.01)


def test_under_the_null_small_samples_reject_no_more_often_than_they_may():
    rng = np.random.default_rng(7)
    p_values = np.array([friedman(rng.normal(size=(4, 4)))[0].p_value for _ in range(400)])
    for level in (0.05, 0.2):
        assert (p_values <= level).mean() <= level + 3 * np.sqrt(level * (1 - level) / 400)
    assert (p_values <= 0.5).mean() > 0.4


def test_a_perfect_order_on_many_data_sets_has_an_infinite_ratio_and_the_smallest_p():
    chi_square, ratio = friedman(np.tile(np.arange(8.0), (8, 1)))
    assert chi_square.statistic == pytest.approx(56)
    assert ratio.statistic == np.inf
    assert ratio.p_value == pytest.approx(1 / (1 + N_PERMUTATIONS))


@pytest.mark.parametrize(
    ("shape", "held"),
    [
        ((1, 5), "1 data set and 5 contestants"),
        ((4, 2), "4 data sets and 2 contestants"),
        ((0, 0), "0 data sets"),
    ],
)
def test_too_few_data_sets_or_contestants_are_not_applicable_with_the_reason(shape, held):
    outcome = friedman(np.random.default_rng(0).normal(size=shape))
    assert isinstance(outcome, Unavailable)
    assert outcome.outcome == Outcome.NOT_APPLICABLE
    assert held in outcome.reason


def test_scores_that_are_all_alike_have_no_ranks_to_test():
    assert friedman(np.full((4, 3), 0.5)).outcome == Outcome.DEGENERATE


def test_scores_equal_up_to_rounding_share_their_rank():
    np.testing.assert_array_equal(rank_scores(np.array([[0.3, 0.1 + 0.2, 0.5]])), [[2.5, 2.5, 1.0]])


def test_cliques_are_the_largest_groups_within_the_difference():
    mean_ranks = np.array([3.1, 1.0, 2.0, 5.0])
    assert cliques(mean_ranks, 1.5) == [[1, 2], [2, 0], [3]]
    assert clique_letters(cliques(mean_ranks, 1.5), 4) == ["b", "a", "ab", "c"]
    assert cliques(mean_ranks, np.inf) == [[1, 2, 0, 3]]
    assert cliques(mean_ranks, 1.1) == [
        [1, 2],
        [0],
        [3],
    ], "a difference as large as the critical one tells apart"


def test_two_models_share_a_letter_exactly_where_they_are_within_the_difference():
    rng = np.random.default_rng(1)
    for _ in range(50):
        mean_ranks, difference = rng.uniform(1, 30, size=30), rng.uniform(0.1, 8)
        letters = clique_letters(cliques(mean_ranks, difference), 30)
        groups = [set(zip(text, text[1:] + " ", strict=True)) for text in letters]
        shares = np.array(
            [
                [bool({_name(pair) for pair in a} & {_name(pair) for pair in b}) for b in groups]
                for a in groups
            ]
        )
        np.testing.assert_array_equal(shares, np.abs(mean_ranks[:, None] - mean_ranks) < difference)


def _name(pair):
    """A letter, with its digit past the alphabet."""
    return pair if pair[1].isdigit() else pair[0]


def paired(rng, n_datasets, means, *, n_seeds=5, between=0.1, within=0.05):
    """Scores of models whose means over data sets are ``means``: an effect of the data set on each
    model, of the seed on all, and noise.
    """
    shape = (len(means), n_seeds)
    effects = rng.normal(scale=between, size=(n_datasets, len(means), 1))
    return [
        np.array(means)[:, None]
        + effect
        + rng.normal(scale=within, size=n_seeds)
        + rng.normal(scale=within, size=shape)
        for effect in effects
    ]


def test_seeds_are_paired_between_models():
    seeds = np.random.default_rng(0).normal(size=6)
    # The second is the first less a little: on any common draw of seeds it comes second, though the
    # seeds differ far more than the models.
    scores = [np.stack([seeds, seeds - 0.01])]
    np.testing.assert_array_equal(rank_intervals(scores, 500), [[1, 1], [2, 2]])


def test_the_resamples_of_one_data_set_have_the_frequencies_of_brute_force():
    values = np.array([[0.1, 0.9, 0.5], [0.45, 0.5, 0.52]])
    draws = list(product(range(3), repeat=3))
    expected = np.mean(
        [rank_scores(values[:, list(draw)].mean(axis=1)[None])[0] for draw in draws], axis=0
    )
    np.testing.assert_allclose(resampled_ranks([values], 40_000).mean(axis=0), expected, atol=0.015)


def test_a_missing_seed_leaves_a_model_its_others():
    values = np.array([[0.5, np.nan, 0.7], [0.1, 0.2, 0.3]])
    np.testing.assert_array_equal(rank_intervals([values, values], 500), [[1, 1], [2, 2]])
    alone = np.array([[np.nan, np.nan, 0.7], [0.1, 0.2, 0.3]])
    np.testing.assert_array_equal(rank_intervals([alone], 500), [[1, 1], [2, 2]])


def test_intervals_of_ranks_hold_their_estimate_and_reach_no_further_than_first_and_last():
    scores = paired(np.random.default_rng(2), 8, [0.5, 0.5, 0.5, 0.6])
    mean_ranks = np.mean([rank_scores(values.mean(axis=1)[None])[0] for values in scores], axis=0)
    low, high = rank_intervals(scores, 500).T
    assert (low <= mean_ranks).all()
    assert (mean_ranks <= high).all()
    assert low.min() >= 1
    assert high.max() <= 4


def test_a_single_seed_of_a_single_data_set_has_no_interval():
    assert np.isnan(rank_intervals([np.array([[0.5], [0.4]])], 200)).all()


def test_intervals_cover_the_expected_rank_as_often_as_they_say():
    rng, means = np.random.default_rng(11), [0.50, 0.52, 0.60, 0.70]
    expected = np.mean(
        [rank_scores(values.mean(axis=1)[None])[0] for values in paired(rng, 4000, means)], axis=0
    )
    covered = []
    for _ in range(150):
        low, high = rank_intervals(paired(rng, 8, means), 400).T
        covered.append((low <= expected) & (expected <= high))
    assert np.mean(covered) > 0.92
