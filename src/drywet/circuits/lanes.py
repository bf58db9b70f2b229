"""Eight float64 numbers at a time in numba: a vector type with loads, stores, arithmetic, exp and log.

LLVM turns the eight into whatever the processor has: one register of AVX-512, two of AVX2, four of SSE or NEON. No
operation is reordered, so the same numbers give the same bits in every lane and at every call.
"""

import math
import operator
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model

from drywet.kernel_cache import follow, possible

LANES = 8
INLINED: dict[str, Any] = {"error_model": "numpy", "forceinline": True}  # for what is part of a larger function

_INDEX, _WORD = ir.IntType(32), ir.IntType(64)
_VECTOR, _WORDS = ir.VectorType(ir.DoubleType(), LANES), ir.VectorType(_WORD, LANES)
_ONE = 8  # bytes: arrays begin anywhere, so only their elements are aligned


def compiled(function: Callable[..., Any]) -> Any:
    """``function`` compiled when it is first called, and cached: it needs no interpreter and raises nothing."""
    dispatcher: Any = njit(cache=possible(), nogil=True, error_model="numpy")(function)
    follow(dispatcher._cache, function)
    return dispatcher


def aligned(numbers: np.ndarray) -> np.ndarray:
    """A flat copy, float64, whose first number begins a cache line: vectors that lie across two cost twice."""
    raw = np.empty(np.size(numbers) + LANES)
    skip = -raw.ctypes.data // _ONE % LANES
    whole = raw[skip : skip + np.size(numbers)]
    whole[:] = np.ravel(numbers)
    return whole


class Eight(types.Type):
    """LANES numbers of float64."""

    def __init__(self) -> None:
        super().__init__(name=f"eight({LANES} x float64)")


@register_model(Eight)
class _EightModel(models.PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, _VECTOR)


def _constant(value):
    return ir.Constant(_VECTOR, [value] * LANES)


def _words(value):
    return ir.Constant(_WORDS, [value] * LANES)


def _address(context, builder, kind, array, offset):
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [offset]), _VECTOR.as_pointer())


def _call(builder, name, *arguments):
    kind = ir.FunctionType(_VECTOR, [_VECTOR] * len(arguments))
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.v{LANES}f64"), arguments)


def _broadcast(builder, number):
    undefined = ir.Constant(_VECTOR, ir.Undefined)
    single = builder.insert_element(undefined, number, ir.Constant(_INDEX, 0))
    return builder.shuffle_vector(single, undefined, ir.Constant(ir.VectorType(_INDEX, LANES), [0] * LANES))


@intrinsic
def load(typing_context, array, offset):
    """The LANES numbers from flat index ``offset`` of a contiguous float64 array."""

    def codegen(context, builder, signature, arguments):
        return builder.load(_address(context, builder, signature.args[0], *arguments), align=_ONE)

    return Eight()(array, offset), codegen


@intrinsic
def store(typing_context, array, offset, value):
    """Write LANES numbers from flat index ``offset`` on."""

    def codegen(context, builder, signature, arguments):
        builder.store(arguments[2], _address(context, builder, signature.args[0], *arguments[:2]), align=_ONE)
        return context.get_dummy_value()

    return types.void(array, offset, value), codegen


@intrinsic
def spread(typing_context, number):
    """One number in every lane."""

    def codegen(context, builder, signature, arguments):
        return _broadcast(builder, arguments[0])

    return Eight()(types.float64), codegen


@intrinsic
def spread_from(typing_context, array, offset):
    """The number at flat index ``offset`` in every lane."""

    def codegen(context, builder, signature, arguments):
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        return _broadcast(builder, builder.load(builder.gep(data, [arguments[1]])))

    return Eight()(array, offset), codegen


@intrinsic
def total(typing_context, vector):
    """The sum of the lanes, added in halves."""

    def codegen(context, builder, signature, arguments):
        value, width = arguments[0], LANES
        while width > 1:
            width //= 2
            undefined = ir.Constant(value.type, ir.Undefined)
            low, high = (
                builder.shuffle_vector(
                    value, undefined, ir.Constant(ir.VectorType(_INDEX, width), list(range(start, start + width)))
                )
                for start in (0, width)
            )
            value = builder.fadd(low, high)
        return builder.extract_element(value, ir.Constant(_INDEX, 0))

    return types.float64(vector), codegen


@intrinsic
def fma(typing_context, a, b, c):
    """``a * b + c``, rounded once."""

    def codegen(context, builder, signature, arguments):
        return _call(builder, "fma", *arguments)

    return Eight()(a, b, c), codegen


@intrinsic
def absolute(typing_context, x):
    """The size of every lane."""

    def codegen(context, builder, signature, arguments):
        return _call(builder, "fabs", *arguments)

    return Eight()(x), codegen


@intrinsic
def with_sign(typing_context, size, sign):
    """``size`` with the sign of ``sign``."""

    def codegen(context, builder, signature, arguments):
        return _call(builder, "copysign", *arguments)

    return Eight()(size, sign), codegen


@intrinsic
def where_less(typing_context, a, b, yes, no):
    """``yes`` in the lanes where ``a < b``, else ``no``; NaN is not less."""

    def codegen(context, builder, signature, arguments):
        a, b, yes, no = arguments
        return builder.select(builder.fcmp_ordered("<", a, b), yes, no)

    return Eight()(a, b, yes, no), codegen


