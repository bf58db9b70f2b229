"""Sound files damaged at random, each known by (format, seed, number), and a process that reads many of them.

``python mutated_sound.py FORMAT SEED FIRST STOP FOLDER`` reads the mutated files FIRST to STOP - 1 within 256 MB and five
seconds of processor time each, and prints what was wrong as JSON. The number of the file in work stands in FOLDER/at, so
that a crash names its file.
"""

import io
import json
import resource
import signal
import struct
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import soundfile

RATE = 44_100
MEMORY = 256 * 2**20  # bytes
SECONDS = 5  # of processor time for one small file: a hang, not a slow machine
# 0, 1, sign bits, and what streaming programs write as "unknown"
EXTREMES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0x7FFF_F000, 0xFFFF_FFFF)
FORMATS = {
    "WAV": "WAV PCM_16 1, WAV PCM_24 1, WAV PCM_32 2, WAV FLOAT 1, WAV DOUBLE 1, WAVEX PCM_24 1, WAVEX FLOAT 2, "
    "WAV IMA_ADPCM 1, WAV ALAW 1",
    "other PCM": "AIFF PCM_16 1, AIFF FLOAT 1, CAF PCM_24 1, CAF ALAC_16 2, W64 PCM_16 1, RF64 PCM_24 1, AU PCM_16 1",
    "FLAC": "FLAC PCM_16 1, FLAC PCM_24 1, FLAC PCM_16 2, FLAC PCM_S8 1",
    "OGG": "OGG VORBIS 1, OGG OPUS 1, OGG VORBIS 2",
    "MP3": "MP3 MPEG_LAYER_III 1, MP3 MPEG_LAYER_III 2",
}  # format, subtype, channels


def whole_files(family: str) -> list[bytes]:
    """Undamaged files of a format, of 1200 samples: a sine in a little noise."""
    t = np.arange(1200)
    sine = 0.5 * np.sin(0.05 * t) + 0.05 * np.random.default_rng(0).standard_normal(len(t))
    contents = []
    for form, subtype, channels in map(str.split, FORMATS[family].split(",")):
        file = io.BytesIO()
        rate = 48_000 if subtype == "OPUS" else RATE
        soundfile.write(file, np.stack([sine] * int(channels), axis=1), rate, format=form, subtype=subtype)
        contents.append(_with_checksums(_numbered(bytearray(file.getvalue()))) if form == "OGG" else file.getvalue())
    if family == "WAV":
        contents.append(_with_chunks(contents[0]))
    if family in ("FLAC", "MP3"):
        contents.append(
            b"ID3\x03\x00\x00\x00\x00\x00\x20TIT2\x00\x00\x00\x0a\x00\x00\x00riff no. 1" + bytes(12) + contents[0]
        )
    return contents


def _numbered(ogg: bytearray) -> bytearray:
    """The serial number of the stream, which is drawn anew whenever one is written, set to 1."""
    start = ogg.find(b"OggS")
    while start >= 0:
        ogg[start + 14 : start + 18] = struct.pack("<I", 1)
        start = ogg.find(b"OggS", start + 4)
    return ogg


def _with_chunks(wav: bytes) -> bytes:
    """The same file with the chunks that recorders add before the sound."""
    extra = b"".join(
        name + struct.pack("<I", len(body)) + body
        for name, body in (
            (b"LIST", b"INFOISFT" + struct.pack("<I", 14) + b"Lavf58.76.100\0"),
            (b"cue ", struct.pack("<7I", 1, 1, 0, 0x61746164, 0, 0, 5)),
            (b"smpl", struct.pack("<15I", 0, 0, 22675, 60, 0, 0, 0, 1, 0, 0, 0, 10, 20, 0, 0)),
            (b"bext", bytes(602)),
            (b"PEAK", struct.pack("<IIfI", 1, 0, 0.5, 3)),
        )
    )
    return b"RIFF" + struct.pack("<I", len(wav) - 8 + len(extra)) + wav[8:36] + extra + wav[36:]


def mutated(contents: list[bytes], seed: int, number: int) -> tuple[int, bytes]:
    """Which whole file it was, and what became of it after one to three mutations, half of them in the header."""
    rng = np.random.default_rng([seed, number])
    origin = int(rng.integers(len(contents)))
    content = bytearray(contents[origin])
    for _ in range(rng.integers(1, 4)):
        if len(content) < 16:
            break
        place = int(rng.integers(min(len(content), 200) if rng.random() < 0.5 else len(content)))
        length = int(rng.integers(1, 65))
        kind = rng.integers(8)
        if kind == 0:  # one bit
            content[place] ^= 1 << int(rng.integers(8))
        elif kind == 1:  # a run of one value
            content[place : place + length] = bytes([(0, 255, int(rng.integers(256)))[int(rng.integers(3))]]) * length
        elif kind == 2:
            del content[place:]
        elif kind in (3, 4):  # a length or count, at an extreme or anywhere
            value = int(rng.choice(EXTREMES)) if rng.random() < 0.7 else int(rng.integers(2**32))
            width = int(rng.choice([2, 4, 8]))
            order = "little" if rng.random() < 0.5 else "big"
            content[place : place + width] = (value % 256**width).to_bytes(width, order)
        elif kind == 5:  # a piece again, elsewhere
            start = int(rng.integers(len(content)))
            content[place:place] = content[start : start + length]
        elif kind == 6:
            del content[place : place + length]
        else:  # a piece of another file
            other = contents[int(rng.integers(len(contents)))]
            start = int(rng.integers(len(other)))
            content[place : place + 4 * length] = other[start : start + 4 * length]
    return origin, _with_checksums(content) if number % 2 else bytes(content)


