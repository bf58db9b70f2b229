"""Writes .nam files in the lowest version that describes the model, 0.5.4, which players since 2023 load.

Sources: model-file.rst of sdatkinson/neural-amp-modeler, ``NAM/*.cpp`` of NeuralAmpModelerCore.
"""

from typing import Any

import numpy as np

from drywet.engine.contract import Array, Network
from drywet.engine.convolution import Convolution, Stack
from drywet.engine.linear import Linear
from drywet.engine.recurrent import Recurrent
from drywet.engine.wavenet import Layer, LayerArray, WaveNet
from drywet.errors import ExportError
from drywet.export.about import About
from drywet.export.changes import dry_as_unit, settled
from drywet.export.text import encode, numbers

VERSION = "0.5.4"
ACTIVATIONS = (
    "Tanh", "Hardtanh", "Fasttanh", "ReLU", "LeakyReLU", "PReLU", "Sigmoid", "SiLU", "Hardswish", "LeakyHardtanh", "Softsign"
)  # fmt: skip
ELSEWHERE = "The formats onnx and numpy hold it"
INSTEAD = "drywet distill trains an LSTM or WaveNet on what this model plays: drywet distill RUN --to lstm-24 --for nam"


def fit(network: Network) -> Network:
    """The network as a .nam file holds it.

    Raises
    ------
    ExportError
        If it cannot: the reason, and the nearest that can.
    """
    if isinstance(network, Recurrent):
        if network.cell != "lstm":
            raise ExportError(
                f"a .nam file has no {network.cell.upper()}; the formats aidax and rtneural do. {INSTEAD}"
            )
        if len({layer.units for layer in network.layers}) > 1:
            raise ExportError(f"a .nam file has LSTM layers of one size only. {ELSEWHERE}")
        return dry_as_unit(network)  # there is no skip connection in NAM's LSTM
    if isinstance(network, Linear):
        return network
    if isinstance(network, WaveNet):
        _refuse_newer(network)
        return network
    if isinstance(network, Stack) and _is_convnet(network):
        return network
    raise ExportError(
        f"a .nam file cannot hold this: {network.describe()}. The formats numpy and c do, and mostly onnx. {INSTEAD}"
    )


