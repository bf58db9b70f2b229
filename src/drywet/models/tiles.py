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
            a_type, _, w_type, out_type, _, _ = signature.args
            a_array, w_array, out_array = (
                context.make_array(kind)(context, builder, value)
                for kind, value in ((a_type, arguments[0]), (w_type, arguments[2]), (out_type, arguments[3]))
            )
            _, transposed, _, _, first_row, column = arguments
            element = context.get_data_type(a_type.dtype)
            vector = ir.VectorType(element, lanes)
            lane = ir.IntType(32)
            size = column.type

            def shape(array, kind):
                return cgutils.unpack_tuple(builder, array.shape, kind.ndim)

            steps = shape(w_array, w_type)[0]
            w_stride, out_stride = shape(w_array, w_type)[1], shape(out_array, out_type)[1]
            a_stride = shape(a_array, a_type)[1]
            one = ir.Constant(size, 1)
            step_stride = builder.select(transposed, a_stride, one)  # from one k to the next in ``a``
            row_stride = builder.select(transposed, one, a_stride)
            a_start = builder.gep(a_array.data, [builder.mul(first_row, row_stride)])

            def vector_at(pointer, offset):
                return builder.bitcast(builder.gep(pointer, [offset]), vector.as_pointer())

            def out_pointer(row, number):
                offset = builder.mul(builder.add(first_row, ir.Constant(size, row)), out_stride)
                offset = builder.add(offset, builder.add(column, ir.Constant(size, number * lanes)))
                return vector_at(out_array.data, offset)

            places = [(row, number) for row in range(ROWS) for number in range(vectors)]
            align = context.get_abi_sizeof(element)  # of one number: rows start anywhere
            first = [builder.load(out_pointer(*place), align=align) for place in places]

            before = builder.block
            loop, after = builder.append_basic_block("tile"), builder.append_basic_block("tile.end")
            nonempty = builder.icmp_signed(">", steps, ir.Constant(size, 0))
            builder.cbranch(nonempty, loop, after)
            builder.position_at_end(loop)
            k = builder.phi(size)
            sums = [builder.phi(vector) for _ in places]
            w_row = builder.add(builder.mul(k, w_stride), column)
            w_values = [
                builder.load(vector_at(w_array.data, builder.add(w_row, ir.Constant(size, n * lanes))), align=align)
                for n in range(vectors)
            ]
            k_offset = builder.mul(k, step_stride)
            broadcast = []
            for row in range(ROWS):
                offset = builder.add(k_offset, builder.mul(ir.Constant(size, row), row_stride))
                scalar = builder.load(builder.gep(a_start, [offset]))
                single = builder.insert_element(ir.Constant(vector, ir.Undefined), scalar, ir.Constant(lane, 0))
                zeros = ir.Constant(ir.VectorType(lane, lanes), [0] * lanes)
                broadcast.append(builder.shuffle_vector(single, ir.Constant(vector, ir.Undefined), zeros))
            bits = "f32" if a_type.dtype == types.float32 else "f64"
            fma_type = ir.FunctionType(vector, [vector] * 3)
            fma = cgutils.get_or_insert_function(builder.module, fma_type, f"llvm.fma.v{lanes}{bits}")
            following = [
                builder.call(fma, [broadcast[row], w_values[number], total])
                for (row, number), total in zip(places, sums, strict=True)
            ]
            k_next = builder.add(k, one)
            k.add_incoming(ir.Constant(size, 0), before)
            k.add_incoming(k_next, loop)
            for total, start, new in zip(sums, first, following, strict=True):
                total.add_incoming(start, before)
                total.add_incoming(new, loop)
            builder.cbranch(builder.icmp_signed("<", k_next, steps), loop, after)
            builder.position_at_end(after)
            for place, start, new in zip(places, first, following, strict=True):
                result = builder.phi(vector)
                result.add_incoming(start, before)
                result.add_incoming(new, loop)
                first[places.index(place)] = result
            for place, result in zip(places, first, strict=True):
                builder.store(result, out_pointer(*place), align=align)
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
