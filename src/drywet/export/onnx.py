"""Writes ONNX: a graph from ``dry`` (T,), ``knobs`` (C,) and states to ``wet`` (T,) and the next states, T open.

States begin at zero; the run-in of silence that the metadata names brings the model to rest. Everything is written in a
standard operator, so that any runtime takes it; banks of recursive filters are RNNs without curve.
"""

import json
from collections.abc import Callable

import numpy as np

from drywet.engine.activations import Activation
from drywet.engine.contract import Array, Network
from drywet.engine.convolution import Convolution, Stack
from drywet.engine.film import Film
from drywet.engine.grey_box import GreyBox
from drywet.engine.linear import Linear, WienerHammerstein
from drywet.engine.recurrent import CellLayer, Recurrent
from drywet.engine.state_space import StateSpace
from drywet.engine.wavenet import Layer, WaveNet
from drywet.engine.window_lstm import WindowLSTM
from drywet.errors import ExportError
from drywet.export import protobuf
from drywet.export.about import About

LARGEST_BANK = 512  # numbers of state of one filter bank: as an RNN it costs their square
_TO_THE_END = np.array([1 << 62])
_OPERATORS = {
    "Tanh": "Tanh",
    "Fasttanh": "Tanh",
    "ReLU": "Relu",
    "Sigmoid": "Sigmoid",
    "LeakyReLU": "LeakyRelu",
    "PReLU": "LeakyRelu",
    "Softsign": "Softsign",
    "ELU": "Elu",
    "Hardtanh": "Clip",
    "SiLU": "Sigmoid",
}


def fit(network: Network) -> Network:
    """The network, if its graph can be written; ExportError otherwise."""
    if isinstance(network, StateSpace) and 2 * np.prod(network.poles.shape[1:3]) > LARGEST_BANK:
        raise ExportError(
            f"as ONNX a filter bank of {2 * np.prod(network.poles.shape[1:3])} numbers of state costs their square; at most "
            f"{LARGEST_BANK} are written. The formats numpy and c hold it"
        )
    if isinstance(network, GreyBox):
        raise ExportError("ONNX has no operator for the diode equation of a grey box; the formats numpy and c hold it")
    if not isinstance(network, Recurrent | Stack | WaveNet | Linear | WienerHammerstein | StateSpace | WindowLSTM):
        raise ExportError(f"no ONNX graph is written for this: {network.describe()}")
    return network


def write(network: Network, about: About) -> bytes:
    """The content of an ONNX file of a network that :func:`fit` gave."""
    graph = _Graph(network.knobs)
    builders: dict[type[Network], Callable[..., str]] = {
        Recurrent: _recurrent,
        Stack: _stack,
        WaveNet: _wavenet,
        Linear: _linear,
        WienerHammerstein: _wiener_hammerstein,
        StateSpace: _state_space,
        WindowLSTM: _window_lstm,
    }
    graph.node("Reshape", [builders[type(network)](network, graph), graph.constant(np.array([-1]))], output="wet")
    notes = {
        "format": 1,
        "sample_rate": about.sample_rate,
        "settle": max(about.settle, network.receptive_field or 0),
        "knobs": list(about.knobs),
        "network": network.describe(),
        "metadata": about.labels.model_dump(exclude_none=True) | {"esr": about.esr, "drywet": dict(about.source)},
    }
    return graph.content(about.labels.name or "model", {"drywet": json.dumps(notes, allow_nan=False)})


