import numpy as np
import pytest
import torch
from scipy.signal import lfilter

from drywet import measures
from drywet.errors import SignalError

# IEC 61672-1, table of frequency weightings: nominal frequency in Hz, A-weight in dB to one decimal place. The values
# hold at the exact third-octave frequencies 1000 * 10^(n / 10).
TABLE = {
    10: -70.4, 12.5: -63.4, 16: -56.7, 20: -50.5, 25: -44.7, 31.5: -39.4, 40: -34.6, 50: -30.2, 63: -26.2, 80: -22.5,
    100: -19.1, 125: -16.1, 160: -13.4, 200: -10.9, 250: -8.6, 315: -6.6, 400: -4.8, 500: -3.2, 630: -1.9, 800: -0.8,
    1000: 0.0, 1250: 0.6, 1600: 1.0, 2000: 1.2, 2500: 1.3, 3150: 1.2, 4000: 1.0, 5000: 0.5, 6300: -0.1, 8000: -1.1,
    10_000: -2.5, 12_500: -4.3, 16_000: -6.6, 20_000: -9.3,
}  # fmt: skip
RATES = [44_100, 48_000, 96_000]


def exact(nominal_hz):
    return 1000 * 10 ** (round(10 * np.log10(nominal_hz / 1000)) / 10)


def sine(frequency_hz, sample_rate, seconds=0.5):
    return np.sin(2 * np.pi * frequency_hz * np.arange(round(seconds * sample_rate)) / sample_rate)


def level_db(signal):
    return 10 * np.log10(np.mean(signal**2))


def test_the_curve_is_the_table_of_the_standard():
    gain_db = 20 * np.log10(measures.a_weighting(np.array([exact(nominal) for nominal in TABLE])))
    np.testing.assert_allclose(gain_db, list(TABLE.values()), atol=0.06)  # the table is rounded to 0.1 dB


@pytest.mark.parametrize("sample_rate", RATES)
def test_the_filter_is_as_close_to_the_table_as_its_page_says(sample_rate):
    taps = measures.a_weighting_filter(sample_rate)
    for nominal, expected in TABLE.items():
        if nominal < 40:
            continue
        turns = exact(nominal) / sample_rate * np.arange(len(taps))
        error = 20 * np.log10(abs(np.sum(taps * np.exp(-2j * np.pi * turns)))) - expected
        promised = 0.01 if nominal >= 315 else 0.1 if nominal >= 80 else 0.3
        assert abs(error) < promised + 0.05, nominal  # 0.05 for the rounding of the table


@pytest.mark.parametrize("sample_rate", RATES)
def test_the_filter_is_within_a_hundredth_of_a_decibel_of_the_curve_from_315_hz(sample_rate):
    taps = measures.a_weighting_filter(sample_rate)
    gain = np.abs(np.fft.rfft(taps, 2**16))
    frequency = np.fft.rfftfreq(2**16, 1 / sample_rate)
    heard = (frequency >= 315) & (frequency <= 20_000)
    np.testing.assert_allclose(20 * np.log10(gain[heard] / measures.a_weighting(frequency[heard])), 0, atol=0.01)


@pytest.mark.parametrize("sample_rate", RATES)
def test_nearly_all_of_the_filter_is_in_its_first_millisecond(sample_rate):
    taps = measures.a_weighting_filter(sample_rate)
    assert len(taps) == 1 + round(0.012 * sample_rate)
    assert np.sum(taps[: sample_rate // 1000] ** 2) > 0.99 * np.sum(taps**2)


@pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor], ids=["numpy", "torch"])
@pytest.mark.parametrize(("frequency_hz", "expected_db"), [(100, -19.1), (1000, 0.0), (10_000, -2.5)])
def test_a_sine_leaves_with_its_weight(kind, frequency_hz, expected_db):
    signal = sine(frequency_hz, 44_100)
    weighted = np.asarray(measures.apply_a_weighting(kind(signal), 44_100))
    settled = slice(4410, 4410 + 35_280)  # whole periods, after the onset
    assert level_db(weighted[settled]) - level_db(signal[settled]) == pytest.approx(expected_db, abs=0.1)


def test_weighting_is_plain_convolution_from_silence():
    signal = np.random.default_rng(5).standard_normal((2, 1000))
    expected = lfilter(measures.a_weighting_filter(48_000), [1.0], signal)
    np.testing.assert_allclose(measures.apply_a_weighting(signal, 48_000), expected, atol=1e-12)


def test_an_error_at_100_hz_weighs_19_db_less_than_one_at_1_khz():
    wet = sine(1000, 44_100)
    assert measures.a_weighted_esr(wet, 0.9 * wet, 44_100) == pytest.approx(0.01)
    hum = measures.a_weighted_esr(wet, wet + 0.1 * sine(100, 44_100), 44_100)
    assert 10 * np.log10(hum / 0.01) == pytest.approx(-19.1, abs=0.1)


def test_arrays_and_tensors_score_alike():
    wet, predicted = np.random.default_rng(6).standard_normal((2, 3, 5000))
    expected = measures.a_weighted_esr(wet, predicted, 44_100)
    assert expected.shape == (3,)
    found = measures.a_weighted_esr(torch.as_tensor(wet), torch.as_tensor(predicted), 44_100)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-9)


def test_single_precision_stays_single_and_close():
    signal = np.random.default_rng(7).standard_normal(5000).astype(np.float32)
    for weighted in (
        measures.apply_a_weighting(signal, 44_100),
        measures.apply_a_weighting(torch.as_tensor(signal), 44_100).numpy(),
    ):
        assert weighted.dtype == np.float32
        np.testing.assert_allclose(weighted, measures.apply_a_weighting(signal.astype(float), 44_100), atol=1e-5)


def test_silent_wet_is_refused():
    with pytest.raises(SignalError, match="silent"):
        measures.a_weighted_esr(np.zeros(1000), np.ones(1000), 44_100)
