"""drywet's state-space network, compiled: channels side by side in one vector, the states of small networks two by two.

Up to eight channels fill half a vector. Then the upper half holds the same channels with every other state, everything else
stands in both halves, and a bank's output is the sum of both.
"""

import numpy as np
from numba import njit
from numba.extending import intrinsic

from drywet.engine.contract import Array
from drywet.engine.kernels.contract import CHUNK, COMPILED, Compiled, Places
from drywet.engine.kernels.denormals import flush_denormals, restore
from drywet.engine.kernels.lanes import LANES, load, spread, spread_from
from drywet.engine.state_space import StateSpace
from drywet.vectors import fma, shuffled, store, tanh, total

_HALF = LANES // 2
_TOGETHER = 4  # samples of the pointwise layers, so that sums need not wait for each other
_HEAD, _BANK = 16, 16  # numbers of the table before the banks, and of each bank


@intrinsic
def _fold(typing_context, vector):
    """The sum of both halves, in both."""

    def codegen(context, builder, signature, arguments):
        turned = shuffled(builder, arguments[0], [(n + _HALF) % LANES for n in range(LANES)])
        return builder.fadd(arguments[0], turned)

    return vector(vector), codegen


@njit
def _scan(numbers, length, stream, tiles, vectors, folded, poles, readouts, direct, states):
    """One bank over ``stream`` (length, tiles, 16), in place."""
    for t in range(length):
        for tile in range(tiles):
            place = stream + (t * tiles + tile) * LANES
            u = load(numbers, place)
            y = load(numbers, direct + tile * LANES) * u
            if folded:
                y = y * spread(np.float32(0.5))  # both halves have it
            for n in range(vectors):
                at = 2 * LANES * (tile * vectors + n)
                turn, decay = load(numbers, poles + at + LANES), load(numbers, poles + at)
                x, i = load(numbers, states + at), load(numbers, states + at + LANES)
                following = fma(decay, x, u - turn * i)
                i = fma(decay, i, turn * x)
                store(numbers, states + at, following)
                store(numbers, states + at + LANES, i)
                y = fma(load(numbers, readouts + at), following, y)
                y = y - load(numbers, readouts + at + LANES) * i
            store(numbers, place, _fold(y) if folded else y)


@njit
def _dense(numbers, length, source, source_width, count, weight, bias, out, tiles, bent):
    """``out = bias + source weight``, ``weight`` (count, tiles, 16), under tanh where ``bent``, else added to ``out``."""
    width = tiles * LANES
    for t in range(0, length, _TOGETHER):
        first = source + t * source_width
        for tile in range(tiles):
            a = load(numbers, bias + tile * LANES)
            b, c, d = a, a, a
            for n in range(count):
                w = load(numbers, weight + n * width + tile * LANES)
                a = fma(spread_from(numbers, first + n), w, a)
                b = fma(spread_from(numbers, first + source_width + n), w, b)
                c = fma(spread_from(numbers, first + 2 * source_width + n), w, c)
                d = fma(spread_from(numbers, first + 3 * source_width + n), w, d)
            place = out + t * width + tile * LANES
            if bent:
                a, b, c, d = tanh(a), tanh(b), tanh(c), tanh(d)
            else:
                a, b = a + load(numbers, place), b + load(numbers, place + width)
                c, d = c + load(numbers, place + 2 * width), d + load(numbers, place + 3 * width)
            store(numbers, place, a)
            store(numbers, place + width, b)
            store(numbers, place + 2 * width, c)
            store(numbers, place + 3 * width, d)


@njit(**COMPILED)
def play(dry, wet, numbers, table):
    """Fill ``wet`` with what banks and pointwise layers make of ``dry``. See :class:`CompiledStateSpace` for ``table``."""
    mode = flush_denormals()
    banks, tiles, vectors, folded, channels = table[0], table[1], table[2], table[3] == 1, table[4]
    units, unit_tiles, stream, first_hidden, second_hidden = table[5], table[6], table[7], table[8], table[9]
    collect, gains = table[10], table[11]
    for first in range(0, len(dry), CHUNK):
        length = min(CHUNK, len(dry) - first)
        for t in range(length):
            value = spread(numbers[gains] * dry[first + t])
            for tile in range(tiles):
                store(numbers, stream + (t * tiles + tile) * LANES, value)
        for k in range(banks):
            b = _HEAD + _BANK * k
            _scan(numbers, length, stream, tiles, vectors, folded, table[b], table[b + 1], table[b + 2], table[b + 3])
            if k == banks - 1:
                break
            for t in range(length):
                for tile in range(tiles):
                    place = stream + (t * tiles + tile) * LANES
                    scale, shift = (
                        load(numbers, table[b + 4] + tile * LANES),
                        load(numbers, table[b + 5] + tile * LANES),
                    )
                    store(numbers, place, fma(scale, load(numbers, place), shift))
            width, unit_width = tiles * LANES, unit_tiles * LANES
            _dense(numbers, length, stream, width, channels, table[b + 6], table[b + 7], first_hidden, unit_tiles, True)
            _dense(
                numbers, length, first_hidden, unit_width, units, table[b + 8], table[b + 9], second_hidden,
                unit_tiles, True,
            )  # fmt: skip
            _dense(
                numbers, length, second_hidden, unit_width, units, table[b + 10], table[b + 11], stream, tiles, False
            )
        for t in range(length):
            value = spread(np.float32(0))
            for tile in range(tiles):
                place = stream + (t * tiles + tile) * LANES
                value = fma(load(numbers, place), load(numbers, collect + tile * LANES), value)
            wet[first + t] = total(value) + numbers[gains + 1]
    restore(mode)


