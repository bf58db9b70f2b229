"""A network as rows of signal: what ONNX graphs are read as, so that any of them can be compiled.

Every row is one signal over time, and every block makes some rows from earlier ones. What a graph does to axes, and the
state that it carries, is gone: a block just looks some samples back in the rows it takes.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from drywet.engine.activations import Activation
from drywet.engine.contract import LARGEST_FIELD, LARGEST_PAST, Array, Network, limit
from drywet.engine.film import Film
from drywet.engine.recurrent import CellLayer, CellRunner
from drywet.errors import ModelFileError

OfKnobs = Callable[[Array], Array]  # (count,) from knobs (C,)


@dataclass(frozen=True, eq=False)
class Block:
    """``count`` rows made of others.

    Attributes
    ----------
    count : int
    inputs : array of int, shape (N, 2)
        A row of the program, and how many samples earlier it is read.
    """

    count: int
    inputs: Array


@dataclass(frozen=True, eq=False)
class Dry(Block):
    """The input; always row 0."""


@dataclass(frozen=True, eq=False)
class Knobs(Block):
    """What the knobs make: the same at every sample."""

    values: OfKnobs


@dataclass(frozen=True, eq=False)
class Sum(Block):
    """``weight`` (count, N) times the inputs, plus ``bias`` (count,)."""

    weight: Array
    bias: Array


@dataclass(frozen=True, eq=False)
class Bent(Block):
    """Each input under a curve."""

    activation: Activation


@dataclass(frozen=True, eq=False)
class Product(Block):
    """The first half of the inputs times the second."""


@dataclass(frozen=True, eq=False)
class Turned(Block):
    """Each input times one number that the knobs make, plus another."""

    factors: OfKnobs
    shifts: OfKnobs


@dataclass(frozen=True, eq=False)
class Cells(Block):
    """The units of a recurrent layer over the inputs."""

    layer: CellLayer


@dataclass(frozen=True, eq=False)
class Windows(Block):
    """The last units of a layer over the last ``context`` samples, see ``window_lstm.py``; the inputs are dry and knobs."""

    layer: CellLayer
    context: int


@dataclass(frozen=True, eq=False)
class Poles(Block):
    """``x[t] = turn x[t-1] + into inputs[t]``: an RNN without curve, as recursive filters are written in ONNX."""

    into: Array
    turn: Array


@dataclass(eq=False)
class Program(Network):
    """Blocks in order.

    Attributes
    ----------
    blocks : tuple of Block
        The first is Dry.
    output : (int, int)
        The row that is wet, and how many samples earlier.
    knob_count : int
    words : str
        What the file says the network is.
    films : tuple of Film
        The layers of knobs that were found.
    """

    kind = "program"

    blocks: tuple[Block, ...]
    output: tuple[int, int]
    knob_count: int
    words: str = ""
    films: tuple[Film, ...] = ()
    starts: list[int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.starts = np.cumsum([0, *(block.count for block in self.blocks)]).tolist()
        reading = np.concatenate([*(block.inputs for block in self.blocks), [self.output]])
        if not ((reading >= 0) & (reading < [[self.starts[-1], LARGEST_FIELD]])).all():
            raise ModelFileError("a part of the graph takes what does not exist, or lies too far back")
        self.pasts = [0] * len(self.blocks)
        of_row = np.repeat(np.arange(len(self.blocks)), np.diff(self.starts))
        for row, delay in reading.tolist():
            self.pasts[of_row[row]] = max(self.pasts[of_row[row]], delay)
        kept = sum(past * block.count for past, block in zip(self.pasts, self.blocks, strict=True))
        limit(kept, LARGEST_PAST, "samples of past in all rows")
        self.of_row = of_row.tolist()
        limit(self.receptive_field or 1, LARGEST_FIELD, "samples of past")
        self.reset()

    @property
    def knobs(self) -> int:
        return self.knob_count

    @property
    def receptive_field(self) -> int | None:
        reach = np.zeros(self.starts[-1], np.int64)
        for block, start in zip(self.blocks, self.starts, strict=False):
            if isinstance(block, Cells):
                return None
            if len(block.inputs):
                reach[start : start + block.count] = (reach[block.inputs[:, 0]] + block.inputs[:, 1]).max()
        return 1 + int(reach[self.output[0]]) + self.output[1]

    def reset(self) -> None:
        self._past = [np.zeros((block.count, past)) for block, past in zip(self.blocks, self.pasts, strict=True)]
        self._runners: list[CellRunner | None] = [
            block.layer.runner() if isinstance(block, Cells) else None for block in self.blocks
        ]

    def process(self, dry: Array, knobs: Array) -> Array:
        dry, knobs = np.asarray(dry, np.float64), np.asarray(knobs, np.float64)
        rows: list[Array] = []  # of each block, with its past before them

        def read(row: int, delay: int) -> Array:
            block = self.of_row[row]
            first = self.pasts[block] - delay
            return rows[block][row - self.starts[block], first : first + len(dry)]

        for block, past, runner in zip(self.blocks, self._past, self._runners, strict=True):
            given = np.stack([read(*one) for one in block.inputs.tolist()] or [dry])
            rows.append(np.concatenate([past, _made(block, given, knobs, runner)], axis=1))
        self._past = [whole[:, len(dry) :] for whole in rows]
        return read(*self.output).copy()

    def cost(self) -> int:
        return sum(
            int(np.count_nonzero(block.weight)) if isinstance(block, Sum)
            else block.layer.input_weight.size + block.layer.recurrent_weight.size if isinstance(block, Cells)
            else block.count if isinstance(block, Turned | Product) else 0
            for block in self.blocks
        )  # fmt: skip

    def describe(self) -> str:
        return f"graph in {len(self.blocks)} steps{f': {self.words}' if self.words else ''}"


def _made(block: Block, given: Array, knobs: Array, runner: CellRunner | None) -> Array:
    """The rows of ``block`` (count, T) from its inputs (N, T)."""
    if isinstance(block, Knobs):
        return np.repeat(block.values(knobs)[:, None], given.shape[1], axis=1)
    if isinstance(block, Sum):
        return block.weight @ given + block.bias[:, None] if len(block.inputs) else np.repeat(
            block.bias[:, None], given.shape[1], axis=1
        )  # fmt: skip
    if isinstance(block, Bent):
        return block.activation(given)
    if isinstance(block, Product):
        return given[: block.count] * given[block.count :]
    if isinstance(block, Turned):
        return block.factors(knobs)[:, None] * given + block.shifts(knobs)[:, None]
    if runner is not None:
        return runner.process(given.T).T
    return given


def simplified(blocks: list[Block], output: tuple[int, int]) -> tuple[tuple[Block, ...], tuple[int, int]]:
    """The same with sums of sums as one where that costs nothing, and without what nobody takes."""
    starts = np.cumsum([0, *(block.count for block in blocks)]).tolist()
    of_row = np.repeat(np.arange(len(blocks)), np.diff(starts)).tolist()
    uses = np.zeros(starts[-1], np.int64)
    for block in blocks:
        np.add.at(uses, block.inputs[:, 0], 1)
    uses[output[0]] += 1
    # A gain goes into any sum; a weighted sum only into one that has one place for it, and that alone takes it.
    gain, weighted = (np.zeros(starts[-1], bool) for _ in range(2))
    blocks = list(blocks)
    for number, block in enumerate(blocks):
        if isinstance(block, Sum):
            rows = block.inputs[:, 0]
            alone = weighted[rows] & (uses[rows] == 1) & (np.count_nonzero(block.weight, axis=0) == 1)
            chosen = np.flatnonzero(gain[rows] | alone)
            blocks[number] = block = _inlined(block, chosen.tolist(), blocks, starts, of_row, uses)
            own = slice(starts[number], starts[number + 1])
            gain[own] = np.count_nonzero(block.weight, axis=1) <= 1
            weighted[own] = ((block.weight != 0) & (block.weight != 1)).any(axis=1)
    return _living(blocks, starts, of_row, output)


def _inlined(
    block: Sum, chosen: list[int], blocks: list[Block], starts: list[int], of_row: list[int], uses: Array
) -> Sum:
    """``block`` with the ``chosen`` inputs, which are sums, replaced by what they are sums of."""
    bias, left = block.bias.copy(), np.ones(len(block.inputs), bool)
    inputs, columns = [], []
    for n in chosen:
        row, delay = block.inputs[n].tolist()
        below, own = blocks[of_row[row]], row - starts[of_row[row]]
        if not isinstance(below, Sum) or (delay and below.bias[own]):  # before the beginning rows are zero
            continue
        found = np.flatnonzero(below.weight[own])
        left[n] = False
        bias += below.bias[own] * block.weight[:, n]
        inputs.append(below.inputs[found] + np.array([0, delay]))
        columns.append(block.weight[:, n : n + 1] * below.weight[own, found])
        uses[row] -= 1
        np.add.at(uses, below.inputs[found, 0], 1)
    if not inputs:
        return block
    taken = np.concatenate([block.inputs[left], *inputs])
    weight = np.concatenate([block.weight[:, left], *columns], axis=1)
    different, place = np.unique(taken, axis=0, return_inverse=True)
    merged = np.zeros((len(different), block.count))
    np.add.at(merged, place.ravel(), weight.T)
    return Sum(block.count, different, merged.T, bias)


def _living(
    blocks: list[Block], starts: list[int], of_row: list[int], output: tuple[int, int]
) -> tuple[tuple[Block, ...], tuple[int, int]]:
    needed = {0, of_row[output[0]]}
    for number in range(len(blocks) - 1, -1, -1):
        if number in needed:
            needed |= {of_row[row] for row in blocks[number].inputs[:, 0].tolist()}
    moved, kept, end = np.zeros(starts[-1], np.int64), [], 0
    for number in sorted(needed):
        block = blocks[number]
        moved[starts[number] : starts[number + 1]] = range(end, end + block.count)
        end += block.count
        inputs = np.stack([moved[block.inputs[:, 0]], block.inputs[:, 1]], axis=1)
        kept.append(type(block)(**vars(block) | {"inputs": inputs}))
    return tuple(kept), (int(moved[output[0]]), output[1])
