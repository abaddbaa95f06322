"""Loss kernels for a CPU, compiled by numba: log-likelihoods of rows, and their gradients for a weight a row. Logits are float32 or bfloat16, sums float32.

Everything is in one file because numba looks only at a function's own file to tell whether its cached code is stale. The loops over genes are written so that
LLVM vectorises them: no branch, exp and log as polynomials (Cephes' expf and logf, https://netlib.org/cephes, to 1.3e-7 relative). A sum may be taken in any
order, and nothing else may be reordered: the polynomials and ``log1p`` rest on exact differences, which fast-math would break.

With mu = L softmax(a), r = mu / theta and l = log(1 + r), a negative binomial is

    log p(x) = x (log mu - l) - theta l + R(x, theta) - lgamma(x + 1),   R(x, theta) = sum_{i < x} log(1 + i / theta)    (1)
    d log p / d log mu = (x - mu) / (1 + r) =: h,   d / d a = h - softmax(a) sum h                                       (2)
    d log p / d log theta = T(x, theta) - theta l - h,   T(x, theta) = sum_{i < x} theta / (theta + i)                   (3)

which has no difference of large terms when theta grows: R -> 0, T -> x, and (1) is Poisson's. R and T are 0 at x = 0; of small counts they are looked up in a
table made for every call.

Counts come as sparse rows (values, columns, starts). Value and gradient are separate functions: a training step needs the gradient alone, and by the time it is
asked for the weight of every row is known, so that gradients of parameters that all rows share are summed on the way and nothing is kept between the two.
"""

import math
from typing import no_type_check

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

# numba infers types and compiles no checker's wrapper (the tests' import hook adds one): hence no annotations, and no_type_check. Arrays are float32.
# "contract" lets LLVM fuse a multiplication and an addition; it never reorders.
COMPILED = {"fastmath": {"contract"}, "error_model": "numpy", "nogil": True}
INLINED = {**COMPILED, "forceinline": True}
"""Of functions that others call. Left apart, the process that compiles would run such a function as it was compiled by itself, every later one as the cached
code of its caller holds it: with other roundings.
"""
N_TABULATED = 24

_LOG_2_PI = math.log(2 * math.pi)
_LOG_FACTORIALS = np.array([math.lgamma(k + 1.0) for k in range(256)])
_ZERO, _HALF, _ONE = np.float32(0), np.float32(0.5), np.float32(1)
_LOG2_HIGH, _LOG2_LOW, _LOG2_E = np.float32(0.693359375), np.float32(-2.12194440e-4), np.float32(1.44269504)
_EXP_LOWEST = np.float32(-87.3)
_EXPONENT_BIAS, _EXPONENT_UNIT, _EXPONENT_SHIFT, _SQRT_HALF_BITS = np.float32(127), np.float32(2**23), np.int32(23), np.int32(0x3F3504F3)
_E0, _E1, _E2, _E3, _E4, _E5 = map(np.float32, (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1))
_L0, _L1, _L2, _L3, _L4 = map(np.float32, (7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1))
_L5, _L6, _L7, _L8 = map(np.float32, (-1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1))

_C1, _C2, _C3 = map(np.float32, (1 / 24, 1 / 2880, 1 / 181440))  # log(sinh(s / 2) / (s / 2)), and its derivative
_M1, _M2, _M3, _M4 = map(np.float32, (1 / 12, 1 / 720, 1 / 30240, 1 / 1209600))


_APART = 256


@njit(**INLINED)
@no_type_check
def _scratch(n):
    """Return n zeros that lie at least ``_APART`` numbers from every other array.

    LLVM enters a vectorised loop after comparing addresses and takes closer arrays for overlapping: a sum over a few genes would be taken in another order when
    the allocator happens to put two arrays side by side.
    """
    return np.zeros(n + 2 * _APART, np.float32)[_APART : _APART + n]


