"""Up to 40 s of a recording with its latency and drift taken out: enough to know the device by."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import map_coordinates, spline_filter1d

from drywet.dataset.alignment import Sliceable

EXCERPT_S = 40.0
PIECES = 4  # of a longer recording


@dataclass(frozen=True)
class Timing:
    """Where the wet sample simultaneous with sample t of dry stands: at ``t * (1 + drift) + latency``."""

    latency: float = 0.0
    drift: float = 0.0  # 1e-6 is 1 ppm

    def place(self, sample: float) -> float:
        """Sample of wet, a fraction."""
        return sample * (1 + self.drift) + self.latency


@dataclass(frozen=True)
class Excerpt:
    """Simultaneous dry and wet, float64 of shape (T,), and the first sample in dry and length of each piece in them."""

    dry: np.ndarray
    wet: np.ndarray
    pieces: tuple[tuple[int, int], ...]


def take_excerpt(
    dry: Sliceable, wet: Sliceable, sample_rate: int, timing: Timing, part: slice = slice(None)
) -> Excerpt:
    """The whole of a ``part`` of dry if it is short, else four pieces evenly spread over it."""
    start, stop, _ = part.indices(len(dry))
    first = max(start, int(np.ceil(-timing.latency / (1 + timing.drift))))
    last = min(stop, int((len(wet) - timing.latency) / (1 + timing.drift)))
    length = round(EXCERPT_S * sample_rate)
    if last - first <= length:
        pieces: tuple[tuple[int, int], ...] = ((first, max(0, last - first)),)
    else:
        each = length // PIECES
        pieces = tuple((int(start), each) for start in np.linspace(first, last - each, PIECES))
    return Excerpt(
        np.concatenate([np.asarray(dry[start : start + size], np.float64) for start, size in pieces]),
        np.concatenate([wet_of(wet, start, size, timing) for start, size in pieces]),
        pieces,
    )


def wet_of(wet: Sliceable, start: int, length: int, timing: Timing) -> np.ndarray:
    """Wet simultaneous with ``length`` samples of dry from ``start`` on, float64; zeros where wet has ended.

    Without drift it moves by whole samples, for a filter takes care of the rest; with drift it is read between its
    samples by a quintic spline.
    """
    begin = round(timing.place(start))
    if abs(timing.drift) * length < 0.05:
        return _padded(wet, begin, length)
    margin = 16
    read = _padded(wet, begin - margin, round(length * (1 + timing.drift)) + 2 * margin)
    places = np.arange(length) * (1 + timing.drift) + (timing.place(start) - begin) + margin
    return map_coordinates(spline_filter1d(read, 5), places[None], order=5, prefilter=False)


def _padded(signal: Sliceable, begin: int, length: int) -> np.ndarray:
    part = np.zeros(length)
    low, high = max(0, begin), min(len(signal), begin + length)
    if high > low:
        part[low - begin : high - begin] = signal[low:high]
    return part
