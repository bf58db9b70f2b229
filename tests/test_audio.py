import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from drywet import audio
from drywet.errors import AudioFileError, SignalError, StorageError

RATE = 44_100


def test_float_files_come_back_bit_for_bit(tmp_path, dry):
    audio.write(tmp_path / "a.wav", dry, RATE, subtype="FLOAT")
    samples, rate = audio.read(tmp_path / "a.wav")
    assert rate == RATE
    np.testing.assert_array_equal(samples, dry)


@pytest.mark.parametrize("ending", ["wav", "flac"])
def test_24_bit_rounds_by_at_most_half_a_step(tmp_path, dry, ending):
    audio.write(tmp_path / f"a.{ending}", dry, RATE)
    samples, _ = audio.read(tmp_path / f"a.{ending}")
    assert np.max(np.abs(samples - dry)) <= 2**-23


def test_clipping_is_counted(tmp_path):
    assert audio.write(tmp_path / "a.wav", np.array([0.5, 1.5, -2.0, 1.0], np.float32), RATE) == 2
    assert audio.write(tmp_path / "b.wav", np.array([0.5, 1.5], np.float32), RATE, subtype="FLOAT") == 0


def test_nan_is_never_written(tmp_path):
    with pytest.raises(SignalError, match="1 samples are NaN"):
        audio.write(tmp_path / "a.wav", np.array([0.0, np.nan], np.float32), RATE)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_ending_is_refused(tmp_path):
    with pytest.raises(StorageError, match="cannot be written"):
        audio.write(tmp_path / "a.xyz", np.zeros(4, np.float32), RATE)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("samples", "rate", "message"),
    [
        (np.zeros((100, 2)), RATE, "2 channels"),
        (np.zeros(0), RATE, "no samples"),
        (np.array([0.0, np.inf]), RATE, "NaN or infinite"),
        (np.zeros(100), 4000, "4000 Hz, outside"),
    ],
)
def test_unusable_files_are_refused_with_the_reason(tmp_path, samples, rate, message):
    soundfile.write(tmp_path / "a.wav", samples, rate, subtype="FLOAT")
    with pytest.raises(AudioFileError, match=message):
        audio.read(tmp_path / "a.wav")


def test_another_rate_names_both(tmp_path):
    audio.write(tmp_path / "a.wav", np.ones(10, np.float32), 48_000)
    with pytest.raises(AudioFileError, match="48000 Hz, 44100 Hz is needed"):
        audio.read(tmp_path / "a.wav", sample_rate=RATE)


def test_missing_and_not_a_sound(tmp_path):
    (tmp_path / "text.wav").write_text("not a sound")
    for path, message in (
        (tmp_path / "none.wav", "no such file"),
        (tmp_path, "folder"),
        (tmp_path / "text.wav", "not readable"),
    ):
        with pytest.raises(AudioFileError, match=message):
            audio.read(path)


@settings(max_examples=200, deadline=1000)
@given(position=st.integers(0, 200), value=st.integers(0, 255), cut=st.integers(0, 244))
def test_a_damaged_file_is_an_error_or_a_finite_signal(tmp_path_factory, position, value, cut):
    path = tmp_path_factory.getbasetemp() / "damaged.wav"
    soundfile.write(path, np.linspace(-1, 1, 50), RATE, subtype="FLOAT")
    content = bytearray(path.read_bytes())
    content[min(position, len(content) - 1)] = value
    path.write_bytes(content[: len(content) - cut])
    try:
        samples, _ = audio.read(path)
    except AudioFileError:
        return
    assert np.isfinite(samples).all()
    assert samples.ndim == 1


def test_levels_of_a_full_scale_sine():
    sine = np.sin(2 * np.pi * np.arange(RATE) * 100 / RATE)
    assert audio.peak_dbfs(sine) == pytest.approx(0.0, abs=0.001)
    assert audio.rms_dbfs(sine) == pytest.approx(-3.0103, abs=0.001)
    assert audio.peak_dbfs(np.zeros(4)) == -np.inf


def test_resampling_keeps_a_sine_and_its_time():
    time = np.arange(RATE) / RATE
    at_48k = audio.resample(np.sin(2 * np.pi * 1000 * time), RATE, 48_000)
    assert len(at_48k) == 48_000
    expected = np.sin(2 * np.pi * 1000 * np.arange(48_000) / 48_000)
    np.testing.assert_allclose(at_48k[1000:-1000], expected[1000:-1000], atol=1e-4)
