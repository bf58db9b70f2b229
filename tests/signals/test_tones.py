import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drywet import signals
from drywet.errors import SignalError

RATE = 48_000


def test_a_sine_at_a_quarter_of_the_rate_is_0_1_0_minus_1():
    np.testing.assert_allclose(signals.sine(12_000, 4 / RATE, RATE), [0, 1, 0, -1], atol=1e-7)


def test_a_quarter_turn_of_phase_makes_a_cosine():
    np.testing.assert_allclose(signals.sine(12_000, 4 / RATE, RATE, phase=np.pi / 2), [1, 0, -1, 0], atol=1e-7)


@settings(max_examples=25, deadline=None)
@given(cycles=st.integers(1, 4000), amplitude=st.floats(0.01, 1.0))
def test_whole_cycles_of_a_sine_have_one_spectral_line_and_rms_of_peak_over_root_two(cycles, amplitude):
    tone = signals.sine(cycles * 5.0, 0.2, RATE, amplitude=amplitude).astype(float)
    assert np.sqrt(np.mean(tone**2)) == pytest.approx(amplitude / np.sqrt(2), rel=1e-5)
    spectrum = np.abs(np.fft.rfft(tone)) / (len(tone) / 2)
    assert spectrum[cycles] == pytest.approx(amplitude, rel=1e-5)
    assert np.delete(spectrum, cycles).max() < 1e-6


def test_a_sweep_passes_a_frequency_when_the_closed_form_says():
    # octaves take equal time: 100 Hz to 1600 Hz in 4 s passes 400 Hz after 2 s
    sweep = signals.sweep(100, 1600, 4.0, RATE).astype(float)
    crossings = np.flatnonzero((sweep[:-1] < 0) & (sweep[1:] >= 0))
    exact = crossings - sweep[crossings] / (sweep[crossings + 1] - sweep[crossings])
    middle = np.searchsorted(exact, 2.0 * RATE)
    frequency = RATE * 10 / (exact[middle + 5] - exact[middle - 5])
    assert frequency == pytest.approx(400, rel=2e-3)


def test_a_sweep_makes_as_many_turns_as_the_integral_of_its_frequency():
    # integral of 50 * 2^(t / s) from 0 to 5 s is 50 * 31 / ln 2 = 2236.19 turns
    sweep = signals.sweep(50, 1600, 5.0, RATE).astype(float)
    upward = np.sum((sweep[:-1] < 0) & (sweep[1:] >= 0))
    assert upward == int(50 * 31 / np.log(2))


def test_a_sweep_starts_at_phase_zero_and_keeps_its_amplitude():
    sweep = signals.sweep(20, 20_000, 3.0, RATE, amplitude=0.25)
    assert sweep[0] == 0
    assert sweep[1] > 0
    assert np.abs(sweep).max() == pytest.approx(0.25, rel=1e-4)


def test_a_faded_sweep_begins_and_ends_at_zero_and_is_untouched_between():
    plain, faded = signals.sweep(100, 5000, 1.0, RATE), signals.sweep(100, 5000, 1.0, RATE, fade_seconds=0.01)
    assert faded[0] == faded[-1] == 0
    np.testing.assert_array_equal(faded[480:-480], plain[480:-480])


def test_a_multitone_has_its_tones_at_equal_level_and_nothing_else():
    frequencies = [100.0, 200.0, 300.0, 400.0, 1000.0]
    spectrum = np.abs(np.fft.rfft(signals.multitone(frequencies, 1.0, RATE, amplitude=0.5).astype(float))) / (RATE / 2)
    lines = [int(f) for f in frequencies]
    np.testing.assert_allclose(spectrum[lines], 0.1, rtol=1e-5)
    assert np.delete(spectrum, lines).max() < 1e-6


def test_schroeder_phases_give_a_lower_peak_than_equal_phases():
    frequencies = np.arange(1, 33) * 50.0
    tones = signals.multitone(frequencies, 1.0, RATE)  # in phase it would reach 1
    assert np.abs(tones).max() < 0.4


