"""Aliasing: what stands between the harmonics of a sine, where a device without a sample rate puts nothing."""

import math
from dataclasses import dataclass

import numpy as np

from drywet.errors import SignalError

FLOAT_NOISE = 1e-14  # rounding of float32 against the signal, -140 dB: an ASR below it says nothing of aliasing


@dataclass(frozen=True)
class ExactSine:
    """A frequency with a whole number of periods in the samples that are analysed, so that nothing leaks in its DFT.

    The length N is prime. A harmonic that is folded at half the sample rate then falls on the bin of none that is not, up
    to about the N-th (Sato & Smith, DAFx 2025).
    """

    bin: int
    length: int  # samples, prime
    sample_rate: int  # Hz

    @property
    def frequency_hz(self) -> float:
        return self.bin * self.sample_rate / self.length


def exact_sine(frequency_hz: float, sample_rate: int, seconds: float = 1.0) -> ExactSine:
    """The nearest such sine, in a stretch of about ``seconds``: off by at most half of ``1 / seconds`` Hz.

    >>> exact_sine(440.0, 44_100)
    ExactSine(bin=440, length=44101, sample_rate=44100)
    """
    length = prime_from(round(seconds * sample_rate))
    nearest = round(frequency_hz * length / sample_rate)
    if not 1 <= nearest <= (length - 1) // 2:
        raise SignalError(
            f"{frequency_hz:g} Hz has no exact bin between 0 and {sample_rate / 2:g} Hz in {length} samples at "
            f"{sample_rate} Hz"
        )
    return ExactSine(nearest, length, sample_rate)


def midi_hz(note: int) -> float:
    """Frequency of a MIDI note, 440 Hz for 69."""
    return 440.0 * 2 ** ((note - 69) / 12)


def aliasing_to_signal_ratio(wet: np.ndarray, sine: ExactSine) -> float:
    """Energy between the harmonics over energy of the harmonics (ASR), a ratio; 0.01 is -20 dB.

    With the DFT Y of N samples of the settled response to a sine in bin k [1]_::

        E_H = sum over m of |Y(m k)|^2,  m k <= (N - 1) / 2        E_A = E_Y - E_H        ASR = E_A / E_H

    The offset Y(0) belongs to neither: asymmetric clipping makes one, and it is no alias. Noise, hum and a tail that has not
    yet settled count as aliasing, so let the first second of the response go by. float32 rounding alone makes about
    1e-14.

    Parameters
    ----------
    wet : array, shape (N,)
        The response to ``sine``, ``sine.length`` samples of it from any phase on.

    Raises
    ------
    SignalError
        If the length is another, a sample is not finite, or nothing sounds at a harmonic.

    References
    ----------
    .. [1] R. Sato, J. O. Smith, "Aliasing reduction in neural amp modeling by smoothing activations", DAFx 2025,
       arXiv 2505.04082.
    """
    energy = np.abs(exact_spectrum(wet, sine.length)) ** 2
    harmonics = float(energy[sine.bin :: sine.bin].sum())
    if harmonics == 0:
        raise SignalError("nothing sounds at the harmonics, so the aliasing-to-signal ratio is undefined")
    energy[sine.bin :: sine.bin] = 0  # summed apart: a difference of sums would lose what lies below -150 dB
    return float(energy[1:].sum()) / harmonics


def excess_asr(asr: float, device_asr: float) -> float:
    """The ASR less the device's own and that of float32 rounding, at least 0: what the model adds."""
    return max(0.0, asr - device_asr - FLOAT_NOISE)


def exact_spectrum(signal: np.ndarray, length: int) -> np.ndarray:
    """DFT of ``signal`` (N,), bins 0 to N // 2, divided by N / 2: the peak of each sine in its bin. No window.

    SignalError unless it has ``length`` finite samples.
    """
    if signal.shape != (length,):
        raise SignalError(f"the signal has shape {signal.shape}, the exact bins want {length} samples")
    if not np.isfinite(signal).all():
        raise SignalError("the signal holds NaN or infinity")
    return np.fft.rfft(np.asarray(signal, np.float64)) * (2 / length)


def prime_from(number: int) -> int:
    """The smallest prime that is at least ``number``.

    >>> prime_from(44_100)
    44101
    """
    candidate = max(2, number)
    while any(candidate % divisor == 0 for divisor in range(2, math.isqrt(candidate) + 1)):
        candidate += 1
    return candidate
