"""The error that is left once level, delay and offset are forgiven, and how large those were."""

from dataclasses import dataclass

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft
from scipy.signal import oaconvolve

from drywet.errors import SignalError
from drywet.measures.error import clip_pair

FLOOR_DB = -150.0  # rounding to single precision leaves about that much
FLAT_LAGS, TAPER_LAGS = 256, 256  # of the crosscorrelation around its peak, kept to place the peak between samples
DELAY_HALF_LENGTH = 64  # taps either side of a fractional delay
DELAY_BETA = 10.0  # of its Kaiser window: 100 dB of accuracy up to 0.45 of the sample rate (Kaiser's formula)


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

    The delay is the place of the largest crosscorrelation, band-limited interpolation between samples included; the gain
    and the offset of predicted are then those of least squares. With the correlation coefficient r of the two::

        esr = sum (wet - a predicted(t + delay) - b)^2 / sum wet^2  =  (1 - r^2) sum (wet - mean)^2 / sum wet^2

    All three faults change the plain ESR a lot and the sound little or not at all: one sample of delay costs 4 % on
    driven guitar. A device's curve and filters leave a rest that no gain and no delay removes.

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
    margin = max_delay + DELAY_HALF_LENGTH
    shortest = 4 * margin
    if len(wet) < shortest:
        raise SignalError(f"{len(wet)} samples are too few to match delays up to {max_delay}; {shortest} are needed")
    inner = slice(margin, len(wet) - margin)
    wet_mean, predicted_mean = wet[inner].mean(), predicted[inner].mean()
    wet_power = np.mean(np.square(wet[inner]))
    wet, predicted = wet - wet_mean, predicted - predicted_mean
    variance = np.mean(np.square(wet[inner]))
    if variance <= 1e-15 * wet_power:
        raise SignalError("wet is constant but for the ends of the clip, so nothing can be matched to it")

    delay = _delay_of_largest_correlation(wet, predicted, max_delay)
    predicted = _advance(predicted, delay)[inner]
    wet = wet[inner]
    shift = predicted.mean()  # the moved stretch has another mean
    predicted = predicted - shift
    covariance, predicted_variance = np.mean(wet * predicted), np.mean(np.square(predicted))
    best_gain = covariance / predicted_variance if predicted_variance > 0 else 0.0
    esr = float(np.mean(np.square(wet - best_gain * predicted)) / wet_power)
    gain = covariance / variance
    return Matched(
        gain_db=float(20 * np.log10(max(abs(gain), 10 ** (FLOOR_DB / 20)))),
        polarity=-1 if gain < 0 else 1,
        delay=delay,
        dc=float(predicted_mean + shift - gain * wet_mean),
        esr=esr,
        null_depth_db=float(10 * np.log10(max(esr, 10 ** (FLOOR_DB / 10)))),
    )


def null_depth_db(wet, predicted, max_delay=32):
    """:attr:`Matched.null_depth_db` of :func:`matched_error`, in dB; -40 means that a hundredth of the amplitude is left."""
    return matched_error(wet, predicted, max_delay).null_depth_db


def _delay_of_largest_correlation(wet, predicted, max_delay):
    """Samples by which predicted trails wet, fractional, within ``max_delay``; 0 where nothing correlates."""
    reach = max_delay + FLAT_LAGS + TAPER_LAGS
    size = next_fast_len(len(wet) + reach, real=True)
    circular = irfft(np.conj(rfft(wet, size)) * rfft(predicted, size), size)
    correlation = np.concatenate([circular[-reach:], circular[: reach + 1]])  # index reach is lag 0
    searched = np.abs(correlation[reach - max_delay : reach + max_delay + 1])
    if searched.max() <= 1e-12 * np.sqrt(np.sum(wet**2) * np.sum(predicted**2)):
        return 0.0
    peak = int(np.argmax(searched)) - max_delay
    # The neighbourhood of the peak as a Fourier series. Its ends are faded, far from the peak, so that they do not ring;
    # where the weights are 1 the series is the band-limited interpolation of the correlation.
    near = FLAT_LAGS + TAPER_LAGS
    fade = np.cos(np.linspace(0, np.pi / 2, TAPER_LAGS, endpoint=False)) ** 2
    weights = np.concatenate([fade[::-1], np.ones(2 * FLAT_LAGS), fade])
    series = np.fft.rfft(np.roll((weights * correlation[reach + peak - near : reach + peak + near]), -near))
    omega = 2 * np.pi * np.fft.rfftfreq(2 * near)
    lag = 0.0
    for _ in range(8):  # Newton steps on the slope; the peak lies within a sample
        turned = series * np.exp(1j * omega * lag)
        slope, curvature = -np.sum(omega * turned.imag), -np.sum(omega**2 * turned.real)
        if curvature == 0:
            break
        lag = float(np.clip(lag - slope / curvature, -1.0, 1.0))
    return float(np.clip(peak + lag, -max_delay, max_delay))


def _advance(signal, delay):
    """``signal`` at ``t + delay``: band-limited interpolation by a windowed sinc; zeros count outside it."""
    whole = round(delay)
    fraction = delay - whole
    if fraction:
        taps = np.arange(-DELAY_HALF_LENGTH, DELAY_HALF_LENGTH + 1)
        kernel = np.sinc(taps + fraction) * np.kaiser(len(taps), DELAY_BETA)
        signal = oaconvolve(signal, kernel)[DELAY_HALF_LENGTH : DELAY_HALF_LENGTH + len(signal)]
    padded = np.pad(signal, abs(whole))
    start = abs(whole) + whole
    return padded[start : start + len(signal)]
