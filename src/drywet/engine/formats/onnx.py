"""Reads ONNX files without the onnx package, a few words of protobuf: those that drywet writes, and others like them.

A graph becomes the network that it describes, as far as drywet knows it (``graphs``). One that drywet wrote, with
``dry``, ``knobs`` and states by these names, is else played node by node.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from drywet.engine.contract import LARGEST_WEIGHTS, Array, Network
from drywet.engine.convolution import Stack
from drywet.engine.formats.file import ModelFile, checked_rate, metadata_of
from drywet.engine.formats.tree import parse
from drywet.engine.graph import Graph, Node
from drywet.engine.graphs import graph_network, other_network
from drywet.engine.recurrent import Recurrent
from drywet.errors import ModelFileError

OPSETS = range(13, 22)
_FLOAT, _INT64 = 1, 7
_MOST_NODES, _MOST_SIZES, _MOST_DIGITS = 20_000, 8, 10
_MOST_BYTES, _MOST_FIELDS = 1 << 25, 400_000
_SLOW = "the graph is none that drywet compiles, so it is played node by node: too slow to play live"
_VARINT, _EIGHT, _BLOCK, _FOUR = 0, 1, 2, 5


def is_onnx(content: bytes) -> bool:
    """Whether ``content`` begins as an ONNX file does: with its IR version."""
    return content[:1] == b"\x08" and len(content) > 16


def read_onnx(content: bytes, where: str) -> ModelFile:
    """The network in an ONNX file."""
    if len(content) > _MOST_BYTES:
        raise ModelFileError(f"{where}: is {len(content)} bytes large, at most {_MOST_BYTES} are read")
    try:
        return _model(content, _File(where))
    except (UnicodeDecodeError, OverflowError) as error:
        raise ModelFileError(f"{where}: no ONNX file ({error}); it is cut short or damaged") from None


class _File:
    """The name that complaints begin with, and how many fields are still read: a file of nothing else has millions."""

    def __init__(self, where: str):
        self.where, self.left = where, _MOST_FIELDS

    def __str__(self) -> str:
        return self.where

    def count(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise ModelFileError(f"{self}: has more than the {_MOST_FIELDS} fields that are read")


def _fields(data: bytes, what: _File) -> Iterator[tuple[int, Any]]:
    """Number and value of each field of a protobuf message: an int, or bytes."""
    at = 0
    while at < len(data):
        what.count()
        key, at = _varint(data, at, what)
        kind = key & 7
        if kind == _VARINT:
            value, at = _varint(data, at, what)
            yield key >> 3, value
            continue
        size, at = _varint(data, at, what) if kind == _BLOCK else ({_FOUR: 4, _EIGHT: 8}.get(kind, -1), at)
        if size < 0 or at + size > len(data):
            raise ModelFileError(f"{what}: ends in the middle of a field; the file is cut short or damaged")
        yield key >> 3, data[at : at + size]
        at += size


def _varint(data: bytes, at: int, what: _File) -> tuple[int, int]:
    value = 0
    for digit in range(_MOST_DIGITS):
        if at >= len(data):
            break
        value |= (data[at] & 0x7F) << (7 * digit)
        at += 1
        if data[at - 1] < 0x80:
            value &= (1 << 64) - 1
            return value - (1 << 64) if value >> 63 else value, at
    raise ModelFileError(f"{what}: holds a number that does not end; the file is cut short or damaged")


def _gather(data: bytes, what: _File) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for number, value in _fields(data, what):
        found.setdefault(number, []).append(value)
    return found


def _last(found: dict[int, list[Any]], number: int, kind: type, default: Any) -> Any:
    """The value that counts where a field stands several times."""
    value = found.get(number, [default])[-1]
    if not isinstance(value, kind):
        raise ModelFileError(f"field {number} holds a {type(value).__name__}; the file is damaged")
    return value


def _blocks(found: dict[int, list[Any]], number: int, largest: int = _MOST_NODES) -> list[bytes]:
    values = found.get(number, [])
    if len(values) > largest or not all(isinstance(value, bytes) for value in values):
        raise ModelFileError(
            f"field {number} holds {len(values)} parts, or numbers where parts belong; the file is damaged"
        )
    return values


def _text(found: dict[int, list[Any]], number: int) -> str:
    return _last(found, number, bytes, b"").decode()[:200]


def _model(content: bytes, where: _File) -> ModelFile:
    model = _gather(content, where)
    opsets = [_gather(entry, where) for entry in _blocks(model, 8)]
    versions = [_last(entry, 2, int, 0) for entry in opsets if _text(entry, 1) in ("", "ai.onnx")]
    if not versions or versions[0] not in OPSETS:
        raise ModelFileError(
            f"{where}: opset {versions[:1]} is none of {OPSETS.start} to {OPSETS.stop - 1}, which are read"
        )
    notes = {
        _text(entry, 1): _last(entry, 2, bytes, b"") for entry in (_gather(part, where) for part in _blocks(model, 14))
    }
    graph = _gather(_last(model, 7, bytes, b""), where)
    constants = dict(_tensor(part, where) for part in _blocks(graph, 5))
    nodes = tuple(_node(part, where) for part in _blocks(graph, 1))
    inputs = dict(_value_info(part, where) for part in _blocks(graph, 11))
    said = parse(notes.get("drywet", b'{"format": 1}'), str(where))
    if said["format"].integer(0, 1 << 30) != 1:
        said["format"].fail("is newer than this drywet, which reads 1")
    settle = said.get("settle", 0).integer(0, 1 << 19)
    network: Network
    if "dry" in inputs:
        network = _own_network(nodes, constants, inputs, settle, said.get("network", "").text()[:200], where)
    else:
        outputs = [_value_info(part, where)[0] for part in _blocks(graph, 12)]
        network = other_network(nodes, constants, inputs, outputs, str(where))
    odd = (_SLOW,) if isinstance(network, Graph) else ()
    names = tuple(node.name() for node in said.get("knobs", []).list(16)) or tuple(
        f"knob {n + 1}" for n in range(network.knobs)
    )
    if len(names) != network.knobs or len(set(names)) != len(names):
        said["knobs"].fail(f"names {len(names)} knobs, the graph has {network.knobs}")
    rate, rate_notes = checked_rate(said.get("sample_rate"), 48_000)
    return ModelFile(
        format="onnx",
        version=str(versions[0]),
        architecture="graph",
        network=network,
        sample_rate=rate,
        settle=settle,
        knobs=names,
        metadata=metadata_of(said),
        notes=(*rate_notes, *odd),
        dry_path=network.dry_gain if isinstance(network, Recurrent | Stack) else 0.0,
        weight_count=sum(array.size for array in constants.values() if array.dtype.kind == "f"),
    )


def _own_network(
    nodes: tuple[Node, ...],
    constants: dict[str, Array],
    inputs: dict[str, tuple[int, ...]],
    settle: int,
    words: str,
    where: _File,
) -> Network:
    """The network in a graph with the inputs that drywet writes."""
    states = {name: shape for name, shape in inputs.items() if name not in ("dry", "knobs") and name not in constants}
    if len(inputs["dry"]) != 1 or any(-1 in shape for shape in states.values()):
        raise ModelFileError(
            f"{where}: the graph takes {', '.join(inputs)}; drywet reads graphs that take dry (T,), knobs (C,) and states of "
            "fixed shape, and give wet (T,) and the next states, as drywet export --format onnx writes them"
        )
    (knobs,) = inputs.get("knobs", (0,)) if len(inputs.get("knobs", (0,))) == 1 else (-1,)
    if not 0 <= knobs <= 16:
        raise ModelFileError(f"{where}: knobs have shape {inputs['knobs']}, one axis of at most 16 is meant")
    recurrent = any(node.operator in ("LSTM", "GRU", "RNN") for node in nodes)
    return graph_network(Graph(nodes, constants, states, knobs, None if recurrent else max(settle, 1), words))


def _tensor(data: bytes, where: _File) -> tuple[str, Array]:
    found = _gather(data, where)
    name, kind, raw = _text(found, 8), _last(found, 2, int, 0), _last(found, 9, bytes, b"")
    shape = _sizes(found.get(1, []), where)
    if kind not in (_FLOAT, _INT64):
        raise ModelFileError(f"{where}: the tensor {name!r} is of kind {kind}; float32 and int64 are read")
    dtype = np.dtype("<f4") if kind == _FLOAT else np.dtype("<i8")
    if _last(found, 14, int, 0):
        raise ModelFileError(
            f"{where}: keeps its weights in another file; write it in one piece (torch.onnx.export: external_data=False)"
        )
    if not raw:  # numbers may stand in fields of their own kind
        if kind == _FLOAT:
            raw = b"".join(part for part in found.get(4, []) if isinstance(part, bytes))
        else:
            raw = np.array(_whole(found.get(7, []), where), np.int64).tobytes()
    if math.prod(shape) > LARGEST_WEIGHTS or math.prod(shape) * dtype.itemsize != len(raw):
        raise ModelFileError(f"{where}: the tensor {name!r} of shape {shape} holds {len(raw)} bytes")
    array = np.frombuffer(raw, dtype).reshape(shape)
    if kind == _FLOAT and not np.isfinite(array).all():
        raise ModelFileError(f"{where}: the tensor {name!r} holds numbers that are not finite")
    return name, array


def _whole(values: list[Any], where: _File) -> list[int]:
    """Whole numbers, packed or not."""
    found: list[int] = []
    for value in values:
        if isinstance(value, bytes):
            at = 0
            while at < len(value):
                where.count()
                number, at = _varint(value, at, where)
                found.append(number)
        else:
            found.append(value)
    return found


def _sizes(values: list[Any], where: _File) -> tuple[int, ...]:
    packed = _whole(values, where)
    if len(packed) > _MOST_SIZES or any(not 0 <= size <= LARGEST_WEIGHTS for size in packed):
        raise ModelFileError(f"{where}: a shape of {packed[:9]} is too large, or none")
    return tuple(packed)


def _node(data: bytes, where: _File) -> Node:
    found = _gather(data, where)
    names = [tuple(part.decode() for part in _blocks(found, number, 64)) for number in (1, 2)]
    attributes = dict(_attribute(part, where) for part in _blocks(found, 5, 64))
    return Node(_text(found, 4), names[0], names[1], attributes)


def _attribute(data: bytes, where: _File) -> tuple[str, Any]:
    found = _gather(data, where)
    name, kind = _text(found, 1), _last(found, 20, int, 0)
    if kind == 1:
        return name, _float(_last(found, 2, bytes, b""), where)
    if kind == 2:
        return name, _last(found, 3, int, 0)
    if kind == 3:
        return name, _text(found, 4)
    if kind == 4:
        return name, _tensor(_last(found, 5, bytes, b""), where)[1]
    if kind == 6:
        return name, [_float(part, where) for part in _blocks(found, 7, 64)]
    if kind == 7:
        return name, list(_ints(_whole(found.get(8, []), where), where))
    if kind == 8:
        return name, [part.decode()[:64] for part in _blocks(found, 9, 64)]
    raise ModelFileError(f"{where}: the attribute {name!r} is of kind {kind}, which is not read")


def _ints(values: list[Any], where: _File) -> list[int]:
    if len(values) > 64 or not all(isinstance(value, int) for value in values):
        raise ModelFileError(f"{where}: a list of whole numbers holds others")
    return values


def _float(data: bytes, where: _File) -> float:
    if len(data) != 4:
        raise ModelFileError(f"{where}: a number of {len(data)} bytes is no float")
    return float(np.frombuffer(data, "<f4")[0])


def _value_info(data: bytes, where: _File) -> tuple[str, tuple[int, ...]]:
    """Name and shape, -1 where a size is open."""
    found = _gather(data, where)
    kind = _gather(_last(_gather(_last(found, 2, bytes, b""), where), 1, bytes, b""), where)
    shape = _gather(_last(kind, 2, bytes, b""), where)
    sizes = []
    for dim in _blocks(shape, 1, _MOST_SIZES):
        size = _last(_gather(dim, where), 1, int, -1)
        if size > LARGEST_WEIGHTS or size < -1:
            raise ModelFileError(f"{where}: an input has a size of {size}")
        sizes.append(size)
    return _text(found, 1), tuple(sizes)
