"""Rising factorials theta (theta + 1) ... (theta + x - 1), which ratios of gamma functions are,
compiled by numba: R and T of ``compiled_counts``.

R(x, theta) = lgamma(x + theta) - lgamma(theta) - x log theta and T(x, theta) = theta (digamma(x +
theta) - digamma(theta)), without these differences of large terms."""

import math
from typing import no_type_check

import numpy as np
from numba import njit

from latentbench.kernels.arithmetic import ONE, ZERO, log1p_of_positive
from latentbench.kernels.compiling import COMPILED, INLINED

N_TABULATED = 24
_LOG_FACTORIALS = np.array([math.lgamma(k + 1.0) for k in range(256)])


@njit(**COMPILED, **INLINED)
@no_type_check
def log_rising(x, theta):
    """Return R(x, theta) and T(x, theta) of equations (1) and (3) of ``compiled_counts`` for any
    real x >= 0, in double precision.

    Stirling's series at theta + 8 and a product for the eight steps up to it; no difference of
    large terms either."""
    product, slope, start = 1.0, 0.0, theta
    for _ in range(8):
        product *= 1 + x / start
        slope += x / (start * (start + x))
        start += 1
    growth, log_growth = stirling_growth(x, start)
    return growth + x * math.log1p(8 / theta) - math.log(product), theta * (slope + log_growth)


@njit(**COMPILED, **INLINED)
@no_type_check
def stirling_growth(x, start):
    """Return lgamma(start + x) - lgamma(start) - x log start and digamma(start + x) -
    digamma(start), for start >= 8.
    """
    end, log_growth = start + x, math.log1p(x / start)
    growth = (end - 0.5) * log_growth - x + _lgamma_rest(end) - _lgamma_rest(start)
    return growth, log_growth + _digamma_rest(end) - _digamma_rest(start)


@njit(**COMPILED, **INLINED)
@no_type_check
def _lgamma_rest(z):
    """Return lgamma(z) - (z - 1/2) log z + z - log(2 pi) / 2 for z >= 8."""
    square = z * z
    return (1 / 12 - (1 / 360 - (1 / 1260 - 1 / 1680 / square) / square) / square) / z


@njit(**COMPILED, **INLINED)
@no_type_check
def _digamma_rest(z):
    """Return digamma(z) - log z for z >= 8."""
    square = z * z
    return -0.5 / z - (1 / 12 - (1 / 120 - (1 / 252 - 1 / 240 / square) / square) / square) / square


@njit(**COMPILED, **INLINED)
@no_type_check
def tabulate_risings(inverse_theta, risings):
    """Fill row k with R(k, theta) - log k! of every gene, k up to ``N_TABULATED``."""
    risings[0] = ZERO
    for k in range(N_TABULATED):
        row, following, log_next = risings[k], risings[k + 1], np.float32(math.log(k + 1.0))
        for gene in range(inverse_theta.shape[0]):
            following[gene] = (
                row[gene] + log1p_of_positive(np.float32(k) * inverse_theta[gene]) - log_next
            )


@njit(**COMPILED, **INLINED)
@no_type_check
def tabulate_slopes(inverse_theta, slopes):
    """Fill row k with T(k, theta) of every gene, k up to ``N_TABULATED``."""
    slopes[0] = ZERO
    for k in range(N_TABULATED):
        row, following = slopes[k], slopes[k + 1]
        for gene in range(inverse_theta.shape[0]):
            following[gene] = row[gene] + ONE / (ONE + np.float32(k) * inverse_theta[gene])


@njit(**COMPILED, **INLINED)
@no_type_check
def log_rising_per_factorial(count, gene, theta, risings):
    """Return R(count, theta) - lgamma(count + 1) of a gene."""
    k = int(count)
    if k != count:
        return log_rising(np.float64(count), np.float64(theta[gene]))[0] - math.lgamma(
            np.float64(count) + 1
        )
    if k <= N_TABULATED:
        return np.float64(risings[k, gene])
    above, inverse = np.float64(k - N_TABULATED), 1 / np.float64(theta[gene])
    growth = stirling_growth(above, theta[gene] + N_TABULATED)[0]
    above_table = growth + above * math.log1p(N_TABULATED * inverse)
    return (
        risings[N_TABULATED, gene]
        + _LOG_FACTORIALS[N_TABULATED]
        + above_table
        - log_factorial(count)
    )


@njit(**COMPILED, **INLINED)
@no_type_check
def slope_of_rising(count, gene, theta, slopes):
    """Return T(count, theta) of a gene."""
    k = int(count)
    if k != count:
        return np.float32(log_rising(np.float64(count), np.float64(theta[gene]))[1])
    if k <= N_TABULATED:
        return slopes[k, gene]
    log_growth = stirling_growth(np.float64(k - N_TABULATED), theta[gene] + N_TABULATED)[1]
    return np.float32(slopes[N_TABULATED, gene] + theta[gene] * log_growth)


@njit(**COMPILED, **INLINED)
@no_type_check
def log_factorial(count):
    k = int(count)
    return (
        _LOG_FACTORIALS[k]
        if k < len(_LOG_FACTORIALS) and count == k
        else math.lgamma(np.float64(count) + 1)
    )