def write(network: Network, about: About) -> bytes:
    """The content of a .nam file of a network that :func:`fit` gave."""
    if isinstance(network, Recurrent):
        architecture, config, parts = _lstm(settled(network, about.sample_rate // 2))
    elif isinstance(network, Linear):
        architecture, config = "Linear", {"receptive_field": len(network.taps), "bias": True}
        parts = [network.taps, np.array([network.bias])]  # the engine's order: the present sample's tap first
    elif isinstance(network, WaveNet):
        architecture, config, parts = _wavenet(network)
    else:
        assert isinstance(network, Stack)
        architecture, config, parts = _convnet(network)
    values: dict[str, Any] = {
        "version": VERSION,
        "metadata": metadata(about),
        "architecture": architecture,
        "config": config,
        "weights": numbers(np.concatenate([np.ravel(part) for part in parts])),
        "sample_rate": about.sample_rate,
    }
    return encode(values)


def metadata(about: About) -> dict[str, Any]:
    """NAM's metadata; what is not known is left out, and what is a number stays one, as the engine insists."""
    found: dict[str, Any] = about.labels.model_dump(exclude_none=True)
    if about.date is not None:
        found["date"] = dict(zip(("year", "month", "day", "hour", "minute", "second"), about.date, strict=True))
    if about.loudness is not None:
        found["loudness"] = about.loudness
    if about.gain is not None:
        found["gain"] = about.gain
    found["training"] = {"validation_esr": about.esr}
    if about.source.get("from") == "drywet":
        # Wet trails dry by nothing: latency was taken out of the recordings before training.
        found["training"]["data"] = {"latency": {"manual": None, "calibration": {"recommended": 0}}}
    return found | {"drywet": dict(about.source)}


def _lstm(network: Recurrent) -> tuple[str, dict[str, Any], list[Array]]:
    parts: list[Array] = []
    for layer in network.layers:
        bias = layer.bias.astype(np.float64) + layer.recurrent_bias
        parts += [np.hstack([layer.input_weight, layer.recurrent_weight]), bias, layer.hidden, layer.memory]
    config = {"input_size": 1, "hidden_size": network.layers[0].units, "num_layers": len(network.layers)}
    return "LSTM", config, [*parts, network.head, np.array([network.head_bias])]


def _refuse_newer(network: WaveNet) -> None:
    layers = [(array.layers[0], layer) for array in network.arrays for layer in array.layers]
    newer = {
        "a condition model": network.condition is not None,
        "heads after the arrays": bool(network.heads),
        "a head with memory": any(array.head.past for array in network.arrays),
        "FiLM": any(layer.films for _, layer in layers),
        "layers of a kind of their own": any(_kind(first) != _kind(layer) for first, layer in layers),
        "blends": any(layer.gate == "blended" for _, layer in layers),
        "gates of another curve": any(layer.gate == "gated" and layer.second.name != "Sigmoid" for _, layer in layers),
        "curves with parameters": any(layer.activation.numbers for _, layer in layers),
        "bottlenecks": any(layer.bottleneck != layer.conv.inputs for _, layer in layers),
        "layers without residual, or with a head": any(layer.residual is None or layer.head for _, layer in layers),
    }
    for what, there in newer.items():
        if there:
            raise ExportError(
                f"this WaveNet has {what}, which only .nam files of 0.6 or 0.7 hold; drywet writes {VERSION}. "
                f"{ELSEWHERE}"
            )


def _kind(layer: Layer) -> tuple:
    return layer.gate, layer.activation, layer.conv.weight.shape


def _wavenet(network: WaveNet) -> tuple[str, dict[str, Any], list[Array]]:
    layers, parts = [], []
    for array in network.arrays:
        layers.append(_array_config(array))
        parts.append(array.widen)
        for layer in array.layers:
            assert layer.residual is not None
            parts += [layer.conv.weight, layer.conv.bias, layer.mixin, layer.residual.weight, layer.residual.bias]
        parts.append(array.head.weight)
        if array.head.bias.any():
            parts.append(array.head.bias)
    config = {"layers": layers, "head": None, "head_scale": network.head_scale}
    return "WaveNet", config, [*parts, np.array([network.head_scale])]


def _array_config(array: LayerArray) -> dict[str, Any]:
    first = array.layers[0]
    return {
        "input_size": array.widen.shape[1],
        "condition_size": first.mixin.shape[1],
        "head_size": array.head.outputs,
        "channels": len(array.widen),
        "kernel_size": first.conv.weight.shape[2],
        "dilations": [layer.conv.dilation for layer in array.layers],
        "activation": first.activation.name,
        "gated": first.gate == "gated",
        "head_bias": bool(array.head.bias.any()),
    }


def _is_convnet(network: Stack) -> bool:
    *blocks, head = network.layers
    if network.dry_gain or not blocks or not isinstance(head, Convolution) or head.past:
        return False
    if head.activation.name != "Identity" or network.knobs:
        return False
    first = blocks[0]
    return (
        isinstance(first, Convolution)
        and first.activation.name in ACTIVATIONS
        and all(
            isinstance(block, Convolution)
            and block.weight.shape[2] == 2
            and block.outputs == first.outputs
            and block.activation == first.activation
            and not block.activation.numbers
            for block in blocks
        )
    )


def _convnet(network: Stack) -> tuple[str, dict[str, Any], list[Array]]:
    blocks = [layer for layer in network.layers if isinstance(layer, Convolution)]
    config = {
        "channels": blocks[0].outputs,
        "dilations": [block.dilation for block in blocks[:-1]],
        "batchnorm": False,
        "activation": blocks[0].activation.name,
    }
    return "ConvNet", config, [part for block in blocks for part in (block.weight, block.bias)]
