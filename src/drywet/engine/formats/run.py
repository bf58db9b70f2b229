"""Reads drywet's own model files (``best.safetensors``) of every family, with the scaling inside folded into the weights."""

from collections.abc import Callable, Mapping

import numpy as np

from drywet.engine.activations import Activation
from drywet.engine.contract import Array, Network, folded
from drywet.engine.convolution import Convolution
from drywet.engine.film import Film
from drywet.engine.formats.file import ModelFile, checked_rate
from drywet.engine.formats.tree import Node, Stream, parse
from drywet.engine.grey_box import GreyBox
from drywet.engine.linear import Linear, WienerHammerstein
from drywet.engine.recurrent import CellLayer, Recurrent
from drywet.engine.state_space import StateSpace
from drywet.engine.wavenet import Layer, LayerArray, WaveNet
from drywet.engine.window_lstm import WindowLSTM
from drywet.errors import ModelFileError

HEADER = "drywet"
FORMAT = 1
_SLOWEST = 4410.0  # samples, see models/diagonal_scan.py
_MOST = 1 << 18


class Tensors:
    """The tensors of a file, each to be taken once."""

    def __init__(self, tensors: Mapping[str, Array], where: str):
        self.left, self.where = dict(tensors), where

    def take(self, name: str, *shape: int | None) -> Array:
        """The tensor of this shape, None for any size; without a shape any at all."""
        if name not in self.left:
            raise ModelFileError(f"{self.where}: the tensor {name!r} is missing")
        found = self.left.pop(name)
        fits = len(found.shape) == len(shape) and all(
            wanted in (None, size) for size, wanted in zip(found.shape, shape, strict=False)
        )
        if shape and not fits:
            raise ModelFileError(f"{self.where}: {name} has shape {found.shape}, the settings in the file want {shape}")
        return found

    def number(self, name: str) -> float:
        """A tensor of one number."""
        found = self.take(name)
        if found.size != 1:
            raise ModelFileError(f"{self.where}: {name} holds {found.size} numbers, one is meant")
        return float(found.reshape(1)[0])

    def film(self, knobs: int, channels: int) -> Film | None:
        """The knobs' layers of :class:`drywet.models.film.FiLM`, if there are knobs."""
        if knobs == 0:
            return None
        return Film(
            self.take("film.bend.weight", None, knobs),
            self.take("film.bend.bias", None),
            self.take("film.spread.weight", 2 * channels, None),
            self.take("film.spread.bias", 2 * channels),
        )


def read_run(texts: Mapping[str, str], tensors: Mapping[str, Array], where: str) -> ModelFile:
    """The model in a drywet model file, from its texts and tensors."""
    header = parse(texts[HEADER].encode(), where)
    if header["format"].integer(0, 1 << 30) != FORMAT:
        header["format"].fail(f"is {header['format'].value}, this drywet reads {FORMAT}")
    settings = header["model"]
    knobs = tuple(node.name() for node in settings.get("controls", []).list(16))
    if len(set(knobs)) != len(knobs):
        settings["controls"].fail("names a knob twice")
    family = settings["family"].choice(tuple(_FAMILIES))
    parts = Tensors(tensors, where)
    count = sum(tensor.size for name, tensor in tensors.items() if not name.endswith(("_scale", "knots")))
    network = _FAMILIES[family](settings, len(knobs), parts, parts.number("dry_scale"), parts.number("wet_scale"))
    if parts.left:
        raise ModelFileError(f"{where}: the tensor {sorted(parts.left)[0]!r} belongs to no {family} model")
    return ModelFile(
        format="drywet",
        version=str(FORMAT),
        architecture=family,
        network=network,
        sample_rate=checked_rate(header["sample_rate"], 44_100)[0],
        settle=network.receptive_field or 0 if isinstance(network, WaveNet) else 0,
        knobs=knobs,
        weight_count=count,
        dry_path=network.dry_gain if isinstance(network, Recurrent) else 0.0,
    )


