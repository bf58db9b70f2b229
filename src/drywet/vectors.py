"""Several numbers at a time in numba: vectors of one float type, with loads, stores and arithmetic.

numba leaves vector instructions to the compiler's guess, which gives up where many arrays meet in one loop. Here they
are written out, and LLVM turns them into whatever the processor has: sixteen float32, or eight float64, are one register
of AVX-512, two of AVX2, four of SSE or NEON. No operation is reordered, so the same numbers give the same bits in every lane
and at every call.
"""

import operator

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model

INDEX = ir.IntType(32)  # of a lane
CACHE_LINE = 64  # bytes


class Vector(types.Type):
    """``width`` numbers of one float type."""

    def __init__(self, dtype: types.Type, width: int):
        self.dtype, self.width = dtype, width
        super().__init__(name=f"vector({width} x {dtype})")


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, ir.VectorType(manager.lookup(kind.dtype).get_value_type(), kind.width))


def aligned(numbers: np.ndarray) -> np.ndarray:
    """A flat copy whose first number begins a cache line: vectors that lie across two cost twice."""
    numbers = np.ravel(numbers)
    size = numbers.itemsize
    raw = np.empty(len(numbers) + CACHE_LINE // size, numbers.dtype)
    skip = -raw.ctypes.data % CACHE_LINE // size
    whole = raw[skip : skip + len(numbers)]
    whole[:] = numbers
    return whole


# For intrinsics that write LLVM code themselves.


def load_at(context, builder, kind, array, offset, width):
    """The ``width`` numbers from flat index ``offset`` of a C-contiguous array."""
    pointer = pointer_to(context, builder, kind, array, offset)
    pointer = builder.bitcast(pointer, ir.VectorType(context.get_data_type(kind.dtype), width).as_pointer())
    return builder.load(pointer, align=_alignment(context, kind))


def store_at(context, builder, kind, array, offset, vector):
    """Write a vector from flat index ``offset`` of a C-contiguous array on."""
    pointer = pointer_to(context, builder, kind, array, offset)
    builder.store(vector, builder.bitcast(pointer, vector.type.as_pointer()), align=_alignment(context, kind))


def _alignment(context, kind):
    return context.get_abi_sizeof(context.get_data_type(kind.dtype))  # of one number: arrays begin anywhere


def pointer_to(context, builder, kind, array, offset):
    """Pointer to the number at flat index ``offset`` of a C-contiguous array."""
    return builder.gep(context.make_array(kind)(context, builder, array).data, [offset])


def number_at(context, builder, kind, array, offset):
    """The number at flat index ``offset`` of a C-contiguous array."""
    return builder.load(pointer_to(context, builder, kind, array, offset))


def broadcast(builder, number, width):
    """One number in every lane."""
    undefined = ir.Constant(ir.VectorType(number.type, width), ir.Undefined)
    single = builder.insert_element(undefined, number, ir.Constant(INDEX, 0))
    return builder.shuffle_vector(single, undefined, ir.Constant(ir.VectorType(INDEX, width), [0] * width))


def shuffled(builder, vector, order):
    """The lanes of these numbers, in this order."""
    lanes = ir.Constant(ir.VectorType(INDEX, len(order)), list(order))
    return builder.shuffle_vector(vector, ir.Constant(vector.type, ir.Undefined), lanes)


def sum_of_lanes(builder, vector):
    """The sum of the lanes, added in halves."""
    width = vector.type.count
    while width > 1:
        width //= 2
        low, high = shuffled(builder, vector, range(width)), shuffled(builder, vector, range(width, 2 * width))
        vector = builder.fadd(low, high)
    return builder.extract_element(vector, ir.Constant(INDEX, 0))


def call(builder, name, *vectors):
    """LLVM's function of this name, on vectors of one type."""
    kind = vectors[0].type
    bits = 32 if kind.element == ir.FloatType() else 64
    function = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(kind, [kind] * len(vectors)), f"llvm.{name}.v{kind.count}f{bits}"
    )
    return builder.call(function, vectors)


def constant(kind, value):
    """One number in every lane of an LLVM vector type."""
    return ir.Constant(kind, [value] * kind.count)


