"""The kernel of ``steps.py`` with recurrent layers as two more steps, for networks that mix them with others.

It stands apart because most networks have no such layers, and bringing more code from the cache takes longer.
"""

from numba import njit

from drywet.engine.kernels.contract import CHUNK, COMPILED
from drywet.engine.kernels.denormals import flush_denormals, restore
from drywet.engine.kernels.lanes import LANES
from drywet.engine.kernels.recurrent import gru_tile, lstm_tile
from drywet.engine.kernels.steps import GRU, LSTM, NOW, STEPS, bring_back, perform, place_of


@njit(forceinline=True)
def _cell(numbers, table, s, length):
    """A recurrent layer over ``length`` samples: its inputs gathered from their rows, its units scattered into theirs."""
    now, units, lstm = table[NOW], table[s + 1], table[s] == LSTM
    out, out_stride = table[s + 2] + table[s + 3] * now, table[s + 4]
    weight, constant, places, moving, inputs = table[s + 11], table[s + 12], table[s + 13], table[s + 14], table[s + 15]
    vectors, memory, size, side = table[s + 16], table[s + 17], table[s + 18], table[s + 19]
    below, tiles, gates = units + units % 2, (units + LANES - 1) // LANES, 4 if lstm else 3
    count = below + inputs + inputs % 2
    for t in range(length):
        present, following = vectors + side * size, vectors + (1 - side) * size
        for j in range(inputs):
            numbers[present + below + j] = numbers[table[places + j] + (now if j < moving else 0) + t]
        for n in range(tiles):
            tile = tiles - 1 - n if side else n
            w, b, start = weight + tile * count * gates * LANES, constant + tile * 4 * LANES, tile * LANES
            if lstm:
                lstm_tile(numbers, present, following, below, count, w, b, memory, start)
            else:
                gru_tile(numbers, present, following, below, count, w, b, start)
        for j in range(units):
            numbers[out + j * out_stride + t] = numbers[following + j]
        side = 1 - side
    table[s + 19] = side


@njit(**COMPILED)
def play_mixed(dry, wet, numbers, table):
    """Fill ``wet`` with what the steps of ``table`` make of ``dry``."""
    mode = flush_denormals()
    for first in range(0, len(dry), CHUNK):
        length = min(CHUNK, len(dry) - first)
        bring_back(numbers, table)
        for n in range(table[STEPS]):
            s = place_of(table, n)
            if table[s] == LSTM or table[s] == GRU:
                _cell(numbers, table, s, length)
            else:
                perform(dry, wet, numbers, table, s, first, length)
        table[NOW] += length
    restore(mode)
