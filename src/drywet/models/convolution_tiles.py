"""Sums over rows of samples, kept in registers: what stacks of causal convolutions are made of.

Signals lie in one array of numbers, each channel a row of consecutive samples, and a row is named by the place where it
starts. A delay is then only another place, so a dilated convolution, a 1x1 convolution and their transposes are all the
same sum over rows. Vector lanes run along time: every channel count fills them, and every sample is summed in the same
order whatever it is computed with, which is what makes the result independent of the block size to the last bit.
"""

import llvmlite.binding
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from drywet.vectors import (
    accumulated,
    broadcast,
    call,
    constant,
    load_at,
    number_at,
    pointer_to,
    store_at,
    sum_of_lanes,
)

# 16 sums, 4 vectors and a factor of the 32 registers of AVX-512; others have 16 of half the width, or less.
if llvmlite.binding.get_host_cpu_features().get("avx512f"):
    LANES, VECTORS = 16, 4
else:
    LANES, VECTORS = 8, 2
TILE_WIDTH = LANES * VECTORS  # samples that are worked on at a time; rows are padded to a multiple of it


class _Builder:
    """The few operations that both tiles need, on arrays given to an intrinsic."""

    def __init__(self, context, builder, signature, arguments):
        self.context, self.builder, self.size = context, builder, ir.IntType(64)
        self.arguments = [
            (kind, value) if isinstance(kind, types.Array) else value
            for kind, value in zip(signature.args, arguments, strict=True)
        ]
        self.zeros = constant(ir.VectorType(context.get_data_type(signature.args[0].dtype), LANES), 0.0)

    def plus(self, place, stride, number):
        return self.builder.add(place, self.builder.mul(stride, ir.Constant(self.size, number)))

    def number(self, array, place):
        return number_at(self.context, self.builder, *array, place)

    def load(self, array, place):
        return load_at(self.context, self.builder, *array, place, LANES)

    def store(self, array, place, vector):
        store_at(self.context, self.builder, *array, place, vector)

    def add_products(self, pairs, sums):
        return [call(self.builder, "fma", *pair, total) for pair, total in zip(pairs, sums, strict=True)]


def _make_product_tile(rows):
    """An intrinsic for ``out[at + r stride + t] += sum_k weights[places[k] + r w_stride] data[sources[k] + t]``.

    For ``rows`` rows r from ``row`` on, k below ``count`` (> 0), and the TILE_WIDTH samples t from ``time`` on.
    """

    @intrinsic
    def tile(typing_context, out, at, stride, row, weights, places, w_stride, data, sources, count, time):
        whole = types.int64
        signature = types.void(out, whole, whole, whole, weights, places, whole, data, sources, whole, whole)

        def codegen(context, builder, signature, values):
            b = _Builder(context, builder, signature, values)
            out, at, stride, row, weights, places, w_stride, data, sources, count, time = b.arguments
            lanes = [ir.Constant(b.size, number * LANES) for number in range(VECTORS)]
            first = builder.add(builder.add(at, builder.mul(row, stride)), time)
            first_weight = builder.mul(row, w_stride)
            targets = [builder.add(b.plus(first, stride, r), lane) for r in range(rows) for lane in lanes]

            def following(k, sums):
                source = builder.add(b.number(sources, k), time)
                place = builder.add(b.number(places, k), first_weight)
                signal = [b.load(data, builder.add(source, lane)) for lane in lanes]
                numbers = [b.number(weights, b.plus(place, w_stride, r)) for r in range(rows)]
                factors = [broadcast(builder, number, LANES) for number in numbers]
                return b.add_products([(factor, vector) for factor in factors for vector in signal], sums)

            sums = accumulated(builder, [b.load(out, target) for target in targets], count, following)
            for target, total in zip(targets, sums, strict=True):
                b.store(out, target, total)
            return context.get_dummy_value()

        return signature, codegen

    return tile


