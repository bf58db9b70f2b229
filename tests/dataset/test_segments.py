import numpy as np
import pytest

from drywet.dataset import Streams
from drywet.errors import SignalError

SIGNAL = np.arange(1000, dtype=np.float32)


def test_chunks_of_a_stream_are_consecutive_in_time():
    streams = Streams(SIGNAL, -SIGNAL, batch_size=4, tbptt_length=30, warm_up=50)
    offsets = streams.offsets(np.random.default_rng(0))
    chunks = [streams.chunk(offsets, number) for number in range(streams.chunks_per_epoch)]
    dry = np.concatenate([streams.warm_up_chunk(offsets), *(dry for dry, _ in chunks)], axis=1)
    assert dry.shape == (4, 50 + 8 * 30)
    assert (np.diff(dry, axis=1) % 1000 == 1).all()  # also where the recording wraps around
    for dry_chunk, wet_chunk in chunks:
        np.testing.assert_array_equal(wet_chunk, -dry_chunk)


def test_an_epoch_covers_the_recording_once():
    streams = Streams(SIGNAL, SIGNAL, batch_size=5, tbptt_length=20, warm_up=0)
    offsets = streams.offsets(np.random.default_rng(0))
    seen = np.concatenate([streams.chunk(offsets, number)[0].ravel() for number in range(streams.chunks_per_epoch)])
    np.testing.assert_array_equal(np.sort(seen), SIGNAL)


def test_epochs_start_elsewhere_and_the_seed_decides_where():
    streams = Streams(SIGNAL, SIGNAL, batch_size=4, tbptt_length=30, warm_up=0)
    first, again, other = (streams.offsets(np.random.default_rng(seed))[0] for seed in ([25, 0], [25, 0], [25, 1]))
    assert first == again != other


def test_too_little_audio_says_what_to_change():
    with pytest.raises(SignalError, match="32 streams of 31, shorter than one chunk of 44"):
        Streams(SIGNAL, SIGNAL, batch_size=32, tbptt_length=44, warm_up=0)
