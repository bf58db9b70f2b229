"""Memory and C functions behind addresses, for compiled code that Python is not to run in."""

import numpy as np
from llvmlite import ir
from numba import carray, njit, types
from numba.core import cgutils
from numba.extending import intrinsic

_WORD = ir.IntType(64)
FLOAT = 4  # bytes


@intrinsic
def pointer(typing_context, address):
    """The address (int64) as a pointer."""

    def codegen(context, builder, signature, arguments):
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(types.int64), codegen


@intrinsic
def call(typing_context, address, arguments):
    """Call the C function at ``address``. ``arguments``: a tuple of int64, numbers or addresses; gives its result as int64.

    A whole number of up to 64 bits and a pointer are passed in the same way by the conventions of x86-64 (System V, Windows)
    and 64-bit ARM.
    """
    if not isinstance(arguments, types.UniTuple) or arguments.dtype != types.int64:
        return None

    def codegen(context, builder, signature, given):
        kind = ir.FunctionType(_WORD, [_WORD] * arguments.count)
        function = builder.inttoptr(given[0], kind.as_pointer())
        return builder.call(function, cgutils.unpack_tuple(builder, given[1], arguments.count))

    return types.int64(types.int64, arguments), codegen


@intrinsic
def fence(typing_context):
    """What was written before is seen by other threads before what is written after."""

    def codegen(context, builder, signature, arguments):
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), codegen


@njit(forceinline=True)
def floats(address, count):
    """``count`` numbers of float32 from ``address`` on, as an array."""
    return carray(pointer(address), (count,), np.float32)
