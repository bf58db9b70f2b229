"""Datasets filled by hand: what is copied, what is refused, and that a failure or a kill leaves the old dataset."""

import os
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest

from drywet import audio, files, signals
from drywet.dataset import Chain, Dataset, NewPair, add_pairs, collect, create_dataset
from drywet.errors import AudioFileError, DatasetError, SettingsError, SignalError, StorageError

RATE = 44_100


@pytest.fixture(scope="module")
def riffs():
    return signals.test_riffs(RATE, 4.0)


@pytest.fixture
def folder(tmp_path):
    """An empty dataset."""
    return create_dataset(tmp_path / "ds", Chain(sample_rate=RATE), "pedal", "CC0").folder


@pytest.fixture
def take(tmp_path, riffs):
    """Writes a pair: a riff, and the same through a gain."""

    def write(name="lead", gain=0.5, rate=RATE, dry_name=None):
        dry, wet = tmp_path / f"{dry_name or name}.wav", tmp_path / f"{name}-{gain:g}-{rate}.wav"
        audio.write(dry, riffs[name], rate)
        audio.write(wet, np.float32(gain) * riffs[name], rate)
        return dry, wet

    return write


def tree(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_empty_dataset_says_what_it_was_told(folder):
    manifest = Dataset(folder).manifest
    assert (manifest.name, manifest.device, manifest.licence, manifest.recording) == ("ds", "pedal", "CC0", [])


def test_a_dataset_is_not_made_over_another_one(folder):
    before = tree(folder)
    with pytest.raises(DatasetError, match="is there already"):
        create_dataset(folder, Chain(sample_rate=RATE), "other")
    assert tree(folder) == before


def test_names_on_several_lines_are_refused(tmp_path):
    with pytest.raises(SettingsError, match="device: .*no line breaks"):
        create_dataset(tmp_path / "ds", Chain(sample_rate=RATE), "pedal\n[chain]")
    assert not (tmp_path / "ds").exists()


def test_a_pair_is_copied_byte_by_byte_and_the_originals_stay(folder, take):
    dry, wet = take()
    before = dry.read_bytes(), wet.read_bytes()
    (added,) = add_pairs(folder, [NewPair(dry, wet, "test", {"drive": "3:00"})])
    assert (added.id, added.clip, added.role) == ("lead-drive-3-00", "lead", "test")
    assert ((folder / added.dry).read_bytes(), (folder / added.wet).read_bytes()) == before
    assert (dry.read_bytes(), wet.read_bytes()) == before
    dataset = Dataset(folder)
    np.testing.assert_array_equal(dataset.load(dataset.recordings("test")[0]).dry, audio.read(dry)[0])


def test_a_dry_file_that_several_recordings_share_is_kept_once(folder, take):
    pairs = [NewPair(*take(gain=gain), "train", {"drive": gain}) for gain in (0.25, 0.5, 0.75)]
    added = add_pairs(folder, pairs[:2]) + add_pairs(folder, pairs[2:])
    assert {recording.dry for recording in added} == {"dry/lead.wav"}
    assert len({recording.wet for recording in added}) == 3
    assert len({recording.id for recording in added}) == 3


def test_the_same_names_get_numbers_and_nobody_is_written_over(folder, take, tmp_path, riffs):
    (tmp_path / "other").mkdir()
    (folder / "wet").mkdir()
    (folder / "wet" / "lead-drive-0.5.wav").write_text("unlisted, but mine")
    add_pairs(folder, [NewPair(*take("lead"), "train", {"drive": 0.5})])
    audio.write(tmp_path / "other" / "lead.wav", riffs["drop"], RATE)
    audio.write(tmp_path / "other" / "wet.wav", -riffs["drop"], RATE)
    pair = NewPair(tmp_path / "other" / "lead.wav", tmp_path / "other" / "wet.wav", "train", {"drive": 0.5})
    (second,) = add_pairs(folder, [pair])
    assert (second.id, second.dry) == ("lead-drive-0.5-2", "dry/lead-2.wav")
    assert (folder / "wet" / "lead-drive-0.5.wav").read_text() == "unlisted, but mine"
    assert len(Dataset(folder).manifest.recording) == 2


def refused(folder, pairs, error, message):
    """Whether adding is refused with this message and leaves every file as it was."""
    before = tree(folder)
    with pytest.raises(error, match=message):
        add_pairs(folder, pairs)
    assert tree(folder) == before


def test_what_is_no_pair_is_refused(folder, take, tmp_path):
    dry, _ = take()
    longer = tmp_path / "longer.wav"
    audio.write(longer, np.ones(4 * RATE + 9, np.float32), RATE)
    silent = tmp_path / "silent.wav"
    audio.write(silent, np.zeros(4 * RATE, np.float32), RATE)
    refused(folder, [NewPair(dry, dry, "train")], DatasetError, "is the same file as")
    refused(folder, [NewPair(dry, longer, "train")], SignalError, "176409 samples, but .* has 176400")
    refused(folder, [NewPair(dry, silent, "train")], SignalError, "silent from start to end")
    refused(folder, [NewPair(dry, tmp_path / "none.wav", "train")], AudioFileError, "no such file")
    refused(folder, [NewPair(*take(rate=48_000), "train")], AudioFileError, "48000 Hz, 44100 Hz is needed")


def test_what_is_there_already_is_refused(folder, take, tmp_path):
    dry, wet = take()
    add_pairs(folder, [NewPair(dry, wet, "train", {"drive": "3:00"})])
    shutil.copy(wet, tmp_path / "renamed.wav")
    again = NewPair(dry, tmp_path / "renamed.wav", "train", {"drive": "12:00"})
    refused(
        folder,
        [again],
        DatasetError,
        r"is in the dataset already, as wet/.* of the recording lead-drive-3-00 \(drive 3:00\)",
    )
    new = NewPair(*take("drop"), "train", {"drive": "12:00"})
    refused(folder, [new, new], DatasetError, "is in the dataset already")
    named = NewPair(*take("drop"), "train", {"drive": "12:00"}, id="lead-drive-3-00")
    refused(folder, [named], DatasetError, "has a recording lead-drive-3-00 already; choose another --id")


def test_the_knobs_are_the_same_in_all_recordings(folder, take):
    add_pairs(folder, [NewPair(*take(), "train", {"drive": "3:00", "tone": 0.5})])
    for controls, message in (
        ({"drve": 1, "tone": 0}, "its knobs are drve, tone, but those of .* are drive, tone"),
        ({}, "its knobs are none"),
        ({"drive": "6:00", "tone": 0}, "controls.drive: .*outside"),
        ({"drive": 1.2, "tone": 0}, "controls.drive: .*between 0 and 1"),
    ):
        refused(folder, [NewPair(*take("drop"), "train", controls)], SettingsError, message)


def test_an_unknown_role_or_a_hostile_name_is_refused(folder, take):
    refused(folder, [NewPair(*take(), "practice")], SettingsError, "role: .*'train', 'validation' or 'test'")
    refused(folder, [NewPair(*take(), "train", id="a\nb")], SettingsError, "id: .*no line breaks")
    refused(folder, [NewPair(*take(), "train", clip="x" * 201)], SettingsError, "clip: .*200 characters")


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "..", "C:\\x", "x" * 200, "a/b", ".hidden", "🎸"])
def test_whatever_a_recording_is_called_its_files_stay_in_the_dataset(folder, take, name):
    (added,) = add_pairs(folder, [NewPair(*take(), "train", clip=name, id=name)])
    assert added.id == name
    for path in (folder / added.dry, folder / added.wet):
        assert path.resolve().parent.parent == folder.resolve()
        assert len(path.name) < 100
    assert Dataset(folder).manifest.recording[0].clip == name


