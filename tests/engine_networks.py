"""Networks of the engine with random weights, small, one for everything that a kernel treats in its own way."""

import numpy as np

from drywet.engine.activations import CURVES, Activation
from drywet.engine.convolution import Convolution, Stack
from drywet.engine.film import Film
from drywet.engine.grey_box import GreyBox
from drywet.engine.linear import Linear, WienerHammerstein
from drywet.engine.recurrent import GATES, CellLayer, Recurrent
from drywet.engine.state_space import StateSpace
from drywet.engine.wavenet import Layer, LayerArray, WaveNet
from drywet.engine.window_lstm import WindowLSTM

rng = np.random.default_rng(0)


def numbers(*shape, scale=0.5):
    return rng.uniform(-scale, scale, shape).astype(np.float32)


def film(knobs, channels):
    if not knobs:
        return None
    return Film(numbers(16, knobs), numbers(16), numbers(2 * channels, 16), numbers(2 * channels))


def recurrent(cell, units, layers=1, knobs=0):
    rows, below, built = GATES[cell] * units, 1 + knobs, []
    for _ in range(layers):
        built.append(
            CellLayer(
                cell,
                numbers(rows, below),
                numbers(rows, units),
                numbers(rows),
                numbers(rows),
                numbers(units),
                numbers(units),
            )
        )
        below = units
    return Recurrent(tuple(built), numbers(units), 0.1, 0.3)


def convolution(outputs, inputs, taps, dilation=1, activation=None):
    return Convolution(numbers(outputs, inputs, taps), numbers(outputs), dilation, activation or Activation())


def curves():
    """A convolution network that bends with every curve there is."""
    special = {
        "PReLU": (("negative_slope", (0.1, 0.2, 0.3)),),
        "LeakyHardtanh": (("min_val", -0.2), ("max_slope", 0.3)),
    }
    layers, inputs = [], 2
    for n, name in enumerate(CURVES):
        layers.append(convolution(3, inputs, 1 + n % 3, 1 + n, Activation(name, special.get(name, ()))))
        inputs = 3
    return Stack((*layers, convolution(1, 3, 1)), 0.2)


def wavenet(channels, knobs=0, gate="none"):
    """Two layer arrays; ``channels`` of both."""
    arrays, inputs = [], 1
    for n, width in enumerate(channels):
        layers, rows = [], width * (1 if gate == "none" else 2)
        for dilation in (1, 7, 60):
            activation = Activation("Tanh")
            layers.append(
                Layer(convolution(rows, width, 3, dilation), numbers(rows, 1), activation, gate,
                      residual=convolution(width, width, 1))
            )  # fmt: skip
        outputs = channels[n + 1] if n + 1 < len(channels) else 1
        arrays.append(LayerArray(numbers(width, inputs), tuple(layers), convolution(outputs, width, 1)))
        inputs = width
    rows = sum(layer.conv.outputs for array in arrays for layer in array.layers)
    return WaveNet(tuple(arrays), 0.7, film=film(knobs, rows))


def state_space(banks, states, channels, units, knobs=0):
    radius, angle = np.exp(-np.exp(numbers(banks, states, channels, scale=4) - 3)), numbers(banks, states, channels)
    poles = np.stack([radius * np.cos(angle), radius * np.sin(angle)], -1)
    stages = banks - 1
    shapes = (stages, channels, units), (stages, units), (stages, units, units), (stages, units)
    return StateSpace(
        poles, (1 - radius)[..., None] * numbers(banks, states, channels, 2), numbers(banks, channels),
        *(numbers(*shape) for shape in shapes), numbers(stages, units, channels), numbers(stages, channels),
        0.1, 2.0, 0.5, film(knobs, stages * channels),
    )  # fmt: skip


def grey_box(knobs=0):
    filters = np.concatenate([numbers(4, 1) - 3, numbers(4, 4)], axis=1)
    stages = np.concatenate([1 + numbers(2, 1), numbers(2, 1), numbers(2, 2) - 4, numbers(2, 3)], axis=1)
    return GreyBox(filters, stages, 1, 3.0, 0.5, film(knobs, filters.size + stages.size))


def bent_filter(taps, knobs=0):
    knots = np.array([-0.4, -0.1, 0.05, 0.3], np.float32)
    values = np.array([-0.2, -0.15, 0.1, 0.3], np.float32)
    return WienerHammerstein(numbers(taps), knots, values, numbers(taps), film(knobs, 1))


def mixed(knobs=0):
    """Cells of both kinds with convolutions around them, one that looks back above and below."""
    first = recurrent("gru", 19, layers=2, knobs=knobs).layers
    second = recurrent("lstm", 6, knobs=4).layers
    bent = Activation("PReLU", (("negative_slope", (0.1, 0.2, 0.3, 0.4, 0.5)),))
    return Stack((*first, convolution(5, 19, 3, 7, bent), *second, convolution(1, 6, 2)), 0.3)


NETWORKS = {
    "lstm of one unit": recurrent("lstm", 1),
    "lstm of 16 units": recurrent("lstm", 16),
    "lstm in two layers with knobs": recurrent("lstm", 19, layers=2, knobs=2),
    "gru of 7 units": recurrent("gru", 7),
    "gru in three layers with a knob": recurrent("gru", 18, layers=3, knobs=1),
    "wavenet of 16 and 8 channels": wavenet((16, 8)),
    "wavenet of 5 and 3 channels with knobs": wavenet((5, 3), knobs=2),
    "gated wavenet": wavenet((13,), gate="gated"),
    "blended wavenet": wavenet((2,), gate="blended"),
    "every curve": curves(),
    "cells among convolutions": mixed(),
    "cells among convolutions with knobs": mixed(knobs=2),
    "a cell alone": Stack(recurrent("lstm", 1).layers),
    "window lstm": WindowLSTM(recurrent("lstm", 5), 20),
    "window lstm with knobs": WindowLSTM(recurrent("lstm", 19, knobs=2), 7),
    "window lstm of one sample": WindowLSTM(recurrent("lstm", 1), 1),
    "gain": Linear(numbers(1), 0.1),
    "filter with a knob": Linear(numbers(300, scale=0.05), 0.1, film(1, 1)),
    "static curve": bent_filter(1),
    "wiener-hammerstein with a knob": bent_filter(40, knobs=1),
    "state-space of 8 channels": state_space(3, 4, 8, 16),
    "state-space of 5 channels with knobs": state_space(2, 3, 5, 7, knobs=2),
    "state-space of 20 channels with a knob": state_space(3, 2, 20, 33, knobs=1),
    "filter bank": state_space(1, 1, 1, 1),
    "grey box": grey_box(),
    "grey box with knobs": grey_box(knobs=2),
}
