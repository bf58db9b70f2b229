"""Test signals with a closed form: sine, sweep, multitone, noise, clicks, ramps.

All are float32 arrays of shape (T,), T = round(seconds * sample_rate), sampled at t = n / sample_rate for
n = 0 ... T - 1. 1.0 is 1 V.
"""

from collections.abc import Sequence

import numpy as np

from drywet.errors import SignalError

PINK_CORNER_HZ = 20.0  # below it pink noise is flat, so that it has no unbounded drift


def sample_count(seconds: float, sample_rate: int) -> int:
    """Number of samples in ``seconds``, rounded to the nearest."""
    count = round(seconds * sample_rate)
    if count < 1:
        raise SignalError(f"{seconds} s at {sample_rate} Hz is {count} samples; a signal needs at least one")
    return count


def sine(
    frequency_hz: float, seconds: float, sample_rate: int = 44_100, *, amplitude: float = 1.0, phase: float = 0.0
) -> np.ndarray:
    """``amplitude * sin(2 pi frequency_hz t + phase)``, float32 of shape (T,).

    Parameters
    ----------
    frequency_hz : float
        Between 0 and half the sample rate.
    amplitude : float
        Peak in V; the RMS is ``amplitude / sqrt(2)``.
    phase : float
        In radians at t = 0: 0 starts at zero and rises, pi/2 is a cosine.

    >>> sine(1000, 0.001, 4000).round(6)
    array([ 0.,  1.,  0., -1.], dtype=float32)
    """
    _check_below_nyquist(frequency_hz, sample_rate)
    t = _times(seconds, sample_rate)
    return (amplitude * np.sin(2 * np.pi * frequency_hz * t + phase)).astype(np.float32)


def sweep(
    start_hz: float,
    stop_hz: float,
    seconds: float,
    sample_rate: int = 44_100,
    *,
    amplitude: float = 1.0,
    fade_seconds: float = 0.0,
) -> np.ndarray:
    """Exponential sine sweep, float32 of shape (T,): equal time in every octave [1]_.

    ``amplitude * sin(2 pi start_hz L (exp(t / L) - 1))`` with ``L = seconds / ln(stop_hz / start_hz)``: zero phase at
    t = 0, and the instantaneous frequency ``start_hz exp(t / L)`` arrives at ``stop_hz`` at t = ``seconds``.

    Parameters
    ----------
    start_hz, stop_hz : float
        Above 0, different, at most half the sample rate. A falling sweep has ``stop_hz < start_hz``.
    amplitude : float
        Peak in V.
    fade_seconds : float
        Raised-cosine fade at both ends; 0 leaves the closed form untouched, which ends with a step.

    References
    ----------
    .. [1] A. Farina, "Simultaneous measurement of impulse response and distortion with a swept-sine technique",
       AES 108th Convention, 2000.
    """
    for frequency in (start_hz, stop_hz):
        _check_below_nyquist(frequency, sample_rate)
    if min(start_hz, stop_hz) <= 0 or start_hz == stop_hz:
        raise SignalError(
            f"a sweep goes between two different frequencies above 0 Hz, not from {start_hz} to {stop_hz} Hz"
        )
    rate = seconds / np.log(stop_hz / start_hz)  # Farina's L, s
    phase = 2 * np.pi * start_hz * rate * np.expm1(_times(seconds, sample_rate) / rate)
    return fade(amplitude * np.sin(phase), fade_seconds, sample_rate).astype(np.float32)


