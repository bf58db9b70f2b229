import numpy as np
import pytest

from drywet import measures
from drywet.errors import SignalError

RNG = np.random.default_rng(3)
DRY = RNG.standard_normal(20_000)


def test_any_short_filter_is_matched():
    wet = np.convolve(DRY, RNG.standard_normal(100))[: len(DRY)]
    assert measures.best_linear_esr(DRY, wet) < 1e-4  # what is left is the cut tail at the end of the clip


def test_it_looks_ahead_a_little_for_wet_that_leads():
    assert measures.best_linear_esr(DRY, np.roll(DRY, -10)) < 1e-2


def test_independent_noise_is_the_floor_it_cannot_pass():
    noise = 0.1 * RNG.standard_normal(len(DRY))
    expected = 0.01 / 1.01 * (1 - 512 / len(DRY))  # 512 fitted taps explain that share of pure chance
    assert measures.best_linear_esr(DRY, DRY + noise) == pytest.approx(expected, rel=0.05)


def test_a_memoryless_curve_of_gaussian_noise_leaves_what_bussgang_says():
    """For Gaussian x, the best linear gain of x^3 is 3, and E[x^6] = 15: the rest is (15 - 9) / 15."""
    assert measures.best_linear_esr(DRY, DRY**3, taps=8, lead=0) == pytest.approx(6 / 15, rel=0.05)


def test_it_agrees_with_plain_least_squares():
    dry, wet = DRY[:400], DRY[:400] ** 3
    columns = np.column_stack([np.concatenate([np.zeros(k), dry, np.zeros(7 - k)]) for k in range(8)])
    padded = np.concatenate([wet, np.zeros(7)])
    coefficients = np.linalg.lstsq(columns, padded, rcond=None)[0]
    np.testing.assert_allclose(
        measures.best_linear_prediction(dry, wet, taps=8, lead=0), (columns @ coefficients)[:400], atol=1e-6
    )


@pytest.mark.parametrize(
    ("dry", "wet", "message"),
    [
        (np.ones(600), np.ones(599), "599"),
        (np.ones(512), np.ones(512), "too short"),
        (np.zeros(600), np.ones(600), "silent"),
    ],
)
def test_what_has_no_linear_model_is_refused(dry, wet, message):
    with pytest.raises(SignalError, match=message):
        measures.best_linear_prediction(dry, wet)
