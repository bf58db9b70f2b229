"""Scores written as text, in the manner of guitar tablature.

    6.0m:2  6.3m+5.5m:2  r:4  3.7b2v:8  2.8~:4

One word is one event: the notes struck together (joined by ``+``), then its length in steps after a colon (1 if left
out). A note is ``string.fret`` and marks: ``m`` palm-muted, ``b2`` bent up two semitones, ``p2`` bent up beforehand
and released, ``u2`` bent up and released, ``v`` vibrato, ``~`` left to ring, ``>`` accent, ``<`` soft, ``x`` dead.
``r`` is a rest.
"""

import re
from dataclasses import replace

import numpy as np

from drywet.errors import SignalError
from drywet.signals.guitar import Note

_EVENT = re.compile(r"(?P<notes>[^:]+)(:(?P<steps>\d+(\.\d+)?))?")
_NOTE = re.compile(r"(?P<string>\d)\.(?P<fret>\d+)(?P<marks>([mv~<>x]|[bpu]\d(\.5)?)*)")


def read_tab(text: str, step_s: float, *, velocity: float = 0.75, strum_s: float = 0.012) -> tuple[list[Note], float]:
    """The notes of ``text`` and its length in seconds; a step lasts ``step_s``.

    A chord is strummed from its first written note to its last within ``strum_s`` (fewer than four strings: sooner),
    each of its n strings struck ``n ** 0.3`` times softer than a single note, as a pick shares its force.
    """
    notes, time = [], 0.0
    for word in text.split():
        event = _EVENT.fullmatch(word)
        if event is None:
            raise SignalError(f"tablature: {word!r} is no event; write string.fret:steps, such as 6.3m:2")
        length = float(event["steps"] or 1) * step_s
        if event["notes"] != "r":
            struck = event["notes"].split("+")
            for index, written in enumerate(struck):
                start = time + index / max(len(struck), 4) * strum_s
                notes.append(_read_note(written, start, length, velocity / len(struck) ** 0.3))
        time += length
    return _let_ring(notes, time), time


def humanise(
    notes: list[Note], rng: np.random.Generator, *, timing_s: float = 0.004, velocity: float = 0.06
) -> list[Note]:
    """``notes`` as a player would play them: starts off by about ``timing_s``, velocities by the part ``velocity``."""
    return [
        replace(
            note,
            start=max(0.0, note.start + float(np.clip(rng.normal(0, timing_s), -2 * timing_s, 2 * timing_s))),
            velocity=float(np.clip(note.velocity * (1 + velocity * rng.normal()), 0.05, 1.0)),
        )
        for note in notes
    ]


def _read_note(written: str, start: float, length: float, velocity: float) -> Note:
    match = _NOTE.fullmatch(written)
    if match is None:
        raise SignalError(f"tablature: {written!r} is no note; write string.fret and marks, such as 3.7b2v")
    marks = match["marks"]
    bend: tuple[tuple[float, float], ...] = ()
    for kind, amount in re.findall(r"([bpu])(\d(?:\.5)?)", marks):
        semitones = float(amount)
        bend = {
            "b": ((min(0.06, 0.1 * length), 0.0), (min(0.28, 0.5 * length), semitones)),
            "p": ((0.0, semitones), (0.35 * length, semitones), (0.6 * length, 0.0)),
            "u": ((0.05 * length, 0.0), (0.3 * length, semitones), (0.55 * length, semitones), (0.8 * length, 0.0)),
        }[kind]
    dead = "x" in marks
    return Note(
        string=int(match["string"]),
        fret=int(match["fret"]),
        start=start,
        duration=np.inf if "~" in marks else 0.012 if dead else 0.97 * length,
        velocity=min(1.0, velocity * (1.25 if ">" in marks else 0.65 if "<" in marks else 1.0)),
        palm_mute=1.0 if dead or "m" in marks else 0.0,
        bend=bend,
        vibrato=0.35 if "v" in marks else 0.0,
    )


def _let_ring(notes: list[Note], end: float) -> list[Note]:
    """Ringing notes last until the end of the score (the next note on the string stops them earlier)."""
    return [replace(note, duration=end - note.start) if np.isinf(note.duration) else note for note in notes]
