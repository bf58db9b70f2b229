import numpy as np
import pytest

from drywet import measures
from drywet.errors import SignalError
from drywet.signals.riffs import VALIDATION

RATE = 44_100
RNG = np.random.default_rng(13)
STARTS = [4000, 13_000, 17_500, 30_001, 42_123]


def plucks(starts=STARTS, length=50_000, hiss=0.0):
    """Decaying tones that begin at ``starts``, of different pitch and level, ringing into each other."""
    clip = hiss * RNG.standard_normal(length)
    for i, start in enumerate(starts):
        time = np.arange(length - start) / RATE
        partials = sum(np.sin(2 * np.pi * 110 * (1 + i / 4) * n * time) / n for n in range(1, 15))
        clip[start:] += (0.3 + 0.1 * (i % 3)) * np.exp(-6 * time) * partials
    return clip


@pytest.mark.parametrize("hiss", [0.0, 1e-3], ids=["clean", "with hiss"])
def test_planted_notes_are_found_within_two_milliseconds_and_nothing_else(hiss):
    found = measures.onsets(plucks(hiss=hiss), RATE)
    assert len(found) == len(STARTS)
    assert np.abs(found - STARTS).max() < 0.002 * RATE


def test_a_note_that_begins_with_the_clip_counts():
    assert np.abs(measures.onsets(plucks([0, 20_000]), RATE) - [0, 20_000]).max() < 0.002 * RATE


@pytest.mark.parametrize("riff", [0, 1], ids=["muted fifths", "ringing sevenths"])
def test_the_score_of_a_riff_is_read_back_from_its_sound(riff):
    """The score is the origin: its notes are 50 ms apart or belong to one chord."""
    seconds = 3.0
    starts = np.array(sorted(note.start for note in VALIDATION[riff].notes(seconds) if note.start < seconds - 0.2))
    found = measures.onsets(VALIDATION[riff].signal(seconds, RATE), RATE) / RATE
    apart = starts[np.diff(starts, prepend=-1) > 0.05]
    assert all(np.abs(found - start).min() < 0.025 for start in apart)
    assert np.mean([np.abs(starts - time).min() < 0.002 for time in found]) > 0.9


def test_a_steady_tone_and_noise_have_hardly_any():
    tone = np.sin(2 * np.pi * 220 * np.arange(2 * RATE) / RATE)
    assert len(measures.onsets(tone, RATE)) == 1  # its own beginning
    assert len(measures.onsets(RNG.standard_normal(2 * RATE), RATE)) <= 2


def test_an_error_at_the_onsets_counts_fully_and_one_between_them_not_at_all():
    dry = plucks()
    wet = np.tanh(3 * dry)
    begun = measures.onsets(dry, RATE)
    sample = np.arange(len(dry))
    near = ((sample[:, None] >= begun - 88) & (sample[:, None] < begun + 882)).any(1)  # -2 ms to 20 ms
    assert measures.transient_esr(dry, wet, np.where(near, 0.9 * wet, wet), RATE) == pytest.approx(0.01)
    assert measures.esr(wet, np.where(near, 0.9 * wet, wet)) < 0.006
    assert measures.transient_esr(dry, wet, np.where(near, wet, 0), RATE) == 0


def test_energies_are_pooled_over_the_onsets():
    """A fault at one onset weighs with the energy there."""
    dry = plucks([10_000, 35_000])
    wet = np.where(np.arange(len(dry)) < 30_000, dry, 3 * dry)
    predicted = np.where(np.arange(len(dry)) < 30_000, 0, wet)
    begun = measures.onsets(dry, RATE)
    first, second = (np.sum(wet[t - 88 : t + 882] ** 2) for t in begun)
    assert measures.transient_esr(dry, wet, predicted, RATE) == pytest.approx(first / (first + second))


@pytest.mark.parametrize(
    ("dry", "wet", "predicted", "message"),
    [
        (plucks(), plucks(), plucks()[1:], "49999"),
        (plucks()[1:], plucks(), plucks(), r"dry has shape \(49999,\), wet \(50000,\)"),
        (np.zeros(9000), np.ones(9000), np.ones(9000), "dry is silent"),
        (plucks(), np.zeros(50_000), plucks(), "wet is silent"),
        (plucks(), plucks(), np.full(50_000, np.nan), "predicted holds NaN"),
        (np.full(9000, np.nan), np.ones(9000), np.ones(9000), "dry holds NaN"),
        (np.ones(2000), np.ones(2000), np.ones(2000), "50 ms or more"),
        (np.linspace(0, 1, 50_000) ** 2, np.ones(50_000), np.ones(50_000), "no note begins"),
    ],
)
def test_what_has_no_transient_is_refused(dry, wet, predicted, message):
    with pytest.raises(SignalError, match=message):
        measures.transient_esr(dry, wet, predicted, RATE)
