"""Reads .nam files: LSTM, Linear, ConvNet, WaveNet up to 0.7, and containers of several sizes.

Source: the documents and sources of sdatkinson/neural-amp-modeler and NeuralAmpModelerCore 0.5.5. Every number of the flat
list of weights is accounted for, which the engine itself does not do.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from drywet.engine.activations import CURVES, Activation
from drywet.engine.contract import LARGEST_FIELD, LARGEST_WEIGHTS, Array, Network, folded, limit
from drywet.engine.convolution import Convolution, Stack, ungroup
from drywet.engine.formats.file import ModelFile, checked_rate, metadata_of
from drywet.engine.formats.tree import Node, Stream, numbers
from drywet.engine.linear import Linear
from drywet.engine.recurrent import CellLayer, Recurrent
from drywet.engine.wavenet import FILM_PLACES, GATES, Layer, LayerArray, WaveNet
from drywet.text import one_line

OLDEST, NEWEST = (0, 5, 0), (0, 7)
RATE = 48_000  # what players assume where the file does not say
ACTIVATIONS = tuple(name for name in CURVES if name not in ("Identity", "ELU"))
PARAMETRIC = ("ConcatWaveNet", "HyperWaveNet", "ConcatLSTM")
_MOST_CHANNELS, _MOST_TAPS, _MOST_LAYERS, _DEEPEST = 1024, 1 << 16, 512, 3


def read_nam(root: Node, linear_order: str = "engine") -> ModelFile:
    """The model in a parsed .nam file.

    Parameters
    ----------
    linear_order : str
        ``"engine"``: the first weight of a Linear model meets the present sample, as NAM's engine plays it; ``"trainer"``: the
        oldest, as NAM's trainer writes it.
    """
    return _model(root, linear_order, depth=0)


def _model(root: Node, linear_order: str, depth: int) -> ModelFile:
    if depth > _DEEPEST:
        root.fail(f"models in models, more than {_DEEPEST} deep")
    version, notes = _version(root["version"])
    architecture = root["architecture"].text()
    if architecture in PARAMETRIC:
        root["architecture"].fail(
            f"{architecture} is a model with knobs of one fork of NAM, which drywet and most players do not read; bake it there"
        )
    rate, rate_note = checked_rate(root.get("sample_rate"), RATE)
    notes += rate_note
    if architecture == "SlimmableContainer":
        return _container(root, version, rate, notes, linear_order, depth)
    known: dict[str, Callable[[Node, Stream], Network]] = {
        "LSTM": _lstm,
        "ConvNet": _convnet,
        "WaveNet": lambda config, stream: _wavenet(config, stream, rate, depth),
        "SlimmableWavenet": lambda config, stream: _wavenet(config, stream, rate, depth),
        "Linear": lambda config, stream: _linear(config, stream, linear_order),
    }
    if architecture not in known:
        root["architecture"].fail(f"is {architecture[:40]!r}; known are {', '.join([*known, 'SlimmableContainer'])}")
    stream = Stream(numbers(root["weights"], LARGEST_WEIGHTS), root["weights"].where)
    config = root["config"]
    if architecture == "SlimmableWavenet" and "model" in config:
        config = config["model"]
    network = known[architecture](config, stream)
    stream.end()
    if isinstance(network, WaveNet) and any("slimmable" in array for array in config["layers"]):
        notes += ("its player can leave out channels to save time; read is the full size",)
    return ModelFile(
        format="nam",
        version=version,
        architecture=architecture,
        network=network,
        sample_rate=rate,
        settle=_settle(network, rate),
        metadata=metadata_of(root),
        notes=(*notes, *_odd(root)),
        weight_count=len(stream.values),
    )


def _version(node: Node) -> tuple[str, tuple[str, ...]]:
    text = node.text()
    parts = text.split(".")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() and len(part) < 9 for part in parts):
        node.fail(f"is {text[:40]!r}; a version is written 0.5.4")
    found = tuple(int(part) for part in parts)
    text = ".".join(map(str, found))
    if found < OLDEST or found[:2] > NEWEST:
        node.fail(
            f"is {text}; 0.5.0 to 0.7 are read. A newer drywet may know it, or export it again for an older player"
        )
    if found[:2] == NEWEST and found[2] > 0:
        return text, (f"version {text} is newer than 0.7.0: what it added is not read",)
    return text, ()


def _settle(network: Network, rate: int) -> int:
    """Zeros that the player runs through a freshly loaded model."""
    if isinstance(network, Recurrent):
        return int(0.5 * rate)
    if isinstance(network, Linear):
        return 0
    if isinstance(network, Stack):  # a ConvNet
        return 1 + sum(layer.dilation for layer in network.layers[:-1] if isinstance(layer, Convolution))
    return network.receptive_field or 0


def _odd(root: Node) -> tuple[str, ...]:
    notes = []
    known = {"version", "architecture", "config", "weights", "sample_rate", "metadata"}
    unknown = sorted(set(root.object()) - known)
    if unknown:
        notes.append(f"keys that no player reads: {', '.join(one_line(name, 40) for name in unknown[:5])}")
    if "metadata" in root:
        for name in ("loudness", "gain", "input_level_dbu", "output_level_dbu"):
            value = root["metadata"].object().get(name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
                notes.append(f"metadata.{name} is no number; NAM's engine refuses such a file")
    return tuple(notes)


def _container(root: Node, version: str, rate: int, notes: tuple[str, ...], linear_order: str, depth: int) -> ModelFile:
    if root["weights"].list(largest=0):
        raise AssertionError
    entries = root["config"]["submodels"].list(largest=64)
    if not entries:
        root["config"]["submodels"].fail("is empty")
    sizes: list[tuple[float, ModelFile]] = []
    for entry in entries:
        largest, inner = entry["max_value"].number(), _model(entry["model"], linear_order, depth + 1)
        if sizes and largest <= sizes[-1][0]:
            entry["max_value"].fail(f"is {largest:g} after {sizes[-1][0]:g}; sizes stand in increasing order")
        if inner.sample_rate != rate:
            entry["model"].fail(f"has {inner.sample_rate} Hz, the container {rate} Hz")
        sizes.append((largest, inner))
    if sizes[-1][0] < 1.0:
        entries[-1]["max_value"].fail(f"is {sizes[-1][0]:g}; the last one reaches 1")
    full = sizes[-1][1]
    return ModelFile(
        format="nam",
        version=version,
        architecture="SlimmableContainer",
        network=full.network,
        sample_rate=rate,
        settle=full.settle,
        metadata=metadata_of(root) or full.metadata,
        notes=(*notes, *full.notes),
        weight_count=sum(inner.weight_count for _, inner in sizes),
        sizes=tuple(sizes),
    )


def _lstm(config: Node, stream: Stream) -> Recurrent:
    if (inputs := config["input_size"].integer(1, 16)) > 1:
        config["input_size"].fail(f"is {inputs}; NAM's player has one input, the sound, and knows no knobs")
    units = config["hidden_size"].integer(1, 4096)
    layers = config["num_layers"].integer(1, 64)
    for name in ("in_channels", "out_channels"):
        config.get(name, 1).integer(1, 1)
    found = []
    for number in range(layers):
        fed = inputs if number == 0 else units
        both = stream.take(4 * units, fed + units)
        bias = stream.take(4 * units)
        found.append(
            CellLayer(
                "lstm", both[:, :fed], both[:, fed:], bias, np.zeros_like(bias), stream.take(units), stream.take(units)
            )
        )
    return Recurrent(tuple(found), stream.take(units), float(stream.take(1)[0]))


def _linear(config: Node, stream: Stream, order: str) -> Linear:
    taps = stream.take(config["receptive_field"].integer(1, LARGEST_FIELD))
    bias = float(stream.take(1)[0]) if config["bias"].boolean() else 0.0
    return Linear(taps if order == "engine" else taps[::-1], bias)


def _convnet(config: Node, stream: Stream) -> Stack:
    channels = config["channels"].integer(1, _MOST_CHANNELS)
    dilations = [node.integer(1, LARGEST_FIELD) for node in config["dilations"].list(_MOST_LAYERS)]
    groups = config.get("groups", 1).integer(1, _MOST_CHANNELS)
    normalised, activation = config["batchnorm"].boolean(), _activation(config["activation"])
    layers, inputs = [], 1
    for dilation in dilations:
        weight = _grouped(stream, channels, inputs, 2, groups if inputs > 1 else 1, config)
        if normalised:
            mean, variance, gain, offset = (stream.take(channels).astype(np.float64) for _ in range(4))
            epsilon = float(stream.take(1)[0])
            if epsilon + variance.min() <= 0:
                config.fail("a batch normalisation has a variance that is not positive")
            scale = gain / np.sqrt(epsilon + variance)
            weight, bias = folded(weight, scale[:, None, None]), folded(offset - scale * mean)
        else:
            bias = stream.take(channels)
        layers.append(Convolution(weight, bias, dilation, activation))
        inputs = channels
    head = stream.take(1, inputs, 1)
    return Stack((*layers, Convolution(head, stream.take(1))))


def _grouped(stream: Stream, outputs: int, inputs: int, taps: int, groups: int, node: Node) -> Array:
    if inputs % groups or outputs % groups:
        node.fail(f"{groups} groups do not divide {inputs} inputs and {outputs} outputs")
    stream.spread += outputs * inputs * taps  # with the zeros between groups, which the file does not hold
    limit(stream.spread, LARGEST_WEIGHTS, "weights")
    return ungroup(stream.take(outputs, inputs // groups, taps), groups)


def _activation(node: Node) -> Activation:
    if isinstance(node.value, str):
        return Activation(node.choice(ACTIVATIONS))
    name = node["type"].choice(ACTIVATIONS)
    given: list[tuple[str, Any]] = []
    if "negative_slopes" in node:
        given.append(("negative_slope", tuple(slope.number() for slope in node["negative_slopes"])))
    for key in ("negative_slope", "min_val", "max_val", "min_slope", "max_slope"):
        if key in node:
            given.append((key, node[key].number()))
    return Activation(name, tuple(given))


def _wavenet(config: Node, stream: Stream, rate: int, depth: int, outputs: int = 1) -> WaveNet:
    condition = _condition(config, rate, depth)
    nodes = config["layers"].list(64)
    arrays = tuple(_array(node, stream) for node in nodes)
    heads = _post_heads(config["head"], arrays, stream) if "head" in config else ()
    if not arrays:
        config["layers"].fail("is empty")
    wide = heads[-1].outputs if heads else arrays[-1].head.outputs
    if outputs == 1 and wide != 1:
        config.fail(f"the output has {wide} channels; one is read")
    return WaveNet(arrays, float(stream.take(1)[0]), heads, condition, outputs=wide)


def _condition(config: Node, rate: int, depth: int) -> WaveNet | None:
    if "condition_dsp" not in config:
        return None
    root = config["condition_dsp"]
    if depth + 1 > _DEEPEST:
        root.fail(f"models in models, more than {_DEEPEST} deep")
    _version(root["version"])
    root["architecture"].choice(("WaveNet",))
    found, _ = checked_rate(root.get("sample_rate"), rate)
    if found != rate:
        root.fail(f"has {found} Hz, the model around it {rate} Hz")
    stream = Stream(numbers(root["weights"], LARGEST_WEIGHTS), root["weights"].where)
    network = _wavenet(root["config"], stream, rate, depth + 1, outputs=0)
    stream.end()
    return network


def _each(node: Node, count: int) -> list[Node]:
    """One value for all layers, or a list with one for each."""
    if not isinstance(node.value, list):
        return [node] * count
    found = list(node.list(_MOST_LAYERS))
    if len(found) != count:
        node.fail(f"holds {len(found)} for {count} layers")
    return found


def _array(node: Node, stream: Stream) -> LayerArray:
    inputs, condition = node["input_size"].integer(1, _MOST_CHANNELS), node["condition_size"].integer(1, _MOST_CHANNELS)
    channels = node["channels"].integer(1, _MOST_CHANNELS)
    bottleneck = node.get("bottleneck", channels).integer(1, _MOST_CHANNELS)
    dilations = [item.integer(1, LARGEST_FIELD) for item in node["dilations"].list(_MOST_LAYERS)]
    count = len(dilations)
    if "kernel_sizes" in node and "kernel_size" in node:
        node.fail("has both kernel_size and kernel_sizes")
    kernels = [
        item.integer(1, _MOST_TAPS)
        for item in _each(node["kernel_sizes" if "kernel_sizes" in node else "kernel_size"], count)
    ]
    activations = [_activation(item) for item in _each(node["activation"], count)]
    gates = _gates(node, count)
    seconds = [
        _activation(item) if item.value is not None else Activation("Sigmoid")
        for item in _each(node.get("secondary_activation"), count)
    ]
    groups, mixin_groups = (
        node.get(name, 1).integer(1, _MOST_CHANNELS) for name in ("groups_input", "groups_input_mixin")
    )
    residual = _one_by_one(node, "layer1x1", active=True)
    to_head = _one_by_one(node, "head1x1", active=False)
    widen = stream.take(channels, inputs)
    layers = []
    for kernel, dilation, activation, gate, second in zip(kernels, dilations, activations, gates, seconds, strict=True):
        rows = bottleneck * (1 if gate == "none" else 2)
        conv = Convolution(_grouped(stream, rows, channels, kernel, groups, node), stream.take(rows), dilation)
        mixin = _grouped(stream, rows, condition, 1, mixin_groups, node)[:, :, 0]
        parts: list[Convolution | None] = []
        for size, own_groups in ((channels, residual), (to_head[1] or channels, to_head)):
            if not own_groups[0]:
                parts.append(None)
                continue
            weight = _grouped(stream, size, bottleneck, 1, own_groups[2], node)
            parts.append(Convolution(weight, stream.take(size)))
        head_size = parts[1].outputs if parts[1] is not None else bottleneck
        sizes = (channels, rows, condition, rows, rows, bottleneck, channels, head_size)
        films = {
            place: film
            for place, size in zip(FILM_PLACES, sizes, strict=True)
            if (film := _film(node, place, size, condition, stream)) is not None
        }
        layers.append(Layer(conv, mixin, activation, gate, second, parts[0], parts[1], films))
    return LayerArray(widen, tuple(layers), _array_head(node, layers, stream))


def _gates(node: Node, count: int) -> list[str]:
    if "gating_mode" in node:
        return [item.choice(GATES) for item in _each(node["gating_mode"], count)]
    return ["gated" if node.get("gated", False).boolean() else "none"] * count


def _one_by_one(node: Node, name: str, active: bool) -> tuple[bool, int | None, int]:
    """Whether it is there, its outputs if given, its groups."""
    if name not in node:
        return active, None, 1
    part = node[name]
    outputs = part["out_channels"].integer(1, _MOST_CHANNELS) if "out_channels" in part else None
    return part["active"].boolean(), outputs, part.get("groups", 1).integer(1, _MOST_CHANNELS)


def _film(node: Node, place: str, size: int, condition: int, stream: Stream) -> Convolution | None:
    if place not in node or not node[place]["active"].boolean():
        return None
    part = node[place]
    outputs = size * (2 if part.get("shift", True).boolean() else 1)
    groups = part.get("groups", 1).integer(1, _MOST_CHANNELS)
    return Convolution(_grouped(stream, outputs, condition, 1, groups, part), stream.take(outputs))


def _array_head(node: Node, layers: list[Layer], stream: Stream) -> Convolution:
    if not layers:
        node["dilations"].fail("is empty")
    inputs = layers[0].to_head
    if "head" in node:
        head = node["head"]
        outputs, taps = head["out_channels"].integer(1, _MOST_CHANNELS), head["kernel_size"].integer(1, _MOST_TAPS)
        has_bias, dilation = head["bias"].boolean(), head.get("head_dilation", 1).integer(1, LARGEST_FIELD)
    else:
        outputs, taps, dilation = node["head_size"].integer(1, _MOST_CHANNELS), 1, 1
        has_bias = node["head_bias"].boolean()
    weight = stream.take(outputs, inputs, taps)
    bias = stream.take(outputs) if has_bias else np.zeros(outputs, np.float32)
    return Convolution(weight, bias, dilation)


def _post_heads(node: Node, arrays: tuple[LayerArray, ...], stream: Stream) -> tuple[Convolution, ...]:
    channels, outputs = node["channels"].integer(1, _MOST_CHANNELS), node["out_channels"].integer(1, _MOST_CHANNELS)
    activation = _activation(node["activation"])
    taps = [item.integer(1, _MOST_TAPS) for item in node["kernel_sizes"].list(64)]
    heads: list[Convolution] = []
    inputs = arrays[-1].head.outputs if arrays else 0
    for number, kernel in enumerate(taps):
        out = outputs if number == len(taps) - 1 else channels
        heads.append(Convolution(stream.take(out, inputs, kernel), stream.take(out), 1, activation))
        inputs = out
    return tuple(heads)
