"""Streaming linear-phase resampling by a whole factor, with a delay of a whole number of samples.

One Kaiser-windowed low-pass [1]_ serves both ways: pass band to 20 kHz and stop band from 22.05 kHz at 44.1 kHz (in
proportion at other rates), 110 dB. Its length is chosen so that both filters together delay by whole base samples.

References
----------
.. [1] J. Kaiser, "Nonrecursive digital filter design using the I0-sinh window function", ISCAS 1974.
"""

import numpy as np
from numba import njit
from scipy.signal import firwin, kaiser_beta

from drywet.circuits.lanes import INLINED, LANES, load, spread
from drywet.kernel_cache import kernel
from drywet.vectors import aligned, fma, total

CHUNK = 64  # base samples that are taken at once
STOP_BAND_DB = 110.0
PASS_BAND, STOP_BAND = 20_000 / 44_100, 0.5  # of the base sample rate


def low_pass(factor: int, treble: float = 0.0) -> np.ndarray:
    """Coefficients for a rate of ``factor`` times the base rate, gain 1, length ``factor * 2m + 1``.

    ``treble`` tilts the response by ``1 + treble (1 - cos ωT)``, T the time of a sample at the higher rate.
    """
    width = 2 * np.pi * (STOP_BAND - PASS_BAND) / factor
    needed = (STOP_BAND_DB - 7.95) / (2.285 * width)  # Kaiser's estimate of the order
    order = 2 * factor * int(np.ceil(needed / (2 * factor)))
    cutoff = (PASS_BAND + STOP_BAND) / factor  # of the Nyquist frequency
    taps = firwin(order - 1, cutoff, window=("kaiser", kaiser_beta(STOP_BAND_DB)))
    return np.convolve(taps, [-treble / 2, 1 + treble, -treble / 2])


class Oversampler:
    """Up by ``factor`` and, through a second filter, down again; state is carried from block to block.

    Parameters
    ----------
    factor : int
        1 leaves the signal as it is.
    treble : float
        For the filter down, see :func:`low_pass`.

    Attributes
    ----------
    latency : int
        Base samples by which ``down(up(x))`` trails ``x``.
    sizes : array of int64
        The factor, taps of each phase of the filter up, and taps of the filter down.
    filters : array of float64
        Both, newest input last; with zeros before the oldest, since taps are taken by the vector.
    lines : array of float64
        The samples under the filters: those that were, and room for CHUNK more; then CHUNK samples for the circuit.
    """

    def __init__(self, factor: int, treble: float = 0.0):
        self.factor = factor
        up = low_pass(factor) if factor > 1 else np.ones(1)
        down = low_pass(factor, treble) if factor > 1 else np.ones(1)
        self.latency = (len(up) - 1) // factor  # half of it in each filter
        padded = np.concatenate([up, np.zeros(-len(up) % factor)])
        phases = _whole_vectors(factor * padded.reshape(-1, factor).T[:, ::-1])  # row r: the taps of output phase r
        reversed_ = _whole_vectors(down[None, ::-1])
        self.sizes = np.array([factor, phases.shape[1], reversed_.shape[1]], np.int64)
        self.filters = aligned(np.concatenate([phases.ravel(), reversed_.ravel()]))
        self.lines = aligned(np.zeros(self.sizes[1] + self.sizes[2] + CHUNK * (1 + 2 * factor)))
        self.reset()

    def reset(self) -> None:
        """Forget all samples."""
        self.lines[:] = 0.0

    def up(self, block: np.ndarray) -> np.ndarray:
        """The next block at the higher rate, shape (T,) to (T * factor,)."""
        fast = np.empty(len(block) * self.factor)
        for start in range(0, len(block), CHUNK):
            part = np.asarray(block[start : start + CHUNK], np.float32)
            fast[start * self.factor :][: len(part) * self.factor] = raised(part, 0, len(part), *self._arrays())
        return fast

    def down(self, block: np.ndarray) -> np.ndarray:
        """The next block at the base rate, shape (T * factor,) to (T,)."""
        wet = np.empty(len(block) // self.factor, np.float32)
        for start in range(0, len(wet), CHUNK):
            count = min(CHUNK, len(wet) - start)
            beside(*self._arrays())[: count * self.factor] = block[start * self.factor :][: count * self.factor]
            lower(wet, start, count, *self._arrays())
        return wet

    def _arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self.sizes, self.filters, self.lines


def _whole_vectors(taps: np.ndarray) -> np.ndarray:
    return np.pad(taps, ((0, 0), (-taps.shape[1] % (4 * LANES), 0)))


@njit(**INLINED)
def _sum(taps, at, line, start, count):
    """Sum of products, in four sums of LANES: its order is fixed by ``count`` alone, so no size of block changes a bit."""
    a, b, c, d = spread(0.0), spread(0.0), spread(0.0), spread(0.0)
    for k in range(0, count, 4 * LANES):
        a = fma(load(taps, at + k), load(line, start + k), a)
        b = fma(load(taps, at + k + LANES), load(line, start + k + LANES), b)
        c = fma(load(taps, at + k + 2 * LANES), load(line, start + k + 2 * LANES), c)
        d = fma(load(taps, at + k + 3 * LANES), load(line, start + k + 3 * LANES), d)
    return total((a + b) + (c + d))


@kernel()
def raised(dry, begin, count, sizes, filters, lines):
    """``count`` samples of ``dry`` from ``begin``, at most CHUNK, at the higher rate: a view into ``lines``."""
    factor, taps, down_taps = sizes[0], sizes[1], sizes[2]
    past, out = taps - 1, taps + down_taps + CHUNK * (1 + factor)
    for n in range(count):
        lines[past + n] = dry[begin + n]
    if factor == 1:
        for n in range(count):
            lines[out + n] = lines[past + n]
    else:
        for n in range(count):
            for phase in range(factor):
                lines[out + n * factor + phase] = _sum(filters, phase * taps, lines, n, taps)
    for k in range(past):
        lines[k] = lines[k + count]
    return lines[out : out + count * factor]


@kernel()
def beside(sizes, filters, lines):
    """Where the next samples at the higher rate are to be written for :func:`lower`: a view into ``lines``."""
    factor, taps, down_taps = sizes[0], sizes[1], sizes[2]
    start = taps + CHUNK + down_taps - 1
    return lines[start : start + CHUNK * factor]


@kernel()
def lower(wet, begin, count, sizes, filters, lines):
    """Fill ``count`` samples of ``wet`` from ``begin``, at most CHUNK, from what was written :func:`beside`."""
    factor, taps, down_taps = sizes[0], sizes[1], sizes[2]
    line, past = taps + CHUNK, down_taps - 1
    for n in range(count):
        if factor == 1:
            wet[begin + n] = lines[line + past + n]
        else:
            wet[begin + n] = _sum(filters, factor * taps, lines, line + n * factor, down_taps)
    for k in range(past):
        lines[line + k] = lines[line + k + count * factor]
