"""Products of a matrix with signals: eight outputs by two vectors of time in registers, from signals that lie anywhere.

A convolution, a dense layer and an impulse response are all this: each output is a sum of rows, and the row of a tap is the
signal's own, read some samples earlier.
"""

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from drywet.engine.kernels.lanes import LANES, MANY_REGISTERS
from drywet.vectors import accumulated, broadcast, call, load_at, number_at, store_at

# Outputs, vectors of time: as many sums as there are registers, without what the factors need.
GROUPS = (8, 4, 1) if MANY_REGISTERS else (4, 1)
WIDE = 2 if MANY_REGISTERS else 1
ALONE = 4  # vectors of a single output


def _make_tile(outputs, vectors):
    """An intrinsic for ``outputs`` rows and ``vectors`` of time, see :func:`multiply`; ``t`` is the first sample's place."""

    @intrinsic
    def tile(
        typing_context,
        numbers,
        table,
        places,
        moving,
        count,
        now,
        t,
        weight,
        bias,
        start,
        start_stride,
        out,
        out_stride,
    ):
        signature = types.void(
            numbers, table, places, moving, count, now, t, weight, bias, start, start_stride, out, out_stride
        )

        def codegen(context, builder, signature, arguments):
            kind, table_kind = signature.args[:2]
            numbers, table, places, moving, count, now, t, weight, bias, start, start_stride, out, out_stride = (
                arguments
            )
            size = t.type

            def number(value):
                return ir.Constant(size, value)

            def vector_at(offset, vector):
                return load_at(context, builder, kind, numbers, builder.add(offset, number(vector * LANES)), LANES)

            def scalar_at(offset):
                return broadcast(builder, number_at(context, builder, kind, numbers, offset), LANES)

            cells = [(row, vector) for row in range(outputs) for vector in range(vectors)]
            biases = [scalar_at(builder.add(bias, number(row))) for row in range(outputs)]
            moved = builder.add(now, t)

            def following(n, sums):
                place = number_at(context, builder, table_kind, table, builder.add(places, n))
                place = builder.add(place, builder.select(builder.icmp_signed("<", n, moving), moved, t))
                signals = [vector_at(place, vector) for vector in range(vectors)]
                factors = builder.add(weight, builder.mul(n, number(outputs)))
                factors = [scalar_at(builder.add(factors, number(row))) for row in range(outputs)]
                return [
                    call(builder, "fma", factors[row], signals[vector], total)
                    for (row, vector), total in zip(cells, sums, strict=True)
                ]

            sums = accumulated(builder, [biases[row] for row, _ in cells], count, following)
            for (row, vector), total in zip(cells, sums, strict=True):
                from_place = builder.add(builder.add(start, t), builder.mul(start_stride, number(row)))
                to_place = builder.add(builder.add(out, t), builder.mul(out_stride, number(row)))
                to_place = builder.add(to_place, number(vector * LANES))
                value = builder.fadd(total, vector_at(from_place, vector))
                store_at(context, builder, kind, numbers, to_place, value)
            return context.get_dummy_value()

        return signature, codegen

    return tile


_EIGHT_WIDE, _EIGHT, _FOUR_WIDE, _FOUR = (_make_tile(*shape) for shape in ((8, WIDE), (8, 1), (4, WIDE), (4, 1)))
_ONE_WIDE, _ONE = _make_tile(1, ALONE), _make_tile(1, 1)


@njit
def multiply(
    numbers, table, places, moving, count, now, vectors, outputs, weight, bias, start, start_stride, out, out_stride
):
    """``out[r, t] = bias[r] + sum_n weight[n, r] signal_n[t] + start[r, t]`` over ``vectors`` of time.

    ``signal_n[t]`` stands at ``table[places + n] + t``, and those of the first ``moving`` ``now`` further on. ``start`` and
    ``out`` have rows ``..._stride`` apart. ``weight`` lies in groups of GROUPS outputs, each (count, outputs of the group).
    """
    r = 0
    if MANY_REGISTERS:
        while r + 8 <= outputs:
            w, s, o = weight + r * count, start + r * start_stride, out + r * out_stride
            v = 0
            while v + WIDE <= vectors:
                _EIGHT_WIDE(
                    numbers, table, places, moving, count, now, v * LANES, w, bias + r, s, start_stride, o, out_stride
                )
                v += WIDE
            while v < vectors:
                _EIGHT(
                    numbers, table, places, moving, count, now, v * LANES, w, bias + r, s, start_stride, o, out_stride
                )
                v += 1
            r += 8
    while r + 4 <= outputs:
        w, s, o = weight + r * count, start + r * start_stride, out + r * out_stride
        v = 0
        while v + WIDE <= vectors:
            _FOUR_WIDE(
                numbers, table, places, moving, count, now, v * LANES, w, bias + r, s, start_stride, o, out_stride
            )
            v += WIDE
        while v < vectors:
            _FOUR(numbers, table, places, moving, count, now, v * LANES, w, bias + r, s, start_stride, o, out_stride)
            v += 1
        r += 4
    while r < outputs:
        w, s, o = weight + r * count, start + r * start_stride, out + r * out_stride
        v = 0
        while v + ALONE <= vectors:
            _ONE_WIDE(
                numbers, table, places, moving, count, now, v * LANES, w, bias + r, s, start_stride, o, out_stride
            )
            v += ALONE
        while v < vectors:
            _ONE(numbers, table, places, moving, count, now, v * LANES, w, bias + r, s, start_stride, o, out_stride)
            v += 1
        r += 1


def grouped(weight):
    """``weight`` (outputs, count) flat, as :func:`multiply` wants it."""
    parts, r = [], 0
    for size in GROUPS:
        while r + size <= len(weight):
            parts += weight[r : r + size].T.ravel().tolist()
            r += size
    return parts
