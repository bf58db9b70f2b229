"""Reads the ``numpy`` format: any network of the engine as named tensors and a tree of plain numbers (docs/formats.md)."""

import types
import typing
from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from typing import Any

import numpy as np

from drywet.engine.activations import Activation
from drywet.engine.contract import Array, Network
from drywet.engine.convolution import Convolution, Stack
from drywet.engine.film import Film
from drywet.engine.formats.file import ModelFile, checked_rate, metadata_of
from drywet.engine.formats.tree import Node
from drywet.engine.grey_box import GreyBox
from drywet.engine.linear import Linear, WienerHammerstein
from drywet.engine.recurrent import CellLayer, Recurrent
from drywet.engine.state_space import StateSpace
from drywet.engine.wavenet import Layer, LayerArray, WaveNet
from drywet.engine.window_lstm import WindowLSTM
from drywet.errors import ModelFileError

HEADER = "drywet_network"
FORMAT = 1
NETWORKS: tuple[type[Network], ...] = (
    Recurrent, Stack, WaveNet, Linear, WienerHammerstein, StateSpace, GreyBox, WindowLSTM
)  # fmt: skip
_PARTS: tuple[type, ...] = (*NETWORKS, CellLayer, Convolution, Activation, Film, Layer, LayerArray)
NAMES = {kind.__name__: kind for kind in _PARTS}
_DEEPEST = 12


def read_network(header: Node, tensors: Mapping[str, Array], where: str) -> ModelFile:
    """The network in a file of the ``numpy`` format, from its header and its tensors by name."""
    if header["format"].integer(0, 1 << 30) != FORMAT:
        header["format"].fail(f"is {header['format'].value}, this drywet reads {FORMAT}")
    left = dict(tensors)
    network = _build(header["network"], NETWORKS, left, 0)
    if isinstance(network, WaveNet) and network.outputs != 1:
        header["network"].fail(f"has {network.outputs} outputs; one is read")
    if left:
        raise ModelFileError(f"{where}: the tensor {sorted(left)[0]!r} is named nowhere in the header")
    knobs = tuple(node.name() for node in header.get("knobs", []).list(16))
    if len(knobs) != network.knobs or len(set(knobs)) != len(knobs):
        header["knobs"].fail(f"names {len(knobs)} knobs, the network has {network.knobs}, each with a name of its own")
    return ModelFile(
        format="numpy",
        version=str(FORMAT),
        architecture=network.kind,
        network=network,
        sample_rate=checked_rate(header["sample_rate"], 48_000)[0],
        settle=header.get("settle", 0).integer(0, 1 << 19),
        knobs=knobs,
        metadata=metadata_of(header),
        weight_count=sum(tensor.size for tensor in tensors.values()),
        dry_path=network.dry_gain if isinstance(network, Recurrent | Stack) else 0.0,
    )


@cache
def _wanted(kind: type) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind) if field.init}


def _build(node: Node, allowed: tuple[type, ...], tensors: dict[str, Array], depth: int) -> Any:
    """An object of one of the ``allowed`` classes from ``{"kind": its name, field: value, ...}``."""
    if depth > _DEEPEST:
        node.fail("parts in parts, too deep for a network")
    kind = NAMES[node["kind"].choice([cls.__name__ for cls in allowed])]
    wanted = _wanted(kind)
    unknown = sorted(set(node.object()) - set(wanted) - {"kind"})
    if unknown:
        node.fail(f"{kind.__name__} has no {unknown[0][:40]!r}")
    given = {name: _value(node[name], hint, tensors, depth) for name, hint in wanted.items() if name in node.object()}
    try:
        return kind(**given)
    except TypeError:
        missing = sorted(set(wanted) - set(given))
        node.fail(f"{kind.__name__} lacks one of {', '.join(missing)}")


def _value(node: Node, hint: Any, tensors: dict[str, Array], depth: int) -> Any:
    """A value of the type that a field of the engine's networks declares."""
    options = (
        typing.get_args(hint)
        if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union
        else (hint,)
    )
    if type(None) in options and node.value is None:
        return None
    if hint is np.ndarray:
        name = node["tensor"].text()
        if name not in tensors:
            node.fail(f"names the tensor {name[:40]!r}, which is missing or named twice")
        return tensors.pop(name)
    if hint is int:
        return node.integer(-(1 << 31), 1 << 31)
    if hint is float:
        return node.number()
    if hint is str:
        return node.text()
    classes = tuple(option for option in options if option in _PARTS)
    if classes:
        return _build(node, classes, tensors, depth + 1)
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple and inner[-1] is Ellipsis:
        return tuple(_value(item, inner[0], tensors, depth) for item in node.list())
    if origin is tuple:
        items = node.list(len(inner))
        if len(items) != len(inner):
            node.fail(f"holds {len(items)} values, {len(inner)} are meant")
        return tuple(_value(item, kind, tensors, depth) for item, kind in zip(items, inner, strict=True))
    if origin is not None and issubclass(origin, Mapping):
        return {name: _value(node[name], inner[1], tensors, depth) for name in node.object()}
    # float or a tuple of floats
    return tuple(item.number() for item in node.list()) if isinstance(node.value, list) else node.number()