def _make_gradient_tile(rows, columns):
    """An intrinsic for ``out[places[k] + r w_stride] += sum_t slope[at + r stride + t] data[sources[k] + t]``.

    For ``rows`` rows r from ``row`` on, ``columns`` columns k from ``column`` on, and t from 0 to ``length`` (a multiple of
    LANES).
    """

    @intrinsic
    def tile(typing_context, out, places, w_stride, slope, at, stride, row, data, sources, column, length):
        whole = types.int64
        signature = types.void(out, places, whole, slope, whole, whole, whole, data, sources, whole, whole)

        def codegen(context, builder, signature, values):
            b = _Builder(context, builder, signature, values)
            out, places, w_stride, slope, at, stride, row, data, sources, column, length = b.arguments
            ks = [builder.add(column, ir.Constant(b.size, number)) for number in range(columns)]
            starts = [b.number(sources, k) for k in ks]
            first, first_weight = builder.add(at, builder.mul(row, stride)), builder.mul(row, w_stride)
            slope_starts = [b.plus(first, stride, r) for r in range(rows)]

            def following(t, sums):
                slopes = [b.load(slope, builder.add(start, t)) for start in slope_starts]
                signals = [b.load(data, builder.add(start, t)) for start in starts]
                return b.add_products([(one, other) for one in slopes for other in signals], sums)

            sums = iter(accumulated(builder, [b.zeros] * (rows * columns), length, following, LANES))
            for r in range(rows):
                for k in ks:
                    place = builder.add(b.number(places, k), first_weight)
                    pointer = pointer_to(context, builder, *out, b.plus(place, w_stride, r))
                    builder.store(builder.fadd(builder.load(pointer), sum_of_lanes(builder, next(sums))), pointer)
            return context.get_dummy_value()

        return signature, codegen

    return tile


_product_4, _product_2, _product_1 = (_make_product_tile(rows) for rows in (4, 2, 1))
_gradient_44, _gradient_24, _gradient_14 = (_make_gradient_tile(rows, 4) for rows in (4, 2, 1))
_gradient_41, _gradient_21, _gradient_11 = (_make_gradient_tile(rows, 1) for rows in (4, 2, 1))


@njit(error_model="numpy")
def add_products(out, at, stride, rows, weights, places, w_stride, data, sources, count, start, stop):
    """``out[at + r stride + t] += sum_k weights[places[k] + r w_stride] data[sources[k] + t]``.

    For r below ``rows``, k below ``count`` (> 0) and t from ``start`` to ``stop``, a whole number of WIDTHs apart. ``out``
    and ``data`` may be one array, where what is read is not what is written.
    """
    for time in range(start, stop, TILE_WIDTH):
        row = 0
        while row + 4 <= rows:
            _product_4(out, at, stride, row, weights, places, w_stride, data, sources, count, time)
            row += 4
        if row + 2 <= rows:
            _product_2(out, at, stride, row, weights, places, w_stride, data, sources, count, time)
            row += 2
        if row < rows:
            _product_1(out, at, stride, row, weights, places, w_stride, data, sources, count, time)


@njit(error_model="numpy")
def add_gradient(out, places, w_stride, slope, at, stride, rows, data, sources, count, length):
    """The gradient of :func:`add_products` for its weights, from the gradient ``slope`` of its result.

    ``out[places[k] + r w_stride] += sum_t slope[at + r stride + t] data[sources[k] + t]``, for t from 0 to ``length``, a
    multiple of TILE_WIDTH.
    """
    column = 0
    while column < count:
        four = column + 4 <= count
        row = 0
        while row < rows:
            if row + 4 <= rows:
                if four:
                    _gradient_44(out, places, w_stride, slope, at, stride, row, data, sources, column, length)
                else:
                    _gradient_41(out, places, w_stride, slope, at, stride, row, data, sources, column, length)
                row += 4
            elif row + 2 <= rows:
                if four:
                    _gradient_24(out, places, w_stride, slope, at, stride, row, data, sources, column, length)
                else:
                    _gradient_21(out, places, w_stride, slope, at, stride, row, data, sources, column, length)
                row += 2
            else:
                if four:
                    _gradient_14(out, places, w_stride, slope, at, stride, row, data, sources, column, length)
                else:
                    _gradient_11(out, places, w_stride, slope, at, stride, row, data, sources, column, length)
                row += 1
        column += 4 if four else 1
