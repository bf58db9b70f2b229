"""Sums over rows of samples, kept in registers: what stacks of causal convolutions are made of.

Signals lie in one array of numbers, each channel a row of consecutive samples, and a row is named by the place where it
starts. A delay is then only another place, so a dilated convolution, a 1x1 convolution and their transposes are all the
same sum over rows. Vector lanes run along time: every channel count fills them, and every sample is summed in the same
order whatever it is computed with, which is what makes the result independent of the block size to the last bit.
"""

import llvmlite.binding
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

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
            context.make_array(kind)(context, builder, value).data if isinstance(kind, types.Array) else value
            for kind, value in zip(signature.args, arguments, strict=True)
        ]
        dtype = signature.args[0].dtype
        element = context.get_data_type(dtype)
        self.align = context.get_abi_sizeof(element)  # of one number: rows start anywhere
        self.vector = ir.VectorType(element, LANES)
        bits = f"v{LANES}f{8 * self.align}"
        function = cgutils.get_or_insert_function
        self.fma = function(builder.module, ir.FunctionType(self.vector, [self.vector] * 3), f"llvm.fma.{bits}")
        reduction = ir.FunctionType(element, [element, self.vector])
        self.total = function(builder.module, reduction, f"llvm.vector.reduce.fadd.{bits}")
        self.zero, self.zeros = ir.Constant(element, 0.0), ir.Constant(self.vector, [0.0] * LANES)

    def plus(self, place, stride, number):
        return self.builder.add(place, self.builder.mul(stride, ir.Constant(self.size, number)))

    def number(self, array, place):
        return self.builder.load(self.builder.gep(array, [place]))

    def pointer(self, array, place):
        return self.builder.bitcast(self.builder.gep(array, [place]), self.vector.as_pointer())

    def load(self, array, place):
        return self.builder.load(self.pointer(array, place), align=self.align)

    def broadcast(self, scalar):
        lane, undefined = ir.IntType(32), ir.Constant(self.vector, ir.Undefined)
        single = self.builder.insert_element(undefined, scalar, ir.Constant(lane, 0))
        return self.builder.shuffle_vector(single, undefined, ir.Constant(ir.VectorType(lane, LANES), [0] * LANES))

    def sums(self, start, count, step, following):
        """``start``, a list of vectors, changed by ``following(k, sums)`` for k = 0, step, ... below ``count`` (> 0)."""
        builder, before = self.builder, self.builder.block
        loop, after = builder.append_basic_block("rows"), builder.append_basic_block("rows.end")
        builder.branch(loop)
        builder.position_at_end(loop)
        k = builder.phi(self.size)
        sums = [builder.phi(self.vector) for _ in start]
        new = following(k, sums)
        k_next = builder.add(k, ir.Constant(self.size, step))
        k.add_incoming(ir.Constant(self.size, 0), before)
        k.add_incoming(k_next, loop)
        for total, first, changed in zip(sums, start, new, strict=True):
            total.add_incoming(first, before)
            total.add_incoming(changed, loop)
        builder.cbranch(builder.icmp_signed("<", k_next, count), loop, after)
        builder.position_at_end(after)
        return new


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
                factors = [b.broadcast(b.number(weights, b.plus(place, w_stride, r))) for r in range(rows)]
                pairs = [(factor, vector) for factor in factors for vector in signal]
                return [builder.call(b.fma, [*pair, total]) for pair, total in zip(pairs, sums, strict=True)]

            sums = b.sums([b.load(out, target) for target in targets], count, 1, following)
            for target, total in zip(targets, sums, strict=True):
                builder.store(total, b.pointer(out, target), align=b.align)
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
                pairs = [(one, other) for one in slopes for other in signals]
                return [builder.call(b.fma, [*pair, total]) for pair, total in zip(pairs, sums, strict=True)]

            sums = iter(b.sums([b.zeros] * (rows * columns), length, LANES, following))
            for r in range(rows):
                for k in ks:
                    place = builder.add(b.number(places, k), first_weight)
                    pointer = builder.gep(out, [b.plus(place, w_stride, r)])
                    total = builder.call(b.total, [b.zero, next(sums)], fastmath=("reassoc",))
                    builder.store(builder.fadd(builder.load(pointer), total), pointer)
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
