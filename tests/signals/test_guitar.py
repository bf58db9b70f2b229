"""The plucked string against what physics says of one. Pitch and decay are measured by FFT and by level, not by the
model's own formulas."""

from dataclasses import replace

import numpy as np
import pytest

from drywet.errors import SignalError
from drywet.signals import Guitar, Note, play

RATES = (44_100, 48_000, 96_000)
STEADY = Guitar(pick_spread=0.0, pick_noise=0.0)  # every pluck alike
HARMONIC = replace(STEADY, inharmonicity=(0.0,) * 6)
OPEN_STRINGS_HZ = {
    6: 82.407,
    5: 110.0,
    4: 146.832,
    3: 195.998,
    2: 246.942,
    1: 329.628,
}  # equal temperament, A4 = 440 Hz


def line_frequency(samples, sample_rate, near_hz, within=0.06):
    """Frequency of the strongest line near ``near_hz``, a semitone at most (Gauss window, parabola through the dB)."""
    t = np.linspace(-1, 1, len(samples))
    spectrum = np.abs(np.fft.rfft(samples * np.exp(-8 * t**2), 8 * len(samples)))
    bin_hz = sample_rate / (8 * len(samples))
    low, high = int(near_hz / (1 + within) / bin_hz), int(near_hz * (1 + within) / bin_hz) + 1
    peak = low + int(spectrum[low:high].argmax())
    a, b, c = np.log(spectrum[peak - 1 : peak + 2])
    return (peak + 0.5 * (a - c) / (a - 2 * b + c)) * bin_hz


def cents(measured_hz, expected_hz):
    return 1200 * np.log2(measured_hz / expected_hz)


def partial_levels(samples, sample_rate, fundamental_hz, count):
    window = np.blackman(len(samples))
    n = np.arange(len(samples))
    return np.array(
        [
            abs(np.sum(samples * window * np.exp(-2j * np.pi * k * fundamental_hz / sample_rate * n)))
            for k in range(1, count + 1)
        ]
    )


def t60_of_line(samples, sample_rate, frequency_hz, first_s, second_s, window_s):
    """60 dB decay time from the level of one partial at two times."""
    count = round(window_s * sample_rate)

    def level(at):
        start = round(at * sample_rate)
        return partial_levels(samples[start : start + count].astype(float), sample_rate, frequency_hz, 1)[0]

    return 3 * (second_s - first_s) / np.log10(level(first_s) / level(second_s))


@pytest.mark.parametrize("sample_rate", RATES)
@pytest.mark.parametrize(
    ("string", "fret"), [(6, 0), (6, 5), (5, 3), (4, 7), (3, 2), (2, 12), (1, 0), (1, 17), (1, 24)]
)
def test_a_note_is_within_three_cents_of_equal_temperament(string, fret, sample_rate):
    samples = play(Guitar(), [Note(string, fret, 0.0, 1.5)], sample_rate)
    expected = OPEN_STRINGS_HZ[string] * 2 ** (fret / 12)
    steady = samples[round(0.1 * sample_rate) : round(1.4 * sample_rate)]
    assert abs(cents(line_frequency(steady, sample_rate, expected), expected)) < 3


def test_tuning_and_concert_pitch_move_the_pitch():
    guitar = Guitar(tuning=(36, 43, 48, 53, 57, 62), a4_hz=432.0)
    samples = play(guitar, [Note(6, 0, 0.0, 1.5)])
    c2 = 432.0 / 440.0 * 65.406
    assert abs(cents(line_frequency(samples[4410:61_740], 44_100, c2), c2)) < 3


@pytest.mark.parametrize("sample_rate", RATES)
@pytest.mark.parametrize("semitones", [1.0, 2.0, 3.0])
def test_a_bend_arrives_at_its_pitch(semitones, sample_rate):
    note = Note(3, 7, 0.0, 1.6, bend=((0.2, 0.0), (0.5, semitones)))
    samples = play(Guitar(), [note], sample_rate)
    start, end = OPEN_STRINGS_HZ[3] * 2 ** (7 / 12), OPEN_STRINGS_HZ[3] * 2 ** ((7 + semitones) / 12)
    bent = samples[round(0.6 * sample_rate) : round(1.5 * sample_rate)]
    assert abs(cents(line_frequency(bent, sample_rate, end), end)) < 3
    unbent = samples[round(0.02 * sample_rate) : round(0.2 * sample_rate)]
    assert abs(cents(line_frequency(unbent, sample_rate, start), start)) < 10


def test_a_bend_makes_no_click():
    # second differences show a step; in a smooth bend they stay as small as in the steady note
    steady = play(STEADY, [Note(3, 7, 0.0, 1.6)]).astype(float)
    bent = play(STEADY, [Note(3, 7, 0.0, 1.6, bend=((0.2, 0.0), (0.5, 2.0)))]).astype(float)
    part = slice(round(0.19 * 44_100), round(0.55 * 44_100))
    assert np.abs(np.diff(bent[part], 2)).max() < 1.5 * np.abs(np.diff(steady[part], 2)).max()


