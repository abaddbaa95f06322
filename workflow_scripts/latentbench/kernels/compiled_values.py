"""Log-likelihoods of rows of images or real values, and their gradients for a weight a row,
compiled by numba for a CPU; otherwise as ``compiled_counts``.
"""

import math
from typing import no_type_check

import numpy as np
from numba import njit

from latentbench.kernels.arithmetic import (
    HALF,
    ONE,
    ZERO,
    exp_of_negative,
    load_row,
    log1p_of_positive,
    plus,
    rounded_as,
    scratch,
)
from latentbench.kernels.compiling import COMPILED, INLINED

_LOG_2_PI = math.log(2 * math.pi)
_C1, _C2, _C3 = map(
    np.float32, (1 / 24, 1 / 2880, 1 / 181440)
)  # log(sinh(s / 2) / (s / 2)), and its derivative
_M1, _M2, _M3, _M4 = map(np.float32, (1 / 12, 1 / 720, 1 / 30240, 1 / 1209600))


@njit(**COMPILED, **INLINED)
@no_type_check
def _bernoulli_value(x, logits):
    """Return sum x a - max(a, 0) - log(1 + e), e = exp(-|a|)."""
    value = ZERO
    for i in range(x.shape[0]):
        a = logits[i]
        value = plus(
            value,
            x[i] * a - (ZERO if a < ZERO else a) - log1p_of_positive(exp_of_negative(-abs(a))),
        )
    return value


@njit(**COMPILED, **INLINED)
@no_type_check
def _bernoulli_gradient(x, logits, upstream, d_logits):
    for i in range(x.shape[0]):
        a = logits[i]
        tail = exp_of_negative(-abs(a))
        mean = (tail if a < ZERO else ONE) / (ONE + tail)
        d_logits[i] = rounded_as(upstream * (x[i] - mean), d_logits[0])


@njit(**COMPILED, **INLINED)
@no_type_check
def _continuous_bernoulli_value(x, logits):
    """Return sum x a - max(a, 0) - log((1 - e) / s), s = |a|, e = exp(-s); below s = 1 by the
    Taylor series, since differences would cancel (to 1e-7).
    """
    value = ZERO
    for i in range(x.shape[0]):
        a = logits[i]
        size = abs(a)
        square = size * size
        is_near = size < ONE
        safe = ONE if is_near else size
        rest = ONE - exp_of_negative(-safe)
        log_rest = (
            -size * HALF + square * (_C1 - square * (_C2 - square * _C3))
            if is_near
            else -log1p_of_positive(safe / rest - ONE)
        )
        value = plus(value, x[i] * a - (ZERO if a < ZERO else a) - log_rest)
    return value


@njit(**COMPILED, **INLINED)
@no_type_check
def _continuous_bernoulli_gradient(x, logits, upstream, d_logits):
    """Store x - mean; the mean is that of s, 1 / (1 - e) - 1 / s, or its Taylor series, mirrored
    for a < 0.
    """
    for i in range(x.shape[0]):
        a = logits[i]
        size = abs(a)
        square = size * size
        is_near = size < ONE
        safe = ONE if is_near else size
        rest = ONE - exp_of_negative(-safe)
        mean = (
            HALF + size * (_M1 - square * (_M2 - square * (_M3 - square * _M4)))
            if is_near
            else ONE / rest - ONE / safe
        )
        d_logits[i] = rounded_as(
            upstream * (x[i] - (ONE - mean if a < ZERO else mean)), d_logits[0]
        )


@njit(cache=True, **COMPILED)
@no_type_check
def bernoulli(x, logits, stride, continuous, log_prob):
    """Fill ``log_prob`` (replicas, samples, obs) of Bernoulli or continuous Bernoulli values; ``x``
    is (replicas, 1 or samples, obs, vars).
    """
    n_replicas, n_samples, n_obs = log_prob.shape
    n_vars = x.shape[3]
    row_logits = scratch(n_vars)
    for row in range(n_replicas * n_samples * n_obs):
        replica, sample, cell = row // (n_samples * n_obs), row // n_obs % n_samples, row % n_obs
        values = x[replica, sample if x.shape[1] > 1 else 0, cell]
        load_row(logits[row * stride : row * stride + n_vars], row_logits)
        log_prob[replica, sample, cell] = (
            _continuous_bernoulli_value(values, row_logits)
            if continuous
            else _bernoulli_value(values, row_logits)
        )