class _Graph:
    """The graph while it is put together."""

    def __init__(self, knobs: int):
        self.knobs = knobs
        self.nodes: list[bytes] = []
        self.tensors: list[bytes] = []
        self.inputs = [protobuf.value_info("dry", ["T"])]
        self.outputs = [protobuf.value_info("wet", ["T"])]
        if knobs:
            self.inputs.append(protobuf.value_info("knobs", [knobs]))
        self.count = 0

    def content(self, name: str, texts: dict[str, str]) -> bytes:
        return protobuf.model(name, self.nodes, self.tensors, self.inputs, self.outputs, texts)

    def name(self) -> str:
        self.count += 1
        return f"x{self.count}"

    def constant(self, array: Array) -> str:
        name = f"w{len(self.tensors)}"
        self.tensors.append(protobuf.tensor(name, np.asarray(array)))
        return name

    def node(
        self, operator: str, inputs: list[str], output: str | None = None, **attributes: protobuf.Attribute
    ) -> str:
        """A new node; the name of its output."""
        output = output or self.name()
        self.nodes.append(protobuf.node(operator, inputs, [output], attributes))
        return output

    def state(self, *shape: int) -> tuple[str, str]:
        """Names of a new state and of what it becomes."""
        name = f"state{len(self.outputs) - 1}"
        self.inputs.append(protobuf.value_info(name, shape))
        self.outputs.append(protobuf.value_info(f"{name}_next", shape))
        return name, f"{name}_next"

    def reshape(self, x: str, *shape: int) -> str:
        return self.node("Reshape", [x, self.constant(np.array(shape))])

    def part(self, x: str, start: int, stop: int, axis: int) -> str:
        bounds = [self.constant(np.array([value])) for value in (start, stop, axis)]
        return self.node("Slice", [x, *bounds])

    def times(self, x: str, factor: float) -> str:
        return self.node("Mul", [x, self.constant(np.array(factor, np.float32))])

    def signal(self) -> str:
        """dry and knobs as (T, 1, 1 + C)."""
        x = self.reshape("dry", -1, 1, 1)
        return self.node("Concat", [x, self.spread_knobs(x)], axis=2) if self.knobs else x

    def spread_knobs(self, like: str) -> str:
        """Knobs as (A, B, C), for ``like`` (A, B, 1)."""
        sizes = self.part(self.node("Shape", [like]), 0, 2, 0)
        sizes = self.node("Concat", [sizes, self.constant(np.array([self.knobs]))], axis=0)
        return self.node("Expand", ["knobs", sizes])

    def convolution(self, layer: Convolution, x: str) -> str:
        """(1, outputs, T) from (1, inputs, T)."""
        if layer.past:
            before, after = self.state(1, layer.inputs, layer.past)
            x = self.node("Concat", [before, x], axis=2)
            bounds = [self.constant(np.array([-layer.past])), self.constant(_TO_THE_END), self.constant(np.array([2]))]
            self.node("Slice", [x, *bounds], output=after)
        parts = [self.constant(layer.weight), self.constant(layer.bias)]
        return self.bend(layer.activation, self.node("Conv", [x, *parts], dilations=[layer.dilation]))

    def bend(self, activation: Activation, x: str) -> str:
        if activation.name == "Identity":
            return x
        if activation.name not in _OPERATORS:
            raise ExportError(f"activation {activation.name} is not written as ONNX; known are {', '.join(_OPERATORS)}")
        operator = _OPERATORS[activation.name]
        if operator == "Clip":
            return self.node("Clip", [x, *(self.constant(np.array(edge, np.float32)) for edge in (-1.0, 1.0))])
        if operator == "LeakyRelu":
            slope = dict(activation.numbers).get("negative_slope", 0.01)
            if isinstance(slope, tuple):
                return self.node("PRelu", [x, self.constant(np.array(slope, np.float32)[:, None])])
            return self.node("LeakyRelu", [x], alpha=float(slope))
        bent = self.node(operator, [x])
        return self.node("Mul", [x, bent]) if activation.name == "SiLU" else bent

    def cell(self, layer: CellLayer, x: str, batch: bool = False) -> str:
        """(T, 1, H) from (T, 1, F); with ``batch`` the last hidden units (B, H) from (T, B, F) and zero states."""
        gates = 4 if layer.cell == "lstm" else 3
        # ONNX: input, output, forget, candidate; and update, reset, new.
        order = (0, 3, 1, 2) if layer.cell == "lstm" else (1, 0, 2)

        def sorted_(array: Array) -> Array:
            return np.concatenate([np.split(array, gates)[gate] for gate in order])

        weight, recurrent = (sorted_(part)[None] for part in (layer.input_weight, layer.recurrent_weight))
        bias = np.concatenate([sorted_(layer.bias), sorted_(layer.recurrent_bias)])[None]
        inputs = [x, *(self.constant(part) for part in (weight, recurrent, bias))]
        attributes: dict[str, protobuf.Attribute] = {"hidden_size": layer.units}
        if layer.cell == "gru":
            attributes["linear_before_reset"] = 1
        operator = layer.cell.upper()
        if batch:
            last = self.name()
            self.nodes.append(protobuf.node(operator, inputs, ["", last], attributes))
            return self.reshape(last, -1, layer.units)
        states = [self.state(1, 1, layer.units) for _ in range(2 if layer.cell == "lstm" else 1)]
        y = self.name()
        inputs += ["", *(before for before, _ in states)]
        self.nodes.append(protobuf.node(operator, inputs, [y, *(after for _, after in states)], attributes))
        return self.reshape(y, -1, 1, layer.units)

    def film(self, film: Film) -> tuple[str, str]:
        """Scale and shift (channels,)."""
        two = self.node("Mul", ["knobs", self.constant(np.array(2.0, np.float32))])
        centred = self.node("Sub", [two, self.constant(np.array(1.0, np.float32))])
        bent = self.node(
            "Add", [self.node("MatMul", [self.constant(film.bend), centred]), self.constant(film.bend_bias)]
        )
        both = self.node("MatMul", [self.constant(film.spread), self.node("Tanh", [bent])])
        both = self.node("Add", [both, self.constant(film.spread_bias)])
        scale = self.node("Add", [self.part(both, 0, film.channels, 0), self.constant(np.array(1.0, np.float32))])
        return scale, self.part(both, film.channels, 2 * film.channels, 0)

    def add_dry(self, y: str, gain: float) -> str:
        """``y`` of any shape with T numbers, as (T,), plus dry."""
        y = self.reshape(y, -1)
        return self.node("Add", [y, self.times("dry", gain)]) if gain else y


