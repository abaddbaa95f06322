"""Loss kernels for a CPU in float32, compiled by numba: log-likelihoods of rows and, in the same pass, their derivatives.

Everything is in one file because numba looks only at a function's own file to tell whether its cached code is stale. The loops over genes are written so that
LLVM vectorises them: no branch, exp and log as polynomials (Cephes' expf and logf, https://netlib.org/cephes, to 1.3e-7 relative). A sum may be taken in any
order, and nothing else may be reordered: the polynomials and ``log1p`` rest on exact differences, which fast-math would break.

With mu = L softmax(a), r = mu / theta and l = log(1 + r), a negative binomial is

    log p(x) = x (log mu - l) - theta l + R(x, theta) - lgamma(x + 1),   R(x, theta) = sum_{i < x} log(1 + i / theta)    (1)
    d log p / d log mu = (x - mu) / (1 + r) =: h,   d / d a = h - softmax(a) sum h                                       (2)
    d log p / d log theta = T(x, theta) - theta l - h,   T(x, theta) = sum_{i < x} theta / (theta + i)                   (3)

which has no difference of large terms when theta grows: R -> 0, T -> x, and (1) is Poisson's. R and T are 0 at x = 0, and 0 and 1 at x = 1: only the few values
above 1 are looked up.
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
N_TABULATED = 16

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
def _trailing_zeros(typing_context, word):
    """Return how many low bits of a word are zero; the word is not."""

    def generate(context, builder, signature, arguments):
        return builder.cttz(*arguments, ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), generate


@njit(**COMPILED)
@no_type_check
def exp_of_negative(x):
    """Return exp(x) for x <= 0; exp(-87.3), about 1e-38, below that. NaN stays NaN."""
    x = _EXP_LOWEST if x < _EXP_LOWEST else x
    n = np.float32(np.int32(x * _LOG2_E - _HALF))
    f = x - n * _LOG2_HIGH - n * _LOG2_LOW
    polynomial = ((((_E0 * f + _E1) * f + _E2) * f + _E3) * f + _E4) * f + _E5
    return (polynomial * (f * f) + f + _ONE) * np.int32((n + _EXPONENT_BIAS) * _EXPONENT_UNIT).view(np.float32)


@njit(**COMPILED)
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


@njit(**COMPILED)
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


@njit(**COMPILED)
@no_type_check
def _stirling_growth(x, start):
    """Return lgamma(start + x) - lgamma(start) - x log start and digamma(start + x) - digamma(start), for start >= 8."""
    end, log_growth = start + x, math.log1p(x / start)
    growth = (end - 0.5) * log_growth - x + _lgamma_rest(end) - _lgamma_rest(start)
    return growth, log_growth + _digamma_rest(end) - _digamma_rest(start)


@njit(**COMPILED)
@no_type_check
def _lgamma_rest(z):
    """Return lgamma(z) - (z - 1/2) log z + z - log(2 pi) / 2 for z >= 8."""
    square = z * z
    return (1 / 12 - (1 / 360 - (1 / 1260 - 1 / 1680 / square) / square) / square) / z


@njit(**COMPILED)
@no_type_check
def _digamma_rest(z):
    """Return digamma(z) - log z for z >= 8."""
    square = z * z
    return -0.5 / z - (1 / 12 - (1 / 120 - (1 / 252 - 1 / 240 / square) / square) / square) / square


@njit(**COMPILED)
@no_type_check
def _tabulate(inverse_theta, risings, slopes):
    """Fill row k of two tables with R(k, theta) and T(k, theta) of every gene, k up to ``N_TABULATED``."""
    risings[0], slopes[0] = _ZERO, _ZERO
    for k in range(N_TABULATED):
        _next_row(np.float32(k), inverse_theta, risings[k], slopes[k], risings[k + 1], slopes[k + 1])


@njit(**COMPILED)
@no_type_check
def _next_row(k, inverse_theta, risings, slopes, next_risings, next_slopes):
    for gene in range(inverse_theta.shape[0]):
        ratio = k * inverse_theta[gene]
        next_risings[gene] = risings[gene] + log1p_of_positive(ratio)
        next_slopes[gene] = slopes[gene] + _ONE / (_ONE + ratio)


@njit(**COMPILED)
@no_type_check
def _find_rare(x, flags, genes):
    """List the genes whose count is neither 0 nor 1; return how many there are. ``flags``: a byte a gene, a multiple of 8 of them, zero at the end.

    A branch a gene would be mispredicted too often: flags are set by vectors, then read eight at a time.
    """
    for gene in range(x.shape[0]):
        flags[gene] = x[gene] * (x[gene] - _ONE) != _ZERO
    words, n, one = flags.view(np.uint64), 0, np.uint64(1)
    for index in range(words.shape[0]):
        word = words[index]
        while word != 0:
            genes[n] = 8 * index + (_trailing_zeros(word) >> 3)
            n += 1
            word &= word - one
    return n


@njit(**COMPILED)
@no_type_check
def _look_up(x, genes, theta, risings, slopes, extra_slopes):
    """Return sum R - lgamma(x + 1) over the listed genes of a cell, and leave T - x of each in ``extra_slopes``."""
    constant = 0.0
    for i in range(genes.shape[0]):
        gene = genes[i]
        count = x[gene]
        k = int(count)
        if k != count:
            rising, slope = log_rising(np.float64(count), np.float64(theta[gene]))
        elif k <= N_TABULATED:
            rising, slope = np.float64(risings[k, gene]), np.float64(slopes[k, gene])
        else:
            above, inverse = np.float64(k - N_TABULATED), 1 / np.float64(theta[gene])
            growth, log_growth = _stirling_growth(above, theta[gene] + N_TABULATED)
            rising = risings[N_TABULATED, gene] + growth + above * math.log1p(N_TABULATED * inverse)
            slope = slopes[N_TABULATED, gene] + theta[gene] * log_growth
        constant += rising - _log_factorial(count)
        extra_slopes[i] = slope - count
    return constant


@njit(**COMPILED)
@no_type_check
def _log_factorial(count):
    k = int(count)
    return _LOG_FACTORIALS[k] if k < len(_LOG_FACTORIALS) and count == k else math.lgamma(np.float64(count) + 1)


@njit(**COMPILED)
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


@njit(**COMPILED)
@no_type_check
def _through_softmax(gradient, weights, share):
    """Turn a gradient by log mu into one by the logits, equation (2)."""
    for gene in range(gradient.shape[0]):
        gradient[gene] -= weights[gene] * share


@njit(**COMPILED)
@no_type_check
def _negative_binomial_row(x, logits, library_size, theta, inverse_theta, weights, d_logits, d_log_theta):
    """Return log p of one cell without the looked-up terms, and leave its derivatives in the last two arguments."""
    largest, total = _softmax(logits, weights)
    scale, offset = library_size / total, np.float32(math.log(library_size) - math.log(total)) - largest
    value, pull = _ZERO, _ZERO
    for gene in range(x.shape[0]):
        mu = weights[gene] * scale
        ratio = mu * inverse_theta[gene]
        log_excess = log1p_of_positive(ratio)
        h = (x[gene] - mu) / (_ONE + ratio)
        at_zero = theta[gene] * log_excess
        value = _plus(value, x[gene] * (logits[gene] + offset - log_excess) - at_zero)
        pull = _plus(pull, h)
        d_logits[gene] = h
        d_log_theta[gene] = x[gene] - at_zero - h
    _through_softmax(d_logits, weights, pull / total)
    return value


@njit(**COMPILED)
@no_type_check
def _zero_inflated_row(x, logits, zi_logits, library_size, theta, inverse_theta, weights, d_logits, d_log_theta, d_zi_logits):
    """Return log p of one cell without the looked-up terms, and leave its derivatives in the last three arguments.

    At x = 0, log p = log(exp(zi) + exp(-theta l)) - log(1 + exp(zi)), and the derivatives of the NB count by the probability that it made the zero.
    """
    largest, total = _softmax(logits, weights)
    scale, offset = library_size / total, np.float32(math.log(library_size) - math.log(total)) - largest
    value, pull = _ZERO, _ZERO
    for gene in range(x.shape[0]):
        mu = weights[gene] * scale
        ratio = mu * inverse_theta[gene]
        log_excess = log1p_of_positive(ratio)
        h = (x[gene] - mu) / (_ONE + ratio)
        at_zero = theta[gene] * log_excess
        zi = zi_logits[gene]
        zi_tail = exp_of_negative(-abs(zi))
        zi_probability = (_ONE if zi > _ZERO else zi_tail) / (_ONE + zi_tail)
        gap = zi + at_zero
        tail = exp_of_negative(-abs(gap))
        inflated = (_ONE if gap > _ZERO else tail) / (_ONE + tail)
        from_counts = (tail if gap > _ZERO else _ONE) / (_ONE + tail)
        log_zero = (zi if gap > _ZERO else -at_zero) + log1p_of_positive(tail)
        is_zero = x[gene] == _ZERO
        inflated = inflated if is_zero else _ZERO
        from_counts = from_counts if is_zero else _ONE
        log_seen = log_zero if is_zero else x[gene] * (logits[gene] + offset - log_excess) - at_zero
        value = _plus(value, log_seen - (_ZERO if zi < _ZERO else zi) - log1p_of_positive(zi_tail))
        pull = _plus(pull, from_counts * h)
        d_logits[gene] = from_counts * h
        d_log_theta[gene] = from_counts * (x[gene] - at_zero - h)
        d_zi_logits[gene] = inflated - zi_probability
    _through_softmax(d_logits, weights, pull / total)
    return value


@njit(cache=True, **COMPILED)
@no_type_check
def negative_binomial(x, logits, stride, library_size, theta, zi_logits, zi_stride, log_prob, d_logits, d_log_theta, d_zi_logits):
    """Fill ``log_prob`` (replicas, samples, obs) and the derivatives (rows, vars) of every cell; derivatives of one row are scratch.

    ``x`` is (replicas, 1 or samples, obs, vars), ``library_size`` (replicas, samples, obs), ``theta`` (replicas, vars); row i of the logits begins
    at i * stride. Without zero inflation ``zi_logits`` and ``d_zi_logits`` are None.
    """
    n_replicas, n_samples, n_obs = log_prob.shape
    n_vars = x.shape[3]
    risings, slopes = np.empty((N_TABULATED + 1, n_vars), np.float32), np.empty((N_TABULATED + 1, n_vars), np.float32)
    weights, extra_slopes, rare = np.empty(n_vars, np.float32), np.empty(n_vars, np.float32), np.empty(n_vars, np.int32)
    flags = np.zeros((n_vars + 7) // 8 * 8, np.uint8)
    constant, n_rare = 0.0, 0
    for replica in range(n_replicas):
        inverse_theta = _ONE / theta[replica]
        _tabulate(inverse_theta, risings, slopes)
        for cell in range(n_obs):
            for sample in range(n_samples):
                counts = x[replica, sample if x.shape[1] > 1 else 0, cell]
                if sample == 0 or x.shape[1] > 1:
                    n_rare = _find_rare(counts, flags, rare)
                    constant = _look_up(counts, rare[:n_rare], theta[replica], risings, slopes, extra_slopes)
                row = (replica * n_samples + sample) * n_obs + cell
                kept = row if d_logits.shape[0] > 1 else 0
                size, cell_logits = library_size[replica, sample, cell], logits[row * stride : row * stride + n_vars]
                if zi_logits is None:
                    value = _negative_binomial_row(counts, cell_logits, size, theta[replica], inverse_theta, weights, d_logits[kept], d_log_theta[kept])
                else:
                    cell_zi = zi_logits[row * zi_stride : row * zi_stride + n_vars]
                    value = _zero_inflated_row(
                        counts, cell_logits, cell_zi, size, theta[replica], inverse_theta, weights, d_logits[kept], d_log_theta[kept], d_zi_logits[kept]
                    )
                log_prob[replica, sample, cell] = value + constant
                for i in range(n_rare):
                    d_log_theta[kept, rare[i]] += extra_slopes[i]


@njit(cache=True, **COMPILED)
@no_type_check
def poisson(x, logits, stride, library_size, log_prob, d_logits):
    """Do as ``negative_binomial`` for Poisson counts: the sum of mu is the library size, the derivative x - softmax(a) sum x."""
    n_replicas, n_samples, n_obs = log_prob.shape
    n_vars = x.shape[3]
    weights, rare, flags = np.empty(n_vars, np.float32), np.empty(n_vars, np.int32), np.zeros((n_vars + 7) // 8 * 8, np.uint8)
    constant, depth = 0.0, _ZERO
    for replica in range(n_replicas):
        for cell in range(n_obs):
            for sample in range(n_samples):
                counts = x[replica, sample if x.shape[1] > 1 else 0, cell]
                if sample == 0 or x.shape[1] > 1:
                    constant, depth = 0.0, _ZERO
                    for gene in range(n_vars):
                        depth = _plus(depth, counts[gene])
                    for i in range(_find_rare(counts, flags, rare)):
                        constant -= _log_factorial(counts[rare[i]])
                row = (replica * n_samples + sample) * n_obs + cell
                kept = row if d_logits.shape[0] > 1 else 0
                cell_logits, size = logits[row * stride : row * stride + n_vars], library_size[replica, sample, cell]
                largest, total = _softmax(cell_logits, weights)
                offset, value, share = np.float32(math.log(size) - math.log(total)) - largest, _ZERO, depth / total
                for gene in range(n_vars):
                    value = _plus(value, counts[gene] * (cell_logits[gene] + offset))
                    d_logits[kept, gene] = counts[gene] - weights[gene] * share
                log_prob[replica, sample, cell] = value - size + constant


@njit(cache=True, **COMPILED)
@no_type_check
def bernoulli(x, logits, stride, continuous, log_prob, d_logits):
    """Do as ``negative_binomial`` for Bernoulli or continuous Bernoulli values; with s = |a|, both log densities are x a - max(a, 0) - a function of s.

    Bernoulli: log(1 + e), e = exp(-s), the mean of s being 1 / (1 + e). Continuous: log((1 - e) / s) and 1 / (1 - e) - 1 / s; below s = 1 their Taylor
    series, since the differences would cancel (errors below 1e-7).
    """
    n_replicas, n_samples, n_obs = log_prob.shape
    n_vars = x.shape[3]
    for replica in range(n_replicas):
        for sample in range(n_samples):
            for cell in range(n_obs):
                row = (replica * n_samples + sample) * n_obs + cell
                kept = d_logits[row if d_logits.shape[0] > 1 else 0]
                values, cell_logits = x[replica, sample if x.shape[1] > 1 else 0, cell], logits[row * stride : row * stride + n_vars]
                log_prob[replica, sample, cell] = (
                    _continuous_bernoulli_row(values, cell_logits, kept) if continuous else _bernoulli_row(values, cell_logits, kept)
                )


@njit(**COMPILED)
@no_type_check
def _bernoulli_row(x, logits, d_logits):
    value = _ZERO
    for i in range(x.shape[0]):
        a = logits[i]
        tail = exp_of_negative(-abs(a))
        mean = (tail if a < _ZERO else _ONE) / (_ONE + tail)
        value = _plus(value, x[i] * a - (_ZERO if a < _ZERO else a) - log1p_of_positive(tail))
        d_logits[i] = x[i] - mean
    return value


@njit(**COMPILED)
@no_type_check
def _continuous_bernoulli_row(x, logits, d_logits):
    value = _ZERO
    for i in range(x.shape[0]):
        a = logits[i]
        size = abs(a)
        square = size * size
        rest = _ONE - exp_of_negative(-size)
        is_near = size < _ONE
        log_rest = -size * _HALF + square * (_C1 - square * (_C2 - square * _C3)) if is_near else -log1p_of_positive(size / rest - _ONE)
        mean = _HALF + size * (_M1 - square * (_M2 - square * (_M3 - square * _M4))) if is_near else _ONE / rest - _ONE / size
        value = _plus(value, x[i] * a - (_ZERO if a < _ZERO else a) - log_rest)
        d_logits[i] = x[i] - (_ONE - mean if a < _ZERO else mean)
    return value
