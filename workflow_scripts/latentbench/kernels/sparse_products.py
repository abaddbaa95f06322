"""Work on sparse rows, compiled by numba: gathering those of a minibatch, and their products with
dense matrices (an encoder's first layer, its gradient).

In a product the matrix is taken in strips of at most 128 columns, whose sums for one cell stay in
registers, and in blocks of ``BLOCK`` rows, which stay in a core's nearest caches while all cells
pass over them (fastest where a row's columns rise; the sums are the same in any order). Importing
this module imports numba."""

import math
from typing import no_type_check

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from latentbench.kernels.compiling import COMPILED, INLINED

_LOG1P = np.log1p(np.arange(256)).astype(np.float32)
BLOCK = 96
"""Rows of a matrix that are passed over at a time; 64 to 128 are equally fast."""
_LANES = 16
_VECTOR = ir.VectorType(ir.FloatType(), _LANES)
_NOTHING = ir.Constant(_VECTOR, [0.0] * _LANES)


@no_type_check
def _strip_kernels(n_vectors):
    """Return two intrinsics for the entries of one sparse row, from first to end or to the first
    place that is not below ``limit``, and one strip of a matrix, whose rows begin at places[k] *
    stride + offset. Both return where they stopped.

    ``gather``: out += sum_k values[k] * matrix row k. ``scatter``: matrix row k += values[k] * out.
    LLVM would keep ``out`` in memory, since it cannot know that it does not overlap the matrix;
    here it is ``n_vectors`` vectors of 16 floats."""

    @no_type_check
    def loop(builder, arguments, data, generate_entry, starting):
        """Generate the loop; ``generate_entry(value, row, carried)`` returns the carried vectors of
        the next entry. Return where it ends, and them.
        """
        integer, int32 = ir.IntType(64), ir.IntType(32)
        _, _, first, end, limit, _, stride, offset, _, _ = arguments
        entry, head, look, body, done = (
            builder.block,
            *(builder.append_basic_block(name) for name in ("head", "look", "body", "done")),
        )
        builder.branch(head)
        builder.position_at_end(head)
        k, carried = builder.phi(integer), [builder.phi(_VECTOR) for _ in starting]
        builder.cbranch(builder.icmp_signed("<", k, end), look, done)
        builder.position_at_end(look)
        place = builder.zext(builder.load(builder.gep(data[1], [k])), integer)
        builder.cbranch(builder.icmp_signed("<", place, limit), body, done)
        builder.position_at_end(body)
        alone = builder.insert_element(
            _NOTHING, builder.load(builder.gep(data[0], [k])), ir.Constant(int32, 0)
        )
        value = builder.shuffle_vector(
            alone, _NOTHING, ir.Constant(ir.VectorType(int32, _LANES), [0] * _LANES)
        )
        later = generate_entry(value, builder.add(builder.mul(place, stride), offset), carried)
        following = builder.add(k, ir.Constant(integer, 1))
        builder.branch(head)
        for phi, start, new in [(k, first, following), *zip(carried, starting, later, strict=True)]:
            phi.add_incoming(start, entry)
            phi.add_incoming(new, body)
        builder.position_at_end(done)
        return k, carried

    def signature_of(values, places, matrix, out):
        return types.int64(
            values,
            places,
            types.int64,
            types.int64,
            types.int64,
            matrix,
            types.int64,
            types.int64,
            out,
            types.int64,
        )

    def out_of(builder, data, arguments):
        return [_vector_at(builder, data[3], arguments[9], i) for i in range(n_vectors)]

    @intrinsic
    def gather(
        typing_context, values, places, first, end, limit, matrix, stride, offset, out, out_offset
    ):
        def generate(context, builder, signature, arguments):
            data = _data_of(context, builder, signature, arguments)

            def add_row(value, row, sums):
                return [
                    _multiply_add(
                        builder,
                        value,
                        builder.load(_vector_at(builder, data[2], row, i), align=4),
                        total,
                    )
                    for i, total in enumerate(sums)
                ]

            stopped, sums = loop(
                builder,
                arguments,
                data,
                add_row,
                [builder.load(place, align=4) for place in out_of(builder, data, arguments)],
            )
            for total, place in zip(sums, out_of(builder, data, arguments), strict=True):
                builder.store(total, place, align=4)
            return stopped

        return signature_of(values, places, matrix, out), generate

    @intrinsic
    def scatter(
        typing_context, values, places, first, end, limit, matrix, stride, offset, out, out_offset
    ):
        def generate(context, builder, signature, arguments):
            data = _data_of(context, builder, signature, arguments)
            parts = [builder.load(place, align=4) for place in out_of(builder, data, arguments)]

            def add_to_row(value, row, carried):
                for i, part in enumerate(parts):
                    place = _vector_at(builder, data[2], row, i)
                    builder.store(
                        _multiply_add(builder, value, part, builder.load(place, align=4)),
                        place,
                        align=4,
                    )
                return carried

            return loop(builder, arguments, data, add_to_row, [])[0]

        return signature_of(values, places, matrix, out), generate

    return gather, scatter


@no_type_check
def _data_of(context, builder, signature, arguments):
    return [
        context.make_array(kind)(context, builder, value).data
        for kind, value in zip(signature.args, arguments, strict=True)
        if isinstance(kind, types.Array)
    ]


@no_type_check
def _multiply_add(builder, a, b, c):
    return builder.fadd(c, builder.fmul(a, b, flags=("contract",)), flags=("contract",))


@no_type_check
def _vector_at(builder, data, start, index):
    place = builder.add(start, ir.Constant(start.type, index * _LANES))
    return builder.bitcast(builder.gep(data, [place]), _VECTOR.as_pointer())


