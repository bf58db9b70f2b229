import numpy as np
import pytest
import torch
from scipy.signal import lfilter

from drywet import measures
from drywet.errors import SignalError

RATE = 44_100
FRAME, HOP = 2205, 1102  # 50 ms, and 25 ms to a whole sample
RNG = np.random.default_rng(11)
KINDS = pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor], ids=["numpy", "torch"])


def sine(frequency_hz, seconds=0.5):
    return np.sin(2 * np.pi * frequency_hz * np.arange(round(seconds * RATE)) / RATE)


@KINDS
def test_level_and_crest_of_sine_square_and_silence(kind):
    tone, square = sine(400), np.sign(sine(400) + 1e-6)
    signals = kind(np.stack([0.5 * tone, 0.5 * square]))
    expected = 20 * np.log10([[0.5 / np.sqrt(2)], [0.5]])
    frame_count = 1 + (len(tone) - FRAME) // HOP
    np.testing.assert_allclose(measures.rms_db(signals, RATE), np.repeat(expected, frame_count, 1), atol=1e-3)
    np.testing.assert_allclose(measures.crest_db(signals, RATE), np.repeat([[3.0103], [0]], frame_count, 1), atol=2e-3)
    np.testing.assert_allclose(measures.rms_db(kind(0 * tone), RATE, floor=1e-4), -80)
    np.testing.assert_allclose(measures.crest_db(kind(0 * tone), RATE, floor=1e-4), 0)


@KINDS
def test_the_centroid_of_two_equal_tones_lies_between_them(kind):
    np.testing.assert_allclose(measures.centroid_hz(kind(sine(1000)), RATE), 1000, rtol=0.003)
    np.testing.assert_allclose(measures.centroid_hz(kind(sine(1000) + sine(4000)), RATE), 2500, rtol=0.003)
    np.testing.assert_allclose(measures.centroid_hz(kind(sine(1000) + 0.5 * sine(4000)), RATE), 2000, rtol=0.003)


def test_the_centroid_of_white_noise_is_half_the_nyquist_frequency_and_of_silence_zero():
    noise = RNG.standard_normal(RATE)
    assert np.mean(measures.centroid_hz(noise, RATE)) == pytest.approx(RATE / 4, rel=0.01)
    np.testing.assert_array_equal(measures.centroid_hz(np.zeros(RATE), RATE), 0)


def test_what_no_ear_hears_does_not_brighten():
    rate = 192_000
    time = np.arange(rate // 2) / rate
    low, ultrasound = (np.sin(2 * np.pi * f * time) for f in (1000, 40_000))
    assert measures.centroid_difference_percent(low, low + ultrasound, rate).percentile_95 < 1


def test_frames_follow_the_signal_in_time():
    found = measures.rms_db(np.concatenate([sine(400), 0.1 * sine(400)]), RATE)
    assert found[0] - found[-1] == pytest.approx(20, abs=0.01)
    assert np.argmax(np.diff(found) < -1) == (len(sine(400)) - FRAME) // HOP  # the first frame that reaches the step


def test_a_gain_is_a_level_difference_and_changes_neither_crest_nor_brightness():
    wet = sine(400) * np.linspace(0.2, 1, RATE // 2)
    level = measures.rms_difference_db(wet, 10 ** (-2 / 20) * wet, RATE)
    np.testing.assert_allclose([level.bias, level.median, level.percentile_95], [-2, 2, 2], atol=1e-4)
    for difference in (measures.crest_difference_db, measures.centroid_difference_percent):
        assert difference(wet, 10 ** (-2 / 20) * wet, RATE).percentile_95 < 1e-4


def test_a_fault_in_a_tenth_of_the_clip_shows_in_the_percentile_and_not_in_the_median():
    wet = sine(400, 2.0)
    found = measures.rms_difference_db(wet, wet * np.where(np.arange(len(wet)) < 0.1 * len(wet), 2, 1), RATE)
    assert found.median == 0
    assert found.percentile_95 == pytest.approx(6.02, abs=0.01)


def test_clipping_lowers_the_crest_by_what_integration_says():
    """A sine clipped at half its peak has mean square (pi/3 - sqrt(3)/2 + 4 (1/4) (pi/3)) / pi over a half-wave."""
    wet = sine(400)
    mean_square = (2 * (np.pi / 12 - np.sqrt(3) / 8) + 0.25 * (np.pi - np.pi / 3)) / np.pi
    expected = 10 * np.log10(0.25 / mean_square) - 10 * np.log10(2)
    assert measures.crest_difference_db(wet, np.clip(wet, -0.5, 0.5), RATE).bias == pytest.approx(expected, abs=0.01)


def test_brightness_is_relative_and_signed():
    wet = sine(1000)
    assert measures.centroid_difference_percent(wet, sine(1100), RATE).bias == pytest.approx(10, abs=0.3)
    noise = RNG.standard_normal(RATE)
    dull = lfilter([0.5, 0.5], [1], noise)
    assert measures.centroid_difference_percent(noise, dull, RATE).bias < -20


def test_rests_are_not_compared():
    wet = np.concatenate([sine(400), 1e-4 * RNG.standard_normal(RATE)])  # the noise of the device
    predicted = np.concatenate([sine(400), np.zeros(RATE)])
    for difference in (measures.crest_difference_db, measures.centroid_difference_percent, measures.rms_difference_db):
        assert difference(wet, predicted, RATE).median == 0


def test_a_silent_prediction_is_far_away_but_finite():
    wet = sine(400)
    silence = 0 * wet
    # 80 dB below the peak of 1, whose level is -3.01 dB
    assert measures.rms_difference_db(wet, silence, RATE).median == pytest.approx(80 - 3.01, abs=0.01)
    assert measures.crest_difference_db(wet, silence, RATE).bias == pytest.approx(-3.01, abs=0.01)
    assert measures.centroid_difference_percent(wet, silence, RATE).bias == -100


def test_arrays_and_tensors_have_the_same_trajectories_and_gradients_are_finite():
    clips = RNG.standard_normal((2, 3, 6000))
    for trajectory in (measures.rms_db, measures.crest_db, measures.centroid_hz):
        expected = trajectory(clips, RATE)
        tensor = torch.tensor(clips, requires_grad=True)
        found = trajectory(tensor, RATE)
        np.testing.assert_allclose(found.detach(), expected, rtol=1e-9)
        assert expected.shape == (2, 3, 1 + (6000 - FRAME) // HOP)
        found.sum().backward()
        assert torch.isfinite(tensor.grad).all()


def test_what_has_no_trajectory_is_refused():
    with pytest.raises(SignalError, match="2204 samples are shorter than a frame of 0.05 s, 2205"):
        measures.centroid_hz(np.ones(2204), RATE)
    with pytest.raises(SignalError, match="silent"):
        measures.rms_db(np.zeros(RATE), RATE)
    for difference in (measures.crest_difference_db, measures.centroid_difference_percent, measures.rms_difference_db):
        with pytest.raises(SignalError, match="silent"):
            difference(np.zeros(RATE), np.ones(RATE), RATE)
        with pytest.raises(SignalError, match="44099"):
            difference(np.ones(RATE), np.ones(RATE - 1), RATE)
        with pytest.raises(SignalError, match="NaN"):
            difference(np.ones(RATE), np.full(RATE, np.nan), RATE)
