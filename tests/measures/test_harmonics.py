"""Oracles: Chebyshev polynomials (T_n(cos x) = cos n x) and products of sines."""

import numpy as np
import pytest

from drywet import measures
from drywet.errors import SignalError
from drywet.measures.harmonics import PRODUCTS, TONE_PAIRS, TonePair, exact_pair, product_name

RATE = 44_100


def cosine(sine, amplitude=1.0):
    return amplitude * np.cos(2 * np.pi * sine.bin * np.arange(sine.length) / sine.length)


def test_a_chebyshev_polynomial_makes_one_harmonic_at_a_known_level():
    sine = measures.exact_sine(440, RATE, 0.2)
    x = cosine(sine)
    bent = x + 0.1 * (4 * x**3 - 3 * x) + 0.01 * (2 * x**2 - 1)  # T3 and T2
    levels = measures.harmonic_levels_db(bent, sine)
    assert levels[:3] == pytest.approx([0, -40, -20], abs=1e-9)
    assert (levels[3:] < -150).all()


def test_a_half_scale_sine_is_6_db_below_full_scale():
    sine = measures.exact_sine(82.41, RATE, 0.2)
    assert measures.harmonic_levels_db(cosine(sine, 0.5), sine)[0] == pytest.approx(20 * np.log10(0.5))


def test_harmonics_above_half_the_sample_rate_are_not_invented():
    sine = measures.exact_sine(8000, RATE, 0.2)
    levels = measures.harmonic_levels_db(np.sign(cosine(sine)), sine)
    assert np.isfinite(levels[:2]).all()
    assert np.isnan(levels[2:]).all()


def test_the_error_of_a_table_is_the_rms_of_what_was_planted_above_the_floor():
    device = np.array([[0.0, -20, -40, -100, np.nan], [-10, -30, -90, -200, np.nan]])
    model = device + np.array([[1.0, -2, 0, 50, np.nan], [3, 0, 70, 90, np.nan]])
    # Below -70 dBc of its row nothing counts: three and two entries are left.
    assert measures.harmonic_error_db(device, model) == pytest.approx(np.sqrt((1 + 4 + 0 + 9 + 0) / 5))


def test_a_harmonic_that_the_model_lacks_costs_its_height_above_the_floor():
    assert measures.harmonic_error_db(np.array([0.0, -40]), np.array([0.0, -160])) == pytest.approx(30 / np.sqrt(2))


def test_a_device_without_sound_has_no_table_to_compare_with():
    with pytest.raises(SignalError, match="no harmonics"):
        measures.harmonic_error_db(np.full(10, -160.0), np.zeros(10))
    with pytest.raises(SignalError, match="shape"):
        measures.harmonic_error_db(np.zeros(10), np.zeros(9))


@pytest.mark.parametrize("pair", TONE_PAIRS, ids=lambda pair: pair.name)
def test_a_product_of_two_tones_stands_at_sum_and_difference(pair):
    exact = exact_pair(pair, RATE, 0.2)
    a, b = cosine(exact.first), cosine(exact.second)
    levels = dict(zip(PRODUCTS, measures.product_levels_db(a + 0.2 * a * b, exact), strict=True))
    assert levels[1, 0] == pytest.approx(0, abs=1e-9)
    assert levels[-1, 1] == pytest.approx(-20, abs=1e-9)  # 0.2 cos a cos b = 0.1 cos(a - b) + 0.1 cos(a + b)
    if pair.first_hz + pair.second_hz < RATE / 2:
        assert levels[1, 1] == pytest.approx(-20, abs=1e-9)
    else:
        assert np.isnan(levels[1, 1])
    assert levels[2, -1] < -150


def test_a_cubic_makes_the_third_order_products_of_algebra():
    exact = exact_pair(TonePair("x", 997, 1213), RATE, 0.2)
    both = 0.5 * (cosine(exact.first) + cosine(exact.second))
    levels = dict(zip(PRODUCTS, measures.product_levels_db(both**3, exact), strict=True))
    # (A cos a + A cos b)^3: 2 a - b has the amplitude 3 A^3 / 4, 3 a has A^3 / 4.
    assert levels[2, -1] == pytest.approx(20 * np.log10(0.75 / 8), abs=1e-9)
    assert levels[3, 0] == pytest.approx(20 * np.log10(0.25 / 8), abs=1e-9)


def test_products_have_names():
    assert [product_name(product) for product in ((1, 0), (-1, 1), (2, -1), (-1, 2), (1, 2))] == [
        "f1", "f2 - f1", "2 f1 - f2", "2 f2 - f1", "f1 + 2 f2",
    ]  # fmt: skip
