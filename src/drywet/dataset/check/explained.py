"""How well a short filter and a static curve explain wet: what a pedal is, before anything is trained."""

import itertools
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.signal import butter, resample_poly, sosfilt

from drywet.errors import SignalError

RATE = 11_025  # Hz, about: where guitar has nearly all its power
TAPS, LEAD = 96, 8  # 8.7 ms, of which 0.7 ms look ahead
CORNER_HZ = 700.0  # pedals of the Tube Screamer's family clip what lies above
GAINS = (2.0, 8.0, 32.0)  # of the curves, for a loud sample of 1


@dataclass(frozen=True)
class ShortModel:
    """Wet and its prediction, both at a low rate, shape (T,), and the error-to-signal ratio of the prediction."""

    wet: np.ndarray
    predicted: np.ndarray
    rate: float  # Hz
    esr: float


def fit_short_model(dry: np.ndarray, wet: np.ndarray, sample_rate: int, lead: int = LEAD) -> ShortModel:
    """Fit sums of filtered curves of dry to wet, in the least-squares sense, below 5 kHz.

    A parallel Hammerstein model [1]_: dry itself, tanh of dry and of dry above 700 Hz at three gains each, and two even
    curves, each through its own FIR filter of 8.7 ms. It has no memory beyond that, so what it cannot explain is noise,
    a stronger nonlinearity, or a longer memory. ``lead`` of the 96 taps look ahead.

    Raises
    ------
    SignalError
        If there are fewer than 2 s of sound.

    References
    ----------
    .. [1] A. Farina, "Simultaneous measurement of impulse response and distortion with a swept-sine technique",
       AES 108th Convention, 2000.
    """
    factor = max(1, round(sample_rate / RATE))
    wet = resample_poly(wet - wet.mean(), 1, factor)
    if len(dry) < 2 * sample_rate or not dry.any() or not wet.any():
        raise SignalError(
            f"{len(dry) / sample_rate:.2f} s of sound are too few to tell what a device does; 2 s are needed"
        )
    curves = _curves(dry, sample_rate, factor)
    size = 1 << int(np.ceil(np.log2(len(wet) + TAPS)))
    spectra = [np.fft.rfft(curve, size) for curve in curves]
    spectrum = np.fft.rfft(wet, size)
    taps = np.arange(TAPS)
    between = taps[:, None] - taps[None, :]
    normal = np.zeros((len(curves), TAPS, len(curves), TAPS))
    right = np.zeros((len(curves), TAPS))
    for i, one in enumerate(spectra):
        right[i] = np.fft.irfft(one.conj() * spectrum, size)[taps - lead]
        for j, other in enumerate(spectra[i:], start=i):
            normal[i, :, j] = np.fft.irfft(one.conj() * other, size)[between]
            normal[j, :, i] = normal[i, :, j].T
    square = normal.reshape(right.size, right.size)
    square[np.diag_indices_from(square)] *= 1 + 1e-5
    square[np.diag_indices_from(square)] += 1e-9 * len(wet)
    filters = cho_solve(cho_factor(square), right.ravel()).reshape(right.shape)
    total = sum(one * np.fft.rfft(taps_of, size) for one, taps_of in zip(spectra, filters, strict=True))
    predicted = np.roll(np.fft.irfft(total, size), -lead)[: len(wet)]
    esr = float(np.sum((wet - predicted) ** 2) / np.sum(wet**2))
    return ShortModel(wet, predicted, sample_rate / factor, esr)


def _curves(dry: np.ndarray, sample_rate: int, factor: int) -> list[np.ndarray]:
    """The curves of dry, made at the full rate, brought to the low one, each of power 1."""
    above = sosfilt(butter(1, CORNER_HZ, "high", fs=sample_rate, output="sos"), dry)
    loud, loud_above = (float(np.quantile(np.abs(signal), 0.999)) + 1e-12 for signal in (dry, above))
    curves = itertools.chain(
        [dry],
        (np.tanh(gain * dry / loud) for gain in GAINS),
        (np.tanh(gain * above / loud_above) for gain in GAINS),
        (np.tanh(gain * part / size) ** 2 for gain, part, size in ((4, dry, loud), (16, above, loud_above))),
    )
    # One at a time: at the full rate a curve of a minute is 20 MB.
    return [resample_poly((curve - curve.mean()) / (curve.std() + 1e-12), 1, factor) for curve in curves]
