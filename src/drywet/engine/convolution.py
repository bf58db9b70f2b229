"""Causal dilated convolutions, and stacks of them with curves and recurrent layers between: NAM's ConvNet, RTNeural."""

from dataclasses import dataclass, field

import numpy as np

from drywet.engine.activations import IDENTITY, Activation
from drywet.engine.contract import LARGEST_FIELD, LARGEST_PAST, LARGEST_WEIGHTS, Array, Network, limit
from drywet.engine.recurrent import CellLayer, CellRunner
from drywet.errors import ModelFileError


@dataclass(frozen=True, eq=False)
class Convolution:
    """``y[t] = sum_k weight[:, :, k] x[t - (K - 1 - k) dilation] + bias``: tap 0 is the oldest sample.

    Attributes
    ----------
    weight : array, shape (outputs, inputs, K)
    bias : array, shape (outputs,)
    dilation : int
    activation : Activation
        Of the result.
    """

    weight: Array
    bias: Array
    dilation: int = 1
    activation: Activation = IDENTITY

    def __post_init__(self) -> None:
        if self.weight.ndim != 3 or min(self.weight.shape) < 1 or self.bias.shape != self.weight.shape[:1]:
            raise ModelFileError(f"weights {self.weight.shape} and bias {self.bias.shape} are no convolution")
        if self.dilation < 1 or not self.activation.fits(len(self.bias)):
            raise ModelFileError(
                f"a convolution of {len(self.bias)} channels has dilation {self.dilation} or slopes for others"
            )
        limit(self.past, LARGEST_FIELD, "samples of past that one layer looks back")
        limit(self.past * self.inputs, LARGEST_PAST, "samples of past that one layer keeps")

    @property
    def outputs(self) -> int:
        return self.weight.shape[0]

    @property
    def inputs(self) -> int:
        return self.weight.shape[1]

    @property
    def past(self) -> int:
        """Samples before the present one that it looks back."""
        return (self.weight.shape[2] - 1) * self.dilation


class ConvolutionRunner:
    """A convolution with its past, zeros at first."""

    def __init__(self, layer: Convolution):
        self.layer = layer
        self.taps = np.ascontiguousarray(np.moveaxis(layer.weight, 2, 0), np.float64)  # (K, outputs, inputs)
        self.bias = layer.bias.astype(np.float64)[:, None]
        self.past = np.zeros((layer.inputs, layer.past))

    def process(self, x: Array) -> Array:
        """(outputs, T) from (inputs, T)."""
        length, step = x.shape[1], self.layer.dilation
        history = np.concatenate([self.past, x], axis=1)
        out = np.repeat(self.bias, length, axis=1)
        for k, tap in enumerate(self.taps):
            out += tap @ history[:, k * step : k * step + length]
        self.past = history[:, length:]
        return self.layer.activation(out)


@dataclass(eq=False)
class Stack(Network):
    """Convolutions and recurrent layers, one after another; a dense layer is a convolution of one tap.

    Attributes
    ----------
    layers : tuple of Convolution or CellLayer
        The first has 1 + knobs inputs, the last one output.
    dry_gain : float
        How much of the dry signal is added to the output.
    """

    kind = "stack"

    layers: tuple[Convolution | CellLayer, ...]
    dry_gain: float = 0.0
    _runners: list[ConvolutionRunner | CellRunner] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        if not self.layers or self.layers[0].inputs < 1:
            raise ModelFileError("a network needs a layer with an input")
        total = sum(
            layer.weight.size
            if isinstance(layer, Convolution)
            else layer.input_weight.size + layer.recurrent_weight.size
            for layer in self.layers
        )
        limit(total, LARGEST_WEIGHTS, "weights")
        for number, (below, above) in enumerate(zip(self.layers, self.layers[1:], strict=False), start=1):
            if _outputs(below) != above.inputs:
                raise ModelFileError(
                    f"layer {number} takes {above.inputs} channels, the one before it gives {_outputs(below)}"
                )
        if _outputs(self.layers[-1]) != 1:
            raise ModelFileError(f"the last layer gives {_outputs(self.layers[-1])} channels; the output is one signal")
        convolutions = [layer for layer in self.layers if isinstance(layer, Convolution)]
        limit(sum(layer.past for layer in convolutions), LARGEST_FIELD, "samples of past")
        limit(sum(layer.past * layer.inputs for layer in convolutions), LARGEST_PAST, "samples of past in all channels")
        self.reset()

    @property
    def knobs(self) -> int:
        return self.layers[0].inputs - 1

    @property
    def receptive_field(self) -> int | None:
        if any(isinstance(layer, CellLayer) for layer in self.layers):
            return None
        return 1 + sum(layer.past for layer in self.layers if isinstance(layer, Convolution))

    def reset(self) -> None:
        self._runners = [
            ConvolutionRunner(layer) if isinstance(layer, Convolution) else layer.runner() for layer in self.layers
        ]

    def process(self, dry: Array, knobs: Array) -> Array:
        x = np.empty((1 + self.knobs, len(dry)))
        x[0], x[1:] = dry, np.asarray(knobs, np.float64)[:, None]
        for runner in self._runners:
            x = runner.process(x) if isinstance(runner, ConvolutionRunner) else runner.process(x.T).T
        return x[0] + self.dry_gain * np.asarray(dry, np.float64)

    def cost(self) -> int:
        return sum(
            layer.weight.size
            if isinstance(layer, Convolution)
            else layer.input_weight.size + layer.recurrent_weight.size
            for layer in self.layers
        )

    def describe(self) -> str:
        kinds = ["dense" if isinstance(layer, Convolution) and layer.past == 0 else
                 "convolution" if isinstance(layer, Convolution) else layer.cell for layer in self.layers]  # fmt: skip
        return f"stack of {len(kinds)} layers ({', '.join(kinds[:6])}{', ...' if len(kinds) > 6 else ''})"


def _outputs(layer: Convolution | CellLayer) -> int:
    return layer.outputs if isinstance(layer, Convolution) else layer.units


def ungroup(blocks: Array, groups: int) -> Array:
    """A grouped weight (outputs, inputs / groups, K) with the zeros that it leaves out, (outputs, inputs, K)."""
    outputs, inputs, taps = blocks.shape
    if groups == 1:
        return blocks
    limit(blocks.size * groups, LARGEST_WEIGHTS, "weights, with the zeros between groups,")
    whole = np.zeros((outputs, inputs * groups, taps), blocks.dtype)
    for n in range(groups):
        rows = slice(n * outputs // groups, (n + 1) * outputs // groups)
        whole[rows, n * inputs : (n + 1) * inputs] = blocks[rows]
    return whole
