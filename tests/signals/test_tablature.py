import numpy as np
import pytest

from drywet.errors import SignalError
from drywet.signals.tablature import humanise, read_tab


def test_a_tab_is_read_stroke_by_stroke():
    notes, length = read_tab("6.0m:2 r 5.3+4.5:3", 0.1, strum_s=0.008)
    assert length == pytest.approx(0.6)
    assert [(n.string, n.fret, n.palm_mute) for n in notes] == [(6, 0, 1.0), (5, 3, 0.0), (4, 5, 0.0)]
    np.testing.assert_allclose([n.start for n in notes], [0.0, 0.3, 0.302])


def test_a_bend_mark_ends_at_its_semitones_and_a_release_at_none():
    (bent,), _ = read_tab("3.7b2:4", 0.1)
    (released,), _ = read_tab("3.7u1.5:4", 0.1)
    assert bent.bend[-1][1] == 2.0
    assert max(height for _, height in released.bend) == 1.5
    assert released.bend[-1][1] == 0.0


def test_a_ringing_note_lasts_to_the_end_of_the_score():
    notes, length = read_tab("5.0~ 4.2 3.2", 0.5)
    assert notes[0].start + notes[0].duration == pytest.approx(length)
    assert notes[1].duration < 0.5


def test_accents_are_louder_and_dead_notes_are_short():
    (plain, accent, soft, dead), _ = read_tab("6.0 6.0> 6.0< 6.0x", 0.2)
    assert soft.velocity < plain.velocity < accent.velocity
    assert dead.duration < 0.05


@pytest.mark.parametrize("text", ["6", "6.0:x", "6.0q", "6.0m:2:3", "a.0"])
def test_what_is_no_tablature_is_refused(text):
    with pytest.raises(SignalError, match="tablature"):
        read_tab(text, 0.1)


def test_a_human_is_early_or_late_by_a_few_milliseconds_only():
    notes, _ = read_tab("6.0 " * 500, 0.1)
    played = humanise(notes, np.random.default_rng(1))
    off = np.array([after.start - before.start for before, after in zip(notes, played, strict=True)])
    assert np.abs(off).max() < 0.00801
    assert np.std(off) == pytest.approx(0.004, rel=0.2)
    assert all(0 < note.velocity <= 1 for note in played)
