import numpy as np
import pytest
import torch
from scipy.signal import ShortTimeFFT, get_window

from drywet import measures
from drywet.errors import SignalError
from drywet.measures.spectral import RESOLUTIONS, mel_filters

RNG = np.random.default_rng(4)
WET = RNG.standard_normal(8000)
PREDICTED = WET + 0.3 * RNG.standard_normal(8000)
KINDS = pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor], ids=["numpy", "torch"])


@KINDS
@pytest.mark.parametrize("gain", [0.5, 0.9, 3.0])
def test_a_wrong_gain_costs_its_distance_from_one_and_its_logarithm(kind, gain):
    expected = abs(1 - gain) + abs(np.log(gain))
    assert float(measures.mrstft(kind(WET), gain * kind(WET))) == pytest.approx(expected, rel=1e-4)


@KINDS
def test_identical_and_inverted_signals_are_at_no_distance(kind):
    assert float(measures.mrstft(kind(WET), kind(WET))) == 0
    assert float(measures.mrstft(kind(WET), -kind(WET))) == 0


def test_it_agrees_with_auraloss_where_that_reflects_the_ends():
    auraloss = pytest.importorskip("auraloss")
    theirs, ours = [], []
    for fft_size, hop, window_length in RESOLUTIONS:
        stft_loss = auraloss.freq.STFTLoss(fft_size, hop, window_length)
        stft_loss.window = stft_loss.window.double()
        theirs.append(float(stft_loss(torch.as_tensor(PREDICTED[None, None]), torch.as_tensor(WET[None, None]))))
        # Their frames are centred on multiples of the hop, and the signal is reflected before its start.
        wet, predicted = (np.pad(signal, window_length // 2, mode="reflect") for signal in (WET, PREDICTED))
        ours.append(measures.mrstft(wet, predicted, resolutions=[(fft_size, hop, window_length)]))
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    complete = auraloss.freq.MultiResolutionSTFTLoss()
    for stft_loss in complete.stft_losses:
        stft_loss.window = stft_loss.window.double()
    value = float(complete(torch.as_tensor(PREDICTED[None, None]), torch.as_tensor(WET[None, None])))
    assert np.mean(ours) == pytest.approx(value, rel=1e-5)


@pytest.mark.parametrize(("fft_size", "hop", "window_length"), RESOLUTIONS)
def test_it_agrees_with_the_formula_on_scipys_spectrogram(fft_size, hop, window_length):
    transform = ShortTimeFFT(get_window("hann", window_length), hop, fs=1, mfft=fft_size)
    first, last = transform.lower_border_end[1], transform.upper_border_begin(len(WET))[1]  # frames within the signal
    s, p = (np.abs(transform.stft(signal, p0=first, p1=last)) for signal in (WET, PREDICTED))
    expected = np.sqrt(np.sum((s - p) ** 2) / np.sum(s**2)) + np.mean(np.abs(np.log(s) - np.log(p)))
    start = first * hop - transform.m_num_mid  # scipy centres its frames on multiples of the hop
    same = slice(start, start + (last - first - 1) * hop + window_length)
    found = measures.mrstft(WET[same], PREDICTED[same], resolutions=[(fft_size, hop, window_length)])
    assert found == pytest.approx(expected, rel=1e-5)


def test_arrays_and_tensors_score_alike_row_by_row():
    wet, predicted = RNG.standard_normal((2, 3, 4000))
    expected = [measures.mrstft(w, p) for w, p in zip(wet, predicted, strict=True)]
    np.testing.assert_allclose(measures.mrstft(wet, predicted), expected, rtol=1e-12)
    np.testing.assert_allclose(measures.mrstft(torch.as_tensor(wet), torch.as_tensor(predicted)), expected, rtol=1e-9)


def test_the_distance_does_not_depend_on_the_level_of_the_recording():
    assert measures.mrstft(1e-4 * WET, 1e-4 * PREDICTED) == pytest.approx(measures.mrstft(WET, PREDICTED), rel=1e-9)


def test_noise_80_db_down_behind_a_note_hardly_counts():
    """Without a floor the bins between the harmonics would differ by whole nepers."""
    note = np.sin(2 * np.pi * 440 / 44_100 * np.arange(44_100))
    hiss = 10 ** (-90 / 20) * RNG.standard_normal(44_100)
    assert measures.mrstft(note, note + hiss) < 0.1


def test_an_excerpt_measured_against_noise_of_its_own_power_scores_nearly_the_same():
    """The power stands for ||S||: for white noise the two agree but for chance."""
    wet, predicted = np.tile(WET, 4), np.tile(PREDICTED, 4)
    own = measures.mrstft(wet, predicted)
    assert measures.mrstft(wet, predicted, power=float(np.mean(wet**2))) == pytest.approx(own, rel=0.01)
    # Both parts see the track: twice as loud a track halves the spectral convergence, and leaves the logarithms.
    logarithms = 2 * measures.mrstft(wet, predicted, power=4 * float(np.mean(wet**2))) - own
    convergence = own - logarithms
    assert 0.1 < convergence < 0.3


def test_a_silent_excerpt_of_a_recording_is_finite_and_silence_is_right():
    silence, hiss = np.zeros(2000), 1e-3 * RNG.standard_normal(2000)
    assert measures.mrstft(silence, silence, power=1.0) == 0
    assert 0 < measures.mrstft(silence, hiss, power=1.0) < 5


@pytest.mark.parametrize(
    ("wet", "predicted"),
    [(WET, WET), (WET, 0 * WET), (0 * WET, WET), (0 * WET, 0 * WET)],
    ids=["identical", "silent prediction", "silent wet", "silence"],
)
def test_gradients_are_finite_where_roots_and_logarithms_end(wet, predicted):
    predicted = torch.tensor(predicted, dtype=torch.float32, requires_grad=True)
    measures.mrstft(torch.tensor(wet, dtype=torch.float32), predicted, power=1.0).backward()
    assert torch.isfinite(predicted.grad).all()


def test_the_gradient_is_the_slope():
    wet = torch.tensor(WET[:1500])
    predicted = torch.tensor(PREDICTED[:1500], requires_grad=True)
    measures.mrstft(wet, predicted).backward()
    direction = RNG.standard_normal(1500)
    ahead, behind = (measures.mrstft(WET[:1500], PREDICTED[:1500] + step * direction) for step in (1e-6, -1e-6))
    assert float(predicted.grad @ torch.tensor(direction)) == pytest.approx((ahead - behind) / 2e-6, rel=1e-4)


@pytest.mark.parametrize(
    ("wet", "predicted", "message"),
    [
        (WET, WET[1:], "7999"),
        (WET[:1199], WET[:1199], "1199 samples are shorter than the longest STFT window, 1200"),
        (0 * WET, WET, "silent"),
        (np.stack([WET, 0 * WET]), np.stack([WET, WET]), "silent"),
    ],
)
def test_what_has_no_distance_is_refused(wet, predicted, message):
    with pytest.raises(SignalError, match=message):
        measures.mrstft(wet, predicted)


@KINDS
@pytest.mark.parametrize("gain_db", [-3.0, 1.0])
def test_a_decibel_of_gain_is_a_decibel_of_log_mel_error(kind, gain_db):
    assert float(measures.log_mel_error(kind(WET), 10 ** (gain_db / 20) * kind(WET), 44_100)) == pytest.approx(
        abs(gain_db), rel=1e-4
    )
    assert float(measures.log_mel_error(kind(WET), -kind(WET), 44_100)) == 0


def test_log_mel_agrees_with_the_formula_on_scipys_spectrogram():
    rate, length, hop = 44_100, 2048, 512
    transform = ShortTimeFFT(get_window("hann", length), hop, fs=rate)
    first, last = transform.lower_border_end[1], transform.upper_border_begin(len(WET))[1]  # frames within the signal
    corners = 700 * (10 ** (np.linspace(0, np.log10(1 + 20_000 / 700), 82)) - 1)  # Hz, equally spaced in mel
    triangles = np.array([np.interp(transform.f, corners[i : i + 3], [0, 1, 0]) for i in range(80)])
    s, p = (triangles @ np.abs(transform.stft(signal, p0=first, p1=last)) ** 2 for signal in (WET, PREDICTED))
    start = first * hop - transform.m_num_mid
    same = slice(start, start + (last - first - 1) * hop + length)
    found = measures.log_mel_error(WET[same], PREDICTED[same], rate)
    assert found == pytest.approx(np.mean(np.abs(10 * np.log10(s / p))), rel=1e-4)


def test_log_mel_of_arrays_and_tensors_is_alike_row_by_row_and_its_gradient_is_the_slope():
    wet, predicted = RNG.standard_normal((2, 3, 4000))
    expected = [measures.log_mel_error(w, p, 44_100) for w, p in zip(wet, predicted, strict=True)]
    np.testing.assert_allclose(measures.log_mel_error(wet, predicted, 44_100), expected, rtol=1e-12)
    tensor = torch.tensor(predicted, requires_grad=True)
    found = measures.log_mel_error(torch.tensor(wet), tensor, 44_100)
    np.testing.assert_allclose(found.detach(), expected, rtol=1e-9)
    found.sum().backward()
    direction = RNG.standard_normal((3, 4000))
    ahead, behind = (measures.log_mel_error(wet, predicted + step * direction, 44_100).sum() for step in (1e-6, -1e-6))
    assert float((tensor.grad * torch.tensor(direction)).sum()) == pytest.approx((ahead - behind) / 2e-6, rel=1e-4)


def test_log_mel_of_a_silent_prediction_is_the_distance_to_the_floor():
    """White noise has the same energy in each bin on average, and the floor lies 80 dB below it."""
    noise = RNG.standard_normal(100_000)
    assert measures.log_mel_error(noise, 0 * noise, 44_100) == pytest.approx(80, abs=1.5)


def test_hiss_far_below_a_note_hardly_counts_in_log_mel():
    note = np.sin(2 * np.pi * 440 / 44_100 * np.arange(44_100))
    assert measures.log_mel_error(note, note + 10 ** (-100 / 20) * RNG.standard_normal(44_100), 44_100) < 0.1


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000, 96_000])
def test_no_mel_band_is_empty_at_any_rate(rate):
    assert mel_filters(rate, 2 ** round(np.log2(0.0464 * rate))).sum(0).min() > 0.5


@pytest.mark.parametrize(
    ("wet", "predicted", "message"),
    [
        (WET, WET[1:], "7999"),
        (WET[:2047], WET[:2047], "2047 samples are shorter than a frame of the mel spectrogram, 2048"),
        (0 * WET, WET, "silent"),
        (WET, np.full(8000, np.inf), "predicted holds NaN or infinity"),
    ],
)
def test_what_has_no_log_mel_error_is_refused(wet, predicted, message):
    with pytest.raises(SignalError, match=message):
        measures.log_mel_error(wet, predicted, 44_100)
