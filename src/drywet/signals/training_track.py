"""The training track: what a pedal is sent so that a model can learn it.

Clicks show latency and drift, silence the noise floor, sweeps and noise the whole band at every level, and random
guitar phrases the statistics of what will be played.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from drywet.errors import SignalError
from drywet.signals import phrases
from drywet.signals.guitar import Guitar, Note
from drywet.signals.riffs import perform
from drywet.signals.tones import clicks, fade, noise, ramp_db, sample_count, sweep

SHORTEST_SECONDS = 4.0
CLICK_VOLTS = 0.5
SWEEP_DBFS = (-30.0, -20.0, -10.0, -3.0)
SWEEP_HZ = (20.0, 20_000.0)  # the upper end at most 0.45 times the sample rate
NOISE_DBFS = (-60.0, -3.0)  # peak at the beginning and the end of a ramp
FADE_S = 0.005

BRIGHT = Guitar(
    a4_hz=440.0, pick_position=0.11, pickup_position=0.073, pickup_resonance_hz=4600, pickup_q=2.2,
    pick_cutoff_hz=2300, pick_noise=0.04, sustain_s=8.0,
)  # fmt: skip
WARM = Guitar(
    a4_hz=440.5, pick_position=0.18, pickup_position=0.225, pickup_resonance_hz=3200, pickup_q=1.3,
    pick_cutoff_hz=1500, pick_noise=0.025, sustain_s=10.5,
)  # fmt: skip
MIDDLE = Guitar(
    a4_hz=439.8, pick_position=0.15, pickup_position=0.145, pickup_resonance_hz=5000, pickup_q=1.8,
    pick_cutoff_hz=1800, pick_noise=0.04, sustain_s=8.7,
)  # fmt: skip
DROP_D = Guitar(
    tuning=(38, 45, 50, 55, 59, 64), a4_hz=440.2, pick_position=0.085, pickup_position=0.065,
    pickup_resonance_hz=3000, pickup_q=1.2, pick_cutoff_hz=2200, pick_noise=0.06, sustain_s=7.5,
)  # fmt: skip
DROP_C = Guitar(
    tuning=(36, 43, 48, 53, 57, 62), a4_hz=439.7, pick_position=0.10, pickup_position=0.05,
    pickup_resonance_hz=3500, pickup_q=1.05, pick_cutoff_hz=2400, pick_noise=0.05, sustain_s=8.5,
    inharmonicity=(1.1e-4, 7.5e-5, 5.5e-5, 7.4e-5, 5.8e-5, 1.9e-5),
)  # fmt: skip
GUITARS = {"bright": BRIGHT, "warm": WARM, "middle": MIDDLE, "drop D": DROP_D, "drop C": DROP_C}

# style, guitar, peak in dBFS: every style at three levels, soft, medium and loud spread over the track
PASSAGES = (
    (phrases.chug, "drop D", -12), (phrases.arpeggio, "warm", -18), (phrases.lead, "bright", -6),
    (phrases.strum, "middle", -9), (phrases.fifths, "drop C", -3), (phrases.run, "warm", -24),
    (phrases.picking, "bright", -15), (phrases.decay, "middle", -6), (phrases.tremolo, "drop D", -12),
    (phrases.lead, "warm", -21), (phrases.chug, "drop C", -4), (phrases.picking, "middle", -27),
    (phrases.strum, "bright", -18), (phrases.run, "bright", -3), (phrases.decay, "warm", -15),
    (phrases.fifths, "middle", -14), (phrases.arpeggio, "bright", -9), (phrases.tremolo, "warm", -30),
    (phrases.chug, "bright", -24), (phrases.lead, "middle", -12), (phrases.strum, "warm", -28),
    (phrases.picking, "warm", -6), (phrases.run, "drop C", -10), (phrases.fifths, "drop D", -20),
    (phrases.arpeggio, "middle", -30), (phrases.tremolo, "bright", -5), (phrases.decay, "drop C", -3),
)  # fmt: skip


class Planned(NamedTuple):
    """A part of a signal to be made; its length counts in proportion to the others."""

    name: str
    length: float
    reason: str
    role: str = ""


class Section(NamedTuple):
    """A part of a signal, why it is there, and its role in a dataset: train, validation, test, or none."""

    name: str
    start_s: float
    stop_s: float
    reason: str
    role: str = ""


class Passage(NamedTuple):
    """What the guitar plays in one section."""

    guitar: Guitar
    notes: list[Note]
    peak: float  # V


def training_passages(seconds: float = 180.0, seed: int = 25) -> list[Passage]:
    """The scores of :func:`training_track`, in the order of its guitar sections."""
    length = next(part.stop_s - part.start_s for part in training_sections(seconds) if "guitar" in part.name)
    return draw_passages(length, seed)


def draw_passages(seconds: float, seed: int) -> list[Passage]:
    """A phrase of ``seconds`` for each of :data:`PASSAGES`, drawn from ``seed``."""
    return [
        Passage(
            GUITARS[name],
            phrases.phrase(style, np.random.default_rng([seed, index]), GUITARS[name], seconds),
            10 ** (level / 20),
        )
        for index, (style, name, level) in enumerate(PASSAGES)
    ]


def planned_passages(length: float, role: str = "") -> list[Planned]:
    """The guitar sections of a plan, each of ``length``."""
    return [
        Planned(f"{style.__name__}, {guitar} guitar, {level} dBFS", length, _first_line(style), role)
        for style, guitar, level in PASSAGES
    ]


def training_sections(seconds: float = 180.0) -> list[Section]:
    """The parts of :func:`training_track` in their order, without gaps, with the reason for each."""
    if not seconds >= SHORTEST_SECONDS:
        raise SignalError(
            f"a training track of {seconds} s is too short for its sections; ask for {SHORTEST_SECONDS:.0f} s or more"
        )
    return lay_out(
        [
            Planned("clicks", 1.5, "latency: two single samples, at a third and two thirds of the section"),
            Planned("silence", 2.5, "noise floor and hum"),
            *(
                Planned(f"sweep {level:g} dBFS", 5.0, "every frequency, at this peak level")
                for level in SWEEP_DBFS
            ),
            Planned(
                "white noise ramp", 9.0,
                "broadband, from the noise floor to full drive; small signals and high frequencies",
            ),
            Planned("pink noise ramp", 9.0, "the same with the slope of music"),
            *planned_passages(4.9),
            Planned("closing silence", 4.2, "decay of the last phrase in the device, and its noise floor once more"),
            Planned("closing clicks", 1.5, "latency again: a difference from the first clicks is drift of the clocks"),
        ],
        seconds,
    )  # fmt: skip


def lay_out(plan: Sequence[Planned], seconds: float) -> list[Section]:
    """The parts of ``plan`` one after another, without gaps, in proportion to fill ``seconds``."""
    scale = seconds / sum(part.length for part in plan)
    edges = np.cumsum([0.0, *(part.length * scale for part in plan)]).round(9)
    edges[-1] = seconds
    return [
        Section(part.name, float(start), float(stop), part.reason, part.role)
        for part, start, stop in zip(plan, edges[:-1], edges[1:], strict=True)
    ]


def training_track(sample_rate: int = 44_100, seconds: float = 180.0, seed: int = 25) -> np.ndarray:
    """Signal to send through a device so that a model can learn it, float32 of shape (round(seconds * sample_rate),).

    Its parts are those of :func:`training_sections`, in proportion for any length. The seed draws the phrases and the
    noise; levels, sweeps, clicks and silence stay. Every guitar passage peaks at the level in its name, the loudest at
    -3 dBFS, so nothing clips.
    """
    samples = np.zeros(sample_count(seconds, sample_rate), np.float32)
    passages = iter(training_passages(seconds, seed))
    levels = iter(SWEEP_DBFS)
    for index, section in enumerate(training_sections(seconds)):
        first, stop = round(section.start_s * sample_rate), round(section.stop_s * sample_rate)
        length = (stop - first) / sample_rate
        part: np.ndarray | float
        if "clicks" in section.name:
            part = two_clicks(length, sample_rate)
        elif "silence" in section.name:
            part = 0.0
        elif section.name.startswith("sweep"):
            part = sweep_at(next(levels), length, sample_rate)
        elif "noise" in section.name:
            part = noise_ramp(section.name.split()[0], length, sample_rate, seed + index)
        else:
            passage = next(passages)
            part = perform(passage.guitar, passage.notes, length, sample_rate, passage.peak, seed + index)
        samples[first:stop] = part
    return samples


def two_clicks(seconds: float, sample_rate: int) -> np.ndarray:
    """Single samples at a third and two thirds of ``seconds``."""
    return clicks((seconds / 3, 2 * seconds / 3), seconds, sample_rate, amplitude=CLICK_VOLTS)


def sweep_at(level_db: float, seconds: float, sample_rate: int) -> np.ndarray:
    """A sweep over SWEEP_HZ that peaks at ``level_db`` dBFS."""
    highest = min(SWEEP_HZ[1], 0.45 * sample_rate)
    return sweep(SWEEP_HZ[0], highest, seconds, sample_rate, amplitude=10 ** (level_db / 20), fade_seconds=FADE_S)


def noise_ramp(color: str, seconds: float, sample_rate: int, seed: int) -> np.ndarray:
    """Noise whose peak rises by a straight line in dB between NOISE_DBFS."""
    samples = noise(seconds, sample_rate, color=color, seed=seed).astype(np.float64)
    ramped = samples * ramp_db(NOISE_DBFS[0] - NOISE_DBFS[1], 0.0, seconds, sample_rate)
    ramped = fade(ramped, FADE_S, sample_rate)
    return (ramped * (10 ** (NOISE_DBFS[1] / 20) / np.abs(ramped).max())).astype(np.float32)


def _first_line(style: phrases.Style) -> str:
    return (style.__doc__ or "").partition("\n")[0]
