"""The capture signal: what is played through a real device to learn it, measure it and test the copy, in one go.

It has what the training track has (its sweeps, noise and guitar styles), and besides: multitones, a validation part and a
test part of other music, a passage that occurs twice, and pauses between the roles. The training track stays as it is,
because published scores of the virtual circuit rest on its samples, where validation and test are files of their own.
"""

import numpy as np

from drywet.errors import SignalError
from drywet.signals.riffs import TEST_RIFFS, VALIDATION, perform
from drywet.signals.tones import fade, multitone, sample_count
from drywet.signals.training_track import (
    FADE_S,
    NOISE_DBFS,
    SWEEP_DBFS,
    Planned,
    Section,
    draw_passages,
    lay_out,
    noise_ramp,
    planned_passages,
    sweep_at,
    two_clicks,
)

SHORTEST_SECONDS, LONGEST_SECONDS = 20.0, 3600.0
LOUDEST_DBFS = NOISE_DBFS[1]  # peak of the loudest parts as they are made; all are scaled together
QUIETEST_PEAK_DBFS = -40.0
MULTITONE_DBFS = (-30.0, -15.0, -3.0)
MULTITONE_HZ = tuple(round(hz) for hz in np.geomspace(61, 9_973, 24))
REPEATED = "chords"  # of the test riffs: loud strokes that ring out, so that noise is heard at every level

PLAN = (
    Planned("clicks", 1.5, "latency: two single samples, at a third and two thirds of the section"),
    Planned("silence", 2.5, "noise floor and hum before the device has warmed to the signal"),
    *(Planned(f"sweep {level:g} dBFS", 4.0, "every frequency, at this peak level", "train") for level in SWEEP_DBFS),
    *(
        Planned(f"multitone {level:g} dBFS", 3.0, "many tones at once, at this peak level: intermodulation", "train")
        for level in MULTITONE_DBFS
    ),
    Planned("white noise ramp", 6.0, "broadband, from the noise floor to full drive; small signals", "train"),
    Planned("pink noise ramp", 6.0, "the same with the slope of music", "train"),
    Planned("pause before the guitar", 0.5, "decay of the loudest noise in the device; silence is learnt too", "train"),
    *planned_passages(3.5, "train"),
    Planned("pause after train", 0.5, "no sample that training hears reaches into validation"),
    *(Planned(f"validation riff {n + 1}", 3.0, "chooses the best model", "validation") for n in range(len(VALIDATION))),
    Planned("pause after validation", 0.5, "no sample that validation hears reaches into the test"),
    *(Planned(f"{name} riff", 4.0, "scores the model on music it never heard", "test") for name in TEST_RIFFS),
    Planned(
        f"{REPEATED} riff again", 4.0,
        "the same samples twice: what differs in wet is noise, which no model can predict (the noise-limited best ESR)",
        "test",
    ),
    Planned("closing silence", 4.5, "decay of the last chord in the device, and its noise floor once more"),
    Planned("closing clicks", 1.5, "latency again: a difference from the first clicks is drift of the clocks"),
)  # fmt: skip


def capture_sections(seconds: float = 180.0) -> list[Section]:
    """The parts of :func:`capture_signal` in their order, without gaps, with the reason and the role of each.

    They depend on nothing but the length, so a file tells its parts by its length alone.

    Raises
    ------
    SignalError
        If ``seconds`` is not from 20 to 3600.
    """
    if not SHORTEST_SECONDS <= seconds <= LONGEST_SECONDS:
        raise SignalError(
            f"a capture signal is {SHORTEST_SECONDS:g} to {LONGEST_SECONDS:g} s long, not {seconds:g} s; below that its "
            "sections would hold no phrase"
        )
    return lay_out(PLAN, seconds)


def capture_roles(sections: list[Section]) -> dict[str, tuple[float, float]]:
    """From where to where each role goes, in s: ``{"train": (4.0, 136.0), "validation": ..., "test": ...}``.

    Clicks, silence and pauses at the edges belong to none.
    """
    roles: dict[str, tuple[float, float]] = {}
    for section in sections:
        if section.role:
            roles[section.role] = (roles.get(section.role, (section.start_s, 0))[0], section.stop_s)
    return roles


def capture_signal(
    sample_rate: int = 44_100, seconds: float = 180.0, seed: int = 25, *, peak_dbfs: float = LOUDEST_DBFS
) -> np.ndarray:
    """Signal to play through a device, float32 of shape (round(seconds * sample_rate),).

    Its parts are those of :func:`capture_sections`. The seed draws the noise and the guitar phrases for training;
    validation and test are the riffs written for them, always the same. ``peak_dbfs`` is the level of the loudest
    sample; the levels in the sections' names hold at -3 and move with it.

    Raises
    ------
    SignalError
        If the length or the peak is impossible.
    """
    if not QUIETEST_PEAK_DBFS <= peak_dbfs <= 0:
        raise SignalError(f"the peak is {QUIETEST_PEAK_DBFS:g} to 0 dBFS, not {peak_dbfs:g}")
    sections = capture_sections(seconds)
    samples = np.zeros(sample_count(seconds, sample_rate), np.float32)
    phrase_seconds = next(section.stop_s - section.start_s for section in sections if "guitar" in section.name)
    passages = iter(draw_passages(phrase_seconds, seed))
    validation = iter(VALIDATION)
    riffs: dict[str, np.ndarray] = {}
    for index, section in enumerate(sections):
        first, stop = round(section.start_s * sample_rate), round(section.stop_s * sample_rate)
        length = (stop - first) / sample_rate
        what, _, level = section.name.removesuffix(" dBFS").rpartition(" ")
        part: np.ndarray | float
        if "clicks" in section.name:
            part = two_clicks(length, sample_rate)
        elif "silence" in section.name or "pause" in section.name:
            part = 0.0
        elif what == "sweep":
            part = sweep_at(float(level), length, sample_rate)
        elif what == "multitone":
            part = _multitone(float(level), length, sample_rate)
        elif "noise" in section.name:
            part = noise_ramp(section.name.split()[0], length, sample_rate, seed + index)
        elif "guitar" in section.name:
            passage = next(passages)
            part = perform(passage.guitar, passage.notes, length, sample_rate, passage.peak, seed + index)
        elif section.role == "validation":
            part = next(validation).signal(length, sample_rate)
        elif section.name.endswith("again"):
            # Rounding may give this place a sample more or less; a riff ends in zeros.
            part = np.resize(np.append(riffs[REPEATED], np.float32(0)), stop - first)
        else:
            part = riffs[what] = TEST_RIFFS[what].signal(length, sample_rate)
        samples[first:stop] = part
    return np.clip(samples * np.float32(10 ** ((peak_dbfs - LOUDEST_DBFS) / 20)), -1, 1)


def _multitone(level_db: float, seconds: float, sample_rate: int) -> np.ndarray:
    tones = [hz for hz in MULTITONE_HZ if hz < 0.45 * sample_rate]
    samples = fade(multitone(tones, seconds, sample_rate).astype(np.float64), FADE_S, sample_rate)
    return (samples * (10 ** (level_db / 20) / np.abs(samples).max())).astype(np.float32)