@intrinsic
def all_less(typing_context, a, b):
    """Whether ``a < b`` in every lane; NaN is not less."""

    def codegen(context, builder, signature, arguments):
        bits = builder.bitcast(builder.fcmp_ordered("<", *arguments), ir.IntType(LANES))
        return builder.icmp_unsigned("==", bits, ir.Constant(ir.IntType(LANES), (1 << LANES) - 1))

    return types.boolean(a, b), codegen


@intrinsic
def neighbours(typing_context, x):
    """Lanes 0 and 1 exchanged, 2 and 3, and so on."""

    def codegen(context, builder, signature, arguments):
        order = ir.Constant(ir.VectorType(_INDEX, LANES), [lane ^ 1 for lane in range(LANES)])
        return builder.shuffle_vector(arguments[0], ir.Constant(_VECTOR, ir.Undefined), order)

    return Eight()(x), codegen


def _arithmetic(operation, instruction):
    @intrinsic
    def compute(typing_context, a, b):
        def codegen(context, builder, signature, arguments):
            return getattr(builder, instruction)(*arguments)

        return Eight()(a, b), codegen

    @overload(operation)
    def choose(a, b):
        if isinstance(a, Eight) and isinstance(b, Eight):
            return lambda a, b: compute(a, b)
        return None


for _operation, _instruction in (
    (operator.add, "fadd"), (operator.sub, "fsub"), (operator.mul, "fmul"), (operator.truediv, "fdiv"),
):  # fmt: skip
    _arithmetic(_operation, _instruction)

_SHIFTER = 1.5 * 2.0**52  # added to a small number, it leaves the nearest integer in the lowest bits
_LN2_HIGH = float.fromhex("0x1.62e42feep-1")  # its last bits are zero, so that a small integer times it is exact
_LN2_LOW = float.fromhex("0x1.a39ef35793c76p-33")
_EXP = [1 / math.factorial(n) for n in range(14)]  # Taylor: 4e-18 of the value on |r| <= ln 2 / 2
# log(1 + f) = f - f^2/2 + s (f^2/2 + R(s^2)), s = f / (2 + f); R from FreeBSD's e_log.c (Sun Microsystems 1993).
_LOG = [
    float.fromhex(digits)
    for digits in (
        "0x1.5555555555593p-1", "0x1.999999997fa04p-2", "0x1.2492494229359p-2", "0x1.c71c51d8e78afp-3",
        "0x1.7466496cb03dep-3", "0x1.39a09d078c69fp-3", "0x1.2f112df3e5244p-3",
    )
]  # fmt: skip
_ROOT_HALF = struct.unpack("<q", struct.pack("<d", math.sqrt(0.5)))[0]
_UNIT = 1023 << 52  # the bits of 1.0


def _polynomial(builder, coefficients, x):
    value = _constant(coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        value = _call(builder, "fma", x, value, _constant(coefficient))
    return value


@intrinsic
def exp(typing_context, x):
    """e^x of every lane, to the last bit or two, for x from -700 to 700."""

    def codegen(context, builder, signature, arguments):
        x = arguments[0]
        shifted = _call(builder, "fma", x, _constant(1 / math.log(2)), _constant(_SHIFTER))
        n = builder.fsub(shifted, _constant(_SHIFTER))
        r = _call(builder, "fma", n, _constant(-_LN2_HIGH), x)
        r = _call(builder, "fma", n, _constant(-_LN2_LOW), r)
        # Even and odd powers apart: two chains of half the length.
        square = builder.fmul(r, r)
        odd = _polynomial(builder, _EXP[1::2], square)
        even = _polynomial(builder, _EXP[0::2], square)
        bits = builder.shl(builder.add(builder.bitcast(shifted, _WORDS), _words(1023)), _words(52))
        return builder.fmul(_call(builder, "fma", r, odd, even), builder.bitcast(bits, _VECTOR))

    return Eight()(x), codegen


@intrinsic
def log(typing_context, x):
    """Natural logarithm of every lane, to the last bit or two, for normal x above 0."""

    def codegen(context, builder, signature, arguments):
        bits = builder.add(builder.bitcast(arguments[0], _WORDS), _words(_UNIT - _ROOT_HALF))
        # The exponent as a number: its bits under those of 2^52.
        exponent = builder.bitcast(builder.or_(builder.lshr(bits, _words(52)), _words(1075 << 52)), _VECTOR)
        k = builder.fsub(exponent, _constant(2.0**52 + 1023))
        mantissa = builder.add(builder.and_(bits, _words((1 << 52) - 1)), _words(_ROOT_HALF))
        f = builder.fsub(builder.bitcast(mantissa, _VECTOR), _constant(1.0))
        s = builder.fdiv(f, builder.fadd(f, _constant(2.0)))
        z = builder.fmul(s, s)
        half = builder.fmul(_constant(0.5), builder.fmul(f, f))
        r = builder.fmul(z, _polynomial(builder, _LOG, z))
        small = _call(builder, "fma", s, builder.fadd(half, r), builder.fmul(k, _constant(_LN2_LOW)))
        return _call(builder, "fma", k, _constant(_LN2_HIGH), builder.fsub(f, builder.fsub(half, small)))

    return Eight()(x), codegen


@njit(**INLINED)
def lesser(a, b):
    """The smaller of the two; ``b`` where one is NaN."""
    return where_less(a, b, a, b)


@njit(**INLINED)
def greater(a, b):
    """The larger of the two; ``b`` where one is NaN."""
    return where_less(b, a, a, b)
