"""Programs that are a state-space network: banks of recursive filters with pointwise layers between."""

from typing import TypeVar

import numpy as np

from drywet.engine.contract import Array, folded
from drywet.engine.film import Film
from drywet.engine.program import Bent, Block, Poles, Program, Sum, Turned
from drywet.engine.state_space import StateSpace

Kind = TypeVar("Kind", bound=Block)


class _Other(Exception):
    """The program is none."""


def state_space(program: Program) -> StateSpace | None:
    """The state-space network that ``program`` is, if it is one."""
    if not any(isinstance(block, Poles) for block in program.blocks):
        return None
    try:
        return _Reader(program).read()
    except _Other:
        return None


class _Reader:
    """Walks through the blocks, which have to come in the order in which ``export/onnx.py`` writes them."""

    def __init__(self, program: Program):
        self.program, self.number = program, 1
        first = program.blocks[1]
        self.channels, self.dry_gain, self.first = len(first.inputs), 1.0, [0] * len(first.inputs)
        if isinstance(first, Sum):  # dry and a gain on every channel; without the gain it is dry itself
            self.number, self.channels = 2, first.count
            self.dry_gain, self.first = float(first.weight.max(initial=0)), self.rows()
            if self.inputs(first) != [0] or np.any(first.weight != self.dry_gain) or first.bias.any():
                raise _Other
        if not self.dry_gain:
            raise _Other

    def read(self) -> StateSpace:
        banks: list[tuple[Array, ...]] = []
        stages: list[tuple[Array, ...]] = []
        turned: list[list[Turned]] = []
        stream = self.first
        while True:
            poles, bank = self.next(Poles), self.number - 1
            if self.inputs(poles) != stream:
                raise _Other
            mixed, last = self.next(Sum), self.number == len(self.program.blocks)
            banks.append(self.bank(poles, bank, mixed, stream, last, first=not stages))
            if last:
                break
            if mixed.bias.any():
                raise _Other
            stream, knobs = self.turned()
            turned.append(knobs)
            stages.append(self.stage(stream))
            stream = self.rows()
        if self.program.output != (self.program.starts[-2], 0):
            raise _Other
        parts = [np.stack(part) for part in zip(*banks, strict=True)]
        layers = [folded(np.stack(part)) for part in zip(*stages, strict=True)] if stages else _no_stages(self.channels)
        w1, b1, w2, b2, w3, b3 = layers
        bias = float(mixed.bias[0])
        poles_, readouts, direct = (folded(part) for part in parts)
        return StateSpace(
            poles_, readouts, direct, w1, b1, w2, b2, w3, b3, bias=bias, dry_gain=self.dry_gain, film=self.film(turned)
        )

    def next(self, kind: type[Kind]) -> Kind:
        """The next block, which has to be of this kind."""
        block = self.program.blocks[self.number] if self.number < len(self.program.blocks) else None
        if not isinstance(block, kind):
            raise _Other
        self.number += 1
        return block

    def rows(self) -> list[int]:
        """Those of the block that was read last."""
        return list(range(self.program.starts[self.number - 1], self.program.starts[self.number]))

    def inputs(self, block: Block) -> list[int]:
        if block.inputs[:, 1].any():
            raise _Other
        return block.inputs[:, 0].tolist()

    def weights(self, block: Sum, *sources: list[int]) -> list[Array]:
        """The columns of ``block`` for each of the lists of rows, which are all that it takes."""
        place = {row: n for n, row in enumerate(self.inputs(block))}
        if set(place) - {row for rows in sources for row in rows}:
            raise _Other
        none = np.zeros(block.count)
        return [
            np.stack([block.weight[:, place[row]] if row in place else none for row in rows], axis=1)
            for rows in sources
        ]

    def bank(
        self, poles: Poles, number: int, mixed: Sum, stream: list[int], last: bool, first: bool
    ) -> tuple[Array, Array, Array]:
        """Poles, readouts (N, C, 2) and direct path (C,) of one bank."""
        states = list(range(self.program.starts[number], self.program.starts[number + 1]))
        source = [0] if first else stream
        read, direct = self.weights(mixed, states, source)
        real, imaginary = poles.turn[::2, ::2].diagonal(), poles.turn[1::2, ::2].diagonal()
        count, channels = poles.count // 2, self.channels
        if poles.count % 2 or count % channels or (1 if last else channels) != mixed.count:
            raise _Other
        channel = np.arange(count) % channels
        turn, into = np.zeros_like(poles.turn), np.zeros_like(poles.into)
        at = 2 * np.arange(count)
        turn[at, at] = turn[at + 1, at + 1] = real
        turn[at, at + 1], turn[at + 1, at] = -imaginary, imaginary
        into[at, channel] = 1
        own = np.zeros((channels, count), bool)
        own[channel, np.arange(count)] = True
        if not (np.array_equal(turn, poles.turn) and np.array_equal(into, poles.into)):
            raise _Other
        if last:  # the sum over all channels
            spread = np.where(own, 1.0, 0.0)
            read = np.stack([spread * read[:, 0::2], spread * read[:, 1::2]], -1).reshape(channels, 2 * count)
            direct = np.eye(channels) * direct if not first else np.eye(channels, 1) * direct
        if read[:, 0::2][~own].any() or read[:, 1::2][~own].any():
            raise _Other
        if first:
            direct = direct[:, 0] / self.dry_gain
        elif np.count_nonzero(direct - np.diag(np.diag(direct))):
            raise _Other
        else:
            direct = np.diag(direct)
        readouts = np.stack([read[channel, at], -read[channel, at + 1]], axis=1)
        shape = -1, channels, 2
        return np.stack([real, imaginary], axis=1).reshape(shape), readouts.reshape(shape), direct

    def turned(self) -> tuple[list[int], list[Turned]]:
        """The stream after the knobs' scale and shift, if there are knobs."""
        blocks: list[Turned] = []
        for _ in range(2 if self.program.knobs else 0):
            before, block = self.rows(), self.next(Turned)
            if self.inputs(block) != before:
                raise _Other
            blocks.append(block)
        return self.rows(), blocks

    def stage(self, stream: list[int]) -> tuple[Array, ...]:
        """The three pointwise layers."""
        parts, source = [], stream
        for _ in range(2):
            layer = self.next(Sum)
            parts += [self.weights(layer, source)[0].T, layer.bias]
            before, bent = self.rows(), self.next(Bent)
            if self.inputs(bent) != before or bent.activation.name != "Tanh":
                raise _Other
            source = self.rows()
        added = self.next(Sum)
        through, step = self.weights(added, stream, source)
        if not np.array_equal(through, np.eye(self.channels)):
            raise _Other
        return (*parts, step.T, added.bias)

    def film(self, turned: list[list[Turned]]) -> Film | None:
        """The one that scales and shifts every stage as the program does."""
        if not self.program.knobs or not turned:
            return None
        for film in self.program.films:
            if film.channels == len(turned) * self.channels and all(
                _turns(film, turned, knobs) for knobs in np.random.default_rng(0).uniform(size=(3, self.program.knobs))
            ):
                return film
        raise _Other


def _turns(film: Film, turned: list[list[Turned]], knobs: Array) -> bool:
    scale, shift = (part.reshape(len(turned), -1) for part in film(knobs))
    return all(
        np.allclose(first.factors(knobs), scale[n]) and not first.shifts(knobs).any()
        and np.allclose(second.shifts(knobs), shift[n]) and (second.factors(knobs) == 1).all()
        for n, (first, second) in enumerate(turned)
    )  # fmt: skip


def _no_stages(channels: int) -> list[Array]:
    shapes = (0, channels, 1), (0, 1), (0, 1, 1), (0, 1), (0, 1, channels), (0, channels)
    return [np.zeros(shape, np.float32) for shape in shapes]
