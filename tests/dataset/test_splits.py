import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drywet import audio, files, signals
from drywet.dataset import (
    Chain,
    Manifest,
    Recording,
    split_by_time,
    split_dataset,
    split_windows_at_random,
    write_manifest,
)
from drywet.errors import DatasetError, SettingsError, SignalError

RATE = 44_100


@given(length=st.integers(500_000, 10_000_000), gap=st.integers(0, 20_000))
def test_parts_are_in_order_and_a_gap_apart(length, gap):
    split = split_by_time(length, 44_100, gap)
    assert split.train.start == 0
    assert split.validation.start - split.train.stop == gap
    assert split.test.start - split.validation.stop == gap
    assert split.test.stop == length


def test_a_37_second_recording_is_cut_at_25_and_4_and_8_seconds():
    split = split_by_time(37 * 44_100, 44_100, 0)
    assert [(part.stop - part.start) / 44_100 for part in vars(split).values()] == [25, 4, 8]


def test_too_short_a_recording_says_how_long_the_parts_would_be():
    with pytest.raises(SignalError, match=r"44100 samples \(1.00 s\) are too few.*0\.\d\d s would remain for training"):
        split_by_time(44_100, 44_100, 100)


def test_random_rows_are_disjoint_complete_and_decided_by_the_seed():
    train, validation = split_windows_at_random(1000, 700, 25)
    assert len(train) == 700
    np.testing.assert_array_equal(np.sort(np.concatenate([train, validation])), np.arange(1000))
    np.testing.assert_array_equal(train, split_windows_at_random(1000, 700, 25)[0])
    assert not np.array_equal(train, split_windows_at_random(1000, 700, 26)[0])


def test_as_many_rows_as_windows_leave_nothing_to_validate():
    with pytest.raises(SignalError, match="1000 training windows are wanted, but the recording holds 1000"):
        split_windows_at_random(1000, 1000, 25)


def dataset_of(folder, clips, latency=0):
    """A dataset for training; ``clips`` maps a name to its dry signal. Wet is dry through a gain, late by ``latency``."""
    for name, dry in clips.items():
        audio.write(folder / f"{name}.wav", dry, RATE)
        audio.write(folder / f"{name}-wet.wav", np.roll(-0.5 * dry, latency), RATE)
    recordings = [
        Recording(
            id=name, clip=name, role="train", dry=f"{name}.wav", wet=f"{name}-wet.wav",
            dry_sha256=files.sha256(folder / f"{name}.wav"), wet_sha256=files.sha256(folder / f"{name}-wet.wav"),
        )
        for name in clips
    ]  # fmt: skip
    chain = Chain(sample_rate=RATE, latency=latency)
    return write_manifest(folder, Manifest(name="x", device="y", chain=chain, recording=recordings))


def test_a_recording_becomes_three_parts_of_the_same_files(tmp_path):
    """37 s are cut at 25, 4 and 8 s; gaps of half a second are taken from training."""
    dry = signals.training_track(RATE, 40.0)[3 * RATE :]
    before = dataset_of(tmp_path, {"a": dry})
    untouched = {path: path.read_bytes() for path in tmp_path.glob("*.wav")}
    after = split_dataset(tmp_path)
    assert [(r.id, r.clip, r.role) for r in after.manifest.recording] == [
        ("a-train", "a-train", "train"), ("a-validation", "a-validation", "validation"), ("a-test", "a-test", "test"),
    ]  # fmt: skip
    lengths = {r.role: len(after.load(r)) / RATE for r in after.manifest.recording}
    assert lengths == pytest.approx({"train": 24, "validation": 4, "test": 8})
    whole = before.load(before.manifest.recording[0])
    for r in after.manifest.recording:
        np.testing.assert_array_equal(after.load(r).wet, whole.wet[r.start : r.stop])
    assert after.manifest.recording[1].start - after.manifest.recording[0].stop == RATE // 2
    assert {path: path.read_bytes() for path in tmp_path.glob("*.wav")} == untouched


@pytest.mark.parametrize("latency", [0, 300, -300])
def test_a_recording_of_the_capture_signal_is_cut_where_the_signal_says(tmp_path, latency):
    signal = signals.capture_signal(RATE, 30.0)
    dataset_of(tmp_path, {"capture": signal}, latency)
    dataset = split_dataset(tmp_path)
    for recording in dataset.manifest.recording:
        start, stop = signals.capture_roles(signals.capture_sections(30.0))[recording.role]
        dry = dataset.load(recording).dry
        expected = signal[round(start * RATE) : round(stop * RATE)]
        assert abs(len(dry) - len(expected)) <= 1
        np.testing.assert_allclose(dry[:1000], expected[:1000], atol=2**-23)
        np.testing.assert_allclose(dataset.load(recording).wet[:1000], -0.5 * expected[:1000], atol=2**-22)


def test_recordings_of_one_dry_file_are_cut_at_the_same_places(tmp_path):
    dry = signals.training_track(RATE, 40.0)[3 * RATE :]
    dataset = dataset_of(tmp_path, {"a": dry})
    audio.write(tmp_path / "b.wav", 0.1 * dry, RATE)
    other = dataset.manifest.recording[0].model_copy(
        update={"id": "b", "wet": "b.wav", "wet_sha256": files.sha256(tmp_path / "b.wav")}
    )
    write_manifest(tmp_path, dataset.manifest.model_copy(update={"recording": [dataset.manifest.recording[0], other]}))
    parts = split_dataset(tmp_path).manifest.recording
    assert [(r.start, r.stop) for r in parts[:3]] == [(r.start, r.stop) for r in parts[3:]]


def test_only_the_named_recordings_are_cut(tmp_path):
    clips = {name: signals.training_track(RATE, 40.0, seed)[10 * RATE : 38 * RATE] for seed, name in enumerate("ab")}
    dataset_of(tmp_path, clips)
    dataset = split_dataset(tmp_path, ["b"])
    assert [r.id for r in dataset.manifest.recording] == ["a", "b-train", "b-validation", "b-test"]
    for ids, message in (
        ((), "say with --id which ones"),
        (["c"], "has no recording 'c'"),
        (["b-train"], "is a part of a file already"),
    ):
        with pytest.raises(DatasetError, match=message):
            split_dataset(tmp_path, ids)


def test_music_made_of_loops_cannot_be_cut_in_time(tmp_path):
    loop = signals.test_riffs(RATE, 5.0)["gallop"]
    dataset_of(tmp_path, {"loops": np.tile(loop, 6)})
    before = (tmp_path / "dataset.toml").read_bytes()
    with pytest.raises(DatasetError, match=r"loops-train \(train\) .* loops-(test|validation) .* share"):
        split_dataset(tmp_path)
    assert (tmp_path / "dataset.toml").read_bytes() == before


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"gap_seconds": -1}, SettingsError, "a gap of -1 s"),
        ({"gap_seconds": float("nan")}, SettingsError, "a gap of nan s"),
        ({"test_share": 0.95}, SettingsError, "0.108108 for validation and 0.95 for test"),
        ({"validation_share": 0}, SettingsError, "0 for validation"),
        ({"gap_seconds": 1000}, SignalError, "too few"),
    ],
)
def test_impossible_shares_and_gaps_are_refused(tmp_path, settings, error, message):
    dataset_of(tmp_path, {"a": signals.training_track(RATE, 12.0)[RATE:]})
    with pytest.raises(error, match=message):
        split_dataset(tmp_path, **settings)
