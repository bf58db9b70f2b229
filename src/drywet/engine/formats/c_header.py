"""Reads the C headers that drywet writes: their tables, and the description of the model in a comment; C code is not run.

The description names a table, or several, for every array of the network, in the words of the ``numpy`` format. Every table
has one place there, so whoever changes a table changes what is read. A fingerprint tells whether anything was changed.
"""

import hashlib
import math
import re
from dataclasses import replace

import numpy as np

from drywet.engine.contract import LARGEST_WEIGHTS, Array, limit
from drywet.engine.formats.file import ModelFile, SelfTest
from drywet.engine.formats.network import read_network
from drywet.engine.formats.tree import Node, parse
from drywet.errors import ModelFileError

# How an array (outputs, inputs, taps) or (taps,) lies in its table; without a word as numpy has it, row by row.
TAPS_FIRST, REVERSED = "taps first", "reversed"
_MARK = re.compile(rb"/\* drywet network ([0-9a-f]{64}) ")  # and JSON to the comment's end
_TABLE = re.compile(rb"static\s+const\s+float\s+(\w+)\s*\[\s*(\d{1,9})\s*\]\s*=\s*\{([^{}]*)\}\s*;", re.ASCII)
_OTHER_SIGNS = re.compile(rb"[^0-9eE.+\-f,\s]")  # than those of literals such as -1.5e-05f
_MOST_BYTES, _MOST_NUMBERS, _MOST_TABLES = 1 << 24, 1 << 20, 1 << 13


def with_description(code: str, description: str) -> bytes:
    """A header of this ``code``, with the JSON text ``description`` in a comment in place of the zero byte in it."""
    inside = description.replace("/", "\\/")  # so that it cannot end the comment
    before, after = code.split("\0")
    whole = f"{before}/* drywet network {'0' * 64} {inside} */{after}".encode("ascii", "replace")
    found = _MARK.search(whole)
    assert found
    return whole[: found.start(1)] + fingerprint(whole).encode() + whole[found.end(1) :]


def fingerprint(content: bytes) -> str:
    """SHA-256 of a header without white space and without the fingerprint in it."""
    found = _MARK.search(content)
    if found:
        content = content[: found.start(1)] + content[found.end(1) :]
    return hashlib.sha256(content.translate(None, b" \t\r\n\v\f")).hexdigest()


def is_c_header(content: bytes) -> bool:
    """Whether ``content`` is C code as far as the first signs tell: it opens with a comment or a directive."""
    return content.lstrip(b"\xef\xbb\xbf \t\r\n")[:2] in (b"/*", b"//", b"#i", b"#p")


def read_c_header(content: bytes, where: str) -> ModelFile:
    """The model in a header that ``drywet export --format c`` wrote."""
    if len(content) > _MOST_BYTES:
        raise ModelFileError(f"{where}: is {len(content)} bytes large, at most {_MOST_BYTES} are read")
    found = _MARK.search(content)
    end = content.find(b" */", found.end()) if found else -1
    if not found or end < 0:
        raise ModelFileError(
            f"{where}: is C code without drywet's description of the model. Headers that drywet wrote before it added one, or "
            "other programs wrote, are not read: export the model again"
        )
    root = parse(content[found.end() : end], where)
    tables = _tables(content, where)
    nodes = {name: root["tensors"][name] for name in root["tensors"].object()}
    limit(sum(math.prod(_shape(node)) for node in nodes.values()), LARGEST_WEIGHTS, "weights")
    tensors = {name: _array(node, tables) for name, node in nodes.items()}
    test = root["self_test"]
    given, promised = (_take(test[name], tables) for name in ("dry", "wet"))
    if tables:
        raise ModelFileError(f"{where}: the table {min(tables)} belongs to no array of the model")
    if len(given) != len(promised):
        test.fail(f"has {len(given)} samples of input and {len(promised)} of output")
    file = read_network(root, tensors, where)
    changed = found[1].decode() != fingerprint(content)
    return replace(
        file,
        format="c",
        self_test=SelfTest(given, promised, file.settle, 0.5),
        notes=("was changed after drywet wrote it; what is played is its tables, not its code",) if changed else (),
    )


def _tables(content: bytes, where: str) -> dict[str, Array]:
    """All tables of the header by name, finite float32."""
    found: dict[str, Array] = {}
    total = 0
    for match in _TABLE.finditer(content):
        name, count, text = match[1].decode(), int(match[2]), match[3]
        total += count
        if total > _MOST_NUMBERS or len(found) >= _MOST_TABLES:
            raise ModelFileError(
                f"{where}: has {total} numbers in {len(found) + 1} tables, at most {_MOST_NUMBERS} in {_MOST_TABLES} are read"
            )
        if name in found:
            raise ModelFileError(f"{where}: the table {name[:40]} stands twice")
        found[name] = _numbers(text, count, f"{where}: {name[:40]}")
    return found


def _numbers(text: bytes, count: int, where: str) -> Array:
    if text.count(b",") != count - 1:
        raise ModelFileError(f"{where}: holds {text.count(b',') + 1} numbers, {count} are declared")
    strange = _OTHER_SIGNS.search(text)
    try:
        if strange:
            raise ValueError
        with np.errstate(over="ignore"):
            array = np.fromiter((_literal(part) for part in text.split(b",")), np.float64, count).astype(np.float32)
    except ValueError:
        raise ModelFileError(f"{where}: holds something that is no float literal such as -1.5e-05f") from None
    if not np.isfinite(array).all():
        raise ModelFileError(f"{where}: holds {int(np.sum(~np.isfinite(array)))} numbers that are not finite float32")
    array.flags.writeable = False
    return array


def _literal(text: bytes) -> float:
    text = text.strip()
    if not text.endswith(b"f") or (b"." not in text and b"e" not in text and b"E" not in text):  # 1f is no C
        raise ValueError
    return float(text[:-1])


def _take(node: Node, tables: dict[str, Array]) -> Array:
    name = node.text()
    if name not in tables:
        node.fail(f"names the table {name[:40]!r}, which is missing or named twice")
    return tables.pop(name)


def _shape(node: Node) -> tuple[int, ...]:
    return tuple(item.integer(0, LARGEST_WEIGHTS) for item in node["shape"].list(4))


def _array(node: Node, tables: dict[str, Array]) -> Array:
    """An array of the network from its tables; one without tables is zeros."""
    shape = _shape(node)
    parts = [_take(item, tables) for item in node["tables"].list(64)]
    layout = node.get("layout", "").choice(("", TAPS_FIRST, REVERSED))
    size = math.prod(shape)
    if parts and sum(len(part) for part in parts) != size:
        node.fail(f"holds {sum(len(part) for part in parts)} numbers, its shape {shape} wants {size}")
    flat = np.concatenate(parts) if parts else np.zeros(size, np.float32)
    if layout == TAPS_FIRST:
        if len(shape) != 3:
            node.fail(f"is a convolution of shape {shape}; three axes are meant")
        array = np.ascontiguousarray(flat.reshape(shape[2], *shape[:2]).transpose(1, 2, 0))
    else:
        array = flat.reshape(shape)
        array = np.ascontiguousarray(array[::-1]) if layout == REVERSED else array
    array.flags.writeable = False
    return array
