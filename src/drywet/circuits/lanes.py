"""Eight float64 numbers at a time: what circuits need of vectors, and their exp and log."""

import math
import struct
from typing import Any

from llvmlite import ir
from numba import njit
from numba.extending import intrinsic

from drywet.vectors import call, constant, of_width, polynomial, where_less

LANES = 8
INLINED: dict[str, Any] = {"error_model": "numpy", "forceinline": True}  # for what is part of a larger function

load, spread, spread_from = of_width(LANES)

_VECTOR, _WORDS = ir.VectorType(ir.DoubleType(), LANES), ir.VectorType(ir.IntType(64), LANES)


def _constant(value):
    return constant(_VECTOR, value)


def _words(value):
    return constant(_WORDS, value)


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


@intrinsic
def exp(typing_context, x):
    """e^x of every lane, to the last bit or two, for x from -700 to 700."""

    def codegen(context, builder, signature, arguments):
        x = arguments[0]
        shifted = call(builder, "fma", x, _constant(1 / math.log(2)), _constant(_SHIFTER))
        n = builder.fsub(shifted, _constant(_SHIFTER))
        r = call(builder, "fma", n, _constant(-_LN2_HIGH), x)
        r = call(builder, "fma", n, _constant(-_LN2_LOW), r)
        # Even and odd powers apart: two chains of half the length.
        square = builder.fmul(r, r)
        odd = polynomial(builder, _EXP[1::2], square)
        even = polynomial(builder, _EXP[0::2], square)
        bits = builder.shl(builder.add(builder.bitcast(shifted, _WORDS), _words(1023)), _words(52))
        return builder.fmul(call(builder, "fma", r, odd, even), builder.bitcast(bits, _VECTOR))

    return x(x), codegen


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
        r = builder.fmul(z, polynomial(builder, _LOG, z))
        small = call(builder, "fma", s, builder.fadd(half, r), builder.fmul(k, _constant(_LN2_LOW)))
        return call(builder, "fma", k, _constant(_LN2_HIGH), builder.fsub(f, builder.fsub(half, small)))

    return x(x), codegen


@njit(**INLINED)
def lesser(a, b):
    """The smaller of the two; ``b`` where one is NaN."""
    return where_less(a, b, a, b)


@njit(**INLINED)
def greater(a, b):
    """The larger of the two; ``b`` where one is NaN."""
    return where_less(b, a, a, b)
