"""Sound files in and out, levels in dBFS, resampling. Only this module (and audio_headers for it) touches files of sound.

Inside drywet a signal is a float32 array of shape (T,), 1.0 is full scale (and 1 V for the virtual circuits).
"""

import hashlib
from pathlib import Path

import numpy as np
import soundfile
import soxr

from drywet.audio_headers import EXPORT_AGAIN, check_header
from drywet.errors import AudioFileError, SignalError, StorageError
from drywet.files import atomic_path

LOWEST_RATE, HIGHEST_RATE = 8_000, 384_000  # Hz, what an audio interface can offer
MAX_HOURS = 4  # read() refuses longer files before memory is taken; open_reader() does not
BLOCK = 2**16  # samples decoded at a time, over all channels
BYTES_PER_SAMPLE = {
    **{"PCM_S8": 1, "PCM_U8": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4},
    **{"FLOAT": 4, "DOUBLE": 8, "ULAW": 1, "ALAW": 1},
}
UNKNOWN = 2**63 - 1  # libsndfile's count of samples where a FLAC header leaves it open


def read(path: Path | str, *, sample_rate: int | None = None, channel: int | None = None) -> tuple[np.ndarray, int]:
    """One channel of a sound file, whole, and its sample rate in Hz.

    Parameters
    ----------
    path : path
        WAV, RF64, W64, AIFF, CAF, FLAC, OGG or MP3.
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
        If the file is missing, damaged, not what its header says, empty, longer than four hours, of another rate, lacks
        the channel, or holds NaN or infinity.
    """
    with open_reader(path, sample_rate=sample_rate, channel=channel) as reader:
        hours = len(reader) / reader.sample_rate / 3600
        if hours > MAX_HOURS:
            raise AudioFileError(f"{path}: is {hours:.1f} h long, at most {MAX_HOURS} h is read. Cut it into parts")
        return reader[:], reader.sample_rate


def open_reader(path: Path | str, *, sample_rate: int | None = None, channel: int | None = None) -> "Reader":
    """A :class:`Reader` of one channel of a sound file of any length, for a ``with`` block; parameters as :func:`read`.

    Raises
    ------
    AudioFileError
        As :func:`read`; but damage within the sound shows only when that part is read.
    """
    return Reader(Path(path), sample_rate, channel)


class _Decoder(soundfile.SoundFile):
    """Decodes from start to end. soundfile seeks after every read, and libsndfile lands elsewhere in OGG (its #885)."""

    def seekable(self) -> bool:
        return False


