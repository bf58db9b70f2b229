"""What a sound file's parts are: known by its clicks, silences, sweeps and repeat, since nothing else survives every program.

A side-car file gets lost and a comment does not outlive a DAW. But the places of the parts follow from the length of the
signal alone, and the length from the distance of the first click to the last.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from drywet import audio
from drywet.errors import SignalError
from drywet.signals.capture_signal import REPEATED, capture_sections
from drywet.signals.training_track import Section, training_sections

LAYOUTS: dict[str, Callable[[float], list[Section]]] = {
    "capture signal": capture_sections,
    "training track": training_sections,
}
LEAST_CLICK = 0.1  # of the peak of the file; a click has 0.7 of it, less after a conversion to a lower sample rate
QUIETEST_PEAK = 0.001  # of full scale; below it nothing is looked for
NEAR_CLICK = 40  # samples in which a click that was converted may ring
CLICK_SAMPLES = 3  # by which a click may be off: rounding of edges, and of a conversion of the sample rate
QUIET = 0.003  # largest sample of a silence, relative to the peak
STEP_DB = 0.5  # by which the level of a sweep may be off
SAME = 0.999  # correlation of the passage that is there twice
BLOCK_S = 0.05  # in which the level of an unknown file is looked at
SILENT_DBFS = -60.0
SHORTEST_SILENCE_S = 0.5


@dataclass(frozen=True)
class Explained:
    """A signal that drywet made: which one, how long as it was made, and its parts, in s from the file's beginning."""

    kind: str  # "capture signal" or "training track"
    seconds: float
    offset_s: float  # of the signal's beginning within the file; negative where its beginning was cut off
    sections: list[Section]


def explain(samples: np.ndarray, sample_rate: int) -> Explained | None:
    """Which signal of drywet's a file holds, or None.

    Found whatever the level, the polarity, the format or the sample rate it was converted to, and with anything silent
    before and after it.

    Parameters
    ----------
    samples : float32 array, shape (T,)
        What is in the file: the dry signal, not what a device made of it.
    """
    peak = np.abs(samples).max(initial=0)
    if peak < QUIETEST_PEAK:
        return None
    loud = np.flatnonzero(np.abs(samples) > LEAST_CLICK * peak)
    first, last = _loudest_near(samples, int(loud[0])), _loudest_near(samples, int(loud[-1]))
    for kind, layout in LAYOUTS.items():
        # Clicks stand at 1/3 and 2/3 of the first and the last section.
        opening, closing = layout(60.0)[0], layout(60.0)[-1]
        share = (closing.start_s + 2 * closing.stop_s) / 3 / 60 - opening.stop_s / 3 / 60
        measured = (last - first) / sample_rate / share  # off by a sample or two; most people ask for a round length
        for seconds in (round(measured, 3), measured):
            try:
                sections = layout(seconds)
            except SignalError:
                continue
            offset = first / sample_rate - sections[0].stop_s / 3
            moved = [s._replace(start_s=s.start_s + offset, stop_s=s.stop_s + offset) for s in sections]
            if _fits(samples / peak, sample_rate, moved):
                return Explained(kind, seconds, offset, [s._replace(start_s=max(s.start_s, 0.0)) for s in moved])
    return None


def _loudest_near(samples: np.ndarray, place: int) -> int:
    start = max(place - NEAR_CLICK, 0)
    return start + int(np.abs(samples[start : place + NEAR_CLICK]).argmax())


def _fits(samples: np.ndarray, sample_rate: int, sections: list[Section]) -> bool:
    """Whether clicks, silences, sweeps and the repeated passage are where ``sections`` has them."""

    def cut(section: Section, edge: int) -> np.ndarray:
        return samples[max(round(section.start_s * sample_rate) + edge, 0) : round(section.stop_s * sample_rate) - edge]

    for section in (sections[0], sections[-1]):
        for share in (1 / 3, 2 / 3):
            place = round((section.start_s + share * (section.stop_s - section.start_s)) * sample_rate)
            if not 0 <= place < len(samples) or abs(_loudest_near(samples, place) - place) > CLICK_SAMPLES:
                return False
            if np.abs(samples[max(place - CLICK_SAMPLES, 0) : place + CLICK_SAMPLES + 1]).max() < LEAST_CLICK:
                return False
    # A conversion of the sample rate rings before and after what stands beside the silence.
    edge = round(0.01 * sample_rate)
    silences = [cut(section, edge) for section in sections if "silence" in section.name or "pause" in section.name]
    if any(len(silence) and np.abs(silence).max() > QUIET for silence in silences):
        return False
    # The sweeps rise by the steps in their names: so signals differ, and what a device made of one is not taken for it.
    sweeps = [section for section in sections if section.name.startswith("sweep")]
    gains = [audio.peak_dbfs(cut(s, 0)) - float(s.name.split()[1]) for s in sweeps if len(cut(s, 0))]
    if len(gains) < len(sweeps) or max(gains) - min(gains) > STEP_DB:
        return False
    twice = [cut(section, 0) for section in sections if section.name.startswith(f"{REPEATED} riff")]
    if not twice:
        return True
    count = min(len(part) for part in twice)
    one, two = (part[:count].astype(np.float64) for part in twice)
    energy = np.sqrt(np.sum(one**2) * np.sum(two**2))
    # Their places are rounded to samples, so they may be one apart.
    products = [np.dot(one[1:-1], two[1 + lag : count - 1 + lag]) for lag in (-1, 0, 1)]
    return bool(energy > 0 and max(products) > SAME * energy)


def explain_parts(samples: np.ndarray, sample_rate: int) -> list[dict]:
    """A row for each part of a file: ``name, start_s, stop_s, role, peak_dbfs, rms_dbfs, reason``.

    The parts of a signal that :func:`explain` knows; of any other file where it sounds and where it is silent. The
    levels of exact silence are None.
    """
    known = explain(samples, sample_rate)
    sections = known.sections if known else _sounds_and_silences(samples, sample_rate)
    rows = []
    for section in sections:
        part = samples[round(section.start_s * sample_rate) : round(section.stop_s * sample_rate)]
        if len(part):
            rows.append(
                {
                    "name": section.name,
                    "start_s": round(section.start_s, 3),
                    "stop_s": round(section.stop_s, 3),
                    "role": section.role,
                    "peak_dbfs": round(audio.peak_dbfs(part), 2) if part.any() else None,
                    "rms_dbfs": round(audio.rms_dbfs(part), 2) if part.any() else None,
                    "reason": section.reason,
                }
            )
    return rows


def _sounds_and_silences(samples: np.ndarray, sample_rate: int) -> list[Section]:
    """Alternating sections of a file nobody knows; shorter silences count as sound."""
    block = max(1, round(BLOCK_S * sample_rate))
    starts = np.arange(0, len(samples), block)
    silent = np.maximum.reduceat(np.abs(samples), starts) < 10 ** (SILENT_DBFS / 20)
    parts: list[tuple[bool, int, int]] = []
    place = 0
    for is_silent, run in groupby(silent):
        count = len(list(run))
        is_silence = bool(is_silent) and count * BLOCK_S >= SHORTEST_SILENCE_S
        if parts and parts[-1][0] == is_silence:
            parts[-1] = (is_silence, parts[-1][1], place + count)
        else:
            parts.append((is_silence, place, place + count))
        place += count
    return [
        Section(
            "silence" if is_silence else "sound",
            start * block / sample_rate,
            min(stop * block, len(samples)) / sample_rate,
            f"below {SILENT_DBFS:g} dBFS" if is_silence else "",
        )
        for is_silence, start, stop in parts
    ]
