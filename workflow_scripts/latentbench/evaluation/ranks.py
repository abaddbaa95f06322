"""Ranks of models over data sets: Friedman's test, Nemenyi's critical difference, and intervals of
the ranks.

r_ij is the rank of model j of k on data set i of n (1 is best, ties share their average), R_j its
sum over data sets. chi2, corrected for ties, is ``scipy.stats.friedmanchisquare``'s (1), and

    F = (n - 1) chi2 / (n (k - 1) - chi2),   k - 1 and (k - 1)(n - 1) degrees of freedom
                                             (2)  Iman, Davenport 1980
    CD = q_0.05(k, inf) / sqrt(2) sqrt(k (k + 1) / (6 n))
        (3)  Nemenyi 1963, whose p-values scikit-posthocs has, but not the difference

as Demsar (2006, JMLR 7, 1-30) recommends; q is the studentised range. (1) and (2) follow their
distributions for many data sets only. Up to ``MANY_DATASETS`` the p-value is therefore that of the
permutations of the ranks within each data set: all of them where they are few, otherwise a random
sample. F grows with chi2, so that both tests have the same permutations on their side, and the same
p-value.

The interval of a rank comes from the hierarchical bootstrap (``bootstrap.py``): data sets are
drawn, then seeds within each, the same for every model, and the ranks taken anew. Ranks of models
that are nearly equal are biased towards the middle in a resample (Hall and Miller 2009, Annals of
Statistics 37, 3929); the interval is widened to its estimate where it would miss it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count, permutations
from math import factorial
from string import ascii_lowercase

import numpy as np
from jaxtyping import Float
from scipy.stats import f, friedmanchisquare, rankdata, studentized_range

from latentbench.evaluation.bootstrap import ALPHA, RANDOM_STATE, widened_tail
from latentbench.outcomes import Outcome, Unavailable

LEAST_DATASETS, LEAST_MODELS = 2, 3
MANY_DATASETS = 30
MOST_ENUMERATED = 50_000
N_PERMUTATIONS = 20_000


@dataclass(frozen=True)
class RankTest:
    """A test that all models rank alike; ``df_residual`` is None where the distribution has
    one number of degrees of freedom; ``method``: where p is from.
    """

    name: str
    statistic: float
    df: float
    df_residual: float | None
    p_value: float
    method: str


def rank_scores(
    scores: Float[np.ndarray, "datasets models"],
) -> Float[np.ndarray, "datasets models"]:
    """Return the ranks in each row, 1 for the highest score; scores that agree to 12 decimals share
    the average of their ranks.
    """
    return rankdata(-np.round(scores, 12), axis=1).astype(np.float64)


def friedman(
    scores: Float[np.ndarray, "datasets models"],
) -> tuple[RankTest, RankTest] | Unavailable:
    """Return Friedman's test, equation (1), and Iman and Davenport's, equation (2), that all models
    score alike.
    """
    n, k = scores.shape
    if n < LEAST_DATASETS or k < LEAST_MODELS:
        held = f"{n} data set{'s' * (n != 1)} and {k} contestant{'s' * (k != 1)}"
        return Unavailable(
            Outcome.NOT_APPLICABLE,
            f"a test over data sets takes at least {LEAST_DATASETS} data sets and {LEAST_MODELS}"
            f" contestants, not {held}",
        )
    ranks = rank_scores(scores)
    if (ranks == ranks[0, 0]).all():
        return Unavailable(
            Outcome.DEGENERATE,
            "all contestants have the same score on every data set, so there are no ranks to test",
        )
    test = friedmanchisquare(*ranks.T)
    chi_square = float(test.statistic)
    left = n * (k - 1) - chi_square
    ratio = float((n - 1) * chi_square / left) if left > 1e-9 else np.inf
    df, df_residual = float(k - 1), float((k - 1) * (n - 1))
    if n > MANY_DATASETS:
        p_chi, p_f, methods = (
            float(test.pvalue),
            float(f.sf(ratio, df, df_residual)),
            ("chi-square distribution", "F distribution"),
        )
    else:
        p_chi, method = _permutation_p_value(ranks)
        p_f, methods = p_chi, (method, method)
    return RankTest("friedman", chi_square, df, None, p_chi, methods[0]), RankTest(
        "iman_davenport", ratio, df, df_residual, p_f, methods[1]
    )


def _permutation_p_value(ranks: Float[np.ndarray, "datasets models"]) -> tuple[float, str]:
    """Return the share of permutations within rows whose rank sums spread at least as much, and how
    they were had.

    The first row may stay as it is: permuting all rows alike changes nothing.
    """
    n, k = ranks.shape
    observed = (ranks.sum(axis=0) ** 2).sum() - 1e-9
    if factorial(k) ** (n - 1) <= MOST_ENUMERATED:
        sums = ranks[:1]
        for row in ranks[1:]:
            sums = (sums[:, None] + np.array(list(permutations(row)))[None]).reshape(-1, k)
        return (
            float(((sums**2).sum(axis=1) >= observed).mean()),
            f"exact, all {len(sums)} permutations",
        )
    rng = np.random.default_rng([RANDOM_STATE, n, k])
    sums = sum(
        (rng.permuted(np.tile(row, (N_PERMUTATIONS, 1)), axis=1) for row in ranks[1:]), ranks[0]
    )
    larger = int(((sums**2).sum(axis=1) >= observed).sum())
    return (1 + larger) / (
        1 + N_PERMUTATIONS
    ), f"{N_PERMUTATIONS} random permutations, random state {RANDOM_STATE}"


def critical_difference(n_models: int, n_datasets: int) -> float:
    """Return the difference in mean rank from which on two models are told apart at 5 %, equation
    (3).
    """
    quantile = float(studentized_range.ppf(1 - ALPHA, n_models, np.inf))
    return quantile / np.sqrt(2) * np.sqrt(n_models * (n_models + 1) / (6 * n_datasets))


def cliques(mean_ranks: Float[np.ndarray, " models"], difference: float) -> list[list[int]]:
    """Return the largest groups of models whose mean ranks lie within less than ``difference``,
    best first; a model on its own is a group of one.
    """
    order = np.argsort(mean_ranks, kind="stable")
    found: list[list[int]] = []
    reached = 0
    for i, first in enumerate(order):
        end = i + int((mean_ranks[order[i:]] - mean_ranks[first] < difference - 1e-12).sum())
        if end > reached:
            found.append(order[i:end].tolist())
            reached = end
    return found


def clique_letters(groups: Sequence[Sequence[int]], n_models: int) -> list[str]:
    """Return each model's letters, one for every group that holds it: models without a letter in
    common are told apart.
    """
    names = (letter + (str(turn) if turn else "") for turn in count() for letter in ascii_lowercase)
    letters = [""] * n_models
    for name, group in zip(names, groups, strict=False):
        for model in group:
            letters[model] += name
    return letters


def rank_intervals(
    scores: Sequence[Float[np.ndarray, "models _"]], n_bootstrap: int
) -> Float[np.ndarray, "models 2"]:
    """Return the 95 % interval of every model's mean rank over data sets; NaN where there is a
    single data set with a single seed.

    ``scores``: one array a data set, a column a seed, NaN where a model has none of that seed;
    every model has one at least."""
    n_units = len(scores) if len(scores) > 1 else scores[0].shape[1]
    if n_units < 2:
        return np.full((len(scores[0]), 2), np.nan)
    estimate = np.mean(
        [
            _ranks_of_means(
                np.ones((1, values.shape[1])), values, np.nanmean(values, axis=1)[None]
            )[0]
            for values in scores
        ],
        axis=0,
    )
    tail = widened_tail(n_units)
    resampled = resampled_ranks(scores, n_bootstrap)
    low, high = (
        np.quantile(resampled, tail, axis=0, method="lower"),
        np.quantile(resampled, 1 - tail, axis=0, method="higher"),
    )
    return np.stack([np.minimum(low, estimate), np.maximum(high, estimate)], axis=1)


def resampled_ranks(
    scores: Sequence[Float[np.ndarray, "models _"]], n_bootstrap: int
) -> Float[np.ndarray, "resamples models"]:
    """Return mean ranks of resamples: data sets with replacement, then seeds within each drawn data
    set with replacement, the same for all models.
    """
    rng = np.random.default_rng([RANDOM_STATE, len(scores)])
    drawn = rng.integers(len(scores), size=(n_bootstrap, len(scores)))
    ranks = np.empty((*drawn.shape, len(scores[0])))
    for dataset, values in enumerate(scores):
        here = drawn == dataset
        n_seeds = values.shape[1]
        times = rng.multinomial(
            n_seeds, np.full(n_seeds, 1 / n_seeds), size=int(here.sum())
        ).astype(np.float64)
        # A model none of whose seeds was drawn takes one of them at random.
        spare = np.stack(
            [rng.choice(own[~np.isnan(own)], size=len(times)) for own in values], axis=1
        )
        ranks[here] = _ranks_of_means(times, values, spare)
    return ranks.mean(axis=1)


def _ranks_of_means(
    times: Float[np.ndarray, "draws seeds"],
    values: Float[np.ndarray, "models seeds"],
    spare: Float[np.ndarray, "draws models"],
) -> Float[np.ndarray, "draws models"]:
    """Return the ranks of the models by their means over the drawn seeds that they have; ``spare``
    stands in where they have none.
    """
    counted = times @ (~np.isnan(values)).T.astype(np.float64)
    sums = times @ np.nan_to_num(values).T
    return rank_scores(np.where(counted > 0, sums / np.maximum(counted, 1), spare))
