"""A graph of ONNX operators as a network: the ones that drywet writes, in numpy."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from drywet.engine.activations import CURVES, sigmoid
from drywet.engine.contract import LARGEST_WEIGHTS, Array, Network, limit
from drywet.errors import ModelFileError

LARGEST_ARRAY = 1 << 21  # numbers of one result while a block is played
LARGEST_RUN = 1 << 23  # numbers of all results together, 64 MB
LARGEST_WORK = 1 << 28  # multiplications for the three samples that a graph is tried with
_BLOCK = 512  # samples at once, less where results would become too large
_MISFITS = (ValueError, IndexError, TypeError, KeyError, OverflowError, ZeroDivisionError, AttributeError)


@dataclass(frozen=True, eq=False)
class Node:
    """One operator; an empty name is an input that is left out."""

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]


@dataclass(eq=False)
class Graph(Network):
    """Nodes in order, from ``dry`` (T,), ``knobs`` (C,) and states to ``wet`` (T,) and, of each state, ``NAME_next``.

    Attributes
    ----------
    nodes : tuple of Node
    constants : mapping of str to array
        float32 or int64.
    states : mapping of str to shape
    knob_count : int
    reach : int or None
        The receptive field.
    words : str
        What the file says the network is.
    """

    kind = "graph"

    nodes: tuple[Node, ...]
    constants: Mapping[str, Array]
    states: Mapping[str, tuple[int, ...]]
    knob_count: int
    reach: int | None
    words: str

    def __post_init__(self) -> None:
        unknown = sorted({node.operator for node in self.nodes} - set(OPERATORS))
        if unknown:
            raise ModelFileError(
                f"the operator {unknown[0][:40]!r} is not read; known are {', '.join(sorted(OPERATORS))}"
            )
        limit(sum(array.size for array in self.constants.values()), 2 * LARGEST_WEIGHTS, "numbers")
        limit(sum(math.prod(shape) for shape in self.states.values()), LARGEST_WEIGHTS, "numbers of state")
        self._wide = {
            name: array.astype(np.float64) if array.dtype.kind == "f" else array
            for name, array in self.constants.items()
        }
        self.reset()
        # A graph whose parts do not fit says so now, and how much its results grow with each sample.
        of_one, of_three = (self._run(np.zeros(length), np.zeros(self.knobs), LARGEST_WORK)[1] for length in (1, 3))
        grows = [(three - one) / 2 for one, three in zip(of_one, of_three, strict=True)]
        # An LSTM's gates are four times its result.
        fitting = min(LARGEST_ARRAY / 4 / max([1.0, *grows]), LARGEST_RUN / 2 / max(1.0, sum(grows)))
        self._block = max(1, min(_BLOCK, int(fitting)))
        self.reset()

    @property
    def knobs(self) -> int:
        return self.knob_count

    @property
    def receptive_field(self) -> int | None:
        return self.reach

    def reset(self) -> None:
        self._states = {name: np.zeros(shape) for name, shape in self.states.items()}

    def process(self, dry: Array, knobs: Array) -> Array:
        dry, knobs, step = np.asarray(dry, np.float64), np.asarray(knobs, np.float64), self._block
        return np.concatenate(
            [np.zeros(0), *(self._run(dry[n : n + step], knobs)[0] for n in range(0, len(dry), step))]
        )

    def _run(self, dry: Array, knobs: Array, most_work: float = math.inf) -> tuple[Array, list[int]]:
        """Wet (T,), and how many numbers each node made."""
        work, total, sizes = 0, 0, []
        values: dict[str, Any] = {**self._wide, **self._states, "dry": dry, "knobs": knobs, "": None}
        for node in self.nodes:
            try:
                given = [values[name] for name in node.inputs]
                work += _work(node, *given)
                if work > most_work:
                    raise ValueError(f"more than {most_work} multiplications for three samples")
                with np.errstate(all="ignore"):
                    results = OPERATORS[node.operator](node.attributes, *given)
                sizes.append(sum(result.size for result in results))
                total += sizes[-1]
                if total > LARGEST_RUN:
                    raise ValueError(f"all results together are more than {LARGEST_RUN} numbers")
                for name, result in zip(node.outputs, results, strict=False):
                    values[name] = result
            except _MISFITS as error:
                raise ModelFileError(
                    f"the node {node.operator} that makes {node.outputs[:1]} does not fit: {error}"
                ) from None
        wet = np.asarray(values.get("wet", ()))
        if wet.shape != dry.shape:
            raise ModelFileError(f"wet comes out with shape {wet.shape} for {dry.shape} dry samples")
        for name, shape in self.states.items():
            found = np.asarray(values.get(f"{name}_next", ()))
            if found.shape != shape:
                raise ModelFileError(f"{name} of shape {shape} becomes one of {found.shape}")
            self._states[name] = found
        return wet, sizes

    def settle(self, samples: int, knobs: Array) -> None:
        for start in range(0, samples, 2048):
            before = self._states
            self._states = dict(before)
            self.process(np.zeros(min(2048, samples - start)), knobs)
            if all(np.abs(self._states[name] - before[name]).max(initial=0) < 1e-13 for name in before):
                return

    def cost(self) -> int:
        weighing = ("Conv", "MatMul", "LSTM", "GRU", "RNN")
        used = {
            name for node in self.nodes if node.operator in weighing for name in node.inputs if name in self.constants
        }
        return sum(self.constants[name].size for name in used)

    def describe(self) -> str:
        return f"graph of {len(self.nodes)} nodes{f': {self.words}' if self.words else ''}"


def _work(node: Node, *given: Any) -> int:
    """Multiplications of an operator that weighs, and as many more as its loop is slow."""
    if node.operator == "MatMul":
        a, b = given
        return a.size * (b.shape[-1] if b.ndim > 1 else 1)
    if node.operator == "Conv":
        x, weight = given[:2]
        taps = weight.shape[-1]
        return weight.size * (x.shape[-1] - (taps - 1) * node.attributes.get("dilations", [1])[0]) + 512 * taps
    if node.operator in ("LSTM", "GRU", "RNN"):
        x, weight, recurrent = given[:3]
        return len(x) * (x.shape[1] * (weight.size + recurrent.size) + 4096)
    return 0


def _sized(*shape: int) -> tuple[int, ...]:
    if math.prod(shape) > LARGEST_ARRAY:
        raise ValueError(f"a result of {' x '.join(map(str, shape))} numbers is too large")
    return shape


def _binary(function: Callable[[Array, Array], Array]) -> Callable[..., tuple[Array]]:
    def apply(attributes: Mapping[str, Any], a: Array, b: Array) -> tuple[Array]:
        _sized(*np.broadcast_shapes(np.shape(a), np.shape(b)))
        return (function(a, b),)

    return apply


def _curve(function: Callable[[Array], Array]) -> Callable[..., tuple[Array]]:
    return lambda attributes, x: (function(x),)


def _matmul(attributes: Mapping[str, Any], a: Array, b: Array) -> tuple[Array]:
    if a.ndim > 1 and b.ndim > 1:
        _sized(*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), a.shape[-2], b.shape[-1])
    return (a @ b,)


def _conv(attributes: Mapping[str, Any], x: Array, weight: Array, bias: Array | None = None) -> tuple[Array]:
    (step,) = attributes.get("dilations", [1])
    given = set(attributes) - {"dilations", "kernel_shape"}
    if given or x.ndim != 3 or weight.ndim != 3 or step < 1 or len(x) != 1:
        raise ValueError(f"a convolution with {', '.join(sorted(given)) or 'these shapes'}")
    length = x.shape[2] - (weight.shape[2] - 1) * step
    if length < 1 or weight.shape[1] != x.shape[1]:
        raise ValueError(f"weights {weight.shape} over {x.shape}")
    out = np.zeros(_sized(len(weight), length))
    for k in range(weight.shape[2]):
        out += weight[:, :, k] @ x[0, :, k * step : k * step + length]
    return (out[None] if bias is None else (out + bias[:, None])[None],)


def _slice(attributes: Mapping[str, Any], x: Array, start: Array, stop: Array, axis: Array) -> tuple[Array]:
    (first,), (last,), (along,) = start.tolist(), stop.tolist(), axis.tolist()
    index: list[slice] = [slice(None)] * x.ndim
    index[along] = slice(first, last)
    return (x[tuple(index)],)


def _reshape(attributes: Mapping[str, Any], x: Array, shape: Array) -> tuple[Array]:
    return (x.reshape([int(size) for size in shape]),)


def _concat(attributes: Mapping[str, Any], *parts: Array) -> tuple[Array]:
    _sized(sum(part.size for part in parts))
    return (np.concatenate(parts, axis=attributes["axis"]),)


def _expand(attributes: Mapping[str, Any], x: Array, shape: Array) -> tuple[Array]:
    return (np.broadcast_to(x, _sized(*np.broadcast_shapes(x.shape, tuple(int(size) for size in shape)))),)


def _transpose(attributes: Mapping[str, Any], x: Array) -> tuple[Array]:
    return (x.transpose(attributes["perm"]),)


def _leaky(attributes: Mapping[str, Any], x: Array) -> tuple[Array]:
    return (CURVES["LeakyReLU"](x, attributes.get("alpha", 0.01)),)


def _prelu(attributes: Mapping[str, Any], x: Array, slope: Array) -> tuple[Array]:
    _sized(*np.broadcast_shapes(x.shape, slope.shape))
    return (np.where(x > 0, x, slope * x),)


def _clip(attributes: Mapping[str, Any], x: Array, lowest: Array, highest: Array) -> tuple[Array]:
    return (np.clip(x, float(lowest), float(highest)),)


def _recurrence(gates: int, known: tuple[str, ...]) -> Callable[..., tuple[Array, ...]]:
    """An operator over time: ``x`` (T, B, I), weights (1, N, I) and (1, N, H), bias (1, 2 N), states (1, B, H); N = gates H."""

    def apply(
        attributes: Mapping[str, Any],
        x: Array,
        weight: Array,
        recurrent: Array,
        bias: Array | None = None,
        lengths: Array | None = None,
        hidden: Array | None = None,
        memory: Array | None = None,
    ) -> tuple[Array, ...]:
        given = set(attributes) - {"hidden_size", *known}
        units = attributes["hidden_size"]
        if given or lengths is not None or len(weight) != 1 or weight.shape[1] != gates * units:
            raise ValueError(
                f"weights {weight.shape} for {units} units, or {', '.join(sorted(given)) or 'lengths'} given"
            )
        time, batch, _ = x.shape
        both = np.zeros(2 * gates * units) if bias is None else bias[0]
        h, c = (np.zeros(_sized(batch, units)) if state is None else state[0] for state in (hidden, memory))
        _sized(time, batch, gates * units)
        of_input = x @ weight[0].T + both[: gates * units]
        y = np.empty((time, 1, batch, units))
        for t in range(time):
            of_state = h @ recurrent[0].T + both[gates * units :]
            if gates == 4:  # input, output, forget, candidate
                i, o, f, g = np.split(of_input[t] + of_state, 4, axis=1)
                c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
                h = sigmoid(o) * np.tanh(c)
            elif gates == 3:  # update, reset, new
                z, r = (
                    sigmoid(a + b)
                    for a, b in zip(np.split(of_input[t], 3, 1)[:2], np.split(of_state, 3, 1)[:2], strict=True)
                )
                n = np.tanh(of_input[t][:, 2 * units :] + r * of_state[:, 2 * units :])
                h = n + z * (h - n)
            else:
                h = of_input[t] + of_state
            y[t, 0] = h
        return (y, h[None], c[None]) if gates == 4 else (y, h[None])

    return apply


def _gru(attributes: Mapping[str, Any], *inputs: Array) -> tuple[Array, ...]:
    if attributes.get("linear_before_reset") != 1:
        raise ValueError("a GRU that resets before its product")
    return _recurrence(3, ("linear_before_reset",))(attributes, *inputs)


def _rnn(attributes: Mapping[str, Any], *inputs: Array) -> tuple[Array, ...]:
    affine = [attributes.get(name) for name in ("activations", "activation_alpha", "activation_beta")]
    if affine != [["Affine"], [1.0], [0.0]]:
        raise ValueError("an RNN with a curve")
    return _recurrence(1, ("activations", "activation_alpha", "activation_beta"))(attributes, *inputs)


OPERATORS: dict[str, Callable[..., tuple[Array, ...]]] = {
    "Add": _binary(np.add),
    "Sub": _binary(np.subtract),
    "Mul": _binary(np.multiply),
    "MatMul": _matmul,
    "Conv": _conv,
    "LSTM": _recurrence(4, ()),
    "GRU": _gru,
    "RNN": _rnn,
    "Tanh": _curve(np.tanh),
    "Sigmoid": _curve(sigmoid),
    "Relu": _curve(CURVES["ReLU"]),
    "Softsign": _curve(CURVES["Softsign"]),
    "Elu": _curve(CURVES["ELU"]),
    "Exp": _curve(np.exp),
    "LeakyRelu": _leaky,
    "PRelu": _prelu,
    "Clip": _clip,
    "Shape": _curve(lambda x: np.array(x.shape)),
    "Slice": _slice,
    "Reshape": _reshape,
    "Concat": _concat,
    "Expand": _expand,
    "Transpose": _transpose,
}
