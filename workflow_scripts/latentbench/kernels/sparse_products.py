"""Products of sparse rows with dense matrices, compiled by numba: the first layer of an encoder and the gradient of its weights.

The rows are read where they lie in the data set; nothing is gathered or made dense. The matrix is taken in strips of 64 columns, so that a strip of 2,000 rows
stays in a core's cache while all cells pass over it, and the 64 sums of a cell stay in registers. Importing this module imports numba.
"""

from typing import no_type_check

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

COMPILED = {"fastmath": {"contract"}, "error_model": "numpy", "nogil": True}
_LANES = 16


@no_type_check
def _strip_sum(n_vectors):
    """Return an intrinsic for one strip: out[0:width] = sum over k in first..end of values[k] * strip k, which begins at matrix[places[k] * stride + offset].

    LLVM would keep the sums in memory, since it cannot know that ``out`` and ``matrix`` do not overlap; here they are ``n_vectors`` vectors of 16.
    """

    @intrinsic
    def strip_sum(typing_context, values, places, first, end, matrix, stride, offset, out, out_offset):
        signature = types.void(values, places, types.int64, types.int64, matrix, types.int64, types.int64, out, types.int64)

        def generate(context, builder, signature, arguments):
            arrays = [
                context.make_array(kind)(context, builder, value).data
                for kind, value in zip(signature.args, arguments, strict=True)
                if isinstance(kind, types.Array)
            ]
            values_data, places_data, matrix_data, out_data = arrays
            _, _, first_, end_, _, stride_, offset_, _, out_offset_ = arguments
            vector, integer = ir.VectorType(ir.FloatType(), _LANES), ir.IntType(64)
            entry, head, body, done = builder.block, *(builder.append_basic_block(name) for name in ("head", "body", "done"))
            zero = ir.Constant(vector, [0.0] * _LANES)
            builder.branch(head)
            builder.position_at_end(head)
            k = builder.phi(integer)
            sums = [builder.phi(vector) for _ in range(n_vectors)]
            builder.cbranch(builder.icmp_signed("<", k, end_), body, done)
            builder.position_at_end(body)
            value = builder.load(builder.gep(values_data, [k]))
            spread = builder.shuffle_vector(
                builder.insert_element(zero, value, ir.Constant(ir.IntType(32), 0)), zero, ir.Constant(ir.VectorType(ir.IntType(32), _LANES), [0] * _LANES)
            )
            place = builder.sext(builder.load(builder.gep(places_data, [k])), integer)
            row = builder.add(builder.mul(place, stride_), offset_)
            added = []
            for index, total in enumerate(sums):
                part = builder.load(_vector_at(builder, matrix_data, row, index, vector), align=4)
                added.append(builder.fadd(total, builder.fmul(spread, part, flags=("contract",)), flags=("contract",)))
            following = builder.add(k, ir.Constant(integer, 1))
            builder.branch(head)
            for phi, start, later in [(k, first_, following), *((total, zero, new) for total, new in zip(sums, added, strict=True))]:
                phi.add_incoming(start, entry)
                phi.add_incoming(later, body)
            builder.position_at_end(done)
            for index, total in enumerate(sums):
                builder.store(total, _vector_at(builder, out_data, out_offset_, index, vector), align=4)
            return context.get_dummy_value()

        return signature, generate

    return strip_sum


@no_type_check
def _vector_at(builder, data, start, index, vector):
    place = builder.add(start, ir.Constant(start.type, index * _LANES))
    return builder.bitcast(builder.gep(data, [place]), vector.as_pointer())


_sum_64, _sum_16 = _strip_sum(4), _strip_sum(1)


@njit(**COMPILED)
@no_type_check
def _sum_rest(values, places, first, end, matrix, stride, offset, out, out_offset, width):
    for i in range(width):
        total = np.float32(0)
        for k in range(first, end):
            total += values[k] * matrix[places[k] * stride + offset + i]
        out[out_offset + i] = total


@njit(**COMPILED)
@no_type_check
def _strips(width):
    """Return the widths of the strips of a matrix: 64 as often as it goes, then 16, then what is left."""
    strips = [64] * (width // 64) + [16] * (width % 64 // 16)
    if width % 16:
        strips.append(width % 16)
    return strips


@njit(**COMPILED)
@no_type_check
def _sum_strip(values, places, first, end, matrix, stride, offset, out, out_offset, width):
    if width == 64:
        _sum_64(values, places, first, end, matrix, stride, offset, out, out_offset)
    elif width == 16:
        _sum_16(values, places, first, end, matrix, stride, offset, out, out_offset)
    else:
        _sum_rest(values, places, first, end, matrix, stride, offset, out, out_offset, width)


@njit(cache=True, **COMPILED)
@no_type_check
def rows_times_matrix(values, columns, starts, cells, matrix, product):
    """Fill ``product`` (replicas, obs, out) with the rows ``cells`` (replicas, obs) of a CSR matrix times ``matrix`` (replicas, vars, out)."""
    n_replicas, n_obs, n_out = product.shape
    flat_matrix, flat_product = matrix.reshape(-1), product.reshape(-1)
    for replica in range(n_replicas):
        offset = 0
        for width in _strips(n_out):
            for i in range(n_obs):
                cell = cells[replica, i]
                out_offset = (replica * n_obs + i) * n_out + offset
                _sum_strip(
                    values,
                    columns,
                    starts[cell],
                    starts[cell + 1],
                    flat_matrix,
                    n_out,
                    replica * matrix.shape[1] * n_out + offset,
                    flat_product,
                    out_offset,
                    width,
                )
            offset += width


@njit(cache=True, **COMPILED)
@no_type_check
def transposed_rows_times_matrix(values, columns, starts, cells, matrix, product):
    """Fill ``product`` (replicas, vars, out) with the transpose of the rows ``cells`` times ``matrix`` (replicas, obs, out).

    The rows are first sorted by column: then each row of the product is written once, and the matrix, small, stays in the cache.
    """
    n_replicas, n_vars, n_out = product.shape
    n_obs = cells.shape[1]
    flat_matrix, flat_product = matrix.reshape(-1), product.reshape(-1)
    for replica in range(n_replicas):
        sorted_values, places, ends = _sorted_by_column(values, columns, starts, cells[replica], n_vars)
        offset = 0
        for width in _strips(n_out):
            first = 0
            for var in range(n_vars):
                out_offset = (replica * n_vars + var) * n_out + offset
                _sum_strip(sorted_values, places, first, ends[var], flat_matrix, n_out, replica * n_obs * n_out + offset, flat_product, out_offset, width)
                first = ends[var]
            offset += width


@njit(**COMPILED)
@no_type_check
def _sorted_by_column(values, columns, starts, cells, n_vars):
    """Return the values of the cells' rows sorted by column, the position in ``cells`` of each, and where each column ends."""
    ends = np.zeros(n_vars + 1, np.int32)
    for cell in cells:
        for k in range(starts[cell], starts[cell + 1]):
            ends[columns[k] + 1] += 1
    for var in range(n_vars):
        ends[var + 1] += ends[var]
    sorted_values, places = np.empty(ends[n_vars], np.float32), np.empty(ends[n_vars], np.int32)
    for i in range(cells.shape[0]):
        for k in range(starts[cells[i]], starts[cells[i] + 1]):
            place = ends[columns[k]]
            sorted_values[place], places[place] = values[k], i
            ends[columns[k]] = place + 1
    return sorted_values, places, ends
