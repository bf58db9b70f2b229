"""ONNX graphs as programs (``engine/program.py``), as far as their operators treat every sample alike."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from drywet.engine.contract import Array
from drywet.engine.film import Film
from drywet.engine.graph import Node
from drywet.engine.graphs.operators import OVER_TIME, WITHOUT_TIME
from drywet.engine.graphs.stand_ins import Builder, KnobValue, Last, NotRead, Signal, State, Tail, nothing, small
from drywet.engine.program import Knobs, Program, simplified
from drywet.errors import ModelFileError

OPEN = 1 << 40  # samples of a time axis whose length the graph leaves open
_MOST_NODES = 4000


def lowered(
    nodes: Sequence[Node],
    constants: Mapping[str, Array | State],
    source: tuple[str, tuple[int, ...], int],
    result: str,
    knobs: tuple[str, int] = ("", 0),
    words: str = "",
) -> Program:
    """The graph from one input to one output as a program.

    Parameters
    ----------
    constants : mapping
        Weights and states. Whoever plays a signal in one piece needs no states, so they only have to become what carries on.
    source : (str, shape, int)
        The input, how large it is, and which axis is time; all others have one element.
    knobs : (str, int)
        The input that knobs are, and how many.

    Raises
    ------
    NotRead
    """
    makers = {name: node for node in nodes for name in node.outputs if name}
    name, shape, axis = source
    builder = Builder(knobs[1])
    entries = np.zeros((*shape[:axis], *shape[axis + 1 :], 2), np.int64)
    if entries.size != 2 or len(nodes) > _MOST_NODES:
        raise NotRead("the input is more than one signal, or the graph has too many nodes")
    values: dict[str, Any] = {"": None, **constants, name: Signal(entries, axis, shape[axis])}
    if knobs[1]:
        values[knobs[0]] = KnobValue((knobs[1],), lambda given: given)
    try:
        states = [value for value in constants.values() if isinstance(value, State)]
        for node in _needed(nodes, makers, [result, *(f"{state.name}_next" for state in states)], values):
            given = [values[name] for name in node.inputs]
            results = _play(builder, node, given)
            values.update(zip(node.outputs, results, strict=False))
        for state in states:
            builder.check(state, values.get(f"{state.name}_next"))
        wet = values[result]
        if not isinstance(wet, Signal) or len(wet.flat) != 1:
            raise NotRead("the output is not one signal")
        (row, lead) = wet.flat[0].tolist()
        lead -= shape[axis] - wet.length if wet.length < shape[axis] else 0  # convolutions that leave out the beginning
        if lead > 0 or wet.length > shape[axis]:
            raise NotRead("the output looks ahead")
        return Program(*simplified(builder.blocks, (row, -lead)), knobs[1], words, tuple(builder.films))
    except (ModelFileError, ValueError, IndexError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise NotRead(str(error)) from None


def _needed(
    nodes: Sequence[Node], makers: Mapping[str, Node], results: list[str], known: Mapping[str, Any]
) -> list[Node]:
    """The nodes that ``results`` depend on, in order."""
    wanted, seen = list(results), set()
    while wanted:
        name = wanted.pop()
        node = makers.get(name)
        if name not in known and node is not None and id(node) not in seen:
            seen.add(id(node))
            wanted += node.inputs
    return [node for node in nodes if id(node) in seen]


def _play(builder: Builder, node: Node, given: list[Any]) -> tuple[Any, ...]:
    """What the node makes of stand-ins."""
    if not any(isinstance(value, Signal) for value in given):
        return _without_time(builder, node, given)
    operator = OVER_TIME.get(node.operator)
    if operator is None:
        raise NotRead(f"{node.operator} over time")
    found = operator(builder, dict(node.attributes), *given)
    return found if isinstance(found, tuple) else (found,)


def _without_time(builder: Builder, node: Node, given: list[Any]) -> tuple[Any, ...]:
    operator = WITHOUT_TIME.get(node.operator)
    if operator is None or any(isinstance(value, State | Tail | Last) for value in given):
        raise NotRead(f"{node.operator}{' of a state' if operator is not None else ''}")
    attributes = node.attributes
    if node.operator == "Expand" and isinstance(given[0], KnobValue) and (given[1] >= OPEN).any():
        return (_spread(builder, given[0], given[1]),)
    if not any(isinstance(value, KnobValue) for value in given):
        with np.errstate(all="ignore"):
            return tuple(small(np.asarray(result)) for result in operator(attributes, *given))

    last: dict[bytes, Array] = {}

    def value(knobs: Array) -> Array:
        at = knobs.tobytes()
        if at not in last:  # many steps ask for the same
            known = [one.value(knobs) if isinstance(one, KnobValue) else one for one in given]
            last.clear()
            with np.errstate(all="ignore"):
                last[at] = operator(attributes, *known)[0]
        return last[at]

    made = KnobValue(small(value(builder.knobs)).shape, value, node.operator, tuple(given))
    film = _film(made)
    if film is not None:
        builder.films.append(film)
    return (made,)


def _spread(builder: Builder, knobs: KnobValue, shape: Array) -> Signal:
    """Knobs over an axis of time."""
    (axis,) = np.flatnonzero(shape >= OPEN).tolist()
    others = tuple(int(size) for size in np.delete(shape, axis))
    count = math.prod(knobs.shape)
    rows = np.arange(count).reshape((1,) * (len(shape) - len(knobs.shape)) + knobs.shape)
    if rows.shape[axis] != 1:
        raise NotRead("knobs along time")
    made = builder.add(Knobs(count, nothing(), lambda given: np.ravel(knobs.value(given))))
    return Signal(made[np.broadcast_to(rows.take(0, axis), others)], axis, int(shape[axis]))


def _film(value: KnobValue) -> Film | None:
    """The layers of knobs that end in ``value``, if they are as drywet writes them (``export/onnx.py``)."""
    found: list[Any] = []
    for operator in ("Add", "MatMul", "Tanh", "Add", "MatMul", "Sub", "Mul"):
        given = value.taken(operator)
        inner = [part for part in given if isinstance(part, KnobValue)]
        if len(inner) != 1:
            return None
        found += [part for part in given if not isinstance(part, KnobValue)]
        (value,) = inner
    spread_bias, spread, bend_bias, bend, one, two = found
    if value.operator or np.any(one != 1) or np.any(two != 2):
        return None
    return Film(bend, bend_bias, spread, spread_bias)
