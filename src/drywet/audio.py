"""Sound files in and out, levels in dBFS, resampling.

Only this module touches files of sound, with audio_headers for it; audio_pipe does the same for pipes.

Inside drywet a signal is a float32 array of shape (T,), 1.0 is full scale (and 1 V for the virtual circuits).
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np
import soundfile
import soxr

from drywet.audio_headers import EXPORT_AGAIN, check_header
from drywet.errors import AudioFileError, SignalError, StorageError
from drywet.files import atomic_path

LOWEST_RATE, HIGHEST_RATE = 8_000, 384_000  # Hz, what an audio interface can offer
MAX_HOURS = 4  # read() refuses longer files before memory is taken; open_reader() does not
FORMATS = {  # libsndfile's, by the ending of a file's name
    **{".wav": "WAV", ".rf64": "RF64", ".w64": "W64", ".aif": "AIFF", ".aiff": "AIFF", ".aifc": "AIFF"},
    **{".caf": "CAF", ".flac": "FLAC", ".ogg": "OGG", ".mp3": "MP3"},
}
ENDINGS = tuple(FORMATS)  # of files that are read
LOSSY = (".ogg", ".mp3")  # read, but not written as integers or floats
BLOCK = 2**16  # samples decoded at a time, over all channels
BYTES_PER_SAMPLE = {
    **{"PCM_S8": 1, "PCM_U8": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4},
    **{"FLOAT": 4, "DOUBLE": 8, "ULAW": 1, "ALAW": 1},
}
UNKNOWN = 2**63 - 1  # libsndfile's count of samples where a FLAC header leaves it open
FOUR_GB = 2**32 - 2**16  # bytes of sound, with room for a header: what the 32-bit sizes of WAV and AIFF can say
RF64_AUTO_DOWNGRADE = 0x1210  # libsndfile's SFC_RF64_AUTO_DOWNGRADE: close an RF64 that stayed small as a WAV


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


class Source(Protocol):
    """Sound to be read once from start to end: a :class:`Reader`, or what comes through a pipe."""

    sample_rate: int

    @property
    def length(self) -> int | None:
        """Samples to come, where that is known before the end."""

    def blocks(self) -> Iterator[np.ndarray]:
        """Blocks of float32, each of shape (T,); AudioFileError if they cannot be read or are not finite."""


def check_wanted(
    where: Path | str, sample_rate: int, channels: int, wanted_rate: int | None, channel: int | None
) -> None:
    """AudioFileError if a sound has no such channel, several where none was chosen, or not the wanted rate."""
    if channel is None and channels != 1:
        raise AudioFileError(
            f"{where}: has {channels} channels, 1 is needed. Choose one where the command can: --channel, of a pair "
            "--dry-channel and --wet-channel. Elsewhere make it mono first: `drywet align DRY WET --dry-channel 1 "
            "--wet-channel 1 --out FOLDER` copies a pair, `sox IN OUT remix 1` a file"
        )
    if channel is not None and not 0 <= channel < channels:
        raise AudioFileError(f"{where}: has no channel {channel + 1}, only 1 to {channels}")
    if not LOWEST_RATE <= sample_rate <= HIGHEST_RATE:
        raise AudioFileError(f"{where}: sample rate is {sample_rate} Hz, outside {LOWEST_RATE} to {HIGHEST_RATE} Hz")
    if wanted_rate is not None and sample_rate != wanted_rate:
        raise AudioFileError(
            f"{where}: sample rate is {sample_rate} Hz, {wanted_rate} Hz is needed. Convert the file, or record again at "
            f"{wanted_rate} Hz"
        )


def check_finite(where: Path | str, block: np.ndarray, position: int, sample_rate: int) -> None:
    """AudioFileError that names the first sample of ``block``, which begins at sample ``position``, that is not finite."""
    if not np.isfinite(block).all():
        bad = position + int(np.argmin(np.isfinite(block)))
        raise AudioFileError(f"{where}: sample {bad} (at {bad / sample_rate:.3f} s) is NaN or infinite. {EXPORT_AGAIN}")


def _for_libsndfile(path: Path) -> bytes | Path:
    """The name as the disk has it: soundfile refuses one that is not UTF-8, as an old memory card may hold."""
    return os.fsencode(path) if os.name == "posix" else path


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
        self.length: int = self._file.frames
        self._md5 = claims.md5
        try:
            check_wanted(path, self.sample_rate, self.channels, sample_rate, channel)
            self._check_length(claims.sound_bytes)
        except AudioFileError:
            self.close()
            raise

    def _check_length(self, sound_bytes: int | None) -> None:
        if sound_bytes is not None:
            if self.subtype not in BYTES_PER_SAMPLE:
                raise AudioFileError(f"{self.path}: describes its sound twice, as {self.subtype} too. {EXPORT_AGAIN}")
            claimed = sound_bytes // (self.channels * BYTES_PER_SAMPLE[self.subtype])
            if claimed != self.length:
                raise self._cut_short(claimed, self.length)
        if self.length == UNKNOWN:
            while len(self._decode(BLOCK)):
                pass
            self.length = self._position
        if self.length == 0:
            raise AudioFileError(f"{self.path}: holds no samples")

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, part: slice) -> np.ndarray:
        """Samples ``part.start`` to ``part.stop``; AudioFileError if they cannot be read or are not finite."""
        start, stop, step = part.indices(len(self))
        if step != 1:
            raise ValueError("a reader gives every sample of a part; its step is 1")
        samples, filled = np.empty(0, np.float32), 0
        for block in self._blocks(start, stop):
            if filled + len(block) > len(samples):  # grows with what was decoded, not with what a header claims
                samples.resize(min(max(2 * filled, filled + BLOCK), stop - start), refcheck=False)
            samples[filled : filled + len(block)] = block
            filled += len(block)
        return samples

    def blocks(self) -> Iterator[np.ndarray]:
        """All samples, a block of at most 65 536 at a time. Read nothing else meanwhile."""
        return self._blocks(0, len(self))

    def _blocks(self, start: int, stop: int) -> Iterator[np.ndarray]:
        checksum = hashlib.md5(usedforsecurity=False) if self._md5 and stop - start == len(self) else None
        if start < stop:
            self._go_to(start)
        while start < stop:
            frames = self._decode(stop - start)
            if checksum:
                checksum.update(_as_flac_counts_them(frames, self.subtype))
            block = frames[:, self._channel]
            if len(block) == 0:
                raise self._cut_short(len(self), start)
            check_finite(self.path, block, start, self.sample_rate)
            yield block
            start += len(block)
        if checksum and checksum.digest() != self._md5:
            raise AudioFileError(
                f"{self.path}: its {len(self)} samples are not those of the checksum in its header. The file is damaged; copy "
                "or export it again"
            )

    def _open(self) -> _Decoder:
        try:
            return _Decoder(_for_libsndfile(self.path))
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
                error, f" between samples {position} and {position + count} of {self.length}"
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
                raise self._unreadable(error, f" at sample {start} of {self.length}") from error
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


class Writer:
    """Takes a mono sound block by block; made by :func:`open_writer`, or for a pipe by :func:`audio_pipe.open_writer`.

    Attributes
    ----------
    samples, clipped : int
        Written so far, and how many of them were clipped to full scale.
    peak : float
        Largest absolute value, before clipping.
    """

    def __init__(self, where: Path | str, sample_rate: int, subtype: str, put: Callable[[np.ndarray], None]):
        self.where, self.sample_rate, self._subtype, self._put = where, sample_rate, subtype, put
        self._clips = subtype not in ("FLOAT", "DOUBLE")
        self.samples, self.clipped, self.peak = 0, 0, 0.0

    def write(self, block: np.ndarray) -> None:
        """The next samples, shape (T,).

        Raises
        ------
        SignalError
            If one is not finite: libsndfile would write NaN as full scale.
        StorageError
            If the disk is full, or the container cannot hold more.
        """
        block = np.asarray(block, dtype=np.float32)
        if not np.isfinite(block).all():
            bad = self.samples + int(np.argmin(np.isfinite(block)))
            raise SignalError(
                f"{self.where}: sample {bad} (at {bad / self.sample_rate:.3f} s) would be NaN or infinite, which no sound "
                "file can hold"
            )
        self.peak = max(self.peak, float(np.abs(block).max(initial=0.0)))
        if self._clips:
            self.clipped += int(np.sum(np.abs(block) > 1.0))
            block = np.clip(block, -1.0, 1.0)
        if self._subtype == "PCM_16":  # libsndfile cuts bits off, which leaves half a step of DC: here that is -96 dBFS
            block = np.rint(block * np.float32(2**15)) / np.float32(2**15)
        for start in range(0, len(block), BLOCK):  # libsndfile crashes on a minute of OGG in one piece
            self._put(block[start : start + BLOCK])
        self.samples += len(block)


@contextmanager
def open_writer(
    path: Path | str, sample_rate: int, *, subtype: str = "PCM_24", length: int | None = None
) -> Iterator[Writer]:
    """A :class:`Writer` of a mono sound file, for a ``with`` block: the file is there, whole, when the block ends well.

    Parameters
    ----------
    length : int, optional
        Samples to come. A .wav of more than 4 GB becomes an RF64 of the same name, which is what makes it readable.

    Raises
    ------
    StorageError
        If the folder cannot be written, the name's ending is no sound format that holds the subtype, or so much.
    """
    path = Path(path)
    width = BYTES_PER_SAMPLE.get(subtype, 1)
    format_ = FORMATS.get(path.suffix.lower(), "")
    if not soundfile.check_format(format_, subtype):
        raise StorageError(
            f"{path}: {path.suffix or 'a name without an ending'} cannot be {subtype} sound; name a file that ends in .wav, "
            ".w64, .aiff or .caf, or, of integers, .flac"
        )
    may_be_large = format_ == "WAV" and (length is None or length * width > FOUR_GB)
    small_only = format_ == "AIFF"

    def check_room(samples: int) -> None:
        if small_only and samples * width > FOUR_GB:
            raise StorageError(f"{path}: an AIFF holds 4 GB, this sound is longer; name the file .wav or .w64")

    check_room(length or 0)
    with atomic_path(path) as temporary:
        with _as_storage_error(path, subtype):
            file = soundfile.SoundFile(
                _for_libsndfile(temporary),
                "w",
                sample_rate,
                channels=1,
                subtype=subtype,
                format="RF64" if may_be_large else format_,
            )
        if may_be_large and length is None:
            soundfile._snd.sf_command(file._file, RF64_AUTO_DOWNGRADE, soundfile._ffi.NULL, True)

        def put(block: np.ndarray) -> None:
            check_room(writer.samples + len(block))
            with _as_storage_error(path, subtype):
                file.write(block)

        writer = Writer(path, sample_rate, subtype, put)
        try:
            yield writer
        finally:
            with _as_storage_error(path, subtype):
                file.close()


@contextmanager
def _as_storage_error(path: Path, subtype: str) -> Iterator[None]:
    try:
        yield
    except (soundfile.SoundFileError, TypeError, ValueError) as error:
        raise StorageError(f"{path}: cannot be written as {subtype} sound ({error})") from error


def write(path: Path | str, samples: np.ndarray, sample_rate: int, *, subtype: str = "PCM_24") -> int:
    """Write a mono sound file, whole or not at all, and return how many samples had to be clipped to full scale.

    Raises
    ------
    SignalError
        If ``samples`` is empty, not one-dimensional, or not finite.
    StorageError
        As :func:`open_writer`.
    """
    samples = np.asarray(samples, dtype=np.float32)
    if samples.ndim != 1 or len(samples) == 0:
        raise SignalError(f"{path}: a mono signal has shape (T,) with T >= 1, this one has {samples.shape}")
    if not np.isfinite(samples).all():
        raise SignalError(f"{path}: {np.sum(~np.isfinite(samples))} samples are NaN or infinite; nothing was written")
    with open_writer(path, sample_rate, subtype=subtype, length=len(samples)) as writer:
        writer.write(samples)
    return writer.clipped


def duration_seconds(path: Path | str) -> float:
    """Length of a sound file in seconds, any number of channels; from the header alone, where it says it."""
    with open_reader(path, channel=0) as reader:
        return len(reader) / reader.sample_rate


def resample(samples: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    """``samples`` at another rate, shape (round(T * to_rate / from_rate),), linear phase, band-limited (soxr VHQ)."""
    if from_rate == to_rate:
        return samples
    return soxr.resample(samples, from_rate, to_rate, quality="VHQ")


def resample_blocks(blocks: Iterable[np.ndarray], from_rate: int, to_rate: int) -> Iterator[np.ndarray]:
    """:func:`resample` for a signal that comes in blocks of float32: the same samples, however it is cut."""
    if from_rate == to_rate:
        yield from blocks
        return
    resampler = soxr.ResampleStream(from_rate, to_rate, 1, dtype="float32", quality="VHQ")
    for block in blocks:
        yield resampler.resample_chunk(np.ascontiguousarray(block))
    yield resampler.resample_chunk(np.empty(0, np.float32), last=True)


def peak_dbfs(samples: np.ndarray) -> float:
    """Largest absolute value in dB relative to full scale; minus infinity for silence."""
    return amplitude_to_db(float(np.max(np.abs(samples))))


def rms_dbfs(samples: np.ndarray) -> float:
    """Root mean square in dB relative to an RMS of 1.0 (a full-scale sine has -3.01)."""
    return amplitude_to_db(float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))))


def amplitude_to_db(amplitude: float) -> float:
    """20 log10 of an amplitude ratio; minus infinity at 0."""
    return 20 * float(np.log10(amplitude)) if amplitude > 0 else -np.inf
