"""LSTM and GRU networks, compiled: sixteen units at a time, their gates in registers from the sums to the new state.

The weights of a large network do not fit the nearest cache, so every other sample takes the tiles of units backwards: what
was read last is then read first. Sums over one unit keep their order.
"""

import numpy as np
from numba import njit

from drywet.engine.contract import Array
from drywet.engine.kernels.contract import CHUNK, COMPILED, Compiled, Places
from drywet.engine.kernels.denormals import flush_denormals, restore
from drywet.engine.kernels.lanes import LANES, MANY_REGISTERS, load, spread, spread_from
from drywet.engine.recurrent import GATES, CellLayer, Recurrent
from drywet.vectors import fma, sigmoid, store, tanh, total

_HEAD = 8  # numbers of the table before those of the layers
_ROW = 10  # of each layer


@njit(forceinline=True)
def _four_sums(numbers, inputs, count, weight, constant):
    """Four gates of sixteen units: ``constant`` (4, 16) + ``inputs`` (count,), count even, times ``weight`` (count, 4, 16)."""
    a, b = load(numbers, constant), load(numbers, constant + 16)
    c, d = load(numbers, constant + 32), load(numbers, constant + 48)
    if MANY_REGISTERS:  # twice four sums keep two multipliers busy
        zero = spread(np.float32(0))
        e, f, g, h = zero, zero, zero, zero
        for k in range(0, count, 2):
            x, y, w = spread_from(numbers, inputs + k), spread_from(numbers, inputs + k + 1), weight + 64 * k
            a = fma(x, load(numbers, w), a)
            b = fma(x, load(numbers, w + 16), b)
            c = fma(x, load(numbers, w + 32), c)
            d = fma(x, load(numbers, w + 48), d)
            e = fma(y, load(numbers, w + 64), e)
            f = fma(y, load(numbers, w + 80), f)
            g = fma(y, load(numbers, w + 96), g)
            h = fma(y, load(numbers, w + 112), h)
        return a + e, b + f, c + g, d + h
    for k in range(count):
        x, w = spread_from(numbers, inputs + k), weight + 64 * k
        a = fma(x, load(numbers, w), a)
        b = fma(x, load(numbers, w + 16), b)
        c = fma(x, load(numbers, w + 32), c)
        d = fma(x, load(numbers, w + 48), d)
    return a, b, c, d


@njit(forceinline=True)
def _three_sums(numbers, inputs, count, weight, a, b, c):
    """The same for three gates, ``weight`` (count, 3, 16), from ``a``, ``b``, ``c`` on."""
    if MANY_REGISTERS:
        zero = spread(np.float32(0))
        e, f, g = zero, zero, zero
        for k in range(0, count, 2):
            x, y, w = spread_from(numbers, inputs + k), spread_from(numbers, inputs + k + 1), weight + 48 * k
            a = fma(x, load(numbers, w), a)
            b = fma(x, load(numbers, w + 16), b)
            c = fma(x, load(numbers, w + 32), c)
            e = fma(y, load(numbers, w + 48), e)
            f = fma(y, load(numbers, w + 64), f)
            g = fma(y, load(numbers, w + 80), g)
        return a + e, b + f, c + g
    for k in range(count):
        x, w = spread_from(numbers, inputs + k), weight + 48 * k
        a = fma(x, load(numbers, w), a)
        b = fma(x, load(numbers, w + 16), b)
        c = fma(x, load(numbers, w + 32), c)
    return a, b, c


@njit(forceinline=True)
def lstm_tile(numbers, now, following, units, count, weight, constant, memory, start):
    i, f, g, o = _four_sums(numbers, now, count, weight, constant)
    c = fma(sigmoid(f), load(numbers, memory + start), sigmoid(i) * tanh(g))
    store(numbers, memory + start, c)
    store(numbers, following + start, sigmoid(o) * tanh(c))


@njit(forceinline=True)
def gru_tile(numbers, now, following, units, count, weight, constant, start):
    r, z = load(numbers, constant), load(numbers, constant + 16)
    remembered, n = load(numbers, constant + 32), load(numbers, constant + 48)
    r, z, remembered = _three_sums(numbers, now, units, weight, r, z, remembered)
    r, z, n = _three_sums(numbers, now + units, count - units, weight + 48 * units, r, z, n)
    n = tanh(fma(sigmoid(r), remembered, n))
    h = load(numbers, now + start)
    store(numbers, following + start, fma(sigmoid(z), h - n, n))


@njit(forceinline=True)
def _play(dry, wet, numbers, table, lstm):
    """See :class:`CompiledRecurrent` for ``table``. A layer's vector holds its units, then what comes from below."""
    layers, head, bias, gates = table[0], table[1], table[2], 4 if lstm else 3
    parity = table[3]
    for first in range(0, len(dry), CHUNK):
        length = min(CHUNK, len(dry) - first)
        for layer in range(layers):
            row = _HEAD + _ROW * layer
            inputs, units, tiles, count = table[row], table[row + 1], table[row + 2], table[row + 3]
            weight, constant, vectors, memory = table[row + 4], table[row + 5], table[row + 6], table[row + 7]
            size, out = table[row + 8], table[row + 9]
            side = parity
            for t in range(length):
                now, following = vectors + side * size, vectors + (1 - side) * size
                if layer == 0:
                    numbers[now + units] = dry[first + t]
                else:
                    below = table[row - 1] + t * table[row - _ROW + 2] * LANES
                    for j in range(inputs):
                        numbers[now + units + j] = numbers[below + j]
                for n in range(tiles):
                    tile = tiles - 1 - n if side else n
                    w, b, start = weight + tile * count * gates * LANES, constant + tile * 4 * LANES, tile * LANES
                    if lstm:
                        lstm_tile(numbers, now, following, units, count, w, b, memory, start)
                    else:
                        gru_tile(numbers, now, following, units, count, w, b, start)
                if layer == layers - 1:
                    value = spread(np.float32(0))
                    for tile in range(tiles):
                        value = fma(load(numbers, following + tile * LANES), load(numbers, head + tile * LANES), value)
                    wet[first + t] = total(value) + numbers[bias] + numbers[bias + 1] * dry[first + t]
                else:
                    for tile in range(tiles):
                        store(numbers, out + t * tiles * LANES + tile * LANES, load(numbers, following + tile * LANES))
                side = 1 - side
        parity ^= length & 1
    table[3] = parity


