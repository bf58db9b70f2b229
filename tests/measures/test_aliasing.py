"""Oracle: the Fourier series of tanh(A sin x) in closed form.

tanh z is the sum of 2 z / (z^2 + c^2) over c = pi/2, 3 pi/2, ... (its partial fractions), and with a = c / A and
r = sqrt(1 + a^2) - a, sin x / (sin^2 x + a^2) is the sum of 2 r^m sin(m x) / sqrt(1 + a^2) over odd m (a geometric
series in r exp(i x)). So the m-th coefficient is the sum of 4 r^m / (A sqrt(1 + a^2)) over c. What lies above half the
sample rate is folded by sampling.
"""

import numpy as np
import pytest

from drywet import measures
from drywet.errors import SignalError
from drywet.measures.aliasing import excess_asr, midi_hz, prime_from

RATE = 44_100


def tanh_coefficients(amplitude, highest):
    """Coefficients of sin(m x) in tanh(amplitude sin x), odd m up to ``highest``."""
    a = (np.arange(1, 20_001) - 0.5) * np.pi / amplitude
    decay, weight = np.sqrt(1 + a**2) - a, 4 / (amplitude * np.sqrt(1 + a**2))
    terms = {m: 20_000 if m < 5 else 1000 for m in range(1, highest, 2)}  # for higher m they fall off faster
    return {m: float(np.sum(weight[:count] * decay[:count] ** m)) for m, count in terms.items()}


def computed_asr(amplitude, sine):
    series = tanh_coefficients(amplitude, 40 * sine.length // (2 * sine.bin) + 3)
    harmonic = sum(b**2 for m, b in series.items() if 2 * m * sine.bin < sine.length)
    return sum(b**2 for m, b in series.items() if 2 * m * sine.bin > sine.length) / harmonic


def played(sine, amplitude=1.0, first=0):
    n = first + np.arange(sine.length)
    return amplitude * np.sin(2 * np.pi * sine.bin * n / sine.length)


def test_the_closed_form_is_the_series_of_tanh():
    x = np.linspace(0, np.pi, 50)
    series = tanh_coefficients(3.0, 200)
    np.testing.assert_allclose(
        sum(b * np.sin(m * x) for m, b in series.items()), np.tanh(3 * np.sin(x)), atol=2e-4
    )  # what 20000 partial fractions leave out


@pytest.mark.parametrize("note", [60, 84, 93, 100])
@pytest.mark.parametrize("level_db", [-6, -20])
def test_asr_of_a_static_tanh_agrees_with_its_computed_spectrum_within_a_tenth_of_a_db(note, level_db):
    sine = measures.exact_sine(midi_hz(note), RATE)
    drive = 300 * 10 ** (level_db / 20)
    found = measures.aliasing_to_signal_ratio(np.tanh(drive * played(sine)), sine)
    assert 10 * np.log10(found / computed_asr(drive, sine)) == pytest.approx(0, abs=0.1)
    assert found > 1e-8  # aliasing, not rounding


def test_a_planted_alias_has_its_ratio_and_an_offset_has_none():
    sine = measures.exact_sine(1000, RATE, 0.2)
    n = np.arange(sine.length)
    alias = 0.01 * np.cos(2 * np.pi * 777 * n / sine.length)
    wet = played(sine) + 0.5 * played(measures.ExactSine(2 * sine.bin, sine.length, RATE)) + alias + 0.3
    assert measures.aliasing_to_signal_ratio(wet, sine) == pytest.approx(0.01**2 / (1 + 0.5**2), rel=1e-9)


def test_the_phase_at_which_analysis_begins_does_not_matter():
    sine = measures.exact_sine(2000, RATE, 0.2)
    early, late = (
        measures.aliasing_to_signal_ratio(np.tanh(20 * played(sine, first=first)), sine) for first in (0, 1234)
    )
    assert late == pytest.approx(early, rel=1e-6)


def test_a_linear_filter_and_gain_do_not_alias():
    sine = measures.exact_sine(440, RATE, 0.2)
    assert measures.aliasing_to_signal_ratio(0.2 * played(sine), sine) < 1e-20


def test_what_the_device_does_itself_is_not_held_against_the_model():
    assert excess_asr(3e-6, 1e-6) == pytest.approx(2e-6)
    assert excess_asr(1e-6, 3e-6) == 0


def test_an_exact_sine_is_near_its_note_and_prime_in_length():
    for rate in (44_100, 48_000, 96_000):
        sine = measures.exact_sine(440, rate, 0.2)
        assert abs(sine.frequency_hz - 440) <= 2.5
        assert all(sine.length % divisor for divisor in range(2, 400))
    assert [prime_from(number) for number in (1, 14, 44_100)] == [2, 17, 44_101]


def test_what_has_no_asr_is_refused():
    sine = measures.exact_sine(440, RATE, 0.1)
    with pytest.raises(SignalError, match="nothing sounds"):
        measures.aliasing_to_signal_ratio(np.zeros(sine.length), sine)
    with pytest.raises(SignalError, match="the exact bins want"):
        measures.aliasing_to_signal_ratio(np.ones(100), sine)
    with pytest.raises(SignalError, match="NaN"):
        measures.aliasing_to_signal_ratio(np.full(sine.length, np.nan), sine)
    with pytest.raises(SignalError, match="no exact bin"):
        measures.exact_sine(30_000, RATE)
