import numpy as np
import pytest

from drywet.controls import movement
from drywet.dataset import JoinedKnobs, Pair, Streams
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


def test_the_middle_of_a_chunk_is_its_middle_sample():
    streams = Streams(SIGNAL, SIGNAL, batch_size=4, tbptt_length=30, warm_up=50)
    offsets = streams.offsets(np.random.default_rng(0))
    for number in range(streams.chunks_per_epoch):
        dry, _ = streams.chunk(offsets, number)  # sample t holds t
        np.testing.assert_array_equal(streams.middles(offsets, number), dry[:, 15])
    np.testing.assert_array_equal(streams.warm_up_middles(offsets), streams.warm_up_chunk(offsets)[:, 25])


def test_every_sample_of_joined_recordings_has_the_knobs_of_its_own_recording():
    def pair(length, **positions):
        signal = np.ones(length, np.float32)
        return Pair(signal, signal, 100, {name: movement(position) for name, position in positions.items()})

    pairs = [
        pair(300, drive=0.2, tone=0.9),
        pair(500, drive=[[1.0, 0.0], [4.0, 1.0]], tone=0.8),
        pair(200, drive="3:00", tone=[[0.0, 0.1], [2.0, 0.3]]),
    ]
    joined = JoinedKnobs(pairs, ["tone", "drive"])
    drive = np.concatenate([np.full(300, 0.2), np.interp(np.arange(500) / 100, [1, 4], [0, 1]), np.full(200, 0.8)])
    tone = np.concatenate([np.full(300, 0.9), np.full(500, 0.8), np.linspace(0.1, 0.3, 201)[:200]])
    samples = np.random.default_rng(1).permutation(1000)
    np.testing.assert_allclose(joined.at(samples), np.stack([tone, drive], axis=1)[samples], rtol=1e-6)
    np.testing.assert_array_equal(joined.recording(np.array([0, 299, 300, 799, 800, 999])), [0, 0, 1, 1, 2, 2])
    assert JoinedKnobs(pairs, []).at(samples).shape == (1000, 0)
