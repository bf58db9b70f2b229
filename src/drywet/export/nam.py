"""Writes .nam files in the lowest version that describes the model: 0.5.4, which players since 2023 load, for all that
drywet trains; newer ones for the WaveNets of others (``nam_newer.py``).

Sources: model-file.rst of sdatkinson/neural-amp-modeler, ``NAM/*.cpp`` of NeuralAmpModelerCore.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from drywet.engine.contract import Array, Network
from drywet.engine.convolution import Convolution, Stack
from drywet.engine.linear import Linear
from drywet.engine.recurrent import Recurrent
from drywet.engine.wavenet import LayerArray, WaveNet
from drywet.errors import ExportError
from drywet.export import nam_newer
from drywet.export.about import About
from drywet.export.changes import dry_as_unit, settled
from drywet.export.text import encode, numbers

ACTIVATIONS = (
    "Tanh", "Hardtanh", "Fasttanh", "ReLU", "LeakyReLU", "PReLU", "Sigmoid", "SiLU", "Hardswish", "LeakyHardtanh", "Softsign"
)  # fmt: skip
ELSEWHERE = "The formats onnx and numpy hold it"


def instead(format: str) -> str:
    """What a player without a place for a model's family can have."""
    return f"An LSTM that is trained on what this model plays fits: drywet distill RUN --to lstm-24 --for {format}"


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
                f"a .nam file has no {network.cell.upper()}; the formats aidax and rtneural do. {instead('nam')}"
            )
        if len({layer.units for layer in network.layers}) > 1:
            raise ExportError(f"a .nam file has LSTM layers of one size only. {ELSEWHERE}")
        return dry_as_unit(network)  # there is no skip connection in NAM's LSTM
    if isinstance(network, Linear):
        return network
    if isinstance(network, WaveNet):
        nam_newer.check(network, ACTIVATIONS)
        return network
    if isinstance(network, Stack) and _is_convnet(network):
        return network
    raise ExportError(
        f"a .nam file cannot hold this: {network.describe()}. numpy holds every model, onnx and c nearly all. {instead('nam')}"
    )


def write(network: Network, about: About) -> bytes:
    """The content of a .nam file of a network that :func:`fit` gave."""
    return encode(_model(network, about))


def write_container(sizes: Sequence[tuple[float, Network]], about: About) -> bytes:
    """The content of a container of networks that :func:`fit` gave, ascending: up to which size each is chosen."""
    models = [{"max_value": largest, "model": _model(network, about)} for largest, network in sizes]
    return encode(
        {
            "version": nam_newer.NEWEST,
            "metadata": metadata(about),
            "architecture": "SlimmableContainer",
            "config": {"submodels": models},
            "weights": [],
            "sample_rate": about.sample_rate,
        }
    )


def _model(network: Network, about: About) -> dict[str, Any]:
    version = nam_newer.OLD
    if isinstance(network, Recurrent):
        architecture, config, parts = _lstm(settled(network, about.sample_rate // 2))
    elif isinstance(network, Linear):
        architecture, config = "Linear", {"receptive_field": len(network.taps), "bias": True}
        parts = [network.taps, np.array([network.bias])]  # the engine's order: the present sample's tap first
    elif isinstance(network, WaveNet):
        version = nam_newer.version(network)
        architecture, config, parts = _wavenet(network, about, version)
    else:
        assert isinstance(network, Stack)
        architecture, config, parts = _convnet(network)
    return {
        "version": version,
        "metadata": metadata(about),
        "architecture": architecture,
        "config": config,
        "weights": numbers(np.concatenate([np.ravel(part) for part in parts])),
        "sample_rate": about.sample_rate,
    }


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


def _wavenet(network: WaveNet, about: About, version: str) -> tuple[str, dict[str, Any], list[Array]]:
    if version == nam_newer.OLD:
        config, parts = _config_and_weights(network)
    else:
        condition = _model(network.condition, about) if network.condition is not None else None
        config, parts = nam_newer.config_and_weights(network, condition)
    return "WaveNet", config, [*parts, np.array([network.head_scale])]


def _config_and_weights(network: WaveNet) -> tuple[dict[str, Any], list[Array]]:
    parts = []
    for array in network.arrays:
        parts.append(array.widen)
        for layer in array.layers:
            assert layer.residual is not None
            parts += [layer.conv.weight, layer.conv.bias, layer.mixin, layer.residual.weight, layer.residual.bias]
        parts += [array.head.weight, array.head.bias] if array.head.bias.any() else [array.head.weight]
    layers = [_array_config(array) for array in network.arrays]
    return {"layers": layers, "head": None, "head_scale": network.head_scale}, parts


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