@intrinsic
@no_type_check
def _plus(typing_context, total, value):
    """Add to a running sum of float32 that may be taken in any order, which is what lets LLVM keep one sum a lane."""

    def generate(context, builder, signature, arguments):
        return builder.fadd(*arguments, flags=("reassoc", "contract", "nsz"))

    return types.float32(types.float32, types.float32), generate


@intrinsic
@no_type_check
def _larger(typing_context, largest, value):
    """Return the larger of two float32 as part of a running maximum; what it makes of a NaN is open (the exp that follows keeps the NaN)."""

    def generate(context, builder, signature, arguments):
        flags = ("nnan", "nsz")
        return builder.select(builder.fcmp_ordered(">", *arguments, flags=flags), *arguments, flags=flags)

    return types.float32(types.float32, types.float32), generate


@intrinsic
@no_type_check
def _as_float(typing_context, number):
    """Return a float32, given as itself or as the 16 bits of a bfloat16 (uint16)."""

    def generate(context, builder, signature, arguments):
        if signature.args[0] == types.float32:
            return arguments[0]
        bits = builder.shl(builder.zext(arguments[0], ir.IntType(32)), ir.Constant(ir.IntType(32), 16))
        return builder.bitcast(bits, ir.FloatType())

    return types.float32(number), generate


@intrinsic
@no_type_check
def _rounded_as(typing_context, value, like):
    """Return a float32 as the type of ``like``: itself, or the bits of the nearest bfloat16 (ties to even; a NaN stays one)."""

    def generate(context, builder, signature, arguments):
        if signature.args[1] == types.float32:
            return arguments[0]
        word = ir.IntType(32)
        bits = builder.bitcast(arguments[0], word)
        odd = builder.and_(builder.lshr(bits, ir.Constant(word, 16)), ir.Constant(word, 1))
        rounded = builder.lshr(builder.add(bits, builder.add(odd, ir.Constant(word, 0x7FFF))), ir.Constant(word, 16))
        is_nan = builder.fcmp_unordered("uno", arguments[0], arguments[0])
        return builder.trunc(builder.select(is_nan, ir.Constant(word, 0x7FC0), rounded), ir.IntType(16))

    return like(types.float32, like), generate


@njit(**INLINED)
@no_type_check
def exp_of_negative(x):
    """Return exp(x) for x <= 0; exp(-87.3), about 1e-38, below that. NaN stays NaN."""
    x = _EXP_LOWEST if x < _EXP_LOWEST else x
    n = np.float32(np.int32(x * _LOG2_E - _HALF))
    f = x - n * _LOG2_HIGH - n * _LOG2_LOW
    polynomial = ((((_E0 * f + _E1) * f + _E2) * f + _E3) * f + _E4) * f + _E5
    return (polynomial * (f * f) + f + _ONE) * np.int32((n + _EXPONENT_BIAS) * _EXPONENT_UNIT).view(np.float32)


@njit(**INLINED)
@no_type_check
def log1p_of_positive(r):
    """Return log(1 + r) for finite r >= 0: with r itself, not (1 + r) - 1, where 1 + r < sqrt(2)."""
    bits = np.float32(_ONE + r).view(np.int32)
    exponent = np.int32((bits - _SQRT_HALF_BITS) >> _EXPONENT_SHIFT)
    mantissa = np.int32(bits - (exponent << _EXPONENT_SHIFT)).view(np.float32)
    f = r if exponent == 0 else mantissa - _ONE
    n = np.float32(exponent)
    square = f * f
    polynomial = (((((((_L0 * f + _L1) * f + _L2) * f + _L3) * f + _L4) * f + _L5) * f + _L6) * f + _L7) * f + _L8
    return f + (f * square * polynomial + n * _LOG2_LOW - _HALF * square) + n * _LOG2_HIGH


