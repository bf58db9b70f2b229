"""Leakage: the same music in two roles, found by listening, whatever the files are called and however they differ.

A copy may be louder, inverted, dithered, compressed, converted to another sample rate, cut, moved, or stand inside another
file. Two steps: landmarks [1]_, pairs of peaks in the spectrogram, propose where two files may hold the same; then the
signals themselves are correlated there, sample by sample, so that two takes of one riff are never taken for a copy.

References
----------
.. [1] A. Wang, "An industrial-strength audio search algorithm", ISMIR 2003.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.ndimage import maximum_filter

from drywet import audio
from drywet.dataset.manifest import Manifest, Recording, Role
from drywet.errors import DatasetError

ROLES: tuple[str, ...] = get_args(Role)
RATE = 8_000  # Hz, to which everything is converted: a guitar's energy lies below 4 kHz
BLOCK_S = 30  # read and converted at a time
FRAME, HOP = 512, 128  # samples of the spectrogram: 64 and 16 ms
NEIGHBOURHOOD = (15, 21)  # frames and bins in which a peak is the largest
PEAK_RANGE_DB = 60.0  # below the loudest of the block
QUIETEST_PEAK = 1e-3  # magnitude of a frame of a sine at about -100 dBFS
FAN = 6  # later peaks that each peak is paired with
FARTHEST = 63  # frames between the peaks of a pair
COMMONEST = 200  # a landmark that occurs more often says nothing about a place
CANDIDATES = 12  # places looked at per pair of files
LEAST_LANDMARKS = 4  # that agree on a place
PROBES = 3  # windows compared per place, before all are

PRE_EMPHASIS = 0.95  # the high partials of two notes differ more than their fundamentals
WINDOW = RATE // 2  # samples that are correlated at a time, every half of it
LAGS = 2 * HOP  # samples by which landmarks may have the place wrong
FRACTIONS = np.linspace(-1, 1, 17)  # samples
LAG_SPREAD = 40  # samples by which windows may disagree about the lag: 5 ms
QUIET = 1e-3  # norm of a window below which it is silence
SAME = 0.96  # correlation of copies: noise 20 dB below the music leaves 0.98; another take of a riff has 0.94
SOUNDING_BLOCK = 80  # samples: 10 ms
SOUNDING_DB = -60.0  # relative to the loudest block; below, and in silence, nothing counts as shared
LEAST_SOUNDING = 0.2  # of a window; one with a click in silence says nothing
LEAST_SHARED_S = 1.25  # of sound; one held note in two takes can be alike for a second

_COUNT = 2 * WINDOW  # points of the transforms
_BINS = np.arange(WINDOW + 1)
_FRACTION_TURNS = np.exp(2j * np.pi / _COUNT * np.outer(FRACTIONS, _BINS))


@dataclass(frozen=True)
class Heard:
    """A dry signal as the guard hears it.

    Attributes
    ----------
    name, role : str
    samples : float16 array, shape (T,)
        At 8 kHz, pre-emphasised.
    landmarks, places : int64 and int32 array, shape (N,)
        Pairs of peaks, and in which frame the first of each stands.
    sounding : bool array, shape (T // 80,)
        Where it is not silent.
    """

    name: str
    role: str
    samples: np.ndarray
    landmarks: np.ndarray
    places: np.ndarray
    sounding: np.ndarray


@dataclass(frozen=True)
class Leak:
    """What two recordings of different roles share."""

    first: str
    first_role: str
    first_s: float  # where it begins in the first recording
    second: str
    second_role: str
    second_s: float
    seconds: float  # of sound in common
    similarity: float  # median correlation there, 1 for a copy at any level

    def __str__(self) -> str:
        return (
            f"{self.first} ({self.first_role}) from {self.first_s:.2f} s on and {self.second} ({self.second_role}) from "
            f"{self.second_s:.2f} s on share {self.seconds:.1f} s of dry audio (correlation {self.similarity:.3f})"
        )


def refuse_leaks(heard: Sequence[Heard], where: str, known: Sequence[Heard] = ()) -> None:
    """DatasetError if :func:`find_leaks` finds one; ``where`` opens its message."""
    leaks = find_leaks(heard, known)
    if leaks:
        more = f" ({len(leaks) - 1} more)" if len(leaks) > 1 else ""
        raise DatasetError(
            f"{where}: {leaks[0]}{more}. A score on audio that trained the model means nothing; give both the same role, "
            "or leave one out"
        )


def listen_to(folder: Path, manifest: Manifest, recordings: Sequence[Recording] | None = None) -> list[Heard]:
    """The dry signals of a dataset's recordings (all of them by default), each that several share only once per role."""
    heard: dict[tuple, Heard] = {}
    ahead = max(-manifest.chain.latency, 0)  # dry samples before the first that wet has
    for r in manifest.recording if recordings is None else recordings:
        key = (r.dry_sha256, r.role, r.start, r.stop)
        if key not in heard:
            stop = None if r.stop is None else r.stop + ahead
            heard[key] = listen(folder / r.dry, r.id, r.role, (r.start or 0) + ahead, stop)
    return list(heard.values())


def listen(path: Path | str, name: str, role: str, start: int = 0, stop: int | None = None) -> Heard:
    """Read the dry file at ``path``, or samples ``start`` to ``stop`` of it, in blocks.

    Raises
    ------
    AudioFileError
        If it cannot be read; see :func:`drywet.audio.open_reader`.
    """
    parts, landmarks, places = [], [np.empty(0, np.int64)], [np.empty(0, np.int32)]
    length = 0
    with audio.open_reader(path) as reader:
        stop = len(reader) if stop is None else min(stop, len(reader))
        step = BLOCK_S * reader.sample_rate
        for first in range(start, stop, step):
            block = audio.resample(reader[first : min(first + step, stop)], reader.sample_rate, RATE)
            found, frames = _landmarks(block)
            landmarks.append(found)
            places.append(frames + length // HOP)
            emphasised = block.copy()
            emphasised[1:] -= np.float32(PRE_EMPHASIS) * block[:-1]
            parts.append(emphasised.astype(np.float16))
            length += len(block)
    samples = np.concatenate(parts) if parts else np.empty(0, np.float16)
    return Heard(name, role, samples, np.concatenate(landmarks), np.concatenate(places), _sounding(samples))


def find_leaks(heard: Sequence[Heard], known: Sequence[Heard] = ()) -> list[Leak]:
    """What signals of different roles have in common: one stretch for each pair of signals, the longest pair first.

    Those in ``heard`` are compared with one another and with those in ``known``, which are not compared among themselves.
    """
    found: dict[tuple[str, str], Leak] = {}
    for number, role in enumerate(ROLES):
        for these, those in ((heard, [*heard, *known]), (known, heard)):
            index = _Index([other for other in those if other.role in ROLES[number + 1 :]])
            for one in these:
                for other, offset, places in index.candidates(one) if one.role == role else ():
                    # Places come in the order of how many landmarks agree on them: the first is the longest.
                    names = (one.name, other.name)
                    if names not in found and (leak := _compare(one, other, offset, places)):
                        found[names] = leak
    return sorted(found.values(), key=lambda leak: -leak.seconds)


def _landmarks(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of peaks as numbers, and the frame of the first peak of each."""
    if len(samples) < FRAME:
        return np.empty(0, np.int64), np.empty(0, np.int32)
    frames = sliding_window_view(samples, FRAME)[::HOP] * np.hanning(FRAME).astype(np.float32)
    magnitude = np.abs(np.fft.rfft(frames)).astype(np.float32)
    floor = max(magnitude.max() * 10 ** (-PEAK_RANGE_DB / 20), QUIETEST_PEAK)
    is_peak = (magnitude == maximum_filter(magnitude, NEIGHBOURHOOD, mode="constant")) & (magnitude > floor)
    frame, bin_ = np.nonzero(is_peak)
    pairs, places = [], []
    for ahead in range(1, FAN + 1):
        apart = frame[ahead:] - frame[:-ahead]
        near = (apart >= 1) & (apart <= FARTHEST)
        first, second = bin_[:-ahead][near], bin_[ahead:][near]
        pairs.append((first * (FRAME // 2 + 1) + second) * (FARTHEST + 1) + apart[near])
        places.append(frame[:-ahead][near])
    return np.concatenate(pairs).astype(np.int64), np.concatenate(places).astype(np.int32)


def _sounding(samples: np.ndarray) -> np.ndarray:
    blocks = samples[: len(samples) // SOUNDING_BLOCK * SOUNDING_BLOCK].reshape(-1, SOUNDING_BLOCK).astype(np.float32)
    power = np.mean(blocks**2, axis=1)
    return power > power.max(initial=0) * 10 ** (SOUNDING_DB / 10)


class _Index:
    """The landmarks of several signals, sorted, to look up where another one has the same."""

    def __init__(self, heard: Sequence[Heard]):
        self.heard = heard
        landmarks = np.concatenate([np.empty(0, np.int64), *(one.landmarks for one in heard)])
        order = np.argsort(landmarks, kind="stable")
        self.landmarks = landmarks[order]
        self.places = np.concatenate([np.empty(0, np.int32), *(one.places for one in heard)])[order]
        self.owners = np.repeat(np.arange(len(heard)), [len(one.landmarks) for one in heard])[order]

    def candidates(self, one: Heard) -> Iterator[tuple[Heard, int, np.ndarray]]:
        """A signal that may share something with ``one``, by how many samples it would be later in ``one``, and the
        samples of ``one`` where landmarks say so."""
        # The two peaks of a pair are rounded to frames each for itself.
        wanted = (one.landmarks[:, None] + np.array([-1, 0, 1])).ravel()
        places = np.repeat(one.places, 3)
        first, last = (np.searchsorted(self.landmarks, wanted, side=side) for side in ("left", "right"))
        count = np.where(last - first > COMMONEST, 0, last - first)
        found = np.repeat(first - np.cumsum(count) + count, count) + np.arange(count.sum())
        places = np.repeat(places, count)
        owners, offsets = self.owners[found], places - self.places[found]
        for number in np.unique(owners):
            here = owners == number
            values, votes = np.unique(offsets[here], return_counts=True)
            for best in np.argsort(-votes, kind="stable")[:CANDIDATES]:
                agreeing = places[here][np.abs(offsets[here] - values[best]) <= 1]
                if len(agreeing) >= LEAST_LANDMARKS:
                    yield self.heard[number], int(values[best]) * HOP, agreeing * HOP


def _compare(one: Heard, other: Heard, offset: int, places: np.ndarray) -> Leak | None:
    """What ``one`` shares with ``other`` when sample n of it is about sample n - offset there.

    First the windows where most ``places`` lie are compared; only when one of them is a copy, all that overlap.
    """
    first = max(0, offset)
    last = min(len(one.samples), len(other.samples) + offset) - WINDOW
    starts = np.arange(first, last + 1, WINDOW // 2)
    half = WINDOW // 2 // SOUNDING_BLOCK
    middles = (starts + WINDOW // 4) // SOUNDING_BLOCK
    sums = np.append(0, np.cumsum(one.sounding))
    sounding = sums[np.minimum(middles + half, len(sums) - 1)] - sums[np.minimum(middles, len(sums) - 1)]
    starts, sounding = starts[sounding >= LEAST_SOUNDING * half], sounding[sounding >= LEAST_SOUNDING * half]
    if sounding.sum() * SOUNDING_BLOCK < LEAST_SHARED_S * RATE:
        return None
    nearest = np.searchsorted(starts, np.maximum(places - WINDOW // 4, starts[0]), side="right") - 1
    likely = np.argsort(-np.bincount(nearest), kind="stable")[:PROBES]
    if _correlate(one, other, starts[likely], offset)[0].max() < SAME:
        return None
    similarity, lags = _correlate(one, other, starts, offset)
    same = similarity > SAME
    same &= np.abs(lags - np.median(lags[same])) <= LAG_SPREAD
    seconds = float(sounding[same].sum()) * SOUNDING_BLOCK / RATE
    if seconds < LEAST_SHARED_S:
        return None
    begin_s = int(starts[same][0]) / RATE
    other_s = max(begin_s - (offset + float(np.median(lags[same]))) / RATE, 0.0)
    similar = min(float(np.median(similarity[same])), 1.0)
    return Leak(one.name, one.role, begin_s, other.name, other.role, other_s, seconds, similar)


def _correlate(one: Heard, other: Heard, starts: np.ndarray, offset: int) -> tuple[np.ndarray, np.ndarray]:
    """Largest normalised correlation of each window with the other signal near its place, whatever the polarity, and
    by how many samples ``offset`` is too small there; each of shape (N,)."""
    wide = WINDOW + 2 * LAGS
    padded = np.concatenate([np.zeros(LAGS, np.float16), other.samples, np.zeros(LAGS, np.float16)])
    similarity, lags = np.zeros(len(starts)), np.zeros(len(starts))
    for number, start in enumerate(starts):
        window = one.samples[start : start + WINDOW].astype(np.float32)
        beside = padded[start - offset : start - offset + wide].astype(np.float32)
        norm = np.sqrt(np.dot(window, window))
        energy = np.append(0.0, np.cumsum(beside.astype(np.float64) ** 2))
        energy = energy[WINDOW:] - energy[: 2 * LAGS + 1]
        if norm < QUIET or energy.max() < QUIET**2:
            continue
        spectrum = np.fft.rfft(beside, _COUNT) * np.conj(np.fft.rfft(window, _COUNT))
        products = np.fft.irfft(spectrum, _COUNT)[: 2 * LAGS + 1]
        ratios = np.abs(products) / (norm * np.sqrt(np.maximum(energy, QUIET**2)))
        best = int(ratios.argmax())
        # Between the samples: the correlation is band-limited, so its spectrum says what stands there.
        between = (
            np.abs(np.real(_FRACTION_TURNS @ (spectrum * np.exp(2j * np.pi / _COUNT * best * _BINS)))) * 2 / _COUNT
        )
        similarity[number] = between.max() / (norm * np.sqrt(max(energy[best], QUIET**2)))
        lags[number] = LAGS - best - FRACTIONS[between.argmax()]
    return similarity, lags