(_gather_128, _scatter_128), (_gather_64, _scatter_64), (_gather_16, _scatter_16) = map(
    _strip_kernels, (8, 4, 1)
)


@njit(**COMPILED, **INLINED)
@no_type_check
def _gather(values, places, first, end, limit, matrix, stride, offset, out, out_offset, width):
    if width == 128:
        return _gather_128(
            values, places, first, end, limit, matrix, stride, offset, out, out_offset
        )
    if width == 64:
        return _gather_64(
            values, places, first, end, limit, matrix, stride, offset, out, out_offset
        )
    if width == 16:
        return _gather_16(
            values, places, first, end, limit, matrix, stride, offset, out, out_offset
        )
    while first < end and places[first] < limit:
        for i in range(width):
            out[out_offset + i] += values[first] * matrix[places[first] * stride + offset + i]
        first += 1
    return first


@njit(**COMPILED, **INLINED)
@no_type_check
def _scatter(values, places, first, end, limit, matrix, stride, offset, out, out_offset, width):
    if width == 128:
        return _scatter_128(
            values, places, first, end, limit, matrix, stride, offset, out, out_offset
        )
    if width == 64:
        return _scatter_64(
            values, places, first, end, limit, matrix, stride, offset, out, out_offset
        )
    if width == 16:
        return _scatter_16(
            values, places, first, end, limit, matrix, stride, offset, out, out_offset
        )
    while first < end and places[first] < limit:
        for i in range(width):
            matrix[places[first] * stride + offset + i] += values[first] * out[out_offset + i]
        first += 1
    return first


@njit(**COMPILED, **INLINED)
@no_type_check
def _strips(width):
    """Return the widths of the strips of a matrix: 128 as often as it goes, then 64, then 16, then
    what is left.
    """
    strips = [128] * (width // 128) + [64] * (width % 128 // 64) + [16] * (width % 64 // 16)
    if width % 16:
        strips.append(width % 16)
    return strips


@njit(cache=True, **COMPILED)
@no_type_check
def rows_times_matrix(values, columns, starts, matrix, product):
    """Fill ``product`` (replicas, obs, out) with sparse rows (replicas * obs of them) times
    ``matrix`` (replicas, vars, out).
    """
    n_replicas, n_obs, n_out = product.shape
    n_vars = matrix.shape[1]
    flat_matrix, flat_product = matrix.reshape(-1), product.reshape(-1)
    flat_product[:] = np.float32(0)
    for replica in range(n_replicas):
        row, offset = replica * n_obs, 0
        for width in _strips(n_out):
            first, at = replica * n_vars * n_out + offset, starts[row : row + n_obs].copy()
            for limit in range(BLOCK, n_vars + BLOCK, BLOCK):
                for i in range(n_obs):
                    place = (row + i) * n_out + offset
                    at[i] = _gather(
                        values,
                        columns,
                        at[i],
                        starts[row + i + 1],
                        limit,
                        flat_matrix,
                        n_out,
                        first,
                        flat_product,
                        place,
                        width,
                    )
            offset += width


@njit(cache=True, **COMPILED)
@no_type_check
def transposed_rows_times_matrix(values, columns, starts, matrix, product):
    """Fill ``product`` (replicas, vars, out) with the transpose of sparse rows (replicas * obs of
    them) times ``matrix`` (replicas, obs, out).
    """
    n_replicas, n_obs, n_out = matrix.shape
    n_vars = product.shape[1]
    flat_matrix, flat_product = matrix.reshape(-1), product.reshape(-1)
    flat_product[:] = np.float32(0)
    for replica in range(n_replicas):
        row, offset = replica * n_obs, 0
        for width in _strips(n_out):
            first, at = replica * n_vars * n_out + offset, starts[row : row + n_obs].copy()
            for limit in range(BLOCK, n_vars + BLOCK, BLOCK):
                for i in range(n_obs):
                    place = (row + i) * n_out + offset
                    at[i] = _scatter(
                        values,
                        columns,
                        at[i],
                        starts[row + i + 1],
                        limit,
                        flat_product,
                        n_out,
                        first,
                        flat_matrix,
                        place,
                        width,
                    )
            offset += width


@njit(cache=True, **COMPILED)
@no_type_check
def gather_rows(values, columns, starts, rows, new_starts, new_values, new_columns):
    """Copy the named rows of a CSR matrix, whatever its types, to float32 values and uint32
    columns.
    """
    for i in range(rows.shape[0]):
        first, offset = starts[rows[i]], new_starts[i]
        for k in range(new_starts[i + 1] - offset):
            new_values[offset + k] = values[first + k]
            new_columns[offset + k] = columns[first + k]


@njit(cache=True, **COMPILED)
@no_type_check
def log1p_of_counts(counts, logs):
    """Fill ``logs`` with log(1 + count): whole counts below 256 are looked up."""
    for k in range(counts.shape[0]):
        count = counts[k]
        whole = np.int32(count)
        logs[k] = _LOG1P[whole] if whole < 256 and whole == count else math.log1p(np.float64(count))


@njit(cache=True, **COMPILED)
@no_type_check
def fill_bf16(values, columns, starts, dense):
    """Put the bits of the nearest bfloat16 of every value (finite) into its place in ``dense``
    (rows, vars), which is zero elsewhere.
    """
    bits = values.view(np.uint32)
    for row in range(dense.shape[0]):
        for k in range(starts[row], starts[row + 1]):
            word = bits[k]
            dense[row, columns[k]] = np.uint16(
                (word + np.uint32(0x7FFF) + ((word >> np.uint32(16)) & np.uint32(1)))
                >> np.uint32(16)
            )
