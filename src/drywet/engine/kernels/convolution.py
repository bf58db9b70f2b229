"""Convolutions and stacks of them as steps of ``steps.py``."""

import numpy as np

from drywet.engine.activations import Activation
from drywet.engine.contract import Array
from drywet.engine.convolution import Convolution, Stack
from drywet.engine.kernels.steps import CompiledSteps, Rows, Steps

_DEFAULTS = {
    "LeakyReLU": {"negative_slope": 0.01},
    "PReLU": {"negative_slope": 0.01},
    "LeakyHardtanh": {"min_val": -1.0, "max_val": 1.0, "min_slope": 0.01, "max_slope": 0.01},
    "Hardtanh": {"min_val": -1.0, "max_val": 1.0, "min_slope": 0.0, "max_slope": 0.0},
}


def curve_numbers(activation: Activation, channels: int) -> Array:
    """(channels, 4): the numbers of a curve for each channel, zeros where it has none."""
    given = _DEFAULTS.get(activation.name, {}) | dict(activation.numbers)
    numbers = np.zeros((channels, 4))
    for place, value in enumerate(given.values()):
        numbers[:, place] = value
    return numbers


def bend(
    steps: Steps, activation: Activation, rows: Rows, out: Rows, start: Rows | None = None, total: Rows | None = None
) -> None:
    """``out`` is ``rows`` bent; ``total``, if given, is ``out + start``."""
    steps.curve(activation.name, curve_numbers(activation, out.count), rows, out, start, total)


def taps(layer: Convolution, rows: Rows) -> list[tuple[Rows, int, Array]]:
    """The sources of a convolution over ``rows``, which keep its past."""
    last = layer.weight.shape[2] - 1
    return [(rows, (last - k) * layer.dilation, layer.weight[:, :, k]) for k in range(last + 1)]


class CompiledStack(CompiledSteps[Stack]):
    """A stack of convolutions, dense and recurrent layers, compiled."""

    def __init__(self, reference: Stack):
        layers = reference.layers
        pasts = [layer.past if isinstance(layer, Convolution) else 0 for layer in layers]
        steps = Steps(max(pasts))
        inlets = [
            steps.inlet(f"input {n % 2}", layer.inputs, past)
            for n, (layer, past) in enumerate(zip(layers, pasts, strict=True))
        ]
        steps.input(inlets[0].part(0, 1))
        self._knobs = [
            steps.scale(Rows(reference.knobs, steps.nothing.place, 0, False), inlets[0].part(1, reference.knobs),
                        np.zeros(reference.knobs), np.zeros(reference.knobs))[1]
        ] if reference.knobs else []  # fmt: skip
        for n, layer in enumerate(layers):
            out = inlets[n + 1] if n + 1 < len(layers) else steps.still("output", 1)
            if not isinstance(layer, Convolution):
                steps.cell(layer, [inlets[n].part(row, 1) for row in range(layer.inputs)], out)
                continue
            steps.linear(taps(layer, inlets[n]), layer.bias, out)
            if layer.activation.name != "Identity":
                bend(steps, layer.activation, out, out)
        steps.output(out, dry_gain=reference.dry_gain)
        super().__init__(reference, steps)

    def _turn(self, knobs: Array) -> None:
        for place in self._knobs:
            self.numbers[place : place + len(knobs)] = knobs