@njit(**INLINED)
@no_type_check
def log_rising(x, theta):
    """Return R(x, theta) and T(x, theta) of equations (1) and (3) for any real x >= 0, in double precision.

    Stirling's series at theta + 8 and a product for the eight steps up to it; no difference of large terms either.
    """
    product, slope, start = 1.0, 0.0, theta
    for _ in range(8):
        product *= 1 + x / start
        slope += x / (start * (start + x))
        start += 1
    growth, log_growth = _stirling_growth(x, start)
    return growth + x * math.log1p(8 / theta) - math.log(product), theta * (slope + log_growth)


@njit(**INLINED)
@no_type_check
def _stirling_growth(x, start):
    """Return lgamma(start + x) - lgamma(start) - x log start and digamma(start + x) - digamma(start), for start >= 8."""
    end, log_growth = start + x, math.log1p(x / start)
    growth = (end - 0.5) * log_growth - x + _lgamma_rest(end) - _lgamma_rest(start)
    return growth, log_growth + _digamma_rest(end) - _digamma_rest(start)


@njit(**INLINED)
@no_type_check
def _lgamma_rest(z):
    """Return lgamma(z) - (z - 1/2) log z + z - log(2 pi) / 2 for z >= 8."""
    square = z * z
    return (1 / 12 - (1 / 360 - (1 / 1260 - 1 / 1680 / square) / square) / square) / z


@njit(**INLINED)
@no_type_check
def _digamma_rest(z):
    """Return digamma(z) - log z for z >= 8."""
    square = z * z
    return -0.5 / z - (1 / 12 - (1 / 120 - (1 / 252 - 1 / 240 / square) / square) / square) / square


@njit(**INLINED)
@no_type_check
def _tabulate_risings(inverse_theta, risings):
    """Fill row k with R(k, theta) - log k! of every gene, k up to ``N_TABULATED``."""
    risings[0] = _ZERO
    for k in range(N_TABULATED):
        row, following, log_next = risings[k], risings[k + 1], np.float32(math.log(k + 1.0))
        for gene in range(inverse_theta.shape[0]):
            following[gene] = row[gene] + log1p_of_positive(np.float32(k) * inverse_theta[gene]) - log_next


@njit(**INLINED)
@no_type_check
def _tabulate_slopes(inverse_theta, slopes):
    """Fill row k with T(k, theta) of every gene, k up to ``N_TABULATED``."""
    slopes[0] = _ZERO
    for k in range(N_TABULATED):
        row, following = slopes[k], slopes[k + 1]
        for gene in range(inverse_theta.shape[0]):
            following[gene] = row[gene] + _ONE / (_ONE + np.float32(k) * inverse_theta[gene])


@njit(**INLINED)
@no_type_check
def _rising(count, gene, theta, risings):
    """Return R(count, theta) - lgamma(count + 1) of a gene."""
    k = int(count)
    if k != count:
        return log_rising(np.float64(count), np.float64(theta[gene]))[0] - math.lgamma(np.float64(count) + 1)
    if k <= N_TABULATED:
        return np.float64(risings[k, gene])
    above, inverse = np.float64(k - N_TABULATED), 1 / np.float64(theta[gene])
    growth = _stirling_growth(above, theta[gene] + N_TABULATED)[0]
    above_table = growth + above * math.log1p(N_TABULATED * inverse)
    return risings[N_TABULATED, gene] + _LOG_FACTORIALS[N_TABULATED] + above_table - _log_factorial(count)


@njit(**INLINED)
@no_type_check
def _slope(count, gene, theta, slopes):
    """Return T(count, theta) of a gene."""
    k = int(count)
    if k != count:
        return np.float32(log_rising(np.float64(count), np.float64(theta[gene]))[1])
    if k <= N_TABULATED:
        return slopes[k, gene]
    log_growth = _stirling_growth(np.float64(k - N_TABULATED), theta[gene] + N_TABULATED)[1]
    return np.float32(slopes[N_TABULATED, gene] + theta[gene] * log_growth)


@njit(**INLINED)
@no_type_check
def _log_factorial(count):
    k = int(count)
    return _LOG_FACTORIALS[k] if k < len(_LOG_FACTORIALS) and count == k else math.lgamma(np.float64(count) + 1)


