import numpy as np
import pytest

from drywet import measures
from drywet.errors import SignalError
from drywet.measures.masking import _ear

RATE = 48_000
RNG = np.random.default_rng(14)


def tone(frequency_hz, level_db=0.0, rate=RATE, seconds=1.0):
    return 10 ** (level_db / 20) * np.sin(2 * np.pi * frequency_hz * np.arange(round(seconds * rate)) / rate)


def nmr(wet, error, rate=RATE):
    return measures.noise_to_mask_ratio_db(wet, wet + error, rate)


def bark(frequency_hz):
    return 7 * np.arcsinh(frequency_hz / 650)


def hertz(z):
    return 650 * np.sinh(z / 7)


def test_an_error_beside_the_tone_is_hidden_and_the_same_error_far_away_is_not():
    wet = tone(1000)
    beside, far = (nmr(wet, tone(frequency, -45)) for frequency in (1100, 5000))
    assert beside < -10
    assert far > beside + 25


def test_masking_reaches_further_up_than_down():
    """The slopes of BS.1387 for a tone of 92 dB at 1 kHz: -27 dB/Bark down, about -6 dB/Bark up."""
    wet = tone(1000)
    above, below = (nmr(wet, tone(hertz(bark(1000) + distance), -50)) for distance in (3, -3))
    assert above < below - 20


def test_louder_sounds_mask_further_up():
    """The upward slope falls by 0.2 dB/Bark for each dB of level: by 18 dB at 3 Bark for 30 dB, minus that of hearing."""
    peak = tone(50)  # far below, it only fixes the playback level
    error_hz = hertz(bark(1000) + 3)
    loud, soft = (nmr(peak + tone(1000, level), tone(error_hz, level - 30)) for level in (0, -30))
    assert soft > loud + 10


def test_a_faint_error_in_silence_is_measured_against_the_threshold_of_hearing():
    """By hand, at 1 kHz: weight of the ear -1.91 dB, internal noise 1.456 dB less 3 dB offset, one band of 109.

    The wet tone at 15 kHz plays at 92 dB and hides nothing down there; the Hann window spreads the error over 1.5 bins.
    """
    level = 10.0  # dB SPL
    weight = -2.184 + 6.5 * np.exp(-0.6 * 2.3**2) - 0.001
    expected = level + 10 * np.log10(1.5) + weight - (1.456 - 3.0) - 10 * np.log10(109)
    found = nmr(tone(15_000), tone(1000, level - 92))
    assert found == pytest.approx(expected, abs=0.5)
    # Hearing is 35 dB less keen at 100 Hz: by the same formulas 0.1^-0.8 = 6.31 replaces 1 twice.
    at_100_hz = nmr(tone(15_000), tone(100, level - 92))
    weight_100 = -2.184 * 6.31 + 6.5 * np.exp(-0.6 * 3.2**2)
    assert at_100_hz - found == pytest.approx((weight_100 - weight) - 1.456 * (6.31 - 1), abs=1.5)


def test_six_decibels_more_error_are_six_decibels_more_ratio():
    wet, error = tone(500) + tone(2500, -20), 0.01 * RNG.standard_normal(RATE)
    errors = [measures.noise_to_mask_ratio_db(wet, (1 + gain) * wet, RATE) for gain in (0.01, 0.02)]
    assert errors[1] - errors[0] == pytest.approx(20 * np.log10(2), abs=0.01)
    assert 0 < nmr(wet, 2 * error) - nmr(wet, error) <= 6.1


def test_what_rings_on_hides_what_comes_after_and_not_what_came_before():
    half = RATE // 2
    burst = np.concatenate([tone(800, seconds=0.5), np.zeros(half)])
    error = np.zeros(RATE)
    error[half : half + 1000] = 1e-3 * RNG.standard_normal(1000)  # right after the burst
    assert nmr(burst, error) < nmr(burst[::-1], error[::-1]) - 1


def test_spreading_is_that_of_the_recommendation_written_out():
    """Kabal's eqns for one frame, one pair of bands at a time."""
    ear = _ear(RATE, 2048)
    count = len(ear.centres_hz)
    assert count == 109  # BS.1387-1, table 8, basic version
    assert (ear.centres_hz[0], ear.centres_hz[-1]) == (pytest.approx(91.708, abs=0.01), pytest.approx(17_690, abs=5))

    def spread(energies):
        total = np.zeros(count)
        for source in range(count):
            level_db = 10 * np.log10(energies[source])
            slope_up = -24 - 230 / ear.centres_hz[source] + 0.2 * level_db  # dB/Bark
            distance = 0.25 * (np.arange(count) - source)
            shape = 10 ** (np.where(distance <= 0, 27 * distance, slope_up * distance) / 10)
            total += (energies[source] * shape / shape.sum()) ** 0.4
        return total**2.5

    energies = 10 ** RNG.uniform(0, 8, count)
    np.testing.assert_allclose(ear.spread(energies[None])[0], spread(energies) / spread(np.ones(count)), rtol=1e-9)


def test_each_bin_between_80_hz_and_18_khz_is_shared_out_once():
    ear = _ear(RATE, 2048)
    shares = ear.bands.sum(1)
    np.testing.assert_allclose(shares[4:768], 1)  # 93.75 Hz to 17.98 kHz
    assert ear.bands.sum() * RATE / 2048 == pytest.approx(18_000 - 80)


def test_neither_the_level_of_the_recording_nor_the_sample_rate_matters_much():
    expected = nmr(tone(440), tone(2000, -40))
    assert nmr(0.01 * tone(440), 0.01 * tone(2000, -40)) == pytest.approx(expected, abs=1e-6)
    for rate in (44_100, 96_000):
        assert nmr(tone(440, rate=rate), tone(2000, -40, rate), rate) == pytest.approx(expected, abs=0.6)


def test_a_sample_of_delay_and_an_inversion_are_not_heard():
    noise = RNG.standard_normal(RATE)
    wet, late = noise[1:], noise[:-1]
    assert measures.esr(wet, late) > 1
    assert measures.noise_to_mask_ratio_db(wet, late, RATE) < measures.noise_to_mask_ratio_db(wet, 0 * wet, RATE) - 15
    assert measures.noise_to_mask_ratio_db(wet, -wet, RATE) == -100


def test_a_silent_prediction_of_noise_scores_what_the_mask_lies_below_the_sound():
    """3 dB of offset below 12 Bark, up to 6.75 dB above, less what each band gains from its neighbours."""
    noise = RNG.standard_normal(RATE)
    silent = measures.noise_to_mask_ratio_db(noise, 0 * noise, RATE)
    assert 0 < silent < 6.75
    assert silent - measures.noise_to_mask_ratio_db(noise, 0.5 * noise, RATE) == pytest.approx(
        20 * np.log10(2), abs=0.01
    )


@pytest.mark.parametrize(
    ("wet", "predicted", "message"),
    [
        (tone(440), tone(440)[1:], "47999"),
        (0 * tone(440), tone(440), "silent"),
        (tone(440), np.full(RATE, np.nan), "predicted holds NaN"),
        (np.ones((2, 9000)), np.ones((2, 9000)), "one clip"),
        (np.ones(2047), np.ones(2047), "2047 samples are shorter than a frame of the ear model, 2048"),
    ],
)
def test_what_has_no_mask_is_refused(wet, predicted, message):
    with pytest.raises(SignalError, match=message):
        measures.noise_to_mask_ratio_db(wet, predicted, RATE)
