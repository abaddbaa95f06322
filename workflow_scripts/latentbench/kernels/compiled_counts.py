"""Log-likelihoods of rows of counts, and their gradients for a weight a row, compiled by numba for
a CPU. Logits are float32 or bfloat16, sums float32.

With mu = L softmax(a), r = mu / theta and l = log(1 + r), a negative binomial is

    log p(x) = x (log mu - l) - theta l + R(x, theta) - lgamma(x + 1),   R(x, theta) = sum_{i < x}
        log(1 + i / theta)    (1)
    d log p / d log mu = (x - mu) / (1 + r) =: h,   d / d a = h - softmax(a) sum h
                                                    (2)
    d log p / d log theta = T(x, theta) - theta l - h,   T(x, theta) = sum_{i < x} theta / (theta +
                                                         i)                   (3)

which has no difference of large terms when theta grows: R -> 0, T -> x, and (1) is Poisson's. R and
T are 0 at x = 0; of small counts they are looked up in a table made for every call.

Counts come as sparse rows (values, columns, starts). Value and gradient are separate functions: a
training step needs the gradient alone, and by the time it is asked for the weight of every row is
known, so that gradients of parameters that all rows share are summed on the way and nothing is kept
between the two."""

import math
from typing import no_type_check

import numpy as np
from numba import njit

from latentbench.kernels.arithmetic import (
    ONE,
    ZERO,
    add_weighted,
    exp_of_negative,
    load_row,
    log1p_of_positive,
    plus,
    rounded_as,
    scratch,
    softmax,
    store_weighted,
)
from latentbench.kernels.compiling import COMPILED, INLINED
from latentbench.kernels.rising_factorials import (
    N_TABULATED,
    log_factorial,
    log_rising_per_factorial,
    slope_of_rising,
    tabulate_risings,
    tabulate_slopes,
)


@njit(**COMPILED, **INLINED)
@no_type_check
def _set_entries(values, columns, first, end, row):
    for k in range(first, end):
        row[columns[k]] = values[k]


@njit(**COMPILED, **INLINED)
@no_type_check
def _clear_entries(columns, first, end, row):
    for k in range(first, end):
        row[columns[k]] = ZERO


@njit(**COMPILED, **INLINED)
@no_type_check
def _store_through_softmax(upstream, gradient, weights, share, d_logits):
    """Store the gradient by the logits of one by log mu, equation (2), times what arrives for the
    row.
    """
    for gene in range(gradient.shape[0]):
        d_logits[gene] = rounded_as(
            upstream * (gradient[gene] - weights[gene] * share), d_logits[0]
        )


@njit(**COMPILED, **INLINED)
@no_type_check
def _negative_binomial_value(x, logits, library_size, theta, inverse_theta, weights):
    """Return log p of one cell without the looked-up terms."""
    largest, total = softmax(logits, weights)
    scale, offset = (
        library_size / total,
        np.float32(math.log(library_size) - math.log(total)) - largest,
    )
    value = ZERO
    for gene in range(x.shape[0]):
        log_excess = log1p_of_positive(weights[gene] * scale * inverse_theta[gene])
        value = plus(
            value, x[gene] * (logits[gene] + offset - log_excess) - theta[gene] * log_excess
        )
    return value


@njit(**COMPILED, **INLINED)
@no_type_check
def _negative_binomial_gradient(
    x,
    logits,
    library_size,
    theta,
    inverse_theta,
    upstream,
    weights,
    through_mean,
    through_theta,
    d_logits,
    d_log_theta,
):
    """Store the gradient of one cell by its logits, and add that by log theta, without the
    looked-up terms, to ``d_log_theta``.
    """
    _, total = softmax(logits, weights)
    scale, pull = library_size / total, ZERO
    for gene in range(x.shape[0]):
        mu = weights[gene] * scale
        ratio = mu * inverse_theta[gene]
        h = (x[gene] - mu) / (ONE + ratio)
        pull = plus(pull, h)
        through_mean[gene] = h
        through_theta[gene] = x[gene] - theta[gene] * log1p_of_positive(ratio) - h
    add_weighted(upstream, through_theta, d_log_theta)
    _store_through_softmax(upstream, through_mean, weights, pull / total, d_logits)


@njit(**COMPILED, **INLINED)
@no_type_check
def _zero_inflated_value(x, logits, zi_logits, library_size, theta, inverse_theta, weights):
    """Return log p of one cell without the looked-up terms. At x = 0, log p = log(exp(zi) +
    exp(-theta l)) - log(1 + exp(zi)).
    """
    largest, total = softmax(logits, weights)
    scale, offset = (
        library_size / total,
        np.float32(math.log(library_size) - math.log(total)) - largest,
    )
    value = ZERO
    for gene in range(x.shape[0]):
        log_excess = log1p_of_positive(weights[gene] * scale * inverse_theta[gene])
        at_zero, zi = theta[gene] * log_excess, zi_logits[gene]
        gap = zi + at_zero
        log_zero = (zi if gap > ZERO else -at_zero) + log1p_of_positive(exp_of_negative(-abs(gap)))
        log_seen = (
            log_zero
            if x[gene] == ZERO
            else x[gene] * (logits[gene] + offset - log_excess) - at_zero
        )
        value = plus(
            value,
            log_seen - (ZERO if zi < ZERO else zi) - log1p_of_positive(exp_of_negative(-abs(zi))),
        )
    return value