@njit(**INLINED)
@no_type_check
def _load_row(numbers, row):
    for i in range(row.shape[0]):
        row[i] = _as_float(numbers[i])


@njit(**INLINED)
@no_type_check
def _set_entries(values, columns, first, end, row):
    for k in range(first, end):
        row[columns[k]] = values[k]


@njit(**INLINED)
@no_type_check
def _clear_entries(columns, first, end, row):
    for k in range(first, end):
        row[columns[k]] = _ZERO


@njit(**INLINED)
@no_type_check
def _softmax(logits, weights):
    """Leave exp(logits - their maximum) in ``weights``; return that maximum and their sum."""
    largest = logits[0]
    for gene in range(logits.shape[0]):
        largest = _larger(largest, logits[gene])
    total = _ZERO
    for gene in range(logits.shape[0]):
        weights[gene] = exp_of_negative(logits[gene] - largest)
        total = _plus(total, weights[gene])
    return largest, total


@njit(**INLINED)
@no_type_check
def _add_weighted(weight, values, sums):
    for i in range(sums.shape[0]):
        sums[i] += weight * values[i]


@njit(**INLINED)
@no_type_check
def _store_weighted(weight, values, stored):
    for i in range(stored.shape[0]):
        stored[i] = _rounded_as(weight * values[i], stored[0])


@njit(**INLINED)
@no_type_check
def _store_through_softmax(upstream, gradient, weights, share, d_logits):
    """Store the gradient by the logits of one by log mu, equation (2), times what arrives for the row."""
    for gene in range(gradient.shape[0]):
        d_logits[gene] = _rounded_as(upstream * (gradient[gene] - weights[gene] * share), d_logits[0])


@njit(**INLINED)
@no_type_check
def _negative_binomial_value(x, logits, library_size, theta, inverse_theta, weights):
    """Return log p of one cell without the looked-up terms."""
    largest, total = _softmax(logits, weights)
    scale, offset = library_size / total, np.float32(math.log(library_size) - math.log(total)) - largest
    value = _ZERO
    for gene in range(x.shape[0]):
        log_excess = log1p_of_positive(weights[gene] * scale * inverse_theta[gene])
        value = _plus(value, x[gene] * (logits[gene] + offset - log_excess) - theta[gene] * log_excess)
    return value


@njit(**INLINED)
@no_type_check
def _negative_binomial_gradient(x, logits, library_size, theta, inverse_theta, upstream, weights, through_mean, through_theta, d_logits, d_log_theta):
    """Store the gradient of one cell by its logits, and add that by log theta, without the looked-up terms, to ``d_log_theta``."""
    _, total = _softmax(logits, weights)
    scale, pull = library_size / total, _ZERO
    for gene in range(x.shape[0]):
        mu = weights[gene] * scale
        ratio = mu * inverse_theta[gene]
        h = (x[gene] - mu) / (_ONE + ratio)
        pull = _plus(pull, h)
        through_mean[gene] = h
        through_theta[gene] = x[gene] - theta[gene] * log1p_of_positive(ratio) - h
    _add_weighted(upstream, through_theta, d_log_theta)
    _store_through_softmax(upstream, through_mean, weights, pull / total, d_logits)


@njit(**INLINED)
@no_type_check
def _zero_inflated_value(x, logits, zi_logits, library_size, theta, inverse_theta, weights):
    """Return log p of one cell without the looked-up terms. At x = 0, log p = log(exp(zi) + exp(-theta l)) - log(1 + exp(zi))."""
    largest, total = _softmax(logits, weights)
    scale, offset = library_size / total, np.float32(math.log(library_size) - math.log(total)) - largest
    value = _ZERO
    for gene in range(x.shape[0]):
        log_excess = log1p_of_positive(weights[gene] * scale * inverse_theta[gene])
        at_zero, zi = theta[gene] * log_excess, zi_logits[gene]
        gap = zi + at_zero
        log_zero = (zi if gap > _ZERO else -at_zero) + log1p_of_positive(exp_of_negative(-abs(gap)))
        log_seen = log_zero if x[gene] == _ZERO else x[gene] * (logits[gene] + offset - log_excess) - at_zero
        value = _plus(value, log_seen - (_ZERO if zi < _ZERO else zi) - log1p_of_positive(exp_of_negative(-abs(zi))))
    return value


