"""What the figures of a clip show, from signals whose figure can be worked out by hand."""

import numpy as np
import pytest

from drywet.report.harmonics import partials, steadiest_note
from drywet.report.spectra import draw_spectra, draw_spectrograms, spectrogram_db
from drywet.report.transfer import draw_transfer, level_db, median_in_steps
from drywet.report.waveforms import Waveforms, draw_waveforms

RATE = 44_100


def tone(frequency, amplitudes, seconds=0.5):
    t = np.arange(round(seconds * RATE)) / RATE
    return sum(a * np.sin(2 * np.pi * frequency * k * t) for k, a in enumerate(amplitudes, 1))


def test_a_sine_of_full_scale_is_0_db_in_its_band_and_in_no_other():
    edges = np.geomspace(40, 20_000, 65)
    levels = spectrogram_db(tone(1001.3, [1.0]), RATE, edges)
    band = int(np.searchsorted(edges, 1001.3)) - 1
    assert levels[band] == pytest.approx(0, abs=1.5)  # between two bins a Hann window loses up to 1.4 dB
    far = np.abs(np.arange(len(levels)) - band) > 3
    assert levels[far].max() < -60


def test_the_static_curve_of_a_clipper_is_that_clipper():
    dry = np.random.default_rng(3).uniform(-1, 1, 50_000)
    steps = np.linspace(-1, 1, 41)
    middles, (low, median, high) = median_in_steps(dry, np.tanh(3 * dry), steps)
    np.testing.assert_allclose(median, np.tanh(3 * middles), atol=0.02)
    assert (low <= median).all()
    assert (median <= high).all()


def test_steps_that_hardly_hold_a_value_are_left_out():
    x = np.concatenate([np.full(100, 0.5), [1.5]])
    middles, _ = median_in_steps(x, x, np.array([0.0, 1.0, 2.0]))
    assert middles.tolist() == [0.5]


def test_a_sine_of_full_scale_has_3_db_less_rms():
    assert level_db(tone(1000, [1.0]), RATE) == pytest.approx(-3.01, abs=0.01)


def test_partials_are_found_with_their_amplitudes():
    planted = [0.5, 0.0, 0.05, 0.001]
    amplitudes, left = partials(tone(196.4, planted, 0.093), 196.4, RATE)
    np.testing.assert_allclose(amplitudes[:4], planted, atol=1e-9)
    assert left == pytest.approx(0, abs=1e-12)


def test_the_steady_note_is_taken_not_the_chord_beside_it():
    note = tone(220.0, [0.4, 0.2])
    chord = tone(220.0, [0.4]) + tone(277.2, [0.4]) + tone(329.6, [0.4]) + tone(415.3, [0.4])
    dry = np.concatenate([chord, note, chord]).astype(np.float32)
    found = steadiest_note(Waveforms(dry, np.tanh(2 * dry), dry, RATE))
    assert found.frequency_hz == pytest.approx(220, abs=0.2)
    assert 0.5 <= found.start_s <= 0.91
    assert found.levels_db["dry"][:2] == pytest.approx([-7.96, -13.98], abs=0.05)  # 0.4 and 0.2


def test_noise_holds_no_note():
    noise = np.random.default_rng(1).standard_normal(RATE).astype(np.float32)
    assert steadiest_note(Waveforms(noise, noise, noise, RATE)) is None


@pytest.mark.parametrize("length", [1, 600])
def test_the_shortest_clips_are_drawn_too(length):
    click = np.eye(1, length)[0].astype(np.float32)
    waves = Waveforms(click, click, 0 * click, RATE)
    for draw in (draw_waveforms, draw_spectra, draw_spectrograms, draw_transfer):
        assert draw(waves).axes
    assert steadiest_note(waves) is None
