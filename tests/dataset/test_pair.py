import numpy as np
import pytest

from drywet import audio
from drywet.dataset import load_pair
from drywet.errors import SignalError

RATE = 44_100


def write(tmp_path, name, samples, rate=RATE):
    audio.write(tmp_path / name, np.asarray(samples, np.float32), rate)
    return tmp_path / name


def test_a_pair_comes_back_as_it_is(recording_files, pair):
    loaded = load_pair(*recording_files)
    assert loaded.sample_rate == RATE
    np.testing.assert_allclose(loaded.wet, pair.wet, atol=1e-6)
    assert len(loaded[100:200]) == 100


def test_what_cannot_be_a_pair_is_refused_with_the_numbers(tmp_path):
    good = write(tmp_path, "good.wav", np.ones(1000))
    for other, message in (
        (write(tmp_path, "rate.wav", np.ones(1000), 48_000), "48000 Hz, but .* has 44100 Hz"),
        (
            write(tmp_path, "long.wav", np.ones(1312)),
            "1312 samples, but .* has 1000.*long.wav is longer by 312 samples.*drywet align",
        ),
        (write(tmp_path, "silent.wav", np.zeros(1000)), r"silent\.wav: is silent from start to end"),
    ):
        with pytest.raises(SignalError, match=message):
            load_pair(good, other)