def test_dry_audio_of_another_role_is_refused_by_content(folder, take, tmp_path, riffs):
    add_pairs(folder, [NewPair(*take("lead"), "train"), NewPair(*take("drop"), "train")])
    hidden = np.concatenate([riffs["chords"], -0.3 * riffs["drop"][RATE : 4 * RATE]])
    for name, sign in (("innocent", 1), ("innocent-wet", -1)):
        audio.write(tmp_path / f"{name}.wav", sign * hidden, RATE, subtype="PCM_16")
    pair = NewPair(tmp_path / "innocent.wav", tmp_path / "innocent-wet.wav", "test")
    refused(folder, [pair], DatasetError, r"drop \(train\) from \d.* and innocent \(test\) from [45].* share")
    assert add_pairs(folder, [NewPair(pair.dry, pair.wet, "train")])[0].role == "train"


def test_a_dry_file_too_short_to_listen_to_is_still_known_by_its_checksum(folder, tmp_path):
    short = signals.sine(440, 0.2, RATE)
    for name, samples in (("dry", short), ("wet", -short), ("wet2", 0.1 * short)):
        audio.write(tmp_path / f"{name}.wav", samples, RATE)
    add_pairs(folder, [NewPair(tmp_path / "dry.wav", tmp_path / "wet.wav", "train", clip="a")])
    again = NewPair(tmp_path / "dry.wav", tmp_path / "wet2.wav", "test", clip="b")
    refused(folder, [again], DatasetError, "hold the same dry audio")


