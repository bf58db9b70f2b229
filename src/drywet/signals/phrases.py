"""Random phrases in nine styles of playing, for training.

A style is a function of a seeded generator that returns notes filling a number of seconds. Tempo, key, rhythm and
notes are drawn, so no phrase is a quotation; the fixed riffs of :mod:`drywet.signals.riffs` are written by hand.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from drywet.signals.guitar import Guitar, Note
from drywet.signals.tablature import humanise

SCALES = (
    (0, 2, 3, 5, 7, 8, 10),   # natural minor
    (0, 1, 3, 5, 7, 8, 10),   # Phrygian
    (0, 2, 3, 5, 7, 8, 11),   # harmonic minor
    (0, 2, 4, 5, 7, 9, 10),   # Mixolydian
    (0, 2, 4, 6, 7, 9, 11),   # Lydian
    (0, 3, 5, 6, 7, 10),      # minor pentatonic with the diminished fifth
)  # fmt: skip
RHYTHMS = ((2, 2), (4,), (1, 1, 2), (1, 1, 1, 1), (2, 1, 1), (3, 1), (1, 2, 1))  # sixteenths of a beat
OPEN_CHORDS = (  # frets from the lowest string to the highest, None is not struck
    (None, 3, 2, 0, 1, 0), (None, 0, 2, 2, 1, 0), (3, 2, 0, 0, 3, 3), (None, None, 0, 2, 3, 2),
    (None, None, 0, 2, 3, 1), (1, 3, 3, 2, 1, 1), (None, 3, 2, 3, 1, 0), (3, 2, 0, 0, 0, 1),
    (None, 0, 2, 0, 2, 0), (None, None, 3, 2, 1, 0),
)  # fmt: skip
MOVABLE_CHORDS = (  # shapes to be moved up the neck
    (0, 2, 2, 0, 0, 0), (0, 2, 2, 1, 0, 0), (None, 0, 2, 2, 1, 0), (None, 0, 2, 2, 2, 0), (None, 0, 2, 1, 2, None),
    (0, None, 1, 1, 0, None), (None, None, 0, 2, 3, 1),
)  # fmt: skip


def chug(rng: np.random.Generator, guitar: Guitar, seconds: float) -> list[Note]:
    """Palm-muted low notes with fifths on the accents."""
    notes, step = [], _sixteenth(rng, 85, 185)
    scale, root = _scale_frets(rng, 9), int(rng.integers(0, 4))
    time = 0.0
    while time < seconds:
        for length in _rhythm(rng):
            if rng.random() < 0.22:
                notes += _fifth(rng, guitar, root + int(rng.choice(scale)), time, length * step, palm_mute=0.0)
            elif rng.random() < 0.92:
                fret = root if rng.random() < 0.6 else root + int(rng.choice(scale))
                low = len(guitar.tuning) - int(rng.random() < 0.2)
                mute = float(rng.uniform(0.5, 1.0))
                notes.append(Note(low, fret, time, 0.95 * length * step, _velocity(rng, 0.8), palm_mute=mute))
            time += length * step
    return notes


def fifths(rng: np.random.Generator, guitar: Guitar, seconds: float) -> list[Note]:
    """Open fifths and octaves, held and repeated."""
    notes, step = [], _sixteenth(rng, 75, 160)
    scale = _scale_frets(rng, 11)
    time = 0.0
    while time < seconds:
        fret, strokes = int(rng.choice(scale)), int(rng.choice((1, 1, 2, 3, 4)))
        for _ in range(strokes):
            length = step * (8 if strokes == 1 else 2)
            notes += _fifth(rng, guitar, fret, time, length, palm_mute=0.0)
            time += length
    return notes


def strum(rng: np.random.Generator, guitar: Guitar, seconds: float) -> list[Note]:
    """Open chords, down and up."""
    notes, step = [], 2 * _sixteenth(rng, 70, 150)
    time = 0.0
    while time < seconds:
        chord = _struck(OPEN_CHORDS[rng.integers(len(OPEN_CHORDS))])
        for index in range(8):
            if index == 0 or rng.random() < 0.6:
                down = index % 2 == 0
                velocity = _velocity(rng, 0.8 if index == 0 else 0.6 if down else 0.4)
                struck = chord[: int(rng.integers(3, 7))] if down else chord[::-1][: int(rng.integers(2, 5))]
                spread = rng.uniform(0.012, 0.05) / 6
                for place, (number, fret) in enumerate(struck):
                    start = time + place * spread
                    notes.append(Note(number, fret, start, 4 * step, velocity * rng.uniform(0.85, 1)))
            time += step
    return notes


def arpeggio(rng: np.random.Generator, guitar: Guitar, seconds: float) -> list[Note]:
    """Chord shapes broken one string at a time, left to ring."""
    notes, step = [], 2 * _sixteenth(rng, 60, 140)
    time = 0.0
    while time < seconds:
        bass, *upper = _chord(rng)
        order = rng.integers(len(upper), size=int(rng.choice((3, 5, 7))))
        for number, fret in (bass, *(upper[place] for place in order)):
            notes.append(Note(number, fret, time, 8 * step, _velocity(rng, 0.55)))
            time += step
    return notes


def picking(rng: np.random.Generator, guitar: Guitar, seconds: float) -> list[Note]:
    """Thumb on alternating basses, fingers on the upper strings, some struck together."""
    notes, step = [], _sixteenth(rng, 80, 130)
    time = 0.0
    while time < seconds:
        chord = _chord(rng)
        basses, upper = chord[:2], chord[2:]
        for index in range(8):
            chosen = [basses[(index // 2) % 2]] if index % 2 == 0 else []
            if index % 2 or rng.random() < 0.3:
                chosen.append(upper[rng.integers(len(upper))])
            for number, fret in chosen:
                notes.append(Note(number, fret, time, 6 * step, _velocity(rng, 0.6)))
            time += step * float(rng.choice((1, 1, 2)))
    return notes


def lead(rng: np.random.Generator, guitar: Guitar, seconds: float) -> list[Note]:
    """A melody high on the neck: steps and leaps, bends, releases, vibrato, breaths."""
    notes, step = [], _sixteenth(rng, 70, 150)
    position, scale = int(rng.integers(7, 16)), _scale_frets(rng, 12)
    ladder = _ladder(guitar, scale, position, strings=(3, 2, 1))
    place, time = int(rng.integers(len(ladder))), 0.0
    while time < seconds:
        length = step * float(rng.choice((1, 1, 2, 2, 3, 4, 4, 6)))
        number, fret = ladder[place]
        bend: tuple[tuple[float, float], ...] = ()
        if length >= 2 * step and rng.random() < 0.7:
            high, rise = float(rng.choice((1.0, 2.0, 2.0, 3.0))), min(float(rng.uniform(0.08, 0.3)), 0.4 * length)
            bend = ((0.1 * length, 0.0), (0.1 * length + rise, high))
            if rng.random() < 0.35:
                bend += ((0.6 * length, high), (0.6 * length + rise, 0.0))
        vibrato = float(rng.uniform(0.15, 0.6)) if length >= 4 * step and rng.random() < 0.6 else 0.0
        notes.append(
            Note(number, fret, time, 0.98 * length, _velocity(rng, 0.8), bend=bend, vibrato=vibrato,
                 vibrato_hz=float(rng.uniform(4.5, 6.5)))
        )  # fmt: skip
        place = int(np.clip(place + rng.choice((-3, -2, -1, -1, 1, 1, 2, 4)), 0, len(ladder) - 1))
        time += length + (2 * step if rng.random() < 0.12 else 0.0)
    return notes


def run(rng: np.random.Generator, guitar: Guitar, seconds: float) -> list[Note]:
    """Scales in even fast notes over the whole neck, up to the highest frets."""
    notes, step = [], _sixteenth(rng, 90, 165)
    scale = _scale_frets(rng, 12)
    time = 0.0
    while time < seconds:
        ladder = _ladder(guitar, scale, int(rng.integers(0, 18)), strings=(6, 5, 4, 3, 2, 1))
        if rng.random() < 0.5:
            ladder = ladder[::-1]
        first = int(rng.integers(0, max(1, len(ladder) - 8)))
        mute = float(rng.choice((0.0, 0.0, 0.4)))
        for number, fret in ladder[first : first + int(rng.integers(6, 13))]:
            notes.append(Note(number, fret, time, 0.96 * step, _velocity(rng, 0.75), palm_mute=mute))
            time += step
        time += step * float(rng.choice((0, 0, 2)))
    return notes


def tremolo(rng: np.random.Generator, guitar: Guitar, seconds: float) -> list[Note]:
    """One string picked as fast as it goes, the pitch changing every few strokes."""
    notes, step = [], float(1 / rng.uniform(11.0, 15.0))
    scale, number = _scale_frets(rng, 14), int(rng.integers(1, 6))
    time = 0.0
    while time < seconds:
        fret = int(rng.choice(scale)) + 3
        for _ in range(int(rng.choice((4, 6, 8, 12)))):
            notes.append(Note(number, fret, time, step, _velocity(rng, 0.7)))
            time += step
    return notes


def decay(rng: np.random.Generator, guitar: Guitar, seconds: float) -> list[Note]:
    """Single notes and chords struck once and left to die away."""
    notes, time = [], 0.0
    while time < seconds:
        length = float(rng.uniform(1.6, 3.2))
        velocity = _velocity(rng, 0.85)
        if rng.random() < 0.5:
            for place, (number, fret) in enumerate(_chord(rng)):
                notes.append(Note(number, fret, time + 0.006 * place, length - 0.3, velocity))
        else:
            notes.append(Note(int(rng.integers(1, 7)), int(rng.integers(0, 20)), time, length - 0.3, velocity))
        time += length
    return notes


Style = Callable[[np.random.Generator, Guitar, float], list[Note]]


def phrase(style: Style, rng: np.random.Generator, guitar: Guitar, seconds: float) -> list[Note]:
    """A phrase of ``style``, played by a person: begins after 10 to 60 ms, with the timing of a hand."""
    lead_in = min(float(rng.uniform(0.01, 0.06)), 0.1 * seconds)
    notes = [replace(note, start=note.start + lead_in) for note in style(rng, guitar, seconds)]
    return [note for note in humanise(notes, rng) if note.start < seconds]


def _sixteenth(rng: np.random.Generator, slowest: float, fastest: float) -> float:
    """Seconds of a sixteenth note at a tempo drawn from ``slowest`` to ``fastest`` beats a minute."""
    return float(15 / rng.uniform(slowest, fastest))


def _rhythm(rng: np.random.Generator) -> tuple[int, ...]:
    return RHYTHMS[rng.integers(len(RHYTHMS))]


def _velocity(rng: np.random.Generator, middle: float) -> float:
    return float(np.clip(rng.normal(middle, 0.15), 0.12, 1.0))


def _scale_frets(rng: np.random.Generator, highest: int) -> list[int]:
    scale = SCALES[rng.integers(len(SCALES))]
    return [12 * octave + step for octave in range(2) for step in scale if 12 * octave + step <= highest]


def _fifth(
    rng: np.random.Generator, guitar: Guitar, fret: int, start: float, duration: float, palm_mute: float
) -> list[Note]:
    """Root, fifth and sometimes octave on the three lowest strings, whatever their tuning."""
    root = guitar.tuning[0] + fret
    velocity = _velocity(rng, 0.65)
    notes = []
    for place, semitones in enumerate((0, 7, 12)[: int(rng.choice((2, 3)))]):
        number = len(guitar.tuning) - place
        at = root + semitones - guitar.tuning[place]
        notes.append(Note(number, at, start + 0.003 * place, 0.96 * duration, velocity, palm_mute=palm_mute))
    return notes


def _struck(shape: tuple[int | None, ...], fret: int = 0) -> list[tuple[int, int]]:
    """The sounding strings of a chord shape moved up to ``fret``, from low to high, as (string, fret)."""
    return [(len(shape) - place, fret + at) for place, at in enumerate(shape) if at is not None]


def _chord(rng: np.random.Generator) -> list[tuple[int, int]]:
    if rng.random() < 0.5:
        return _struck(OPEN_CHORDS[rng.integers(len(OPEN_CHORDS))])
    return _struck(MOVABLE_CHORDS[rng.integers(len(MOVABLE_CHORDS))], int(rng.integers(1, 13)))


def _ladder(guitar: Guitar, scale: list[int], position: int, strings: tuple[int, ...]) -> list[tuple[int, int]]:
    """The scale's notes within five frets of ``position``, from low to high, as (string, fret)."""
    key = (guitar.tuning[0] + position) % 12
    steps = {(key + step) % 12 for step in scale}
    return [
        (number, fret)
        for number in strings
        for fret in range(position, min(position + 5, guitar.frets + 1))
        if (guitar.tuning[len(guitar.tuning) - number] + fret) % 12 in steps
    ]
