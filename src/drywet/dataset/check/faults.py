"""Faults that a recording chain leaves in one signal: flat tops, dropouts, clicks, jumps.

All go by exact values and sharp corners, which circuits do not make: an analog clipper rounds its tops and adds
noise, a converter that runs out of numbers repeats one of them.
"""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import maximum_filter1d

from drywet.dataset.alignment import Sliceable
from drywet.dataset.check.blocks import blocks

FLAT_TOP = 3  # samples; two equal ones at a crest are common in 16 bits
DROPOUT = 5  # samples
LONGEST_DROPOUT_S = 0.5  # a longer gap is a rest or an edit
QUIETEST_DBFS = -60.0  # around a dropout or a click: below, it would not matter and could be meant (capture clicks)
CLICK_SHAPE = np.array([1.0, -4.0, 6.0, -4.0, 1.0])
JUMP_SHAPE = np.array([1.0, -3.0, 3.0, -1.0])
OVERLAP = 1 << 15  # samples a part sees of its neighbours


@dataclass(frozen=True)
class Fault:
    """``length`` samples from ``start`` on, in samples; ``value`` is that of the flat top or dropout, or the size."""

    start: int
    length: int
    value: float


@dataclass(frozen=True)
class Faults:
    """What :func:`find_faults` found, in order of time."""

    flat_tops: tuple[Fault, ...] = ()
    dropouts: tuple[Fault, ...] = ()
    clicks: tuple[Fault, ...] = ()
    jumps: tuple[Fault, ...] = ()


def find_faults(signal: Sliceable, sample_rate: int) -> Faults:
    """Look through a signal of any length.

    Flat tops are runs of at least 3 equal samples at an extreme value, positive or negative, that begin with a corner.
    Full scale is not needed: a converter may have been followed by a gain. Dropouts are runs of at least 5 equal
    samples (zeros, or one value held) amid sound that moves. Clicks are single samples off the curve through their
    neighbours by far more than any other within 20 ms; jumps are places where the signal goes on at another value, as
    a lost buffer or an edit leaves them.
    """
    flat_tops: list[Fault] = []
    dropouts: list[Fault] = []
    clicks: list[Fault] = []
    jumps: list[Fault] = []
    longest = round(LONGEST_DROPOUT_S * sample_rate)
    for first, own, samples in blocks(signal, max(OVERLAP, longest + 2048)):
        runs = _equal_runs(samples)
        tops, saturation = _flat_tops(samples, runs)
        gaps = _dropouts(samples, runs, saturation | {top.value for top in tops}, longest)
        single, steps = _clicks_and_jumps(samples, sample_rate)
        edges = {edge for gap in gaps for edge in range(gap.start - 1, gap.start + 2)}
        edges |= {edge for gap in gaps for edge in range(gap.start + gap.length - 1, gap.start + gap.length + 2)}
        flat_tops += _owned(tops, first, own)
        dropouts += _owned(gaps, first, own)
        clicks += _owned([click for click in single if click.start not in edges], first, own)
        jumps += _owned([jump for jump in steps if jump.start not in edges], first, own)
    return Faults(tuple(flat_tops), tuple(dropouts), tuple(clicks), tuple(jumps))


def _owned(faults: list[Fault], first: int, own: slice) -> list[Fault]:
    return [Fault(first + f.start, f.length, f.value) for f in faults if own.start <= f.start < own.stop]


