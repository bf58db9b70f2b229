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
        If the header is damaged, or a tensor reaches beyond the file, is no float, or is not finite.
    """
    size = int.from_bytes(content[:8], "little")
    if size > _MOST_HEADER:
        raise ModelFileError(f"{where}: has a header of {size} bytes, at most {_MOST_HEADER} are read")
    root = parse(content[8 : 8 + size], where)
    data = content[8 + size :]
    texts = {name: Node(text, root.where).text() for name, text in root.get("__metadata__", {}).object().items()}
    tensors = {name: _tensor(root[name], data) for name in root.object() if name != "__metadata__"}
    return texts, tensors


def _tensor(node: Node, data: bytes) -> Array:
    kind = KINDS[node["dtype"].choice(tuple(KINDS))]
    shape = tuple(item.integer(0, 1 << 24) for item in node["shape"].list(8))
    start, stop = (item.integer(0, len(data)) for item in _two(node["data_offsets"]))
    if stop - start != math.prod(shape) * kind.itemsize:
        node.fail(f"holds {stop - start} bytes, its shape {shape} wants {math.prod(shape) * kind.itemsize}")
    with np.errstate(over="ignore"):
        array = np.frombuffer(data[start:stop], kind).astype(np.float32).reshape(shape)
    if not np.isfinite(array).all():
        node.fail(f"holds {int(np.sum(~np.isfinite(array)))} numbers that are not finite float32")
    array.flags.writeable = False
    return array


def _two(node: Node) -> tuple[Node, Node]:
    both = node.list(2)
    if len(both) != 2:
        node.fail("is no pair")
    return both[0], both[1]