@njit(**COMPILED, **INLINED)
@no_type_check
def _zero_inflated_gradient(
    x,
    logits,
    zi_logits,
    library_size,
    theta,
    inverse_theta,
    upstream,
    weights,
    through_mean,
    through_theta,
    through_zi,
    d_logits,
    d_log_theta,
    d_zi_logits,
):
    """Do as ``_negative_binomial_gradient``: at x = 0, the derivatives of the NB count by the
    probability that it made the zero.
    """
    _, total = softmax(logits, weights)
    scale, pull = library_size / total, ZERO
    for gene in range(x.shape[0]):
        mu = weights[gene] * scale
        ratio = mu * inverse_theta[gene]
        h = (x[gene] - mu) / (ONE + ratio)
        at_zero, zi = theta[gene] * log1p_of_positive(ratio), zi_logits[gene]
        zi_tail = exp_of_negative(-abs(zi))
        zi_probability = (ONE if zi > ZERO else zi_tail) / (ONE + zi_tail)
        gap = zi + at_zero
        tail = exp_of_negative(-abs(gap))
        is_zero = x[gene] == ZERO
        inflated = (ONE if gap > ZERO else tail) / (ONE + tail) if is_zero else ZERO
        from_counts = (tail if gap > ZERO else ONE) / (ONE + tail) if is_zero else ONE
        through_mean[gene] = from_counts * h
        pull = plus(pull, from_counts * h)
        through_theta[gene] = from_counts * (x[gene] - at_zero - h)
        through_zi[gene] = inflated - zi_probability
    add_weighted(upstream, through_theta, d_log_theta)
    store_weighted(upstream, through_zi, d_zi_logits)
    _store_through_softmax(upstream, through_mean, weights, pull / total, d_logits)


@njit(cache=True, **COMPILED)
@no_type_check
def negative_binomial(
    values,
    columns,
    starts,
    x_samples,
    logits,
    stride,
    library_size,
    theta,
    zi_logits,
    zi_stride,
    log_prob,
):
    """Fill ``log_prob`` (replicas, samples, obs).

    Row (replica, sample, cell) of x is row ((replica * ``x_samples``) + sample) * obs + cell of the
    sparse rows, the sample counted as 0 where ``x_samples`` is 1. ``library_size`` is (replicas,
    samples, obs), ``theta`` (replicas, vars); row i of the logits begins at i * stride. Without
    zero inflation ``zi_logits`` is None."""
    n_replicas, n_samples, n_obs = log_prob.shape
    n_vars = theta.shape[1]
    risings = np.empty((N_TABULATED + 1, n_vars), np.float32)
    x, weights, row_logits, row_zi = (
        scratch(n_vars),
        scratch(n_vars),
        scratch(n_vars),
        scratch(n_vars),
    )
    for replica in range(n_replicas):
        row_theta = theta[replica]
        inverse_theta = ONE / row_theta
        tabulate_risings(inverse_theta, risings)
        for x_sample in range(x_samples):
            for cell in range(n_obs):
                x_row = (replica * x_samples + x_sample) * n_obs + cell
                begin, end = starts[x_row], starts[x_row + 1]
                _set_entries(values, columns, begin, end, x)
                constant = 0.0
                for k in range(begin, end):
                    constant += log_rising_per_factorial(values[k], columns[k], row_theta, risings)
                for sample in range(
                    0 if x_samples == 1 else x_sample, n_samples if x_samples == 1 else x_sample + 1
                ):
                    row = (replica * n_samples + sample) * n_obs + cell
                    size = library_size[replica, sample, cell]
                    load_row(logits[row * stride : row * stride + n_vars], row_logits)
                    if zi_logits is None:
                        value = _negative_binomial_value(
                            x, row_logits, size, row_theta, inverse_theta, weights
                        )
                    else:
                        load_row(zi_logits[row * zi_stride : row * zi_stride + n_vars], row_zi)
                        value = _zero_inflated_value(
                            x, row_logits, row_zi, size, row_theta, inverse_theta, weights
                        )
                    log_prob[replica, sample, cell] = value + constant
                _clear_entries(columns, begin, end, x)


