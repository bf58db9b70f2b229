"""Eight numbers at a time in numba: a vector type with loads, stores and arithmetic.

numba leaves vector instructions to the compiler's guess, which gives up where many arrays meet in one loop. Here they
are written out; LLVM turns them into whatever the processor has (AVX-512, AVX2, NEON).
"""

import operator

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model

WIDTH = 8


class Vector(types.Type):
    """WIDTH numbers of one float type."""

    def __init__(self, dtype):
        self.dtype = dtype
        super().__init__(name=f"vector({WIDTH} x {dtype})")


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, ir.VectorType(manager.lookup(kind.dtype).get_value_type(), WIDTH))


def _pointer(context, builder, kind, array, offset):
    element = context.get_data_type(kind.dtype)
    data = context.make_array(kind)(context, builder, array).data
    pointer = builder.bitcast(builder.gep(data, [offset]), ir.VectorType(element, WIDTH).as_pointer())
    return pointer, context.get_abi_sizeof(element)  # arrays begin anywhere, so only elements are aligned


@intrinsic
def load(typing_context, array, offset):
    """The WIDTH numbers from flat index ``offset`` of a C-contiguous array."""

    def codegen(context, builder, signature, arguments):
        pointer, align = _pointer(context, builder, signature.args[0], *arguments)
        return builder.load(pointer, align=align)

    return Vector(array.dtype)(array, offset), codegen


@intrinsic
def store(typing_context, array, offset, value):
    """Write a vector to flat index ``offset`` of a C-contiguous array."""

    def codegen(context, builder, signature, arguments):
        array, offset, value = arguments
        pointer, align = _pointer(context, builder, signature.args[0], array, offset)
        builder.store(value, pointer, align=align)
        return context.get_dummy_value()

    return types.void(array, offset, value), codegen


@intrinsic
def spread(typing_context, number):
    """A vector of one number, WIDTH times."""

    def codegen(context, builder, signature, arguments):
        kind = context.get_value_type(signature.return_type)
        single = builder.insert_element(ir.Constant(kind, ir.Undefined), arguments[0], ir.Constant(ir.IntType(32), 0))
        first = ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), [0] * WIDTH)
        return builder.shuffle_vector(single, ir.Constant(kind, ir.Undefined), first)

    return Vector(number)(number), codegen


@intrinsic
def total(typing_context, vector):
    """The sum of a vector's numbers, added in halves."""

    def codegen(context, builder, signature, arguments):
        value, width = arguments[0], WIDTH
        while width > 1:
            width //= 2
            undefined = ir.Constant(value.type, ir.Undefined)
            halves = [
                builder.shuffle_vector(
                    value,
                    undefined,
                    ir.Constant(ir.VectorType(ir.IntType(32), width), list(range(start, start + width))),
                )
                for start in (0, width)
            ]
            value = builder.fadd(*halves)
        return builder.extract_element(value, ir.Constant(ir.IntType(32), 0))

    return vector.dtype(vector), codegen


@intrinsic
def multiply_plus(typing_context, a, b, c):
    """``a * b + c``, rounded once."""

    def codegen(context, builder, signature, arguments):
        kind = arguments[0].type
        bits = "f32" if signature.return_type.dtype == types.float32 else "f64"
        fma = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(kind, [kind] * 3), f"llvm.fma.v{WIDTH}{bits}"
        )
        return builder.call(fma, arguments)

    return a(a, b, c), codegen


def _arithmetic(operation, instruction):
    @intrinsic
    def compute(typing_context, a, b):
        def codegen(context, builder, signature, arguments):
            return getattr(builder, instruction)(*arguments)

        return a(a, b), codegen

    @overload(operation)
    def choose(a, b):
        if isinstance(a, Vector) and isinstance(b, Vector):
            return lambda a, b: compute(a, b)
        return None


_arithmetic(operator.add, "fadd")
_arithmetic(operator.sub, "fsub")
_arithmetic(operator.mul, "fmul")


@overload(operator.neg)
def _negative(a):
    if isinstance(a, Vector):
        return lambda a: _negate(a)
    return None


@intrinsic
def _negate(typing_context, a):
    def codegen(context, builder, signature, arguments):
        return builder.fneg(arguments[0])

    return a(a), codegen