def test_vibrato_pulls_the_string_up_by_its_depth_and_back():
    note = Note(2, 10, 0.0, 2.0, vibrato=0.5, vibrato_hz=1.0)  # up for half a second after 0.15 s, down again
    samples, pitch = play(Guitar(), [note]), OPEN_STRINGS_HZ[2] * 2 ** (10 / 12)
    top = samples[round(0.60 * 44_100) : round(0.70 * 44_100)]
    bottom = samples[round(1.10 * 44_100) : round(1.20 * 44_100)]
    assert cents(line_frequency(top, 44_100, pitch), pitch) == pytest.approx(50, abs=6)
    assert cents(line_frequency(bottom, 44_100, pitch), pitch) == pytest.approx(0, abs=6)


@pytest.mark.parametrize("sample_rate", RATES)
def test_the_lowest_string_sustains_as_long_as_the_guitar_says_at_any_rate(sample_rate):
    guitar = replace(STEADY, sustain_s=4.0)
    samples = play(guitar, [Note(6, 0, 0.0, 2.5)], sample_rate)
    assert t60_of_line(samples, sample_rate, 82.407, 0.2, 1.9, 0.5) == pytest.approx(4.0, rel=0.03)


@pytest.mark.parametrize("sample_rate", RATES)
def test_high_partials_decay_as_the_guitar_says_at_any_rate(sample_rate):
    guitar = replace(HARMONIC, sustain_s=6.0, sustain_high_s=0.8)
    samples = play(guitar, [Note(6, 0, 0.0, 2.0)], sample_rate)
    near_3_khz = 37 * 82.407  # no node of pick or pickup
    assert t60_of_line(samples, sample_rate, near_3_khz, 0.1, 0.6, 0.2) == pytest.approx(0.8, rel=0.1)


def test_a_palm_mute_decays_at_least_five_times_faster():
    open_string = play(STEADY, [Note(6, 3, 0.0, 2.0)])
    muted = play(STEADY, [Note(6, 3, 0.0, 2.0, palm_mute=1.0)])
    pitch = OPEN_STRINGS_HZ[6] * 2 ** (3 / 12)
    slow = t60_of_line(open_string, 44_100, pitch, 0.1, 1.0, 0.2)
    fast = t60_of_line(muted, 44_100, pitch, 0.05, 0.2, 0.1)
    assert slow > 5 * fast
    assert 0.1 < fast < 0.5


@pytest.mark.parametrize("fret", [0, 5, 12])
def test_picking_in_the_middle_of_the_string_silences_the_even_partials(fret):
    # sin(n pi / 2) = 0 for even n; the position is told for the open string, half the sounding part is 2^(-fret/12) / 2
    at_half = replace(HARMONIC, pick_position=0.5 * 2 ** (-fret / 12), pickup_position=0.11 * 2 ** (-fret / 12))
    pitch = OPEN_STRINGS_HZ[5] * 2 ** (fret / 12)
    levels = partial_levels(play(at_half, [Note(5, fret, 0.0, 1.0)])[4410:40_000], 44_100, pitch, 8)
    assert (levels[1::2] < 0.03 * levels[0::2]).all()


def test_a_pickup_at_a_third_of_the_string_does_not_hear_every_third_partial():
    at_third = replace(HARMONIC, pickup_position=1 / 3)
    levels = partial_levels(play(at_third, [Note(6, 0, 0.0, 1.0)])[4410:40_000], 44_100, 82.407, 12)
    assert levels[2::3].max() < 0.03 * np.delete(levels, [2, 5, 8, 11])[:4].min()


def test_a_stiff_string_stretches_its_partials():
    # f_k = k f_1 sqrt((1 + B k^2) / (1 + B)); the design is exact at the fundamental and near 2.5 kHz
    stiffness = 8e-5  # a wound E string of .046 inch
    guitar = replace(STEADY, inharmonicity=(stiffness,) * 6)
    samples = play(guitar, [Note(6, 0, 0.0, 2.0)])[4410:80_000]
    for k, tolerance in ((30, 3.0), (20, 10.0), (10, 10.0)):
        expected = k * 82.407 * np.sqrt((1 + stiffness * k**2) / (1 + stiffness))
        found = line_frequency(samples, 44_100, expected, within=0.4 / k)  # between its neighbours
        assert cents(found, k * 82.407) > 10
        assert abs(cents(found, expected)) < tolerance


def test_harder_plucks_are_louder_and_brighter():
    notes = [play(STEADY, [Note(5, 2, 0.0, 1.0, velocity=v)]).astype(float) for v in (0.1, 0.3, 0.5, 0.7, 0.9, 1.0)]
    assert (np.diff([np.abs(samples).max() for samples in notes]) > 0).all()
    assert (np.diff([np.sum(samples**2) for samples in notes]) > 0).all()
    brightness = [np.sum(np.diff(samples) ** 2) / np.sum(samples**2) for samples in notes]
    assert (np.diff(brightness) > 0).all()


