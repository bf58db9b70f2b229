import numpy as np
import pytest

from drywet import measures
from drywet.errors import SignalError

RATES = pytest.mark.parametrize("rate", [44_100, 48_000, 96_000])


def sine(rate, seconds, level_dbfs=0.0, frequency_hz=997.0):
    return 10 ** (level_dbfs / 20) * np.sin(2 * np.pi * frequency_hz * np.arange(round(seconds * rate)) / rate)


@RATES
def test_a_full_scale_sine_of_997_hz_has_minus_three_lufs(rate):
    """BS.1770-4, annex 1: -3.01 LKFS."""
    assert measures.integrated_loudness(sine(rate, 2.0), rate) == pytest.approx(-3.01, abs=0.02)


def test_the_filters_at_48_khz_are_those_of_the_recommendation():
    """BS.1770-4, tables 1 and 2."""
    shelf = [1.53512485958697, -2.69169618940638, 1.19839281085285, 1.0, -1.69065929318241, 0.73248077421585]
    high_pass = [1.0, -2.0, 1.0, 1.0, -1.99004745483398, 0.99007225036621]
    np.testing.assert_allclose(measures.k_weighting(48_000), [shelf, high_pass], atol=1e-8)


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_it_agrees_with_pyloudnorm(rate, dry):
    pyloudnorm = pytest.importorskip("pyloudnorm")
    clip = np.concatenate([dry, 0.01 * dry, 0.1 * dry]).astype(float)  # both gates have something to do
    theirs = pyloudnorm.Meter(rate, filter_class="DeMan").integrated_loudness(clip)
    assert measures.integrated_loudness(clip, rate) == pytest.approx(theirs, abs=0.01)


def test_quiet_stretches_are_gated_out():
    """EBU Tech 3341, case 3: -23 LUFS from two channels, so 3.01 less from one."""
    clip = np.concatenate([sine(48_000, 10, -36, 1000), sine(48_000, 60, -23, 1000), sine(48_000, 10, -36, 1000)])
    assert measures.integrated_loudness(clip, 48_000) == pytest.approx(-23 - 3.01, abs=0.1)


def test_the_absolute_gate_drops_silence():
    clip = np.concatenate([sine(48_000, 4, -30), np.zeros(8 * 48_000)])
    assert measures.integrated_loudness(clip, 48_000) == pytest.approx(-33.01, abs=0.2)


@pytest.mark.parametrize("gain_db", [-6.0, -0.1, 0.0, 1.0])
def test_a_gain_is_a_loudness_difference(dry, gain_db):
    loud = 10 ** (gain_db / 20) * dry
    assert measures.loudness_difference(dry, loud, 44_100) == pytest.approx(gain_db, abs=0.001)


def test_a_passage_that_is_too_loud_shows_in_the_short_term_though_it_hides_in_the_integrated():
    wet = sine(16_000, 30, -20)
    predicted = wet * np.where(np.arange(len(wet)) < 6 * 16_000, 10 ** (3 / 20), 1.0)
    assert measures.loudness_difference(wet, predicted, 16_000) < 0.8
    assert measures.short_term_loudness_difference(wet, predicted, 16_000) == pytest.approx(3.0, abs=0.01)


def test_rests_are_not_compared_in_the_short_term():
    wet = np.concatenate([sine(48_000, 5, -20), sine(48_000, 5, -60)])
    predicted = np.concatenate([wet[: 5 * 48_000], 4 * wet[5 * 48_000 :]])  # 12 dB, where nobody listens
    assert measures.short_term_loudness_difference(wet, predicted, 48_000) < 0.1


def test_short_term_loudness_is_that_of_each_three_seconds():
    clip = np.concatenate([sine(48_000, 4, -20), np.zeros(4 * 48_000)])
    found = measures.short_term_loudness(clip, 48_000)
    assert len(found) == 1 + (80 - 30)
    assert found[0] == pytest.approx(-23.01, abs=0.02)
    assert found[25] == pytest.approx(-23.01 + 10 * np.log10(1.5 / 3), abs=0.02)  # 2.5 s to 5.5 s, half of it silent
    assert found[-1] == -70


def test_a_silent_prediction_is_as_quiet_as_the_gate():
    wet = sine(48_000, 4, -20)
    assert measures.loudness_difference(wet, 0 * wet, 48_000) == pytest.approx(-70 + 23.01, abs=0.02)
    assert measures.short_term_loudness_difference(wet, 0 * wet, 48_000) == pytest.approx(70 - 23.01, abs=0.02)


@pytest.mark.parametrize(
    ("clip", "message"),
    [
        (np.zeros(48_000), "louder than -70"),
        (1e-5 * sine(48_000, 1), "louder than -70"),
        (sine(48_000, 0.399), "0.399 s is too short"),
        (np.append(sine(48_000, 1), np.nan), "NaN"),
        (np.ones((2, 48_000)), "one clip"),
    ],
)
def test_what_has_no_loudness_is_refused(clip, message):
    with pytest.raises(SignalError, match=message):
        measures.integrated_loudness(clip, 48_000)


def test_differences_refuse_what_has_none():
    clip = sine(48_000, 2.9)
    with pytest.raises(SignalError, match="2.900 s is too short for a loudness over 3 s"):
        measures.short_term_loudness_difference(clip, clip, 48_000)
    with pytest.raises(SignalError, match="predicted holds NaN"):
        measures.loudness_difference(clip, np.full_like(clip, np.nan), 48_000)
    with pytest.raises(SignalError, match="139200"):
        measures.loudness_difference(clip, clip[1:], 48_000)
    with pytest.raises(SignalError, match="-70 LUFS"):
        measures.short_term_loudness_difference(np.zeros(4 * 48_000), np.zeros(4 * 48_000), 48_000)
