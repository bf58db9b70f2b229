import json
import shutil

import numpy as np
import pytest

from drywet import audio, files
from drywet.dataset import Chain, Dataset, Manifest, Recording, write_manifest
from drywet.errors import DatasetError, SettingsError, SignalError


@pytest.fixture
def folder(small_dataset, tmp_path):
    """A copy to damage."""
    return shutil.copytree(small_dataset.folder, tmp_path / "copy")


def edit(folder, old, new):
    path = folder / "dataset.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_recordings_are_found_by_role_and_knobs(small_dataset):
    assert [r.clip for r in small_dataset.recordings("test", {"drive": "3:00"})] == ["chords", "lead"]
    assert [r.id for r in small_dataset.recordings("train", {"drive": 0.2})] == ["track-900"]
    assert len(small_dataset.recordings("test")) == 4


def test_knobs_that_were_not_recorded_say_what_was(small_dataset):
    with pytest.raises(
        DatasetError, match="no recording for test at drive 12:00; there are test recordings at: .*9:00"
    ):
        small_dataset.recordings("test", {"drive": "12:00"})


def test_identity_follows_the_content_not_the_names(small_dataset, folder):
    assert Dataset(folder).sha256 == small_dataset.sha256
    edit(folder, 'name = "small"', 'name = "renamed"')
    assert Dataset(folder).sha256 == small_dataset.sha256
    edit(folder, 'role = "validation"', 'role = "train"')
    edit(folder, 'role = "validation"', 'role = "train"')
    assert Dataset(folder).sha256 != small_dataset.sha256


def test_a_changed_file_is_noticed(folder):
    audio.write(folder / "track.wav", np.ones(100, np.float32), 44_100)
    dataset = Dataset(folder)
    with pytest.raises(DatasetError, match=r"track\.wav: has changed since the dataset was made"):
        dataset.load(dataset.recordings("train")[0])


def test_a_missing_file_is_named(folder):
    (folder / "track-900.wav").unlink()
    dataset = Dataset(folder)
    with pytest.raises(DatasetError, match=r"track-900\.wav: named by .*there is no such file"):
        dataset.load(dataset.recordings("train")[0])


def test_the_same_audio_in_two_roles_is_refused(folder):
    shutil.copy(folder / "track.wav", folder / "riff.wav")
    manifest = (folder / "dataset.toml").read_text()
    track, riff = (r.dry_sha256 for r in Dataset(folder).manifest.recording[::2][:2])
    (folder / "dataset.toml").write_text(manifest.replace(riff, track))
    with pytest.raises(DatasetError, match="hold the same dry audio; training, validation and test never share audio"):
        Dataset(folder)


@pytest.mark.parametrize("path", ["../secret.wav", "/etc/passwd", "a/../../b.wav", "C:\\x.wav", "a\nb.wav"])
def test_paths_stay_inside_the_folder(folder, path):
    edit(folder, 'dry = "track.wav"', f"dry = {json.dumps(path)}")
    with pytest.raises(SettingsError, match=r"stays in its folder|no line breaks"):
        Dataset(folder)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("device", "devise", "did you mean 'device'"),
        ('role = "train"', 'role = "practice"', "recording.0.role"),
        ('drive = "9:00"', '"dri\\u001bve" = "9:00"', "no line breaks or control characters"),
        ("format = 1", "format = 2", "format"),
        ('id = "track-900"', 'id = "track\\n900"', "no line breaks"),
        ("[chain]", "[chain", "not readable as TOML"),
        ('id = "track-900"', 'id = "track-300"', "names 2 recordings"),
    ],
)
def test_mistakes_in_the_manifest_are_explained(folder, old, new, message):
    edit(folder, old, new)
    with pytest.raises((SettingsError, DatasetError), match=message):
        Dataset(folder)


def test_a_folder_without_a_manifest_is_no_dataset(tmp_path):
    with pytest.raises(DatasetError, match=r"holds no dataset\.toml"):
        Dataset(tmp_path)


