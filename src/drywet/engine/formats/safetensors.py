"""Reads safetensors: a header in JSON, then the numbers. Sizes are held against the file before memory is taken."""

import math
from collections.abc import Mapping

import numpy as np

from drywet.engine.contract import Array
from drywet.engine.formats.tree import Node, parse
from drywet.errors import ModelFileError

KINDS: dict[str, np.dtype] = {"F32": np.dtype("<f4"), "F64": np.dtype("<f8")}
_MOST_HEADER = 1 << 20


def is_safetensors(content: bytes) -> bool:
    """Whether ``content`` begins as a safetensors file does."""
    return content[8:9] == b"{" and int.from_bytes(content[:8], "little") <= len(content) - 8


def read_safetensors(content: bytes, where: str) -> tuple[Mapping[str, str], dict[str, Array]]:
    """Its texts and its tensors by name, finite float32.

    Raises
    ------
    ModelFileError
        If the header is damaged, or a tensor is no float or not finite, or they do not lie one after another and fill the
        file: otherwise a small file could name its numbers ten thousand times.
    """
    size = int.from_bytes(content[:8], "little")
    if size > _MOST_HEADER:
        raise ModelFileError(f"{where}: has a header of {size} bytes, at most {_MOST_HEADER} are read")
    root = parse(content[8 : 8 + size], where)
    data = content[8 + size :]
    texts = {name: Node(text, root.where).text() for name, text in root.get("__metadata__", {}).object().items()}
    nodes = {name: root[name] for name in root.object() if name != "__metadata__"}
    places = {name: _place(node["data_offsets"], len(data)) for name, node in nodes.items()}
    end = 0
    for name, (start, stop) in sorted(places.items(), key=lambda item: item[1]):
        if start != end:
            nodes[name].fail(f"begins at byte {start}, the tensor before it ends at {end}")
        end = stop
    if end != len(data):
        raise ModelFileError(f"{where}: holds {len(data)} bytes of numbers, its tensors {end}")
    return texts, {name: _tensor(node, data[slice(*places[name])]) for name, node in nodes.items()}


def _tensor(node: Node, data: bytes) -> Array:
    kind = KINDS[node["dtype"].choice(tuple(KINDS))]
    shape = tuple(item.integer(0, 1 << 24) for item in node["shape"].list(8))
    if len(data) != math.prod(shape) * kind.itemsize:
        node.fail(f"holds {len(data)} bytes, its shape {shape} wants {math.prod(shape) * kind.itemsize}")
    with np.errstate(over="ignore"):
        array = np.frombuffer(data, kind).astype(np.float32).reshape(shape)
    if not np.isfinite(array).all():
        node.fail(f"holds {int(np.sum(~np.isfinite(array)))} numbers that are not finite float32")
    array.flags.writeable = False
    return array


def _place(node: Node, size: int) -> tuple[int, int]:
    """First byte and end."""
    both = node.list(2)
    if len(both) != 2:
        node.fail("is no pair")
    start = both[0].integer(0, size)
    return start, both[1].integer(start, size)