@njit(**INLINED)
@no_type_check
def _zero_inflated_gradient(
    x, logits, zi_logits, library_size, theta, inverse_theta, upstream, weights, through_mean, through_theta, through_zi, d_logits, d_log_theta, d_zi_logits
):
    """Do as ``_negative_binomial_gradient``: at x = 0, the derivatives of the NB count by the probability that it made the zero."""
    _, total = _softmax(logits, weights)
    scale, pull = library_size / total, _ZERO
    for gene in range(x.shape[0]):
        mu = weights[gene] * scale
        ratio = mu * inverse_theta[gene]
        h = (x[gene] - mu) / (_ONE + ratio)
        at_zero, zi = theta[gene] * log1p_of_positive(ratio), zi_logits[gene]
        zi_tail = exp_of_negative(-abs(zi))
        zi_probability = (_ONE if zi > _ZERO else zi_tail) / (_ONE + zi_tail)
        gap = zi + at_zero
        tail = exp_of_negative(-abs(gap))
        is_zero = x[gene] == _ZERO
        inflated = (_ONE if gap > _ZERO else tail) / (_ONE + tail) if is_zero else _ZERO
        from_counts = (tail if gap > _ZERO else _ONE) / (_ONE + tail) if is_zero else _ONE
        through_mean[gene] = from_counts * h
        pull = _plus(pull, from_counts * h)
        through_theta[gene] = from_counts * (x[gene] - at_zero - h)
        through_zi[gene] = inflated - zi_probability
    _add_weighted(upstream, through_theta, d_log_theta)
    _store_weighted(upstream, through_zi, d_zi_logits)
    _store_through_softmax(upstream, through_mean, weights, pull / total, d_logits)


@njit(cache=True, **COMPILED)
@no_type_check
def negative_binomial(values, columns, starts, x_samples, logits, stride, library_size, theta, zi_logits, zi_stride, log_prob):
    """Fill ``log_prob`` (replicas, samples, obs).

    Row (replica, sample, cell) of x is row ((replica * ``x_samples``) + sample) * obs + cell of the sparse rows, the sample counted as 0 where ``x_samples`` is
    1. ``library_size`` is (replicas, samples, obs), ``theta`` (replicas, vars); row i of the logits begins at i * stride. Without zero inflation ``zi_logits``
    is None.
    """
    n_replicas, n_samples, n_obs = log_prob.shape
    n_vars = theta.shape[1]
    risings = np.empty((N_TABULATED + 1, n_vars), np.float32)
    x, weights, row_logits, row_zi = _scratch(n_vars), _scratch(n_vars), _scratch(n_vars), _scratch(n_vars)
    for replica in range(n_replicas):
        row_theta = theta[replica]
        inverse_theta = _ONE / row_theta
        _tabulate_risings(inverse_theta, risings)
        for x_sample in range(x_samples):
            for cell in range(n_obs):
                x_row = (replica * x_samples + x_sample) * n_obs + cell
                begin, end = starts[x_row], starts[x_row + 1]
                _set_entries(values, columns, begin, end, x)
                constant = 0.0
                for k in range(begin, end):
                    constant += _rising(values[k], columns[k], row_theta, risings)
                for sample in range(0 if x_samples == 1 else x_sample, n_samples if x_samples == 1 else x_sample + 1):
                    row = (replica * n_samples + sample) * n_obs + cell
                    size = library_size[replica, sample, cell]
                    _load_row(logits[row * stride : row * stride + n_vars], row_logits)
                    if zi_logits is None:
                        value = _negative_binomial_value(x, row_logits, size, row_theta, inverse_theta, weights)
                    else:
                        _load_row(zi_logits[row * zi_stride : row * zi_stride + n_vars], row_zi)
                        value = _zero_inflated_value(x, row_logits, row_zi, size, row_theta, inverse_theta, weights)
                    log_prob[replica, sample, cell] = value + constant
                _clear_entries(columns, begin, end, x)


