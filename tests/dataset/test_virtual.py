import numpy as np
import pytest

from drywet import audio, executor, files, signals
from drywet.dataset import virtual
from drywet.dataset.virtual import VirtualDataset, render_dataset
from drywet.errors import DatasetError, SettingsError
from drywet.settings import parse

RATE = 44_100
SHORT = {"train_seconds": 8.0, "validation_seconds": 1.0, "riff_seconds": 1.0}


class Gain:
    """Instead of the circuit, which takes its time: dry times drive."""

    sample_rate, latency = RATE, 0
    controls = {"drive": 0.5, "tone": 0.5, "level": 0.5}

    def prepare(self, report):
        report("compiling the solver")

    def reset(self):
        pass

    def process(self, dry, controls):
        return dry * np.float32(controls["drive"])


@pytest.fixture(autouse=True)
def gain_for_circuit(monkeypatch):
    monkeypatch.setattr(virtual.circuits, "load", lambda name, sample_rate: Gain())


def test_what_was_rendered_before_there_were_all_drives_keeps_its_identity_and_its_names(tmp_path):
    dataset = render_dataset(VirtualDataset(**SHORT), tmp_path / "d", executor.Inline())
    made_from = files.read_json(tmp_path / "d" / "made-from.json")
    assert set(made_from) - {"drywet"} == {
        *("circuit", "drive", "controls", "sample_rate"),
        *("train_seconds", "validation_seconds", "riff_seconds", "seed"),
    }
    found = [(r.id, r.dry, r.wet, r.controls["drive"]) for r in dataset.manifest.recording]
    assert len(found) == 3 * 8
    assert found[1] == ("training-track-mid", "dry/training-track.wav", "wet/mid/training-track.wav", "12:00")
    assert found[-1][0].endswith("-high")
    again = render_dataset(VirtualDataset(**SHORT), tmp_path / "d", executor.Inline())
    assert again.sha256 == dataset.sha256


@pytest.fixture
def all_drives():
    drives = {"train": [0.25, "12:00", 1], "moving": 2, "validation": [0.5], "test": [0.1, [[0, 0.0], [0.5, 1.0]]]}
    return VirtualDataset(all_drives=drives, **SHORT)


def test_each_role_has_its_own_drives(all_drives, tmp_path):
    dataset = render_dataset(all_drives, tmp_path / "d", executor.Inline())
    train = dataset.recordings("train")
    assert [r.movements()["drive"].as_json() for r in train[:3]] == [0.25, 0.5, 1.0]
    assert [r.rotations()["drive"] for r in dataset.recordings("validation")] == [0.5]
    assert len(dataset.recordings("test")) == 2 * 6
    assert len(dataset.recordings("test", {"drive": 0.1})) == 6
    assert {r.controls["tone"] for r in dataset.manifest.recording} == {"12:00"}


def test_moving_recordings_go_from_end_to_end_and_back(all_drives, tmp_path):
    dataset = render_dataset(all_drives, tmp_path / "d", executor.Inline())
    first, second = dataset.recordings("train")[3:]
    pair = dataset.load(first)
    duration = len(pair) / RATE
    times = [0.0, 0.25 * duration, 0.5 * duration, duration]
    np.testing.assert_allclose(first.movements()["drive"].at(np.array(times)), [0, 0.5, 1, 0], atol=1e-5)
    np.testing.assert_allclose(second.movements()["drive"].at(np.array(times)), [1, 0.5, 0, 1], atol=1e-5)
    middles = (np.arange(len(pair)) // 64 * 64 + 32) / RATE
    expected = pair.dry * np.interp(middles, [0, duration / 2, duration], [0, 1, 0])
    np.testing.assert_allclose(pair.wet, expected, atol=2e-6)


def test_the_training_track_is_dealt_out_once(all_drives, tmp_path):
    dataset = render_dataset(all_drives, tmp_path / "d", executor.Inline())
    parts = [dataset.load(recording).dry for recording in dataset.recordings("train")]
    track = signals.training_track(RATE, 8.0, 25)
    assert {len(part) for part in parts} == {len(track) // 10 * 2}  # five recordings of two pieces each
    piece = len(track) // 10
    dealt = [parts[number % 5][number // 5 * piece : (number // 5 + 1) * piece] for number in range(10)]
    together = np.concatenate(dealt)
    inside = np.arange(len(together)) % piece  # the edges are faded
    inside = (inside > 0.006 * RATE) & (inside < piece - 0.006 * RATE)
    np.testing.assert_allclose(together[inside], track[: len(together)][inside], atol=1e-6)
    assert all(part[0] == 0 and part[piece] == 0 for part in parts)


def test_an_interrupted_rendering_goes_on(all_drives, tmp_path):
    whole = render_dataset(all_drives, tmp_path / "a", executor.Inline())
    broken = tmp_path / "b"
    render_dataset(all_drives, broken, executor.Inline())
    (broken / "dataset.toml").unlink()
    (broken / "wet" / "drive-0.1" / "chords.wav").unlink()
    assert render_dataset(all_drives, broken, executor.Inline()).sha256 == whole.sha256
    with pytest.raises(DatasetError, match="made from other settings"):
        render_dataset(VirtualDataset(**SHORT), broken, executor.Inline())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"all_drives": {"test": [0.5, "12:00"]}}, "all_drives.test: .*twice"),
        ({"all_drives": {"train": []}}, "all_drives.train"),
        ({"all_drives": {"train": [2.0]}}, "all_drives.train.0: .*between 0 and 1"),
        ({"all_drives": {"tests": [0.5]}}, "did you mean 'test'"),
        ({"all_drives": {}, "drive": {"Low": 0.2}}, "exclude each other"),
    ],
)
def test_impossible_drives_are_refused(values, message):
    with pytest.raises(SettingsError, match=message):
        parse(VirtualDataset, values, "--set")


def test_by_default_the_test_asks_for_drives_that_training_never_saw():
    drives = VirtualDataset(all_drives={}).all_drives
    assert not set(drives.test) & (set(drives.train) | set(drives.validation))
    assert min(drives.train) < min(drives.test) < max(drives.test) < max(drives.train)


def test_audio_is_untouched_by_the_way_it_is_named(tmp_path):
    one = render_dataset(VirtualDataset(drive={"Low": "9:00"}, **SHORT), tmp_path / "a", executor.Inline())
    other = VirtualDataset(all_drives={"train": [0.2], "moving": 0, "validation": [0.2], "test": [0.2]}, **SHORT)
    two = render_dataset(other, tmp_path / "b", executor.Inline())
    for a, b in zip(one.recordings("test"), two.recordings("test"), strict=True):
        np.testing.assert_array_equal(audio.read(one.folder / a.wet)[0], audio.read(two.folder / b.wet)[0])


def test_compiling_the_solver_is_said_once_and_only_where_something_is_rendered(tmp_path):
    said = []
    for _ in range(2):
        render_dataset(VirtualDataset(**SHORT), tmp_path / "d", executor.Inline(), say=said.append)
    assert said == ["compiling the solver"]
