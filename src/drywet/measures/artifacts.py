"""Faults that an average over a clip hides, each with the time at which it is heard."""

import itertools
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import maximum_filter1d

from drywet.errors import SignalError
from drywet.measures.error import clip_pair

CLICK_MAD = 8.0  # median absolute deviations that the second difference of the error has to exceed
ONSET_S = 0.005  # either side of an onset nothing counts as a click
EDGE_S = 0.005
EDGE_RATIO = 1.5  # a click is sharper than all of wet that far either way; a bright model (3.5 dB) is none
CLICK_FRAME_S = 0.05  # over which the deviation is taken
CLICK_FLOOR = 1e-4  # of the peak of wet (-80 dB): a smaller second difference is no click, in rests either
LIMIT_CYCLE_DBFS = -80.0
SETTLE_S = 1.0  # of silence after the burst, until the device has to be quiet
DRIFT_FRAME_S = 0.5
STEP_BAND = 0.01  # of the height of the step: settled
SILENT_DBFS = -200.0  # stands for the level of exact zeros


@dataclass(frozen=True)
class Click:
    """A jump in the error that nothing in wet explains. ``size`` counts median absolute deviations, or eighths of the floor."""

    seconds: float
    size: float


def clicks(
    wet: np.ndarray, predicted: np.ndarray, sample_rate: int, onsets: np.ndarray | tuple[int, ...] = ()
) -> tuple[Click, ...]:
    """Clicks of ``predicted``, in the order of time; those less than 5 ms apart count as one.

    With d2 the second difference x[t - 1] - 2 x[t] + x[t + 1], a click is where

    - d2 of the error exceeds 8 median absolute deviations of the 50 ms around it (of the stretch beside, if those are
      larger), and -80 dB below the peak of wet,
    - d2 of the prediction exceeds 1.5 times that of wet everywhere within 5 ms: a clipper's own corners, reproduced a little
      late or too sharp, are errors and no clicks,
    - no onset is within 5 ms, nor the beginning of the clip: there a model may well be late by a sample, or not at rest.

    numpy only, for a median has no useful gradient.

    Parameters
    ----------
    wet, predicted : array, shape (T,)
    sample_rate : int
        Hz.
    onsets : array of int
        Samples at which notes begin, as :func:`drywet.measures.onsets` finds them in dry.

    Raises
    ------
    SignalError
        If the shapes differ or are not (T,), a sample is not finite, or wet is silent.
    """
    wet, predicted = clip_pair(wet, predicted)
    peak = np.abs(wet).max()
    if len(wet) < 3:
        return ()
    bends, own = np.diff(predicted, 2), np.diff(wet, 2)  # (T - 2,), from sample 1 on
    error = np.abs(bends - own)
    edges = maximum_filter1d(np.abs(own), 2 * round(EDGE_S * sample_rate) + 1)
    deviation = np.maximum(_running_mad(error, round(CLICK_FRAME_S * sample_rate)), CLICK_FLOOR * peak / CLICK_MAD)
    jumps = (error > CLICK_MAD * deviation) & (np.abs(bends) > EDGE_RATIO * edges)
    reach = round(ONSET_S * sample_rate)
    for onset in (0, *onsets):
        jumps[max(0, onset - 1 - reach) : max(0, onset + reach)] = False
    places = np.flatnonzero(jumps)
    groups = np.split(places, np.flatnonzero(np.diff(places) > reach) + 1) if len(places) else []
    found = []
    for group in groups:
        loudest = int(group[np.argmax(error[group])])
        found.append(Click((loudest + 1) / sample_rate, float(error[loudest] / deviation[loudest])))
    return tuple(found)