@njit(cache=True, **COMPILED)
@no_type_check
def negative_binomial_gradient(
    values, columns, starts, x_samples, logits, stride, library_size, theta, zi_logits, zi_stride, upstream, d_logits, d_log_theta, d_zi_logits
):
    """Fill the gradients of sum ``upstream`` * log p: ``d_logits`` and ``d_zi_logits`` of all rows, flat, ``d_log_theta`` (replicas, vars)."""
    n_replicas, n_samples, n_obs = upstream.shape
    n_vars = theta.shape[1]
    slopes = np.empty((N_TABULATED + 1, n_vars), np.float32)
    x, weights, row_logits, row_zi = _scratch(n_vars), _scratch(n_vars), _scratch(n_vars), _scratch(n_vars)
    through_mean, through_theta, through_zi = _scratch(n_vars), _scratch(n_vars), _scratch(n_vars)
    d_log_theta[:] = _ZERO
    for replica in range(n_replicas):
        row_theta = theta[replica]
        inverse_theta = _ONE / row_theta
        _tabulate_slopes(inverse_theta, slopes)
        row_d_log_theta = d_log_theta[replica]
        for x_sample in range(x_samples):
            for cell in range(n_obs):
                x_row = (replica * x_samples + x_sample) * n_obs + cell
                begin, end = starts[x_row], starts[x_row + 1]
                _set_entries(values, columns, begin, end, x)
                total_upstream = _ZERO
                for sample in range(0 if x_samples == 1 else x_sample, n_samples if x_samples == 1 else x_sample + 1):
                    row = (replica * n_samples + sample) * n_obs + cell
                    size, weight = library_size[replica, sample, cell], upstream[replica, sample, cell]
                    total_upstream += weight
                    _load_row(logits[row * stride : row * stride + n_vars], row_logits)
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
                        _load_row(zi_logits[row * zi_stride : row * zi_stride + n_vars], row_zi)
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
                    row_d_log_theta[columns[k]] += total_upstream * (_slope(values[k], columns[k], row_theta, slopes) - values[k])
                _clear_entries(columns, begin, end, x)


@njit(cache=True, **COMPILED)
@no_type_check
def poisson(values, columns, starts, x_samples, logits, stride, n_vars, library_size, log_prob):
    """Do as ``negative_binomial`` for Poisson counts: the sum of mu is the library size."""
    n_replicas, n_samples, n_obs = log_prob.shape
    weights, row_logits = _scratch(n_vars), _scratch(n_vars)
    for row in range(n_replicas * n_samples * n_obs):
        replica, sample, cell = row // (n_samples * n_obs), row // n_obs % n_samples, row % n_obs
        x_row = (replica * x_samples + (sample if x_samples > 1 else 0)) * n_obs + cell
        _load_row(logits[row * stride : row * stride + n_vars], row_logits)
        largest, total = _softmax(row_logits, weights)
        size = library_size[replica, sample, cell]
        offset, value = np.float32(math.log(size) - math.log(total)) - largest, -np.float64(size)
        for k in range(starts[x_row], starts[x_row + 1]):
            value += values[k] * (row_logits[columns[k]] + offset) - _log_factorial(values[k])
        log_prob[replica, sample, cell] = value


