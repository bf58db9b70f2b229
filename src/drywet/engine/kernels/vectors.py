"""Sixteen float32 numbers at a time in numba: a vector type with loads, stores and arithmetic.

LLVM turns the sixteen into whatever the processor has: one register of AVX-512, two of AVX2, four of SSE or NEON. Every
lane is computed alike, so a sample's bits do not depend on the lane it falls into.
"""

import operator

import llvmlite.binding
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model

LANES = 16
FEATURES = llvmlite.binding.get_host_cpu_features()
MANY_REGISTERS = bool(FEATURES.get("avx512f"))  # 32 of LANES numbers; others have 16 of half the width, or fewer

_LANE = ir.IntType(32)
_VECTOR = ir.VectorType(ir.FloatType(), LANES)
_ONE_FLOAT = 4  # bytes: arrays begin anywhere, so only their elements are aligned


class Lanes(types.Type):
    """LANES numbers of float32."""

    def __init__(self) -> None:
        super().__init__(name=f"lanes({LANES} x float32)")


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, _VECTOR)


def address(context, builder, kind, array, offset):
    """Pointer to the LANES numbers from flat index ``offset`` of a C-contiguous float32 array."""
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [offset]), _VECTOR.as_pointer())


def broadcast(builder, number):
    single = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), number, ir.Constant(_LANE, 0))
    first = ir.Constant(ir.VectorType(_LANE, LANES), [0] * LANES)
    return builder.shuffle_vector(single, ir.Constant(_VECTOR, ir.Undefined), first)


def fused(builder, name, *arguments):
    """A call of an LLVM function of this name on vectors."""
    kind = ir.FunctionType(_VECTOR, [_VECTOR] * len(arguments))
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.v{LANES}f32"), arguments)


@intrinsic
def load(typing_context, array, offset):
    """The LANES numbers from flat index ``offset``."""

    def codegen(context, builder, signature, arguments):
        return builder.load(address(context, builder, signature.args[0], *arguments), align=_ONE_FLOAT)

    return Lanes()(array, offset), codegen


@intrinsic
def store(typing_context, array, offset, value):
    """Write LANES numbers from flat index ``offset`` on."""

    def codegen(context, builder, signature, arguments):
        pointer = address(context, builder, signature.args[0], *arguments[:2])
        builder.store(arguments[2], pointer, align=_ONE_FLOAT)
        return context.get_dummy_value()

    return types.void(array, offset, value), codegen


@intrinsic
def spread(typing_context, number):
    """One float32 number in every lane."""

    def codegen(context, builder, signature, arguments):
        return broadcast(builder, arguments[0])

    return Lanes()(types.float32), codegen


@intrinsic
def spread_from(typing_context, array, offset):
    """The number at flat index ``offset`` in every lane."""

    def codegen(context, builder, signature, arguments):
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        return broadcast(builder, builder.load(builder.gep(data, [arguments[1]])))

    return Lanes()(array, offset), codegen


@intrinsic
def total(typing_context, vector):
    """The sum of the lanes, added in halves."""

    def codegen(context, builder, signature, arguments):
        value, width = arguments[0], LANES
        while width > 1:
            width //= 2
            undefined = ir.Constant(value.type, ir.Undefined)
            low, high = (
                ir.Constant(ir.VectorType(_LANE, width), list(range(start, start + width))) for start in (0, width)
            )
            value = builder.fadd(
                builder.shuffle_vector(value, undefined, low), builder.shuffle_vector(value, undefined, high)
            )
        return builder.extract_element(value, ir.Constant(_LANE, 0))

    return types.float32(vector), codegen


@intrinsic
def fma(typing_context, a, b, c):
    """``a * b + c``, rounded once."""

    def codegen(context, builder, signature, arguments):
        return fused(builder, "fma", *arguments)

    return Lanes()(a, b, c), codegen


@intrinsic
def clip(typing_context, x, lowest, highest):
    """Every lane within the two; NaN stays NaN."""

    def codegen(context, builder, signature, arguments):
        x, lowest, highest = arguments
        # Comparisons keep NaN where minnum would hide it: a broken signal must show.
        x = builder.select(builder.fcmp_ordered("<", x, lowest), lowest, x)
        return builder.select(builder.fcmp_ordered(">", x, highest), highest, x)

    return Lanes()(x, lowest, highest), codegen


def _arithmetic(operation, instruction):
    @intrinsic
    def compute(typing_context, a, b):
        def codegen(context, builder, signature, arguments):
            return getattr(builder, instruction)(*arguments)

        return Lanes()(a, b), codegen

    @overload(operation)
    def choose(a, b):
        if isinstance(a, Lanes) and isinstance(b, Lanes):
            return lambda a, b: compute(a, b)
        return None


for _operation, _instruction in (
    (operator.add, "fadd"), (operator.sub, "fsub"), (operator.mul, "fmul"), (operator.truediv, "fdiv"),
):  # fmt: skip
    _arithmetic(_operation, _instruction)


# tanh(x) ~ x P(x^2) / Q(x^2) on |x| <= 9, the fit of drywet.models.recurrence: 3.4e-7 absolute in float32.
_P = (0.9999999794474, 0.1338102671875, 3.495589417323682e-3, 2.060910336735848e-5, 1.3354689613827e-8)
_Q = (1.0, 0.4671434230996893, 2.587698709196881e-2, 3.285636925791469e-4, 7.77657006596561e-7)


@intrinsic
def _tanh(typing_context, x):
    def codegen(context, builder, signature, arguments):
        def number(value):
            return ir.Constant(_VECTOR, [value] * LANES)

        def polynomial(coefficients, u):
            value = number(coefficients[-1])
            for coefficient in reversed(coefficients[:-1]):
                value = fused(builder, "fma", u, value, number(coefficient))
            return value

        x = arguments[0]
        u = builder.fmul(x, x)
        return builder.fdiv(builder.fmul(x, polynomial(_P, u)), polynomial(_Q, u))

    return Lanes()(x), codegen


@njit(forceinline=True)
def tanh(x):
    """tanh of every lane."""
    return _tanh(clip(x, spread(-9.0), spread(9.0)))


@njit(forceinline=True)
def sigmoid(x):
    """1 / (1 + e^-x) of every lane."""
    half = spread(0.5)
    return fma(half, tanh(half * x), half)
