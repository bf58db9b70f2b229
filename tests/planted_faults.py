"""Faults planted in clean sound: one case is one fault in four seconds. ``bench/checks.py`` plants more of them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter1d

SECONDS = 4
KINDS = ("zeros", "held", "click", "clipping")
DETECTED_AS = {"zeros": "dropouts", "held": "dropouts", "click": "clicks", "clipping": "flat_tops"}


@dataclass(frozen=True)
class Case:
    """A signal, what was planted in it, and the samples where it begins (every flat top of a clipped signal)."""

    signal: np.ndarray
    kind: str
    starts: np.ndarray


def plant(clean: list[tuple[np.ndarray, int]], count: int, seed: int) -> Iterator[tuple[Case, int]]:
    """``count`` cases and their sample rates, drawn from ``clean`` signals.

    Dropouts: 16 to 2000 samples of zeros, or of one value held. Clicks: one sample, half to ten times the RMS around it
    away. Clipping: at 0.1 to 6 dB below the peak. Planted where there is sound (-45 dBFS or more), then rounded to 24
    bits (two of three) or 16. A flat top counts from three samples on.
    """
    rng = np.random.default_rng(seed)
    for number in range(count):
        signal, sample_rate = clean[rng.integers(len(clean))]
        kind, bits = KINDS[number % len(KINDS)], (24, 24, 16)[rng.integers(3)]
        start = rng.integers(0, max(1, len(signal) - SECONDS * sample_rate))
        signal = signal[start : start + SECONDS * sample_rate].astype(np.float64)
        energy = uniform_filter1d(signal**2, 2048)
        length = int(2 ** rng.uniform(4, 11))
        loud = uniform_filter1d(signal**2, 512) > 10**-4.5
        both_sides = loud[4096 : -6144 - length] & loud[4096 + length + 512 : -6144 + 512] & loud[3840 : -6400 - length]
        sounding = np.flatnonzero(both_sides) + 4096
        if len(sounding) == 0:
            continue
        at = int(rng.choice(sounding))
        if kind == "zeros":
            signal[at : at + length] = 0.0
        elif kind == "held":
            signal[at : at + length] = signal[at]
        elif kind == "click":
            signal[at] += np.sqrt(energy[at]) * 10 ** rng.uniform(-0.3, 1) * rng.choice([-1, 1])
        else:
            limit = np.abs(signal).max() * 10 ** (-rng.uniform(0.1, 6) / 20)
            signal = np.clip(signal, -limit, limit)
        signal = rounded(signal, bits)
        yield Case(signal, kind, flat_tops(signal) if kind == "clipping" else np.array([at])), sample_rate


def rounded(signal: np.ndarray, bits: int) -> np.ndarray:
    """As a file of so many bits holds it."""
    scale = 2.0 ** (bits - 1)
    return (np.round(signal * scale) / scale).astype(np.float32)


def flat_tops(signal: np.ndarray) -> np.ndarray:
    """First samples of all runs of at least three at the largest absolute value."""
    at = np.abs(signal) == np.abs(signal).max()
    edges = np.flatnonzero(np.diff(np.concatenate([[0], at.astype(np.int8), [0]])))
    return edges[::2][edges[1::2] - edges[::2] >= 3]


@dataclass
class Score:
    """Counts of one kind of fault."""

    planted: int = 0
    found: int = 0
    false_alarms: int = 0

    @property
    def recall(self) -> float:
        return self.found / self.planted if self.planted else 1.0

    @property
    def precision(self) -> float:
        alarms = self.found + self.false_alarms
        return self.found / alarms if alarms else 1.0


def score(cases: Iterator[tuple[Case, int]], find_faults) -> dict[str, Score]:
    """Recall and precision by kind. A held value begins where the wave leaves it, so its start may be some samples off.

    An alarm of any kind more than 2100 samples from what was planted is false; so is one of another kind near it, but for
    the jump at the end of a gap.
    """
    scores = {kind: Score() for kind in KINDS}
    for case, sample_rate in cases:
        faults, mine = find_faults(case.signal, sample_rate), scores[case.kind]
        wanted = DETECTED_AS[case.kind]
        near = 8 if wanted == "dropouts" else 1
        found_at = np.array([fault.start for fault in getattr(faults, wanted)])
        hits = [len(found_at) > 0 and np.abs(found_at - start).min() <= near for start in case.starts]
        mine.planted += len(case.starts)
        mine.found += sum(hits)
        for kind in ("flat_tops", "dropouts", "clicks", "jumps"):
            for fault in getattr(faults, kind):
                distance = np.abs(case.starts - fault.start).min() if len(case.starts) else np.inf
                if kind == wanted:
                    mine.false_alarms += int(distance > near)
                else:
                    mine.false_alarms += int(kind != "jumps" or distance > 2100)
    return scores