def test_a_hand_written_manifest_needs_no_optional_fields(folder):
    recording = Dataset(folder).manifest.recording[0]
    files.write_text(
        folder / "dataset.toml",
        f"""
        format = 1
        name = "by hand"
        device = "pedal"
        [chain]
        sample_rate = 44100
        [[recording]]
        id = "one"
        clip = "one"
        role = "train"
        dry = "{recording.dry}"
        wet = "{recording.wet}"
        dry_sha256 = "{recording.dry_sha256}"
        wet_sha256 = "{recording.wet_sha256}"
        """,
    )
    dataset = Dataset(folder)
    assert len(dataset.load(dataset.recordings("train")[0])) == 4 * 44_100


MOVEMENT = 'drive = [[0.0, "9:00"], [2.5, 0.8]]'


def test_a_knob_may_move_within_a_recording(folder, small_dataset):
    edit(folder, 'drive = "9:00"', MOVEMENT)
    dataset = Dataset(folder)
    moving = dataset.manifest.recording[0]
    assert (moving.id, moving.role) == ("track-900", "train")
    np.testing.assert_allclose(moving.movements()["drive"].at(np.array([0.0, 1.25, 9.0])), [0.2, 0.5, 0.8])
    np.testing.assert_allclose(dataset.load(moving).controls["drive"].at(np.array([1.25])), [0.5])
    assert dataset.sha256 != small_dataset.sha256
    written = write_manifest(folder, dataset.manifest)
    assert written.sha256 == dataset.sha256


def test_only_knobs_that_stand_still_match_a_position(folder):
    edit(folder, 'drive = "9:00"', MOVEMENT)
    dataset = Dataset(folder)
    assert [recording.id for recording in dataset.recordings("train")] == ["track-900", "track-300"]
    for position in ("9:00", "12:00"):
        with pytest.raises(
            DatasetError, match="at drive .*; .* recordings at: drive 3:00; drive 9:00 at 0 s to 0.8 at"
        ):
            dataset.recordings("train", {"drive": position})


def test_a_part_of_a_recording_keeps_its_movement(folder):
    edit(folder, 'drive = "9:00"', MOVEMENT)
    dataset = Dataset(folder)
    part = dataset.load(dataset.manifest.recording[0])[44_100:-10_000]
    np.testing.assert_allclose(part.controls["drive"].at(np.array([0.25])), [0.5])


@pytest.mark.parametrize(
    ("position", "message"),
    [
        ("[[1.0, 0.5], [0.5, 0.6]]", "recording.0.controls.drive: .*in order of time"),
        ("[[0.0, 0.5], [1.0, 1.5]]", "recording.0.controls.drive: .*between 0 and 1"),
        ("[[0.0, 0.5], [inf, 0.6]]", "recording.0.controls.drive: .*not a time"),
        ("[]", "breakpoints, this one has 0"),
        ('"noon"', "'noon' is no knob position"),
        ("1.5", "recording.0.controls.drive: .*between 0 and 1"),
    ],
)
def test_impossible_positions_name_the_recording_and_the_knob(folder, position, message):
    edit(folder, 'drive = "9:00"', f"drive = {position}")
    with pytest.raises(SettingsError, match=message):
        Dataset(folder)


def test_the_identity_of_recordings_with_fixed_knobs_is_as_it_always_was(tmp_path):
    """The expected value was computed before knobs could move."""

    def recording(number, role, controls):
        return Recording(
            id=f"r{number}",
            clip="riff",
            role=role,
            dry=f"d{number}.wav",
            wet=f"w{number}.wav",
            controls=controls,
            dry_sha256=f"{number}" * 64,
            wet_sha256="a" * 64,
        )

    recordings = [
        recording(1, "train", {"drive": "9:00", "tone": 0.5}),
        recording(2, "test", {"drive": 1, "tone": "0.25"}),
        recording(3, "validation", {}),
    ]
    manifest = Manifest(name="x", device="y", chain=Chain(sample_rate=44_100), recording=recordings)
    expected = "c790bf8ee45130c98467e39591c8a0f78ba9a7c302a3dbcbe1fb4090b6a58b94"
    assert write_manifest(tmp_path, manifest).sha256 == expected


