"""Equal loudness, and the anchors of BS.1534-3."""

import numpy as np
import pytest
from scipy.signal import freqz

from drywet.errors import SettingsError, SignalError
from drywet.listening import Item, Sound, match_loudness
from drywet.listening.anchors import low_pass, low_pass_filter

RATE = 48_000


def sounds(*signals):
    return Item("riff", RATE, tuple(Sound(f"sound {i}", "model", signal) for i, signal in enumerate(signals)))


def burst(seconds=1.5, frequency=200.0):
    t = np.arange(round(seconds * RATE)) / RATE
    return np.sin(2 * np.pi * frequency * t) * np.exp(-t)


def test_planted_differences_of_level_and_tone_are_matched_within_a_tenth_of_a_lu():
    """Measured by another program, of sounds of different tone and up to 40 dB apart."""
    meter = pytest.importorskip("pyloudnorm").Meter(RATE)
    tone, dark = burst(), burst(frequency=60.0)
    matched = match_loudness([sounds(tone, 0.1 * tone, dark, 10 * np.tanh(8 * tone), 0.01 * np.sign(tone))])
    loudness = [meter.integrated_loudness(sound.samples.astype(float)) for sound in matched.items[0].sounds]
    np.testing.assert_allclose(loudness, matched.loudness_lufs, atol=0.05)
    assert matched.loudness_lufs == pytest.approx(-23)


def test_a_sound_with_high_peaks_makes_all_quieter_rather_than_clip():
    clicks = 0.02 * burst()
    clicks[:: RATE // 4] = 1.0
    matched = match_loudness([sounds(burst(), clicks), sounds(burst())])
    assert matched.loudness_lufs < -23
    peaks = [np.max(np.abs(sound.samples)) for item in matched.items for sound in item.sounds]
    assert max(peaks) == pytest.approx(10 ** (-1 / 20), rel=0.01)


def test_silence_and_clips_too_short_to_have_a_loudness_are_refused():
    with pytest.raises(SignalError, match=r"riff, sound 1.*loudness"):
        match_loudness([sounds(burst(), np.zeros(RATE))])
    with pytest.raises(SignalError, match="too short"):
        match_loudness([sounds(burst(0.2), burst(0.2))])


@pytest.mark.parametrize("rate", [44_100, 48_000, 96_000])
def test_the_low_anchor_is_the_filter_that_the_recommendation_describes(rate):
    """ITU-R BS.1534-3: ripple within 0.1 dB up to 3.5 kHz, 25 dB down at 4 kHz, 50 dB at 4.5 kHz."""
    frequency, response = freqz(low_pass_filter(rate, 3500), worN=8192, fs=rate)
    level_db = 20 * np.log10(np.abs(response) + 1e-12)
    assert np.max(np.abs(level_db[frequency <= 3500])) < 0.1
    assert np.max(level_db[frequency >= 4000]) < -25
    assert np.max(level_db[frequency >= 4500]) < -50


def test_an_anchor_that_would_be_the_reference_itself_is_refused():
    with pytest.raises(SettingsError, match="8000 Hz leaves nothing for a low-pass of 3500 Hz"):
        low_pass(burst(), 8000, 3500)


def test_the_low_anchor_is_not_delayed():
    tone = burst()
    middle = slice(RATE // 4, RATE)
    np.testing.assert_allclose(low_pass(tone, RATE, 3500)[middle], tone[middle], atol=2e-3)
