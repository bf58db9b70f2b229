"""Training track, test riffs, validation riff: levels, places, lengths, and that they share no material."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from scipy.signal import resample_poly

from drywet import signals
from drywet.errors import SignalError
from drywet.signals.riffs import TEST_RIFFS, VALIDATION
from drywet.signals.tablature import read_tab
from drywet.signals.training_track import GUITARS, training_passages

RATE = 44_100
NAMES = ["gallop", "arpeggio", "lead", "chords", "drop", "picking"]


@pytest.fixture(scope="module")
def track():
    return signals.training_track()


@pytest.fixture(scope="module")
def riffs():
    return signals.test_riffs()


@pytest.fixture(scope="module")
def validation():
    return signals.validation_riff()


def part(track, name, seconds=180.0):
    """The samples of the one section whose name begins so."""
    (section,) = [s for s in signals.training_sections(seconds) if s.name.startswith(name)]
    return track[round(section.start_s * RATE) : round(section.stop_s * RATE)]


def peak_db(samples):
    return 20 * np.log10(np.abs(samples).max())


def test_the_sections_fill_the_track_without_gaps():
    sections = signals.training_sections()
    assert sections[0].start_s == 0
    assert sections[-1].stop_s == 180
    assert all(before.stop_s == after.start_s for before, after in pairwise(sections))
    assert all(section.reason for section in sections)
    assert len({section.name for section in sections}) == len(sections)


@pytest.mark.parametrize(("sample_rate", "seconds"), [(44_100, 5.0), (48_000, 7.77), (22_050, 4.0), (96_000, 6.001)])
def test_shorter_tracks_are_exact_in_length_and_keep_every_section(sample_rate, seconds):
    track = signals.training_track(sample_rate, seconds)
    assert track.shape == (round(seconds * sample_rate),)
    assert np.isfinite(track).all()
    whole = [section.stop_s / 180.0 for section in signals.training_sections()]
    np.testing.assert_allclose([s.stop_s / seconds for s in signals.training_sections(seconds)], whole, atol=1e-8)
    for section in signals.training_sections(seconds):
        samples = track[round(section.start_s * sample_rate) : round(section.stop_s * sample_rate)]
        assert samples.any() == ("silence" not in section.name), section.name


def test_the_track_is_three_minutes_of_float32_within_full_scale(track):
    assert track.shape == (180 * RATE,)
    assert track.dtype == np.float32
    assert np.abs(track).max() <= 10 ** (-3 / 20) + 1e-6
    assert abs(track.mean(dtype=float)) < 2e-4
    assert track[0] == track[-1] == 0


@pytest.mark.parametrize("name", ["clicks", "closing clicks"])
def test_clicks_stand_at_a_third_and_two_thirds_of_their_section(track, name):
    clicked = part(track, name)
    np.testing.assert_allclose(np.flatnonzero(clicked), [len(clicked) / 3, 2 * len(clicked) / 3], atol=1)
    assert set(clicked[clicked != 0]) == {np.float32(0.5)}


@pytest.mark.parametrize(("name", "least_s"), [("silence", 2.0), ("closing silence", 3.0)])
def test_silence_is_exactly_zero(track, name, least_s):
    assert not part(track, name).any()
    assert len(part(track, name)) > least_s * RATE


@pytest.mark.parametrize("level_db", [-30, -20, -10, -3])
def test_the_four_sweeps_are_the_same_sweep_at_exactly_their_levels(track, level_db):
    sweep, loudest = part(track, f"sweep {level_db} dBFS"), part(track, "sweep -3 dBFS")
    assert peak_db(sweep) == pytest.approx(level_db, abs=0.01)
    count = min(len(sweep), len(loudest))  # lengths differ by a sample where the edges are rounded
    middle = slice(1000, count // 2)
    np.testing.assert_allclose(
        sweep[middle], loudest[middle] * 10 ** ((level_db + 3) / 20), atol=2e-3 * np.abs(sweep).max()
    )


@pytest.mark.parametrize("color", ["white", "pink"])
def test_noise_rises_evenly_from_60_to_3_db_below_full_scale(track, color):
    noise = part(track, f"{color} noise").astype(float)
    assert peak_db(noise) == pytest.approx(-3, abs=0.01)
    blocks = np.array_split(noise, 9)
    levels = [20 * np.log10(np.sqrt(np.mean(block**2))) for block in blocks]
    np.testing.assert_allclose(np.diff(levels), 57 / 9, atol=1.2)


def test_every_guitar_passage_peaks_within_a_decibel_of_its_name(track):
    passages = [s for s in signals.training_sections() if "guitar" in s.name]
    stated = [float(s.name.rsplit(",", 1)[1].removesuffix(" dBFS")) for s in passages]
    measured = [peak_db(track[round(s.start_s * RATE) : round(s.stop_s * RATE)]) for s in passages]
    np.testing.assert_allclose(measured, stated, atol=1)
    assert (min(stated), max(stated)) == (-30, -3)


def test_guitar_passages_fill_most_of_the_track_and_begin_and_end_without_a_click(track):
    passages = [s for s in signals.training_sections() if "guitar" in s.name]
    assert sum(s.stop_s - s.start_s for s in passages) > 120
    for section in passages:
        samples = track[round(section.start_s * RATE) : round(section.stop_s * RATE)]
        assert np.abs(samples[[0, -1]]).max() < 1e-4


def test_training_shows_what_a_player_does():
    """Over all seeds: low and high notes, mutes, bends, vibrato, fast repeats, chords, rests."""
    for seed in range(5):
        passages = training_passages(seed=seed)
        notes = [note for passage in passages for note in passage.notes]
        assert max(note.fret for note in notes) >= 19
        assert min(passage.guitar.tuning[0] for passage in passages) <= 36  # C2
        assert sum(note.palm_mute > 0 for note in notes) > 40
        assert sum(bool(note.bend) for note in notes) > 5
        assert sum(note.vibrato > 0 for note in notes) > 2
        velocities = [note.velocity for note in notes]
        assert np.percentile(velocities, 5) < 0.45 < 0.9 < np.percentile(velocities, 98)
    assert len({passage.guitar for passage in passages}) >= 4


def test_the_seed_decides_the_track():
    first = signals.training_track(seconds=6.0, seed=1)
    np.testing.assert_array_equal(first, signals.training_track(seconds=6.0, seed=1))
    assert not np.array_equal(first, signals.training_track(seconds=6.0, seed=2))


def test_too_short_a_track_is_refused():
    with pytest.raises(SignalError, match="4 s"):
        signals.training_track(seconds=1.0)


def test_there_are_six_riffs_as_long_as_asked_and_always_the_same(riffs):
    assert list(riffs) == NAMES
    for name, again in signals.test_riffs().items():
        assert riffs[name].shape == (8 * RATE,)
        np.testing.assert_array_equal(riffs[name], again)
    assert all(len(riff) == 36_015 for riff in signals.test_riffs(48_000, 0.7503125).values())


def test_riffs_have_levels_of_passive_pickups_and_differ_in_them(riffs):
    peaks = {name: float(np.abs(riff).max()) for name, riff in riffs.items()}
    assert all(0.15 <= peak <= 0.5 for peak in peaks.values()), peaks
    assert min(abs(a - b) for a, b in combinations(peaks.values(), 2)) > 0.01


def test_riffs_begin_and_end_without_a_click_and_have_no_dc(riffs, validation):
    for riff in (*riffs.values(), validation):
        assert riff.dtype == np.float32
        assert np.isfinite(riff).all()
        assert np.abs(riff[[0, -1]]).max() < 1e-5
        assert abs(riff.mean(dtype=float)) < 1e-4


def test_riffs_differ_in_speed_and_complexity():
    plucks = {name: len(TEST_RIFFS[name].notes(8.0)) / 8 for name in NAMES}
    assert plucks["gallop"] > 2 * plucks["arpeggio"]
    assert plucks["drop"] > 2 * plucks["lead"]
    assert any(note.bend for note in TEST_RIFFS["lead"].notes(8.0))
    assert max(note.fret for note in TEST_RIFFS["lead"].notes(8.0)) >= 20
    assert np.mean([note.palm_mute > 0 for note in TEST_RIFFS["gallop"].notes(8.0)]) > 0.7
    assert not any(note.palm_mute for note in TEST_RIFFS["arpeggio"].notes(8.0))
    assert TEST_RIFFS["drop"].guitar.tuning[0] < 36


def test_validation_has_several_levels(validation):
    assert validation.shape == (12 * RATE,)
    peaks = [peak_db(piece) for piece in np.array_split(validation, 3)]
    assert max(peaks) - min(peaks) > 10
    assert len(signals.validation_riff(48_000, 5.0)) == 240_000


def test_no_two_roles_share_a_guitar():
    training, test = set(GUITARS.values()), {riff.guitar for riff in TEST_RIFFS.values()}
    validation = {riff.guitar for riff in VALIDATION}
    assert len(test) == 6
    assert len(training | test | validation) == len(training) + len(test) + len(validation)


def melody(guitar, notes, gap_s=0.03):
    """Lowest MIDI note of each stroke in time; what starts within ``gap_s`` is one stroke."""
    strokes = []
    for note in sorted(notes, key=lambda note: note.start):
        midi = guitar.tuning[len(guitar.tuning) - note.string] + note.fret
        if strokes and note.start - strokes[-1][0] < gap_s:
            strokes[-1][1] = min(strokes[-1][1], midi)
        else:
            strokes.append([note.start, midi])
    return [midi for _, midi in strokes]


def figures(guitar, notes, length=8):
    """Every run of ``length`` strokes with at least three different notes, whatever its key, tempo and rhythm."""
    line = melody(guitar, notes)
    runs = [line[i : i + length] for i in range(len(line) - length + 1)]
    return {tuple(midi - run[0] for midi in run) for run in runs if len(set(run)) >= 3}


def test_a_transposed_copy_would_be_found():
    riff = TEST_RIFFS["arpeggio"]
    notes, _ = read_tab("6.1 6.3 6.4 5.1 5.3 5.4 4.1 4.3 4.1", 0.2)
    copy, _ = read_tab("5.3 5.5 5.6 4.3 4.5 4.6 3.3 3.5 3.3", 0.11)
    assert figures(riff.guitar, notes) == figures(riff.guitar, copy) != set()


def test_training_validation_and_test_share_no_figure_of_eight_strokes():
    training = set().union(*(figures(p.guitar, p.notes) for p in training_passages()))
    validation = set().union(*(figures(riff.guitar, riff.notes(12.0)) for riff in VALIDATION))
    test = set().union(*(figures(riff.guitar, riff.notes(8.0)) for riff in TEST_RIFFS.values()))
    assert min(map(len, (training, validation, test))) > 30
    assert not training & validation
    assert not training & test
    assert not validation & test


def largest_correlation(excerpts_of, track, rate):
    """Largest normalised cross-correlation of any second of ``excerpts_of`` (every half second) with ``track``."""
    count = 1 << (len(track) + rate).bit_length()
    spectrum = np.fft.rfft(track, count)
    sums = np.concatenate([[0.0], np.cumsum(track**2)])
    energy = np.sqrt(np.maximum(sums[rate:] - sums[:-rate], 0))
    audible = energy > 1e-3 * energy.max()
    best = 0.0
    for start in range(0, len(excerpts_of) - rate + 1, rate // 2):
        excerpt = excerpts_of[start : start + rate]
        products = np.fft.irfft(spectrum * np.conj(np.fft.rfft(excerpt, count)), count)[: len(energy)]
        best = max(best, float(np.max(np.abs(products[audible]) / energy[audible]) / np.linalg.norm(excerpt)))
    return best


def test_no_second_of_a_test_or_validation_riff_sounds_in_the_training_track(track, riffs, validation):
    # below 2.7 kHz, where the energy is; 1 is a copy at any level or polarity
    factor = 8
    rate = RATE // factor
    slow_track = resample_poly(track.astype(float), 1, factor)
    planted = resample_poly(-0.1 * track[60 * RATE + 5 : 62 * RATE].astype(float), 1, factor)
    assert largest_correlation(planted, slow_track, rate) > 0.97  # a copy half a slow sample off
    for riff in (*riffs.values(), validation):
        assert largest_correlation(resample_poly(riff.astype(float), 1, factor), slow_track, rate) < 0.75
