import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from drywet import measures
from drywet.errors import SignalError

RATE = 44_100
RNG = np.random.default_rng(10)
PARTIALS = [(f, RNG.uniform(0.2, 1.0), RNG.uniform(0, 2 * np.pi)) for f in RNG.uniform(60, 9000, 30)]


def tones(delay=0.0, partials=PARTIALS, length=22_050):
    """A sum of sines ``delay`` samples late, by trigonometry rather than interpolation."""
    time = (np.arange(length) - delay) / RATE
    return 0.1 * sum(a * np.sin(2 * np.pi * f * time + phase) for f, a, phase in partials)


@pytest.mark.parametrize("delay", [-31.7, -0.3, 0.0, 0.02, 0.3, 0.5, 7.0, 12.75])
@pytest.mark.parametrize("polarity", [1, -1])
def test_a_planted_gain_delay_offset_and_polarity_are_found_and_taken_out(delay, polarity):
    predicted = polarity * 10 ** (1 / 20) * tones(delay) + 0.02
    found = measures.matched_error(tones(), predicted)
    assert found.gain_db == pytest.approx(1.0, abs=0.001)
    assert found.delay == pytest.approx(delay, abs=0.01)
    assert found.dc == pytest.approx(0.02, abs=1e-4)
    assert found.polarity == polarity
    assert found.null_depth_db < -60


def test_a_decibel_of_gain_costs_the_plain_error_what_algebra_says_and_the_matched_one_nothing():
    wet, loud = tones(), 10 ** (1 / 20) * tones()
    assert measures.esr(wet, loud) == pytest.approx((10 ** (1 / 20) - 1) ** 2)
    assert measures.null_depth_db(wet, loud) < -120


def test_a_low_note_late_by_a_third_of_a_sample_is_found():
    note = [(82.4, 1.0, 0.4)]
    found = measures.matched_error(tones(0, note), tones(1 / 3, note))
    assert found.delay == pytest.approx(1 / 3, abs=0.01)


def test_independent_noise_is_what_is_left_and_does_not_pull_the_gain():
    """predicted = g wet + n has correlation r^2 = g^2 / (g^2 + n^2) with wet, for equal powers of wet and noise."""
    wet, noise = RNG.standard_normal((2, 200_000))
    found = measures.matched_error(wet, 0.8 * wet + 0.3 * noise)
    assert found.esr == pytest.approx(0.3**2 / (0.8**2 + 0.3**2), rel=0.02)
    assert found.gain_db == pytest.approx(20 * np.log10(0.8), abs=0.02)
    assert found.delay == pytest.approx(0, abs=0.01)
    assert found.null_depth_db == pytest.approx(10 * np.log10(found.esr))


def test_it_agrees_with_a_search_by_least_squares_on_a_bent_and_late_copy():
    low = [(f / 10, a, phase) for f, a, phase in PARTIALS]  # so that the curve's harmonics do not alias
    wet = tones(0, low)
    predicted = np.tanh(4 * tones(2.4, low)) + 0.1
    inner = slice(96, -96)

    def left(delay):
        columns = np.column_stack([np.tanh(4 * tones(2.4 - delay, low)) + 0.1, np.ones(len(wet))])[inner]
        return np.linalg.lstsq(columns, wet[inner])[1][0] / np.sum(wet[inner] ** 2)

    best = minimize_scalar(left, bounds=(1.5, 3.5), method="bounded", options={"xatol": 1e-4})
    found = measures.matched_error(wet, predicted)
    assert found.delay == pytest.approx(best.x, abs=0.02)
    assert found.esr == pytest.approx(best.fun, rel=1e-3)


def test_identical_signals_null_to_the_floor():
    assert measures.matched_error(tones(), tones()).null_depth_db == -150
    assert measures.null_depth_db(tones().astype(np.float32), tones().astype(np.float32)) == -150


def test_a_silent_and_a_constant_prediction_leave_everything():
    for predicted in (np.zeros(22_050), np.full(22_050, 0.25)):
        found = measures.matched_error(tones(), predicted)
        assert (found.gain_db, found.delay, found.null_depth_db) == (-150, 0, pytest.approx(0, abs=0.01))
        assert found.dc == pytest.approx(predicted[0])


@pytest.mark.parametrize(
    ("wet", "predicted", "message"),
    [
        (tones(), tones()[1:], "22049"),
        (np.stack([tones()] * 2), np.stack([tones()] * 2), "one clip"),
        (0 * tones(), tones(), "silent"),
        (np.ones(1000), np.ones(1000), "constant"),
        (tones(), np.where(np.arange(22_050) == 7, np.nan, tones()), "predicted holds NaN"),
        (np.where(np.arange(22_050) == 7, np.inf, tones()), tones(), "wet holds NaN"),
        (tones()[:383], tones()[:383], "383 samples are too few"),
    ],
)
def test_what_cannot_be_matched_is_refused(wet, predicted, message):
    with pytest.raises(SignalError, match=message):
        measures.matched_error(wet, predicted)
