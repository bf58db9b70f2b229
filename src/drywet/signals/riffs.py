"""Fixed scores: six test riffs and a validation riff, written for drywet.

Every one has a guitar of its own (strings, pickup, pick, concert pitch). No figure of eight strokes, in any key or
rhythm, occurs in the training track of the default seed; the tests compare the scores and the sound.
"""

from dataclasses import dataclass, replace

import numpy as np

from drywet.errors import SignalError
from drywet.signals.guitar import DAMPED_TAIL_S, Guitar, Note, play
from drywet.signals.tablature import humanise, read_tab
from drywet.signals.tones import fade, sample_count

LEAD_IN_S = 0.05  # silence before the first note
EDGE_FADE_S = 0.005


@dataclass(frozen=True)
class Riff:
    """A score, the guitar it is played on, and how loud."""

    guitar: Guitar
    tab: str
    step_s: float  # s
    peak: float  # V
    seed: int
    velocity: float = 0.75
    strum_s: float = 0.012

    def notes(self, seconds: float) -> list[Note]:
        """The score from its beginning, again from its beginning until ``seconds`` are filled."""
        written, length = read_tab(self.tab, self.step_s, velocity=self.velocity, strum_s=self.strum_s)
        rounds = int(np.ceil(seconds / length))
        notes = [replace(note, start=note.start + i * length + LEAD_IN_S) for i in range(rounds) for note in written]
        return humanise(notes, np.random.default_rng(self.seed))

    def signal(self, seconds: float, sample_rate: int) -> np.ndarray:
        """The riff as voltage, float32 of shape (T,), its largest sample ``peak``."""
        return perform(self.guitar, self.notes(seconds), seconds, sample_rate, self.peak, self.seed)


def perform(guitar: Guitar, notes: list[Note], seconds: float, sample_rate: int, peak: float, seed: int) -> np.ndarray:
    """``notes`` within ``seconds``: damped before the end, faded there, and scaled to ``peak`` V; float32 (T,)."""
    last = max(seconds - DAMPED_TAIL_S, 0.3 * seconds)  # all strings are damped from here on
    fitting = [replace(note, duration=min(note.duration, last - note.start)) for note in notes if note.start < last]
    if not fitting:
        raise SignalError(f"no note of the score begins within {seconds:.3f} s; ask for 1 s or more")
    samples = play(guitar, fitting, sample_rate, seed, seconds=sample_count(seconds, sample_rate) / sample_rate)
    samples = fade(samples.astype(np.float64), EDGE_FADE_S, sample_rate)
    return (samples * (peak / np.abs(samples).max())).astype(np.float32)


GALLOP = Riff(
    # F sharp minor on the low string, 16ths at 176 beats a minute: eighth and two 16ths, palm-muted
    Guitar(
        a4_hz=441.7,
        pick_position=0.09,
        pickup_position=0.062,
        pickup_resonance_hz=3300,
        pickup_q=1.1,
        pick_cutoff_hz=1900,
        pick_noise=0.05,
        sustain_s=7.5,
        output=0.3,
    ),
    """
    6.2m>:2 6.2m 6.2m 6.2m:2 6.2m 6.2m 6.5m>:2 6.5m 6.5m 6.4m:2 6.4m 6.4m
    6.2m>:2 6.2m 6.2m 6.2m:2 6.2m 6.2m 6.2+5.4>:2 6.1+5.3:2 6.4+5.6:4
    6.2m>:2 6.2m 6.2m 5.2m:2 5.2m 5.2m 5.5m>:2 5.5m 5.5m 5.4m:2 5.4m 5.4m
    6.7m>:2 6.7m 6.7m 6.7m:2 6.5m 6.7m 6.9+5.11>:3 6.7+5.9:3 6.5+5.7:2
    6.2m>:2 6.2m 6.2m 6.0m:2 6.0m 6.2m 6.4m>:2 6.4m 6.4m 6.5m:2 6.5m 6.4m
    6.2m>:2 6.2m 6.2m 6.9m:2 6.9m 6.9m 6.10m>:2 6.9m 6.7m 6.5m:2 6.4m 6.1m
    6.2+5.4+4.4>:6 r:2 6.1m:2 6.1m 6.1m 6.5+5.7+4.7>:4
    """,
    step_s=60 / 176 / 4,
    peak=0.36,
    seed=1101,
    velocity=0.78,
    strum_s=0.006,
)

