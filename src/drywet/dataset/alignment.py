"""How wet lies in time against dry: latency, polarity, drift of the clocks, and whether to believe it.

Some windows of dry are looked for in wet by whitened correlation; a straight line through what they agree on is latency and
drift; a model of the device (:mod:`drywet.dataset.delay`) then says which part of it is the device's own phase.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft
from scipy.ndimage import uniform_filter1d

from drywet import audio
from drywet.dataset.delay import HIGH_PASSES_HZ, LIKELY_HIGH_PASS_HZ, DelayFitter, Fit, parabolic_peak
from drywet.errors import SignalError

WINDOWS = 8
WINDOW_S = 3.0
SEARCH_RATE = 11_025  # Hz, about: enough to find a window, whatever the device does to the treble
SEARCH_BAND_HZ = (80.0, 4000.0)
WHITENING_HZ = 60.0  # width over which a spectrum is smoothed before it is divided by
PEAKS = 10  # of one window's correlation, that may be the right one
APART_S = 0.0003  # between them
LARGEST_DRIFT = 300e-6  # clocks of audio interfaces differ by less
AGREEMENT_S = 0.0007  # windows whose lags lie this near to a line support it
SHORTEST_S = 0.5
ROUNDS = 8  # of fitting the device and moving the line, at most
TRUSTED = 0.5  # confidence from which an alignment may be used
FIT_SECONDS = 1.5  # of each window, its brightest part, to which the model of the device is fitted


class Sliceable(Protocol):
    """A mono signal: an array of shape (T,), or an open file that reads the part asked for."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice) -> np.ndarray: ...


@dataclass(frozen=True)
class WindowLag:
    """What one window says: at ``time_s`` of dry, wet trails by ``latency`` samples; ``strength`` in [0, 1]."""

    time_s: float
    latency: float
    strength: float


@dataclass(frozen=True)
class Alignment:
    """Where wet lies against dry.

    Attributes
    ----------
    latency : float
        Samples by which wet trails dry at the start of dry, the phase of the device not counted; negative: wet leads.
    polarity : int
        1, or -1 where wet is inverted.
    drift_ppm, drift_uncertainty_ppm : float
        By how much wet gets later with time, in samples per million, and its standard error.
    confidence : float
        In [0, 1]; from 0.5 on it may be used. The smallest of five: how many windows agree, how nearly, how far the
        next best answer lies behind, how much of wet the model of the device explains, and how certain its delay is.
    uncertainty : float
        Standard error of ``latency`` in samples. Music with little treble leaves half a sample open; see ``delay.py``.
    explained : float
        Share of wet's power that filter, curve, filter explain once aligned.
    windows : tuple of WindowLag
        The windows that agree, in order of time.
    asked : int
        How many windows were asked.
    sample_rate : int
        Hz.
    """

    latency: float
    polarity: int
    drift_ppm: float
    drift_uncertainty_ppm: float
    confidence: float
    uncertainty: float
    explained: float
    windows: tuple[WindowLag, ...]
    asked: int
    sample_rate: int

    @property
    def spread(self) -> float:
        """Largest disagreement of a window with latency and drift, in samples."""
        return max((abs(window.latency - self.at(window.time_s)) for window in self.windows), default=0.0)

    @property
    def trusted(self) -> bool:
        """Whether it may be used."""
        return self.confidence >= TRUSTED

    def at(self, time_s: float) -> float:
        """Latency in samples at ``time_s`` of dry."""
        return self.latency + self.drift_ppm * 1e-6 * time_s * self.sample_rate

    def as_json(self) -> dict:
        """The figures as JSON values."""
        return {
            "latency_samples": round(self.latency, 3),
            "latency_ms": round(1000 * self.latency / self.sample_rate, 5),
            "uncertainty_samples": _finite(self.uncertainty),
            "polarity": self.polarity,
            "drift_ppm": round(self.drift_ppm, 3),
            "drift_uncertainty_ppm": _finite(self.drift_uncertainty_ppm),
            "confidence": round(self.confidence, 3),
            "explained": round(self.explained, 4),
            "windows_agreeing": len(self.windows),
            "windows_asked": self.asked,
            "spread_samples": round(self.spread, 3),
        }