def test_a_string_rings_one_note_at_a_time():
    first, second = Note(4, 2, 0.0, 3.0), Note(4, 7, 0.5, 1.0)
    together, alone = play(STEADY, [first, second]), play(STEADY, [replace(second, start=0.0)])
    # 5 ms after the second pluck nothing of the first is left: by then the pickup has stopped ringing, too
    np.testing.assert_allclose(together[22_050 + 220 :][:50_000], alone[220:][:50_000], atol=1e-6)


def test_plucking_a_ringing_string_again_makes_no_click():
    # the pick rests on the string first; the end of the old note is as smooth as the note itself
    ringing = play(STEADY, [Note(6, 0, 0.0, 1.0)]).astype(float)
    stopped = play(STEADY, [Note(6, 0, 0.0, 1.0), Note(6, 0, 0.5, 0.5)]).astype(float)
    part = slice(round(0.49 * 44_100), round(0.5 * 44_100))
    assert np.abs(np.diff(stopped[part])).max() < 2 * np.abs(np.diff(ringing[part])).max()


def test_two_strings_sound_as_the_sum_of_both():
    low, high = Note(6, 3, 0.1, 0.6), Note(2, 3, 0.3, 0.5)
    alone = [play(Guitar(), [note], seconds=1.2).astype(float) for note in (low, high)]
    np.testing.assert_allclose(play(Guitar(), [low, high], seconds=1.2), sum(alone), atol=1e-6)


def test_the_order_of_the_notes_does_not_matter():
    notes = [Note(6, 3, 0.1, 0.6), Note(2, 3, 0.3, 0.5), Note(6, 5, 0.4, 0.2)]
    np.testing.assert_array_equal(play(Guitar(), notes), play(Guitar(), notes[::-1]))


def test_where_nothing_rings_the_signal_is_exactly_zero():
    samples = play(Guitar(), [Note(6, 0, 0.2, 0.3), Note(1, 5, 1.5, 0.3)], seconds=2.5)
    assert not samples[: round(0.2 * 44_100)].any()
    assert not samples[round(0.8 * 44_100) : round(1.5 * 44_100)].any()
    assert not samples[round(2.1 * 44_100) :].any()


def test_a_damped_note_dies_without_a_click():
    samples = play(STEADY, [Note(5, 0, 0.0, 0.5)]).astype(float)
    held = np.abs(np.diff(samples[round(0.4 * 44_100) : round(0.5 * 44_100)])).max()
    assert np.abs(np.diff(samples[round(0.5 * 44_100) :])).max() < 1.5 * held
    assert np.abs(samples[round(0.65 * 44_100) :]).max() < 1e-3 * np.abs(samples).max()


def test_the_signal_has_no_dc_and_is_finite():
    chord = [Note(s, f, 0.0, 1.5) for s, f in ((6, 0), (5, 2), (4, 2), (3, 1), (2, 0), (1, 0))]
    samples = play(Guitar(), chord)
    assert samples.dtype == np.float32
    assert np.isfinite(samples).all()
    assert abs(samples.mean(dtype=float)) < 1e-5
    assert 0.05 < np.abs(samples).max() < 1


def test_the_seed_decides_what_no_player_repeats():
    notes = [Note(5, 3, 0.0, 0.3), Note(5, 3, 0.3, 0.3)]
    first = play(Guitar(), notes, seed=1)
    np.testing.assert_array_equal(first, play(Guitar(), notes, seed=1))
    assert not np.array_equal(first, play(Guitar(), notes, seed=2))
    assert not np.array_equal(first[:13_000], first[13_230:26_230])  # nor does he within a piece


def test_the_length_is_as_asked():
    assert len(play(Guitar(), [Note(1, 0, 0.0, 5.0)], 48_000, seconds=0.7)) == 33_600
    assert not play(Guitar(), [], seconds=0.1).any()


@pytest.mark.parametrize(
    ("note", "words"),
    [
        (Note(7, 0, 0.0, 1.0), "strings 1 to 6"),
        (Note(0, 0, 0.0, 1.0), "strings 1 to 6"),
        (Note(1, 25, 0.0, 1.0), "frets 0 to 24"),
        (Note(1, -1, 0.0, 1.0), "frets 0 to 24"),
        (Note(1, 0, -0.1, 1.0), "start"),
        (Note(1, 0, 0.0, 0.0), "duration"),
        (Note(1, 0, 0.0, 1.0, velocity=0.0), "velocity"),
        (Note(1, 0, 0.0, 1.0, velocity=1.2), "velocity"),
        (Note(1, 0, 0.0, 1.0, palm_mute=2.0), "palm_mute"),
        (Note(1, 0, 0.0, 1.0, bend=((0.5, 1.0), (0.2, 0.0))), "bend"),
    ],
)
def test_a_note_that_cannot_be_played_is_refused(note, words):
    with pytest.raises(SignalError, match=words):
        play(Guitar(), [note])


def test_too_low_a_sample_rate_is_refused_with_advice():
    with pytest.raises(SignalError, match="44100"):
        play(Guitar(), [Note(1, 0, 0.0, 1.0)], 8000)
    with pytest.raises(SignalError, match="44100"):
        play(Guitar(), [Note(1, 24, 0.0, 1.0, bend=((0.1, 12.0),))], 16_000)
