"""Latency second by second: where it jumps, a buffer was lost or played twice."""

from dataclasses import dataclass

import numpy as np
from scipy.fft import irfft, rfft
from scipy.ndimage import uniform_filter1d
from scipy.signal.windows import tukey

from drywet.dataset.alignment import Sliceable

WINDOW_S = 0.7
MOST_WINDOWS = 600
REACH_S = 0.12  # either way of what is expected: the largest loss that is noticed
SMALLEST_JUMP_S = 0.0003  # the phases of a device move a correlation peak by some samples from note to note
BAND_HZ = (100.0, 5000.0)


@dataclass(frozen=True)
class LatencyTrack:
    """Samples by which wet trails dry at ``times_s``, to a few samples, where a window could tell: arrays (N,)."""

    times_s: np.ndarray
    latencies: np.ndarray
    hop_s: float


@dataclass(frozen=True)
class LatencyJump:
    """Between two times the latency changed by ``samples`` for good: negative where wet lost some."""

    start_s: float
    stop_s: float
    samples: int


def track_latency(dry: Sliceable, wet: Sliceable, sample_rate: int, latency: float, drift: float) -> LatencyTrack:
    """Follow the highest peak of the whitened correlation of window after window, near ``latency + drift * t``."""
    length, reach = round(WINDOW_S * sample_rate), round(REACH_S * sample_rate)
    hop = max(length, len(dry) // MOST_WINDOWS)
    size = 1 << int(np.ceil(np.log2(length + 2 * reach)))
    frequencies = np.arange(size // 2 + 1) * sample_rate / size
    band = (frequencies > BAND_HZ[0]) & (frequencies < min(BAND_HZ[1], 0.45 * sample_rate))
    smooth = max(3, round(60 * size / sample_rate))
    # Without tapers the ends of what is cut out would find each other.
    taper = np.hanning(length)
    region_taper = tukey(length + 2 * reach, reach / (length + 2 * reach))
    times, latencies, strengths = [], [], []
    for start in range(0, len(dry) - length + 1, hop):
        expected = round(start + latency + drift * start)
        first = expected - reach
        if first < 0 or first + length + 2 * reach > len(wet):
            first = min(max(first, 0), max(0, len(wet) - length - 2 * reach))
        window, region = dry[start : start + length], wet[first : first + length + 2 * reach]
        if len(region) < len(region_taper) or np.mean(np.square(window, dtype=np.float64)) < 1e-7 or not region.any():
            continue
        spectra = [_whitened(rfft(signal, size), band, smooth) for signal in (taper * window, region_taper * region)]
        correlation = np.abs(irfft(spectra[1] * spectra[0].conj(), size)[: len(region) - length + 1])
        peak = int(np.argmax(correlation))
        times.append((start + length / 2) / sample_rate)
        latencies.append(first + peak - start)
        strengths.append(correlation[peak] / (np.median(correlation) + 1e-30))
    found = np.array(strengths)
    trusted = found > max(8.0, 0.25 * np.median(found)) if len(found) else np.zeros(0, bool)
    return LatencyTrack(np.array(times)[trusted], np.array(latencies, float)[trusted], hop / sample_rate)


def _whitened(spectrum: np.ndarray, band: np.ndarray, smooth: int) -> np.ndarray:
    power = uniform_filter1d(np.abs(spectrum) ** 2, smooth, mode="nearest")
    return np.where(band, spectrum / np.sqrt(power + 1e-8 * power.max() + 1e-30), 0)


def find_latency_jumps(track: LatencyTrack, sample_rate: int) -> list[LatencyJump]:
    """Changes that last: the median of up to five windows after differs from that of as many before."""
    times, latencies = track.times_s, track.latencies
    if len(times) < 4:
        return []
    steps = np.diff(latencies) / np.diff(times)
    straight = latencies - np.median(steps) * (times - times[0])  # jumps are few, so the median step is the drift
    around = 5
    noise = np.median(np.abs(np.diff(straight)))
    limit = max(SMALLEST_JUMP_S * sample_rate, 6 * noise)
    changes = np.zeros(len(times))
    for index in range(2, len(times) - 1):
        before, after = straight[max(0, index - around) : index], straight[index : index + around]
        steady = all(np.median(np.abs(side - np.median(side))) < limit / 2 for side in (before, after))
        changes[index] = np.median(after) - np.median(before) if steady else 0.0
    jumps: list[LatencyJump] = []
    edges = np.flatnonzero(np.diff(np.concatenate([[0], (np.abs(changes) > limit).astype(np.int8), [0]])))
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        # The medians change early and late; the step itself is the largest between neighbours.
        index = int(begin + np.argmax(np.abs(np.diff(straight[begin - 1 : end]))))
        change = float(changes[begin:end][np.argmax(np.abs(changes[begin:end]))])
        jumps.append(LatencyJump(float(times[index - 1]), float(times[index]), round(change)))
    return jumps
