"""What stands for tensors while a graph is walked through, and the program that grows meanwhile.

A constant is itself. A tensor with a time axis is an array of its other axes that says for each element which row of the
program it is, and by how many samples it is ahead: reshaping, cutting and padding only move these around.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from drywet.engine.contract import LARGEST_WEIGHTS, Array
from drywet.engine.film import Film
from drywet.engine.program import Block, Dry, OfKnobs, Sum

_MOST_ROWS, _MOST_NUMBERS = 1 << 13, 1 << 23


class NotRead(Exception):
    """This graph cannot be read as rows of signal."""


@dataclass(frozen=True)
class Signal:
    """A tensor over time: ``entries`` (..., 2) are its other axes, a row and its lead for each element.

    Element i along time is the row at sample i + lead. ``axis`` is where time stands, ``length`` how long it is.
    """

    entries: Array
    axis: int
    length: int

    @property
    def shape(self) -> tuple[int, ...]:
        others = list(self.entries.shape[:-1])
        return (*others[: self.axis], self.length, *others[self.axis :])

    @property
    def flat(self) -> Array:
        return self.entries.reshape(-1, 2)

    def raised(self, rank: int) -> "Signal":
        """With axes of one element in front."""
        more = rank - len(self.shape)
        return Signal(self.entries.reshape((1,) * more + self.entries.shape), self.axis + more, self.length)

    def later(self, samples: int, length: int) -> "Signal":
        """What begins so many samples further on, and is so long."""
        return Signal(shifted(self.entries, samples), self.axis, length)


@dataclass(frozen=True)
class State:
    """An input that the graph gives back for the next block; zeros at first."""

    name: str
    shape: tuple[int, ...]

    @property
    def zeros(self) -> Array:
        return np.zeros(self.shape, np.float32)


@dataclass(frozen=True)
class Tail:
    """The last samples of a signal."""

    signal: Signal
    samples: int


@dataclass(frozen=True)
class Last:
    """The last units or memory of a recurrent layer, whose units begin at row ``rows``."""

    rows: int
    memory: bool


@dataclass(frozen=True)
class KnobValue:
    """What knobs alone make, and by which operator from what."""

    shape: tuple[int, ...]
    value: OfKnobs
    operator: str = ""
    given: tuple[Any, ...] = ()

    def taken(self, operator: str) -> tuple[Any, ...]:
        return self.given if self.operator == operator else (None,) * 2


class Builder:
    """The blocks so far."""

    def __init__(self, knobs: int):
        self.knobs = np.full(knobs, 0.5)
        self.blocks: list[Block] = [Dry(1, np.zeros((0, 2), np.int64))]
        self.rows, self.numbers = 1, 0
        self.films: list[Film] = []
        self.carried: dict[str, Tail | Last] = {}  # what each state has to become

    def carry(self, state: State, becomes: Tail | Last) -> None:
        """The state is remembered by one part of the graph, which has to give it back."""
        if state.name in self.carried:
            raise NotRead("a state of two parts")
        self.carried[state.name] = becomes

    def check(self, state: State, following: Any) -> None:
        """NotRead unless ``following`` carries on what is remembered in the state."""
        wanted, same = self.carried.get(state.name), False
        if isinstance(wanted, Tail) and isinstance(following, Tail):
            one, two = wanted.signal, following.signal
            same = (wanted.samples, one.axis, one.length) == (following.samples, two.axis, two.length)
            same = same and np.array_equal(one.entries, two.entries)
        elif isinstance(wanted, Last) and isinstance(following, Last):
            same = wanted.rows == following.rows and wanted.memory == following.memory
        if not same:
            raise NotRead("a state that is not carried on")

    def add(self, block: Block, ahead: int = 0) -> Array:
        """The entries of a new block (count, 2), each ``ahead``."""
        first, self.rows = self.rows, self.rows + block.count
        self.numbers += block.weight.size if isinstance(block, Sum) else 0
        if self.rows > _MOST_ROWS or self.numbers > _MOST_NUMBERS:
            raise NotRead("too large")
        self.blocks.append(block)
        return np.stack([np.arange(first, self.rows), np.full(block.count, ahead)], axis=1)

    def sum(self, entries: Array, weight: Array, bias: Array) -> Array:
        """Entries (count, 2) of ``weight`` (count, N) times ``entries`` (N, 2), plus ``bias``; rows that are no others stay."""
        if weight.size > LARGEST_WEIGHTS:
            raise NotRead("too large")
        ones = weight != 0
        if not bias.any() and (ones.sum(axis=1) == 1).all() and (weight[ones] == 1).all():
            return entries[np.argmax(ones, axis=1)]
        inputs, ahead = delayed(entries)
        return self.add(Sum(len(weight), inputs, weight.astype(np.float64), bias.astype(np.float64)), ahead)

    def recurrent(self, block: Block, x: Signal, states: list[Any]) -> tuple[Any, ...]:
        """What a recurrent operator gives: its units over time, the last of them, and the last memory."""
        entries = self.add(block)
        last = [Last(int(entries[0, 0]), memory) for memory in (False, True)]
        for state, becomes in zip(states, last, strict=False):
            if isinstance(state, State):
                self.carry(state, becomes)
        return Signal(entries.reshape(1, 1, block.count, 2), 0, x.length), *last

    def each(self, make: Callable[[int, Array], Block], entries: Array) -> Array:
        """The entries of a block that ``make`` makes of how many inputs there are, and of the inputs."""
        inputs, ahead = delayed(entries)
        return self.add(make(len(entries), inputs), ahead)


def shifted(entries: Array, ahead: int) -> Array:
    return entries + np.array([0, ahead])


def nothing() -> Array:
    return np.zeros((0, 2), np.int64)


def small(array: Array) -> Array:
    if array.size > LARGEST_WEIGHTS:
        raise NotRead("too large")
    return array


def delayed(entries: Array) -> tuple[Array, int]:
    """Entries as inputs of a block, and by how much it is ahead: never behind, for its first sample is the first of all."""
    ahead = max(0, int(entries[:, 1].max(initial=0)))
    return np.stack([entries[:, 0], ahead - entries[:, 1]], axis=1), ahead
