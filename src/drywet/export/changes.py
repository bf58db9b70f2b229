"""Changes to a network that leave its sound as it is: knobs frozen, units added that do nothing, the dry path as a unit."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import singledispatch

import numpy as np

from drywet.engine.contract import Array, Network
from drywet.engine.convolution import Convolution, Stack
from drywet.engine.grey_box import GreyBox
from drywet.engine.linear import Linear, WienerHammerstein
from drywet.engine.recurrent import GATES, CellLayer, Recurrent
from drywet.engine.state_space import StateSpace
from drywet.engine.wavenet import WaveNet
from drywet.engine.window_lstm import WindowLSTM
from drywet.errors import ExportError

SMALL = 3e-4  # the dry path's unit works this far down in its tanh, where that is straight to 6e-8 of the signal
OPEN = 20.0  # a gate's bias: it stands open to 2e-9


def frozen(network: Network, rotations: Mapping[int, float]) -> Network:
    """The network without some of its knobs, that sounds as this one does while they stand at their ``rotations``."""
    if not rotations:
        return network
    left = [number for number in range(network.knobs) if number not in rotations]
    if not left:
        return _freeze(network, np.array([rotations[number] for number in range(network.knobs)]))
    film = getattr(network, "film", None)
    if film is None:
        return _freeze_some(network, rotations, left)
    given = list(rotations)
    bias = film.bend_bias + film.bend[:, given].astype(np.float64) @ (2 * np.array(list(rotations.values())) - 1)
    return replace(network, film=replace(film, bend=film.bend[:, left], bend_bias=_f32(bias)))  # type: ignore[type-var]


def _freeze_some(network: Network, rotations: Mapping[int, float], left: Sequence[int]) -> Network:
    if isinstance(network, WindowLSTM):
        return replace(network, inner=_freeze_some(network.inner, rotations, left))  # type: ignore[arg-type]
    if not isinstance(network, Recurrent | Stack):
        raise ExportError(f"the knobs of this cannot be frozen: {network.describe()}")
    first = network.layers[0]
    kept, gone = [0, *(number + 1 for number in left)], [number + 1 for number in rotations]
    stood = np.array(list(rotations.values()))
    if isinstance(first, CellLayer):
        bias = first.bias + first.input_weight[:, gone].astype(np.float64) @ stood
        layer: CellLayer | Convolution = replace(first, input_weight=first.input_weight[:, kept], bias=_f32(bias))
    else:
        bias = first.bias + first.weight[:, gone].sum(axis=2, dtype=np.float64) @ stood
        layer = replace(first, weight=first.weight[:, kept], bias=_f32(bias))
    return replace(network, layers=(layer, *network.layers[1:]))  # type: ignore[arg-type]


@singledispatch
def _freeze(network: Network, knobs: Array) -> Network:
    return _freeze_some(network, dict(enumerate(knobs.tolist())), [])


@_freeze.register
def _(network: WaveNet, knobs: Array) -> WaveNet:
    assert network.film is not None
    scale, shift = network.film(knobs)
    arrays, row = [], 0
    for array in network.arrays:
        layers = []
        for layer in array.layers:
            part = slice(row, row + layer.conv.outputs)
            weight, bias = layer.conv.weight * scale[part, None, None], layer.conv.bias * scale[part] + shift[part]
            conv = replace(layer.conv, weight=_f32(weight), bias=_f32(bias))
            layers.append(replace(layer, conv=conv, mixin=_f32(layer.mixin * scale[part, None])))
            row = part.stop
        arrays.append(replace(array, layers=tuple(layers)))
    return replace(network, arrays=tuple(arrays), film=None)


@_freeze.register
def _(network: Linear, knobs: Array) -> Linear:
    before, after = _gains(network, knobs)
    return Linear(_f32(network.taps * (before * after)), network.bias * after)


@_freeze.register
def _(network: WienerHammerstein, knobs: Array) -> WienerHammerstein:
    before, after = _gains(network, knobs)
    return replace(network, before=_f32(network.before * before), after=_f32(network.after * after), film=None)


def _gains(network: Linear | WienerHammerstein, knobs: Array) -> tuple[float, float]:
    assert network.film is not None
    after, log_before = network.film(knobs)
    return float(np.exp(log_before[0])), float(after[0])


@_freeze.register
def _(network: StateSpace, knobs: Array) -> StateSpace:
    """Scales go into the bank before them, shifts into the biases after them, also past the pointwise layers."""
    assert network.film is not None
    stages, channels = len(network.w1), network.direct.shape[1]
    scale, shift = (part.reshape(stages, channels) for part in network.film(knobs))
    louder = np.concatenate([scale, np.ones((1, channels))])  # (K, C); the last bank has no stage after it
    return replace(
        network,
        readouts=_f32(network.readouts * louder[:, None, :, None]),
        direct=_f32(network.direct * louder),
        b1=_f32(network.b1 + np.einsum("sc,scw->sw", shift, network.w1)),
        b3=_f32(network.b3 + shift),
        film=None,
    )


@_freeze.register
def _(network: GreyBox, knobs: Array) -> GreyBox:
    assert network.film is not None
    scale, shift = network.film(knobs)
    values = scale * np.concatenate([network.filters.ravel(), network.stages.ravel()]) + shift
    filters, stages = np.split(values, [network.filters.size])
    return replace(
        network,
        filters=_f32(filters.reshape(network.filters.shape)),
        stages=_f32(stages.reshape(network.stages.shape)),
        film=None,
    )


def padded(network: Recurrent, units: int) -> Recurrent:
    """The same sound from layers of ``units``: what is added has no weights, so it stays silent and nobody hears it."""
    layers = tuple(
        _wider(layer, units, units if number else layer.inputs) for number, layer in enumerate(network.layers)
    )
    return replace(network, layers=layers, head=_fill(network.head, (units,)))


def _wider(layer: CellLayer, units: int, inputs: int) -> CellLayer:
    gates = GATES[layer.cell]

    def rows(array: Array, *columns: int) -> Array:
        split = array.reshape(gates, layer.units, *array.shape[1:])
        return _fill(split, (gates, units, *columns)).reshape(gates * units, *columns)

    return CellLayer(
        layer.cell,
        rows(layer.input_weight, inputs),
        rows(layer.recurrent_weight, units),
        rows(layer.bias),
        rows(layer.recurrent_bias),
        _fill(layer.hidden, (units,)),
        _fill(layer.memory, (units,)),
    )


def _fill(array: Array, shape: tuple[int, ...]) -> Array:
    whole = np.zeros(shape, np.float32)
    whole[tuple(slice(size) for size in array.shape)] = array
    return whole


def dry_as_unit(network: Recurrent, gain: float | None = None) -> Recurrent:
    """``gain`` times the dry signal through one more unit in every layer, and no dry path; None: as much as there was.

    The unit's gates stand open and forget, its candidate is :data:`SMALL` times the signal, its share of the output as much
    larger: an LSTM gives tanh(tanh(x)) of the small x, a GRU tanh(x).
    """
    gain = network.dry_gain if gain is None else gain
    if gain == 0:
        return replace(network, dry_gain=0.0)
    unit = network.layers[0].units
    wider = padded(network, unit + 1)
    layers = []
    for number, layer in enumerate(wider.layers):
        count = GATES[layer.cell]
        weight, bias = (part.copy().reshape(count, unit + 1, -1) for part in (layer.input_weight, layer.bias))
        weight[2, unit, unit if number else 0] = 1.0 if number else SMALL
        bias[:, unit, 0] = (OPEN, -OPEN, 0.0, OPEN) if layer.cell == "lstm" else (0.0, -OPEN, 0.0)
        layers.append(replace(layer, input_weight=weight.reshape(layer.input_weight.shape), bias=bias.ravel()))
    head = wider.head.copy()
    head[unit] = gain / SMALL
    return replace(wider, layers=tuple(layers), head=head, dry_gain=0.0)


def settled(network: Recurrent, samples: int) -> Recurrent:
    """The network whose initial state is what ``samples`` of silence leave."""
    network.reset()
    network.settle(samples, np.full(network.knobs, 0.5))
    layers = tuple(
        replace(layer, hidden=_f32(runner.h), memory=_f32(runner.c))
        for layer, runner in zip(network.layers, network.runners, strict=True)
    )
    network.reset()
    return replace(network, layers=layers)


def _f32(array: Array) -> Array:
    return np.asarray(array, np.float32)