def measure_alignment(dry: Sliceable, wet: Sliceable, sample_rate: int, max_offset_s: float = 15.0) -> Alignment:
    """Find latency, polarity and drift between two recordings of any length.

    Neither level nor a filter, heavy distortion, noise or extra audio before and after matters. Memory is that of a few
    windows, however long the files are.

    Parameters
    ----------
    dry, wet : sliceable signal, shape (T,) each; lengths may differ
    sample_rate : int
        Hz, of both.
    max_offset_s : float
        Largest latency looked for, in seconds, either way.

    Returns
    -------
    Alignment
        With ``confidence`` below 0.5 where the signals do not belong together, or too much fits equally well.

    Raises
    ------
    SignalError
        If a signal is silent, or shorter than half a second.
    """
    for name, signal in (("dry", dry), ("wet", wet)):
        if len(signal) < SHORTEST_S * sample_rate:
            raise SignalError(
                f"{name} has {len(signal)} samples ({len(signal) / sample_rate:.2f} s); at least {SHORTEST_S} s are "
                "needed to find where it lies"
            )
    starts, length = _choose_windows(dry, wet, sample_rate)
    searched, region = [], None
    for start in starts:
        first, stop = _reach(start, length, len(wet), int(max_offset_s * sample_rate))
        if region is None or (region.first, region.stop) != (first, stop):  # of a short recording it is always the same
            region = _Region(wet, first, stop, length, sample_rate)
        searched.append(_search(dry, start, length, region))
    line = _vote(searched, sample_rate)
    supporters = [number for number in range(len(searched)) if line.supports[number] >= 0]
    brightest = {number: _brightest(dry, starts[number], length, sample_rate) for number in supporters}
    fit, residual, pieces, fitter = None, np.zeros(0), [], None
    moved, chosen = np.inf, False
    for _ in range(ROUNDS):
        kept = [
            (number, brightest[number], *cut)
            for number in supporters
            if (cut := _cut(wet, brightest[number], line)) is not None
        ]
        if not kept:
            return _conclude(line, None, residual, searched, [], starts, length, sample_rate)
        if fitter is None or [row[1] for row in kept] != pieces:
            pieces = [row[1] for row in kept]
            fitter = DelayFitter([dry[piece] for piece in pieces], sample_rate)
        # Which high-pass is in the device shows once the pieces lie together.
        choosing = not chosen and moved < 1.0
        tried = HIGH_PASSES_HZ if choosing else (fit.high_pass_hz if fit else LIKELY_HIGH_PASS_HZ,)
        chosen |= choosing
        fit = fitter.fit([row[2] for row in kept], [row[3] for row in kept], tried)
        supporters = [row[0] for row in kept]
        if fit is None:
            break
        # All together are what fit.delay speaks of.
        residual = fit.residual_delays - np.average(fit.residual_delays, weights=fit.precision)
        times = np.array([starts[number] + length / 2 for number in supporters])
        change = line.moved(times, fit.delay + residual, fit.precision)
        moved = np.abs(change.at(times) - line.at(times)).max()
        line = change
        if chosen and moved < 0.03:
            break
    return _conclude(line, fit, residual, searched, supporters, starts, length, sample_rate)


@dataclass(frozen=True)
class _Peaks:
    """Candidates for the lag of one window, in samples (at the full rate), and the normalised correlation at each."""

    time: float  # middle of the window, samples of dry
    lags: np.ndarray
    strengths: np.ndarray


