"""Networks without loops, compiled: a list of steps over rows of signal, which one kernel walks through chunk by chunk.

WaveNets, ConvNets, filters and curves differ in their steps only, so all of them share one compiled function. A row is
either ``still``, working memory for one chunk, or ``moving``: it keeps its past, and the present walks along it until the past
is brought back to its beginning.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numba import njit

from drywet.engine.contract import Array
from drywet.engine.kernels.contract import CHUNK, COMPILED, Compiled, Places, Reference
from drywet.engine.kernels.denormals import flush_denormals, restore
from drywet.engine.kernels.lanes import LANES, load, spread
from drywet.engine.kernels.rows import grouped, multiply
from drywet.engine.recurrent import CellLayer
from drywet.vectors import clip, fma, sigmoid, store, tanh

CURVES = {
    "Identity": 0, "Tanh": 1, "Fasttanh": 1, "Sigmoid": 2, "LeakyReLU": 3, "PReLU": 3, "ReLU": 3, "LeakyHardtanh": 4,
    "Hardtanh": 4, "SiLU": 5, "Hardswish": 6, "Softsign": 7, "ELU": 8,
}  # fmt: skip
_PIECES = 9  # a piecewise linear curve
_NUMBERS = 4  # that every row of a curve has
_INPUT, _LINEAR, _CURVE, _SCALE, _MULTIPLY, _BLEND, _OUTPUT, LSTM, GRU = range(9)  # the last two: see mixed.py
_WIDTH = 20  # of a step in the table
NOW, _LAST, STEPS, _HISTORIES = range(4)  # of the table's heading
_HEAD = 4
_SLACK = 2048  # samples by which the present walks at least, before the past is brought back


@njit(forceinline=True)
def _bend(kind, x, numbers, place):
    """The curve ``kind`` of :data:`CURVES` over lanes, its numbers from ``place`` on."""
    if kind == 1:
        return tanh(x)
    if kind == 2:
        return sigmoid(x)
    if kind == 5:
        return x * sigmoid(x)
    zero, far = spread(np.float32(0)), spread(np.float32(np.inf))
    if kind == 3:  # positive x, and some of what is below
        return fma(spread(numbers[place]), clip(x, zero - far, zero), clip(x, zero, far))
    if kind == 4:
        low, high = spread(numbers[place]), spread(numbers[place + 1])
        below, above = clip(x, zero - far, low) - low, clip(x, high, far) - high
        return fma(spread(numbers[place + 2]), below, fma(spread(numbers[place + 3]), above, clip(x, low, high)))
    one = spread(np.float32(1))
    if kind == 6:
        return x * clip(fma(x, spread(np.float32(1 / 6)), spread(np.float32(0.5))), zero, one)
    if kind == 7:
        return x / (one + clip(x, zero, far) - clip(x, zero - far, zero))
    return x


@njit(forceinline=True)
def _piece(x, numbers, table, place):
    """Straight pieces between ``table[place]`` corners, which stand at ``table[place + 1]``; slopes and values behind them."""
    corners, first = table[place], table[place + 1]
    low, high = 0, corners - 2  # binary search for the last inner corner below x
    while low < high:
        middle = (low + high + 1) // 2
        if numbers[first + middle] < x:
            low = middle
        else:
            high = middle - 1
    return numbers[first + 2 * corners + low] + numbers[first + corners + low] * (x - numbers[first + low])


@njit(forceinline=True)
def bring_back(numbers, table):
    """The past of all moving rows back to their beginning, once the present has walked as far as there is room."""
    if table[NOW] + CHUNK > table[_LAST]:
        for n in range(table[_HISTORIES]):
            start, past = table[_HEAD + 2 * n], table[_HEAD + 2 * n + 1]
            for t in range(past):
                numbers[start + t] = numbers[start + table[NOW] + t]
        table[NOW] = 0


@njit(forceinline=True)
def place_of(table, n):
    """Where step ``n`` begins in the table."""
    return _HEAD + 2 * table[_HISTORIES] + _WIDTH * n


@njit(forceinline=True)
def perform(dry, wet, numbers, table, s, first, length):
    """The step at ``table[s]`` over ``length`` samples from ``first`` on. See :class:`Steps` for what each takes."""
    vectors = (length + LANES - 1) // LANES
    now = table[NOW]
    step, rows, out, out_stride = table[s], table[s + 1], table[s + 2] + table[s + 3] * now, table[s + 4]
    a, a_stride = table[s + 5] + table[s + 6] * now, table[s + 7]
    b, b_stride = table[s + 8] + table[s + 9] * now, table[s + 10]
    p, q = table[s + 11], table[s + 12]
    if step == _LINEAR:
        places, moving, count = table[s + 13], table[s + 14], table[s + 15]
        multiply(numbers, table, places, moving, count, now, vectors, rows, p, q, a, a_stride, out, out_stride)
    elif step == _CURVE:
        kind, total, total_stride = table[s + 13], table[s + 14] + table[s + 15] * now, table[s + 16]
        for r in range(rows):
            for t in range(0, vectors * LANES, LANES):
                i, o = a + r * a_stride + t, out + r * out_stride + t
                if kind < 8:
                    store(numbers, o, _bend(kind, load(numbers, i), numbers, p + _NUMBERS * r))
                else:
                    for j in range(LANES):
                        x = numbers[i + j]
                        if kind == _PIECES:
                            numbers[o + j] = _piece(x, numbers, table, q)
                        else:  # ELU
                            numbers[o + j] = x if x > 0 else math.expm1(x)
                if total >= 0:  # and the sum of it with ``b``
                    place = total + r * total_stride + t
                    store(numbers, place, load(numbers, o) + load(numbers, b + r * b_stride + t))
    elif step == _SCALE:  # by a number for each row, and add one
        for r in range(rows):
            factor, shift = spread(numbers[p + r]), spread(numbers[q + r])
            for t in range(0, vectors * LANES, LANES):
                store(numbers, out + r * out_stride + t, fma(factor, load(numbers, a + r * a_stride + t), shift))
    elif step == _MULTIPLY:  # a b + c
        c, c_stride = table[s + 13] + table[s + 14] * now, table[s + 15]
        for r in range(rows):
            for t in range(0, vectors * LANES, LANES):
                x, y = load(numbers, a + r * a_stride + t), load(numbers, b + r * b_stride + t)
                store(numbers, out + r * out_stride + t, fma(x, y, load(numbers, c + r * c_stride + t)))
    elif step == _BLEND:  # a b + (1 - a) c
        c, c_stride = table[s + 13] + table[s + 14] * now, table[s + 15]
        for r in range(rows):
            for t in range(0, vectors * LANES, LANES):
                x, y = load(numbers, a + r * a_stride + t), load(numbers, c + r * c_stride + t)
                store(numbers, out + r * out_stride + t, fma(x, load(numbers, b + r * b_stride + t) - y, y))
    elif step == _INPUT:
        for t in range(length):
            numbers[out + t] = numbers[p] * dry[first + t]
    else:
        for t in range(length):
            wet[first + t] = numbers[p] * numbers[a + t] + numbers[q] * dry[first + t]


@njit(**COMPILED)
def play(dry, wet, numbers, table):
    """Fill ``wet`` with what the steps of ``table`` make of ``dry``."""
    mode = flush_denormals()
    for first in range(0, len(dry), CHUNK):
        length = min(CHUNK, len(dry) - first)
        bring_back(numbers, table)
        for n in range(table[STEPS]):
            perform(dry, wet, numbers, table, place_of(table, n), first, length)
        table[NOW] += length
    restore(mode)


@dataclass(frozen=True)
class Rows:
    """Rows of signal: where the first one's present stands, and how far apart they are."""

    count: int
    place: int
    stride: int
    moving: bool

    def part(self, first: int, count: int) -> "Rows":
        return Rows(count, self.place + first * self.stride, self.stride, self.moving)

    @property
    def fields(self) -> list[int]:
        return [self.place, int(self.moving), self.stride]


