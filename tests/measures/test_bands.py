import numpy as np
import pytest
import torch
from scipy.signal import periodogram
from scipy.signal.windows import tukey

from drywet import measures
from drywet.errors import SignalError

RATE = 44_100
RNG = np.random.default_rng(12)
WET = RNG.standard_normal(RATE)
# IEC 61260-1, table E.1: nominal mid-band frequencies of third octaves
NOMINAL = [
    25, 31.5, 40, 50, 63, 80, 100, 125, 160, 200, 250, 315, 400, 500, 630, 800, 1000, 1250, 1600, 2000, 2500, 3150, 4000,
    5000, 6300, 8000, 10_000, 12_500, 16_000, 20_000,
]  # fmt: skip


def sine(frequency_hz):
    return np.sin(2 * np.pi * frequency_hz * np.arange(RATE) / RATE)


def band_of(nominal_hz):
    return NOMINAL.index(nominal_hz)


@pytest.mark.parametrize(("rate", "count"), [(44_100, 30), (96_000, 30), (32_000, 29), (16_000, 26)])
def test_bands_are_those_of_the_standard_up_to_the_nyquist_frequency(rate, count):
    found = measures.third_octave_esr(WET, WET, rate)
    np.testing.assert_allclose(found.centres_hz, NOMINAL[:count], rtol=0.02)  # nominal ones are rounded
    assert found.centres_hz[16] == 1000
    np.testing.assert_allclose(found.centres_hz[10:] / found.centres_hz[:-10], 10)


@pytest.mark.parametrize(("error_hz", "nominal"), [(1000, 1000), (1112, 1000), (1132, 1250), (80.3, 80), (7000, 6300)])
def test_an_error_in_one_band_is_found_there_and_nowhere_else(error_hz, nominal):
    """The edge between 1 kHz and 1.25 kHz is at 1122 Hz, that between 6.3 and 8 kHz at 7079 Hz.

    A second of sine k Hz from an edge has 1 / (2 pi^2 k) of its energy beyond it (the tail of sinc^2): here at most 0.54 %.
    """
    found = measures.third_octave_esr(WET, WET + 0.1 * sine(error_hz), RATE)
    band = band_of(nominal)
    assert np.argmax(found.esr) == band
    others = np.delete(found.share, band)
    assert others.max() < 0.006 * found.share[band]
    assert found.share[band] == pytest.approx(0.1**2 / 2, rel=0.05)  # over the power of wet, 1


def test_a_band_has_the_ratio_of_its_own_energies():
    wet = sine(200) + 0.1 * sine(5000)
    found = measures.third_octave_esr(wet, 0.9 * sine(200) + 0.05 * sine(5000), RATE)
    assert found.esr[band_of(200)] == pytest.approx(0.01, rel=1e-3)
    assert found.esr[band_of(5000)] == pytest.approx(0.25, rel=1e-3)
    assert found.share[band_of(5000)] == pytest.approx(0.05**2 / (1 + 0.1**2), rel=1e-3)


def test_shares_add_up_to_the_error_of_the_clip():
    wet, error = sine(300) + 0.3 * sine(3000), 0.1 * sine(440) + 0.02 * sine(9000)
    found = measures.third_octave_esr(wet, wet + error, RATE)
    assert found.share.sum() == pytest.approx(measures.esr(wet, wet + error), rel=1e-3)


def test_it_agrees_with_scipys_periodogram():
    error = 0.1 * RNG.standard_normal(RATE)
    window = tukey(RATE, 2 * 882 / RATE, sym=False)  # fades of 20 ms
    frequency, wet_density = periodogram(WET, RATE, window, detrend=False)
    _, error_density = periodogram(error, RATE, window, detrend=False)
    found = measures.third_octave_esr(WET, WET + error, RATE)
    for band, centre in enumerate(found.centres_hz[:-1]):
        within = (frequency >= centre / 10**0.05) & (frequency < centre * 10**0.05)
        expected = error_density[within].sum() / wet_density[within].sum()
        assert found.esr[band] == pytest.approx(expected, rel=0.005)


def test_hiss_where_the_device_has_nothing_is_finite_and_large():
    found = measures.third_octave_esr(sine(200), sine(200) + 1e-3 * sine(8000), RATE)
    assert found.esr[band_of(8000)] == pytest.approx(1e-6 / 1e-8, rel=1e-3)
    assert np.isfinite(found.esr).all()


def test_arrays_and_tensors_score_alike_row_by_row_with_finite_gradients():
    wet = RNG.standard_normal((3, 10_000))
    predicted = 0.9 * wet + 0.1 * RNG.standard_normal((3, 10_000))
    expected = [measures.third_octave_esr(w, p, RATE).esr for w, p in zip(wet, predicted, strict=True)]
    np.testing.assert_allclose(measures.third_octave_esr(wet, predicted, RATE).esr, expected, rtol=1e-10)
    tensor = torch.tensor(predicted, requires_grad=True)
    found = measures.third_octave_esr(torch.tensor(wet), tensor, RATE)
    np.testing.assert_allclose(found.esr.detach(), expected, rtol=1e-9)
    found.esr.sum().backward()
    assert torch.isfinite(tensor.grad).all()


@pytest.mark.parametrize(
    ("wet", "predicted", "message"),
    [
        (WET, WET[1:], "44099"),
        (0 * WET, WET, "silent"),
        (WET, np.full(RATE, np.nan), "NaN"),
        (WET[:8819], WET[:8819], "8819 samples are too few for third octaves from 25 Hz; 8820"),
    ],
)
def test_what_has_no_spectrum_is_refused(wet, predicted, message):
    with pytest.raises(SignalError, match=message):
        measures.third_octave_esr(wet, predicted, RATE)
