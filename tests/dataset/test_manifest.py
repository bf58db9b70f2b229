import shutil

import numpy as np
import pytest

from drywet import audio, files
from drywet.dataset import Dataset
from drywet.errors import DatasetError, SettingsError


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


@pytest.mark.parametrize("path", ["../secret.wav", "/etc/passwd", "a/../../b.wav", "C:\\x.wav"])
def test_paths_stay_inside_the_folder(folder, path):
    edit(folder, 'dry = "track.wav"', f"dry = '{path}'")
    with pytest.raises(SettingsError, match="stays in its folder"):
        Dataset(folder)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("device", "devise", "did you mean 'device'"),
        ('role = "train"', 'role = "practice"', "recording.0.role"),
        ("format = 1", "format = 2", "format"),
        ("latency = 0", "latency = 312", "312 samples, but drywet does not shift"),
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