@njit(**COMPILED)
def lstm(dry, wet, numbers, table):
    """Fill ``wet`` with what the layers and the dense output make of ``dry``."""
    mode = flush_denormals()
    _play(dry, wet, numbers, table, True)
    restore(mode)


@njit(**COMPILED)
def gru(dry, wet, numbers, table):
    """Fill ``wet`` with what the layers and the dense output make of ``dry``."""
    mode = flush_denormals()
    _play(dry, wet, numbers, table, False)
    restore(mode)


class CompiledRecurrent(Compiled[Recurrent]):
    """A recurrent network, compiled.

    The table: layers, head, bias, side; from ``_HEAD`` on for each layer: inputs, units (rounded up to an even number), tiles
    of LANES units, length of the vector of units and inputs (even), weights (tiles, length, gates, LANES), constants
    (tiles, 4, LANES), the vectors of this sample and the next, memory cells, size of a vector, what goes to the layer above.
    """

    def __init__(self, reference: Recurrent):
        places = Places()
        rows: list[list[int]] = []
        self.kernel = lstm if reference.cell == "lstm" else gru
        for layer in reference.layers:
            row = laid_out(layer, 1 if not rows else layer.inputs, places)
            rows.append([*row, places.zeros(CHUNK * row[2] * LANES)])
        head, bias = places.add(reference.head), places.add(np.array([reference.head_bias, reference.dry_gain]))
        heading = [len(rows), head, bias, 0] + [0] * (_HEAD - 4)
        flat = np.array([*heading, *(n for row in rows for n in row)], np.int64)
        super().__init__(reference, places.numbers(), flat)
        self._constant = rows[0][5]
        self._moving = [(row[6], row[6] + 2 * row[8]) for row in rows] + [
            (row[7], row[7] + row[2] * LANES) for row in rows
        ]

    def _turn(self, knobs: Array) -> None:
        constant = _constant(self.reference.layers[0], knobs)
        self.numbers[self._constant : self._constant + constant.size] = constant

    def settle(self, samples: int, knobs: Array) -> None:
        """As ever, but no longer than the state still moves."""
        silence, wet = np.zeros(512, np.float32), np.empty(512, np.float32)
        self.turn(knobs)
        for start in range(0, samples, 512):
            before = self._state()
            length = min(512, samples - start)
            self.process_into(silence[:length], wet[:length])
            if np.array_equal(before, self._state()):
                return

    def _state(self) -> Array:
        return np.concatenate([self.numbers[start:stop] for start, stop in self._moving])


def laid_out(layer: CellLayer, signals: int, places: Places) -> list[int]:
    """A layer of the table, without what goes to the layer above; only its first ``signals`` inputs are no knobs."""
    tiles, units = -(-layer.units // LANES), layer.units + layer.units % 2
    count = units + signals + signals % 2
    size = -(-(max(tiles * LANES, count)) // LANES) * LANES
    weight = np.zeros((count, GATES[layer.cell], layer.units))
    weight[: layer.units] = _by_gate(layer.recurrent_weight, layer.units)
    weight[units : units + signals] = _by_gate(layer.input_weight[:, :signals], layer.units)
    at_rest = np.zeros((2, size))
    at_rest[0, : layer.units] = layer.hidden
    parts = _tiled(weight), _constant(layer, np.zeros(0)), at_rest, layer.memory
    return [signals, units, tiles, count, *(places.add(part) for part in parts), size]


def _by_gate(weight: Array, units: int) -> Array:
    """(K, gates, H) from torch's (gates * H, K)."""
    return weight.reshape(-1, units, weight.shape[1]).transpose(2, 0, 1)


def _tiled(weight: Array) -> Array:
    """(tiles, K, gates, LANES) from (K, gates, H), units filled up with zeros."""
    count, gates, units = weight.shape
    tiles = -(-units // LANES)
    whole = np.zeros((count, gates, tiles * LANES))
    whole[..., :units] = weight
    return whole.reshape(count, gates, tiles, LANES).transpose(2, 0, 1, 3)


def _constant(layer: CellLayer, knobs: Array) -> Array:
    """(tiles * 4 * LANES,): biases and knobs for i, f, g, o of an LSTM; for r, z, what is remembered, and n of a GRU."""
    bias = layer.bias.astype(np.float64)
    if len(knobs):
        bias = bias + layer.input_weight[:, 1:].astype(np.float64) @ knobs
    bias, remembered = bias.reshape(-1, layer.units), layer.recurrent_bias.reshape(-1, layer.units)
    if layer.cell == "lstm":
        four = bias + remembered
    else:
        four = np.stack([bias[0] + remembered[0], bias[1] + remembered[1], remembered[2], bias[2]])
    return _tiled(four[None])[:, 0].astype(np.float32).ravel()