def test_pairs_that_are_added_together_may_not_share_audio_either(folder, take, tmp_path, riffs):
    audio.write(tmp_path / "quiet.wav", 0.1 * riffs["lead"], RATE)
    quiet = NewPair(tmp_path / "quiet.wav", take("lead", gain=0.9)[1], "validation")
    refused(folder, [NewPair(*take("lead"), "train"), quiet], DatasetError, "share .* s of dry audio")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full to stand for a full disk")
def test_a_full_disk_is_a_storage_error_and_the_dataset_stays_as_it_was(folder, take, monkeypatch):
    add_pairs(folder, [NewPair(*take("lead"), "train")])

    def copy_to_full_disk(source, target):
        with open("/dev/full", "wb") as file:
            file.write(source.read_bytes())

    monkeypatch.setattr("shutil.copyfile", copy_to_full_disk)
    refused(folder, [NewPair(*take("drop"), "train")], StorageError, "No space left")


def test_a_manifest_that_changed_meanwhile_is_not_written_over(folder, take, monkeypatch):
    copy = collect._copy

    def edit_meanwhile(source, target):
        copy(source, target)
        files.write_text(folder / "dataset.toml", (folder / "dataset.toml").read_text() + "# a remark\n")

    monkeypatch.setattr(collect, "_copy", edit_meanwhile)
    with pytest.raises(DatasetError, match="was changed by another program meanwhile"):
        add_pairs(folder, [NewPair(*take(), "train")])
    assert (folder / "dataset.toml").read_text().endswith("# a remark\n")


def test_kill_minus_nine_while_adding_leaves_a_valid_dataset_that_can_go_on(folder, take):
    """A child adds pairs one after another; wherever it is killed, every listed file is whole, and adding goes on."""
    pairs = [take("lead", gain=0.01 * number) for number in range(1, 40)]
    child = (
        "import sys; from pathlib import Path; from drywet.dataset import NewPair, add_pairs\n"
        "names = sys.argv[2:]\n"
        "for dry, wet in zip(names[::2], names[1::2]): add_pairs(sys.argv[1], [NewPair(Path(dry), Path(wet), 'train')])"
    )
    command = [sys.executable, "-c", child, str(folder), *(str(path) for pair in pairs for path in pair)]
    process = subprocess.Popen(command)
    deadline = time.monotonic() + 60
    while len(Dataset(folder).manifest.recording) < 3:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    process.wait()
    dataset = Dataset(folder)
    listed = len(dataset.manifest.recording)
    assert listed >= 3
    for recording in dataset.manifest.recording:
        dataset.check_files(recording)
    if listed < len(pairs):
        add_pairs(folder, [NewPair(*pair, "train") for pair in pairs[listed:]])
    assert len(Dataset(folder).manifest.recording) == len(pairs)
