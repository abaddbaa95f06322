"""Arithmetic that LLVM vectorises, for the loss kernels: sums in any order, bfloat16, exp and log
as polynomials, rows of logits.

The loops over genes have no branch. exp and log are Cephes' expf and logf
(https://netlib.org/cephes), to 1.3e-7 relative. A sum may be taken in any order, and nothing else
may be reordered: the polynomials and ``log1p_of_positive`` rest on exact differences, which
fast-math would break."""

from typing import no_type_check

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from latentbench.kernels.compiling import COMPILED, INLINED

ZERO, HALF, ONE = np.float32(0), np.float32(0.5), np.float32(1)
_LOG2_HIGH, _LOG2_LOW, _LOG2_E = (
    np.float32(0.693359375),
    np.float32(-2.12194440e-4),
    np.float32(1.44269504),
)
_EXP_LOWEST = np.float32(-87.3)
_EXPONENT_BIAS, _EXPONENT_UNIT, _EXPONENT_SHIFT, _SQRT_HALF_BITS = (
    np.float32(127),
    np.float32(2**23),
    np.int32(23),
    np.int32(0x3F3504F3),
)
_E0, _E1, _E2, _E3, _E4, _E5 = map(
    np.float32,
    (
        1.9875691500e-4,
        1.3981999507e-3,
        8.3334519073e-3,
        4.1665795894e-2,
        1.6666665459e-1,
        5.0000001201e-1,
    ),
)
_L0, _L1, _L2, _L3, _L4 = map(
    np.float32,
    (7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1),
)
_L5, _L6, _L7, _L8 = map(
    np.float32, (-1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1)
)
_APART = 256


@njit(**COMPILED, **INLINED)
@no_type_check
def scratch(n):
    """Return n zeros that lie at least ``_APART`` numbers from every other array.

    LLVM enters a vectorised loop after comparing addresses and takes closer arrays for overlapping:
    a sum over a few genes would be taken in another order when the allocator happens to put two
    arrays side by side."""
    return np.zeros(n + 2 * _APART, np.float32)[_APART : _APART + n]


@intrinsic
@no_type_check
def plus(typing_context, total, value):
    """Add to a running sum of float32 that may be taken in any order, which is what lets LLVM keep
    one sum a lane.
    """

    def generate(context, builder, signature, arguments):
        return builder.fadd(*arguments, flags=("reassoc", "contract", "nsz"))

    return types.float32(types.float32, types.float32), generate


@intrinsic
@no_type_check
def larger(typing_context, largest, value):
    """Return the larger of two float32 as part of a running maximum; what it makes of a NaN is open
    (the exp that follows keeps the NaN).
    """

    def generate(context, builder, signature, arguments):
        flags = ("nnan", "nsz")
        return builder.select(
            builder.fcmp_ordered(">", *arguments, flags=flags), *arguments, flags=flags
        )

    return types.float32(types.float32, types.float32), generate


@intrinsic
@no_type_check
def as_float(typing_context, number):
    """Return a float32, given as itself or as the 16 bits of a bfloat16 (uint16)."""

    def generate(context, builder, signature, arguments):
        if signature.args[0] == types.float32:
            return arguments[0]
        bits = builder.shl(
            builder.zext(arguments[0], ir.IntType(32)), ir.Constant(ir.IntType(32), 16)
        )
        return builder.bitcast(bits, ir.FloatType())

    return types.float32(number), generate


@intrinsic
@no_type_check
def rounded_as(typing_context, value, like):
    """Return a float32 as the type of ``like``: itself, or the bits of the nearest bfloat16 (ties
    to even; a NaN stays one).
    """

    def generate(context, builder, signature, arguments):
        if signature.args[1] == types.float32:
            return arguments[0]
        word = ir.IntType(32)
        bits = builder.bitcast(arguments[0], word)
        odd = builder.and_(builder.lshr(bits, ir.Constant(word, 16)), ir.Constant(word, 1))
        rounded = builder.lshr(
            builder.add(bits, builder.add(odd, ir.Constant(word, 0x7FFF))), ir.Constant(word, 16)
        )
        is_nan = builder.fcmp_unordered("uno", arguments[0], arguments[0])
        return builder.trunc(
            builder.select(is_nan, ir.Constant(word, 0x7FC0), rounded), ir.IntType(16)
        )

    return like(types.float32, like), generate


@njit(**COMPILED, **INLINED)
@no_type_check
def exp_of_negative(x):
    """Return exp(x) for x <= 0; exp(-87.3), about 1e-38, below that. NaN stays NaN."""
    x = _EXP_LOWEST if x < _EXP_LOWEST else x
    n = np.float32(np.int32(x * _LOG2_E - HALF))
    f = x - n * _LOG2_HIGH - n * _LOG2_LOW
    polynomial = ((((_E0 * f + _E1) * f + _E2) * f + _E3) * f + _E4) * f + _E5
    return (polynomial * (f * f) + f + ONE) * np.int32((n + _EXPONENT_BIAS) * _EXPONENT_UNIT).view(
        np.float32
    )


@njit(**COMPILED, **INLINED)
@no_type_check
def log1p_of_positive(r):
    """Return log(1 + r) for finite r >= 0: with r itself, not (1 + r) - 1, where 1 + r <
    sqrt(2).
    """
    bits = np.float32(ONE + r).view(np.int32)
    exponent = np.int32((bits - _SQRT_HALF_BITS) >> _EXPONENT_SHIFT)
    mantissa = np.int32(bits - (exponent << _EXPONENT_SHIFT)).view(np.float32)
    f = r if exponent == 0 else mantissa - ONE
    n = np.float32(exponent)
    square = f * f
    polynomial = (
        ((((((_L0 * f + _L1) * f + _L2) * f + _L3) * f + _L4) * f + _L5) * f + _L6) * f + _L7
    ) * f + _L8
    return f + (f * square * polynomial + n * _LOG2_LOW - HALF * square) + n * _LOG2_HIGH


@njit(**COMPILED, **INLINED)
@no_type_check
def load_row(numbers, row):
    for i in range(row.shape[0]):
        row[i] = as_float(numbers[i])


@njit(**COMPILED, **INLINED)
@no_type_check
def softmax(logits, weights):
    """Leave exp(logits - their maximum) in ``weights``; return that maximum and their sum."""
    largest = logits[0]
    for gene in range(logits.shape[0]):
        largest = larger(largest, logits[gene])
    total = ZERO
    for gene in range(logits.shape[0]):
        weights[gene] = exp_of_negative(logits[gene] - largest)
        total = plus(total, weights[gene])
    return largest, total


@njit(**COMPILED, **INLINED)
@no_type_check
def add_weighted(weight, values, sums):
    for i in range(sums.shape[0]):
        sums[i] += weight * values[i]


@njit(**COMPILED, **INLINED)
@no_type_check
def store_weighted(weight, values, stored):
    for i in range(stored.shape[0]):
        stored[i] = rounded_as(weight * values[i], stored[0])