@dataclass(frozen=True)
class _Line:
    """Lag in samples at each time in samples, which peak of each window lies on it (-1: none), and how good it is."""

    offset: float
    drift: float
    supports: tuple[int, ...]
    score: float
    runner_up: float

    def at(self, time):
        return self.offset + self.drift * time

    def moved(self, times: np.ndarray, residuals: np.ndarray, weights: np.ndarray) -> "_Line":
        offset, drift = _through(times, self.at(times) + residuals, weights)
        return _Line(offset, drift, self.supports, self.score, self.runner_up)


def _choose_windows(dry: Sliceable, wet: Sliceable, sample_rate: int) -> tuple[list[int], int]:
    """Starts of the windows in dry that are worth looking for, and their length in samples."""
    length = int(min(WINDOW_S * sample_rate, len(dry) / 3))
    places = np.unique(np.linspace(0, len(dry) - length, 3 * WINDOWS).astype(int))
    powers = np.array([np.mean(np.square(dry[start : start + length], dtype=np.float64)) for start in places])
    if not powers.any():
        raise SignalError("dry is silent where it was looked at, so wet cannot be aligned with it")
    # The middle place of three, so that the whole length is covered; the loudest where the middle one is a rest.
    groups = [group for group in np.array_split(np.arange(len(places)), WINDOWS) if len(group)]
    middles = [group[len(group) // 2] for group in groups]
    chosen = [
        middle if powers[middle] > 0.01 * powers[group].max() else group[np.argmax(powers[group])]
        for middle, group in zip(middles, groups, strict=True)
    ]
    loud = powers.max() * 1e-4
    return [int(places[index]) for index in chosen if powers[index] > loud], length


def _reach(start: int, length: int, wet_length: int, reach: int) -> tuple[int, int]:
    """From where to where in wet a window of dry may lie."""
    return max(0, start - reach), min(wet_length, start + length + reach)


class _Region:
    """A part of wet in which windows of ``length`` samples are looked for: whitened, at a low rate."""

    def __init__(self, wet: Sliceable, first: int, stop: int, length: int, sample_rate: int):
        self.first, self.stop = first, stop
        self.sample_rate, self.low_rate = sample_rate, sample_rate // max(1, sample_rate // SEARCH_RATE)
        if stop - first < length // 2:
            return
        region = audio.resample(wet[first:stop], sample_rate, self.low_rate)
        self.size = next_fast_len(len(region) + length * self.low_rate // sample_rate + 2, real=True)
        self.signal, self.spectrum = _whiten(region, self.size, self.low_rate)
        self.energy = np.concatenate([[0.0], np.cumsum(np.square(self.signal, dtype=np.float64))])


def _search(dry: Sliceable, start: int, length: int, region: _Region) -> _Peaks:
    """Where the window of dry may lie in wet: the highest peaks of the whitened, normalised correlation."""
    time = start + length / 2
    if region.stop - region.first < length // 2:
        return _Peaks(time, np.zeros(0), np.zeros(0))
    low_rate, count = region.low_rate, len(region.signal)
    step = region.sample_rate / low_rate
    window = audio.resample(dry[start : start + length], region.sample_rate, low_rate)
    window, spectrum = _whiten(window, region.size, low_rate)
    correlation = irfft(region.spectrum * spectrum.conj(), region.size)
    # Lags at which at least half of the window overlaps the region.
    half = len(window) // 2
    lags = np.arange(-half, count - len(window) + half + 1)
    energy = region.energy
    overlapped = energy[np.clip(lags + len(window), 0, count)] - energy[np.clip(lags, 0, count)]
    quiet = overlapped.max() * 1e-4 + 1e-30
    normalised = correlation[lags] / np.sqrt(np.sum(window**2) * np.maximum(overlapped, quiet))
    height = np.abs(normalised)
    apart = max(1, int(APART_S * low_rate))
    found_lags, found_heights = [], []
    for _ in range(PEAKS):
        index = int(np.argmax(height))
        found_lags.append((lags[0] + parabolic_peak(height, index)) * step + region.first - start)
        found_heights.append(np.clip(normalised[index], -1, 1))
        height[max(0, index - apart) : index + apart + 1] = 0.0
    return _Peaks(time, np.array(found_lags), np.array(found_heights))


def _whiten(signal: np.ndarray, size: int, rate: int) -> tuple[np.ndarray, np.ndarray]:
    """``signal`` with a flat spectrum within the search band, (T,), and its spectrum of ``size`` points."""
    spectrum = rfft(signal.astype(np.float32), size)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    smooth = uniform_filter1d(power, max(3, round(WHITENING_HZ * size / rate)), mode="nearest")
    frequencies = np.arange(len(spectrum)) * rate / size
    band = (frequencies > SEARCH_BAND_HZ[0]) & (frequencies < min(SEARCH_BAND_HZ[1], 0.45 * rate))
    # What lies 80 dB below the strongest is noise, and stays small.
    spectrum = np.where(band, spectrum / np.sqrt(smooth + 1e-8 * smooth.max() + 1e-30), 0)
    return irfft(spectrum, size)[: len(signal)], spectrum


def _vote(searched: Sequence[_Peaks], sample_rate: int) -> _Line:
    """The line of lag against time that most windows support, weighted by the strength of their peaks."""
    times = np.array([peaks.time for peaks in searched])
    lines = [(lag, 0.0) for peaks in searched for lag in peaks.lags]
    for number, one in enumerate(searched):
        for other in searched[number + 1 :]:
            drifts = (other.lags[:, None] - one.lags) / (other.time - one.time)
            for _, column in np.argwhere(np.abs(drifts) <= LARGEST_DRIFT):
                lines.append((one.lags[column], 0.0))
            for row, column in np.argwhere(np.abs(drifts) <= LARGEST_DRIFT):
                drift = drifts[row, column]
                lines.append((one.lags[column] - drift * one.time, drift))
    if not lines:
        return _Line(0.0, 0.0, tuple(-1 for _ in searched), 0.0, 0.0)
    # Once with wet upright, once inverted: distortion moves energy between the lobes of a peak, which differ in sign.
    offsets, drifts = np.array(sorted(set(lines))).T
    tolerance = AGREEMENT_S * sample_rate
    scores = np.zeros((2, len(offsets)))
    for peaks in searched:
        near = np.abs(peaks.lags - (offsets + drifts * peaks.time)[:, None]) <= tolerance
        for polarity, score in zip((1, -1), scores, strict=True):
            score += np.where(near, polarity * peaks.strengths, 0).max(1, initial=0.0)
    inverted, best = np.unravel_index(np.argmax(scores), scores.shape)
    offset, drift = offsets[best], drifts[best]
    away = np.abs((offsets - offset) + (drifts - drift) * times.mean())
    rivals = scores[:, away > 3 * tolerance]
    supports = []
    for peaks in searched:
        distance = np.abs(peaks.lags - offset - drift * peaks.time)
        near = np.where(distance <= tolerance, (-1 if inverted else 1) * peaks.strengths, 0.0)
        supports.append(int(np.argmax(near)) if near.max(initial=0.0) > 0 else -1)
    chosen = [(peaks, index) for peaks, index in zip(searched, supports, strict=True) if index >= 0]
    offset, drift = _through(
        np.array([peaks.time for peaks, _ in chosen]),
        np.array([peaks.lags[index] for peaks, index in chosen]),
        np.array([abs(peaks.strengths[index]) for peaks, index in chosen]),
    )
    count = len(searched)
    return _Line(offset, drift, tuple(supports), scores[inverted, best] / count, rivals.max(initial=0.0) / count)


def _through(times: np.ndarray, lags: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """Offset and slope of the line through (time, lag), weighted, outliers counting little (Cauchy weights)."""
    if len(times) < 2:
        return float(lags[0]), 0.0
    weights = np.maximum(weights, 1e-6)
    factor = np.ones(len(times))
    for _ in range(5):
        total = weights * factor
        centre, level = np.average(times, weights=total), np.average(lags, weights=total)
        slope = np.sum(total * (times - centre) * (lags - level)) / np.sum(total * (times - centre) ** 2)
        slope = float(np.clip(slope, -LARGEST_DRIFT, LARGEST_DRIFT))
        away = lags - level - slope * (times - centre)
        factor = 1 / (1 + (away / max(2 * np.median(np.abs(away)), 0.02)) ** 2)
    return float(level - slope * centre), slope


def _slope_error(times: np.ndarray, residuals: np.ndarray) -> float:
    """Standard error of the slope of a line from which the points lie ``residuals`` away; infinite for two points."""
    if len(times) < 3 or np.ptp(times) == 0:
        return float("inf")
    return float(np.sqrt(np.sum(residuals**2) / (len(times) - 2) / np.sum((times - times.mean()) ** 2)))


def _finite(value: float) -> float | None:
    return round(value, 3) if np.isfinite(value) else None


def _brightest(dry: Sliceable, start: int, length: int, sample_rate: int) -> slice:
    """The piece of a window of dry in which there is most treble."""
    # Windows of a short recording overlap, their middles hardly.
    middle = min(length, max(len(dry) // WINDOWS, int(FIT_SECONDS * sample_rate)))
    start += (length - middle) // 2
    size = int(min(FIT_SECONDS * sample_rate, middle - 1))
    energy = np.concatenate([[0.0], np.cumsum(np.square(np.diff(dry[start : start + middle]), dtype=np.float64))])
    start += int(np.argmax(energy[size:] - energy[:-size]))
    return slice(start, start + size)


def _cut(wet: Sliceable, piece: slice, line: _Line) -> tuple[np.ndarray, np.ndarray] | None:
    """Wet of a piece, cut to the nearest sample of where the line says, and by how much too late that is.

    None where wet does not reach that far.
    """
    start, stop = piece.start, piece.stop
    lag = round(line.at((start + stop) / 2))
    if start + lag < 0 or stop + lag > len(wet):
        return None
    return wet[start + lag : stop + lag], lag - line.at(np.arange(start, stop))


def _conclude(line, fit: Fit | None, residual, searched, supporters, starts, length, sample_rate) -> Alignment:
    asked = len(searched)
    if fit is None:
        unknown = float("inf")
        return Alignment(line.offset, 1, 1e6 * line.drift, unknown, 0.0, unknown, 0.0, (), asked, sample_rate)
    windows = tuple(
        WindowLag(
            (starts[number] + length / 2) / sample_rate,
            float(line.at(starts[number] + length / 2) + own),
            float(abs(searched[number].strengths[line.supports[number]])),
        )
        for number, own in zip(supporters, residual, strict=True)
    )
    # Each is above 1 where the answer is right, and falls through 0.5 where a jump, a rival or another take begins.
    agreeing = (len(windows) / asked - 0.4) / 0.4
    others = np.sort(np.abs(residual))[: max(1, len(residual) - 1)]  # one window may be a poor one
    nearly = 0.5 / max(float(np.sqrt(np.mean(others**2))), 1e-9)  # samples; right ones reach 0.3
    ahead = (1 - line.runner_up / line.score) / 0.3 if line.score else 0.0
    certain = 1.5 / max(fit.uncertainty, 1e-9)  # samples; right ones reach 1
    confidence = min(1.0, agreeing, nearly, ahead, fit.explained / 0.4, certain)
    return Alignment(
        latency=line.offset,
        polarity=fit.polarity,
        drift_ppm=1e6 * line.drift,
        drift_uncertainty_ppm=1e6 * _slope_error(np.array([starts[number] for number in supporters]), residual),
        confidence=max(0.0, confidence),
        uncertainty=fit.uncertainty,
        explained=fit.explained,
        windows=windows,
        asked=asked,
        sample_rate=sample_rate,
    )