def _recurrent(network: Recurrent, graph: _Graph) -> str:
    x = graph.signal()
    for layer in network.layers:
        x = graph.cell(layer, x)
    y = graph.node("MatMul", [x, graph.constant(network.head[:, None])])
    y = graph.node("Add", [y, graph.constant(np.array(network.head_bias, np.float32))])
    return graph.add_dry(y, network.dry_gain)


def _stack(network: Stack, graph: _Graph) -> str:
    x, time_first = graph.signal(), True
    for layer in network.layers:
        recurrent = isinstance(layer, CellLayer)
        if recurrent != time_first:
            x = graph.node("Transpose", [x], perm=[2, 0, 1] if recurrent else [1, 2, 0])
        x = graph.cell(layer, x) if isinstance(layer, CellLayer) else graph.convolution(layer, x)
        time_first = recurrent
    return graph.add_dry(x, network.dry_gain)


def _wavenet(network: WaveNet, graph: _Graph) -> str:
    return _wavenet_channels(network, graph, graph.reshape("dry", 1, 1, -1))


def _wavenet_channels(network: WaveNet, graph: _Graph, dry: str) -> str:
    condition = _wavenet_channels(network.condition, graph, dry) if network.condition is not None else dry
    knob = None
    if network.film is not None:
        scale, shift = graph.film(network.film)
        knob = graph.reshape(scale, 1, -1, 1), graph.reshape(shift, 1, -1, 1)
    x, total, row = dry, "", 0
    for array in network.arrays:
        x = graph.node("Conv", [x, graph.constant(array.widen[:, :, None])])
        for layer in array.layers:
            stop = row + layer.conv.outputs
            of_layer = (graph.part(knob[0], row, stop, 1), graph.part(knob[1], row, stop, 1)) if knob else None
            row = stop
            x, share = _layer(layer, graph, x, condition, of_layer)
            total = graph.node("Add", [total, share]) if total else share
        total = graph.convolution(array.head, total)
    y = graph.times(total, network.head_scale)
    for head in network.heads:
        y = graph.convolution(Convolution(head.weight, head.bias, head.dilation), graph.bend(head.activation, y))
    return y


