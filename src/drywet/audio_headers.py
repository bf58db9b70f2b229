"""What the header of a sound file claims, held against the file itself before a decoder sees it.

libsndfile mends a lying header without a word (a WAV cut in half is read as half a WAV) and knows twenty-five formats,
most of them of old samplers. Here a recording is WAV, RF64, W64, AIFF, CAF, FLAC, OGG or MP3, its codec one that people
record with, and as long as its header says.

References: the RIFF and RF64 forms in EBU Tech 3285 and 3306, Apple's AIFF-C and CAF specifications, RFC 3533 (Ogg), RFC
9639 (FLAC), and the Xing header as LAME writes it.
"""

import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import BinaryIO, Literal

from drywet.errors import AudioFileError

FORMATS = "WAV, RF64, W64, AIFF, CAF, FLAC, OGG (Vorbis, Opus) or MP3"
CODECS = "integer or float PCM, A-law or mu-law"
EXPORT_AGAIN = "Export it again from the program that made it, as WAV or FLAC"
UNKNOWN_SIZE = 2**32 - 1  # what a program writes that streams a WAV, and what RF64 writes before its ds64 chunk
MOST_CHUNKS = 1000  # a silent file with a damaged size would be walked through 8 bytes at a time
OGG_END = 4  # flag of the last page
BITS_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
MP3_TAGS = (b"TAG", b"APETAGEX", b"LYRICSBEGIN", b"ID3", b"3DI")  # what may follow the sound


@dataclass(frozen=True, kw_only=True)
class Container:
    """A file made of chunks, each a name and a size followed by its bytes."""

    start: int = 12  # byte of the first chunk
    name_bytes: int = 4
    size_bytes: int = 4
    size_counts_name: bool = False  # whether a chunk's size includes its own name and size
    byteorder: Literal["little", "big"]
    padding: int = 2  # chunks begin at multiples of this
    description: bytes  # the chunk that names the codec
    codec: slice  # where in that chunk; empty where the container has one codec only
    codecs: frozenset[bytes]
    sound: bytes  # the chunk of the samples
    sound_offset: int = 0  # bytes of that chunk before the first sample


def _names(text: str) -> frozenset[bytes]:
    return frozenset(name.encode() for name in text.split())


EXTENSIBLE = 0xFFFE  # a WAV format tag that leaves the codec to be named 24 bytes into the description
WAV_TAGS = (1, 3, 6, 7)  # PCM, float, A-law, mu-law
LITTLE = frozenset(tag.to_bytes(2, "little") for tag in WAV_TAGS)
BIG = frozenset(tag.to_bytes(2, "big") for tag in WAV_TAGS)
AIFC_CODECS = _names("NONE twos sowt in24 in32 fl32 FL32 fl64 FL64 alaw ALAW ulaw ULAW")
RIFF = Container(byteorder="little", description=b"fmt ", codec=slice(0, 2), codecs=LITTLE, sound=b"data")
RIFX = replace(RIFF, byteorder="big", codecs=BIG)
W64 = replace(RIFF, start=40, name_bytes=16, size_bytes=8, size_counts_name=True, padding=8)
AIFF = Container(
    byteorder="big", description=b"COMM", codec=slice(0, 0), codecs=frozenset({b""}), sound=b"SSND", sound_offset=8
)
AIFC = replace(AIFF, codec=slice(18, 22), codecs=AIFC_CODECS)
CAF = Container(
    start=8,
    size_bytes=8,
    byteorder="big",
    padding=1,
    description=b"desc",
    codec=slice(8, 12),
    codecs=_names("lpcm alaw ulaw"),
    sound=b"data",
    sound_offset=4,
)


@dataclass(frozen=True)
class Claims:
    """What a header says of the sound, to be held against what is decoded; None where it says nothing."""

    sound_bytes: int | None = None  # of uncompressed sound
    md5: bytes | None = None  # of the samples of a FLAC


