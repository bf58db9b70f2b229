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
    """

    def __init__(self, factor: int, treble: float = 0.0):
        self.factor = factor
        self._filter = low_pass(factor) if factor > 1 else np.ones(1)
        self.latency = (len(self._filter) - 1) // factor  # half of it in each filter
        # Row r: the taps that make output phase r, newest input last.
        padded = np.concatenate([self._filter, np.zeros(factor - 1)]) if factor > 1 else self._filter
        self._phases = np.ascontiguousarray(factor * padded.reshape(-1, factor).T[:, ::-1])
        self._reversed = low_pass(factor, treble)[::-1].copy() if factor > 1 else self._filter
        self.reset()

    def reset(self) -> None:
        """Forget all samples."""
        self._past = np.zeros(self._phases.shape[1] - 1)
        self._past_fast = np.zeros(len(self._filter) - 1)

    def up(self, block: np.ndarray) -> np.ndarray:
        """The next block at the higher rate, shape (T,) to (T * factor,)."""
        x = np.concatenate([self._past, np.asarray(block, dtype=np.float64)])
        self._past = x[len(block) :].copy()
        return _interpolate(x, self._phases, len(block))

    def down(self, block: np.ndarray) -> np.ndarray:
        """The next block at the base rate, shape (T * factor,) to (T,)."""
        x = np.concatenate([self._past_fast, block])
        self._past_fast = x[len(block) :].copy()
        return _decimate(x, self._reversed, self.factor, len(block) // self.factor)


# The order of each sum is fixed by the filter alone, so the size of a block changes no bit of the result.
@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _interpolate(x, phases, count):
    factor, taps = phases.shape
    out = np.empty(count * factor)
    for n in range(count):
        for phase in range(factor):
            total = 0.0
            for k in range(taps):
                total += phases[phase, k] * x[n + k]
            out[n * factor + phase] = total
    return out


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _decimate(x, taps, factor, count):
    out = np.empty(count)
    for n in range(count):
        total = 0.0
        for k in range(len(taps)):
            total += taps[k] * x[n * factor + k]
        out[n] = total
    return out
