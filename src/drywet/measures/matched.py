"""The error that is left once level, delay and offset are forgiven, and how large those were."""

from dataclasses import dataclass

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft
from scipy.optimize import minimize_scalar
from scipy.signal import oaconvolve

from drywet.errors import SignalError
from drywet.measures.error import clip_pair

FLOOR_DB = -150.0  # rounding to single precision leaves about that much
HALF_LENGTH = 64  # taps either side of a fractional delay
BETA = 10.0  # of its Kaiser window: accurate to -100 dB up to 0.47 of the sample rate (Kaiser's formula)


@dataclass(frozen=True)
class Matched:
    """``predicted = polarity * gain * wet(t - delay) + dc + rest``, the rest uncorrelated with wet.

    Attributes
    ----------
    gain_db : float
        Level at which wet is found in predicted, relative to wet; a prediction 1 dB too loud has 1.
    polarity : int
        1, or -1 where predicted is inverted.
    delay : float
        In samples, fractional; positive where predicted trails wet.
    dc : float
        Offset of predicted, in its own unit.
    esr : float
        Error-to-signal ratio with all of that taken out of predicted, in [0, 1].
    null_depth_db : float
        ``10 log10(esr)``, no lower than -150: what an engineer's null test would leave, relative to wet.
    """

    gain_db: float
    polarity: int
    delay: float
    dc: float
    esr: float
    null_depth_db: float


def matched_error(wet, predicted, max_delay=32):
    """Match level, polarity, fractional delay and offset of ``predicted`` to ``wet``, and measure what is left.

    Least squares over all four: the delay is that of the largest correlation coefficient r, with band-limited
    interpolation between samples, and with the gain and the offset that suit predicted best::

        esr = sum (wet - a predicted(t + delay) - b)^2 / sum wet^2  =  (1 - r^2) sum (wet - mean)^2 / sum wet^2

    All three faults change the plain ESR a lot and the sound little or not at all: one sample of delay costs about
    1 % on driven guitar. A device's curve and filters leave a rest that no gain and no delay removes.

    A search, therefore for numpy arrays only. A silent or constant prediction has gain -150 dB, delay 0 and esr 1 (less
    what the offset itself explains).

    Parameters
    ----------
    wet, predicted : array, shape (T,)
    max_delay : int
        Largest delay looked for, in samples, either way. This and 64 more samples at either end of the clip are left
        out, for there the shifted signals do not overlap.

    Returns
    -------
    Matched

    Raises
    ------
    SignalError
        If the shapes differ or are not (T,), a sample is not finite, wet is silent or constant, or the clip is shorter
        than the search needs.
    """
    wet, predicted = clip_pair(wet, predicted)
    margin = max_delay + HALF_LENGTH
    if len(wet) < 4 * margin:
        raise SignalError(f"{len(wet)} samples are too few to match delays up to {max_delay}; {4 * margin} are needed")
    inner = slice(margin, len(wet) - margin)
    wet_power, wet_mean = np.mean(np.square(wet[inner])), wet[inner].mean()
    wet = wet - wet_mean
    variance = np.mean(np.square(wet[inner]))
    if variance <= 1e-15 * wet_power:
        raise SignalError("wet is constant but for the ends of the clip, so nothing can be matched to it")

    delay = _delay_of_largest_correlation(wet, predicted - predicted[inner].mean(), max_delay)
    predicted = _advance(predicted, delay)[inner]
    wet, predicted_mean = wet[inner], predicted.mean()
    predicted = predicted - predicted_mean
    covariance, predicted_variance = np.mean(wet * predicted), np.mean(np.square(predicted))
    best_gain = covariance / predicted_variance if predicted_variance > 0 else 0.0
    esr = float(np.mean(np.square(wet - best_gain * predicted)) / wet_power)
    gain = covariance / variance
    return Matched(
        gain_db=float(20 * np.log10(max(abs(gain), 10 ** (FLOOR_DB / 20)))),
        polarity=-1 if gain < 0 else 1,
        delay=delay,
        dc=float(predicted_mean - gain * wet_mean),
        esr=esr,
        null_depth_db=float(10 * np.log10(max(esr, 10 ** (FLOOR_DB / 10)))),
    )


def null_depth_db(wet, predicted, max_delay=32):
    """:attr:`Matched.null_depth_db` of :func:`matched_error`, in dB; -40 means that a hundredth of the amplitude is left."""
    return matched_error(wet, predicted, max_delay).null_depth_db


def _delay_of_largest_correlation(wet, predicted, max_delay):
    """Samples by which predicted trails wet, fractional, within ``max_delay``; 0 where nothing correlates."""
    margin, length = max_delay + HALF_LENGTH, len(wet)
    size = next_fast_len(length, real=True)
    inner = np.zeros_like(wet)
    inner[margin : length - margin] = wet[margin : length - margin]  # so that no lag up to the margin reaches the ends
    circular = irfft(np.conj(rfft(inner, size)) * rfft(predicted, size), size)
    covariance = np.concatenate([circular[-margin:], circular[: margin + 1]])  # index margin is lag 0
    energy = np.concatenate([[0.0], np.cumsum(np.square(predicted))])
    lags = np.arange(-max_delay, max_delay + 1)
    variance = energy[length - margin + lags] - energy[margin + lags]  # of the stretch that wet meets at each lag
    variance = np.maximum(variance, np.finfo(float).tiny)
    whole = np.square(covariance[margin + lags]) / variance
    if whole.max() <= 1e-24 * np.sum(np.square(inner)):
        return 0.0
    peak = lags[np.argmax(whole)]

    def unexplained(delay):  # interpolating the covariance is interpolating predicted, for a covariance is linear in it
        nearest = round(delay)
        taps = slice(margin + nearest - HALF_LENGTH, margin + nearest + HALF_LENGTH + 1)
        return -np.square(_interpolator(delay - nearest) @ covariance[taps]) / np.interp(delay, lags, variance)

    bounds = max(peak - 1, -max_delay), min(peak + 1, max_delay)
    found = minimize_scalar(unexplained, bounds=bounds, method="bounded", options={"xatol": 1e-6}).x
    return float(found if unexplained(found) < unexplained(peak) else peak)


def _advance(signal, delay):
    """``signal`` at ``t + delay``, zeros outside it."""
    whole = round(delay)
    if delay != whole:
        kernel = _interpolator(delay - whole)[::-1]
        signal = oaconvolve(signal, kernel)[HALF_LENGTH : HALF_LENGTH + len(signal)]
    padded = np.pad(signal, abs(whole))
    start = abs(whole) + whole
    return padded[start : start + len(signal)]


def _interpolator(fraction):
    """Weights of the samples from -HALF_LENGTH to HALF_LENGTH that give the signal at ``fraction``: a windowed sinc."""
    taps = np.arange(-HALF_LENGTH, HALF_LENGTH + 1)
    weights = np.sinc(taps - fraction) * np.kaiser(len(taps), BETA)
    return weights / weights.sum()  # the window is not centred on the fraction, which costs level alone