@njit(cache=True, **COMPILED)
@no_type_check
def bernoulli_gradient(x, logits, stride, continuous, upstream, d_logits):
    """Fill ``d_logits`` with ``upstream`` (x - mean)."""
    n_replicas, n_samples, n_obs = upstream.shape
    n_vars = x.shape[3]
    row_logits = scratch(n_vars)
    for row in range(n_replicas * n_samples * n_obs):
        replica, sample, cell = row // (n_samples * n_obs), row // n_obs % n_samples, row % n_obs
        values, weight = (
            x[replica, sample if x.shape[1] > 1 else 0, cell],
            upstream[replica, sample, cell],
        )
        load_row(logits[row * stride : row * stride + n_vars], row_logits)
        if continuous:
            _continuous_bernoulli_gradient(
                values, row_logits, weight, d_logits[row * n_vars : (row + 1) * n_vars]
            )
        else:
            _bernoulli_gradient(
                values, row_logits, weight, d_logits[row * n_vars : (row + 1) * n_vars]
            )


@njit(**COMPILED, **INLINED)
@no_type_check
def _sum_of_squares(x, mean):
    total = ZERO
    for i in range(x.shape[0]):
        gap = x[i] - mean[i]
        total = plus(total, gap * gap)
    return total


@njit(**COMPILED, **INLINED)
@no_type_check
def _gaussian_gradient(x, mean, factor, d_mean):
    for i in range(x.shape[0]):
        d_mean[i] = rounded_as(factor * (x[i] - mean[i]), d_mean[0])


@njit(cache=True, **COMPILED)
@no_type_check
def gaussian(x, mean, stride, log_variance, log_prob):
    """Fill ``log_prob`` of N(mean, exp(log_variance)), one ``log_variance`` a replica: -(|x -
    mean|^2 / variance + n log_variance + n log 2 pi) / 2.
    """
    n_replicas, n_samples, n_obs = log_prob.shape
    n_vars = x.shape[3]
    row_mean = scratch(n_vars)
    for row in range(n_replicas * n_samples * n_obs):
        replica, sample, cell = row // (n_samples * n_obs), row // n_obs % n_samples, row % n_obs
        load_row(mean[row * stride : row * stride + n_vars], row_mean)
        squares = np.float64(
            _sum_of_squares(x[replica, sample if x.shape[1] > 1 else 0, cell], row_mean)
        )
        spread = np.float64(log_variance[replica])
        log_prob[replica, sample, cell] = -0.5 * (
            squares * math.exp(-spread) + n_vars * (spread + _LOG_2_PI)
        )


@njit(cache=True, **COMPILED)
@no_type_check
def gaussian_gradient(x, mean, stride, log_variance, upstream, d_mean, d_log_variance):
    """Fill ``d_mean`` with ``upstream`` (x - mean) / variance, and ``d_log_variance`` (replicas)
    with the sum of ``upstream`` (squares / variance - n) / 2.
    """
    n_replicas, n_samples, n_obs = upstream.shape
    n_vars = x.shape[3]
    row_mean = scratch(n_vars)
    d_log_variance[:] = ZERO
    for row in range(n_replicas * n_samples * n_obs):
        replica, sample, cell = row // (n_samples * n_obs), row // n_obs % n_samples, row % n_obs
        values, weight = (
            x[replica, sample if x.shape[1] > 1 else 0, cell],
            upstream[replica, sample, cell],
        )
        precision = np.float32(math.exp(-np.float64(log_variance[replica])))
        load_row(mean[row * stride : row * stride + n_vars], row_mean)
        d_log_variance[replica] += (
            HALF * weight * (_sum_of_squares(values, row_mean) * precision - np.float32(n_vars))
        )
        _gaussian_gradient(
            values, row_mean, weight * precision, d_mean[row * n_vars : (row + 1) * n_vars]
        )