def _equal_runs(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First index and length of every run of at least 3 equal samples."""
    equal = np.zeros(len(samples) + 1, np.int8)
    equal[1:-1] = samples[1:] == samples[:-1]
    edges = np.flatnonzero(np.diff(equal))
    starts, lengths = edges[::2], edges[1::2] - edges[::2] + 1
    long = lengths >= FLAT_TOP
    return starts[long], lengths[long]


def _flat_tops(samples: np.ndarray, runs: tuple[np.ndarray, np.ndarray]) -> tuple[list[Fault], set[float]]:
    """Flat tops, and the values at which this signal saturates, softly or not.

    A hard limit cuts the slope anywhere: the last step into the run is a random share of the step before it. A soft
    one approaches its limit ever more slowly: the last step is as small against the step before as the resolution
    against the last step. Hence the corner ``last^2 / before``, in units of the resolution.
    """
    starts, lengths = runs
    peak = float(np.max(np.abs(samples), initial=0.0))
    inside = (starts >= 2) & (starts + lengths + 2 <= len(samples))
    starts, lengths = starts[inside], lengths[inside]
    loud = np.abs(samples[starts]) > 0.1 * peak
    starts, lengths = starts[loud], lengths[loud]
    if len(starts) == 0:
        return [], set()
    values = samples[starts].astype(np.float64)
    sign = np.sign(values)
    ends = starts + lengths - 1
    into = sign * (values - samples[starts - 1])
    out = sign * (values - samples[ends + 1])
    before = np.abs(samples[starts - 1].astype(np.float64) - samples[starts - 2])
    after = np.abs(samples[ends + 1].astype(np.float64) - samples[ends + 2])
    crest = (into > 0) & (out > 0)
    # Near the tops, whatever a click beyond them measures.
    resolution = _resolution(samples, 0.7 * float(np.abs(values[crest]).max(initial=0.0)))
    corner = np.maximum(into**2 / np.maximum(before, resolution), out**2 / np.maximum(after, resolution)) / resolution
    by_value: dict[float, list[int]] = defaultdict(list)
    for index in np.flatnonzero(crest):
        by_value[float(values[index])].append(int(index))
    tops = [
        Fault(int(starts[index]), int(lengths[index]), value)
        for value, at in by_value.items()
        if np.median(corner[at]) > 8 and _is_extreme(samples, value)
        for index in at
    ]
    return sorted(tops, key=lambda top: top.start), {value for value, at in by_value.items() if len(at) > 2}


def _is_extreme(samples: np.ndarray, value: float) -> bool:
    """Whether next to nothing lies beyond ``value``: a click may, and what a second stage left of it."""
    beyond = np.count_nonzero(samples > value if value > 0 else samples < value)
    return bool(beyond <= 1 + 1e-6 * len(samples))


def _resolution(samples: np.ndarray, above: float) -> float:
    """The smallest step between neighbours louder than ``above``: one bit, or what a gain made of it."""
    loud = np.abs(samples) >= above
    steps = np.abs(np.diff(samples.astype(np.float64)))[loud[1:] & loud[:-1]]
    steps = steps[steps > 0]
    return max(float(steps.min(initial=np.inf)) if len(steps) else 0.0, 2.0**-24 * max(above, 1e-30))


def _dropouts(
    samples: np.ndarray, runs: tuple[np.ndarray, np.ndarray], saturation: set[float], longest: int
) -> list[Fault]:
    """Runs of equal samples longer than a wave that moves as its neighbourhood does can be at this resolution.

    A crest that stays within one step q of the resolution for L samples moves by at most 12 q / L per sample beside
    them, and enters and leaves them by 3 q at most.
    """
    starts, lengths = runs
    chosen = (lengths >= DROPOUT) & (lengths <= longest) & (starts >= 16) & (starts + lengths + 16 <= len(samples))
    starts, lengths = starts[chosen], lengths[chosen]
    enters = np.abs(samples[starts] - samples[starts - 1])
    leaves = np.abs(samples[starts + lengths] - samples[starts])
    sharp = np.maximum(enters, leaves) > 8 * _resolution(samples, 0.0)
    found = []
    for start, length in zip(starts[sharp].tolist(), lengths[sharp].tolist(), strict=True):
        if float(samples[start]) in saturation:
            continue
        before = samples[max(0, start - 512) : start + 1].astype(np.float64)
        after = samples[start + length - 1 : start + length + 512].astype(np.float64)
        if min(np.mean(before**2), np.mean(after**2)) < 10 ** (QUIETEST_DBFS / 10):
            continue
        steps_before, steps_after = np.abs(np.diff(before[-65:])), np.abs(np.diff(after[:65]))
        nearest = np.concatenate([steps_before[-24:], steps_after[:24]])  # floating point is finer near zero
        if not nearest.any():
            continue
        resolution = nearest[nearest > 0].min()
        enter, leave = steps_before[-1], steps_after[0]
        motion_before, motion_after = np.median(steps_before[-9:-1]), np.median(steps_after[1:9])
        # Music fades into a rest of zeros and begins after it: without a step, and quiet before it.
        stepped = samples[start] != 0 or enter > 2 * motion_before or leave > 2 * motion_after
        stepped = stepped or np.abs(before[-17:-1]).max() > 0.15 * np.sqrt(np.mean(before**2))
        too_long = min(motion_before, motion_after) * length > 40 * resolution and max(enter, leave) > 8 * resolution
        cut_out = samples[start] == 0 and enter > 4 * motion_before and leave > 4 * motion_after
        if (stepped and too_long) or (cut_out and min(enter, leave) > 40 * resolution):
            found.append(Fault(start, length, float(samples[start])))
    return found


def _clicks_and_jumps(samples: np.ndarray, sample_rate: int) -> tuple[list[Fault], list[Fault]]:
    """Where the cubic through four neighbours misses a sample by far more than elsewhere within 20 ms, by shape.

    The miss is a sixth of the fourth difference: (1, -4, 6, -4, 1) A/6 for a single sample of size A, and its running
    sum (1, -3, 3, -1) A/6 for a step.
    """
    frame = 64
    if len(samples) < 8 * frame:
        return [], []
    miss = np.convolve(samples, (CLICK_SHAPE / 6).astype(np.float32), "same")
    miss[:2] = miss[-2:] = 0.0
    count = len(miss) // frame
    largest = np.abs(miss[: count * frame]).reshape(count, frame).max(axis=1)
    reach = max(4, round(0.02 * sample_rate / frame)) // 2 * 2  # frames either side
    beside = maximum_filter1d(largest, reach + 1, mode="constant")  # reach / 2 frames either side of its index
    shift = reach // 2 + 2
    padding = np.zeros(shift, np.float32)
    beside = np.maximum(
        np.concatenate([padding, beside[:-shift]])[:count], np.concatenate([beside[shift:], padding])[:count]
    )
    found: dict[str, list[Fault]] = {"click": [], "jump": []}
    for index in np.flatnonzero(largest > np.maximum(3 * beside, 10 ** (QUIETEST_DBFS / 20))).tolist():
        at = index * frame + int(np.argmax(np.abs(miss[index * frame : (index + 1) * frame])))
        around = slice(at - reach * frame, at + reach * frame + 1)
        if around.start < 0 or around.stop > len(samples):
            continue
        elsewhere = np.abs(np.concatenate([miss[around.start : at - 5], miss[at + 6 : around.stop]])).max()
        heard = np.concatenate([samples[around.start : at - 1], samples[at + 2 : around.stop]])
        if abs(miss[at]) < 4 * elsewhere or np.mean(heard.astype(np.float64) ** 2) < 10 ** (QUIETEST_DBFS / 10):
            continue
        near = miss[at - 5 : at + 6].astype(np.float64)
        for kind, shape in (("click", CLICK_SHAPE / 6), ("jump", JUMP_SHAPE / 6)):
            sizes = np.convolve(near, shape[::-1], "valid") / (shape @ shape)
            best = int(np.argmax(np.abs(sizes)))
            left = near.copy()
            left[best : best + len(shape)] -= sizes[best] * shape
            if left @ left < 0.06 * (near @ near):
                # A step's shape begins two samples before the first sample at the new value, as a click's does.
                found[kind].append(Fault(at - 5 + best + 2, 1, float(sizes[best])))
                break
    return _once(found["click"]), _once(found["jump"])


def _once(faults: list[Fault]) -> list[Fault]:
    """Without those seen from two frames."""
    return list({fault.start: fault for fault in faults}.values())
