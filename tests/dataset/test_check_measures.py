"""Levels, hum, repeats and noise against what was planted."""

import numpy as np
import pytest

from drywet import signals
from drywet.dataset.check.excerpt import Timing, wet_of
from drywet.dataset.check.levels import measure_hum, measure_levels
from drywet.dataset.check.noise import noise_from_repeats, noise_in_silence
from drywet.dataset.check.repeats import compare_repeats, find_repeats

RATE = 44_100


@pytest.fixture(scope="module")
def riff():
    return signals.test_riffs(RATE, 6.0)["chords"]


def test_levels_of_a_sine_are_those_of_algebra():
    """Amplitude 1/2: peak -6.02 dBFS, RMS -9.03; an offset of 0.1 is its mean."""
    levels = measure_levels(signals.sine(1000.0, 2.0, RATE, amplitude=0.5), RATE)
    assert levels.peak_dbfs == pytest.approx(-6.0206, abs=0.001)
    assert levels.rms_dbfs == pytest.approx(-9.0309, abs=0.001)
    assert levels.noise_floor_dbfs == pytest.approx(levels.rms_dbfs, abs=0.01)
    assert measure_levels(signals.sine(1000.0, 1.0, RATE) * 0.5 + np.float32(0.1), RATE).dc == pytest.approx(
        0.1, abs=1e-5
    )


def test_levels_do_not_depend_on_where_parts_end():
    noise = signals.noise(30.0, RATE, rms=0.1)  # more than one part of 2^20 samples
    levels = measure_levels(noise, RATE)
    assert levels.rms_dbfs == pytest.approx(-20.0, abs=1e-3)
    assert levels.peak_s == np.argmax(np.abs(noise)) / RATE
    assert len(levels.frame_power) == 600


@pytest.mark.parametrize("mains_hz", [50, 60])
def test_hum_is_found_at_its_level(riff, mains_hz):
    """Harmonics of 1, 1/2 and 1/3 mV: 20 log10 of the root of half the sum of squares."""
    t = np.arange(2 * RATE) / RATE
    hum = sum(1e-3 / k * np.sin(2 * np.pi * mains_hz * k * t) for k in (1, 2, 3))
    hiss = signals.noise(2.0, RATE, rms=1e-4)
    signal = np.concatenate([riff, (hum + hiss).astype(np.float32)])
    found = measure_hum(signal, RATE, measure_levels(signal, RATE))
    assert found.mains_hz == mains_hz
    assert found.level_dbfs == pytest.approx(20 * np.log10(1e-3 * np.sqrt((1 + 1 / 4 + 1 / 9) / 2)), abs=0.3)


def test_hiss_is_not_hum_and_music_is_not_searched(riff):
    signal = np.concatenate([riff, signals.noise(2.0, RATE, rms=1e-3)])
    assert measure_hum(signal, RATE, measure_levels(signal, RATE)) is None
    drone = signals.sine(50.0, 3.0, RATE, amplitude=0.3)
    assert measure_hum(drone, RATE, measure_levels(drone, RATE)) is None


def test_a_passage_that_occurs_twice_is_found_where_it_is(riff):
    other = signals.test_riffs(RATE, 6.0)["lead"]
    dry = np.concatenate([riff, other, riff[RATE : 4 * RATE]])
    first, second, length = find_repeats(dry, RATE)[0]
    assert second - first == len(riff) + len(other) - RATE
    assert first >= RATE
    assert first + length <= 4 * RATE
    assert length > 2 * RATE


def test_hours_of_hiss_repeat_nothing():
    assert find_repeats(signals.noise(20.0, RATE), RATE) == []


@pytest.mark.parametrize("snr_db", [30, 50, 70])
@pytest.mark.parametrize("drift", [0.0, 20e-6])
def test_noise_planted_in_a_repeated_passage_is_measured_within_half_a_db(riff, snr_db, drift):
    other = signals.test_riffs(RATE, 6.0)["lead"]
    dry = np.concatenate([riff, other, riff])
    clean = wet_of(0.5 * np.tanh(4 * dry), 0, len(dry), Timing(0, -drift))  # another clock: wet gets later
    power = float(np.mean(clean**2)) * 10 ** (-snr_db / 10)
    wet = (clean + signals.noise(len(clean) / RATE, RATE, rms=power**0.5, seed=7)).astype(np.float32)
    limit = noise_from_repeats(compare_repeats(dry, wet, RATE, 0.0, drift), float(np.mean(wet**2)))
    assert 10 * np.log10(limit.esr) == pytest.approx(-snr_db, abs=0.5)
    assert limit.source == "repeats"


def test_noise_planted_in_silence_is_measured_within_half_a_db(riff):
    dry = np.concatenate([riff, np.zeros(2 * RATE, np.float32), riff[: 3 * RATE]])
    clean = np.concatenate([np.zeros(700, np.float32), 0.5 * np.tanh(4 * dry)])  # 700 samples late
    noise = signals.noise(len(clean) / RATE, RATE, rms=1e-3, seed=3)
    wet = clean + noise
    power = float(np.mean(wet**2))
    limit = noise_in_silence(wet, RATE, measure_levels(dry, RATE), power, Timing(700))
    assert 10 * np.log10(limit.noise_power) == pytest.approx(-60, abs=0.5)
    assert limit.source == "silence"
    assert limit.seconds == pytest.approx(1.8, abs=0.2)


def test_music_without_a_rest_tells_no_noise(riff):
    loud = riff[RATE : 4 * RATE] + signals.noise(3.0, RATE, rms=0.02)
    assert noise_in_silence(loud, RATE, measure_levels(loud, RATE), 0.01, Timing()) is None
    assert noise_from_repeats([], 0.01) is None
