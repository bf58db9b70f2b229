import numpy as np
import pytest

from drywet import measures
from drywet.errors import SignalError

NOISE = np.random.default_rng(2).standard_normal(5000)


@pytest.mark.parametrize("lag", [-32, -3, 0, 1, 17, 32])
def test_a_planted_shift_is_found_and_taken_out(lag):
    wet, predicted = NOISE[100:4000], NOISE[100 - lag : 4000 - lag]  # predicted trails by lag
    assert measures.best_lag_esr(wet, predicted) == (pytest.approx(0.0, abs=1e-12), lag)


@pytest.mark.parametrize("frequency", [440, 1000, 2000])
def test_one_sample_late_costs_a_perfect_sine_what_trigonometry_says(frequency):
    sine = np.sin(2 * np.pi * frequency * np.arange(44_100) / 44_100)
    expected = 4 * np.sin(np.pi * frequency / 44_100) ** 2
    assert measures.published_compatible_esr(sine, sine) == pytest.approx(expected, rel=0.001)


def test_the_published_comparison_takes_the_prediction_for_one_sample_earlier():
    assert measures.published_compatible_esr(NOISE[:-1], NOISE[1:]) == pytest.approx(0.0, abs=1e-12)
    assert measures.published_compatible_esr(NOISE[1:], NOISE[:-1]) > 1


def test_a_clip_shorter_than_the_lags_is_refused():
    with pytest.raises(SignalError, match="64 samples are too few"):
        measures.best_lag_esr(NOISE[:64], NOISE[:64])