class Steps:
    """A network under construction: memory for its rows, and steps over them."""

    def __init__(self, longest_past: int):
        self.places, self.cells = Places(), False
        self.last = max(_SLACK, -(-longest_past // LANES) * LANES)
        self._steps: list[list[int]] = []
        self._lists: list[tuple[list[int], list[int]]] = []  # a step, and what its place of a list points to
        self._histories: list[tuple[int, int]] = []
        self._still: dict[tuple[str, int], Rows] = {}
        self.nothing = Rows(1, self.places.zeros(CHUNK), 0, False)
        self.ones = Rows(1, self.places.add(np.ones(CHUNK)), 0, False)

    def still(self, name: str, count: int) -> Rows:
        """Working memory; the same for the same name."""
        if (name, count) not in self._still:
            self._still[name, count] = Rows(count, self.places.zeros(count * CHUNK), CHUNK, False)
        return self._still[name, count]

    def moving(self, count: int, past: int, value: float = 0.0) -> Rows:
        """Rows that keep ``past`` samples, at first all ``value``."""
        lines = -(-(past + self.last + LANES) // Places.LINE)
        stride = Places.LINE * (lines + 1 - lines % 2)  # odd, so that rows do not compete for the same cache sets
        start = self.places.add(np.full(count * stride, value))
        self._histories += [(start + n * stride, past) for n in range(count)]
        return Rows(count, start + past, stride, True)

    def inlet(self, name: str, count: int, past: int) -> Rows:
        """Moving rows where there is a past, else still ones."""
        return self.moving(count, past) if past else self.still(name, count)

    def input(self, out: Rows, gain: float = 1.0) -> int:
        """Dry into ``out``; the place of the gain."""
        place = self.places.add(np.array([gain]))
        self._add(_INPUT, out, self.nothing, self.nothing, place, 0)
        return place

    def output(self, rows: Rows, gain: float = 1.0, dry_gain: float = 0.0) -> int:
        """``rows`` and some dry signal to wet; the place of the gain."""
        place = self.places.add(np.array([gain]))
        self._add(_OUTPUT, self.nothing, rows, self.nothing, place, self.places.add(np.array([dry_gain])))
        return place

    def linear(
        self, sources: list[tuple[Rows, int, Array]], bias: Array, out: Rows, start: Rows | None = None
    ) -> tuple[int, int]:
        """``out = bias + start +`` the sum over ``sources``: rows, how many samples earlier, and weights (outputs, rows)."""
        sources = sorted(sources, key=lambda source: not source[0].moving)
        weight = np.concatenate([matrix for _, _, matrix in sources], axis=1)
        listed = [rows.place - delay + n * rows.stride for rows, delay, _ in sources for n in range(rows.count)]
        moving = sum(rows.count for rows, _, _ in sources if rows.moving)
        places = self.places.add(np.array(grouped(weight))), self.places.add(bias)
        step = self._add(_LINEAR, out, start or self.nothing, self.nothing, *places, 0, moving, len(listed))
        self._lists.append((step, listed))
        return places

    def curve(
        self,
        activation: str,
        numbers: Array,
        rows: Rows,
        out: Rows,
        start: Rows | None = None,
        total: Rows | None = None,
    ) -> None:
        """``out`` is ``rows`` bent, and ``total`` is ``out + start``; ``numbers`` (rows, 4), see :func:`_bend`."""
        sums = total.fields if total is not None else [-1, 0, 0]
        self._add(_CURVE, out, rows, start or self.nothing, self.places.add(numbers), 0, CURVES[activation], *sums)

    def pieces(self, knots: Array, values: Array, rows: Rows, out: Rows) -> None:
        """``out`` is ``rows`` bent by straight pieces between ``knots``; the first and the last go on."""
        slopes = np.diff(values) / np.diff(knots)
        corners = self.places.add(np.concatenate([knots, slopes, [0], values]))
        step = self._add(_CURVE, out, rows, self.nothing, 0, 0, _PIECES, -1, 0, 0)
        self._lists.append((step, [len(knots), corners]))

    def scale(self, rows: Rows, out: Rows, factors: Array, shifts: Array) -> tuple[int, int]:
        """``out = factors rows + shifts``, a number for each row; the places of both."""
        places = self.places.add(factors), self.places.add(shifts)
        self._add(_SCALE, out, rows, self.nothing, *places)
        return places

    def multiply(self, a: Rows, b: Rows, out: Rows, c: Rows | None = None) -> None:
        """``out = a b + c``."""
        self._add(_MULTIPLY, out, a, b, 0, 0, *(c or self.nothing).fields)

    def blend(self, share: Rows, a: Rows, b: Rows, out: Rows) -> None:
        """``out = share a + (1 - share) b``."""
        self._add(_BLEND, out, share, a, 0, 0, *b.fields)

    def cell(self, layer: CellLayer, inputs: list[Rows], out: Rows) -> None:
        """``out`` is the units of a recurrent layer over ``inputs``, one row each."""
        from drywet.engine.kernels.recurrent import laid_out

        self.cells = True
        order = sorted(range(len(inputs)), key=lambda n: not inputs[n].moving)
        sorted_layer = replace(layer, input_weight=layer.input_weight[:, order])
        *_, weight, constant, vectors, memory, size = laid_out(sorted_layer, len(inputs), self.places)
        more = [0, sum(rows.moving for rows in inputs), len(inputs), vectors, memory, size, 0]
        kind = LSTM if layer.cell == "lstm" else GRU
        step = self._add(kind, out, self.nothing, self.nothing, weight, constant, *more)
        self._lists.append((step, [inputs[n].place for n in order]))

    def _add(self, step: int, out: Rows, a: Rows, b: Rows, *more: int) -> list[int]:
        row = [step, max(out.count, a.count if step == _OUTPUT else 0), *out.fields, *a.fields, *b.fields, *more]
        self._steps.append(row + [0] * (_WIDTH - len(row)))
        return self._steps[-1]

    def finish(self) -> tuple[Array, Array]:
        """Numbers and table of the kernel :func:`play`."""
        heading = [0, self.last, len(self._steps), len(self._histories)]
        behind = _HEAD + 2 * len(self._histories) + _WIDTH * len(self._steps)
        lists: list[int] = []
        for step, listed in self._lists:
            step[12 if step[0] == _CURVE else 13] = behind + len(lists)
            lists += listed
        flat = [*heading, *(n for pair in self._histories for n in pair), *(n for row in self._steps for n in row)]
        return self.places.numbers(), np.array([*flat, *lists], np.int64)


class CompiledSteps(Compiled[Reference]):
    """A network as steps."""

    kernel = staticmethod(play)

    def __init__(self, reference: Reference, steps: Steps):
        super().__init__(reference, *steps.finish())
        if steps.cells:
            from drywet.engine.kernels.mixed import play_mixed

            self.kernel = play_mixed
