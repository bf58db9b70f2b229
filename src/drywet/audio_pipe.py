"""WAV through pipes: read and written from start to end, where nothing can be gone back to.

References: as :mod:`drywet.audio_headers`. What programs write as the size of a sound whose end they do not know: ffmpeg
and RF64 2**32 - 1, sox 2**31 - 2**12, arecord 2**31, GStreamer 0.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import numpy as np

from drywet.audio import BYTES_PER_SAMPLE, Writer, check_finite, check_wanted
from drywet.audio_headers import EXTENSIBLE, MOST_CHUNKS, RIFF, UNKNOWN_SIZE, check_codec, is_chunk_name
from drywet.errors import AudioFileError, StorageError

UNKNOWN_SIZES = (
    range(2**31 - 2**16, 2**31 + 1),
    range(2**32 - 2**16, 2**32),
)  # of a header that does not know, in bytes
UNKNOWN_LONG = 2**62  # the same for the long size of RF64
CHUNK = 2**16  # bytes read at a time
LARGEST_DESCRIPTION = 2**12  # bytes of a header's description; there are 16 to 40
PCM, FLOAT = 1, 3
CODES = {  # numpy's names of what a format tag and a count of bits say
    **{(PCM, 8): "u1", (PCM, 16): "<i2", (PCM, 24): "24", (PCM, 32): "<i4"},
    **{(FLOAT, 32): "<f4", (FLOAT, 64): "<f8"},
}
USE_A_FILE = "Save the sound to a file first; through a pipe only WAV is read: sox ... -t wav -, ffmpeg ... -f wav -"


class PipeReader:
    """One channel of a WAV that comes through a pipe, checked as a file is: a :class:`drywet.audio.Source`.

    Parameters
    ----------
    stream : binary file
    name : str
        What complaints call it.
    channel : int, optional
        Which channel of several, 0 for the first. Without it the sound must be mono.

    Raises
    ------
    AudioFileError
        If what comes is no WAV, of another codec than integers or floats, or lacks the channel.
    """

    def __init__(self, stream: BinaryIO, name: str, channel: int | None = None):
        self._stream, self._name = stream, name
        self._channel = channel or 0
        description, sound_bytes = self._read_header()
        self._understand(description)
        check_wanted(name, self.sample_rate, self.channels, None, channel)
        self.length = None if sound_bytes is None else sound_bytes // self._frame_bytes

    def blocks(self) -> Iterator[np.ndarray]:
        """All samples of the channel, float32, as they come; AudioFileError as for a file."""
        position, rest = 0, b""
        while self.length is None or position < self.length:
            left = CHUNK if self.length is None else (self.length - position) * self._frame_bytes - len(rest)
            came = self._read(min(left, CHUNK))
            if not came:
                break
            rest += came
            whole = len(rest) // self._frame_bytes * self._frame_bytes
            block = self._decoded(rest[:whole])[:, self._channel]
            rest = rest[whole:]
            check_finite(self._name, block, position, self.sample_rate)
            yield block
            position += len(block)
        self._check_end(position, rest)

    def _check_end(self, position: int, rest: bytes) -> None:
        if position == 0:
            raise AudioFileError(f"{self._name}: holds no samples")
        if self.length is not None and position < self.length:
            raise AudioFileError(
                f"{self._name}: the header says {self.length} samples, only {position} came. The program before the pipe may "
                "have stopped early"
            )
        if rest not in (b"", b"\0"):  # a zero fills an odd number of bytes
            raise AudioFileError(f"{self._name}: ends after {position} samples in the middle of the next one")
        if self.length is not None:
            if self.length * self._frame_bytes % 2:
                self._read(1)
            after = self._read(4)  # of a few bytes that come late nothing is said
            if len(after) == 4 and any(after) and not is_chunk_name(after):
                raise AudioFileError(f"{self._name}: sound follows the {position} samples that the header speaks of")
            while self._read(CHUNK):  # or the program before the pipe would complain
                pass

    def _read_header(self) -> tuple[bytes, int | None]:
        """The description of the sound, and the bytes of sound to come, None where the header does not know."""
        head = self._exactly(12, may_end=True)
        if not head:
            raise AudioFileError(f"{self._name}: is empty (0 bytes). The program before the pipe wrote nothing")
        if head[:4] not in (b"RIFF", b"RF64") or head[8:] != b"WAVE":
            raise AudioFileError(f"{self._name}: is no WAV. {USE_A_FILE}")
        description, long_size = b"", 0
        for _ in range(MOST_CHUNKS):
            name, length = self._exactly(4), int.from_bytes(self._exactly(4), "little")
            if name == b"data":
                if not description:
                    raise AudioFileError(f"{self._name}: the header does not describe its sound")
                if length == UNKNOWN_SIZE and long_size:
                    return description, long_size
                unknown = length == 0 or any(length in sizes for sizes in UNKNOWN_SIZES)
                return description, None if unknown else length
            if name in (b"fmt ", b"ds64"):
                if length > LARGEST_DESCRIPTION:
                    raise AudioFileError(f"{self._name}: describes its sound in {length} bytes; 16 to 40 are usual")
                body = self._exactly(length + length % 2)
                if name == b"fmt ":
                    description = body
                else:
                    long_size = int.from_bytes(body[8:16], "little")
                    long_size = long_size if long_size < UNKNOWN_LONG else 0
            else:
                self._skip(length + length % 2)
        raise AudioFileError(f"{self._name}: no sound was found in its first {MOST_CHUNKS} chunks")

    def _understand(self, description: bytes) -> None:
        check_codec(self._name, description, RIFF)
        if len(description) < 16:
            raise AudioFileError(f"{self._name}: describes its sound in {len(description)} bytes, 16 are needed")
        tag, self.channels, *_, frame_bytes, bits = map(int, np.frombuffer(description[:16], "<u2"))
        if tag == EXTENSIBLE:
            tag = int.from_bytes(description[24:26], "little")
        self.sample_rate, self._frame_bytes = int.from_bytes(description[4:8], "little"), frame_bytes
        if (tag, bits) not in CODES:
            raise AudioFileError(f"{self._name}: holds samples of {bits} bits (format tag {tag}). {USE_A_FILE}")
        self._code = CODES[tag, bits]
        if self.channels == 0 or frame_bytes != self.channels * bits // 8:
            raise AudioFileError(
                f"{self._name}: the header says {frame_bytes} bytes for {self.channels} samples of {bits} bits"
            )

    def _decoded(self, sound: bytes) -> np.ndarray:
        """Whole frames as float32, shape (T, channels)."""
        if self._code == "24":
            padded = np.zeros((len(sound) // 3, 4), np.uint8)
            padded[:, 1:] = np.frombuffer(sound, np.uint8).reshape(-1, 3)
            values, full = padded.view("<i4")[:, 0], 2.0**31
        else:
            values = np.frombuffer(sound, self._code)
            full = {"u": 128.0, "i": 2.0 ** (8 * values.itemsize - 1), "f": 1.0}[values.dtype.kind]
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is told later
            samples = ((values.astype(np.float64) - 128.0 * (values.dtype.kind == "u")) / full).astype(np.float32)
        return samples.reshape(-1, self.channels)

    def _exactly(self, count: int, may_end: bool = False) -> bytes:
        read = b""
        while len(read) < count and (came := self._read(count - len(read))):
            read += came
        if len(read) < count and not (may_end and not read):
            raise AudioFileError(f"{self._name}: ends within the header of its sound")
        return read

    def _skip(self, count: int) -> None:
        while count:
            came = self._read(min(count, CHUNK))
            if not came:
                raise AudioFileError(f"{self._name}: no sound was found, only a header")
            count -= len(came)

    def _read(self, count: int) -> bytes:
        """Up to ``count`` bytes: those that are there, so that a block need not wait for the next."""
        try:
            return self._stream.read1(count)  # type: ignore[attr-defined]
        except OSError as error:
            raise AudioFileError(f"{self._name}: cannot be read ({error.strerror or error})") from error


@contextmanager
def open_writer(
    stream: BinaryIO, name: str, sample_rate: int, *, subtype: str = "PCM_24", length: int | None = None
) -> Iterator[Writer]:
    """A :class:`drywet.audio.Writer` of a mono WAV into a pipe, block by block, for a ``with`` block.

    Parameters
    ----------
    length : int, optional
        Samples to come. Without it, or beyond 4 GB, the header says that the size is not known, as ffmpeg's does.

    Raises
    ------
    BrokenPipeError
        When the program behind the pipe has left.
    StorageError
        If the pipe is a file after all, and the disk is full.
    """
    width = BYTES_PER_SAMPLE[subtype]
    sound_bytes = UNKNOWN_SIZE if length is None else length * width
    known = sound_bytes < UNKNOWN_SIZE - 100
    tag = FLOAT if subtype == "FLOAT" else PCM
    description = b"".join(
        number.to_bytes(size, "little")
        for number, size in ((tag, 2), (1, 2), (sample_rate, 4), (sample_rate * width, 4), (width, 2), (8 * width, 2))
    )
    riff_size, data_size = (36 + sound_bytes + sound_bytes % 2, sound_bytes) if known else (UNKNOWN_SIZE, UNKNOWN_SIZE)

    def send(content: bytes) -> None:
        try:
            stream.write(content)
            stream.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise StorageError(f"{name}: cannot be written ({error.strerror or error})") from error

    def put(block: np.ndarray) -> None:
        if tag == FLOAT:
            send(block.astype("<f4").tobytes())
        else:  # as libsndfile: from 32 bits the upper ones
            counts = np.minimum(np.rint(block.astype(np.float64) * 2.0**31), 2.0**31 - 1).astype("<i4")
            send(counts.view(np.uint8).reshape(-1, 4)[:, 4 - width :].tobytes())

    sizes = [size.to_bytes(4, "little") for size in (riff_size, len(description), data_size)]
    send(b"RIFF" + sizes[0] + b"WAVEfmt " + sizes[1] + description + b"data" + sizes[2])
    writer = Writer(name, sample_rate, subtype, put)
    yield writer
    if known and sound_bytes % 2:
        send(b"\0")
