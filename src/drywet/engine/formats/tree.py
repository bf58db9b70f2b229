"""JSON of strangers: read whole or refused, each value asked for by name and kind, each complaint with its place.

What the limits allow takes at most 200 MB while it is read.
"""

import json
import math
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

from drywet.engine.contract import Array, weights
from drywet.errors import ModelFileError
from drywet.text import one_line

MAX_BYTES = 1 << 24
MAX_PARTS = 200_000  # objects, lists and texts together
SHOWN = 40  # characters of a wrong value in a message


def parse(content: bytes, where: str) -> "Node":
    """The JSON object in ``content``.

    Raises
    ------
    ModelFileError
        If it is larger than 16 MB, no UTF-8, no JSON, too deep, holds NaN or infinity, names a key twice, or is no object.
    """
    if len(content) > MAX_BYTES:
        raise ModelFileError(f"{where}: is {len(content)} bytes large, at most {MAX_BYTES} are read")
    parts = content.count(b"[") + content.count(b"{") + content.count(b'"') // 2
    if parts > MAX_PARTS:
        raise ModelFileError(f"{where}: has {parts} lists, objects and texts, at most {MAX_PARTS} are read")
    try:
        value = json.loads(content.decode("utf-8-sig"), object_pairs_hook=_each_key_once, parse_constant=_no_number)
        if b"\\u" in content:
            json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair could be neither written nor shown
    except _Refused as error:
        raise ModelFileError(f"{where}: {error}") from None
    except UnicodeEncodeError:
        raise ModelFileError(f"{where}: holds a text that is no Unicode") from None
    except RecursionError:
        raise ModelFileError(f"{where}: lists in lists in lists, too deep to be a model") from None
    except ValueError as error:
        raise ModelFileError(f"{where}: no JSON ({error}); the file is cut short or damaged") from None
    return Node(value, where, inside=False)


class _Refused(Exception):
    pass


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _Refused(f"the key {twice[:SHOWN]!r} stands twice, so it is not known which one counts")
    return found


def _no_number(name: str) -> NoReturn:
    raise _Refused(f"holds {name}, which is no number in JSON and no weight of a model")


class Node:
    """A value of the tree and its place, such as ``my.nam: config.layers[2].channels``."""

    __slots__ = ("inside", "value", "where")

    def __init__(self, value: Any, where: str, inside: bool = True):
        self.value, self.where, self.inside = value, where, inside

    def fail(self, message: str) -> NoReturn:
        raise ModelFileError(f"{self.where}: {message}")

    def _wrong(self, wanted: str) -> NoReturn:
        # repr of a huge list would take seconds.
        shown = (
            repr(self.value)[:SHOWN] if isinstance(self.value, str | int | float | None) else type(self.value).__name__
        )
        self.fail(f"is {shown}, not {wanted}")

    def __contains__(self, key: str) -> bool:
        """Whether the object has ``key`` and it is not null."""
        return isinstance(self.value, dict) and self.value.get(key) is not None

    def __getitem__(self, key: str) -> "Node":
        """A key's value; ModelFileError where it is missing."""
        if not isinstance(self.value, dict):
            self._wrong("an object")
        if key not in self.value:
            self.fail(f"{key!r} is missing")
        return Node(self.value[key], f"{self.where}.{key}" if self.inside else f"{self.where}: {key}")

    def get(self, key: str, default: Any = None) -> "Node":
        """A key's value, or ``default`` where it is missing or null."""
        return self[key] if key in self else Node(default, f"{self.where}: {key}")

    def object(self) -> dict[str, Any]:
        if not isinstance(self.value, dict):
            self._wrong("an object")
        return self.value

    def list(self, largest: int = 4096) -> "Sequence[Node]":
        """The nodes of a list of at most ``largest``."""
        if not isinstance(self.value, list):
            self._wrong("a list")
        if len(self.value) > largest:
            self.fail(f"is a list of {len(self.value)}, at most {largest} are read")
        return [Node(value, f"{self.where}[{number}]") for number, value in enumerate(self.value)]

    def __iter__(self) -> "Iterator[Node]":
        return iter(self.list())

    def integer(self, lowest: int, highest: int) -> int:
        value = self.value
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            self._wrong("a whole number")
        if not lowest <= value <= highest:
            self.fail(f"is {str(value)[:SHOWN]}, allowed are {lowest} to {highest}")
        return value

    def number(self) -> float:
        value = self.value
        if isinstance(value, bool) or not isinstance(value, int | float):
            self._wrong("a number")
        if abs(value) > 3e38 or not math.isfinite(value):
            self.fail("is too large a number")
        return float(value)

    def boolean(self) -> bool:
        """true or false; 0 and 1 count as well."""
        if self.value not in (True, False):
            self._wrong("true or false")
        return bool(self.value)

    def text(self) -> str:
        if not isinstance(self.value, str):
            self._wrong("a text")
        return self.value

    def name(self) -> str:
        """A text of at most 64 characters on one line, which may be printed."""
        return one_line(self.text(), 64)

    def choice(self, known: Sequence[str]) -> str:
        value = self.text()
        if value not in known:
            self.fail(f"is {value[:SHOWN]!r}; known are {', '.join(known)}")
        return value

    def array(self, *shape: int) -> Array:
        """Nested lists of numbers as float32 of exactly this shape; counted before memory is taken."""
        _count(self, shape)
        return weights(self.value, shape, self.where)


def _count(node: Node, shape: tuple[int, ...]) -> None:
    level = [node.value]
    for depth, size in enumerate(shape):
        for value in level:
            if not isinstance(value, list):
                node.fail(
                    f"has depth {depth}, not {len(shape)}: lists of {' x '.join(map(str, shape))} numbers are meant"
                )
            if len(value) != size:
                node.fail(f"holds {len(value)} where {size} belong ({' x '.join(map(str, shape))} numbers are meant)")
        level = [item for value in level for item in value]
    for value in level:
        if type(value) is not float and type(value) is not int:
            node.fail(f"holds a {type(value).__name__} among its numbers")


def numbers(node: Node, largest: int) -> Array:
    """A flat list of at most ``largest`` numbers, float32."""
    if not isinstance(node.value, list):
        node._wrong("a list")
    if len(node.value) > largest:
        node.fail(f"holds {len(node.value)} numbers, at most {largest} are read")
    return node.array(len(node.value))


class Stream:
    """A flat list of weights that is handed out piece by piece."""

    def __init__(self, values: Array, where: str):
        self.values, self.where, self.at = values, where, 0
        self.spread = 0  # numbers that the pieces become

    def take(self, *shape: int) -> Array:
        """The next numbers, as this shape.

        Raises
        ------
        ModelFileError
            If there are not so many; :meth:`end` tells of too many. Players read past the end of a short list.
        """
        size = math.prod(shape)
        if self.at + size > len(self.values):
            self.where_short(size)
        part = self.values[self.at : self.at + size].reshape(shape)
        self.at += size
        return part

    def where_short(self, size: int) -> NoReturn:
        raise ModelFileError(
            f"{self.where}: holds {len(self.values)} numbers, too few for its config: {size} more are wanted from number "
            f"{self.at} on. The file is cut short, or its config belongs to another model"
        )

    def end(self) -> None:
        if self.at != len(self.values):
            raise ModelFileError(
                f"{self.where}: holds {len(self.values)} numbers, its config wants {self.at}; it belongs to another model"
            )