def _recurrent(cell: str) -> Callable[[Node, int, Tensors, float, float], Recurrent]:
    def build(settings: Node, knobs: int, tensors: Tensors, dry: float, wet: float) -> Recurrent:
        units, rows = settings["hidden_size"].integer(1, 1024), 4 if cell == "lstm" else 3
        layers = []
        zeros = np.zeros(units, np.float32)
        for number in range(settings.get("layers", 1).integer(1, 8)):
            inputs = units if number else 1 + knobs
            weight = tensors.take(f"recurrent.weight_ih_l{number}", rows * units, inputs)
            if number == 0:
                weight = folded(weight, np.concatenate([[dry], np.ones(knobs)]))
            recurrent = tensors.take(f"recurrent.weight_hh_l{number}", rows * units, units)
            bias, second = (tensors.take(f"recurrent.bias_{name}_l{number}", rows * units) for name in ("ih", "hh"))
            layers.append(CellLayer(cell, weight, recurrent, bias, second, zeros, zeros))
        head = folded(tensors.take("dense.weight", 1, units)[0], wet)
        skip = dry * wet if settings.get("skip", False).boolean() else 0.0
        return Recurrent(tuple(layers), head, wet * float(tensors.take("dense.bias", 1)[0]), skip)

    return build


def _window_lstm(settings: Node, knobs: int, tensors: Tensors, dry: float, wet: float) -> WindowLSTM:
    return WindowLSTM(_recurrent("lstm")(settings, knobs, tensors, dry, wet), settings["context"].integer(1, _MOST))


def _wavenet(settings: Node, knobs: int, tensors: Tensors, dry: float, wet: float) -> WaveNet:
    stream = Stream(tensors.take("weights", None), tensors.where)
    arrays: list[LayerArray] = []
    inputs = 1
    for array in _wavenet_arrays(settings):
        channels, taps = array["channels"].integer(1, 512), array["kernel_size"].integer(1, 1024)
        gated = array["gated"].boolean()
        rows = channels * (2 if gated else 1)
        widen = stream.take(channels, inputs)
        if inputs == 1 and not arrays:
            widen = folded(widen, dry)
        layers = []
        for node in array["dilations"].list(256):
            weight, bias = stream.take(rows, channels, taps), stream.take(rows)
            mixin = folded(stream.take(rows, 1), dry)
            residual = Convolution(stream.take(channels, channels, 1), stream.take(channels))
            activation = Activation(array["activation"].text())
            layers.append(
                Layer(
                    Convolution(weight, bias, node.integer(1, _MOST)),
                    mixin,
                    activation,
                    "gated" if gated else "none",
                    residual=residual,
                )
            )
        head_size = array["head_size"].integer(1, 512)
        head = stream.take(head_size, channels, 1)
        head_bias = stream.take(head_size) if array["head_bias"].boolean() else np.zeros(head_size, np.float32)
        arrays.append(LayerArray(widen, tuple(layers), Convolution(head, head_bias)))
        inputs = channels
    stream.end()
    film = tensors.film(knobs, sum(layer.conv.outputs for one in arrays for layer in one.layers))
    return WaveNet(tuple(arrays), wet * settings["head_scale"].number(), film=film)


_TO_512 = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]
_SHORT = [[1, 2, 4, 8, 16, 32, 64], [128, 256, 512, *_TO_512]]
# The named sizes of models/wavenet.py: channels of both arrays, and their dilations.
_SIZES = {
    "standard": ((16, 8), [_TO_512, _TO_512]),
    "lite": ((12, 6), _SHORT),
    "feather": ((8, 4), _SHORT),
    "nano": ((4, 2), _SHORT),
}


def _wavenet_arrays(settings: Node) -> list[Node]:
    if settings.get("layer_arrays", []).value:
        return list(settings["layer_arrays"].list(16))
    channels, dilations = _SIZES[settings["size"].choice(tuple(_SIZES))]
    common = {"kernel_size": 3, "activation": "Tanh", "gated": False}
    sizes = zip(channels, (channels[1], 1), dilations, (False, True), strict=True)
    return [
        Node(common | {"channels": width, "head_size": head, "dilations": steps, "head_bias": bias}, settings.where)
        for width, head, steps, bias in sizes
    ]


