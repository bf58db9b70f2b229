import numpy as np
import pytest
import torch

from drywet import measures
from drywet.errors import SignalError

RNG = np.random.default_rng(1)
WET = RNG.standard_normal(4410)


@pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor], ids=["numpy", "torch"])
def test_ten_percent_too_quiet_is_one_percent_esr(kind):
    assert float(measures.esr(kind(WET), 0.9 * kind(WET))) == pytest.approx(0.01)


@pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor], ids=["numpy", "torch"])
def test_silence_scores_one_and_a_flipped_signal_four(kind):
    assert float(measures.esr(kind(WET), 0 * kind(WET))) == pytest.approx(1.0)
    assert float(measures.esr(kind(WET), -kind(WET))) == pytest.approx(4.0)


def test_each_row_has_its_own_ratio():
    wet = np.stack([WET, 2 * WET])
    np.testing.assert_allclose(measures.esr(wet, wet * [[0.9], [0.8]]), [0.01, 0.04])


def test_esr_agrees_with_auraloss():
    auraloss = pytest.importorskip("auraloss")
    wet = torch.as_tensor(WET[None, None])
    predicted = wet + 0.1 * torch.as_tensor(RNG.standard_normal(WET.shape))
    assert float(measures.esr(wet, predicted)[0, 0]) == pytest.approx(
        float(auraloss.time.ESRLoss()(predicted, wet)), rel=1e-6
    )


def test_pre_emphasis_of_a_sine_has_its_closed_form_gain():
    """|1 - a e^-jw|^2 = 1 - 2 a cos w + a^2, so an error at high frequency weighs more."""
    time = np.arange(44_100)
    low, high = (np.sin(2 * np.pi * f * time / 44_100) for f in (100, 10_000))
    gain = {f: 1 - 2 * 0.85 * np.cos(2 * np.pi * f / 44_100) + 0.85**2 for f in (100, 10_000)}
    expected = 0.01 * gain[10_000] / gain[100]
    assert measures.esr(low, low + 0.1 * high, pre_emphasis=0.85) == pytest.approx(expected, rel=0.01)


def test_mse_and_mae_of_a_constant_error():
    assert measures.mse(WET, WET + 0.5) == pytest.approx(0.25)
    assert measures.mae(WET, WET - 0.5) == pytest.approx(0.5)


def test_the_power_of_a_sine_is_half_its_squared_peak():
    sine = 3 * np.sin(2 * np.pi * 10 * np.arange(44_100) / 44_100)
    assert measures.power(sine) == pytest.approx(4.5)
    assert measures.power(np.full(8, 1e-30, np.float32)) == pytest.approx(1e-60)  # single precision would say silence


def test_the_dc_error_of_an_excerpt_is_relative_to_the_power_of_the_whole():
    assert measures.dc_error(np.zeros(10), np.full(10, 0.5), power=2.0) == pytest.approx(0.125)


@pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor], ids=["numpy", "torch"])
def test_the_dc_error_counts_the_offset_alone(kind):
    square_wave = np.tile([2.0, -2.0], 500)  # mean 0, mean square 4
    wet, predicted = np.stack([square_wave] * 2), np.stack([square_wave + 1, 0.5 * square_wave - 0.5])
    np.testing.assert_allclose(measures.dc_error(kind(wet), kind(predicted)), [1 / 4, 1 / 16])


def test_the_dc_error_agrees_with_auraloss():
    auraloss = pytest.importorskip("auraloss")
    wet = torch.as_tensor(WET[None, None])
    predicted = wet + 0.1 + 0.1 * torch.as_tensor(RNG.standard_normal(WET.shape))
    assert float(measures.dc_error(wet, predicted)[0, 0]) == pytest.approx(
        float(auraloss.time.DCLoss()(predicted, wet)), rel=1e-6
    )


@pytest.mark.parametrize("measure", [measures.esr, measures.mse, measures.mae, measures.dc_error])
def test_different_shapes_are_refused_with_both(measure):
    with pytest.raises(SignalError, match=r"\(4410,\).*\(4409,\)"):
        measure(WET, WET[1:])


@pytest.mark.parametrize("measure", [measures.esr, measures.dc_error])
def test_silent_wet_is_refused(measure):
    with pytest.raises(SignalError, match="silent"):
        measure(np.zeros(10), np.ones(10))
    with pytest.raises(SignalError, match="silent"):
        measure(np.stack([np.ones(10), np.zeros(10)]), np.ones((2, 10)))