ARPEGGIO = Riff(
    # B minor ninths and relatives, eighths at 72, every string left to ring
    Guitar(
        a4_hz=438.9,
        pick_position=0.21,
        pickup_position=0.235,
        pickup_resonance_hz=4300,
        pickup_q=1.7,
        pick_cutoff_hz=1900,
        pick_noise=0.03,
        sustain_s=6.0,
        inharmonicity=(7.1e-5, 5.0e-5, 4.1e-5, 6.4e-5, 3.5e-5, 1.1e-5),
        output=0.25,
    ),
    """
    5.2~> 4.4~ 3.2~ 1.2~ 2.2~< 3.6~ 1.5~> 2.2~<
    6.3~> 4.4~< 3.4~ 2.3~ 1.2~> 2.3~< 3.4~< 1.7~
    5.5~> 4.4~ 3.4~< 1.3~ 2.5~> 3.4~< 4.7~ 2.8~
    6.2~> 5.4~ 4.2~< 3.3~ 2.5~ 1.2~> 2.2~<:2
    """,
    step_s=60 / 72 / 2,
    peak=0.19,
    seed=1102,
    velocity=0.6,
)

LEAD = Riff(
    # C sharp minor from the 9th to the 21st fret, at 92: bends, releases, vibrato
    Guitar(
        a4_hz=442.3,
        pick_position=0.17,
        pickup_position=0.079,
        pickup_resonance_hz=2900,
        pickup_q=1.3,
        pick_cutoff_hz=1400,
        sustain_s=9.5,
        output=0.3,
    ),
    """
    3.11b2v:4 2.9 2.12 1.9 1.12u2:3 2.12v:4 1.16b1v:4 1.12 2.14 2.12p2:3 3.11v:3 r
    2.17 1.16 1.19 1.21b2v:6 1.19 1.16 2.17u2:3 3.13 4.14 4.11v:4
    3.9 3.11 2.10 3.13 2.12 2.14 1.11 2.12 1.12 1.14b2:4 1.12p1:4 2.14v:8
    """,
    step_s=60 / 92 / 4,
    peak=0.30,
    seed=1103,
    velocity=0.85,
)

CHORDS = Riff(
    # open chords in E major with its neighbours, strummed down and up in a shuffle at 104
    Guitar(
        a4_hz=439.4,
        pick_position=0.19,
        pickup_position=0.155,
        pickup_resonance_hz=5200,
        pickup_q=2.0,
        pick_cutoff_hz=1700,
        pick_noise=0.03,
        sustain_s=8.0,
        inharmonicity=(9.3e-5, 6.2e-5, 5.0e-5, 1.3e-4, 4.6e-5, 1.6e-5),
        output=0.22,
    ),
    """
    6.0>+5.2+4.2+3.1+2.0+1.0:6 1.0<+2.0<+3.1<:2 6.0+5.2+4.2+3.1+2.0:4 1.0<+2.0<+3.1<:2 6.0<+5.2<:2
    5.0>+4.2+3.2+2.2+1.0:6 1.0<+2.2<+3.2<:2 5.0+4.2+3.2+2.2:4 1.4<+2.2<+3.2<:4
    6.2>+5.4+4.4+3.3+2.0+1.0:6 5.2>+4.1+3.2+2.0+1.2:6 1.2<+2.0<+3.2<:4
    6.4>+5.2+4.2+3.1+2.0+1.0:4 5.4>+4.2+3.1+2.0+1.0:4 5.0>+4.2+3.2+2.2+1.0:4 1.2<+2.4<+3.2<:4
    6.0x+5.0x+4.0x:2 6.0>+5.2+4.2+3.4+2.0+1.0:6 r:2 4.2>+3.4+2.5+1.0:6
    """,
    step_s=60 / 104 / 6,
    peak=0.48,
    seed=1104,
    velocity=0.7,
    strum_s=0.03,
)

