"""Recordings with a delay, a polarity, a drift, a level and noise that are known because they were put there."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import soxr
from scipy.fft import irfft, next_fast_len, rfft
from scipy.signal import butter, lfilter

from drywet import circuits, signals
from drywet.effect import render

RATE = 44_100
SECONDS = 12.0
BROADBAND = ("track",)  # clicks, sweeps and noise beside guitar: every frequency sounds
MUSIC = ("gallop", "lead")  # guitar alone, in which little sounds above 5 kHz
DEVICES = ("sd1 0.0", "sd1 0.25", "sd1 0.5", "sd1 0.75", "sd1 1.0", "fuzz", "cabinet", "sd1 0.5 + cabinet")


@dataclass(frozen=True)
class Planted:
    """A recording, and the truth about it."""

    dry: np.ndarray
    wet: np.ndarray
    latency: float  # samples
    polarity: int
    drift_ppm: float
    name: str


@cache
def dry_of(source):
    if source in BROADBAND:
        return signals.training_track(RATE, SECONDS)
    return signals.test_riffs(RATE, SECONDS)[source]


@cache
def wet_of(source, device):
    """The wet signal of a device that has no delay of its own: a circuit, or filters of minimum phase."""
    dry = dry_of(source)
    if device == "fuzz":
        return fuzz(dry)
    if device == "cabinet":
        return cabinet(dry)
    if device.endswith("cabinet"):
        return cabinet(wet_of(source, device.removesuffix(" + cabinet")))
    # Twice the rate, for speed: what folds back at that is another overtone, but no delay.
    sd1 = circuits.load("sd1", sample_rate=RATE, oversampling=2)
    return render(sd1, dry, {"drive": float(device.split()[1])})


def fuzz(dry):
    """High-pass, a hard uneven clipper, low-pass."""
    driven = 60 * one_pole_high_pass(dry, 300.0)
    return 0.2 * one_pole_low_pass(np.clip(driven, -0.6, 1.0) + 0.1 * np.tanh(driven), 4000.0)


def cabinet(signal):
    """A loudspeaker: rises at 110 Hz, falls off with 12 dB an octave above 4.5 kHz."""
    return one_pole_low_pass(one_pole_low_pass(resonance(signal, 110.0, 1.5), 4500.0), 4500.0)


def one_pole_low_pass(signal, cutoff_hz):
    """Sampled so densely that it is the analogue filter up to 20 kHz."""
    dense = soxr.resample(signal, 1, 8, quality="VHQ")
    return soxr.resample(lfilter(*butter(1, cutoff_hz, fs=8 * RATE), dense), 8, 1, quality="VHQ")


def one_pole_high_pass(signal, cutoff_hz):
    return lfilter(*butter(1, cutoff_hz, "high", fs=RATE), signal)


def resonance(signal, frequency_hz, q):
    w = 2 * np.pi * frequency_hz / RATE
    alpha, gain = np.sin(w) / (2 * q), 10 ** (6 / 40)  # a 6 dB peak; R. Bristow-Johnson, Audio EQ Cookbook
    return lfilter(
        [1 + alpha * gain, -2 * np.cos(w), 1 - alpha * gain],
        [1 + alpha / gain, -2 * np.cos(w), 1 - alpha / gain],
        signal,
    )


def plant(source, device, seed):
    """A recording of ``source`` through ``device`` with faults drawn from ``seed``."""
    rng = np.random.default_rng(seed)
    latency = float(rng.integers(-4800, 480_001)) if rng.random() < 0.7 else float(rng.integers(-200, 2000))
    fraction = rng.uniform(-0.5, 0.5) if rng.random() < 0.5 else 0.0
    polarity = int(rng.choice([-1, 1]))
    drift_ppm = rng.uniform(-50, 50) if rng.random() < 0.5 else 0.0
    snr_db, gain_db, tail_s = rng.uniform(40, 90), rng.uniform(-20, 20), rng.uniform(0, 2)
    wet = wet_of(source, device).astype(np.float64)
    power = np.mean(wet**2)
    if drift_ppm:
        wet = soxr.resample(wet, RATE, RATE * (1 + 1e-6 * drift_ppm), quality="VHQ")
    wet = np.concatenate([np.zeros(256), wet, np.zeros(256 + int(tail_s * RATE))])
    if fraction:
        size = next_fast_len(len(wet), real=True)
        turn = np.exp(-2j * np.pi * np.fft.rfftfreq(size) * fraction)
        wet = irfft(rfft(wet, size) * turn, size)[: len(wet)]
    whole = int(latency) - 256
    wet = np.concatenate([np.zeros(max(whole, 0)), wet])[max(-whole, 0) :]
    wet = wet + rng.standard_normal(len(wet)) * np.sqrt(power) * 10 ** (-snr_db / 20)
    wet = polarity * 10 ** (gain_db / 20) * wet
    name = f"{source} through {device}, seed {seed}"
    return Planted(dry_of(source), wet.astype(np.float32), latency + fraction, polarity, drift_ppm, name)