class Reader:
    """One channel of an open sound file: ``reader[a:b]`` reads just those samples, a float32 array of shape (b - a,).

    Made by :func:`open_reader`. Hours of sound need no more memory than the part asked for. OGG and MP3 are decoded up to
    the part, and from the start again to go back, because seeking in them is not exact.
    """

    def __init__(self, path: Path, sample_rate: int | None, channel: int | None):
        claims = check_header(path)
        self.path = path
        self._channel = channel or 0
        self._file = self._open()
        self._position = 0  # of the decoder
        self.sample_rate: int = self._file.samplerate
        self.channels: int = self._file.channels
        self.subtype: str = self._file.subtype
        self._length: int = self._file.frames
        self._md5 = claims.md5
        try:
            self._check_wanted(sample_rate, channel)
            self._check_length(claims.sound_bytes)
        except AudioFileError:
            self.close()
            raise

    def _check_wanted(self, sample_rate: int | None, channel: int | None) -> None:
        if channel is None and self.channels != 1:
            raise AudioFileError(
                f"{self.path}: has {self.channels} channels, 1 is needed. Choose one, or export it as a mono file"
            )
        if channel is not None and not 0 <= channel < self.channels:
            raise AudioFileError(f"{self.path}: has no channel {channel + 1}, only 1 to {self.channels}")
        if not LOWEST_RATE <= self.sample_rate <= HIGHEST_RATE:
            raise AudioFileError(
                f"{self.path}: sample rate is {self.sample_rate} Hz, outside {LOWEST_RATE} to {HIGHEST_RATE} Hz"
            )
        if sample_rate is not None and self.sample_rate != sample_rate:
            raise AudioFileError(
                f"{self.path}: sample rate is {self.sample_rate} Hz, {sample_rate} Hz is needed. Convert the file, or "
                f"record again at {sample_rate} Hz"
            )

    def _check_length(self, sound_bytes: int | None) -> None:
        if sound_bytes is not None:
            if self.subtype not in BYTES_PER_SAMPLE:
                raise AudioFileError(f"{self.path}: describes its sound twice, as {self.subtype} too. {EXPORT_AGAIN}")
            claimed = sound_bytes // (self.channels * BYTES_PER_SAMPLE[self.subtype])
            if claimed != self._length:
                raise self._cut_short(claimed, self._length)
        if self._length == UNKNOWN:
            while len(self._decode(BLOCK)):
                pass
            self._length = self._position
        if self._length == 0:
            raise AudioFileError(f"{self.path}: holds no samples")

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, part: slice) -> np.ndarray:
        """Samples ``part.start`` to ``part.stop``; AudioFileError if they cannot be read or are not finite."""
        start, stop, step = part.indices(len(self))
        if step != 1:
            raise ValueError("a reader gives every sample of a part; its step is 1")
        wanted, filled = max(stop - start, 0), 0
        samples = np.empty(0, np.float32)
        checksum = hashlib.md5(usedforsecurity=False) if self._md5 and wanted == len(self) else None
        if wanted:
            self._go_to(start)
        while filled < wanted:
            frames = self._decode(wanted - filled)
            if checksum:
                checksum.update(_as_flac_counts_them(frames, self.subtype))
            block = frames[:, self._channel]
            if len(block) == 0:
                raise self._cut_short(len(self), start + filled)
            if filled + len(block) > len(samples):  # grows with what was decoded, not with what a header claims
                samples.resize(min(max(2 * filled, filled + BLOCK), wanted), refcheck=False)
            samples[filled : filled + len(block)] = block
            filled += len(block)
            if not np.isfinite(block).all():
                bad = start + filled - len(block) + int(np.argmin(np.isfinite(block)))
                raise AudioFileError(
                    f"{self.path}: sample {bad} (at {bad / self.sample_rate:.3f} s) is NaN or infinite. {EXPORT_AGAIN}"
                )
        if checksum and checksum.digest() != self._md5:
            raise AudioFileError(
                f"{self.path}: its {len(self)} samples are not those of the checksum in its header. The file is damaged; copy "
                "or export it again"
            )
        return samples

    def _open(self) -> _Decoder:
        try:
            return _Decoder(self.path)
        except (soundfile.SoundFileError, OSError, TypeError, ValueError) as error:
            raise self._unreadable(error) from error

    def _decode(self, wanted: int) -> np.ndarray:
        """The next samples, shape (T, channels), T at most ``wanted``, and 0 only at the end of the sound."""
        position, self._position = self._position, UNKNOWN  # should it fail
        count = min(wanted, max(BLOCK // self.channels, 1))
        try:
            block = self._file.read(count, dtype="float32", always_2d=True)
        except (soundfile.SoundFileError, OSError) as error:
            raise self._unreadable(
                error, f" between samples {position} and {position + count} of {self._length}"
            ) from error
        self._position = position + len(block)
        return block

    def _go_to(self, start: int) -> None:
        if self._file.format in ("OGG", "MP3"):
            if start < self._position:
                self._file.close()
                self._file, self._position = self._open(), 0
            while self._position < start:
                if len(self._decode(start - self._position)) == 0:
                    raise self._cut_short(len(self), self._position)
        elif start != self._position:
            try:
                self._file.seek(start)
            except (soundfile.SoundFileError, OSError) as error:
                raise self._unreadable(error, f" at sample {start} of {self._length}") from error
            self._position = start

    def _cut_short(self, claimed: int, found: int) -> AudioFileError:
        return AudioFileError(
            f"{self.path}: the header says {claimed} samples, only {found} can be read. The file is damaged or cut short; "
            "copy or export it again"
        )

    def _unreadable(self, error: Exception, place: str = "") -> AudioFileError:
        reason = str(getattr(error, "error_string", error)).rstrip(".")
        return AudioFileError(f"{self.path}: not readable as sound{place} ({reason}). {EXPORT_AGAIN}")


def _as_flac_counts_them(frames: np.ndarray, subtype: str) -> bytes:
    """Interleaved signed integers, little-endian, as FLAC's MD5 is taken of (RFC 9639, section 8.2)."""
    width = BYTES_PER_SAMPLE[subtype]
    counts = (frames * 2.0 ** (8 * width - 1)).astype("<i4")
    return counts.view(np.uint8).reshape(-1, 4)[:, :width].tobytes()


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
            with soundfile.SoundFile(temporary, "w", sample_rate, channels=1, subtype=subtype) as file:
                for start in range(0, len(samples), BLOCK):  # libsndfile crashes on a minute of OGG in one piece
                    file.write(samples[start : start + BLOCK])
        except (soundfile.SoundFileError, TypeError, ValueError) as error:
            raise StorageError(f"{path}: cannot be written as {subtype} sound ({error})") from error
    return clipped


def duration_seconds(path: Path | str) -> float:
    """Length of a sound file in seconds, any number of channels; from the header alone, where it says it."""
    with open_reader(path, channel=0) as reader:
        return len(reader) / reader.sample_rate


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