def multitone(
    frequencies_hz: Sequence[float], seconds: float, sample_rate: int = 44_100, *, amplitude: float = 1.0
) -> np.ndarray:
    """Sum of K cosines of equal level, float32 of shape (T,), which never exceeds ``amplitude``.

    Each tone has the peak ``amplitude / K``. Tone k (from 1) has the phase ``-pi k (k - 1) / K`` at t = 0, which keeps
    the crest factor of evenly spaced tones low [1]_.

    References
    ----------
    .. [1] M. R. Schroeder, "Synthesis of low-peak-factor signals and binary sequences with low autocorrelation",
       IEEE Trans. Inf. Theory 16, 1970, eqn (11).
    """
    if not len(frequencies_hz):
        raise SignalError("a multitone needs at least one frequency")
    for frequency in frequencies_hz:
        _check_below_nyquist(frequency, sample_rate)
    t = _times(seconds, sample_rate)
    count = len(frequencies_hz)
    total = np.zeros(len(t))
    for k, frequency in enumerate(frequencies_hz, start=1):
        total += np.cos(2 * np.pi * frequency * t - np.pi * k * (k - 1) / count)
    return (amplitude / count * total).astype(np.float32)


def noise(
    seconds: float, sample_rate: int = 44_100, *, rms: float = 0.1, color: str = "white", seed: int = 25
) -> np.ndarray:
    """Gaussian noise of exactly the RMS ``rms`` (V) and no DC, float32 of shape (T,).

    ``color`` is ``"white"`` (equal power per Hz) or ``"pink"`` (equal power per octave above 20 Hz). Gaussian peaks
    stand about 4 to 5 times above the RMS.
    """
    if color not in ("white", "pink"):
        raise SignalError(f"noise is 'white' or 'pink', not {color!r}")
    count = sample_count(seconds, sample_rate)
    if count < 2:
        raise SignalError("noise without DC needs at least 2 samples")
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(count))
    spectrum[0] = 0.0
    if color == "pink":
        spectrum /= np.sqrt(np.maximum(np.fft.rfftfreq(count, 1 / sample_rate), PINK_CORNER_HZ))
    samples = np.fft.irfft(spectrum, count)
    return (samples * (rms / np.sqrt(np.mean(samples**2)))).astype(np.float32)


def clicks(
    times_s: Sequence[float], seconds: float, sample_rate: int = 44_100, *, amplitude: float = 0.5
) -> np.ndarray:
    """Single samples of ``amplitude`` (V) at the samples nearest to ``times_s``, else exact zeros; float32 (T,)."""
    samples = np.zeros(sample_count(seconds, sample_rate), np.float32)
    for time in times_s:
        index = round(time * sample_rate)
        if not 0 <= index < len(samples):
            raise SignalError(f"a click at {time} s lies outside a signal of {seconds} s")
        samples[index] = amplitude
    return samples


def ramp(start: float, stop: float, seconds: float, sample_rate: int = 44_100) -> np.ndarray:
    """Straight line from ``start`` (first sample) to ``stop`` (last sample) in V, float32 of shape (T,)."""
    return np.linspace(start, stop, sample_count(seconds, sample_rate)).astype(np.float32)


def ramp_db(start_db: float, stop_db: float, seconds: float, sample_rate: int = 44_100) -> np.ndarray:
    """Gain that is a straight line in dB from ``start_db`` to ``stop_db``, as a factor; float32 of shape (T,)."""
    levels = np.linspace(start_db, stop_db, sample_count(seconds, sample_rate))
    return (10 ** (levels / 20)).astype(np.float32)


def fade(samples: np.ndarray, seconds: float, sample_rate: int) -> np.ndarray:
    """``samples`` with raised-cosine fades of ``seconds`` at both ends (of half the signal at most), shape (T,)."""
    count = min(round(seconds * sample_rate), len(samples) // 2)
    if count == 0:
        return samples
    rise = 0.5 - 0.5 * np.cos(np.pi * np.arange(count) / count)
    samples = samples.copy()
    samples[:count] *= rise
    samples[-count:] *= rise[::-1]
    return samples


def _times(seconds: float, sample_rate: int) -> np.ndarray:
    return np.arange(sample_count(seconds, sample_rate)) / sample_rate


def _check_below_nyquist(frequency_hz: float, sample_rate: int) -> None:
    if not 0 <= frequency_hz <= sample_rate / 2:
        raise SignalError(
            f"{frequency_hz} Hz lies outside 0 to {sample_rate / 2:g} Hz, what a sample rate of {sample_rate} Hz holds"
        )
