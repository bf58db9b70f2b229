"""The capture signal: its parts, roles, levels and repeat, and that a file of it explains itself."""

from itertools import pairwise

import numpy as np
import pytest
import soundfile

from drywet import audio, signals
from drywet.errors import SignalError

RATE = 44_100


@pytest.fixture(scope="module")
def capture():
    return signals.capture_signal(RATE, 60.0)


def cut(samples, start_s, stop_s, rate=RATE):
    return samples[round(start_s * rate) : round(stop_s * rate)]


def parts(samples, seconds, name):
    return [cut(samples, s.start_s, s.stop_s) for s in signals.capture_sections(seconds) if s.name.startswith(name)]


def test_sections_fill_the_signal_and_each_has_a_name_of_its_own_and_a_reason():
    sections = signals.capture_sections(180.0)
    assert (sections[0].start_s, sections[-1].stop_s) == (0, 180)
    assert all(before.stop_s == after.start_s for before, after in pairwise(sections))
    assert all(section.reason for section in sections)
    assert len({section.name for section in sections}) == len(sections)


def test_clicks_stand_at_both_ends_and_are_single_samples(capture):
    for clicked in (*parts(capture, 60.0, "clicks"), *parts(capture, 60.0, "closing clicks")):
        np.testing.assert_allclose(np.flatnonzero(clicked), [len(clicked) / 3, 2 * len(clicked) / 3], atol=1)


def test_silences_and_pauses_are_exact_zeros(capture):
    silent = [p for name in ("silence", "closing silence", "pause") for p in parts(capture, 60.0, name)]
    assert len(silent) == 5
    assert not any(part.any() for part in silent)


@pytest.mark.parametrize("name", ["sweep", "multitone"])
def test_sweeps_and_multitones_peak_at_the_levels_in_their_names(capture, name):
    sections = [s for s in signals.capture_sections(60.0) if s.name.startswith(name)]
    assert len(sections) >= 3
    for section in sections:
        stated = float(section.name.split()[1])
        assert audio.peak_dbfs(cut(capture, section.start_s, section.stop_s)) == pytest.approx(stated, abs=0.01)


def test_the_repeated_passage_is_the_same_to_the_bit_and_both_times_in_the_test(tmp_path):
    for seconds in (20.0, 33.3, 61.7):
        audio.write(tmp_path / "capture.wav", signals.capture_signal(RATE, seconds), RATE)
        samples, _ = audio.read(tmp_path / "capture.wav")
        first, again = parts(samples, seconds, "chords riff")
        count = min(len(first), len(again))
        assert abs(len(first) - len(again)) <= 1
        np.testing.assert_array_equal(first[:count], again[:count])
        assert first[: count // 2].any()
        assert {s.role for s in signals.capture_sections(seconds) if "chords" in s.name} == {"test"}


def test_roles_are_one_stretch_each_in_order_with_pauses_between():
    roles = signals.capture_roles(signals.capture_sections(180.0))
    assert list(roles) == ["train", "validation", "test"]
    assert roles["validation"][0] - roles["train"][1] == pytest.approx(0.5)
    assert roles["test"][0] - roles["validation"][1] == pytest.approx(0.5)
    for section in signals.capture_sections(180.0):
        inside = [role for role, (start, stop) in roles.items() if start <= section.start_s and section.stop_s <= stop]
        assert inside == ([section.role] if section.role else [])


@pytest.mark.parametrize("peak_dbfs", [-20.0, -3.0, 0.0])
def test_the_peak_is_what_was_asked_for_and_nothing_clips(tmp_path, peak_dbfs):
    samples = signals.capture_signal(RATE, 20.0, peak_dbfs=peak_dbfs)
    assert audio.peak_dbfs(samples) == pytest.approx(peak_dbfs, abs=1e-3)
    assert audio.write(tmp_path / "capture.wav", samples, RATE) == 0
    assert soundfile.info(tmp_path / "capture.wav").subtype == "PCM_24"


def test_the_seed_draws_training_only():
    one, two = (signals.capture_signal(RATE, 20.0, seed) for seed in (1, 2))
    roles = signals.capture_roles(signals.capture_sections(20.0))
    np.testing.assert_array_equal(one, signals.capture_signal(RATE, 20.0, 1))
    assert not np.array_equal(cut(one, *roles["train"]), cut(two, *roles["train"]))
    np.testing.assert_array_equal(cut(one, *roles["test"]), cut(two, *roles["test"]))


@pytest.mark.parametrize(("sample_rate", "seconds"), [(48_000, 20.0), (16_000, 21.234), (96_000, 20.5)])
def test_any_length_and_rate_is_exact_in_length(sample_rate, seconds):
    assert signals.capture_signal(sample_rate, seconds).shape == (round(seconds * sample_rate),)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seconds": 19.0}, "20 to 3600 s long, not 19"),
        ({"seconds": 1e9}, "not 1e"),
        ({"seconds": float("nan")}, "not nan"),
        ({"peak_dbfs": 0.1}, "-40 to 0 dBFS, not 0.1"),
        ({"peak_dbfs": -60.0}, "not -60"),
        ({"sample_rate": 8_000}, "too low for a pickup"),
    ],
)
def test_impossible_wishes_are_refused(arguments, message):
    with pytest.raises(SignalError, match=message):
        signals.capture_signal(**arguments)


