import numpy as np
import pytest
import soundfile

from drywet import audio, signals
from drywet.dataset import Dataset, import_pairs, import_stereo
from drywet.errors import AudioFileError, DatasetError, SettingsError, SignalError

RATE = 48_000


@pytest.fixture(scope="module")
def dry():
    return signals.test_riffs(RATE, 2.0)["lead"]


@pytest.mark.parametrize(("subtype", "kept"), [("PCM_16", "PCM_24"), ("PCM_24", "PCM_24"), ("FLOAT", "FLOAT")])
@pytest.mark.parametrize("left", ["wet", "dry"])
def test_the_sides_of_a_stereo_file_become_dry_and_wet_sample_by_sample(tmp_path, dry, subtype, kept, left):
    wet = np.tanh(4 * dry)
    sides = np.stack([wet, dry] if left == "wet" else [dry, wet], axis=1)
    soundfile.write(tmp_path / "take 1.wav", sides, RATE, subtype=subtype)
    exact, _ = soundfile.read(tmp_path / "take 1.wav", dtype="float32")
    before = (tmp_path / "take 1.wav").read_bytes()
    dataset = import_stereo(
        tmp_path / "take 1.wav", tmp_path / "ds", "test", {"drive": "3:00"}, left=left, device="amp"
    )
    (recording,) = dataset.recordings("test", {"drive": "3:00"})
    pair = dataset.load(recording)
    np.testing.assert_array_equal(pair.wet, exact[:, 0 if left == "wet" else 1])
    np.testing.assert_array_equal(pair.dry, exact[:, 1 if left == "wet" else 0])
    assert soundfile.info(dataset.folder / recording.wet).subtype == kept
    assert (dataset.manifest.device, dataset.sample_rate) == ("amp", RATE)
    assert (tmp_path / "take 1.wav").read_bytes() == before


def test_sides_are_not_written_over_files_that_are_there(tmp_path, dry):
    soundfile.write(tmp_path / "take.wav", np.stack([np.tanh(4 * dry), dry], axis=1), RATE)
    (tmp_path / "ds" / "dry").mkdir(parents=True)
    (tmp_path / "ds" / "dry" / "take.wav").write_bytes(b"another take")
    with pytest.raises(DatasetError, match="take.wav: is there already"):
        import_stereo(tmp_path / "take.wav", tmp_path / "ds", "test", {})
    assert (tmp_path / "ds" / "dry" / "take.wav").read_bytes() == b"another take"


@pytest.mark.parametrize(
    ("channels", "message"), [(1, "has 1 channel, 2 are needed"), (4, "has 4 channels, 2 are needed")]
)
def test_other_than_two_channels_are_refused(tmp_path, channels, message):
    soundfile.write(tmp_path / "take.wav", np.ones((1000, channels)), RATE)
    with pytest.raises(AudioFileError, match=message):
        import_stereo(tmp_path / "take.wav", tmp_path / "ds")
    assert not (tmp_path / "ds").exists()


def test_a_side_that_is_silent_is_refused(tmp_path, dry):
    soundfile.write(tmp_path / "take.wav", np.stack([np.zeros_like(dry), dry], axis=1), RATE)
    with pytest.raises(SignalError, match=r"wet/take\.wav: is silent"):
        import_stereo(tmp_path / "take.wav", tmp_path / "ds")
    assert not (tmp_path / "ds" / "dataset.toml").exists()


def write_pair(folder, name, dry, rate=RATE):
    audio.write(folder / "dry" / f"{name}.wav", dry, rate)
    audio.write(folder / "wet" / f"{name}.wav", np.tanh(4 * dry), rate)


def test_a_folder_of_pairs_is_described_where_it_stands(tmp_path, dry):
    write_pair(tmp_path, "b", dry)
    write_pair(tmp_path, "a", dry[::-1])
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.wav")}
    dataset = import_pairs(tmp_path, "validation", {"tone": 0.5}, device="amp", licence="CC0")
    assert [(r.id, r.dry, r.wet) for r in dataset.recordings("validation", {"tone": 0.5})] == [
        ("a", "dry/a.wav", "wet/a.wav"),
        ("b", "dry/b.wav", "wet/b.wav"),
    ]
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.wav")} == before
    assert (dataset.manifest.licence, dataset.sample_rate) == ("CC0", RATE)


def test_pairs_of_different_rates_are_refused(tmp_path, dry):
    write_pair(tmp_path, "a", dry)
    write_pair(tmp_path, "b", dry, 44_100)
    with pytest.raises(DatasetError, match="44100 Hz, but .* has 48000 Hz; convert one"):
        import_pairs(tmp_path)
    assert not (tmp_path / "dataset.toml").exists()


def test_an_impossible_knob_is_refused_before_anything_is_written(tmp_path, dry):
    write_pair(tmp_path, "a", dry)
    with pytest.raises(SettingsError, match="controls.drive"):
        import_pairs(tmp_path, controls={"drive": "noon"})
    assert not (tmp_path / "dataset.toml").exists()


def test_nothing_is_imported_over_a_dataset(tmp_path, dry):
    write_pair(tmp_path, "a", dry)
    import_pairs(tmp_path)
    with pytest.raises(DatasetError, match="is there already"):
        import_pairs(tmp_path)
    soundfile.write(tmp_path / "take.wav", np.stack([dry, dry], axis=1), RATE)
    with pytest.raises(DatasetError, match="is there already"):
        import_stereo(tmp_path / "take.wav", tmp_path)
    assert len(Dataset(tmp_path).manifest.recording) == 1
