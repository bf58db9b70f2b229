"""What network an ONNX graph is: a recurrent one, a stack, a filter, a window LSTM, or at least a program."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from drywet.engine.activations import Activation
from drywet.engine.contract import LARGEST_WEIGHTS, Array, Network, folded
from drywet.engine.convolution import Convolution, Stack
from drywet.engine.graph import Graph, Node
from drywet.engine.graphs.lowering import OPEN, lowered
from drywet.engine.graphs.pole_banks import state_space
from drywet.engine.graphs.stand_ins import NotRead, State
from drywet.engine.linear import Linear
from drywet.engine.program import Bent, Block, Cells, Knobs, Poles, Program, Sum, Windows
from drywet.engine.recurrent import CellLayer, Recurrent
from drywet.engine.window_lstm import WindowLSTM
from drywet.errors import ModelFileError


def graph_network(graph: Graph) -> Network:
    """``graph`` as a network that can be compiled; itself where its nodes are not those of one."""
    constants: dict[str, Array | State] = dict(graph.constants)
    constants |= {name: State(name, shape) for name, shape in graph.states.items()}
    try:
        return recognised(
            lowered(graph.nodes, constants, ("dry", (OPEN,), 0), "wet", ("knobs", graph.knobs), graph.words)
        )
    except (NotRead, ModelFileError):
        return graph


def other_network(
    nodes: Sequence[Node],
    constants: Mapping[str, Array],
    inputs: Mapping[str, tuple[int, ...]],
    outputs: Sequence[str],
    where: str,
) -> Network:
    """The network in a graph of another program: the first input is dry, the first output wet, other inputs are zero.

    Time is an axis of open length, or else one of more than one element.

    Raises
    ------
    ModelFileError
        If the graph is none that drywet can play.
    """
    given = {name: shape for name, shape in inputs.items() if name not in constants}
    if not given or not outputs:
        raise ModelFileError(f"{where}: the graph takes or gives nothing")
    (name, shape), *states = given.items()
    zeros = {state: np.zeros([max(size, 1) for size in shape], np.float32) for state, shape in states
             if math.prod(max(size, 1) for size in shape) <= LARGEST_WEIGHTS}  # fmt: skip
    reason = f"it takes {name!r} of shape {shape}, where one signal is read"
    for axis in sorted(range(len(shape)), key=lambda place: -1 if shape[place] == -1 else -shape[place]):
        others = shape[:axis] + shape[axis + 1 :]
        if any(size not in (1, -1) for size in others) or shape[axis] in (0, 1):
            continue
        length = OPEN if shape[axis] == -1 else shape[axis]
        sizes = tuple(length if place == axis else 1 for place in range(len(shape)))
        try:
            found = recognised(lowered(nodes, {**constants, **zeros}, (name, sizes, axis), outputs[0]))
            if isinstance(found, WindowLSTM):  # several open axes: this one was that of windows, not of time
                raise NotRead("one output for a whole signal")
            return found
        except NotRead as error:
            reason = str(error)
    raise ModelFileError(
        f"{where}: the graph is none that drywet can play ({reason}); read are recurrent layers, convolutions that look "
        "back only, dense layers and curves, from one signal to one signal"
    )


def recognised(program: Program) -> Network:
    """The network of another kind that ``program`` is, else itself.

    Raises
    ------
    NotRead
        If a part of it is played in networks of another kind only.
    """
    for read in (_recurrent, _window_lstm, state_space, _stack):
        found = read(program)
        if found is not None:
            return found
    if any(isinstance(block, Windows | Poles) for block in program.blocks):
        raise NotRead("windows, or filter banks, in a network of another shape")
    return program


def _rows(program: Program, number: int) -> list[int]:
    return list(range(program.starts[number], program.starts[number + 1]))


def _taken(block: Block) -> list[int] | None:
    """The rows that ``block`` takes, in order; None where it looks back."""
    return block.inputs[:, 0].tolist() if not block.inputs[:, 1].any() else None


def _inputs(program: Program) -> list[int] | None:
    """The rows of dry and the knobs as they stand; None where something else is made of knobs."""
    rows = [0]
    for number, block in enumerate(program.blocks):
        if isinstance(block, Knobs):
            turned = np.random.default_rng(0).uniform(size=(3, program.knobs))
            if len(rows) > 1 or any(not np.array_equal(block.values(knobs), knobs) for knobs in turned):
                return None
            rows += _rows(program, number)
    return rows if len(rows) == 1 + program.knobs else None


def _head(program: Program, number: int) -> tuple[Array, float, float] | None:
    """Weights for the rows of block ``number``, bias and share of dry where the last block is their sum and wet."""
    last = program.blocks[-1]
    if not isinstance(last, Sum) or program.output != (program.starts[-2], 0) or last.count != 1:
        return None
    taken, rows = _taken(last), _rows(program, number)
    if taken is None or set(taken) - {0} - set(rows):
        return None
    weight = dict(zip(taken, last.weight[0].tolist(), strict=True))
    return folded([weight.get(row, 0.0) for row in rows]), float(last.bias[0]), weight.get(0, 0.0)


def _recurrent(program: Program) -> Network | None:
    taken, layers = _inputs(program), []
    for number, block in enumerate(program.blocks[:-1]):
        if isinstance(block, Cells) and _taken(block) == taken:
            taken = _rows(program, number)
            layers.append(block.layer)
        elif number and not isinstance(block, Knobs):
            return None
    head = _head(program, len(program.blocks) - 2) if layers else None
    if head is None or len({layer.cell for layer in layers}) != 1:
        return None
    return Recurrent(tuple(layers), *head)


def _window_lstm(program: Program) -> Network | None:
    numbers = [number for number, block in enumerate(program.blocks) if isinstance(block, Windows)]
    if len(numbers) != 1 or len(program.blocks) != numbers[0] + 2:
        return None
    block, head = program.blocks[numbers[0]], _head(program, numbers[0])
    if not isinstance(block, Windows) or head is None or _taken(block) != _inputs(program):
        return None
    return WindowLSTM(Recurrent((block.layer,), *head), block.context)


def _stack(program: Program) -> Network | None:
    before = _inputs(program)
    if before is None:
        return None
    layers: list[Convolution | CellLayer] = []
    dry_gain, last = 0.0, len(program.blocks) - 1
    for number, block in enumerate(program.blocks):
        if number == 0 or isinstance(block, Knobs):
            continue
        if isinstance(block, Sum):
            layer, dry_gain = _convolution(block, before, number == last and before[0] != 0)
            if layer is None:
                return None
            layers.append(layer)
        elif _taken(block) != before:
            return None
        elif isinstance(block, Cells):
            layers.append(block.layer)
        elif isinstance(block, Bent):
            one = layers[-1] if layers else None
            if isinstance(one, Convolution) and one.activation.name == "Identity":
                layers[-1] = replace(one, activation=block.activation)
            else:
                layers.append(
                    Convolution(
                        folded(np.eye(len(before))[:, :, None]), folded([0.0] * len(before)), 1, block.activation
                    )
                )
        else:
            return None
        before = _rows(program, number)
    if program.output != (before[0], 0) or len(before) != 1:
        return None
    only = layers[0] if len(layers) == 1 and not program.knobs else None
    if isinstance(only, Convolution) and only.activation.name == "Identity":
        taps = np.zeros(only.past + 1)
        taps[only.past - np.arange(only.weight.shape[2]) * only.dilation] = only.weight[0, 0]
        return Linear(folded(taps), float(only.bias[0]))
    return Stack(tuple(layers), dry_gain) if layers else None


def _convolution(block: Sum, before: list[int], with_dry: bool) -> tuple[Convolution | None, float]:
    """The sum as a convolution over the rows ``before``, and the share of dry beside it."""
    place = {row: n for n, row in enumerate(before)}
    delays = block.inputs[:, 1].tolist()
    step = math.gcd(*delays) or 1
    taps, dry_gain = max(delays, default=0) // step + 1, 0.0
    if taps * len(before) * block.count > LARGEST_WEIGHTS or taps > 8 * (1 + len(set(delays))):  # mostly gaps
        return None, 0.0
    weight = np.zeros((block.count, len(before), taps))
    for (row, delay), column in zip(block.inputs.tolist(), block.weight.T, strict=True):
        if row in place:
            weight[:, place[row], taps - 1 - delay // step] += column
        elif row == 0 and delay == 0 and with_dry and block.count == 1:
            dry_gain = float(column[0])
        else:
            return None, 0.0
    return Convolution(folded(weight), folded(block.bias), step, Activation()), dry_gain