class CompiledStateSpace(Compiled[StateSpace]):
    """A state-space network, compiled.

    The table: banks, tiles of 16 channels, vectors of states of a tile, whether folded, channels, units, tiles of units,
    working memory (stream and two hidden layers), weights of the output, gain of dry and bias; then for each bank poles,
    readouts, direct (tiles, 16) and states, the knobs' scales and shifts, and three layers' weights and biases. Poles,
    readouts and states are (tiles, vectors, 2, 16).
    """

    kernel = staticmethod(play)

    def __init__(self, reference: StateSpace):
        banks, states, channels, _ = reference.poles.shape
        units = reference.w1.shape[2]
        folded = channels <= _HALF
        tiles, unit_tiles = -(-channels // LANES), -(-units // LANES)
        vectors = -(-states // 2) if folded else states
        places = Places()

        def lanes(part: Array) -> int:
            """(..., C) with the channels filled up, or written twice."""
            return places.add(
                _filled(np.concatenate([_filled(part, _HALF)] * 2, -1) if folded else part, tiles * LANES)
            )

        def of_states(part: Array) -> int:
            """(tiles, vectors, 2, 16) from (N, C, 2)."""
            whole = np.zeros((2 * vectors if folded else vectors, _HALF if folded else tiles * LANES, 2))
            whole[:states, :channels] = part
            if folded:
                return places.add(whole.reshape(vectors, 2 * _HALF, 2).transpose(0, 2, 1))
            return places.add(whole.reshape(vectors, tiles, LANES, 2).transpose(1, 0, 3, 2))

        rows = []
        for k in range(banks):
            row = [of_states(reference.poles[k]), of_states(reference.readouts[k]), lanes(reference.direct[k])]
            row.append(places.zeros(tiles * vectors * 2 * LANES))
            if k < banks - 1:
                row += [lanes(np.ones(channels)), lanes(np.zeros(channels))]
                row += [places.add(_filled(part[k], unit_tiles * LANES))
                        for part in (reference.w1, reference.b1, reference.w2, reference.b2)]  # fmt: skip
                row += [lanes(reference.w3[k]), lanes(reference.b3[k])]
            rows.append(row + [0] * (_BANK - len(row)))
        memory = [places.zeros(CHUNK * width * LANES) for width in (tiles, unit_tiles, unit_tiles)]
        collect = places.add(_filled(np.full(channels, reference.wet_gain), tiles * LANES))
        gains = places.add(np.array([reference.dry_gain, reference.wet_gain * reference.bias]))
        heading = [banks, tiles, vectors, int(folded), channels, units, unit_tiles, *memory, collect, gains]
        flat = [*heading, *[0] * (_HEAD - len(heading)), *(n for row in rows for n in row)]
        super().__init__(reference, places.numbers(), np.array(flat, np.int64))
        self._films = [(row[4], row[5]) for row in rows[:-1]]
        self._lanes = np.arange(2 * _HALF) % _HALF if folded else np.arange(channels)

    def _turn(self, knobs: Array) -> None:
        assert self.reference.film is not None  # there are knobs to turn
        channels = self.reference.poles.shape[2]
        scales, shifts = (part.reshape(-1, channels) for part in self.reference.film(knobs))
        for (scale_place, shift_place), scale, shift in zip(self._films, scales, shifts, strict=True):
            for place, part in ((scale_place, scale), (shift_place, shift)):
                for lane, channel in enumerate(self._lanes):
                    if channel < channels:
                        self.numbers[place + lane] = part[channel]


def _filled(part: Array, width: int) -> Array:
    """The last axis filled up with zeros."""
    return np.concatenate([part, np.zeros((*part.shape[:-1], width - part.shape[-1]))], axis=-1)
