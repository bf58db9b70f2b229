"""Sound files in and out, levels in dBFS, resampling. The only module that touches files of sound.

Inside drywet a signal is a float32 array of shape (T,), 1.0 is full scale (and 1 V for the virtual circuits).
"""

import os
from pathlib import Path

import numpy as np
import soundfile
import soxr

from drywet.errors import AudioFileError, SignalError, StorageError
from drywet.files import atomic_path

LOWEST_RATE, HIGHEST_RATE = 8_000, 384_000  # Hz, what an audio interface can offer
MAX_SECONDS = 4 * 3600  # longer files are refused before memory is taken


def read(path: Path | str, *, sample_rate: int | None = None) -> tuple[np.ndarray, int]:
    """The mono signal in a sound file and its sample rate in Hz.

    Parameters
    ----------
    path : path
        Any format of libsndfile: WAV, FLAC, OGG, MP3.
    sample_rate : int, optional
        The rate the caller needs. A file of another rate is refused, never resampled silently.

    Returns
    -------
    samples : float32 array, shape (T,), T >= 1
    sample_rate : int

    Raises
    ------
    AudioFileError
        If the file is missing, unreadable, empty, not mono, of another rate, or holds NaN or infinity.
    """
    path = Path(path)
    if not path.is_file():
        raise AudioFileError(f"{path}: {'is a folder, not a sound file' if path.is_dir() else 'no such file'}")
    try:
        with soundfile.SoundFile(path) as file:
            _check_header(path, file.samplerate, file.channels, file.frames, sample_rate)
            samples = file.read(dtype="float32")
            rate = file.samplerate
    except (soundfile.SoundFileError, OSError, RuntimeError) as error:
        raise AudioFileError(f"{path}: not readable as sound ({error})") from error
    if len(samples) == 0:
        raise AudioFileError(f"{path}: holds no samples")
    bad = np.flatnonzero(~np.isfinite(samples))
    if len(bad):
        raise AudioFileError(
            f"{path}: {len(bad)} of {len(samples)} samples are NaN or infinite, the first at {bad[0] / rate:.3f} s. "
            "Export it again from the program that made it"
        )
    return samples, rate


def _check_header(path: Path, rate: int, channels: int, frames: int, wanted_rate: int | None) -> None:
    if channels != 1:
        raise AudioFileError(
            f"{path}: has {channels} channels, 1 is needed. Export the one that holds the signal as a mono file"
        )
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise AudioFileError(f"{path}: sample rate is {rate} Hz, outside {LOWEST_RATE} to {HIGHEST_RATE} Hz")
    if wanted_rate is not None and rate != wanted_rate:
        raise AudioFileError(
            f"{path}: sample rate is {rate} Hz, {wanted_rate} Hz is needed. Convert the file, or record again at "
            f"{wanted_rate} Hz"
        )
    if frames > MAX_SECONDS * rate:
        raise AudioFileError(
            f"{path}: is {frames / rate / 3600:.1f} h long, at most {MAX_SECONDS / 3600:.0f} h is read"
        )


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