@njit(cache=True, **COMPILED)
@no_type_check
def negative_binomial_gradient(
    values,
    columns,
    starts,
    x_samples,
    logits,
    stride,
    library_size,
    theta,
    zi_logits,
    zi_stride,
    upstream,
    d_logits,
    d_log_theta,
    d_zi_logits,
):
    """Fill the gradients of sum ``upstream`` * log p: ``d_logits`` and ``d_zi_logits`` of all rows,
    flat, ``d_log_theta`` (replicas, vars).
    """
    n_replicas, n_samples, n_obs = upstream.shape
    n_vars = theta.shape[1]
    slopes = np.empty((N_TABULATED + 1, n_vars), np.float32)
    x, weights, row_logits, row_zi = (
        scratch(n_vars),
        scratch(n_vars),
        scratch(n_vars),
        scratch(n_vars),
    )
    through_mean, through_theta, through_zi = scratch(n_vars), scratch(n_vars), scratch(n_vars)
    d_log_theta[:] = ZERO
    for replica in range(n_replicas):
        row_theta = theta[replica]
        inverse_theta = ONE / row_theta
        tabulate_slopes(inverse_theta, slopes)
        row_d_log_theta = d_log_theta[replica]
        for x_sample in range(x_samples):
            for cell in range(n_obs):
                x_row = (replica * x_samples + x_sample) * n_obs + cell
                begin, end = starts[x_row], starts[x_row + 1]
                _set_entries(values, columns, begin, end, x)
                total_upstream = ZERO
                for sample in range(
                    0 if x_samples == 1 else x_sample, n_samples if x_samples == 1 else x_sample + 1
                ):
                    row = (replica * n_samples + sample) * n_obs + cell
                    size, weight = (
                        library_size[replica, sample, cell],
                        upstream[replica, sample, cell],
                    )
                    total_upstream += weight
                    load_row(logits[row * stride : row * stride + n_vars], row_logits)
                    if zi_logits is None:
                        _negative_binomial_gradient(
                            x,
                            row_logits,
                            size,
                            row_theta,
                            inverse_theta,
                            weight,
                            weights,
                            through_mean,
                            through_theta,
                            d_logits[row * n_vars : (row + 1) * n_vars],
                            row_d_log_theta,
                        )
                    else:
                        load_row(zi_logits[row * zi_stride : row * zi_stride + n_vars], row_zi)
                        _zero_inflated_gradient(
                            x,
                            row_logits,
                            row_zi,
                            size,
                            row_theta,
                            inverse_theta,
                            weight,
                            weights,
                            through_mean,
                            through_theta,
                            through_zi,
                            d_logits[row * n_vars : (row + 1) * n_vars],
                            row_d_log_theta,
                            d_zi_logits[row * n_vars : (row + 1) * n_vars],
                        )
                for k in range(begin, end):
                    row_d_log_theta[columns[k]] += total_upstream * (
                        slope_of_rising(values[k], columns[k], row_theta, slopes) - values[k]
                    )
                _clear_entries(columns, begin, end, x)


@njit(cache=True, **COMPILED)
@no_type_check
def poisson(values, columns, starts, x_samples, logits, stride, n_vars, library_size, log_prob):
    """Do as ``negative_binomial`` for Poisson counts: the sum of mu is the library size."""
    n_replicas, n_samples, n_obs = log_prob.shape
    weights, row_logits = scratch(n_vars), scratch(n_vars)
    for row in range(n_replicas * n_samples * n_obs):
        replica, sample, cell = row // (n_samples * n_obs), row // n_obs % n_samples, row % n_obs
        x_row = (replica * x_samples + (sample if x_samples > 1 else 0)) * n_obs + cell
        load_row(logits[row * stride : row * stride + n_vars], row_logits)
        largest, total = softmax(row_logits, weights)
        size = library_size[replica, sample, cell]
        offset, value = np.float32(math.log(size) - math.log(total)) - largest, -np.float64(size)
        for k in range(starts[x_row], starts[x_row + 1]):
            value += values[k] * (row_logits[columns[k]] + offset) - log_factorial(values[k])
        log_prob[replica, sample, cell] = value


@njit(cache=True, **COMPILED)
@no_type_check
def poisson_gradient(
    values, columns, starts, x_samples, logits, stride, n_vars, upstream, d_logits
):
    """Fill ``d_logits`` with ``upstream`` (x - softmax(a) sum x)."""
    n_replicas, n_samples, n_obs = upstream.shape
    x, weights, row_logits = scratch(n_vars), scratch(n_vars), scratch(n_vars)
    for row in range(n_replicas * n_samples * n_obs):
        replica, sample, cell = row // (n_samples * n_obs), row // n_obs % n_samples, row % n_obs
        x_row = (replica * x_samples + (sample if x_samples > 1 else 0)) * n_obs + cell
        begin, end = starts[x_row], starts[x_row + 1]
        depth = ZERO
        for k in range(begin, end):
            depth += values[k]
        _set_entries(values, columns, begin, end, x)
        load_row(logits[row * stride : row * stride + n_vars], row_logits)
        _, total = softmax(row_logits, weights)
        _store_through_softmax(
            upstream[replica, sample, cell],
            x,
            weights,
            depth / total,
            d_logits[row * n_vars : (row + 1) * n_vars],
        )
        _clear_entries(columns, begin, end, x)
