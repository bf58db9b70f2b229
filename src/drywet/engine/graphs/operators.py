"""ONNX operators on stand-ins: over time they move entries around or add blocks, on anything else they compute."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from drywet.engine.activations import Activation
from drywet.engine.contract import LARGEST_WEIGHTS, Array
from drywet.engine.convolution import ungroup
from drywet.engine.graph import OPERATORS
from drywet.engine.graphs.stand_ins import Builder, KnobValue, Last, NotRead, Signal, State, Tail, delayed, shifted
from drywet.engine.program import Bent, Cells, Poles, Product, Turned, Windows
from drywet.engine.recurrent import CellLayer

_GATES = {"LSTM": ("lstm", (0, 2, 3, 1)), "GRU": ("gru", (1, 0, 2))}  # torch's order by their place in ONNX
_LONGEST_TAIL = 1 << 30
_DEFAULTS = {"direction": "forward", "input_forget": 0, "layout": 0}


def _same_time(signals: Sequence[Signal]) -> None:
    if len({(signal.axis, signal.length) for signal in signals}) != 1:
        raise NotRead("signals of different length")


def _beside(value: Array, signal: Signal, rank: int) -> Array:
    """A constant (...) over the axes of ``signal`` that are not time; along time it must have one element."""
    whole = np.asarray(value, np.float64).reshape((1,) * (rank - np.ndim(value)) + np.shape(value))
    if whole.shape[signal.axis] != 1:
        raise NotRead("a constant along time")
    return np.take(whole, [0], signal.axis).squeeze(signal.axis)


def _binary(builder: Builder, operator: str, a: Any, b: Any) -> Signal:
    rank = max(len(value.shape) for value in (a, b))
    a, b = (value.raised(rank) if isinstance(value, Signal) else value for value in (a, b))
    if isinstance(a, Signal) and isinstance(b, Signal):
        _same_time([a, b])
        shape = np.broadcast_shapes(a.entries.shape, b.entries.shape)
        one, two = (np.broadcast_to(signal.entries, shape).reshape(-1, 2) for signal in (a, b))
        both, count = np.concatenate([one, two]), len(one)
        if operator == "Mul":
            found = builder.each(lambda count, inputs: Product(count // 2, inputs), both)
        elif operator in ("Add", "Sub"):
            eye = np.eye(count)
            found = builder.sum(both, np.concatenate([eye, eye if operator == "Add" else -eye], 1), np.zeros(count))
        else:
            raise NotRead(f"{operator} of two signals")
        return Signal(found.reshape(shape), a.axis, a.length)
    signal, other, first = (a, b, True) if isinstance(a, Signal) else (b, a, False)
    if operator == "Div" and not first:
        raise NotRead("division by a signal")
    of_knobs = isinstance(other, KnobValue)
    example = other.value(builder.knobs) if of_knobs else other
    shape = np.broadcast_shapes(signal.entries.shape[:-1], _beside(example, signal, rank).shape)
    entries = np.broadcast_to(signal.entries, (*shape, 2)).reshape(-1, 2)

    def numbers(value: Array) -> tuple[Array, Array]:
        """Factors and summands (count,)."""
        flat = np.broadcast_to(_beside(value, signal, rank), shape).ravel()
        ones, zeros = np.ones(len(flat)), np.zeros(len(flat))
        return {
            "Add": (ones, flat), "Sub": (ones, -flat) if first else (-ones, flat), "Mul": (flat, zeros),
            "Div": (1 / flat if operator == "Div" else ones, zeros),
        }[operator]  # fmt: skip

    if of_knobs:
        found = builder.each(
            lambda count, inputs: Turned(
                count, inputs, lambda knobs: numbers(other.value(knobs))[0], lambda knobs: numbers(other.value(knobs))[1]
            ),
            entries,
        )  # fmt: skip
    else:
        factors, summands = numbers(other)
        if not np.isfinite(factors).all():
            raise NotRead("division by zero")
        found = builder.sum(entries, np.diag(factors), summands)
    return Signal(found.reshape(*shape, 2), signal.axis, signal.length)


def _arithmetic(operator: str) -> Callable[..., Any]:
    return lambda builder, attributes, a, b: _binary(builder, operator, a, b)


def _bend(builder: Builder, signal: Signal, activation: Activation) -> Signal:
    found = builder.each(lambda count, inputs: Bent(count, inputs, activation), signal.flat)
    return Signal(found.reshape(signal.entries.shape), signal.axis, signal.length)


def _curve(name: str) -> Callable[..., Any]:
    return lambda builder, attributes, signal: _bend(builder, signal, Activation(name))


def _elu(builder: Builder, attributes: dict[str, Any], signal: Signal) -> Signal:
    if attributes.get("alpha", 1.0) != 1:
        raise NotRead("an ELU of another size")
    return _bend(builder, signal, Activation("ELU"))


def _leaky(builder: Builder, attributes: dict[str, Any], signal: Signal) -> Signal:
    return _bend(builder, signal, Activation("LeakyReLU", (("negative_slope", float(attributes.get("alpha", 0.01))),)))


def _prelu(builder: Builder, attributes: dict[str, Any], signal: Signal, slope: Array) -> Signal:
    slopes = np.broadcast_to(_beside(slope, signal, len(signal.shape)), signal.entries.shape[:-1])
    return _bend(builder, signal, Activation("PReLU", (("negative_slope", tuple(slopes.ravel().tolist())),)))


def _clip(builder: Builder, attributes: dict[str, Any], signal: Signal, low: Array, high: Array) -> Signal:
    edges = (("min_val", float(low)), ("max_val", float(high)), ("min_slope", 0.0), ("max_slope", 0.0))
    return _bend(builder, signal, Activation("LeakyHardtanh", edges))


def _matmul(builder: Builder, attributes: dict[str, Any], a: Any, b: Any) -> Signal:
    if isinstance(a, Signal) and isinstance(b, np.ndarray) and b.ndim == 2 and a.axis < len(a.shape) - 1:
        signal, weight = a, b.T
    elif isinstance(b, Signal) and isinstance(a, np.ndarray) and a.ndim == 2 and b.axis == len(b.shape) - 1:
        signal, weight = b, a
    else:
        raise NotRead("a product along time")
    return _dense(builder, signal, weight, np.zeros(len(weight)))


def _dense(builder: Builder, signal: Signal, weight: Array, bias: Array) -> Signal:
    """Over the last axis that is not time."""
    others = signal.entries.shape[:-2]
    parts = [builder.sum(part, weight, bias) for part in signal.entries.reshape(-1, signal.entries.shape[-2], 2)]
    return Signal(np.stack(parts).reshape(*others, len(weight), 2), signal.axis, signal.length)


def _gemm(builder: Builder, attributes: dict[str, Any], a: Signal, b: Array, c: Array | None = None) -> Signal:
    if attributes.get("transA", 0) or a.axis != 0 or not isinstance(b, np.ndarray):
        raise NotRead("a product along time")
    weight = attributes.get("alpha", 1.0) * (b if attributes.get("transB", 0) else b.T)
    bias = np.zeros(len(weight)) if c is None else attributes.get("beta", 1.0) * np.asarray(c, np.float64)
    return _dense(builder, a, weight, np.broadcast_to(bias.reshape(-1), len(weight)))


def _conv(builder: Builder, attributes: dict[str, Any], x: Signal, weight: Array, bias: Array | None = None) -> Signal:
    if x.axis != 2 or len(x.shape) != 3 or x.shape[0] != 1 or weight.ndim != 3:
        raise NotRead("a convolution over these shapes")
    if attributes.get("auto_pad", "NOTSET") != "NOTSET" or set(attributes.get("strides", [1])) != {1}:
        raise NotRead("a convolution with a stride, or padded by itself")
    (step,), (left, right) = attributes.get("dilations", [1]), attributes.get("pads", [0, 0])
    if step < 1 or left < 0 or right < 0:
        raise NotRead("a convolution with these steps")
    whole, taps = ungroup(weight, attributes.get("group", 1)), weight.shape[2]
    channels = x.entries[0]
    if whole.shape[1] != len(channels):
        raise NotRead("a convolution of other channels")
    entries = np.concatenate([shifted(channels, k * step - left) for k in range(taps)])
    summed = builder.sum(
        entries, np.concatenate([whole[:, :, k] for k in range(taps)], axis=1),
        np.zeros(len(whole)) if bias is None else bias,
    )  # fmt: skip
    return Signal(summed[None], 2, x.length + left + right - (taps - 1) * step)


def _batchnorm(
    builder: Builder, attributes: dict[str, Any], x: Signal, scale: Array, shift: Array, mean: Array, variance: Array
) -> Signal:
    if x.axis == 1 or attributes.get("training_mode", 0):
        raise NotRead("a normalization over time")
    factors = scale / np.sqrt(variance.astype(np.float64) + attributes.get("epsilon", 1e-5))
    over = (1, -1) + (1,) * (len(x.shape) - 2)
    scaled = _binary(builder, "Mul", x, factors.reshape(over))
    return _binary(builder, "Add", scaled, (shift - factors * mean).reshape(over))


def _cell(operator: str) -> Callable[..., Any]:
    def apply(
        builder: Builder,
        attributes: dict[str, Any],
        x: Signal,
        weight: Array,
        recurrent: Array,
        bias: Array | None = None,
        lengths: Array | None = None,
        hidden: Array | State | None = None,
        memory: Array | State | None = None,
    ) -> Any:
        kind, order = _GATES[operator]
        units = attributes.pop("hidden_size")
        reset = attributes.pop("linear_before_reset", 1 if operator == "LSTM" else 0)
        odd = [name for name, value in attributes.items() if _DEFAULTS.get(name) != value]
        if odd or reset != 1 or lengths is not None or len(x.shape) != 3 or weight.shape[0] != 1:
            raise NotRead(f"{operator} with {', '.join(odd) or 'these shapes'}")
        gates = len(order)
        both = np.zeros(2 * gates * units) if bias is None else bias[0]

        def sorted_(array: Array) -> Array:
            parts = np.split(np.asarray(array, np.float32), gates)
            return np.concatenate([parts[place] for place in order])

        states = [
            np.zeros(units, np.float32)
            if state is None
            else np.asarray(state.zeros if isinstance(state, State) else state, np.float32).reshape(units)
            for state in (hidden, memory)
        ]
        layer = CellLayer(
            kind, sorted_(weight[0]), sorted_(recurrent[0]), sorted_(both[: gates * units]),
            sorted_(both[gates * units :]), *states,
        )  # fmt: skip
        if x.axis == 1:
            return _windows(builder, x, layer)
        inputs, ahead = delayed(x.flat)
        if ahead or x.axis != 0 or x.shape[1] != 1 or layer.inputs != len(inputs):
            raise NotRead("a recurrent layer over other inputs")
        return builder.recurrent(Cells(units, inputs, layer), x, [hidden, memory])

    return apply


def _rnn(
    builder: Builder,
    attributes: dict[str, Any],
    x: Signal,
    weight: Array,
    recurrent: Array,
    bias: Array | None = None,
    lengths: Array | None = None,
    hidden: Array | State | None = None,
) -> Any:
    straight = [["Affine"], [1.0], [0.0]]
    if [attributes.get(name) for name in ("activations", "activation_alpha", "activation_beta")] != straight:
        raise NotRead("an RNN with a curve")
    inputs, ahead = delayed(x.flat)
    fits = weight.shape == (1, attributes["hidden_size"], len(inputs)) and recurrent.shape[1] == recurrent.shape[2]
    if ahead or x.axis != 0 or x.shape[1] != 1 or not fits or bias is not None or lengths is not None:
        raise NotRead("an RNN over these shapes")
    if isinstance(hidden, np.ndarray) and hidden.any():
        raise NotRead("an RNN that begins with something else than silence")
    return builder.recurrent(Poles(weight.shape[1], inputs, weight[0], recurrent[0]), x, [hidden])


def _windows(builder: Builder, x: Signal, layer: CellLayer) -> tuple[Any, Signal]:
    """The last units over windows, whose samples come one after another on the first axis; time is which window.

    All units over a window are of no use.
    """
    context, inputs = x.shape[0], x.entries[0, :, :]
    signal, rest = x.entries[:, 0], x.entries[:, 1:, 0]
    in_order = (signal == np.stack([np.zeros(context), np.arange(1 - context, 1)], axis=1)).all()
    if not in_order or (rest != rest[:1]).any() or layer.inputs != len(inputs):
        raise NotRead("a recurrent layer over other windows")
    taken = np.stack([inputs[:, 0], np.zeros(len(inputs), np.int64)], axis=1)
    return Last(0, False), Signal(builder.add(Windows(layer.units, taken, layer, context))[None], 1, x.length)


def _shape(builder: Builder, attributes: dict[str, Any], signal: Signal) -> Array:
    return np.array(signal.shape[attributes.get("start", 0) : attributes.get("end")], np.int64)


def _reshape(builder: Builder, attributes: dict[str, Any], signal: Signal, shape: Array) -> Signal:
    sizes, before = [int(size) for size in shape], signal.shape
    if not attributes.get("allowzero", 0):
        sizes = [before[n] if size == 0 else size for n, size in enumerate(sizes)]
    count = len(signal.flat)
    known = math.prod(size for size in sizes if size not in (-1, signal.length))
    if signal.length in sizes:
        axis = sizes.index(signal.length)
        sizes = [count // known if size == -1 else size for size in sizes]
    else:
        axis = sizes.index(-1)
    others = sizes[:axis] + sizes[axis + 1 :]
    if math.prod(others) != count or math.prod(others[:axis]) != math.prod(before[: signal.axis]):
        raise NotRead("time mixed with other axes")
    return Signal(signal.entries.reshape(*others, 2), axis, signal.length)


def _transpose(builder: Builder, attributes: dict[str, Any], signal: Signal) -> Signal:
    order = attributes["perm"]
    others = [place - (place > signal.axis) for place in order if place != signal.axis]
    return Signal(signal.entries.transpose(*others, len(others)), order.index(signal.axis), signal.length)


def _squeeze(builder: Builder, attributes: dict[str, Any], signal: Signal, axes: Array | None = None) -> Signal:
    shape = signal.shape
    given = axes if axes is not None else attributes.get("axes")
    gone = (
        {place for place, size in enumerate(shape) if size == 1 and place != signal.axis}
        if given is None
        else {int(place) % len(shape) for place in given}
    )
    if signal.axis in gone or any(shape[place] != 1 for place in gone):
        raise NotRead("an axis that is not one element")
    left = [size for place, size in enumerate(shape) if place not in gone and place != signal.axis]
    axis = signal.axis - sum(place < signal.axis for place in gone)
    return Signal(signal.entries.reshape(*left, 2), axis, signal.length)


def _unsqueeze(builder: Builder, attributes: dict[str, Any], signal: Signal, axes: Array | None = None) -> Signal:
    given = axes if axes is not None else attributes["axes"]
    rank = len(signal.shape) + len(given)
    new = {int(place) % rank for place in given}
    left = iter(signal.shape)
    sizes = [1 if place in new else next(left) for place in range(rank)]
    axis = [place for place in range(rank) if place not in new][signal.axis]
    return Signal(signal.entries.reshape(*sizes[:axis], *sizes[axis + 1 :], 2), axis, signal.length)


def _slice(
    builder: Builder,
    attributes: dict[str, Any],
    signal: Signal,
    starts: Array,
    stops: Array,
    axes: Array | None = None,
    steps: Array | None = None,
) -> Signal | Tail:
    if steps is not None and set(steps.tolist()) != {1}:
        raise NotRead("a slice in steps")
    rank = len(signal.shape)
    for start, stop, axis in zip(
        starts.tolist(), stops.tolist(), range(rank) if axes is None else axes.tolist(), strict=False
    ):
        place = axis % rank
        if place == signal.axis:
            first = start + signal.length if start < 0 else start
            last = stop + signal.length if stop < 0 else min(stop, signal.length)
            if not 0 <= first < last:
                raise NotRead("a slice of nothing")
            if -_LONGEST_TAIL < start < 0 and last == signal.length > 2 * _LONGEST_TAIL:  # of open length: only a state
                return Tail(signal, -start)
            signal = signal.later(first, last - first)
        else:
            index: list[slice] = [slice(None)] * (place - (place > signal.axis))
            signal = Signal(signal.entries[(*index, slice(start, stop))], signal.axis, signal.length)
    return signal


def _split(
    builder: Builder, attributes: dict[str, Any], signal: Signal, sizes: Array | None = None
) -> tuple[Signal, ...]:
    place = attributes.get("axis", 0) % len(signal.shape)
    if place == signal.axis:
        raise NotRead("a split along time")
    axis, whole = place - (place > signal.axis), signal.shape[place]
    if sizes is None:
        count = attributes["num_outputs"]
        sizes = np.array([-(-whole // count)] * (count - 1) + [whole - (count - 1) * -(-whole // count)])
    parts = np.split(signal.entries, np.cumsum(sizes)[:-1], axis=axis)
    return tuple(Signal(part, signal.axis, signal.length) for part in parts)


def _gather(builder: Builder, attributes: dict[str, Any], signal: Signal, indices: Array) -> Signal:
    place = attributes.get("axis", 0) % len(signal.shape)
    if place == signal.axis or indices.ndim > 1:
        raise NotRead("a choice along time")
    axis = signal.axis - (indices.ndim == 0 and place < signal.axis)
    return Signal(signal.entries.take(indices, axis=place - (place > signal.axis)), axis, signal.length)


def _concat(builder: Builder, attributes: dict[str, Any], *parts: Any) -> Signal:
    signals = [part for part in parts if isinstance(part, Signal)]
    place = attributes["axis"] % len(signals[0].shape)
    if place == signals[0].axis:
        before, signal = parts  # zeros that came before
        if not isinstance(before, State | np.ndarray) or not isinstance(signal, Signal):
            raise NotRead("signals one after another")
        if isinstance(before, np.ndarray) and before.any():
            raise NotRead("a signal after something else than silence")
        longer = signal.later(-before.shape[place], signal.length + before.shape[place])
        if isinstance(before, State):
            builder.carry(before, Tail(longer, before.shape[place]))
        return longer
    if len(signals) != len(parts):
        raise NotRead("a constant beside signals")
    _same_time(signals)
    axis = place - (place > signals[0].axis)
    return Signal(np.concatenate([signal.entries for signal in signals], axis), signals[0].axis, signals[0].length)


def _pad(
    builder: Builder,
    attributes: dict[str, Any],
    signal: Signal,
    pads: Array,
    value: Array | None = None,
    axes: Array | None = None,
) -> Signal:
    rank = len(signal.shape)
    if attributes.get("mode", "constant") != "constant" or (value is not None and np.any(value)):
        raise NotRead("a pad with something else than zeros")
    both = pads.reshape(2, -1).tolist()
    sides = dict(zip(range(rank) if axes is None else (axes % rank).tolist(), zip(*both, strict=True), strict=True))
    left, right = sides.pop(signal.axis, (0, 0))
    if any(any(side) for side in sides.values()) or left < 0:
        raise NotRead("a pad beside time")
    return signal.later(-left, signal.length + left + right)


def _same(builder: Builder, attributes: dict[str, Any], signal: Signal) -> Signal:
    if attributes.get("to", 1) not in (1, 10, 11):
        raise NotRead("a signal cast to whole numbers")
    return signal


OVER_TIME: dict[str, Callable[..., Any]] = {
    **{name: _arithmetic(name) for name in ("Add", "Sub", "Mul", "Div")},
    **{name: _curve(curve) for name, curve in (
        ("Tanh", "Tanh"), ("Sigmoid", "Sigmoid"), ("Relu", "ReLU"), ("Softsign", "Softsign"), ("HardSwish", "Hardswish"),
    )},
    **{name: _cell(name) for name in _GATES},
    "BatchNormalization": _batchnorm, "Cast": _same, "Clip": _clip, "Concat": _concat, "Conv": _conv, "Elu": _elu,
    "Gather": _gather, "Gemm": _gemm, "Identity": _same, "LeakyRelu": _leaky, "MatMul": _matmul, "PRelu": _prelu, "RNN": _rnn,
    "Pad": _pad, "Reshape": _reshape, "Shape": _shape, "Slice": _slice, "Split": _split, "Squeeze": _squeeze,
    "Transpose": _transpose, "Unsqueeze": _unsqueeze,
}  # fmt: skip


def _divided(attributes: Mapping[str, Any], a: Array, b: Array) -> tuple[Array]:
    return (a // b if np.asarray(a).dtype.kind == "i" else a / b,)


def _chosen(attributes: Mapping[str, Any], x: Array, indices: Array) -> tuple[Array]:
    return (np.take(x, indices, axis=attributes.get("axis", 0)),)


def _filled(attributes: Mapping[str, Any], shape: Array) -> tuple[Array]:
    value = attributes.get("value", np.zeros(1, np.float32))
    if math.prod(shape.tolist()) > LARGEST_WEIGHTS:
        raise NotRead("too large")
    return (np.full(shape.tolist(), value.reshape(())),)


def _cut(
    attributes: Mapping[str, Any], x: Array, starts: Array, stops: Array, axes: Array | None = None, steps: Any = None
) -> tuple[Array]:
    index: list[slice] = [slice(None)] * x.ndim
    places = range(x.ndim) if axes is None else axes.tolist()
    by = [1] * len(starts) if steps is None else steps.tolist()
    for start, stop, axis, step in zip(starts.tolist(), stops.tolist(), places, by, strict=False):
        index[axis] = slice(start, stop if step > 0 or stop > -(1 << 60) else None, step)
    return (x[tuple(index)],)


def _without(attributes: Mapping[str, Any], x: Array, axes: Array | None = None) -> tuple[Array]:
    given = axes if axes is not None else attributes.get("axes")
    return (np.squeeze(x) if given is None else np.squeeze(x, tuple(int(axis) for axis in given)),)


def _with(attributes: Mapping[str, Any], x: Array, axes: Array | None = None) -> tuple[Array]:
    given = axes if axes is not None else attributes["axes"]
    return (np.expand_dims(x, tuple(int(axis) for axis in given)),)


WITHOUT_TIME: dict[str, Callable[..., tuple[Array, ...]]] = OPERATORS | {
    "Cast": lambda attributes, x: (x.astype(np.int64 if attributes["to"] in (6, 7) else np.float32),),
    "Constant": lambda attributes: (attributes["value"],),
    "ConstantOfShape": _filled,
    "Div": _divided,
    "Gather": _chosen,
    "Identity": lambda attributes, x: (x,),
    "Neg": lambda attributes, x: (-x,),
    "Slice": _cut,
    "Squeeze": _without,
    "Unsqueeze": _with,
}
