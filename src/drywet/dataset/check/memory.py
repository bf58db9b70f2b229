"""Is it a pedal? How long the device remembers, whether it stands still, whether its gain follows what was."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_toeplitz
from scipy.signal import lfilter, oaconvolve, resample_poly, stft

from drywet.dataset.check.explained import ShortModel

LONGEST_S = 1.0  # memory looked for
LAGS_S = (0.0, 0.03, 0.1, 0.2, 0.35, 0.6, 1.0)  # edges of the bands of lag
FRAME_S = 0.02
# Limits, with what devices of known kind measured (docs/checks.md).
LATE_S, LATE_DB = 0.1, -27.0  # pedals: at most -35 dB of wet later than 0.1 s; 10 % of reverb: -24 dB
STEADY, UNSTEADY_ESR = 0.8, 0.25  # pedals and fuzzes: at least 0.86; a chorus: 0.70
SLOW_GAIN_DB = 0.4  # pedals: at most 0.24 dB; compressors of 4:1 and 200 ms: 0.6 to 1.6 dB, 0.3 after an overdrive


@dataclass(frozen=True)
class Memory:
    """What the device does beyond a short filter and a curve.

    Attributes
    ----------
    lags_s, late_db : tuple of float
        Share of the power of wet, in dB, that depends on what was played between ``lags_s[i]`` and ``lags_s[i + 1]``
        ago. -60 stands for that and less.
    memory_s : float
        The lag beyond which less than -30 dB of wet depends on dry, one of ``lags_s``; 0 is below 30 ms.
    steadiness : float
        1 when the delay and phase between the short model and wet stay, 0 when they are random over time.
    slow_gain_db : float
        Standard deviation of the gain that the level of the last 0.05 to 1 s explains, and the level now does not.
    """

    lags_s: tuple[float, ...]
    late_db: tuple[float, ...]
    memory_s: float
    steadiness: float
    slow_gain_db: float
    explained_esr: float

    @property
    def late_share(self) -> float:
        """Share of the power of wet that depends on dry more than 0.1 s ago."""
        return sum(
            10 ** (db / 10) for lag, db in zip(self.lags_s, self.late_db, strict=False) if lag >= LATE_S and db > -60
        )

    @property
    def kind(self) -> str:
        """``pedal``, ``reverb or delay``, ``chorus or vibrato``, or ``compressor``."""
        if self.steadiness < STEADY and self.explained_esr > UNSTEADY_ESR:
            return "chorus or vibrato"
        if self.late_share > 10 ** (LATE_DB / 10):
            return "reverb or delay"
        return "compressor" if self.slow_gain_db > SLOW_GAIN_DB else "pedal"


def measure_memory(dry: np.ndarray, model: ShortModel) -> Memory:
    """Memory of the device from simultaneous ``dry``, shape (T,), and what the short model left unexplained."""
    late_db = _late_power(model)
    late = [10 ** (db / 10) if db > -60 else 0.0 for db in late_db]
    beyond = np.cumsum(late[::-1])[::-1]
    above = np.flatnonzero(beyond[1:] > 1e-3)
    factor = round(len(dry) / len(model.wet))
    return Memory(
        LAGS_S,
        tuple(late_db),
        LAGS_S[int(above[-1]) + 2] if len(above) else 0.0,
        _steadiness(model),
        _slow_gain(resample_poly(dry, 1, factor)[: len(model.wet)], model),
        model.esr,
    )


def _late_power(model: ShortModel) -> list[float]:
    """Power in dB, against that of wet, of the long filter that brings the prediction to the error, band by band of lag.

    One filter from each half of the recording: what they have in common is the device, what differs is chance. The mean
    product of what both put out is therefore an unbiased estimate of the power, far below that of either's noise.
    """
    taps = min(round(LONGEST_S * model.rate), len(model.wet) // 4)
    error = model.wet - model.predicted
    half = len(error) // 2
    filters = [_long_filter(model.predicted[part], error[part], taps) for part in (slice(0, half), slice(half, None))]
    power = float(np.mean(model.wet**2))
    found = []
    for low, high in itertools.pairwise(LAGS_S):
        band = slice(round(low * model.rate), round(high * model.rate))
        one, two = (_only(taps_of, band, model.predicted) for taps_of in filters)
        found.append(10 * float(np.log10(max(1e-6, np.mean(one * two) / power))))
    return found


def _long_filter(signal: np.ndarray, target: np.ndarray, taps: int) -> np.ndarray:
    """Least-squares filter of ``taps``, loaded by -20 dB of the power so that empty bands stay empty."""
    size = 1 << int(np.ceil(np.log2(len(signal) + taps)))
    spectrum = np.fft.rfft(signal, size)
    autocorrelation = np.fft.irfft(np.abs(spectrum) ** 2, size)[:taps]
    crosscorrelation = np.fft.irfft(spectrum.conj() * np.fft.rfft(target, size), size)[:taps]
    autocorrelation[0] = autocorrelation[0] * 1.01 + 1e-20
    return solve_toeplitz(autocorrelation, crosscorrelation)


def _only(taps: np.ndarray, band: slice, signal: np.ndarray) -> np.ndarray:
    chosen = np.zeros(len(taps))
    chosen[band] = taps[band]
    return oaconvolve(signal, chosen)[: len(signal)]


def _steadiness(model: ShortModel) -> float:
    """Length of the mean over time of the cross-spectrum's phasors, from 150 Hz to 3 kHz, weighted by their size."""
    frame = round(0.064 * model.rate)
    frequencies, _, predicted = stft(model.predicted, model.rate, nperseg=frame)
    wet = stft(model.wet, model.rate, nperseg=frame)[2]
    cross = (wet * predicted.conj())[(frequencies > 150) & (frequencies < 3000)]
    size = np.sqrt(np.abs(cross))
    phasors = cross / np.maximum(size, 1e-30)
    return float(np.abs(phasors.sum(axis=1)).sum() / max(size.sum(), 1e-30))


