"""Passages of dry that occur twice, and what differs in wet: the noise that no model can predict."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import maximum_filter1d
from scipy.signal import firwin, oaconvolve
from scipy.spatial import cKDTree

from drywet.dataset.alignment import Sliceable
from drywet.dataset.check.blocks import blocks

SETTLE_S = 0.15  # after the passages begin, until the device has forgotten what was before
SHORTEST_S = 0.4  # of sound that counts, after that
SHORTEST_DISTANCE_S = 0.5
SAME_DRY_DB = -50.0  # power of the difference of the two dry passages against their own
LONGEST_COMPARED_S = 10.0
LANDMARK_S = 0.025  # a landmark is the loudest sample this far either way
LOWEST_HZ, HIGHEST_HZ = 60.0, 1500.0  # band of the landmarks
MAX_PASSAGES = 12  # compared, the longest first


@dataclass(frozen=True)
class Repeat:
    """Two passages with the same dry sound.

    Attributes
    ----------
    first_s, second_s, seconds : float
        Where they are compared.
    dry_difference_db : float
        Power of the difference of the dry passages against their own; minus infinity for a copy.
    noise_power : float
        Half the mean square of the difference of the wet passages: that of the noise in each of them.
    wet_power : float
        Mean square of the wet passages.
    """

    first_s: float
    second_s: float
    seconds: float
    dry_difference_db: float
    noise_power: float
    wet_power: float


def find_repeats(dry: Sliceable, sample_rate: int) -> list[tuple[int, int, int]]:
    """(first, second, length) in samples of passages whose dry sound occurs twice, the longest first.

    Landmarks are samples that no other within 25 ms exceeds, in the band of 60 to 1500 Hz. They do not depend on where
    a passage stands, so both occurrences have the same, and around them the same shape. Landmarks of equal shape at an
    equal distance make a passage.
    """
    places, shapes = _landmarks(dry, sample_rate)
    if len(places) < 8:
        return []
    distance, nearest = cKDTree(shapes).query(shapes, k=min(6, len(shapes)), distance_upper_bound=0.1)
    one, rank = np.nonzero(np.isfinite(distance[:, 1:]))
    other = nearest[one, rank + 1]
    by_distance: dict[int, list[int]] = defaultdict(list)
    for first, second in zip(places[one].tolist(), places[other].tolist(), strict=True):
        if second - first >= SHORTEST_DISTANCE_S * sample_rate:
            by_distance[second - first].append(first)
    shortest = round((SETTLE_S + SHORTEST_S) * sample_rate)
    passages = []
    for apart, firsts in by_distance.items():
        firsts.sort()
        # A held chord resembles itself more than its repetition, so some landmarks are missing; long gaps part passages.
        edges = np.flatnonzero(np.diff(firsts) > 0.6 * sample_rate)
        for begin, end in zip([0, *(edges + 1)], [*edges, len(firsts) - 1], strict=True):
            length = firsts[end] - firsts[begin]
            if end - begin >= 4 and length >= shortest:
                passages.append((firsts[begin], firsts[begin] + apart, min(length, apart)))
    return sorted(passages, key=lambda passage: -passage[2])


def _landmarks(dry: Sliceable, sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Places (N,) in samples, and the normalised shapes (N, 24) around them."""
    reach = round(LANDMARK_S * sample_rate)
    taps = 2 * (sample_rate // 100) + 1
    band = firwin(taps, (LOWEST_HZ, min(HIGHEST_HZ, 0.4 * sample_rate)), pass_zero=False, fs=sample_rate)
    offsets = np.round(np.linspace(-0.02, 0.02, 24) * sample_rate).astype(int)
    overlap = 2 * reach + taps
    places, shapes = [], []
    for first, own, samples in blocks(dry, overlap, 1 << 19):
        filtered = oaconvolve(samples, band.astype(np.float32), "same")
        size = np.abs(filtered)
        floor = max(1e-4, float(size.max(initial=0.0)) * 1e-3)
        at = np.flatnonzero((size == maximum_filter1d(size, 2 * reach + 1)) & (size > floor))
        at = at[(at >= max(own.start, overlap)) & (at < min(own.stop, len(samples) - overlap))]
        around = filtered[at[:, None] + offsets]
        places.append(first + at)
        shapes.append(around / np.linalg.norm(around, axis=1, keepdims=True))
    return np.concatenate(places), np.concatenate(shapes).astype(np.float32)


def compare_repeats(dry: Sliceable, wet: Sliceable, sample_rate: int, latency: float, drift: float) -> list[Repeat]:
    """What differs in wet where dry is the same; ``wet`` trails by ``latency + drift * t`` samples at sample t of dry.

    A fraction of a sample between the two wet passages, which drift brings about, is taken out before they are
    compared. Passages whose dry sound differs by more than -50 dB are left out: music played twice is not the same.
    """
    repeats: list[Repeat] = []
    for first, second, length in find_repeats(dry, sample_rate):
        settle = round(SETTLE_S * sample_rate)
        first, second = first + settle, second + settle
        length = min(length - settle, round(LONGEST_COMPARED_S * sample_rate))
        wet_first, wet_second = (round(place * (1 + drift) + latency) for place in (first, second))
        if min(wet_first, wet_second) < 0 or max(wet_first, wet_second) + length > len(wet):
            continue
        dry_one, dry_two = (np.asarray(dry[at : at + length], np.float64) for at in (first, second))
        wet_one, wet_two = (np.asarray(wet[at : at + length], np.float64) for at in (wet_first, wet_second))
        dry_power, dry_error = np.mean(dry_one**2), np.mean((dry_one - dry_two) ** 2)
        wet_power = (np.mean(wet_one**2) + np.mean(wet_two**2)) / 2
        if dry_error > dry_power * 10 ** (SAME_DRY_DB / 10) or wet_power == 0:
            continue
        repeats.append(
            Repeat(
                first / sample_rate,
                second / sample_rate,
                length / sample_rate,
                10 * float(np.log10(dry_error / dry_power)) if dry_error else -np.inf,
                _difference_power(wet_one, wet_two) / 2,
                float(wet_power),
            )
        )
        if len(repeats) == MAX_PASSAGES:
            break
    return repeats


def _difference_power(one: np.ndarray, two: np.ndarray) -> float:
    """Mean square of the difference, after ``two`` was moved by the part of a sample that makes it smallest."""
    plain = float(np.mean((one - two) ** 2))
    # The first-order change of two when it moves is its slope times the move.
    slope = np.gradient(two)
    move = float(np.dot(one - two, slope) / max(np.dot(slope, slope), 1e-30))
    if abs(move) < 1e-4 or abs(move) > 2:
        return plain
    edge = min(len(two) // 4, 512)
    best = plain
    for _ in range(3):
        moved = _moved(two, move)
        error = (one - moved)[edge:-edge]
        best = min(best, float(np.mean(error**2)))
        slope = np.gradient(moved)[edge:-edge]
        move += float(np.dot(error, slope) / max(np.dot(slope, slope), 1e-30))
    return best


def _moved(signal: np.ndarray, samples: float) -> np.ndarray:
    """``signal(t + samples)``, band-limited, through its spectrum."""
    frequencies = np.fft.rfftfreq(2 * len(signal))
    return np.fft.irfft(np.fft.rfft(signal, 2 * len(signal)) * np.exp(2j * np.pi * frequencies * samples))[
        : len(signal)
    ]
