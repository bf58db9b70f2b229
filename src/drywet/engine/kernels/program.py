"""Programs, compiled: their blocks as steps of ``steps.py``."""

import numpy as np

from drywet.engine.contract import Array
from drywet.engine.kernels.convolution import curve_numbers
from drywet.engine.kernels.steps import CompiledSteps, Rows, Steps
from drywet.engine.program import Bent, Block, Cells, Knobs, OfKnobs, Product, Program, Sum, Turned


class CompiledProgram(CompiledSteps[Program]):
    """A program, compiled."""

    def __init__(self, reference: Program):
        writer = _Writer(reference)
        super().__init__(reference, writer.steps)
        self._knobs = writer.knobs

    def _turn(self, knobs: Array) -> None:
        for place, values in self._knobs:
            found = values(knobs)
            self.numbers[place : place + len(found)] = found


class _Writer:
    """The steps of a program. Working memory goes to the next block that fits as soon as nobody reads it any more."""

    def __init__(self, program: Program):
        self.program, self.steps = program, Steps(max(program.pasts))
        self.knobs: list[tuple[int, OfKnobs]] = []
        self.rows: list[Rows] = []
        last_use = self._last_uses()
        self.free: dict[int, list[Rows]] = {}
        self.made = 0
        for number, (block, past) in enumerate(zip(program.blocks, program.pasts, strict=True)):
            out = self._memory(block.count, past)
            self.rows.append(out)
            self._write(block, out)
            for other in last_use.get(number, ()):
                if not self.rows[other].moving:
                    self.free.setdefault(self.rows[other].count, []).append(self.rows[other])
        row, delay = program.output
        self.steps.output(self._single(row, delay))

    def _last_uses(self) -> dict[int, list[int]]:
        """For each block those that it is the last to read."""
        program, last = self.program, {}
        for number, block in enumerate(program.blocks):
            last[number] = number
            last |= dict.fromkeys((program.of_row[row] for row in block.inputs[:, 0].tolist()), number)
        last.pop(program.of_row[program.output[0]])
        found: dict[int, list[int]] = {}
        for block_number, reader in last.items():
            found.setdefault(reader, []).append(block_number)
        return found

    def _memory(self, count: int, past: int) -> Rows:
        if past:
            return self.steps.moving(count, past)
        if self.free.get(count):
            return self.free[count].pop()
        self.made += 1
        return self.steps.still(f"{self.made}", count)

    def _single(self, row: int, delay: int) -> Rows:
        number = self.program.of_row[row]
        rows = self.rows[number].part(row - self.program.starts[number], 1)
        return Rows(1, rows.place - delay, rows.stride, rows.moving)

    def _runs(self, *operands: Array) -> list[tuple[int, list[Rows]]]:
        """``operands`` (N, 2) cut where one of them does not go on evenly; where each run begins."""
        listed = [[self._single(*one) for one in operand.tolist()] for operand in operands]
        runs, first = [], 0
        while first < len(listed[0]):
            end = first + 1
            strides = [rows[end].place - rows[first].place if end < len(rows) else 0 for rows in listed]
            while end < len(listed[0]) and all(
                rows[end].place == rows[first].place + (end - first) * stride and rows[end].moving == rows[first].moving
                for rows, stride in zip(listed, strides, strict=True)
            ):
                end += 1
            parts = [
                Rows(end - first, rows[first].place, stride, rows[first].moving)
                for rows, stride in zip(listed, strides, strict=True)
            ]
            runs.append((first, parts))
            first = end
        return runs

    def _write(self, block: Block, out: Rows) -> None:
        steps = self.steps
        if isinstance(block, Knobs):
            zeros = np.zeros(block.count)
            still = Rows(block.count, steps.nothing.place, 0, False)
            self.knobs.append((steps.scale(still, out, zeros, zeros)[1], block.values))
        elif isinstance(block, Sum):
            self._sum(block, out)
        elif isinstance(block, Bent):
            numbers = curve_numbers(block.activation, block.count)
            for first, (rows,) in self._runs(block.inputs):
                part = slice(first, first + rows.count)
                steps.curve(block.activation.name, numbers[part], rows, out.part(first, rows.count))
        elif isinstance(block, Product):
            for first, (a, b) in self._runs(*np.split(block.inputs, 2)):
                steps.multiply(a, b, out.part(first, a.count))
        elif isinstance(block, Turned):
            self._turned(block, out)
        elif isinstance(block, Cells):
            steps.cell(block.layer, [self._single(*one) for one in block.inputs.tolist()], out)
        else:
            steps.input(out)

    def _turned(self, block: Turned, out: Rows) -> None:
        for first, (rows,) in self._runs(block.inputs):
            ones, part = np.ones(rows.count), slice(first, first + rows.count)
            places = self.steps.scale(rows, out.part(first, rows.count), ones, 0 * ones)
            for place, values in zip(places, (block.factors, block.shifts), strict=True):
                self.knobs.append((place, _part(values, part)))

    def _sum(self, block: Sum, out: Rows) -> None:
        steps, weight, count = self.steps, block.weight, block.count
        as_they_are = _unit_columns(weight)
        if as_they_are is not None and not block.bias.any() and weight.shape[1] == 2 * count:
            first, second = block.inputs[as_they_are], np.delete(block.inputs, as_they_are, axis=0)
            others = np.delete(weight, as_they_are, axis=1)
            order = _unit_columns(others)
            if order is not None:  # the sum of two rows each
                for at, (a, b) in self._runs(first, second[order]):
                    ones = Rows(a.count, steps.ones.place, 0, False)
                    steps.multiply(a, ones, out.part(at, a.count), b)
                return
        if weight.shape[1] == count and (np.count_nonzero(weight, axis=0) == 1).all() and np.all(np.diag(weight)):
            for at, (rows,) in self._runs(block.inputs):
                part = slice(at, at + rows.count)
                steps.scale(rows, out.part(at, rows.count), np.diag(weight)[part], block.bias[part])
            return
        start, inputs = None, block.inputs
        if as_they_are is not None and weight.shape[1] > count:
            runs = self._runs(inputs[as_they_are])
            if len(runs) == 1:
                start = runs[0][1][0]
                inputs, weight = np.delete(inputs, as_they_are, axis=0), np.delete(weight, as_they_are, axis=1)
        sources = [
            (self._single(row, delay), 0, weight[:, n : n + 1]) for n, (row, delay) in enumerate(inputs.tolist())
        ]
        if not sources:
            sources = [(steps.nothing, 0, np.zeros((count, 1)))]
        steps.linear(sources, block.bias, out, start)


def _part(values: OfKnobs, part: slice) -> OfKnobs:
    return lambda knobs: values(knobs)[part]


def _unit_columns(weight: Array) -> list[int] | None:
    """For each output a column that takes its input as it is, and for nothing else; None where one has none."""
    single = np.count_nonzero(weight, axis=0) == 1
    found = []
    for row in weight:
        columns = np.flatnonzero(single & (row == 1))
        if not len(columns):
            return None
        found.append(int(columns[0]))
    return found