def ogg_checksum(page: bytes) -> int:
    """Bit by bit, as RFC 3533 describes it: polynomial 0x04c11db7, from 0, not inverted."""
    register = 0
    for byte in page:
        register ^= byte << 24
        for _ in range(8):
            register = (register << 1 ^ (0x04C11DB7 if register & 0x8000_0000 else 0)) & 0xFFFF_FFFF
    return register


CHECKSUM_OF_BYTE = [ogg_checksum(bytes([byte])) for byte in range(256)]


def _with_checksums(content: bytearray) -> bytes:
    """The same file, its OGG pages made valid again: damage on purpose, which the decoder itself has to withstand."""
    start = content.find(b"OggS")
    while start >= 0 and start + 27 < len(content):
        lacing = content[start + 27 : start + 27 + content[start + 26]]
        stop = start + 27 + len(lacing) + sum(lacing)
        content[start + 22 : start + 26] = bytes(4)
        register = 0
        for byte in content[start:stop]:
            register = (register << 8 & 0xFFFF_FFFF) ^ CHECKSUM_OF_BYTE[register >> 24 ^ byte]
        content[start + 22 : start + 26] = register.to_bytes(4, "little")
        start = content.find(b"OggS", start + 1)
    return bytes(content)


def _sound_bytes(wav: bytes) -> slice:
    start = wav.rindex(b"data") + 8  # the last: a cue names the chunk too
    return slice(start, start + int.from_bytes(wav[start - 4 : start], "little"))


def _same_sound(family: str, whole: bytes, damaged: bytes, number: int) -> bool:
    """Whether the sound is surely as it was: its bytes are, or each frame or page has passed its own checksum."""
    if family == "FLAC" or (family == "OGG" and number % 2 == 0):
        return True
    if family != "WAV" or whole[:4] != damaged[:4] or len(whole) != len(damaged):
        return False
    return whole[_sound_bytes(whole)] == damaged[_sound_bytes(whole)]


def read_all(family: str, seed: int, first: int, stop: int, folder: Path) -> dict:
    """Read mutated files; how many ended how, and the (number, fault) of each that ended wrong."""
    from drywet import audio
    from drywet.errors import AudioFileError

    def read(path: Path) -> tuple[tuple, np.ndarray]:
        with audio.open_reader(path, channel=0) as reader:
            description = (reader.sample_rate, reader.channels, reader.subtype, len(reader))
            middle = len(reader) // 2
            part = reader[middle : middle + 200]
        samples, _ = audio.read(path, channel=0)
        if not np.array_equal(part, samples[middle : middle + 200]):
            raise ValueError("a part is not that part of the whole")
        return description, samples

    path = folder / "mutated.wav"
    file = open(path, "wb", buffering=0)  # noqa: SIM115 - kept: making a file anew takes longer than reading it

    def write(content: bytes) -> None:
        file.seek(0)
        file.write(content)
        file.truncate()

    contents = whole_files(family)
    intact: list[tuple] = []
    for content in contents:
        write(content)
        try:
            intact.append(read(path))
        except AudioFileError:  # a format or codec that is not read
            intact.append((None, None))
    _limit_memory()
    outcomes: Counter[str] = Counter()
    faults = []
    with open(folder / "at", "w") as at:
        for number in range(first, stop):
            at.seek(0)
            at.write(f"{number:9d}")
            at.flush()
            origin, content = mutated(contents, seed, number)
            write(content)
            signal.setitimer(signal.ITIMER_PROF, SECONDS)
            try:
                description, samples = read(path)
            except AudioFileError:
                outcomes["refused"] += 1
                continue
            except Exception as error:  # MemoryError among them
                faults.append((number, repr(error)))
                continue
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
            outcomes["read"] += 1
            # At least one bit of file for a sample, but for FLAC and OGG, which may hold silence.
            if len(samples) != description[-1] or not 1 <= len(samples) <= 8 * len(content) + 70_000:
                faults.append((number, f"{len(samples)} samples from {len(content)} bytes"))
            if not np.isfinite(samples).all():
                faults.append((number, "not finite"))
            if description == intact[origin][0] and _same_sound(family, contents[origin], content, number):
                outcomes["read, must be equal"] += 1
                if not np.array_equal(samples, intact[origin][1]):
                    faults.append((number, "not what was recorded"))
    return {"outcomes": outcomes, "faults": faults}


def _limit_memory() -> None:
    """Nothing beyond 256 MB more than now: an allocation above it fails, which is a MemoryError or a typed error."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


if __name__ == "__main__":
    family, seed, first, stop, folder = sys.argv[1:]
    print(json.dumps(read_all(family, int(seed), int(first), int(stop), Path(folder))))
