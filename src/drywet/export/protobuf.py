"""The few words of protobuf that an ONNX file is written in (onnx.proto, IR version 8, opset 17).

Written out, so that an export needs no onnx package with its compiled protobuf; tests play the files in onnxruntime.
"""

from collections.abc import Sequence

import numpy as np

IR_VERSION, OPSET = 8, 17
FLOAT, INT64 = 1, 7
_ATTRIBUTE_FLOAT, _ATTRIBUTE_INT, _ATTRIBUTE_FLOATS, _ATTRIBUTE_INTS, _ATTRIBUTE_STRINGS = 1, 2, 6, 7, 8
Attribute = int | float | list[int] | list[float] | list[str]


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _block(field: int, content: bytes | str) -> bytes:
    content = content.encode() if isinstance(content, str) else content
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _float(field: int, value: float) -> bytes:
    return _varint(field << 3 | 5) + np.float32(value).tobytes()


def tensor(name: str, array: np.ndarray) -> bytes:
    """A TensorProto of float32 or int64."""
    kind = INT64 if array.dtype.kind == "i" else FLOAT
    array = np.asarray(array, "<i8" if kind == INT64 else "<f4")
    dims = b"".join(_number(1, size) for size in array.shape)
    return dims + _number(2, kind) + _block(8, name) + _block(9, array.tobytes())


def node(operator: str, inputs: Sequence[str], outputs: Sequence[str], attributes: dict[str, Attribute]) -> bytes:
    """A NodeProto."""
    parts = [_block(1, name) for name in inputs] + [_block(2, name) for name in outputs]
    parts += [_block(3, f"{operator}_{outputs[0] or outputs[-1]}"), _block(4, operator)]
    return b"".join([*parts, *(_block(5, _attribute(name, value)) for name, value in attributes.items())])


def _attribute(name: str, value: Attribute) -> bytes:
    head = _block(1, name)
    if isinstance(value, float):
        return head + _float(2, value) + _number(20, _ATTRIBUTE_FLOAT)
    if isinstance(value, int):
        return head + _number(3, value) + _number(20, _ATTRIBUTE_INT)
    if value and isinstance(value[0], str):
        return head + b"".join(_block(9, str(item)) for item in value) + _number(20, _ATTRIBUTE_STRINGS)
    if value and isinstance(value[0], float):
        return head + b"".join(_float(7, float(item)) for item in value) + _number(20, _ATTRIBUTE_FLOATS)
    return head + b"".join(_number(8, int(item)) for item in value) + _number(20, _ATTRIBUTE_INTS)


def value_info(name: str, shape: Sequence[int | str]) -> bytes:
    """A float32 input or output; a text in ``shape`` names a size that is open."""
    dims = b"".join(_block(1, _block(2, size) if isinstance(size, str) else _number(1, size)) for size in shape)
    return _block(1, name) + _block(2, _block(1, _number(1, FLOAT) + _block(2, dims)))


def model(
    name: str,
    nodes: Sequence[bytes],
    tensors: Sequence[bytes],
    inputs: Sequence[bytes],
    outputs: Sequence[bytes],
    texts: dict[str, str],
) -> bytes:
    """A ModelProto."""
    graph = b"".join(
        [
            *(_block(1, part) for part in nodes),
            _block(2, name),
            *(_block(5, part) for part in tensors),
            *(_block(11, part) for part in inputs),
            *(_block(12, part) for part in outputs),
        ]
    )
    notes = b"".join(_block(14, _block(1, key) + _block(2, text)) for key, text in texts.items())
    return _number(1, IR_VERSION) + _block(2, "drywet") + _block(7, graph) + _block(8, _number(2, OPSET)) + notes