def _layer(layer: Layer, graph: _Graph, x: str, condition: str, knob: tuple[str, str] | None) -> tuple[str, str]:
    def film(place: str, y: str) -> str:
        if place not in layer.films:
            return y
        block = layer.films[place]
        numbers = graph.convolution(block, condition)
        sizes = {
            "conv_pre_film": layer.conv.inputs,
            "input_mixin_pre_film": layer.mixin.shape[1],
            "activation_post_film": layer.bottleneck,
            "head1x1_post_film": layer.to_head,
        }
        channels = sizes.get(place, layer.conv.outputs)
        if block.outputs == channels:
            return graph.node("Mul", [y, numbers])
        scaled = graph.node("Mul", [y, graph.part(numbers, 0, channels, 1)])
        return graph.node("Add", [scaled, graph.part(numbers, channels, 2 * channels, 1)])

    inner = film("conv_post_film", graph.convolution(layer.conv, film("conv_pre_film", x)))
    mixin = graph.constant(layer.mixin[:, :, None])
    mixed = film("input_mixin_post_film", graph.node("Conv", [film("input_mixin_pre_film", condition), mixin]))
    inner = film("activation_pre_film", graph.node("Add", [inner, mixed]))
    if knob is not None:
        inner = graph.node("Add", [graph.node("Mul", [inner, knob[0]]), knob[1]])
    first = graph.part(inner, 0, layer.bottleneck, 1) if layer.gate != "none" else inner
    z = graph.bend(layer.activation, first)
    if layer.gate != "none":
        opening = graph.bend(layer.second, graph.part(inner, layer.bottleneck, 2 * layer.bottleneck, 1))
        if layer.gate == "gated":
            z = graph.node("Mul", [opening, z])
        else:  # opening z + (1 - opening) first
            z = graph.node("Add", [first, graph.node("Mul", [opening, graph.node("Sub", [z, first])])])
    z = film("activation_post_film", z)
    share = film("head1x1_post_film", graph.convolution(layer.head, z) if layer.head is not None else z)
    return graph.node("Add", [x, graph.convolution(layer.residual, z)]) if layer.residual is not None else x, share


def _gained(film: Film | None, graph: _Graph) -> tuple[str, str | None]:
    """dry (1, 1, T) after the knobs' first gain, and their second."""
    x = graph.reshape("dry", 1, 1, -1)
    if film is None:
        return x, None
    after, log_before = graph.film(film)
    return graph.node("Mul", [x, graph.node("Exp", [log_before])]), after


def _filtered(taps: Array, bias: float, graph: _Graph, x: str) -> str:
    response = np.ascontiguousarray(taps[::-1])[None, None]
    return graph.convolution(Convolution(response, np.array([bias], np.float32)), x)


def _linear(network: Linear, graph: _Graph) -> str:
    x, after = _gained(network.film, graph)
    y = _filtered(network.taps, network.bias, graph, x)
    return graph.node("Mul", [y, after]) if after else y


def _wiener_hammerstein(network: WienerHammerstein, graph: _Graph) -> str:
    x, after = _gained(network.film, graph)
    x = _filtered(network.before, 0.0, graph, x)
    knots, values = network.knots.astype(np.float64), network.values.astype(np.float64)
    slopes = np.diff(values) / np.diff(knots)
    # The first piece, and at each inner knot a bend: relu(x - knot) times the change of slope.
    straight = graph.node(
        "Add", [graph.times(x, slopes[0]), graph.constant(np.array(values[0] - slopes[0] * knots[0], np.float32))]
    )
    y = straight
    if len(knots) > 2:
        beyond = graph.node("Relu", [graph.node("Sub", [x, graph.constant(network.knots[1:-1][:, None])])])
        bends = graph.node("Conv", [beyond, graph.constant(np.diff(slopes).astype(np.float32)[None, :, None])])
        y = graph.node("Add", [straight, bends])
    y = _filtered(network.after, 0.0, graph, y)
    return graph.node("Mul", [y, after]) if after else y


