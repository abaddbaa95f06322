"""Hierarchical bootstrap of a mean, with its interval and test: data sets are drawn, then seeds
within each (Davison and Hinkley 1997, section 3.8).

The percentile interval of few units is too narrow. Its tails are therefore widened as Hesterberg
(2015, doi:10.1080/00031305.2015.1089789) proposes,

    alpha' / 2 = Phi( -sqrt(n / (n - 1)) t_{1 - alpha/2, n - 1} )                       (1)

and a mean is compared with 0 by Student's t with the bootstrap's standard error, corrected by the
same factor,

    t = mean / ( se_boot sqrt(n / (n - 1)) ),  n - 1 degrees of freedom                 (2)

n counts the units drawn first: data sets, or seeds where there is one data set. With one data set
(2) is the paired t-test up to Monte Carlo error.

Seeds of one data set are scored on the same test cells, and say nothing of how the score would vary
over others. Where that is known (``cell_error``, a standard error over cells, which no number of
seeds makes smaller), each half of the interval and the error of the test are widened by it,

    low' = mean - sqrt( (mean - low)^2 + (z_{1 - alpha/2} se_cells)^2 ),  high' alike      (3)
    t = mean / sqrt( se_boot^2 n / (n - 1) + se_cells^2 )                                  (4)
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from latentbench.outcomes import Outcome, Unavailable

RANDOM_STATE = 20_240_229
"""The bootstrap's one seed: every mean over samples of the same sizes meets the same draws,
whatever else is in the table."""

ALPHA = 0.05
LEAST_DISTINCT = 3
"""Units of different value that a test takes: two equal ones leave no spread to compare with."""

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


def interval(groups: Groups, n_bootstrap: int, *, cell_error: float = 0.0) -> tuple[float, float]:
    """Return the 95 % interval of ``mean_of_means`` by equations (1) and (3); NaN where there is a
    single unit.
    """
    n = _n_drawn_first(groups)
    if n < 2:
        return np.nan, np.nan
    tail = widened_tail(n)
    ends = np.quantile(resampled_means(groups, n_bootstrap), [tail, 1 - tail])
    if not cell_error:
        return float(ends[0]), float(ends[1])
    mean, of_cells = mean_of_means(groups), float(ndtri(1 - ALPHA / 2)) * cell_error
    below, above = np.hypot(ends - mean, of_cells)
    return mean - float(below), mean + float(above)


def widened_tail(n: int) -> float:
    """Return alpha' / 2 of equation (1) for a sample of ``n`` > 1 units."""
    return float(ndtr(-np.sqrt(n / (n - 1)) * stdtrit(n - 1, 1 - ALPHA / 2)))


def p_value(groups: Groups, n_bootstrap: int, *, cell_error: float = 0.0) -> float | Unavailable:
    """Return the two-sided p-value of ``mean_of_means`` = 0 by equations (2) and (4), at least 1 /
    (n_bootstrap + 1); there is no test below ``LEAST_DISTINCT`` units of different value.

    Units of one value are one unit counted again, such as the seeds of a method without chance."""
    units = [group.mean() for group in groups] if len(groups) > 1 else groups[0]
    n, n_distinct = len(units), len(np.unique(np.round(units, 12)))
    if n_distinct < LEAST_DISTINCT:
        return Unavailable(
            Outcome.NOT_APPLICABLE,
            f"no test: {n_distinct} distinct difference{'s' * (n_distinct != 1)}, a test takes"
            f" {LEAST_DISTINCT}",
        )
    error = float(resampled_means(groups, n_bootstrap).std()) * np.sqrt(n / (n - 1))
    t = abs(mean_of_means(groups)) / np.hypot(error, cell_error)
    return max(float(2 * stdtr(n - 1, -t)), 1 / (n_bootstrap + 1))


def holm(
    p_values: Float[np.ndarray, " tests"], *, n_tests: int | None = None
) -> Float[np.ndarray, " tests"]:
    """Return Holm's (1979) adjusted p-values; NaN (no test) counts as a test and stays NaN.

    ``n_tests``: the size of the family where these tests were picked from a larger one (default:
    these are all); those that were not made count as p = 1."""
    # On first use: it imports scipy.stats, and every table would pay for it.
    from statsmodels.stats.multitest import multipletests

    if not p_values.size:
        return p_values
    unmade = np.ones((n_tests or len(p_values)) - len(p_values))
    family = np.concatenate([np.nan_to_num(p_values, nan=1.0), unmade])
    adjusted = multipletests(family, method="holm")[1][: len(p_values)]
    return np.where(np.isnan(p_values), np.nan, adjusted)


def _n_drawn_first(groups: Groups) -> int:
    return len(groups) if len(groups) > 1 else len(groups[0])
