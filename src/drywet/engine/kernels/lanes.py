"""Sixteen float32 numbers at a time: what kernels need of vectors, and their curves.

Every lane is computed alike, so a sample's bits do not depend on the lane it falls into.
"""

import llvmlite.binding
import numpy as np
from numba import njit
from numba.extending import intrinsic

from drywet.vectors import fma, of_width, polynomial

LANES = 16
FEATURES = llvmlite.binding.get_host_cpu_features()
MANY_REGISTERS = bool(FEATURES.get("avx512f"))  # 32 of LANES numbers; others have 16 of half the width, or fewer

load, spread, spread_from = of_width(LANES)


@intrinsic
def clip(typing_context, x, lowest, highest):
    """Every lane within the two; NaN stays NaN."""

    def codegen(context, builder, signature, arguments):
        x, lowest, highest = arguments
        # Comparisons keep NaN where minnum would hide it: a broken signal must show.
        x = builder.select(builder.fcmp_ordered("<", x, lowest), lowest, x)
        return builder.select(builder.fcmp_ordered(">", x, highest), highest, x)

    return x(x, lowest, highest), codegen


# tanh(x) ~ x P(x^2) / Q(x^2) on |x| <= 9, the fit of drywet.models.recurrence: 3.4e-7 absolute in float32.
_P = (0.9999999794474, 0.1338102671875, 3.495589417323682e-3, 2.060910336735848e-5, 1.3354689613827e-8)
_Q = (1.0, 0.4671434230996893, 2.587698709196881e-2, 3.285636925791469e-4, 7.77657006596561e-7)
_NINE, _HALF = np.float32(9), np.float32(0.5)


@intrinsic
def _tanh(typing_context, x):
    def codegen(context, builder, signature, arguments):
        x = arguments[0]
        u = builder.fmul(x, x)
        return builder.fdiv(builder.fmul(x, polynomial(builder, _P, u)), polynomial(builder, _Q, u))

    return x(x), codegen


@njit(forceinline=True)
def tanh(x):
    """tanh of every lane."""
    return _tanh(clip(x, spread(-_NINE), spread(_NINE)))


@njit(forceinline=True)
def sigmoid(x):
    """1 / (1 + e^-x) of every lane."""
    half = spread(_HALF)
    return fma(half, tanh(half * x), half)
