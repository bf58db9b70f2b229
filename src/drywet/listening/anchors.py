"""Anchors: copies of the reference that are known to be worse, so that the scale means the same to every listener."""

import numpy as np
from scipy.signal import firwin, kaiserord, oaconvolve

from drywet import measures
from drywet.errors import SettingsError

REFERENCE = "reference"
LOW, MID, LINEAR = "low-pass 3.5 kHz", "low-pass 7 kHz", "linear model"
CUTOFF_HZ = {LOW: 3500, MID: 7000}
ANCHORS = {"low": LOW, "mid": MID, "linear": LINEAR}  # as they are named on the command line

_TRANSITION_HZ, _STOPBAND_DB = 500, 60


def make_anchor(role: str, dry: np.ndarray | None, wet: np.ndarray, sample_rate: int) -> np.ndarray:
    """One anchor of ``wet``, shape (T,): a low-pass of it, or the best linear model of ``dry``.

    The linear model is the anchor of the field: everything a filter can do, and nothing that a pedal is bought for.

    Raises
    ------
    SettingsError
        If the linear model is asked for where there is no dry signal, or the sample rate leaves nothing to cut off.
    SignalError
        As :func:`drywet.measures.best_linear_prediction`.
    """
    if role != LINEAR:
        return low_pass(wet, sample_rate, CUTOFF_HZ[role])
    if dry is None:
        raise SettingsError("the linear anchor needs the dry signal, which this material does not have; leave it out")
    return measures.best_linear_prediction(dry, wet)


def low_pass(signal: np.ndarray, sample_rate: int, cutoff_hz: float) -> np.ndarray:
    """``signal`` without what lies above ``cutoff_hz``, shape (T,), not delayed.

    ITU-R BS.1534-3 asks of the 3.5 kHz anchor: ripple of the passband within 0.1 dB, at least 25 dB less at 4 kHz
    and 50 dB less at 4.5 kHz. This linear-phase filter is 60 dB down 500 Hz above the cutoff.
    """
    taps = low_pass_filter(sample_rate, cutoff_hz)
    return oaconvolve(np.asarray(signal, np.float64), taps, mode="same")


def low_pass_filter(sample_rate: int, cutoff_hz: float) -> np.ndarray:
    """Impulse response of :func:`low_pass`, an odd number of taps, symmetric about the middle one.

    Raises
    ------
    SettingsError
        If half the sample rate leaves no room for the transition; the anchor would be the reference itself.
    """
    if cutoff_hz + _TRANSITION_HZ >= sample_rate / 2:
        raise SettingsError(
            f"a sample rate of {sample_rate} Hz leaves nothing for a low-pass of {cutoff_hz:g} Hz to cut off; leave this "
            "anchor out"
        )
    count, beta = kaiserord(_STOPBAND_DB, _TRANSITION_HZ / (sample_rate / 2))
    return firwin(count | 1, cutoff_hz + _TRANSITION_HZ / 2, window=("kaiser", beta), fs=sample_rate)