def test_latency_is_taken_out_when_a_recording_is_read(folder, small_dataset):
    """The same pair, its wet file 312 samples late, then 7 early."""
    recording = small_dataset.recordings("train")[0]
    whole = small_dataset.load(recording)
    for latency in (312, -7):
        moved = np.roll(whole.wet, latency)
        audio.write(folder / recording.wet, moved, 44_100)
        edit(folder, Dataset(folder).recordings("train")[0].wet_sha256, files.sha256(folder / recording.wet))
        edit(folder, f"latency = {Dataset(folder).manifest.chain.latency}", f"latency = {latency}")
        dataset = Dataset(folder)
        pair = dataset.load(dataset.recordings("train")[0])
        kept = slice(0, -312) if latency > 0 else slice(7, None)
        np.testing.assert_array_equal(pair.dry, whole.dry[kept])
        np.testing.assert_array_equal(pair.wet, whole.wet[kept])
        assert dataset.sha256 != small_dataset.sha256


def test_a_latency_longer_than_the_recording_is_refused(folder):
    edit(folder, "latency = 0", "latency = 999999")
    dataset = Dataset(folder)
    with pytest.raises(SignalError, match="999999 samples leaves nothing of a recording of 176400"):
        dataset.load(dataset.recordings("train")[0])


def test_a_recording_may_be_a_part_of_its_files(folder, small_dataset):
    edit(folder, 'role = "train"', 'role = "train"\nstart = 44100\nstop = 88200')
    edit(folder, 'drive = "9:00"', MOVEMENT)
    dataset = Dataset(folder)
    part = dataset.load(dataset.manifest.recording[0])
    whole = small_dataset.load(small_dataset.manifest.recording[0])
    np.testing.assert_array_equal(part.wet, whole.wet[44_100:88_200])
    np.testing.assert_allclose(part.controls["drive"].at(np.array([0.25])), [0.5])
    assert dataset.sha256 != small_dataset.sha256


@pytest.mark.parametrize(("start", "stop", "reaches"), [(100, 176_401, 176_401), (200_000, None, 200_001)])
def test_a_part_beyond_the_end_is_refused(folder, start, stop, reaches):
    edit(folder, 'role = "train"', f'role = "train"\nstart = {start}' + (f"\nstop = {stop}" if stop else ""))
    dataset = Dataset(folder)
    with pytest.raises(DatasetError, match=f"track-900 goes to sample {reaches}, but track-900.wav holds 176400"):
        dataset.load(dataset.manifest.recording[0])


def test_a_part_without_samples_is_refused(folder):
    edit(folder, 'role = "train"', 'role = "train"\nstart = 100\nstop = 100')
    with pytest.raises(SettingsError, match="100 to 100 holds no samples"):
        Dataset(folder)


def parts_of_one_file(*parts):
    """A manifest of parts (role, start, stop) of one dry file."""
    recordings = [
        Recording(
            id=f"r{number}", clip="c", role=role, dry="d.wav", wet="w.wav", start=start, stop=stop,
            dry_sha256="1" * 64, wet_sha256="2" * 64,
        )
        for number, (role, start, stop) in enumerate(parts)
    ]  # fmt: skip
    return Manifest(name="x", device="y", chain=Chain(sample_rate=44_100), recording=recordings)


def test_parts_of_one_file_may_have_different_roles_if_they_do_not_overlap(tmp_path):
    apart = parts_of_one_file(("train", None, 100), ("test", 150, None), ("validation", 100, 150))
    assert len(write_manifest(tmp_path, apart).manifest.recording) == 3


@pytest.mark.parametrize(
    "parts",
    [
        [("train", None, 100), ("test", 99, None)],
        [("train", None, None), ("test", 500, 600)],
        [("train", 0, 300), ("train", 50, 60), ("test", 200, 210)],
        [("test", 200, 210), ("train", 50, 60), ("train", 0, 300)],
    ],
)
def test_overlapping_parts_in_two_roles_are_refused_and_not_written(tmp_path, parts):
    with pytest.raises(DatasetError, match="training, validation and test never share audio"):
        write_manifest(tmp_path, parts_of_one_file(*parts))
    assert list(tmp_path.iterdir()) == []


def test_an_empty_dataset_can_be_made_and_says_so_when_it_is_used(tmp_path):
    dataset = write_manifest(tmp_path, Manifest(name="x", device="y", chain=Chain(sample_rate=44_100)))
    with pytest.raises(
        DatasetError, match=r"holds no recordings yet; add some with `drywet dataset add .* --role test"
    ):
        dataset.recordings("test")