DROP = Riff(
    # tuned down to A sharp with the lowest string a whole tone below: one-finger fifths against a muted pedal, at 138
    Guitar(
        tuning=(34, 41, 46, 51, 55, 60),
        a4_hz=440.9,
        pick_position=0.075,
        pickup_position=0.055,
        pickup_resonance_hz=3600,
        pickup_q=1.0,
        pick_cutoff_hz=2100,
        pick_noise=0.06,
        sustain_s=8.0,
        inharmonicity=(1.3e-4, 8.5e-5, 6.0e-5, 8.0e-5, 6.5e-5, 2.2e-5),
        output=0.35,
    ),
    """
    6.0m> 6.0m 6.0x 6.0m 6.6+5.6+4.6>:3 6.0m 6.0m 6.5+5.5+4.5:2 6.0m 6.0m 6.8m 6.0m 6.7m
    6.0m> r 6.0m 6.0m 6.3+5.3+4.3>:2 6.0m 6.4+5.4+4.4:2 6.0x 6.0m 6.0m 6.11:2 6.10v:3
    6.0m> 6.0m 5.3m 6.0m 6.0m 5.4m 6.0m 6.0m 5.6m 6.0m 4.5u1:4 6.1+5.1+4.1>:2
    6.0+5.0+4.0>:3 6.1+5.1+4.1:3 6.0m 6.0m 6.0m r 6.13+5.13>:2 6.12+5.12:2 6.0m 6.0m
    6.0m 6.6m 6.0m 6.5m 6.0m 6.0m 6.3m 6.0m 6.1m 6.0m 6.0x 6.0x 6.0+5.0+4.0>:6 r:2
    """,
    step_s=60 / 138 / 4,
    peak=0.42,
    seed=1105,
    velocity=0.8,
    strum_s=0.008,
)

PICKING = Riff(
    # G minor, thumb and fingers at 116 in 16ths, bass notes alternating under a syncopated upper voice
    Guitar(
        a4_hz=438.2,
        pick_position=0.26,
        pick_spread=0.03,
        pickup_position=0.19,
        pickup_resonance_hz=4800,
        pickup_q=2.3,
        pick_cutoff_hz=2000,
        pick_noise=0.02,
        sustain_s=4.0,
        inharmonicity=(7.6e-5, 5.2e-5, 4.3e-5, 9.0e-5, 3.8e-5, 1.2e-5),
        output=0.25,
    ),
    """
    6.3~>+2.3~:2 3.3~ 2.3< 5.5:2 1.3~ 3.3~ 6.3~:2 2.6~ 3.3 5.5~+1.6~:2 2.3~ 3.3~<
    6.6~>+1.5~>:2 3.7~< 2.6~< 5.8~:2 2.8~ 3.7~ 6.6~:2 1.6~ 2.6~< 4.8~+1.8~:2 3.7~ 2.6~
    5.3~>+2.4~:2 3.5< 1.3 4.5~:2 2.4~ 3.5~< 5.3~:2 1.8~ 2.4~ 4.5~+2.8~:2 3.5 1.6~
    5.5~>+2.7~:2 3.5~< 2.7 4.4~:2 1.5~ 3.5~ 5.5~+1.8~:2 2.7~ 3.5~ 6.5~:2 1.2~ 2.3~<
    6.3>+4.5>+2.3>+1.3>:6 r:2
    """,
    step_s=60 / 116 / 4,
    peak=0.24,
    seed=1106,
    velocity=0.6,
)