def _slow_gain(dry: np.ndarray, model: ShortModel) -> float:
    """See :class:`Memory`. Two linear regressions on the gain of every 20 ms, judged on parts they were not fitted to."""
    frame = round(FRAME_S * model.rate)
    count = len(model.wet) // frame
    dry_power, predicted_power, wet_power, slope_power = (
        np.mean(signal[: count * frame].reshape(count, frame) ** 2, axis=1)
        for signal in (dry, model.predicted, model.wet, np.diff(dry, prepend=0.0))
    )
    sounding = (wet_power > 3e-4 * wet_power.mean()) & (predicted_power > 3e-4 * wet_power.mean())
    sounding &= dry_power > 1e-4 * dry_power.mean()
    if np.count_nonzero(sounding) < 200:  # 4 s
        return 0.0
    gain = _db(wet_power) - _db(predicted_power)
    gain = np.clip(gain, np.median(gain[sounding]) - 12, np.median(gain[sounding]) + 12)
    level = _db(dry_power + 1e-5 * dry_power.mean())
    bright = _db(slope_power + 1e-12) - level
    now = [level, _db(predicted_power + 1e-5 * predicted_power.mean()), bright, _mean_ago(level, 1, 1)]
    now = [_standard(feature, sounding) for feature in now]
    columns = [np.ones(count), *(f**power for f in now for power in (1, 2, 3)), now[0] * now[1], now[0] * now[2]]
    without = _unseen_error(columns, gain, sounding)
    within = [
        _unseen_error([*columns, *(_standard(feature, sounding) for feature in past)], gain, sounding)
        for past in _pasts(level, dry_power, sounding)
    ]
    return float(np.sqrt(max(0.0, without - min(within))))


def _pasts(level: np.ndarray, dry_power: np.ndarray, sounding: np.ndarray) -> Iterator[list[np.ndarray]]:
    """What a gain may follow: levels of the past, or a compressor's detector with one of several releases."""
    past = [_mean_ago(level, *frames) for frames in ((3, 5), (6, 10), (11, 20), (21, 40))]
    for seconds in (0.1, 0.3, 1.0):
        past.append(_smoothed(dry_power, seconds) - level)
    past = [_standard(feature, sounding) for feature in past]
    yield [*past, *(feature**2 for feature in past)]
    frames = np.arange(len(level))
    for seconds in (0.1, 0.2, 0.4, 0.8):
        fade = 8.686 * FRAME_S / seconds * frames  # dB by which a held peak has faded
        for detector in (np.maximum.accumulate(level + fade) - fade, _smoothed(dry_power, seconds)):
            thresholds = np.quantile(detector[sounding], (0.0, 0.2, 0.4, 0.6, 0.8))
            yield [np.maximum(0, detector - threshold) for threshold in thresholds]


def _smoothed(power: np.ndarray, seconds: float) -> np.ndarray:
    """Level in dB of the amplitude through a one-pole low-pass."""
    pole = np.exp(-FRAME_S / seconds)
    return 2 * _db(lfilter([1 - pole], [1, -pole], np.sqrt(power)) + 1e-9)


def _unseen_error(columns: list[np.ndarray], gain: np.ndarray, sounding: np.ndarray) -> float:
    """Mean square error of a ridge regression on stretches of 2 s that it was not fitted to (four folds)."""
    features = np.stack(columns, axis=1)
    fold = (np.arange(len(gain)) // round(2 / FRAME_S)) % 4
    errors = []
    for left_out in range(4):
        fitted, tested = sounding & (fold != left_out), sounding & (fold == left_out)
        if not fitted.any() or not tested.any():
            continue
        seen = features[fitted]
        normal = seen.T @ seen + 1e-2 * len(seen) * np.eye(seen.shape[1])
        errors.append(gain[tested] - features[tested] @ np.linalg.solve(normal, seen.T @ gain[fitted]))
    return float(np.mean(np.concatenate(errors) ** 2))


def _mean_ago(level: np.ndarray, nearest: int, farthest: int) -> np.ndarray:
    """Mean of the frames ``nearest`` to ``farthest`` before each."""
    padded = np.concatenate([np.full(farthest, level[0]), level])
    sums = np.concatenate([[0.0], np.cumsum(padded)])
    width = farthest - nearest + 1
    return (sums[width:] - sums[:-width])[: len(level)] / width


def _standard(feature: np.ndarray, sounding: np.ndarray) -> np.ndarray:
    heard = feature[sounding]
    return np.clip((feature - heard.mean()) / (heard.std() + 1e-9), -3, 3)


def _db(power: np.ndarray) -> np.ndarray:
    return 10 * np.log10(power + 1e-12)