def check_header(path: Path) -> Claims:
    """Refuse a file that is no recording, or not what its header says, before it is decoded.

    Raises
    ------
    AudioFileError
        If the file is missing, not a regular file, of another format or codec, or cut short.
    """
    try:
        if not path.exists():
            raise AudioFileError(f"{path}: no such file")
        if path.is_dir():
            raise AudioFileError(f"{path}: is a folder, not a sound file")
        if not path.is_file():  # asked before opening: a pipe would wait for its writer
            raise AudioFileError(f"{path}: is a pipe or a device, not a sound file. Save the sound to a file first")
        with open(path, "rb") as file:
            return _check(path, file, os.fstat(file.fileno()).st_size)
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        raise AudioFileError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error


def _check(path: Path, file: BinaryIO, size: int) -> Claims:
    if size == 0:
        raise AudioFileError(f"{path}: is empty (0 bytes). {EXPORT_AGAIN}")
    head = file.read(64)
    if head[:3] == b"ID3":  # a tag before the sound: 7 bits in each byte of its size
        tag_size = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=False))
        start = 10 + tag_size
        file.seek(start)
        head = file.read(64)
    else:
        start = 0
    container = _container(head) if start == 0 else None
    if container is not None:
        return Claims(sound_bytes=_check_chunks(path, file, size, container))
    if head[:4] == b"fLaC":
        md5 = head[26:42]  # RFC 9639, section 8.2; zero where the encoder could not go back to write it
        return Claims(md5=md5 if any(md5) else None)
    if head[:4] == b"OggS" and start == 0:
        _check_ogg(path, file, head)
        return Claims()
    if len(head) > 4 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        _check_mp3(path, file, size, start, head)
        return Claims()
    raise AudioFileError(f"{path}: not readable as sound (it begins like none of {FORMATS})")


def _container(head: bytes) -> Container | None:
    form, kind = head[:4], head[8:12]
    if form in (b"RIFF", b"RF64") and kind == b"WAVE":
        return RIFF
    if form == b"RIFX" and kind == b"WAVE":
        return RIFX
    if form == b"riff" and head[24:28] == b"wave":
        return W64
    if form == b"FORM":
        return {b"AIFF": AIFF, b"AIFC": AIFC}.get(kind)
    return CAF if form == b"caff" else None


def _chunks(file: BinaryIO, size: int, container: Container) -> Iterator[tuple[bytes, int, int]]:
    """Name, first byte and size in bytes of each chunk, as claimed; the last may claim more than there is."""
    header = container.name_bytes + container.size_bytes
    position = container.start
    for _ in range(MOST_CHUNKS):
        if position + header > size:
            break
        file.seek(position)
        name = file.read(container.name_bytes)[:4]
        length = int.from_bytes(file.read(container.size_bytes), container.byteorder)
        if container.size_counts_name:
            length = max(length - header, 0)
        yield name, position + header, length
        position += header + length
        position += -position % container.padding


def _check_chunks(path: Path, file: BinaryIO, size: int, container: Container) -> int:
    long_size = None  # of RF64, whose 32-bit sizes are too small
    described = False
    for name, start, length in _chunks(file, size, container):
        if name == b"ds64":
            file.seek(start + 8)
            long_size = int.from_bytes(file.read(8), "little")
        elif name == container.description:
            file.seek(start)
            check_codec(path, file.read(40), container)
            described = True
        elif name == container.sound:
            if not described:
                raise AudioFileError(f"{path}: the header does not describe its sound. {EXPORT_AGAIN}")
            if container.size_bytes == 4 and length == UNKNOWN_SIZE:
                length = size - start if long_size is None else long_size
            if length > size - start:
                raise _cut_short(path, length, size - start)
            _check_rest(path, file, size, container, start + length)
            return max(length - container.sound_offset, 0)
    raise AudioFileError(f"{path}: no sound was found in its {size} bytes, only a header. {EXPORT_AGAIN}")


def check_codec(path: Path | str, description: bytes, container: Container) -> None:
    """AudioFileError if the sound is not coded as integers or floats; ``description`` is the container's chunk for it."""
    codec = description[container.codec]
    if codec == EXTENSIBLE.to_bytes(2, container.byteorder):
        codec = description[24:26]
    if codec not in container.codecs:
        number = int.from_bytes(codec, container.byteorder)
        name = repr(codec.decode("latin-1")) if len(codec) == 4 else f"format tag {number}"
        raise AudioFileError(f"{path}: its sound is coded as {name}, but only {CODECS} is read. {EXPORT_AGAIN}")