def dithered_to_16_bit(samples):
    noise = np.random.default_rng(1).uniform(-1, 1, len(samples))
    return (np.round(samples * 32767 + noise) / 32768).astype(np.float32)


CHANGES = {
    "as it is": lambda s: (s, RATE, 0.0),
    "20 dB quieter and inverted": lambda s: (-0.1 * s, RATE, 0.0),
    "16 bit with dither": lambda s: (dithered_to_16_bit(s), RATE, 0.0),
    "converted to 48 kHz": lambda s: (audio.resample(s, RATE, 48_000), 48_000, 0.0),
    "converted to 22.05 kHz": lambda s: (audio.resample(s, RATE, 22_050), 22_050, 0.0),
    "a second later": lambda s: (np.concatenate([np.zeros(RATE, np.float32), s]), RATE, 1.0),
    "with a tail": lambda s: (np.concatenate([s, np.zeros(12_345, np.float32)]), RATE, 0.0),
    "without its first 100 ms": lambda s: (s[RATE // 10 :], RATE, -0.1),
    "without its last 50 ms": lambda s: (s[: -RATE // 20], RATE, 0.0),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_capture_signal_is_known_whatever_a_program_did_to_the_file(capture, change):
    samples, rate, offset_s = CHANGES[change](capture)
    known = signals.explain(samples, rate)
    assert known.kind == "capture signal"
    assert known.seconds == pytest.approx(60.0, abs=1e-3)
    assert known.offset_s == pytest.approx(offset_s, abs=1e-3)
    expected = signals.capture_sections(60.0)
    assert [s.name for s in known.sections] == [s.name for s in expected]
    np.testing.assert_allclose(
        [s.stop_s for s in known.sections], [s.stop_s + offset_s for s in expected], rtol=0, atol=1e-3
    )


@pytest.mark.parametrize("seconds", [20.0, 33.3, 77.7777777])
def test_lengths_are_told_from_the_clicks(seconds):
    assert signals.explain(signals.capture_signal(48_000, seconds), 48_000).seconds == pytest.approx(seconds, abs=1e-4)


def test_a_training_track_is_known_too():
    assert signals.explain(signals.training_track(RATE, 10.0), RATE).kind == "training track"


def test_other_signals_are_not_taken_for_ours(capture):
    rng = np.random.default_rng(0)
    middle = len(capture) // 2
    with_a_click_lost = capture.copy()
    with_a_click_lost[np.flatnonzero(capture)[1]] = 0
    with_noise_in_a_silence = capture + 0.01 * rng.standard_normal(len(capture)).astype(np.float32)
    repeat_replaced = capture.copy()
    start, stop = next((s.start_s, s.stop_s) for s in signals.capture_sections(60.0) if s.name.endswith("again"))
    repeat_replaced[round(start * RATE) : round(stop * RATE)] = capture[
        middle : middle + round(stop * RATE) - round(start * RATE)
    ]
    others = [
        np.zeros(1000), np.ones(1), np.eye(1, 100_000, 500)[0], rng.normal(0, 0.1, 100_000),
        signals.test_riffs(RATE, 2.0)["lead"], capture[: middle], np.tanh(4 * capture), with_a_click_lost,
        with_noise_in_a_silence, repeat_replaced,
    ]  # fmt: skip
    assert [signals.explain(np.asarray(other, np.float32), RATE) for other in others] == [None] * len(others)


def test_the_rows_of_a_known_signal_tell_role_level_and_reason(capture):
    rows = signals.explain_parts(capture, RATE)
    assert len(rows) == len(signals.capture_sections(60.0))
    sweep = next(row for row in rows if row["name"] == "sweep -10 dBFS")
    assert (sweep["role"], sweep["peak_dbfs"]) == ("train", pytest.approx(-10, abs=0.01))
    assert sweep["rms_dbfs"] == pytest.approx(-13.01, abs=0.05)  # a sine stands 3.01 dB below its peak
    assert next(row for row in rows if row["name"] == "silence")["peak_dbfs"] is None


def test_of_an_unknown_file_sounds_and_silences_are_told():
    tone = signals.sine(440, 1.0, RATE, amplitude=0.1)
    quiet = np.zeros(RATE, np.float32)
    rows = signals.explain_parts(np.concatenate([quiet, tone, quiet[: RATE // 4], tone]), RATE)
    assert [(row["name"], row["start_s"], row["stop_s"]) for row in rows] == [("silence", 0, 1), ("sound", 1, 3.25)]
    assert rows[1]["peak_dbfs"] == pytest.approx(-20, abs=0.01)
