"""Matrix products of the size that small recurrent networks have, kept in registers.

A product of a 32 x 64 by a 64 x 256 matrix is too small for a BLAS library to pay off on every machine, and a plain numba
loop stores its sums after every few multiplications. Here LLVM is given the inner loop with its sums as vector
values, so they stay in registers: 8 rows by up to 3 vectors, one fused multiply-add each per step. LLVM turns the
vectors into whatever the processor has (AVX-512, AVX2, NEON).
"""

import llvmlite.binding
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from drywet.vectors import accumulated, broadcast, call, load_at, number_at, store_at

# 24 sums, 3 vectors and a factor fit into the 32 registers of AVX-512; others have 16 of half the width, or less. Many rows
# save memory traffic: a vector of ``w`` is read once for all of them.
if llvmlite.binding.get_host_cpu_features().get("avx512f"):
    ROWS, LANES, VECTORS = 8, 16, 3
else:
    ROWS, LANES, VECTORS = 4, 8, 2


def _make_tile(vectors, lanes=LANES):
    """An intrinsic for ``out[r, c] += sum_k a[r, k] w[k, c]`` on ROWS rows and ``vectors * lanes`` columns."""

    @intrinsic
    def tile(typing_context, a, transposed, w, out, row, column):
        signature = types.void(a, transposed, w, out, row, column)

        def codegen(context, builder, signature, arguments):
            a, transposed, w, out, first_row, column = arguments
            a_type, _, w_type, out_type, _, _ = signature.args
            size = column.type

            def number(value):
                return ir.Constant(size, value)

            def shape(kind, array):
                return cgutils.unpack_tuple(builder, context.make_array(kind)(context, builder, array).shape, kind.ndim)

            steps, w_stride = shape(w_type, w)
            _, out_stride = shape(out_type, out)
            _, a_stride = shape(a_type, a)
            step_stride = builder.select(transposed, a_stride, number(1))  # from one k to the next in ``a``
            row_stride = builder.select(transposed, number(1), a_stride)

            def sum_at(row, vector):
                offset = builder.mul(builder.add(first_row, number(row)), out_stride)
                return builder.add(offset, builder.add(column, number(vector * lanes)))

            def following(k, sums):
                w_row = builder.add(builder.mul(k, w_stride), column)
                values = [
                    load_at(context, builder, w_type, w, builder.add(w_row, number(vector * lanes)), lanes)
                    for vector in range(vectors)
                ]
                factors = []
                for row in range(ROWS):
                    offset = builder.mul(builder.add(first_row, number(row)), row_stride)
                    offset = builder.add(builder.mul(k, step_stride), offset)
                    factors.append(broadcast(builder, number_at(context, builder, a_type, a, offset), lanes))
                pairs = [(factor, value) for factor in factors for value in values]
                return [call(builder, "fma", *pair, total) for pair, total in zip(pairs, sums, strict=True)]

            with builder.if_then(builder.icmp_signed(">", steps, number(0))):
                places = [sum_at(row, vector) for row in range(ROWS) for vector in range(vectors)]
                start = [load_at(context, builder, out_type, out, place, lanes) for place in places]
                for place, total in zip(places, accumulated(builder, start, steps, following), strict=True):
                    store_at(context, builder, out_type, out, place, total)
            return context.get_dummy_value()

        return signature, codegen

    return tile


_full_tile, _tile_2, _tile_1 = (_make_tile(vectors) for vectors in (VECTORS, 2, 1))
_HALF = 8  # columns of a narrow matrix, where LANES are more
_half_tile = _make_tile(1, _HALF)


@njit(error_model="numpy", fastmath={"contract", "nsz"})
def multiply_add(a, transposed, w, out):
    """``out += a @ w``, or ``a.T @ w`` when ``transposed``; all C-contiguous, of one float type.

    ``out`` (M, N), ``w`` (K, N), ``a`` (M, K) or, transposed, (K, M). Rows beyond a multiple of ROWS and columns
    beyond a multiple of a vector are done one by one.
    """
    rows, columns = out.shape
    whole_rows, whole_columns = rows - rows % ROWS, columns - columns % LANES
    for row in range(0, whole_rows, ROWS):
        column = 0
        while column + VECTORS * LANES <= columns:
            _full_tile(a, transposed, w, out, row, column)
            column += VECTORS * LANES
        left = (columns - column) // LANES
        if left == 2:
            _tile_2(a, transposed, w, out, row, column)
        elif left == 1:
            _tile_1(a, transposed, w, out, row, column)
        if columns - whole_columns >= _HALF:
            _half_tile(a, transposed, w, out, row, whole_columns)
    whole_columns += (columns - whole_columns) // _HALF * _HALF
    for row in range(rows):
        for k in range(len(w)):
            factor = a[k, row] if transposed else a[row, k]
            for column in range(0 if row >= whole_rows else whole_columns, columns):
                out[row, column] += factor * w[k, column]