def _state_space(settings: Node, knobs: int, tensors: Tensors, dry: float, wet: float) -> StateSpace:
    stages, channels = settings["stages"].integer(1, 16), settings["channels"].integer(1, 256)
    states, units = settings["states"].integer(1, 64), settings["units"].integer(1, 256)
    banks = stages + 1
    decay, turn, real, imaginary = (
        tensors.take(name, banks, states, channels) for name in ("decay", "turn", "real", "imaginary")
    )
    with np.errstate(over="ignore"):
        radius = np.exp(-np.exp(decay) - np.float32(1 / _SLOWEST))  # float32, as in training
    poles = np.stack([radius * np.cos(turn), radius * np.sin(turn)], axis=-1)
    readouts = np.stack([(1 - radius) * real, (1 - radius) * imaginary], axis=-1)
    shapes = {
        "w1": (stages, channels, units), "b1": (stages, units), "w2": (stages, units, units), "b2": (stages, units),
        "w3": (stages, units, channels), "b3": (stages, channels),
    }  # fmt: skip
    layers = {name: tensors.take(name, *shape) for name, shape in shapes.items()}
    return StateSpace(
        poles,
        readouts,
        tensors.take("direct", banks, channels),
        **layers,
        bias=float(tensors.take("bias", 1)[0]),
        dry_gain=dry,
        wet_gain=wet,
        film=tensors.film(knobs, stages * channels),
    )


def _grey_box(settings: Node, knobs: int, tensors: Tensors, dry: float, wet: float) -> GreyBox:
    before, stages = settings["filters_before"].integer(0, 16), settings["stages"].integer(1, 4)
    count = before + stages + settings["filters_after"].integer(0, 16)
    filters, clippers = tensors.take("filters", count, 5), tensors.take("clippers", stages, 7)
    return GreyBox(filters, clippers, before, dry, wet, tensors.film(knobs, filters.size + clippers.size))


def _gain(settings: Node, knobs: int, tensors: Tensors, dry: float, wet: float) -> Linear:
    return Linear(folded([tensors.number("gain")], dry * wet), film=tensors.film(knobs, 1))


def _linear(settings: Node, knobs: int, tensors: Tensors, dry: float, wet: float) -> Linear:
    taps = tensors.take("taps", settings["taps"].integer(1, _MOST))
    return Linear(folded(taps, dry * wet), film=tensors.film(knobs, 1))


def _static_curve(settings: Node, knobs: int, tensors: Tensors, dry: float, wet: float) -> WienerHammerstein:
    knots, values = tensors.take("curve.knots", None), tensors.take("curve.values", None)
    return WienerHammerstein(folded([dry]), knots, values, folded([wet]), tensors.film(knobs, 1))


def _wiener_hammerstein(settings: Node, knobs: int, tensors: Tensors, dry: float, wet: float) -> WienerHammerstein:
    before = tensors.take("before", settings["taps_before"].integer(1, _MOST))
    after = tensors.take("after", settings["taps_after"].integer(1, _MOST))
    knots, values = tensors.take("curve.knots", None), tensors.take("curve.values", None)
    return WienerHammerstein(folded(before, dry), knots, values, folded(after, wet), tensors.film(knobs, 1))


_FAMILIES: dict[str, Callable[[Node, int, Tensors, float, float], Network]] = {
    "gain": _gain,
    "grey-box": _grey_box,
    "linear": _linear,
    "static-curve": _static_curve,
    "wiener-hammerstein": _wiener_hammerstein,
    "gru": _recurrent("gru"),
    "lstm": _recurrent("lstm"),
    "s4d": _state_space,
    "wavenet": _wavenet,
    "window-lstm": _window_lstm,
}