def _running_mad(second_difference: np.ndarray, frame: int) -> np.ndarray:
    """Median of |d2| in the frame of each sample or a neighbouring one, the largest, (T,).

    The median of d2 itself is 0, so this is its deviation. The neighbours matter where a frame is half a rest.
    """
    count = max(1, len(second_difference) // frame)
    edges = np.linspace(0, len(second_difference), count + 1).astype(int)
    medians = [np.median(second_difference[a:b]) for a, b in itertools.pairwise(edges)]
    return np.repeat(maximum_filter1d(medians, 3), np.diff(edges))


@dataclass(frozen=True)
class Silence:
    """What an effect makes of silence.

    Attributes
    ----------
    peak_dbfs : float
        Largest absolute value.
    noise_dbfs : float
        RMS without the offset.
    offset : float
        Mean.
    tone_hz : float or None
        Frequency of the strongest line, if at least half of the noise's energy is in it.
    loudest_s : float
        Where the peak is, from the beginning of the silence.
    """

    peak_dbfs: float
    noise_dbfs: float
    offset: float
    tone_hz: float | None
    loudest_s: float

    @property
    def is_quiet(self) -> bool:
        """Whether the peak is below -80 dBFS."""
        return self.peak_dbfs < LIMIT_CYCLE_DBFS


def silence(response: np.ndarray, sample_rate: int, settle_s: float = 0.0) -> Silence:
    """Figures of the response (T,) to silence from ``settle_s`` on.

    After a loud burst, with ``settle_s=1``, a peak above -80 dBFS is a limit cycle, or a tail that does not die.
    SignalError if a sample is not finite or nothing is left.
    """
    start = round(settle_s * sample_rate)
    rest = np.asarray(response, np.float64)[start:]
    if len(rest) == 0 or not np.isfinite(rest).all():
        raise SignalError("the response to silence is empty, or holds NaN or infinity")
    loudest = int(np.argmax(np.abs(rest)))
    offset = float(rest.mean())
    around = rest - offset
    return Silence(
        peak_dbfs=_dbfs(abs(rest[loudest])),
        noise_dbfs=_dbfs(float(np.sqrt(np.mean(around**2)))),
        offset=offset,
        tone_hz=_tone_hz(around, sample_rate),
        loudest_s=(start + loudest) / sample_rate,
    )


def _tone_hz(signal: np.ndarray, sample_rate: int) -> float | None:
    energy = np.abs(np.fft.rfft(signal * np.hanning(len(signal)))) ** 2
    total = float(energy.sum())
    if total == 0 or len(energy) < 8:
        return None
    line = int(np.argmax(energy))
    if line < 2 or energy[max(0, line - 2) : line + 3].sum() < 0.5 * total:  # the Hann line is 4 bins wide
        return None
    return line * sample_rate / len(signal)


@dataclass(frozen=True)
class Drift:
    """How the offset of a signal moves: ``per_second`` by least squares, and its ``span``, largest less smallest.

    ``largest`` is the offset farthest from 0, ``seconds`` the middle of the frame that has it.
    """

    per_second: float
    span: float
    largest: float
    seconds: float


def dc_drift(signal: np.ndarray, sample_rate: int, frame_s: float = DRIFT_FRAME_S) -> Drift:
    """Drift of the means over frames of ``signal`` (T,), at least two frames long.

    For a clip the signal is the error; for an effect its response to a tone with whole periods in a frame, whose mean is then
    the offset alone. SignalError if it is shorter or not finite.
    """
    frame = round(frame_s * sample_rate)
    count = len(signal) // frame
    if count < 2 or not np.isfinite(signal).all():
        raise SignalError(
            f"drift needs at least {2 * frame} finite samples (2 frames of {frame_s:g} s), not {len(signal)}"
        )
    offsets = np.asarray(signal[: count * frame], np.float64).reshape(count, frame).mean(axis=1)
    times = (np.arange(count) + 0.5) * frame / sample_rate
    largest = int(np.argmax(np.abs(offsets)))
    return Drift(
        per_second=float(np.polyfit(times, offsets, 1)[0]),
        span=float(np.ptp(offsets)),
        largest=float(offsets[largest]),
        seconds=float(times[largest]),
    )


@dataclass(frozen=True)
class Step:
    """Response to a step, against the response at rest.

    ``peak`` is its farthest from rest, ``final`` the mean of its last tenth, ``settled_s`` the time after which it stays
    within 1 % of the peak around that; None if it never does.
    """

    peak: float
    final: float
    settled_s: float | None


def step_response(response: np.ndarray, sample_rate: int, rest: float = 0.0) -> Step:
    """Figures of the response (T,), T >= 10, from the sample of the step on. SignalError if a sample is not finite."""
    if len(response) < 10 or not np.isfinite(response).all():
        raise SignalError(f"a step response has at least 10 finite samples; this one has {len(response)}")
    moved = np.asarray(response, np.float64) - rest
    peak = float(moved[np.argmax(np.abs(moved))])
    final = float(moved[-len(moved) // 10 :].mean())
    outside = np.flatnonzero(np.abs(moved - final) > STEP_BAND * abs(peak))
    last = int(outside[-1]) if len(outside) else -1
    return Step(peak, final, None if last == len(moved) - 1 else (last + 1) / sample_rate)


def _dbfs(amplitude: float) -> float:
    return max(SILENT_DBFS, 20 * float(np.log10(amplitude))) if amplitude > 0 else SILENT_DBFS
