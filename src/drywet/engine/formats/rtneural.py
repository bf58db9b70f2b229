"""Reads the Keras-style JSON of RTNeural, and AIDA-X files, which are that with gains, a skip and a self-test.

Source: ``RTNeural/model_loader.h`` and ``python/model_utils.py`` of jatinchowdhury18/RTNeural; AidaDSP/AIDA-X
``src/aidadsp-plugin.cpp``. RTNeural itself leaves weights of a wrong shape unset without a word; here that is an error.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from drywet.engine.activations import Activation
from drywet.engine.contract import LARGEST_WEIGHTS, Array, Network, folded, limit
from drywet.engine.convolution import Convolution, Stack, ungroup
from drywet.engine.formats.file import ModelFile, SelfTest, checked_rate, metadata_of
from drywet.engine.formats.tree import Node
from drywet.engine.recurrent import CellLayer, Recurrent

RATE = 48_000
AIDAX_KEYS = ("in_skip", "in_gain", "out_gain", "samplerate", "metadata", "input_batch", "output_batch")
AIDAX_SETTLE = 2048  # zeros that its players run through a freshly loaded model
SILENT_DB = -90.0
_MOST_CHANNELS, _MOST_TAPS, _MOST_LAYERS = 1024, 1 << 16, 64
_ACTIVATIONS = {
    "": "Identity",
    "linear": "Identity",
    "tanh": "Tanh",
    "relu": "ReLU",
    "sigmoid": "Sigmoid",
    "elu": "ELU",
}


def read_rtneural(root: Node) -> ModelFile:
    """The model in a parsed RTNeural file; RTNeural knows no sample rate, drywet writes one beside the layers."""
    layers = _layers(root)
    rate, notes = checked_rate(root.get("sample_rate"), RATE)
    return ModelFile(
        format="rtneural",
        version="",
        architecture=_architecture(root),
        network=_network(layers),
        sample_rate=rate,
        settle=0,
        knobs=_knobs(root, layers),
        notes=notes,
        weight_count=_count(layers),
    )


def read_aidax(root: Node) -> ModelFile:
    """The model in a parsed AIDA-X file, with its gains and its skip as its players of 2024 apply them."""
    layers = _layers(root)
    dry_path = float(root.get("in_skip", 0).integer(0, 1))
    before, after = (_gain(root.get(name, 0.0)) for name in ("in_gain", "out_gain"))
    rate, rate_notes = _rate(root)
    return ModelFile(
        format="aidax",
        version="",
        architecture=_architecture(root),
        network=_network(layers, before, after, dry_path),
        sample_rate=rate,
        settle=AIDAX_SETTLE,
        knobs=_knobs(root, layers),
        notes=rate_notes,
        weight_count=_count(layers),
        metadata=metadata_of(root),
        dry_path=dry_path * before * after,
        self_test=_self_test(root, before, after),
    )


def _architecture(root: Node) -> str:
    return "-".join(node["type"].text()[:24] for node in root["layers"].list(_MOST_LAYERS))


def _gain(node: Node) -> float:
    decibels = node.number()
    if abs(decibels) > 200:
        node.fail(f"is {decibels:g} dB, at most 200 are believed")
    return 10 ** (decibels / 20) if decibels > SILENT_DB else 0.0


def _rate(root: Node) -> tuple[int, tuple[str, ...]]:
    for node in (root.get("samplerate"), root["metadata"].get("samplerate") if "metadata" in root else None):
        if node is None or node.value is None:
            continue
        if isinstance(node.value, str):
            if node.value.isascii() and node.value.isdigit() and len(node.value) < 7:
                number = Node(int(node.value), node.where)
                return checked_rate(number, RATE)[0], (f"samplerate is a text, which players take for {RATE}",)
            node.fail(f"is {node.value[:40]!r}, no number")
        return checked_rate(node, RATE)
    return checked_rate(Node(None, root.where), RATE)


def _self_test(root: Node, before: float, after: float) -> SelfTest | None:
    """The players test themselves with both gains off; here they are part of the network, so they are taken out again."""
    if "input_batch" not in root or "output_batch" not in root or not before or not after:
        return None
    first, second = root["input_batch"], root["output_batch"]
    count = len(first.list(1 << 16))
    return SelfTest(folded(first.array(count), 1 / before), folded(second.array(count), after))


def _knobs(root: Node, layers: Sequence[Convolution | CellLayer]) -> tuple[str, ...]:
    count = layers[0].inputs - 1
    named = root["metadata"].get("knobs") if "metadata" in root else root.get("knobs")
    if named.value is not None:
        names = [node.name() for node in named.list(16)]
        if len(names) == count == len(set(names)) and all(names):
            return tuple(names)
    return tuple(f"knob {number}" for number in range(1, count + 1))


def _count(layers: Sequence[Convolution | CellLayer]) -> int:
    return sum(
        layer.weight.size + layer.bias.size
        if isinstance(layer, Convolution)
        else layer.input_weight.size + layer.recurrent_weight.size + layer.bias.size * (2 if layer.cell == "gru" else 1)
        for layer in layers
    )


def _layers(root: Node) -> list[Convolution | CellLayer]:
    inputs = _last(root["in_shape"], 17)
    layers: list[Convolution | CellLayer] = []
    for node in root["layers"].list(_MOST_LAYERS):
        kind = node["type"].choice(
            ("dense", "time-distributed-dense", "lstm", "gru", "conv1d", "batchnorm", "prelu", "activation")
        )
        outputs = _last(node["shape"], _MOST_CHANNELS)
        if kind == "activation":
            layers.append(_pointwise(np.ones(inputs), np.zeros(inputs), _activation(node)))
        elif kind in ("lstm", "gru"):
            layers.append(_cell(node, kind, inputs, outputs))
        elif kind == "conv1d":
            layers.append(_conv1d(node, inputs, outputs))
        elif kind == "batchnorm":
            layers.append(_batchnorm(node, inputs))
        elif kind == "prelu":
            layers.append(_pointwise(np.ones(inputs), np.zeros(inputs), _prelu(node, inputs)))
        else:
            kernel, bias = _parts(node, 2)
            weight = kernel.array(inputs, outputs).T[:, :, None]
            layers.append(Convolution(weight, bias.array(outputs), 1, _activation(node)))
        if kind not in ("lstm", "gru") and isinstance(layers[-1], Convolution) and layers[-1].outputs != outputs:
            node["shape"].fail(f"says {outputs} outputs, the layer has {layers[-1].outputs}")
        limit(_count(layers), LARGEST_WEIGHTS, "weights")  # some layers have more than their file: those of zeros
        inputs = outputs
    if not layers:
        root["layers"].fail("is empty")
    return layers


def _last(node: Node, largest: int) -> int:
    sizes = node.list(8)
    if not sizes:
        node.fail("is empty")
    return sizes[-1].integer(1, largest)


def _parts(node: Node, *counts: int) -> Sequence[Node]:
    parts = node["weights"].list(8)
    if len(parts) not in counts:
        node["weights"].fail(f"has {len(parts)} parts, {' or '.join(map(str, counts))} are meant")
    return parts


def _activation(node: Node) -> Activation:
    return Activation(_ACTIVATIONS[node.get("activation", "").choice(tuple(_ACTIVATIONS))])


def _cell(node: Node, kind: str, inputs: int, units: int) -> CellLayer:
    kernel, recurrent, bias = _parts(node, 3)
    gates = 4 if kind == "lstm" else 3
    weight, recurrent_weight = kernel.array(inputs, gates * units).T, recurrent.array(units, gates * units).T
    zeros = np.zeros(units, np.float32)
    if kind == "lstm":
        one = bias.array(gates * units)
        return CellLayer(kind, weight, recurrent_weight, one, np.zeros_like(one), zeros, zeros)
    both = bias.array(2, gates * units)
    rows = np.r_[units : 2 * units, 0:units, 2 * units : 3 * units]  # update, reset, new as reset, update, new
    return CellLayer(kind, weight[rows], recurrent_weight[rows], both[0, rows], both[1, rows], zeros, zeros)


def _conv1d(node: Node, inputs: int, outputs: int) -> Convolution:
    taps, dilation = _last(node["kernel_size"], _MOST_TAPS), _last(node["dilation"], 1 << 18)
    groups = node.get("groups", 1).integer(1, _MOST_CHANNELS)
    if inputs % groups or outputs % groups:
        node["groups"].fail(f"{groups} do not divide {inputs} inputs and {outputs} outputs")
    kernel, bias = _parts(node, 2)
    weight = kernel.array(taps, inputs // groups, outputs)  # the first row meets the oldest sample
    whole = ungroup(np.ascontiguousarray(weight.transpose(2, 1, 0)), groups)
    return Convolution(whole, bias.array(outputs), dilation, _activation(node))


def _batchnorm(node: Node, channels: int) -> Convolution:
    parts = [part.array(channels).astype(np.float64) for part in _parts(node, 2, 4)]
    gamma, beta = parts[:2] if len(parts) == 4 else (np.ones(channels), np.zeros(channels))
    mean, variance = parts[-2:]
    epsilon = node["epsilon"].number()
    if variance.min() + epsilon <= 0:
        node.fail("has a variance that is not positive")
    scale = gamma / np.sqrt(variance + epsilon)
    return _pointwise(scale, beta - scale * mean, Activation())


def _prelu(node: Node, channels: int) -> Activation:
    (part,) = _parts(node, 1)
    value = part.value
    for _ in range(2):  # nested three deep
        if isinstance(value, list) and len(value) == 1 and isinstance(value[0], list):
            value = value[0]
    slopes = Node(value, part.where).array(channels)
    return Activation("PReLU", (("negative_slope", tuple(float(slope) for slope in slopes)),))


def _pointwise(scale: Array, shift: Array, activation: Activation) -> Convolution:
    return Convolution(folded(np.diag(scale)[:, :, None]), folded(shift), 1, activation)


def _network(
    layers: Sequence[Convolution | CellLayer], before: float = 1.0, after: float = 1.0, dry_path: float = 0.0
) -> Network:
    """``after (network(before dry) + dry_path before dry)``; a plain recurrent network where the layers are one."""
    cells = [layer for layer in layers[:-1] if isinstance(layer, CellLayer)]
    last = layers[-1]
    if cells and len(cells) == len(layers) - 1 and isinstance(last, Convolution) and _is_plain(last):
        first = cells[0]
        louder = np.ones(first.inputs)
        louder[0] = before
        cells[0] = replace(first, input_weight=folded(first.input_weight, louder))
        head = folded(last.weight[0, :, 0], after)
        return Recurrent(tuple(cells), head, after * float(last.bias[0]), dry_path * before * after)
    around: list[Convolution | CellLayer] = list(layers)
    if before != 1:
        louder = np.ones(layers[0].inputs)
        louder[0] = before
        around.insert(0, _pointwise(louder, np.zeros(len(louder)), Activation()))
    if after != 1:
        around.append(_pointwise(np.full(1, after), np.zeros(1), Activation()))
    return Stack(tuple(around), dry_path * before * after)


def _is_plain(layer: Convolution) -> bool:
    """Whether the layer is dense, straight, and gives one signal."""
    return layer.past == 0 and layer.outputs == 1 and layer.activation.name == "Identity"
