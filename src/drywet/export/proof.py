"""Does the file sound as the model that was trained? The signals to find out, and the difference."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

import numpy as np

from drywet import audio, signals
from drywet.effect import Effect, render
from drywet.engine import EngineEffect

LARGEST_DIFFERENCE = 1e-4  # of full scale, or of the peak where that is higher; a file that differs more is not kept
LOUDNESS_RMS = 0.178  # NAM's own passage has this RMS; it is not ours to ship
SECONDS, SHORTEST = 1.0, 0.1
MOST_WORK = 1e10  # multiplications, after which the signal becomes shorter: the plain networks make some 1e9 a second


@cache
def passage(sample_rate: int, seconds: float = SECONDS) -> np.ndarray:
    """Read-only: a tenth of silence, an impulse, a sweep from 40 Hz to a third of the rate, then guitar; float32 (T,)."""
    length = round(seconds * sample_rate)
    rest, sweep = length // 10, length // 4
    phase = 2 * np.pi * np.cumsum(np.geomspace(40.0, sample_rate / 3, sweep)) / sample_rate
    guitar = _guitar(sample_rate, seconds)[: length - 2 * rest - sweep]
    dry = np.zeros(length)
    dry[rest // 2] = 0.9
    dry[rest : rest + sweep] = 0.3 * np.sin(phase)
    dry[rest + sweep : rest + sweep + len(guitar)] = 0.5 * guitar / np.abs(guitar).max()
    dry = dry.astype(np.float32)
    dry.flags.writeable = False
    return dry


def _guitar(sample_rate: int, seconds: float) -> np.ndarray:
    """Built-in guitar that sounds from the first sample on, (T,)."""
    start = sample_rate // 2
    return signals.validation_riff(sample_rate, seconds + 0.5)[start : start + round(seconds * sample_rate)]


@cache
def loudness_passage(sample_rate: int) -> np.ndarray:
    """A second of built-in guitar at the RMS of NAM's standard passage, which differs in its notes; float32 (T,)."""
    guitar = _guitar(sample_rate, 1.0)
    limited = np.tanh(guitar / (3 * np.sqrt(np.mean(guitar**2))))  # so that its peaks stay within full scale
    return (limited * (LOUDNESS_RMS / np.sqrt(np.mean(limited**2)))).astype(np.float32)


def loudness_and_gain(effect: Effect, controls: Mapping[str, float] | None = None) -> tuple[float | None, float | None]:
    """NAM's two numbers: RMS in dB on the passage, and how much compression, 0 for a straight device, 1 for a limiter.

    The second is the sum of the RMS at eleven input gains from 0 to 1, between that of a straight line and of a square
    (``nam/models/base.py``). None where the model is silent, or not finite.
    """
    passage = loudness_passage(effect.sample_rate)
    rms = [
        float(np.sqrt(np.mean(render(effect, gain * passage, controls).astype(np.float64) ** 2)))
        for gain in np.linspace(0.0, 1.0, 11, dtype=np.float32)
    ]
    if not 0 < rms[-1] < np.inf:
        return None, None
    most = rms[-1] * len(rms)
    return audio.amplitude_to_db(rms[-1]), (sum(rms) - most / 2) / (most / 2)


def played(effect: Effect, knobs: Mapping[str, float], dry: np.ndarray, run_in: int) -> np.ndarray:
    """Output (T,) for ``dry`` after ``run_in`` zeros."""
    if isinstance(effect, EngineEffect):  # it knows when it has come to rest
        return render(EngineEffect(replace(effect.file, settle=run_in), knobs), dry, knobs)
    return render(effect, np.concatenate([np.zeros(run_in, np.float32), dry]), knobs)[run_in:]
