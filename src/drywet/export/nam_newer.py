"""WaveNets that only newer .nam files hold: bottlenecks, blends, FiLM, a layer's own curve, heads with memory (A2).

Every key is written, as NAM's trainer does: its engine takes its quick path for A2 only then. Groups of channels come back
as the zeros that they leave out, which changes nothing but the size. Source: ``parse_config_json`` in
``NAM/wavenet/model.cpp`` of NeuralAmpModelerCore.
"""

from typing import Any

from drywet.engine.activations import Activation
from drywet.engine.contract import Array
from drywet.engine.convolution import Convolution
from drywet.engine.wavenet import FILM_PLACES, Layer, LayerArray, WaveNet
from drywet.errors import ExportError

OLD, FLEXIBLE, NEWEST = "0.5.4", "0.6.0", "0.7.0"


def version(network: WaveNet) -> str:
    """The lowest version that describes a WaveNet."""
    arrays, layers = network.arrays, [layer for array in network.arrays for layer in array.layers]
    if network.heads or any(array.head.past or len(_kernels(array)) > 1 for array in arrays):
        return NEWEST
    if network.condition is not None:
        return max(FLEXIBLE, version(network.condition))
    mixed = any(_shape(layer) != _shape(array.layers[0]) for array in arrays for layer in array.layers)
    plain = all(
        layer.residual is not None
        and layer.head is None
        and not layer.films
        and not layer.activation.numbers
        and layer.bottleneck == layer.conv.inputs
        and (layer.gate == "none" or (layer.gate == "gated" and layer.second == Activation("Sigmoid")))
        for layer in layers
    )
    return OLD if plain and not mixed else FLEXIBLE


def check(network: WaveNet, activations: tuple[str, ...]) -> None:
    """ExportError if no version of the format has a word for this network; that it cannot have been a .nam file."""
    if network.condition is not None:
        check(network.condition, activations)
    heads = network.heads
    if any(len({_parts(layer) for layer in array.layers}) > 1 for array in network.arrays):
        raise ExportError(
            "a .nam file has one bottleneck for all layers of an array, and the same residuals, heads and FiLM; in this "
            "WaveNet they differ. The formats onnx and numpy hold it"
        )
    widths, curves = {head.outputs for head in heads[:-1]}, {head.activation for head in heads}
    if len(widths) > 1 or len(curves) > 1 or any(head.dilation > 1 for head in heads):
        raise ExportError(
            "a .nam file has heads of one width and curve after the arrays, without dilation; in this WaveNet they differ. The "
            "formats onnx and numpy hold it"
        )
    curves |= {curve for array in network.arrays for layer in array.layers for curve in _curves(layer)}
    unknown = sorted({curve.name for curve in curves} - set(activations))
    if unknown:
        raise ExportError(f"NAM knows no curve {unknown[0]}; the formats onnx and numpy hold this WaveNet")


def config_and_weights(network: WaveNet, condition: dict[str, Any] | None) -> tuple[dict[str, Any], list[Array]]:
    """``config`` and the parts of ``weights``, without head_scale, of a WaveNet of version 0.6 or 0.7.

    ``condition`` is the whole file of the network's condition model.
    """
    newest = version(network) == NEWEST
    config: dict[str, Any] = {"condition_dsp": condition} if condition else {}
    config["layers"] = [_array_config(array, newest) for array in network.arrays]
    config["head"] = _heads_config(network.heads)
    config["head_scale"] = network.head_scale
    parts: list[Array] = []
    for array in network.arrays:
        parts.append(array.widen)
        for layer in array.layers:
            films = [layer.films[place] for place in FILM_PLACES if place in layer.films]
            parts += [layer.conv.weight, layer.conv.bias, layer.mixin]
            for part in (layer.residual, layer.head, *films):
                parts += [] if part is None else [part.weight, part.bias]
        parts += _with_bias(array.head)
    return config, [*parts, *(part for head in network.heads for part in (head.weight, head.bias))]


def _array_config(array: LayerArray, newest: bool) -> dict[str, Any]:
    first, layers, head = array.layers[0], array.layers, array.head
    config: dict[str, Any] = {
        "input_size": array.widen.shape[1],
        "condition_size": first.mixin.shape[1],
    }
    if newest:
        config["head"] = {
            "out_channels": head.outputs,
            "kernel_size": head.weight.shape[2],
            "bias": bool(head.bias.any()),
        } | ({"head_dilation": head.dilation} if head.dilation > 1 else {})
        config["kernel_sizes"] = [layer.conv.weight.shape[2] for layer in layers]
    else:
        config |= {"head_size": head.outputs, "head_bias": bool(head.bias.any())}
        config["kernel_size"] = first.conv.weight.shape[2]
    return config | {
        "channels": len(array.widen),
        "bottleneck": first.bottleneck,
        "dilations": [layer.conv.dilation for layer in layers],
        "activation": [_curve(layer.activation) for layer in layers],
        "gating_mode": [layer.gate for layer in layers],
        "secondary_activation": [_curve(layer.second) if layer.gate != "none" else None for layer in layers],
        "head1x1": {"active": first.head is not None, "out_channels": first.to_head, "groups": 1},
        "layer1x1": {"active": first.residual is not None, "groups": 1},
        "groups_input": 1,
        "groups_input_mixin": 1,
        **{place: _film(first.films.get(place), first, place) for place in FILM_PLACES},
    }


def _heads_config(heads: tuple[Convolution, ...]) -> dict[str, Any] | None:
    if not heads:
        return None
    return {
        "channels": heads[0].outputs,
        "activation": _curve(heads[0].activation),
        "out_channels": heads[-1].outputs,
        "kernel_sizes": [head.weight.shape[2] for head in heads],
    }


def _with_bias(head: Convolution) -> list[Array]:
    return [head.weight, head.bias] if head.bias.any() else [head.weight]


def _curve(activation: Activation) -> dict[str, Any]:
    numbers = {
        f"{name}s" if isinstance(value, tuple) else name: list(value) if isinstance(value, tuple) else value
        for name, value in activation.numbers
    }
    return {"type": activation.name, **numbers}


def _film(film: Convolution | None, layer: Layer, place: str) -> dict[str, Any]:
    return {"active": film is not None, "shift": film is None or _shifts(layer, place), "groups": 1}


def _shifts(layer: Layer, place: str) -> bool:
    return layer.films[place].outputs == 2 * layer.channels(place)


def _curves(layer: Layer) -> tuple[Activation, ...]:
    return (layer.activation, layer.second) if layer.gate != "none" else (layer.activation,)


def _kernels(array: LayerArray) -> set[int]:
    return {layer.conv.weight.shape[2] for layer in array.layers}


def _shape(layer: Layer) -> tuple:
    """What files of 0.5 say once for all layers of an array."""
    return layer.gate, layer.activation, layer.conv.weight.shape


def _parts(layer: Layer) -> tuple:
    """What newer files say once for all layers of an array."""
    films = tuple(sorted((place, _shifts(layer, place)) for place in layer.films))
    return layer.bottleneck, layer.residual is not None, layer.head is not None, layer.to_head, films
