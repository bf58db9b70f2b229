"""The window LSTM, compiled: the windows of 64 neighbouring samples side by side, so that weights are read once for all.

What a sample takes from its window depends on no other sample, and each lane is computed alike.
"""

import numpy as np
from numba import njit

from drywet.engine.contract import Array
from drywet.engine.kernels.contract import CHUNK, COMPILED, Compiled, Places
from drywet.engine.kernels.denormals import flush_denormals, restore
from drywet.engine.kernels.lanes import LANES, load, spread
from drywet.engine.kernels.rows import grouped, multiply
from drywet.engine.window_lstm import WindowLSTM
from drywet.vectors import fma, sigmoid, store, tanh

_HEAD = 16  # numbers of the table before the places of the signals that gates are sums of


@njit(forceinline=True)
def _unit(numbers, place, i, f, g, o, c, h):
    """The new state of one unit for LANES samples: its gates' sums stand at ``i``, ``f``, ``g``, ``o``."""
    kept = sigmoid(load(numbers, f + place)) * load(numbers, c + place)
    memory = fma(sigmoid(load(numbers, i + place)), tanh(load(numbers, g + place)), kept)
    store(numbers, c + place, memory)
    store(numbers, h + place, sigmoid(load(numbers, o + place)) * tanh(memory))


@njit(**COMPILED)
def play(dry, wet, numbers, table):
    """Fill ``wet`` with what the windows of ``dry`` make. See :class:`CompiledWindowLSTM` for ``table``."""
    mode = flush_denormals()
    units, context, history, weight, constant, nothing = table[0], table[1], table[2], table[3], table[4], table[5]
    gates, hidden, memory, at_rest, head, result, ends = (
        table[6],
        table[7],
        table[8],
        table[9],
        table[10],
        table[11],
        table[12],
    )
    past, height = context - 1, units * CHUNK
    for first in range(0, len(dry), CHUNK):
        length = min(CHUNK, len(dry) - first)
        vectors = (length + LANES - 1) // LANES
        for t in range(length):
            numbers[history + past + t] = dry[first + t]
        for j in range(units):
            h, c = spread(numbers[at_rest + j]), spread(numbers[at_rest + units + j])
            for v in range(vectors):
                store(numbers, hidden + j * CHUNK + v * LANES, h)
                store(numbers, memory + j * CHUNK + v * LANES, c)
        for n in range(context):
            multiply(
                numbers, table, _HEAD, 1, 1 + units, n, vectors, 4 * units, weight, constant, nothing, 0, gates, CHUNK
            )
            for j in range(units):
                for v in range(vectors):
                    _unit(
                        numbers, j * CHUNK + v * LANES, gates, gates + height, gates + 2 * height, gates + 3 * height,
                        memory, hidden,
                    )  # fmt: skip
        for v in range(vectors):
            value = spread(numbers[ends])
            for j in range(units):
                value = fma(spread(numbers[head + j]), load(numbers, hidden + j * CHUNK + v * LANES), value)
            store(numbers, result + v * LANES, value)
        for t in range(length):
            wet[first + t] = numbers[result + t] + numbers[ends + 1] * dry[first + t]
        for t in range(past):
            numbers[history + t] = numbers[history + length + t]
    restore(mode)


class CompiledWindowLSTM(Compiled[WindowLSTM]):
    """A window LSTM, compiled.

    The table: units, context, dry samples (context - 1 past ones and CHUNK), weights of the gates' 1 + units signals, their
    constants, zeros, the gates (4 units, CHUNK), units and memory cells (units, CHUNK), the state a window begins with, weights
    of the output, its result (CHUNK,), its bias and the gain of dry; then the places of the signals: dry and the units.
    """

    kernel = staticmethod(play)

    def __init__(self, reference: WindowLSTM):
        layer, units = reference.inner.layers[0], reference.inner.layers[0].units
        places = Places()
        history = places.zeros(reference.context - 1 + CHUNK)
        weight = places.add(
            np.array(grouped(np.concatenate([layer.input_weight[:, :1], layer.recurrent_weight], axis=1)))
        )
        constant, nothing = places.zeros(4 * units), places.zeros(CHUNK)
        gates, hidden, memory = (places.zeros(count * CHUNK) for count in (4 * units, units, units))
        at_rest, head = places.add(np.concatenate([layer.hidden, layer.memory])), places.add(reference.inner.head)
        result, ends = places.zeros(CHUNK), places.add(np.array([reference.inner.head_bias, reference.inner.dry_gain]))
        heading = [
            units, reference.context, history, weight, constant, nothing, gates, hidden, memory, at_rest, head, result, ends
        ]  # fmt: skip
        signals = [history, *(hidden + j * CHUNK for j in range(units))]
        table = [*heading, *[0] * (_HEAD - len(heading)), *signals]
        super().__init__(reference, places.numbers(), np.array(table, np.int64))
        self._constant = slice(constant, constant + 4 * units)
        self._turn(np.zeros(reference.knobs))
        self._at_rest = self.numbers.copy(), self.table.copy()

    def _turn(self, knobs: Array) -> None:
        layer = self.reference.inner.layers[0]
        self.numbers[self._constant] = layer.bias + layer.recurrent_bias + layer.input_weight[:, 1:] @ knobs
