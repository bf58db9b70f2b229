"""Levels of one signal: peak, RMS, DC, noise floor, hum."""

from dataclasses import dataclass

import numpy as np
from scipy.signal import get_window

from drywet.audio import amplitude_to_db
from drywet.dataset.alignment import Sliceable
from drywet.dataset.check.blocks import BLOCK, blocks

FRAME_S = 0.05
QUIET_SHARE = 0.02  # of all frames: those that tell the noise floor
SILENT_DBFS = -90.0  # a peak below it is an open input, not music
HUM_S = 1.0  # quiet stretch looked at for hum: lines of 50 and 60 Hz stand 10 bins apart


@dataclass(frozen=True)
class Levels:
    """Levels in dBFS (1.0 is 0 dB, a full-scale sine has an RMS of -3.01), DC as a value.

    ``frame_power`` is the mean square of every 50 ms, shape (F,), ``frame_range`` the lowest and highest value in it,
    shape (F, 2). ``noise_floor_dbfs`` is the RMS of the quietest 2 % of
    them: an upper bound where the music never pauses. Exact digital silence does not count.
    """

    peak_dbfs: float
    peak_s: float  # where
    rms_dbfs: float
    dc: float
    noise_floor_dbfs: float
    frame_power: np.ndarray
    frame_range: np.ndarray

    @property
    def silent(self) -> bool:
        """Whether nothing was played."""
        return self.peak_dbfs < SILENT_DBFS

    @property
    def power(self) -> float:
        """Mean square of the whole signal."""
        return float(10 ** (self.rms_dbfs / 10))


def measure_levels(signal: Sliceable, sample_rate: int) -> Levels:
    """Levels of a signal of any length, shape (T,), T >= 1."""
    frame = round(FRAME_S * sample_rate)
    total, energy, peak, peak_at = 0.0, 0.0, -1.0, 0
    frames, ranges = [], []
    for first, _, samples in blocks(signal, block=BLOCK // frame * frame):
        loudest = int(np.argmax(np.abs(samples)))
        if abs(samples[loudest]) > peak:
            peak, peak_at = float(abs(samples[loudest])), first + loudest
        squares = np.square(samples, dtype=np.float64)
        total, energy = total + float(samples.sum(dtype=np.float64)), energy + float(squares.sum())
        whole = len(squares) // frame * frame
        frames.append(squares[:whole].reshape(-1, frame).mean(axis=1))
        shaped = samples[:whole].reshape(-1, frame)
        ranges.append(np.stack([shaped.min(axis=1), shaped.max(axis=1)], axis=1))
    frame_power = np.concatenate(frames)
    return Levels(
        peak_dbfs=amplitude_to_db(peak),
        peak_s=peak_at / sample_rate,
        rms_dbfs=amplitude_to_db((energy / len(signal)) ** 0.5),
        dc=total / len(signal),
        noise_floor_dbfs=amplitude_to_db(_quietest(frame_power) ** 0.5),
        frame_power=frame_power,
        frame_range=np.concatenate(ranges),
    )


def _quietest(frame_power: np.ndarray) -> float:
    sounding = np.sort(frame_power[frame_power > 0])
    return float(sounding[: max(1, round(QUIET_SHARE * len(sounding)))].mean()) if len(sounding) else 0.0


@dataclass(frozen=True)
class Hum:
    """Mains hum: its frequency, its level with harmonics, and the quiet stretch in which it was measured."""

    mains_hz: int  # 50 or 60
    level_dbfs: float
    start_s: float
    stop_s: float


def measure_hum(signal: Sliceable, sample_rate: int, levels: Levels) -> Hum | None:
    """Mains hum in the quietest second, or None where nothing stands out of the noise or there is no quiet second.

    The power of the first eight harmonics in a spectrum of one second (Blackman-Harris window), less that of the noise
    between them. Reported when the noise would have to be 10 times as strong to look like it.
    """
    per_window = round(HUM_S / FRAME_S)
    if len(levels.frame_power) < per_window:
        return None
    mean = np.convolve(levels.frame_power, np.ones(per_window) / per_window, "valid")
    mean[~_all_sound(levels.frame_power, per_window)] = np.inf
    start = int(np.argmin(mean))
    if not np.isfinite(mean[start]) or mean[start] > levels.power / 100:  # music, 20 dB down at most
        return None
    frame = round(FRAME_S * sample_rate)
    samples = np.asarray(signal[start * frame : (start + per_window) * frame], np.float64)
    window = get_window("blackmanharris", len(samples))
    spectrum = np.abs(np.fft.rfft((samples - samples.mean()) * window)) ** 2 * 2 / len(samples) / np.sum(window**2)
    bins_per_hz = len(samples) / sample_rate
    best = None
    for mains in (50, 60):
        line, noise = 0.0, 0.0
        for harmonic in range(1, 9):
            centre = round(mains * harmonic * bins_per_hz)
            if centre + 12 > len(spectrum):
                break
            beside = np.concatenate([spectrum[centre - 12 : centre - 4], spectrum[centre + 5 : centre + 13]])
            line += float(spectrum[centre - 4 : centre + 5].sum())
            noise += 9 * float(np.median(beside) / np.log(2))  # the median of exponential powers is ln 2 of the mean
        if line > 10 * noise and (best is None or line - noise > best[0]):
            best = (line - noise, mains)
    if best is None:
        return None
    return Hum(best[1], amplitude_to_db(best[0] ** 0.5), start * FRAME_S, (start + per_window) * FRAME_S)


def _all_sound(frame_power: np.ndarray, count: int) -> np.ndarray:
    """Whether each stretch of ``count`` frames is free of exact digital silence."""
    return np.convolve(frame_power > 0, np.ones(count), "valid") > count - 0.5
