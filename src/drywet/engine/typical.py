"""Networks of the usual sizes with random weights: what a family costs does not depend on what it has learned."""

from collections.abc import Callable

import numpy as np

from drywet.engine.activations import Activation
from drywet.engine.contract import Array, Network
from drywet.engine.convolution import Convolution, Stack
from drywet.engine.grey_box import GreyBox
from drywet.engine.linear import Linear
from drywet.engine.recurrent import GATES, CellLayer, Recurrent
from drywet.engine.state_space import StateSpace
from drywet.engine.wavenet import Layer, LayerArray, WaveNet
from drywet.engine.window_lstm import WindowLSTM

_TO_512 = tuple(2**n for n in range(10))
_RNG = np.random.default_rng(0)


def _random(*shape: int, inputs: int | None = None) -> Array:
    """Weights that keep the size of a signal: uniform, variance 1 / (3 inputs)."""
    return (_RNG.uniform(-1, 1, shape) / np.sqrt(inputs or shape[-1])).astype(np.float32)


def recurrent(cell: str, units: int) -> Recurrent:
    """One layer without knobs."""
    rows, zeros = GATES[cell] * units, np.zeros(units, np.float32)
    bias, second = _random(rows, inputs=units), _random(rows, inputs=units)
    layer = CellLayer(cell, _random(rows, 1, inputs=units), _random(rows, units), bias, second, zeros, zeros)
    return Recurrent((layer,), _random(units), 0.1)


def window_lstm(units: int, context: int) -> WindowLSTM:
    """As the published study's: 64 or 96 units over 44, 66 or 88 samples."""
    return WindowLSTM(recurrent("lstm", units), context)


def wavenet(channels: tuple[int, ...], dilations: tuple[tuple[int, ...], ...]) -> WaveNet:
    """As Neural Amp Modeler's first architecture: kernels of 3 under tanh."""
    arrays, below = [], 1
    for width, steps, head in zip(channels, dilations, (*channels[1:], 1), strict=True):
        layers = tuple(
            Layer(_convolution(width, width, 3, step), _random(width, 1), Activation("Tanh"),
                  residual=_convolution(width, width, 1, 1))
            for step in steps
        )  # fmt: skip
        arrays.append(LayerArray(_random(width, below), layers, _convolution(head, width, 1, 1)))
        below = width
    return WaveNet(tuple(arrays), 0.02)


def convnet(channels: int) -> Stack:
    """As Neural Amp Modeler's: kernels of 2 under tanh."""
    widths = (1, *[channels] * len(_TO_512))
    layers = [
        _convolution(out, into, 2, step, "Tanh")
        for into, out, step in zip(widths, widths[1:], _TO_512, strict=False)
    ]  # fmt: skip
    return Stack((*layers, _convolution(1, channels, 1, 1)))


def state_space(stages: int, channels: int = 8, states: int = 4, units: int = 16) -> StateSpace:
    shape = stages + 1, states, channels
    radius, angle = np.exp(-_RNG.uniform(1e-3, 0.3, shape)), _RNG.uniform(0, 1, shape)
    poles = np.stack([radius * np.cos(angle), radius * np.sin(angle)], -1)
    readouts = (1 - radius)[..., None] * _RNG.uniform(-1, 1, (*shape, 2))
    return StateSpace(
        poles.astype(np.float32), readouts.astype(np.float32), _random(stages + 1, channels),
        _random(stages, channels, units, inputs=channels), _random(stages, units),
        _random(stages, units, units), _random(stages, units), _random(stages, units, channels, inputs=units),
        _random(stages, channels), 0.0,
    )  # fmt: skip


def grey_box(filters: int, stages: int) -> GreyBox:
    rows = np.concatenate([_RNG.uniform(-5, -1, (filters, 1)), _RNG.uniform(-0.5, 1, (filters, 4))], axis=1)
    clippers = np.tile([2.0, 0.0, -7.0, -7.0, 0.0, 0.5, 0.5], (stages, 1))
    return GreyBox(rows.astype(np.float32), clippers.astype(np.float32), 1)


def _convolution(outputs: int, inputs: int, taps: int, dilation: int, activation: str = "Identity") -> Convolution:
    weight = _random(outputs, inputs, taps, inputs=inputs * taps)
    return Convolution(weight, _random(outputs), dilation, Activation(activation))


TYPICAL: dict[str, Callable[[], Network]] = {
    "lstm-16": lambda: recurrent("lstm", 16),
    "lstm-40": lambda: recurrent("lstm", 40),
    "lstm-64": lambda: recurrent("lstm", 64),
    "lstm-96": lambda: recurrent("lstm", 96),
    "gru-16": lambda: recurrent("gru", 16),
    "gru-40": lambda: recurrent("gru", 40),
    "gru-64": lambda: recurrent("gru", 64),
    "gru-96": lambda: recurrent("gru", 96),
    "window lstm-16, 44 samples": lambda: window_lstm(16, 44),
    "window lstm-64, 44 samples": lambda: window_lstm(64, 44),
    "window lstm-64, 88 samples": lambda: window_lstm(64, 88),
    "wavenet standard": lambda: wavenet((16, 8), (_TO_512, _TO_512)),
    "wavenet nano": lambda: wavenet((4, 2), (_TO_512[:7], (*_TO_512[7:], *_TO_512))),
    "convnet-16": lambda: convnet(16),
    "s4d": lambda: state_space(2),
    "s4d of 4 stages": lambda: state_space(4),
    "grey box": lambda: grey_box(5, 1),
    "linear-512": lambda: Linear(_random(512)),
}
