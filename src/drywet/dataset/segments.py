"""Long recordings as parallel streams, for truncated backpropagation through time (TBPTT) with carried state."""

from collections.abc import Sequence

import numpy as np

from drywet.dataset.pair import Pair
from drywet.errors import SignalError


class Streams:
    """A recording cut into ``batch_size`` equally long parts that are read side by side.

    Each part is one stream: consecutive chunks of it are consecutive in time, so the recurrent state that ends one
    chunk begins the next. An epoch starts at a random point of the recording, which wraps around, so that the streams do
    not break at the same places every time.

    Parameters
    ----------
    dry, wet : array, shape (T,)
    batch_size : int
    tbptt_length : int
        Samples per chunk: gradients flow this far back, state further.
    warm_up : int
        Samples of preceding audio that run through the model before each epoch, without a gradient, to fill its state.
    """

    def __init__(self, dry: np.ndarray, wet: np.ndarray, batch_size: int, tbptt_length: int, warm_up: int):
        self.tbptt_length, self.warm_up = tbptt_length, warm_up
        self.stream_length = len(dry) // batch_size
        if self.stream_length < max(tbptt_length, 1):
            raise SignalError(
                f"{len(dry)} samples of training audio make {batch_size} streams of {self.stream_length}, shorter than "
                f"one chunk of {tbptt_length}. Use more audio, a smaller batch_size or a smaller tbptt_length"
            )
        self.dry, self.wet, self.batch_size = dry, wet, batch_size
        self.chunks_per_epoch = self.stream_length // tbptt_length

    def offsets(self, generator: np.random.Generator) -> np.ndarray:
        """Where each stream of one epoch starts in the recording, shape (batch_size,), drawn from ``generator``."""
        return int(generator.integers(len(self.dry))) + self.stream_length * np.arange(self.batch_size)

    def chunk(self, offsets: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Chunk ``number`` (from 0 to ``chunks_per_epoch`` - 1) of every stream: dry and wet, (B, tbptt_length)."""
        index = self.samples(offsets, number)
        return self.dry[index], self.wet[index]

    def samples(self, offsets: np.ndarray, number: int) -> np.ndarray:
        """Which samples of the recording chunk ``number`` of each stream holds, shape (batch_size, tbptt_length)."""
        return (offsets[:, None] + np.arange(self.tbptt_length) + number * self.tbptt_length) % len(self.dry)

    def warm_up_chunk(self, offsets: np.ndarray) -> np.ndarray:
        """Dry audio just before chunk 0, shape (batch_size, warm_up)."""
        return self.dry[(offsets[:, None] + np.arange(-self.warm_up, 0)) % len(self.dry)]

    def middles(self, offsets: np.ndarray, number: int) -> np.ndarray:
        """Which sample of the recording is in the middle of chunk ``number`` of each stream, shape (batch_size,)."""
        return (offsets + number * self.tbptt_length + self.tbptt_length // 2) % len(self.dry)

    def warm_up_middles(self, offsets: np.ndarray) -> np.ndarray:
        """The same for the audio before chunk 0."""
        return (offsets - self.warm_up + self.warm_up // 2) % len(self.dry)


class JoinedKnobs:
    """Where the knobs stand in recordings that are joined one after another.

    Parameters
    ----------
    pairs : sequence of Pair
        In their order in the joined recording.
    names : sequence of str
        The knobs wanted, in the order of a model's inputs.
    """

    def __init__(self, pairs: Sequence[Pair], names: Sequence[str]):
        self.pairs, self.names = pairs, names
        self.first = np.cumsum([0, *(len(pair) for pair in pairs)])  # sample at which each recording begins

    def recording(self, samples: np.ndarray) -> np.ndarray:
        """Number of the recording that each sample of the joined one belongs to, same shape."""
        return np.searchsorted(self.first, samples, side="right") - 1

    def at(self, samples: np.ndarray) -> np.ndarray:
        """Rotations at samples (B,) of the joined recording, float32 of shape (B, C)."""
        rotations = np.empty((len(samples), len(self.names)), np.float32)
        recording = self.recording(samples)
        for number in np.unique(recording):
            here, pair = recording == number, self.pairs[number]
            seconds = (samples[here] - self.first[number]) / pair.sample_rate
            for column, name in enumerate(self.names):
                rotations[here, column] = pair.controls[name].at(seconds)
        return rotations
