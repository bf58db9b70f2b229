"""Writes the ``numpy`` format: any network as named float32 tensors and a tree of plain numbers, in one safetensors file."""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from safetensors.numpy import save

from drywet.engine.contract import Network
from drywet.engine.graph import Graph
from drywet.engine.program import Program
from drywet.errors import ExportError
from drywet.export.about import About


def fit(network: Network) -> Network:
    """Every network fits; only a graph from ONNX that is none of them stays what it is."""
    if isinstance(network, Graph | Program):
        raise ExportError("an ONNX graph is kept as it is: drywet reads and plays the .onnx file itself")
    return network


def write(network: Network, about: About) -> bytes:
    """The content of the file."""
    tensors: dict[str, np.ndarray] = {}
    header = json.dumps(described(network, about, tensors), allow_nan=False)
    return save(
        {name: np.ascontiguousarray(tensor, np.float32) for name, tensor in tensors.items()},
        metadata={"drywet_network": header},
    )


def described(network: Network, about: About, tensors: dict[str, np.ndarray]) -> dict[str, Any]:
    """All but the numbers of the arrays, which go into ``tensors`` by the names that it gives them."""
    return {
        "format": 1,
        "sample_rate": about.sample_rate,
        "settle": about.settle,
        "knobs": list(about.knobs),
        "metadata": about.labels.model_dump(exclude_none=True) | {"esr": about.esr, "drywet": dict(about.source)},
        "network": _tree(network, "", tensors),
    }


def _tree(value: Any, name: str, tensors: dict[str, np.ndarray]) -> Any:
    """Dataclasses as objects that name their kind, arrays as names of tensors, the rest as it is."""
    if isinstance(value, np.ndarray):
        tensors[name] = value
        return {"tensor": name}
    if is_dataclass(value):
        parts = {
            field.name: _tree(getattr(value, field.name), f"{name}.{field.name}".lstrip("."), tensors)
            for field in fields(value)
            if field.init
        }
        return {"kind": type(value).__name__, **parts}
    if isinstance(value, Mapping):
        return {key: _tree(item, f"{name}.{key}", tensors) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_tree(item, f"{name}.{number}", tensors) for number, item in enumerate(value)]
    return value