@njit(cache=True, **COMPILED)
@no_type_check
def poisson_gradient(values, columns, starts, x_samples, logits, stride, n_vars, upstream, d_logits):
    """Fill ``d_logits`` with ``upstream`` (x - softmax(a) sum x)."""
    n_replicas, n_samples, n_obs = upstream.shape
    x, weights, row_logits = _scratch(n_vars), _scratch(n_vars), _scratch(n_vars)
    for row in range(n_replicas * n_samples * n_obs):
        replica, sample, cell = row // (n_samples * n_obs), row // n_obs % n_samples, row % n_obs
        x_row = (replica * x_samples + (sample if x_samples > 1 else 0)) * n_obs + cell
        begin, end = starts[x_row], starts[x_row + 1]
        depth = _ZERO
        for k in range(begin, end):
            depth += values[k]
        _set_entries(values, columns, begin, end, x)
        _load_row(logits[row * stride : row * stride + n_vars], row_logits)
        _, total = _softmax(row_logits, weights)
        _store_through_softmax(upstream[replica, sample, cell], x, weights, depth / total, d_logits[row * n_vars : (row + 1) * n_vars])
        _clear_entries(columns, begin, end, x)


@njit(**INLINED)
@no_type_check
def _bernoulli_value(x, logits):
    """Return sum x a - max(a, 0) - log(1 + e), e = exp(-|a|)."""
    value = _ZERO
    for i in range(x.shape[0]):
        a = logits[i]
        value = _plus(value, x[i] * a - (_ZERO if a < _ZERO else a) - log1p_of_positive(exp_of_negative(-abs(a))))
    return value


@njit(**INLINED)
@no_type_check
def _bernoulli_gradient(x, logits, upstream, d_logits):
    for i in range(x.shape[0]):
        a = logits[i]
        tail = exp_of_negative(-abs(a))
        mean = (tail if a < _ZERO else _ONE) / (_ONE + tail)
        d_logits[i] = _rounded_as(upstream * (x[i] - mean), d_logits[0])


@njit(**INLINED)
@no_type_check
def _continuous_bernoulli_value(x, logits):
    """Return sum x a - max(a, 0) - log((1 - e) / s), s = |a|, e = exp(-s); below s = 1 by the Taylor series, since differences would cancel (to 1e-7)."""
    value = _ZERO
    for i in range(x.shape[0]):
        a = logits[i]
        size = abs(a)
        square = size * size
        is_near = size < _ONE
        safe = _ONE if is_near else size
        rest = _ONE - exp_of_negative(-safe)
        log_rest = -size * _HALF + square * (_C1 - square * (_C2 - square * _C3)) if is_near else -log1p_of_positive(safe / rest - _ONE)
        value = _plus(value, x[i] * a - (_ZERO if a < _ZERO else a) - log_rest)
    return value


@njit(**INLINED)
@no_type_check
def _continuous_bernoulli_gradient(x, logits, upstream, d_logits):
    """Store x - mean; the mean is that of s, 1 / (1 - e) - 1 / s, or its Taylor series, mirrored for a < 0."""
    for i in range(x.shape[0]):
        a = logits[i]
        size = abs(a)
        square = size * size
        is_near = size < _ONE
        safe = _ONE if is_near else size
        rest = _ONE - exp_of_negative(-safe)
        mean = _HALF + size * (_M1 - square * (_M2 - square * (_M3 - square * _M4))) if is_near else _ONE / rest - _ONE / safe
        d_logits[i] = _rounded_as(upstream * (x[i] - (_ONE - mean if a < _ZERO else mean)), d_logits[0])


@njit(cache=True, **COMPILED)
@no_type_check
def bernoulli(x, logits, stride, continuous, log_prob):
    """Fill ``log_prob`` (replicas, samples, obs) of Bernoulli or continuous Bernoulli values; ``x`` is (replicas, 1 or samples, obs, vars)."""
    n_replicas, n_samples, n_obs = log_prob.shape
    n_vars = x.shape[3]
    row_logits = _scratch(n_vars)
    for row in range(n_replicas * n_samples * n_obs):
        replica, sample, cell = row // (n_samples * n_obs), row // n_obs % n_samples, row % n_obs
        values = x[replica, sample if x.shape[1] > 1 else 0, cell]
        _load_row(logits[row * stride : row * stride + n_vars], row_logits)
        log_prob[replica, sample, cell] = _continuous_bernoulli_value(values, row_logits) if continuous else _bernoulli_value(values, row_logits)