def _check_rest(path: Path, file: BinaryIO, size: int, container: Container, end: int) -> None:
    """A recorder that was not closed leaves a header that says too little, and sound where chunks should be."""
    end += -end % container.padding
    file.seek(end)
    rest = file.read(2**16)
    if len(rest) >= 4 and any(rest) and not is_chunk_name(rest[:4]):  # zeros fill the last cluster of a memory card
        raise AudioFileError(
            f"{path}: {size - end} bytes follow the sound that the header speaks of. The recorder may not have closed the "
            f"file. {EXPORT_AGAIN}"
        )


def is_chunk_name(name: bytes) -> bool:
    """Whether these bytes could name a chunk: printable ASCII."""
    return all(32 <= byte < 127 for byte in name)


def _check_ogg(path: Path, file: BinaryIO, head: bytes) -> None:
    """Every page, because libsndfile leaves out damaged ones, and so moves what follows to an earlier time."""
    if b"\x01vorbis" not in head and b"OpusHead" not in head:
        raise AudioFileError(f"{path}: is an OGG file that holds neither Vorbis nor Opus. {EXPORT_AGAIN}")
    serial, position, flags = head[14:18], 0, 0
    for number in count():
        file.seek(position)
        header = file.read(27)
        lacing = file.read(header[26]) if len(header) == 27 else b""
        body = file.read(sum(lacing))
        if len(header) < 27 or len(body) < sum(lacing):
            break
        checksum = _ogg_checksum(header[:22] + bytes(4) + header[26:] + lacing + body)
        if header[:4] != b"OggS" or header[22:26] != checksum:
            raise AudioFileError(f"{path}: OGG page {number} is damaged (at byte {position}). Copy or export it again")
        if header[14:18] != serial or int.from_bytes(header[18:22], "little") != number:
            raise AudioFileError(
                f"{path}: OGG page {number} is missing, or of another stream (at byte {position}). Copy or export it again"
            )
        flags = header[5]
        position = file.tell()
    if header or not flags & OGG_END:
        raise AudioFileError(
            f"{path}: ends after {position} whole bytes without its last OGG page. It is cut short; copy or export it again"
        )


def _ogg_checksum(page: bytes) -> bytes:
    # Ogg's polynomial is that of zlib, but with the bits the other way round, and nothing inverted (RFC 3533, field 7).
    crc = zlib.crc32(page.translate(BITS_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return crc.to_bytes(4, "big").translate(BITS_REVERSED)


def _check_mp3(path: Path, file: BinaryIO, size: int, start: int, head: bytes) -> None:
    # A Xing (or Info) header sits 13 to 36 bytes into the first frame: which fields follow, frames, bytes.
    place = max(head.find(b"Xing"), head.find(b"Info"))
    fields = head[place + 7 : place + 8]
    frames, stream = (int.from_bytes(head[place + i : place + i + 4], "big") for i in (8, 12))
    if place < 0 or not fields or fields[0] & 3 != 3 or frames == 0:
        # Without it libsndfile guesses the length from the bit rate, and drops what is beyond its guess.
        raise AudioFileError(f"{path}: an MP3 whose header does not say how long it is. {EXPORT_AGAIN}")
    if stream > size - start:
        raise _cut_short(path, stream, size - start)
    file.seek(start + stream)
    after = file.read(16)
    if any(after) and not after.startswith(MP3_TAGS):
        raise AudioFileError(
            f"{path}: {size - start - stream} bytes follow the {stream} bytes of sound that the header speaks of, as in MP3 "
            f"files joined end to end. {EXPORT_AGAIN}"
        )


def _cut_short(path: Path, claimed: int, found: int) -> AudioFileError:
    return AudioFileError(
        f"{path}: the header says {claimed} bytes of sound, the file holds {found}. It is cut short; copy or export it again"
    )
