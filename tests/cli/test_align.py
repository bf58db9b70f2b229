"""``drywet align``, as it is typed."""

import json

import numpy as np
import pytest
import soundfile
from command_line import drywet
from planted_delays import RATE, dry_of, wet_of

from drywet import audio


@pytest.fixture(scope="module")
def late(tmp_path_factory):
    """A recording whose wet is 312 samples late and inverted."""
    folder = tmp_path_factory.mktemp("late")
    wet = np.concatenate([np.zeros(312, np.float32), -wet_of("track", "fuzz")])
    audio.write(folder / "dry.wav", dry_of("track"), RATE)
    audio.write(folder / "wet.wav", wet, RATE)
    audio.write(folder / "other.wav", dry_of("lead"), RATE)
    return folder


def test_a_late_and_inverted_recording_is_repaired_into_a_copy(late, tmp_path):
    before = (late / "wet.wav").read_bytes()
    done = drywet("align", late / "dry.wav", late / "wet.wav", "--out", tmp_path / "aligned", "--json")
    report = json.loads(done.stdout)
    assert round(report["latency_samples"]) == 312
    assert report["polarity"] == -1
    wet, _ = audio.read(tmp_path / "aligned" / "wet.wav")
    np.testing.assert_allclose(wet, wet_of("track", "fuzz")[: len(wet)], atol=2**-22)
    assert (late / "wet.wav").read_bytes() == before
    assert json.loads((tmp_path / "aligned" / "alignment.json").read_text()) == report
    again = drywet("align", late / "dry.wav", late / "wet.wav", "--out", tmp_path / "aligned", status=4)
    assert "--force" in again.stderr


def test_without_out_it_says_what_it_would_do(late):
    done = drywet("align", late / "dry.wav", late / "wet.wav")
    assert "trails dry by 31" in done.stdout
    assert "inverted" in done.stdout
    assert "--out" in done.stdout


def test_a_channel_of_a_stereo_file_is_aligned(late, tmp_path):
    stereo = np.stack([audio.read(late / "other.wav")[0], audio.read(late / "dry.wav")[0]], axis=1)
    soundfile.write(tmp_path / "stereo.wav", stereo, RATE, subtype="PCM_24")
    assert "2 channels" in drywet("align", tmp_path / "stereo.wav", late / "wet.wav", status=3).stderr
    done = drywet("align", tmp_path / "stereo.wav", late / "wet.wav", "--dry-channel", 2, "--json")
    assert round(json.loads(done.stdout)["latency_samples"]) == 312


def test_another_take_is_neither_believed_nor_written(late, tmp_path):
    done = drywet("align", late / "dry.wav", late / "other.wav", "--out", tmp_path / "no", status=3)
    assert "same take" in done.stderr
    assert not (tmp_path / "no").exists()


def test_the_copy_never_goes_over_the_original(late):
    done = drywet("align", late / "dry.wav", late / "wet.wav", "--out", late, "--force", status=4)
    assert "is a file that is read" in done.stderr
