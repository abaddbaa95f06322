"""Hierarchical bootstrap of a mean, with its interval and test: data sets are drawn, then seeds
within each (Davison and Hinkley 1997, section 3.8).

The percentile interval of few units is too narrow. Its tails are therefore widened as Hesterberg
(2015, doi:10.1080/00031305.2015.1089789) proposes,

    alpha' / 2 = Phi( -sqrt(n / (n - 1)) t_{1 - alpha/2, n - 1} )                       (1)

and a mean is compared with 0 by Student's t with the bootstrap's standard error, corrected by the
same factor,

    t = mean / ( se_boot sqrt(n / (n - 1)) ),  n - 1 degrees of freedom                 (2)

n counts the units drawn first: data sets, or seeds where there is one data set. With one data set
(2) is the paired t-test up to Monte Carlo error."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from scipy.special import ndtr, stdtr, stdtrit

RANDOM_STATE = 20_240_229
"""The bootstrap's one seed: every mean over samples of the same sizes meets the same draws,
whatever else is in the table."""

ALPHA = 0.05

Groups = Sequence[Float[np.ndarray, " _"]]
"""One array a group, of any lengths."""


def mean_of_means(groups: Groups) -> float:
    """Return the mean over groups (data sets) of the mean over units (seeds)."""
    return float(np.mean([group.mean() for group in groups]))


def resampled_means(groups: Groups, n_bootstrap: int) -> Float[np.ndarray, " resamples"]:
    """Return ``mean_of_means`` of ``n_bootstrap`` resamples: groups with replacement, then units
    within each drawn group with replacement.
    """
    sizes = np.array([len(group) for group in groups])
    padded = np.zeros((len(groups), sizes.max()))
    for row, group in zip(padded, groups, strict=True):
        row[: len(group)] = group
    rng = np.random.default_rng([RANDOM_STATE, len(groups)])
    drawn = rng.integers(len(groups), size=(n_bootstrap, len(groups)))
    drawn_sizes = sizes[drawn][:, :, None]
    units = (rng.random((n_bootstrap, len(groups), sizes.max())) * drawn_sizes).astype(np.int64)
    counted = np.arange(sizes.max()) < drawn_sizes
    return ((padded[drawn[:, :, None], units] * counted).sum(axis=2) / drawn_sizes[:, :, 0]).mean(
        axis=1
    )


def interval(groups: Groups, n_bootstrap: int) -> tuple[float, float]:
    """Return the 95 % interval of ``mean_of_means`` by equation (1); NaN where there is a single
    unit.
    """
    n = _n_drawn_first(groups)
    if n < 2:
        return np.nan, np.nan
    tail = widened_tail(n)
    low, high = np.quantile(resampled_means(groups, n_bootstrap), [tail, 1 - tail])
    return float(low), float(high)


def widened_tail(n: int) -> float:
    """Return alpha' / 2 of equation (1) for a sample of ``n`` > 1 units."""
    return float(ndtr(-np.sqrt(n / (n - 1)) * stdtrit(n - 1, 1 - ALPHA / 2)))


def p_value(groups: Groups, n_bootstrap: int) -> float:
    """Return the two-sided p-value of ``mean_of_means`` = 0 by equation (2), at least 1 /
    (n_bootstrap + 1); NaN where there is a single unit.
    """
    n = _n_drawn_first(groups)
    if n < 2:
        return np.nan
    mean = mean_of_means(groups)
    error = float(resampled_means(groups, n_bootstrap).std()) * np.sqrt(n / (n - 1))
    if abs(mean) < 1e-12:
        return 1.0
    smallest = 1 / (n_bootstrap + 1)
    return smallest if error < 1e-12 else max(float(2 * stdtr(n - 1, -abs(mean) / error)), smallest)


def holm(
    p_values: Float[np.ndarray, " tests"], *, n_tests: int | None = None
) -> Float[np.ndarray, " tests"]:
    """Return Holm's (1979) adjusted p-values; NaN (no test) counts as a test and stays NaN.

    ``n_tests``: the size of the family where these tests were picked from a larger one (default:
    these are all)."""
    n_tests = n_tests or len(p_values)
    order = np.argsort(p_values)  # NaN last
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.maximum.accumulate(
        p_values[order] * np.arange(n_tests, n_tests - len(p_values), -1)
    )
    return np.minimum(adjusted, 1.0)


def _n_drawn_first(groups: Groups) -> int:
    return len(groups) if len(groups) > 1 else len(groups[0])
