"""Writes the JSON that RTNeural reads, and with gains, skip and self-test around it, that of AIDA-X.

Sources: ``python/model_utils.py`` of jatinchowdhury18/RTNeural, ``modelToKeras.py`` of AidaDSP/Automated-GuitarAmpModelling.
"""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from drywet.engine.contract import Network
from drywet.engine.convolution import Convolution, Stack
from drywet.engine.linear import Linear
from drywet.engine.recurrent import CellLayer, Recurrent
from drywet.errors import ExportError
from drywet.export.about import About
from drywet.export.changes import dry_as_unit, padded
from drywet.export.nam import ELSEWHERE, instead
from drywet.export.text import encode, numbers

AIDAX_SIZES = (8, 12, 16, 20, 24, 32, 40, 64, 80)
AIDAX_RATE = 48_000
AIDAX_KNOBS = 2
SELF_TEST = 2048  # samples
QUIETEST_DRY = 1e-3
_ACTIVATIONS = {"Identity": "", "Tanh": "tanh", "ReLU": "relu", "Sigmoid": "sigmoid", "ELU": "elu"}


def fit(network: Network) -> Network:
    """The network as a sequence of RTNeural layers; ExportError if it is none."""
    if isinstance(network, Recurrent):
        return dry_as_unit(network)  # a sequence has no path around its layers
    if isinstance(network, Linear):
        taps = np.ascontiguousarray(network.taps[::-1])[None, None]
        return Stack((Convolution(taps, np.array([network.bias], np.float32)),))
    if isinstance(network, Stack):
        wrong = [
            layer.activation.name
            for layer in network.layers
            if isinstance(layer, Convolution) and layer.activation.name not in _ACTIVATIONS
        ]
        if wrong:
            raise ExportError(
                f"RTNeural has no activation {wrong[0]}; known are {', '.join(_ACTIVATIONS)}. {ELSEWHERE}"
            )
        if network.dry_gain:
            raise ExportError(
                f"RTNeural plays layers one after another; a dry path around convolutions has no place there. {ELSEWHERE}"
            )
        return network
    raise ExportError(
        f"RTNeural plays layers one after another, which this is not: {network.describe()}. {instead('rtneural')}"
    )


def write(network: Network, about: About) -> bytes:
    """The content of an RTNeural file of a network that :func:`fit` gave."""
    beside = {"sample_rate": about.sample_rate, "knobs": list(about.knobs)}  # RTNeural reads neither, drywet does
    return encode(_sequence(network) | beside)


def fit_aidax(network: Network) -> Recurrent:
    """The network in one of the sizes that AIDA-X is compiled for; ExportError if it fits none."""
    if not isinstance(network, Recurrent):
        raise ExportError(f"AIDA-X plays one LSTM or GRU, not this: {network.describe()}. {instead('aidax')}")
    if len(network.layers) > 1:
        raise ExportError(
            f"AIDA-X plays one layer, this model has {len(network.layers)}; the formats nam (LSTM) and rtneural hold it"
        )
    if network.knobs > AIDAX_KNOBS:
        raise ExportError(
            f"AIDA-X has {AIDAX_KNOBS} knobs, this model {network.knobs}; freeze some with --set NAME=POSITION"
        )
    if network.dry_gain < QUIETEST_DRY:
        network = dry_as_unit(network)  # its skip cannot turn the polarity, and -90 dB are silence to it
    units = network.layers[0].units
    size = next((size for size in AIDAX_SIZES if size >= units), None)
    if size is None:
        raise ExportError(
            f"{units} units are more than AIDA-X is compiled for ({', '.join(map(str, AIDAX_SIZES))}), and a network cannot be "
            f"made smaller; train with model.hidden_size of at most 64. The formats nam (LSTM), rtneural and onnx hold it"
        )
    return padded(network, size)


def write_aidax(network: Recurrent, about: About) -> bytes:
    """The content of an AIDA-X file of a network that :func:`fit_aidax` gave.

    The players' output is ``out_gain (network(dry) + dry)`` with skip, so the dry path's gain becomes ``out_gain``.
    """
    after = network.dry_gain or 1.0
    inside = replace(
        network,
        head=(network.head / after).astype(np.float32),
        head_bias=network.head_bias / after,
        dry_gain=float(network.dry_gain != 0),
    )
    given = (0.3 * np.sin(np.cumsum(np.linspace(0.005, 0.3, SELF_TEST)))).astype(np.float32)
    inside.reset()
    promised = inside.process(given.astype(np.float64), np.zeros(network.knobs))
    metadata = {
        "name": about.labels.name or "",
        "samplerate": about.sample_rate,
        "source": about.labels.gear_type or "",
        "style": about.labels.tone_type or "",
        "based": " ".join(filter(None, [about.labels.gear_make, about.labels.gear_model])),
        "author": about.labels.modeled_by or "",
        "dataset": "",
        "license": "",
        **about.labels.model_dump(exclude_none=True),  # by NAM's names too, so that none is lost on the way back
        "knobs": list(about.knobs),
        "drywet": dict(about.source),
    }
    if about.esr is not None:
        metadata["esr"] = about.esr
    around = {
        "in_skip": int(inside.dry_gain),
        "in_gain": 0.0,
        "out_gain": 20 * math.log10(after),
        "samplerate": about.sample_rate,
        "metadata": metadata,
        "input_batch": numbers(given),
        "output_batch": numbers(promised),
    }
    return encode(_sequence(replace(inside, dry_gain=0.0)) | around)


def _sequence(network: Network) -> dict[str, Any]:
    if isinstance(network, Recurrent):
        dense = Convolution(network.head[None, :, None], np.array([network.head_bias], np.float32))
        layers: tuple[CellLayer | Convolution, ...] = (*network.layers, dense)
    else:
        assert isinstance(network, Stack)
        layers = network.layers
    return {"in_shape": [None, None, layers[0].inputs], "layers": [_layer(layer) for layer in layers]}


def _layer(layer: CellLayer | Convolution) -> dict[str, Any]:
    if isinstance(layer, CellLayer):
        return {"type": layer.cell, "activation": "", "shape": [None, None, layer.units], "weights": _cell(layer)}
    values: dict[str, Any] = {
        "type": "dense" if layer.past == 0 else "conv1d",
        "activation": _ACTIVATIONS[layer.activation.name],
        "shape": [None, None, layer.outputs],
    }
    if layer.past == 0:
        kernel = layer.weight[:, :, -1].T
    else:
        kernel = layer.weight.transpose(2, 1, 0)
        values |= {"kernel_size": [layer.weight.shape[2]], "dilation": [layer.dilation], "groups": 1}
    return values | {"weights": [numbers(kernel), numbers(layer.bias)]}


def _cell(layer: CellLayer) -> list[Any]:
    if layer.cell == "lstm":
        bias = layer.bias.astype(np.float64) + layer.recurrent_bias
        return [numbers(layer.input_weight.T), numbers(layer.recurrent_weight.T), numbers(bias)]
    kernel, recurrent, bias, second = (
        _update_first(part) for part in (layer.input_weight, layer.recurrent_weight, layer.bias, layer.recurrent_bias)
    )
    return [numbers(kernel.T), numbers(recurrent.T), numbers(np.stack([bias, second]))]


def _update_first(rows: np.ndarray) -> np.ndarray:
    """Keras has the update gate first, torch the reset gate."""
    reset, update, new = np.split(rows, 3)
    return np.concatenate([update, reset, new])
