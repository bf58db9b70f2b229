"""Compiled kernels as C functions. One small function serves them all: it finds the kernel's address in the table."""

from collections.abc import Callable
from functools import cache
from typing import Any

from numba import carray, types
from numba.core.ccallback import CFunc
from numba.extending import intrinsic

from drywet.kernel_cache import follow, possible

_FLOATS, _WHOLES = types.CPointer(types.float32), types.CPointer(types.int64)
_SIGNATURE = types.void(_FLOATS, _FLOATS, types.int64, _FLOATS, types.int64, _WHOLES, types.int64)


@intrinsic
def _call_kernel(typing_context, address, dry, wet, numbers, table):
    """Call the njit function of four arrays at ``address``, as numba's own code calls it."""

    def codegen(context, builder, signature, arguments):
        kinds = signature.args[1:]
        kind = context.call_conv.get_function_type(types.void, kinds)
        kernel = builder.inttoptr(arguments[0], kind.as_pointer())
        context.call_conv.call_function(builder, kernel, types.void, kinds, arguments[1:])  # kernels raise nothing
        return context.get_dummy_value()

    return types.void(types.int64, dry, wet, numbers, table), codegen


def play(dry, wet, frames, numbers, numbers_length, table, table_length):
    """See :class:`drywet.effect.Native`. A kernel in float64 gets its numbers from the same place, and their count twofold."""
    whole = carray(table, (table_length,))
    _call_kernel(
        whole[0], carray(dry, (frames,)), carray(wet, (frames,)), carray(numbers, (numbers_length,)), whole[1:]
    )


def c_function(function: Callable[..., Any], signature: Any) -> CFunc:
    """``function`` compiled as C, or brought from the cache of an earlier process."""
    compiled: Any = CFunc(function, (signature.args, signature.return_type), {}, {"error_model": "numpy"})
    if possible():
        compiled.enable_caching()
    follow(compiled._cache, function)
    compiled.compile()
    return compiled


@cache
def compiled_play() -> CFunc:
    """:func:`play` as C."""
    return c_function(play, _SIGNATURE)


def play_address() -> int:
    """Address of :func:`play`."""
    address = compiled_play().address
    assert address is not None  # it has been compiled
    return address


def kernel_address(kernel: Any) -> int:
    """Where the machine code of an njit function with one signature begins."""
    (result,) = kernel.overloads.values()
    return result.library.get_pointer_to_function(result.fndesc.llvm_func_name)
