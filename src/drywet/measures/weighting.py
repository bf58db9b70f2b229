"""Error weighted with the sensitivity of the ear."""

from functools import lru_cache

import numpy as np
from scipy.fft import next_fast_len

from drywet.measures.arrays import fourier, like
from drywet.measures.error import esr

IMPULSE_RESPONSE_SECONDS = 0.012


def a_weighted_esr(wet, predicted, sample_rate):
    """Error-to-signal ratio after A-weighting wet and predicted, shape (...), of signals of shape (..., T).

    Of the filters tried before the ESR, this one gave the models that listeners preferred (A. Wright, V. Välimäki,
    "Perceptual loss function for neural modeling of audio systems", ICASSP 2020). SignalError as for
    :func:`~drywet.measures.esr`.
    """
    return esr(apply_a_weighting(wet, sample_rate), apply_a_weighting(predicted, sample_rate))


def a_weighting(frequency_hz):
    """Gain of the A-weighting curve, as a factor, 1 at 1 kHz; array of the shape of ``frequency_hz``.

    IEC 61672-1:2013, annex E: real poles at four frequencies, the outer two double, and four zeros at 0 Hz.

    >>> round(float(20 * np.log10(a_weighting(100.0))), 1)
    -19.1
    """
    squared = np.square(frequency_hz, dtype=np.float64)
    f1, f2, f3, f4 = np.square([20.598997, 107.65265, 737.86223, 12194.217])  # Hz^2
    curve = f4 * squared**2 / ((squared + f1) * np.sqrt((squared + f2) * (squared + f3)) * (squared + f4))
    return curve * 10 ** (1.9997 / 20)  # A_1000: the curve itself is -1.9997 dB at 1 kHz


@lru_cache
def a_weighting_filter(sample_rate):
    """A-weighting as an FIR filter of 12 ms, shape (1 + 0.012 sample_rate,), float64.

    Minimum phase, for two reasons: the analogue curve is minimum-phase too; and 99 % of the filter's energy lies in
    its first millisecond, so a weighted error still belongs to the sample that caused it. A linear-phase filter
    would look 6 ms back: in training on short chunks, at errors of earlier chunks, which have no gradient any more.

    Made from the curve's real cepstrum (A. V. Oppenheim, R. W. Schafer, *Discrete-Time Signal Processing*,
    3rd ed., ch. 13),
    which keeps the curve up to the Nyquist frequency where a bilinear transform would bend it, and cut to length.
    The cut costs accuracy at the lowest frequencies only: at sample rates of 44.1 kHz and more the filter is within
    0.01 dB of the curve from 315 Hz to 20 kHz, within 0.1 dB from 80 Hz, within 0.3 dB from 40 Hz; at 31.5 Hz, where
    the weight is -39 dB, it is 1.2 dB too loud.
    """
    size = 2**17
    frequency = np.abs(np.fft.fftfreq(size, 1 / sample_rate))
    frequency[0] = frequency[1]  # the logarithm of the gain at 0 Hz is not finite
    cepstrum = np.fft.ifft(np.log(a_weighting(frequency))).real
    cepstrum[1 : size // 2] *= 2  # folding the second half onto the first makes the phase minimal
    cepstrum[size // 2 + 1 :] = 0
    taps = np.fft.ifft(np.exp(np.fft.fft(cepstrum))).real[: 1 + round(IMPULSE_RESPONSE_SECONDS * sample_rate)]
    taps.setflags(write=False)  # everyone who asks gets the same array
    return taps


def apply_a_weighting(signal, sample_rate):
    """``signal`` through :func:`a_weighting_filter`, from silence before its first sample; same shape (..., T)."""
    fft = fourier(signal)
    taps = like(a_weighting_filter(sample_rate), signal)
    length = signal.shape[-1]
    size = next_fast_len(length + len(taps) - 1, real=True)
    return fft.irfft(fft.rfft(signal, size) * fft.rfft(taps, size), size)[..., :length]
