"""Sound files in and out, levels in dBFS, resampling. The only module that touches files of sound.

Inside drywet a signal is a float32 array of shape (T,), 1.0 is full scale (and 1 V for the virtual circuits).
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile
import soxr

from drywet.errors import AudioFileError, SignalError, StorageError
from drywet.files import atomic_path

LOWEST_RATE, HIGHEST_RATE = 8_000, 384_000  # Hz, what an audio interface can offer
MAX_SECONDS = 4 * 3600  # read() refuses longer files before memory is taken
BLOCK = 2**18  # samples decoded at a time


def read(path: Path | str, *, sample_rate: int | None = None, channel: int | None = None) -> tuple[np.ndarray, int]:
    """One channel of a sound file, whole, and its sample rate in Hz.

    Parameters
    ----------
    path : path
        Any format of libsndfile: WAV, FLAC, OGG, MP3.
    sample_rate : int, optional
        The rate the caller needs. A file of another rate is refused, never resampled silently.
    channel : int, optional
        Which channel of a file that has several, 0 for the first. Without it the file must be mono.

    Returns
    -------
    samples : float32 array, shape (T,), T >= 1
    sample_rate : int

    Raises
    ------
    AudioFileError
        As :func:`open_reader`; and if the file is longer than four hours or holds NaN or infinity.
    """
    with open_reader(path, sample_rate=sample_rate, channel=channel) as reader:
        if len(reader) > MAX_SECONDS * reader.sample_rate:
            raise AudioFileError(
                f"{path}: is {len(reader) / reader.sample_rate / 3600:.1f} h long, at most "
                f"{MAX_SECONDS / 3600:.0f} h is read"
            )
        return reader[:], reader.sample_rate


class Reader:
    """One channel of an open sound file. ``reader[a:b]`` reads just those samples: float32, shape (b - a,).

    Made by :func:`open_reader`. Hours of sound need no more memory than the part asked for.
    """

    def __init__(self, path: Path, file: soundfile.SoundFile, channel: int):
        self.path = path
        self.sample_rate: int = file.samplerate
        self.channels: int = file.channels
        self.subtype: str = file.subtype
        self._file = file
        self._channel = channel

    def __len__(self) -> int:
        return self._file.frames

    def __getitem__(self, part: slice) -> np.ndarray:
        """Samples ``part.start`` to ``part.stop``; AudioFileError if they cannot be read or are not finite."""
        if not isinstance(part, slice) or part.step not in (None, 1):
            raise TypeError("a reader is indexed by reader[start:stop]")
        start, stop, _ = part.indices(len(self))
        wanted = max(stop - start, 0)
        samples = np.empty(0, np.float32)
        try:
            self._file.seek(start)
            while len(samples) < wanted:
                block = self._file.read(min(BLOCK, wanted - len(samples)), dtype="float32", always_2d=True)
                if len(block) == 0:
                    raise AudioFileError(
                        f"{self.path}: the header says {len(self)} samples, only {start + len(samples)} can be read. "
                        "The file is cut short; copy or export it again"
                    )
                # Memory grows with what was decoded, not with what a header claims.
                samples.resize(len(samples) + len(block), refcheck=False)
                samples[-len(block) :] = block[:, self._channel]
        except (soundfile.SoundFileError, OSError, RuntimeError) as error:
            raise AudioFileError(f"{self.path}: not readable as sound ({error})") from error
        self._refuse_not_finite(samples, start)
        return samples

    def _refuse_not_finite(self, samples: np.ndarray, start: int) -> None:
        bad = np.flatnonzero(~np.isfinite(samples))
        if len(bad):
            raise AudioFileError(
                f"{self.path}: {len(bad)} of {len(samples)} samples are NaN or infinite, the first at "
                f"{(start + bad[0]) / self.sample_rate:.3f} s. Export it again from the program that made it"
            )


@contextmanager
def open_reader(path: Path | str, *, sample_rate: int | None = None, channel: int | None = None) -> Iterator[Reader]:
    """A :class:`Reader` of one channel of a sound file; parameters as in :func:`read`, of any length.

    Raises
    ------
    AudioFileError
        If the file is missing, unreadable, empty, of another rate, or lacks the channel (or is not mono).
    """
    path = Path(path)
    if not path.is_file():
        raise AudioFileError(f"{path}: {'is a folder, not a sound file' if path.is_dir() else 'no such file'}")
    try:
        file = soundfile.SoundFile(path)
    except (soundfile.SoundFileError, OSError, RuntimeError, TypeError) as error:
        raise AudioFileError(f"{path}: not readable as sound ({error})") from error
    with file:
        _check_header(path, file, sample_rate, channel)
        yield Reader(path, file, channel or 0)


def _check_header(path: Path, file: soundfile.SoundFile, wanted_rate: int | None, channel: int | None) -> None:
    rate, channels = file.samplerate, file.channels
    if channel is None and channels != 1:
        raise AudioFileError(
            f"{path}: has {channels} channels, 1 is needed. Say which one, or export it as a mono file"
        )
    if channel is not None and not 0 <= channel < channels:
        raise AudioFileError(f"{path}: has no channel {channel + 1}; its channels are 1 to {channels}")
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise AudioFileError(f"{path}: sample rate is {rate} Hz, outside {LOWEST_RATE} to {HIGHEST_RATE} Hz")
    if wanted_rate is not None and rate != wanted_rate:
        raise AudioFileError(
            f"{path}: sample rate is {rate} Hz, {wanted_rate} Hz is needed. Convert the file, or record again at "
            f"{wanted_rate} Hz"
        )
    if file.frames == 0:
        raise AudioFileError(f"{path}: holds no samples")


def write(path: Path | str, samples: np.ndarray, sample_rate: int, *, subtype: str = "PCM_24") -> int:
    """Write a mono sound file, whole or not at all, and return how many samples had to be clipped to full scale.

    libsndfile writes NaN as full scale and clips without a word, so both are looked for here.

    Raises
    ------
    SignalError
        If ``samples`` is empty, not one-dimensional, or not finite.
    StorageError
        If the disk is full, the folder cannot be written, or the name's ending is no sound format.
    """
    path = Path(path)
    samples = np.asarray(samples, dtype=np.float32)
    if samples.ndim != 1 or len(samples) == 0:
        raise SignalError(f"{path}: a mono signal has shape (T,) with T >= 1, this one has {samples.shape}")
    if not np.isfinite(samples).all():
        raise SignalError(f"{path}: {np.sum(~np.isfinite(samples))} samples are NaN or infinite; nothing was written")
    clipped = 0
    if subtype not in ("FLOAT", "DOUBLE"):
        clipped = int(np.sum(np.abs(samples) > 1.0))
        samples = np.clip(samples, -1.0, 1.0)
    with atomic_path(path) as temporary:
        try:
            soundfile.write(temporary, samples, sample_rate, subtype=subtype)
        except (soundfile.SoundFileError, TypeError, ValueError) as error:
            raise StorageError(f"{path}: cannot be written as {subtype} sound ({error})") from error
    return clipped


def duration_seconds(path: Path | str) -> float:
    """Length of a sound file in seconds, from its header alone."""
    try:
        info = soundfile.info(os.fspath(path))
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise AudioFileError(f"{path}: not readable as sound ({error})") from error
    return info.frames / info.samplerate


def resample(samples: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    """``samples`` at another rate, shape (round(T * to_rate / from_rate),), linear phase, band-limited (soxr VHQ)."""
    if from_rate == to_rate:
        return samples
    return soxr.resample(samples, from_rate, to_rate, quality="VHQ")


def peak_dbfs(samples: np.ndarray) -> float:
    """Largest absolute value in dB relative to full scale; minus infinity for silence."""
    return amplitude_to_db(float(np.max(np.abs(samples))))


def rms_dbfs(samples: np.ndarray) -> float:
    """Root mean square in dB relative to an RMS of 1.0 (a full-scale sine has -3.01)."""
    return amplitude_to_db(float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))))


def amplitude_to_db(amplitude: float) -> float:
    """20 log10 of an amplitude ratio; minus infinity at 0."""
    return 20 * float(np.log10(amplitude)) if amplitude > 0 else -np.inf
