"""Faults planted at known times and of known size."""

import numpy as np
import pytest

from drywet import measures, signals
from drywet.errors import SignalError

RATE = 44_100


@pytest.fixture(scope="module")
def wet():
    """A second of a bent chord that begins at 0.1 s."""
    chord = np.tanh(4 * signals.multitone((82.4, 123.5, 164.8), 0.9, RATE)).astype(np.float64)
    return np.concatenate([np.zeros(RATE // 10), signals.fade(0.5 * chord, 0.01, RATE)])


@pytest.fixture(scope="module")
def predicted(wet):
    """A model with an error of 1 % that follows the sound: slightly too quiet, and a bit of smooth noise."""
    noise = np.convolve(np.random.default_rng(0).standard_normal(RATE * 9 // 10), np.hanning(16) / 8, "same")
    return 0.95 * wet + np.concatenate([np.zeros(RATE // 10), signals.fade(0.02 * noise, 0.01, RATE)])


def test_a_model_that_is_merely_wrong_does_not_click(wet, predicted):
    assert measures.clicks(wet, predicted, RATE) == ()


def test_clicks_are_found_at_their_times(wet, predicted):
    planted = [15_000, 24_000, 24_500, 40_000]
    clicking = predicted.copy()
    clicking[planted] += 0.2
    found = measures.clicks(wet, clicking, RATE)
    assert [round(click.seconds * RATE) for click in found] == pytest.approx(planted, abs=1)
    assert min(click.size for click in found) > 8


def test_a_jump_at_every_chunk_border_is_found_at_every_border(wet, predicted):
    level = np.where(np.arange(len(wet)) // 2048 % 2, 0.1, -0.1)
    found = measures.clicks(wet, predicted + level, RATE)
    borders = [click.seconds * RATE for click in found]
    assert borders == pytest.approx((2048 * np.arange(1, len(wet) // 2048 + 1)).tolist(), abs=2)


def test_a_faint_click_in_a_rest_is_found(wet):
    clicking = wet.copy()
    clicking[2000] += 10 ** (-60 / 20) * np.abs(wet).max()
    assert [round(click.seconds * RATE) for click in measures.clicks(wet, clicking, RATE)] == [2000]


def test_nothing_counts_within_5_ms_of_an_onset(wet, predicted):
    clicking = predicted.copy()
    clicking[[15_000, 24_000]] += 0.2
    found = measures.clicks(wet, clicking, RATE, onsets=np.array([15_000 + 200]))
    assert [round(click.seconds * RATE) for click in found] == pytest.approx([24_000], abs=1)
    assert len(measures.clicks(wet, clicking, RATE, onsets=np.array([15_000 + 240]))) == 2


def test_a_model_that_does_not_begin_at_rest_does_not_click(wet):
    settling = wet + 0.1 * np.exp(-np.arange(len(wet)) / 20)
    assert measures.clicks(wet, settling, RATE) == ()


def test_corners_of_the_device_itself_are_no_clicks():
    square = np.sign(np.sin(2 * np.pi * 110 * np.arange(RATE) / RATE)) * 0.5
    late = np.roll(square, 1)  # a large error at every corner, as sharp as the corners themselves
    found = measures.clicks(square, 0.8 * late, RATE)
    assert found == ()


def test_silence_has_the_level_of_what_was_planted():
    t = np.arange(2 * RATE) / RATE
    tone = measures.silence(0.01 * np.sin(2 * np.pi * 440 * t), RATE)
    assert tone.peak_dbfs == pytest.approx(-40, abs=0.01)
    assert tone.noise_dbfs == pytest.approx(-40 - 10 * np.log10(2), abs=0.01)
    assert tone.tone_hz == pytest.approx(440, abs=0.5)
    assert not tone.is_quiet
    hiss = measures.silence(1e-6 * np.random.default_rng(0).standard_normal(RATE) + 1e-5, RATE)
    assert hiss.noise_dbfs == pytest.approx(-120, abs=0.1)
    assert (hiss.offset, hiss.tone_hz, hiss.is_quiet) == (pytest.approx(1e-5, rel=0.01), None, True)
    assert measures.silence(np.zeros(RATE), RATE).peak_dbfs == -200


def test_what_dies_within_a_second_is_no_limit_cycle():
    t = np.arange(3 * RATE) / RATE
    dying = np.exp(-t / 0.1)  # -87 dB after a second
    assert measures.silence(dying, RATE, settle_s=1.0).is_quiet
    assert not measures.silence(dying, RATE, settle_s=0.5).is_quiet
    ringing = measures.silence(dying + 1e-3 * (t > 2), RATE, settle_s=1.0)
    assert not ringing.is_quiet
    assert ringing.loudest_s == pytest.approx(2.0, abs=0.001)


def test_a_ramp_drifts_by_its_slope():
    t = np.arange(4 * RATE) / RATE
    drift = measures.dc_drift(0.2 * np.sin(2 * np.pi * 220 * t) + 0.003 * t - 0.001, RATE)
    assert drift.per_second == pytest.approx(0.003, rel=1e-6)
    assert drift.span == pytest.approx(0.003 * 3.5, rel=1e-3)  # from the middle of the first half second to the last
    assert drift.largest == pytest.approx(0.003 * 3.75 - 0.001, rel=1e-3)
    assert drift.seconds == pytest.approx(3.75)


def test_a_high_pass_answers_a_step_with_its_time_constant():
    """exp(-t / tau) stays within 1 % of its peak around its end value (about 0) after tau ln 100."""
    t = np.arange(RATE) / RATE
    step = measures.step_response(0.5 * np.exp(-t / 0.02) + 0.1, RATE, rest=0.1)
    assert step.peak == pytest.approx(0.5)
    assert step.final == pytest.approx(0, abs=1e-9)
    assert step.settled_s == pytest.approx(0.02 * np.log(100), abs=2 / RATE)
    assert measures.step_response(np.sin(300 * t), RATE).settled_s is None


def test_what_is_not_finite_is_refused():
    broken = np.full(RATE, np.nan)
    for measured in (measures.silence, measures.dc_drift, measures.step_response):
        with pytest.raises(SignalError):
            measured(broken, RATE)
    with pytest.raises(SignalError, match="predicted holds NaN"):
        measures.clicks(np.ones(RATE), broken, RATE)
    with pytest.raises(SignalError, match="silent"):
        measures.clicks(np.zeros(RATE), np.ones(RATE), RATE)