@pytest.mark.parametrize(("color", "db_per_octave"), [("white", 3.01), ("pink", 0.0)])
def test_noise_has_its_rms_its_slope_and_no_dc(color, db_per_octave):
    noise = signals.noise(20.0, RATE, rms=0.1, color=color, seed=1).astype(float)
    assert np.sqrt(np.mean(noise**2)) == pytest.approx(0.1, rel=1e-5)
    assert abs(noise.mean()) < 1e-8
    power, f = np.abs(np.fft.rfft(noise)) ** 2, np.fft.rfftfreq(len(noise), 1 / RATE)
    octaves = [10 * np.log10(power[(f >= low) & (f < 2 * low)].sum()) for low in (100, 200, 400, 800, 1600, 3200, 6400)]
    np.testing.assert_allclose(np.diff(octaves), db_per_octave, atol=0.25)


def test_noise_is_gaussian():
    noise = signals.noise(10.0, RATE, rms=1.0).astype(float)
    assert np.mean(noise**4) == pytest.approx(3.0, rel=0.02)  # kurtosis of the normal distribution
    assert np.mean(np.abs(noise) < 1) == pytest.approx(0.6827, abs=0.005)


def test_the_seed_decides_the_noise():
    np.testing.assert_array_equal(signals.noise(0.1, RATE, seed=3), signals.noise(0.1, RATE, seed=3))
    assert not np.array_equal(signals.noise(0.1, RATE, seed=3), signals.noise(0.1, RATE, seed=4))


def test_clicks_are_single_samples_where_asked():
    clicked = signals.clicks([0.001, 0.5], 1.0, RATE, amplitude=0.7)
    np.testing.assert_array_equal(np.flatnonzero(clicked), [48, 24_000])
    assert clicked[48] == np.float32(0.7)


def test_ramps_are_straight_in_volts_and_in_decibels():
    np.testing.assert_allclose(signals.ramp(-1, 1, 5 / RATE, RATE), [-1, -0.5, 0, 0.5, 1])
    np.testing.assert_allclose(signals.ramp_db(-60, 0, 4 / RATE, RATE), [1e-3, 1e-2, 1e-1, 1], rtol=1e-6)


@pytest.mark.parametrize(
    "make",
    [
        lambda: signals.sine(30_000, 0.1, RATE),
        lambda: signals.sweep(20, 30_000, 0.1, RATE),
        lambda: signals.multitone([100, 30_000], 0.1, RATE),
    ],
)
def test_a_frequency_above_half_the_sample_rate_is_refused(make):
    with pytest.raises(SignalError, match="30000"):
        make()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: signals.sweep(0, 100, 1.0), "above 0 Hz"),
        (lambda: signals.sweep(100, 100, 1.0), "two different"),
        (lambda: signals.multitone([], 1.0), "at least one"),
        (lambda: signals.noise(1.0, color="brown"), "brown"),
        (lambda: signals.clicks([2.0], 1.0), "outside"),
        (lambda: signals.sine(100, 0.0), "at least one"),
        (lambda: signals.sine(100, -1.0), "at least one"),
    ],
)
def test_impossible_signals_are_refused_with_a_reason(make, words):
    with pytest.raises(SignalError, match=words):
        make()


def test_every_signal_is_float32_and_as_long_as_asked():
    for signal in (
        signals.sine(100, 0.1234, RATE),
        signals.sweep(20, 2000, 0.1234, RATE),
        signals.multitone([100], 0.1234, RATE),
        signals.noise(0.1234, RATE),
        signals.clicks([0.1], 0.1234, RATE),
        signals.ramp(0, 1, 0.1234, RATE),
        signals.ramp_db(-60, 0, 0.1234, RATE),
    ):
        assert signal.dtype == np.float32
        assert signal.shape == (5923,)