@njit(cache=True, **COMPILED)
@no_type_check
def bernoulli_gradient(x, logits, stride, continuous, upstream, d_logits):
    """Fill ``d_logits`` with ``upstream`` (x - mean)."""
    n_replicas, n_samples, n_obs = upstream.shape
    n_vars = x.shape[3]
    row_logits = _scratch(n_vars)
    for row in range(n_replicas * n_samples * n_obs):
        replica, sample, cell = row // (n_samples * n_obs), row // n_obs % n_samples, row % n_obs
        values, weight = x[replica, sample if x.shape[1] > 1 else 0, cell], upstream[replica, sample, cell]
        _load_row(logits[row * stride : row * stride + n_vars], row_logits)
        if continuous:
            _continuous_bernoulli_gradient(values, row_logits, weight, d_logits[row * n_vars : (row + 1) * n_vars])
        else:
            _bernoulli_gradient(values, row_logits, weight, d_logits[row * n_vars : (row + 1) * n_vars])


@njit(**INLINED)
@no_type_check
def _sum_of_squares(x, mean):
    total = _ZERO
    for i in range(x.shape[0]):
        gap = x[i] - mean[i]
        total = _plus(total, gap * gap)
    return total


@njit(**INLINED)
@no_type_check
def _gaussian_gradient(x, mean, factor, d_mean):
    for i in range(x.shape[0]):
        d_mean[i] = _rounded_as(factor * (x[i] - mean[i]), d_mean[0])


@njit(cache=True, **COMPILED)
@no_type_check
def gaussian(x, mean, stride, log_variance, log_prob):
    """Fill ``log_prob`` of N(mean, exp(log_variance)), one ``log_variance`` a replica: -(|x - mean|^2 / variance + n log_variance + n log 2 pi) / 2."""
    n_replicas, n_samples, n_obs = log_prob.shape
    n_vars = x.shape[3]
    row_mean = _scratch(n_vars)
    for row in range(n_replicas * n_samples * n_obs):
        replica, sample, cell = row // (n_samples * n_obs), row // n_obs % n_samples, row % n_obs
        _load_row(mean[row * stride : row * stride + n_vars], row_mean)
        squares = np.float64(_sum_of_squares(x[replica, sample if x.shape[1] > 1 else 0, cell], row_mean))
        spread = np.float64(log_variance[replica])
        log_prob[replica, sample, cell] = -0.5 * (squares * math.exp(-spread) + n_vars * (spread + _LOG_2_PI))


@njit(cache=True, **COMPILED)
@no_type_check
def gaussian_gradient(x, mean, stride, log_variance, upstream, d_mean, d_log_variance):
    """Fill ``d_mean`` with ``upstream`` (x - mean) / variance, and ``d_log_variance`` (replicas) with the sum of ``upstream`` (squares / variance - n) / 2."""
    n_replicas, n_samples, n_obs = upstream.shape
    n_vars = x.shape[3]
    row_mean = _scratch(n_vars)
    d_log_variance[:] = _ZERO
    for row in range(n_replicas * n_samples * n_obs):
        replica, sample, cell = row // (n_samples * n_obs), row // n_obs % n_samples, row % n_obs
        values, weight = x[replica, sample if x.shape[1] > 1 else 0, cell], upstream[replica, sample, cell]
        precision = np.float32(math.exp(-np.float64(log_variance[replica])))
        _load_row(mean[row * stride : row * stride + n_vars], row_mean)
        d_log_variance[replica] += _HALF * weight * (_sum_of_squares(values, row_mean) * precision - np.float32(n_vars))
        _gaussian_gradient(values, row_mean, weight * precision, d_mean[row * n_vars : (row + 1) * n_vars])