TEST_RIFFS = {
    "gallop": GALLOP, "arpeggio": ARPEGGIO, "lead": LEAD, "chords": CHORDS, "drop": DROP, "picking": PICKING,
}  # fmt: skip

VALIDATION = (
    Riff(
        # E flat minor: muted eighths and fifths
        Guitar(
            a4_hz=437.6, tuning=(39, 44, 49, 54, 58, 63), pick_position=0.12, pickup_position=0.07,
            pickup_resonance_hz=3100, pickup_q=1.2, pick_cutoff_hz=1600, pick_noise=0.04, sustain_s=8.2, output=0.3,
        ),
        """
        6.0m> 6.0m 6.3m 6.0m 6.0+5.2>:2 6.7m 6.6m 6.5+5.7:2 6.0m 6.0m 6.8+5.10>:3 6.7m
        5.0m 5.0m 5.3m 5.2m 5.5+4.7>:4 3.5b2v:6 r:2
        """,
        step_s=60 / 127 / 4, peak=0.45, seed=1201,
    ),
    Riff(
        # B flat major sevenths, ringing
        Guitar(
            a4_hz=442.9, pick_position=0.23, pickup_position=0.215, pickup_resonance_hz=4000, pickup_q=1.9,
            pick_cutoff_hz=1500, pick_noise=0.02, sustain_s=10.0, output=0.25,
        ),
        """
        5.1~ 4.3~ 3.2~ 2.3~ 1.5~ 2.3~ 6.6~ 4.7~ 3.7~ 2.6~ 1.10~:2 5.8~+4.10~+3.8~+2.10~:6 r:2
        """,
        step_s=60 / 71 / 4, peak=0.12, seed=1202, velocity=0.5,
    ),
    Riff(
        # A dorian, high, with wide bends, then loud strummed ninths
        Guitar(
            a4_hz=441.2, pick_position=0.155, pickup_position=0.115, pickup_resonance_hz=3500, pickup_q=1.5,
            pick_cutoff_hz=1250, pick_noise=0.035, sustain_s=9.0, output=0.3,
        ),
        """
        1.17b2v:5 1.15 1.14 2.17 2.15u2:4 3.16 3.14 4.16v:4
        5.12+4.11+3.12+2.12:3 5.12<+4.11<+3.12<+2.12<:2 5.14+4.13+3.14+2.14>:5 r:2
        """,
        step_s=60 / 112 / 4, peak=0.28, seed=1203, velocity=0.8, strum_s=0.02,
    ),
)  # fmt: skip


def test_riffs(sample_rate: int = 44_100, seconds: float = 8.0) -> dict[str, np.ndarray]:  # noqa: PT028
    """Six riffs for evaluation: ``gallop, arpeggio, lead, chords, drop, picking``, each float32 of shape (T,).

    They differ in speed and complexity: fast palm-muted gallop, slow ringing arpeggio, bending lead, strummed open
    chords, dense drop-tuned riff, clean picking. Always the same; peaks from 0.19 to 0.48 V, as passive pickups give.
    """
    return {name: riff.signal(seconds, sample_rate) for name, riff in TEST_RIFFS.items()}


test_riffs.__test__ = False  # type: ignore[attr-defined]  # it is no test, whatever pytest takes it for


def validation_riff(sample_rate: int = 44_100, seconds: float = 12.0) -> np.ndarray:
    """Three short pieces of different style and level (0.45, 0.12, 0.28 V peak) one after the other, float32 (T,).

    They share neither guitar nor phrase with the training track or the test riffs.
    """
    edges = np.linspace(0, sample_count(seconds, sample_rate), len(VALIDATION) + 1).round().astype(int)
    lengths = np.diff(edges) / sample_rate
    return np.concatenate([riff.signal(length, sample_rate) for riff, length in zip(VALIDATION, lengths, strict=True)])
