"""Denormal numbers, the smallest that float32 can hold, cost x86 processors a hundred cycles each; here they count as zero.

Decaying states pass through them on their way to silence, so without this the quietest passage would be the dearest.
"""

import platform

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_X86 = platform.machine().lower() in ("x86_64", "amd64")  # ARM processors are not slowed down
_FLUSH = 0x8040  # MXCSR: results to zero (bit 15), operands as zero (bit 6)
_WORD = ir.IntType(32)


def _call(builder, name, pointer):
    kind = ir.FunctionType(ir.VoidType(), [ir.IntType(8).as_pointer()])
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.x86.sse.{name}mxcsr")
    builder.call(function, [builder.bitcast(pointer, ir.IntType(8).as_pointer())])


@intrinsic
def flush_denormals(typing_context):
    """From now on denormals are zero in this thread; the mode before, for :func:`restore`."""

    def codegen(context, builder, signature, arguments):
        if not _X86:
            return ir.Constant(_WORD, 0)
        place = cgutils.alloca_once(builder, _WORD)
        _call(builder, "st", place)
        before = builder.load(place)
        builder.store(builder.or_(before, ir.Constant(_WORD, _FLUSH)), place)
        _call(builder, "ld", place)
        return before

    return types.int32(), codegen


@intrinsic
def restore(typing_context, mode):
    """Back to the mode that :func:`flush_denormals` gave."""

    def codegen(context, builder, signature, arguments):
        if _X86:
            place = cgutils.alloca_once(builder, _WORD)
            builder.store(arguments[0], place)
            _call(builder, "ld", place)
        return context.get_dummy_value()

    return types.void(types.int32), codegen