def polynomial(builder, coefficients, x):
    """``coefficients[0] + coefficients[1] x + ...`` by Horner's rule."""
    value = constant(x.type, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        value = call(builder, "fma", x, value, constant(x.type, coefficient))
    return value


def accumulated(builder, start, count, following, step=1):
    """The list of vectors ``start``, changed by ``following(k, sums)`` for k = 0, ``step``, ... below ``count`` (> 0)."""
    before, loop, after = builder.block, builder.append_basic_block("sums"), builder.append_basic_block("sums.end")
    builder.branch(loop)
    builder.position_at_end(loop)
    k = builder.phi(count.type)
    sums = [builder.phi(vector.type) for vector in start]
    new = following(k, sums)
    k_next = builder.add(k, ir.Constant(k.type, step))
    k.add_incoming(ir.Constant(k.type, 0), before)
    k.add_incoming(k_next, loop)
    for total, first, changed in zip(sums, start, new, strict=True):
        total.add_incoming(first, before)
        total.add_incoming(changed, loop)
    builder.cbranch(builder.icmp_signed("<", k_next, count), loop, after)
    builder.position_at_end(after)
    return new


# For compiled functions.


def of_width(width):
    """``load``, ``spread`` and ``spread_from`` for vectors of this width. All else goes by the vectors that it is given.

    ``load(array, offset)`` gives the numbers from a flat index of a C-contiguous array, ``spread(number)`` one number in
    every lane, and ``spread_from(array, offset)`` the number at a flat index in every lane.
    """

    @intrinsic
    def load(typing_context, array, offset):
        def codegen(context, builder, signature, arguments):
            return load_at(context, builder, signature.args[0], *arguments, width)

        return Vector(array.dtype, width)(array, offset), codegen

    @intrinsic
    def spread(typing_context, number):
        def codegen(context, builder, signature, arguments):
            return broadcast(builder, arguments[0], width)

        return Vector(number, width)(number), codegen

    @intrinsic
    def spread_from(typing_context, array, offset):
        def codegen(context, builder, signature, arguments):
            return broadcast(builder, number_at(context, builder, signature.args[0], *arguments), width)

        return Vector(array.dtype, width)(array, offset), codegen

    return load, spread, spread_from


@intrinsic
def store(typing_context, array, offset, value):
    """Write a vector from flat index ``offset`` of a C-contiguous array on."""

    def codegen(context, builder, signature, arguments):
        store_at(context, builder, signature.args[0], *arguments)
        return context.get_dummy_value()

    return types.void(array, offset, value), codegen


@intrinsic
def total(typing_context, vector):
    """The sum of the lanes, added in halves."""

    def codegen(context, builder, signature, arguments):
        return sum_of_lanes(builder, arguments[0])

    return vector.dtype(vector), codegen


@intrinsic
def fma(typing_context, a, b, c):
    """``a * b + c``, rounded once."""

    def codegen(context, builder, signature, arguments):
        return call(builder, "fma", *arguments)

    return a(a, b, c), codegen


@intrinsic
def absolute(typing_context, x):
    """The size of every lane."""

    def codegen(context, builder, signature, arguments):
        return call(builder, "fabs", *arguments)

    return x(x), codegen


@intrinsic
def with_sign(typing_context, size, sign):
    """``size`` with the sign of ``sign``."""

    def codegen(context, builder, signature, arguments):
        return call(builder, "copysign", *arguments)

    return size(size, sign), codegen


@intrinsic
def where_less(typing_context, a, b, yes, no):
    """``yes`` in the lanes where ``a < b``, else ``no``; NaN is not less."""

    def codegen(context, builder, signature, arguments):
        a, b, yes, no = arguments
        return builder.select(builder.fcmp_ordered("<", a, b), yes, no)

    return yes(a, b, yes, no), codegen


@intrinsic
def all_less(typing_context, a, b):
    """Whether ``a < b`` in every lane; NaN is not less."""

    def codegen(context, builder, signature, arguments):
        width = arguments[0].type.count
        bits = builder.bitcast(builder.fcmp_ordered("<", *arguments), ir.IntType(width))
        return builder.icmp_unsigned("==", bits, ir.Constant(ir.IntType(width), (1 << width) - 1))

    return types.boolean(a, b), codegen


@intrinsic
def neighbours(typing_context, x):
    """Lanes 0 and 1 exchanged, 2 and 3, and so on."""

    def codegen(context, builder, signature, arguments):
        return shuffled(builder, arguments[0], [lane ^ 1 for lane in range(arguments[0].type.count)])

    return x(x), codegen


@intrinsic
def clip(typing_context, x, lowest, highest):
    """Every lane within the two; NaN stays NaN."""

    def codegen(context, builder, signature, arguments):
        return _clipped(builder, *arguments)

    return x(x, lowest, highest), codegen


def _clipped(builder, x, lowest, highest):
    # Comparisons keep NaN where minnum would hide it: a broken signal must show.
    x = builder.select(builder.fcmp_ordered("<", x, lowest), lowest, x)
    return builder.select(builder.fcmp_ordered(">", x, highest), highest, x)


# tanh(x) ~ x P(x^2) / Q(x^2) on |x| <= 9: least maximum relative error, found by Sanathanan-Koerner iteration with
# Lawson weights; 2.1e-8 in exact arithmetic, 3.4e-7 absolute in float32 (tests/test_vectors.py).
TANH_P = (0.9999999794474, 0.1338102671875, 3.495589417323682e-3, 2.060910336735848e-5, 1.3354689613827e-8)
TANH_Q = (1.0, 0.4671434230996893, 2.587698709196881e-2, 3.285636925791469e-4, 7.77657006596561e-7)


def _tanh_of(builder, x):
    x = _clipped(builder, x, constant(x.type, -9.0), constant(x.type, 9.0))
    u = builder.fmul(x, x)
    return builder.fdiv(builder.fmul(x, polynomial(builder, TANH_P, u)), polynomial(builder, TANH_Q, u))


@intrinsic
def tanh(typing_context, x):
    """tanh of every lane."""

    def codegen(context, builder, signature, arguments):
        return _tanh_of(builder, arguments[0])

    return x(x), codegen


@intrinsic
def sigmoid(typing_context, x):
    """1 / (1 + e^-x) of every lane."""

    def codegen(context, builder, signature, arguments):
        half = constant(arguments[0].type, 0.5)
        return call(builder, "fma", half, _tanh_of(builder, builder.fmul(half, arguments[0])), half)

    return x(x), codegen


def _arithmetic(operation, instruction):
    @intrinsic
    def compute(typing_context, a, b):
        def codegen(context, builder, signature, arguments):
            return getattr(builder, instruction)(*arguments)

        return a(a, b), codegen

    @overload(operation)
    def choose(a, b):
        if isinstance(a, Vector) and a == b:
            return lambda a, b: compute(a, b)
        return None


for _operation, _instruction in (
    (operator.add, "fadd"), (operator.sub, "fsub"), (operator.mul, "fmul"), (operator.truediv, "fdiv"),
):  # fmt: skip
    _arithmetic(_operation, _instruction)


@intrinsic
def _negate(typing_context, a):
    def codegen(context, builder, signature, arguments):
        return builder.fneg(arguments[0])

    return a(a), codegen


@overload(operator.neg)
def _negative(a):
    if isinstance(a, Vector):
        return lambda a: _negate(a)
    return None