def _state_space(network: StateSpace, graph: _Graph) -> str:
    banks, states, channels, _ = network.poles.shape
    knob = None
    if network.film is not None:
        knob = tuple(graph.reshape(part, banks - 1, channels) for part in graph.film(network.film))
    ones = graph.constant(np.full((1, channels), network.dry_gain, np.float32))
    u = graph.node("MatMul", [graph.reshape("dry", -1, 1, 1), ones])  # (T, 1, C)
    size = 2 * states * channels
    into, rows = np.zeros((size, channels), np.float32), np.arange(states * channels)
    into[2 * rows, rows % channels] = 1.0
    for k in range(banks):
        real, imaginary = network.poles[k, ..., 0].ravel(), network.poles[k, ..., 1].ravel()
        turn = np.zeros((size, size), np.float32)
        turn[2 * rows, 2 * rows] = turn[2 * rows + 1, 2 * rows + 1] = real
        turn[2 * rows, 2 * rows + 1], turn[2 * rows + 1, 2 * rows] = -imaginary, imaginary
        read = np.zeros((size, channels), np.float32)
        read[2 * rows, rows % channels] = network.readouts[k, ..., 0].ravel()
        read[2 * rows + 1, rows % channels] = -network.readouts[k, ..., 1].ravel()
        before, after = graph.state(1, 1, size)
        y, inputs = graph.name(), [u, graph.constant(into[None]), graph.constant(turn[None]), "", "", before]
        attributes: dict[str, protobuf.Attribute] = {
            "hidden_size": size,
            "activations": ["Affine"],
            "activation_alpha": [1.0],
            "activation_beta": [0.0],
        }
        graph.nodes.append(protobuf.node("RNN", inputs, [y, after], attributes))
        heard = graph.node("MatMul", [graph.reshape(y, -1, 1, size), graph.constant(read)])
        u = graph.node("Add", [heard, graph.node("Mul", [u, graph.constant(network.direct[k])])])
        if k == banks - 1:
            break
        if knob:
            scale, shift = (graph.part(part, k, k + 1, 0) for part in knob)
            u = graph.node("Add", [graph.node("Mul", [u, scale]), shift])
        hidden = u
        for weight, bias in ((network.w1[k], network.b1[k]), (network.w2[k], network.b2[k])):
            hidden = graph.node(
                "Tanh",
                [graph.node("Add", [graph.node("MatMul", [hidden, graph.constant(weight)]), graph.constant(bias)])],
            )
        step = graph.node(
            "Add", [graph.node("MatMul", [hidden, graph.constant(network.w3[k])]), graph.constant(network.b3[k])]
        )
        u = graph.node("Add", [u, step])
    total = graph.node("MatMul", [u, graph.constant(np.ones((channels, 1), np.float32))])
    total = graph.node("Add", [total, graph.constant(np.array(network.bias, np.float32))])
    return graph.times(total, network.wet_gain)


def _window_lstm(network: WindowLSTM, graph: _Graph) -> str:
    x = graph.reshape("dry", 1, 1, -1)
    each = np.eye(network.context, dtype=np.float32)[:, None]  # one channel for every sample of a window
    windows = graph.convolution(Convolution(each, np.zeros(network.context, np.float32)), x)  # (1, context, T)
    windows = graph.node(
        "Transpose", [windows], perm=[1, 2, 0]
    )  # (context, T, 1): every sample's window is in the batch
    if network.knobs:
        windows = graph.node("Concat", [windows, graph.spread_knobs(windows)], axis=2)
    y = graph.node(
        "MatMul",
        [graph.cell(network.inner.layers[0], windows, batch=True), graph.constant(network.inner.head[:, None])],
    )
    y = graph.node("Add", [y, graph.constant(np.array(network.inner.head_bias, np.float32))])
    return graph.add_dry(y, network.inner.dry_gain)
