"""Devices whose kind is known, and guitar to play through them; textbook forms, independent of the package."""

import numpy as np
from scipy.signal import fftconvolve, lfilter

RATE = 44_100


def reverb(dry, mix, seconds=1.5, seed=0):
    """Convolution with noise that decays by 60 dB in ``seconds``, of the power of dry, mixed to it."""
    noise = np.random.default_rng(seed).standard_normal(round(seconds * RATE))
    tail = fftconvolve(dry, noise * 10 ** (-3 * np.arange(len(noise)) / len(noise)))[: len(dry)]
    return ((1 - mix) * dry + mix * tail / tail.std() * dry.std()).astype(np.float32)


def echo(dry, seconds=0.3, feedback=0.4, mix=0.4):
    """A repetition after ``seconds``, each again ``feedback`` as loud."""
    count = round(seconds * RATE)
    late = np.concatenate([np.zeros(count), dry[:-count]])
    return (dry + mix * lfilter([1.0], [1.0, *np.zeros(count - 1), -feedback], late)).astype(np.float32)


def chorus(dry, rate_hz=0.8, depth_s=0.003, base_s=0.012):
    """Half dry, half a copy whose delay moves as a sine."""
    t = np.arange(len(dry))
    delay = (base_s + depth_s * np.sin(2 * np.pi * rate_hz * t / RATE)) * RATE
    return (0.5 * dry + 0.5 * np.interp(t - delay, t, dry)).astype(np.float32)


def compressor(dry, ratio=4.0, release_s=0.2):
    """Gain that falls by 3 dB per 4 dB above a threshold, 10 dB below the RMS, at once, and returns in ``release_s``.

    The level is the loudest of all past frames of 5 ms, each fading by 8.7 dB per ``release_s``.
    """
    frame = round(0.005 * RATE)
    count = len(dry) // frame
    level_db = 20 * np.log10(np.sqrt(np.mean(dry[: count * frame].reshape(count, frame) ** 2, axis=1)) + 1e-6)
    fade = 8.686 * 0.005 / release_s * np.arange(count)
    held_db = np.maximum.accumulate(level_db + fade) - fade
    gain_db = -np.maximum(0, held_db - (20 * np.log10(dry.std()) - 10)) * (1 - 1 / ratio)
    smooth = np.interp(np.arange(len(dry)), (np.arange(count) + 0.5) * frame, gain_db)
    return (dry * 10 ** ((smooth + 9) / 20)).astype(np.float32)


def diode_clipper(dry, gain=8.0):
    """Antiparallel diodes fed through a resistor: v + sinh(v / 0.05) / 40 = gain x, solved by Newton's method."""
    target, v = gain * dry.astype(np.float64), np.arcsinh(40 * gain * dry.astype(np.float64)) * 0.05
    for _ in range(30):
        error = v + np.sinh(v / 0.05) / 40 - target
        v -= error / (1 + np.cosh(v / 0.05) / 2)
    return v.astype(np.float32)
