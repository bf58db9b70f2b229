"""WAV through pipes, against libsndfile's reading of the same bytes as a file."""

import io
import os
import struct

import mutated_sound
import numpy as np
import pytest
import soundfile

from drywet import audio, audio_pipe
from drywet.audio_pipe import PipeReader
from drywet.errors import AudioFileError, StorageError

RATE = 44_100


class Dribble(io.BytesIO):
    """Bytes that come a few at a time, as from a program that is slow."""

    def read1(self, count=-1):
        return self.read(min(count, 7))


def read(content, channel=None, stream=io.BytesIO):
    reader = PipeReader(stream(content), "standard input", channel)
    return reader, np.concatenate([*reader.blocks()])


@pytest.fixture(scope="module")
def stereo():
    return 0.3 * np.random.default_rng(0).standard_normal((701, 2))  # an odd number of odd bytes at 24 bits


def wav(samples, subtype="PCM_16", form="WAV"):
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format=form, subtype=subtype)
    return file.getvalue()


KINDS = ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"]


@pytest.mark.parametrize("form", ["WAV", "WAVEX", "RF64"])
@pytest.mark.parametrize("subtype", KINDS)
def test_a_pipe_gives_the_samples_that_the_file_gives(tmp_path, stereo, form, subtype):
    content = wav(stereo, subtype, form)
    (tmp_path / "a.wav").write_bytes(content)
    expected, _ = audio.read(tmp_path / "a.wav", channel=1)
    for stream in (io.BytesIO, Dribble):
        reader, samples = read(content, 1, stream)
        np.testing.assert_array_equal(samples, expected)
        assert (reader.sample_rate, reader.channels, reader.length) == (RATE, 2, 701)


def with_size(content, size, place=None):
    """Another size of the data chunk."""
    place = content.index(b"data") if place is None else place
    return content[: place + 4] + struct.pack("<I", size) + content[place + 8 :]


@pytest.mark.parametrize(
    "size",
    [0xFFFFFFFF, 0x7FFFF000, 0x80000000, 0x7FFFEFFC, 0],
    ids=["ffmpeg", "sox", "arecord", "sox, whole frames", "GStreamer"],
)
def test_a_size_that_the_program_did_not_know_ends_with_the_pipe(stereo, size):
    content = wav(stereo)
    reader, samples = read(with_size(content, size), 0)
    assert reader.length is None
    np.testing.assert_array_equal(samples, read(content, 0)[1])


def test_the_size_of_a_sound_between_2_and_4_gb_is_known_so_that_a_cut_is_noticed(stereo):
    with pytest.raises(AudioFileError, match="header says 750000000 samples, only 701 came"):
        read(with_size(wav(stereo), 3_000_000_000), 0)


def test_chunks_around_the_sound_do_not_matter(stereo):
    content = wav(stereo)
    noted = content[:12] + b"bext\3\0\0\0abc\0" + content[12:] + b"LIST\4\0\0\0INFO"
    np.testing.assert_array_equal(read(noted, 0)[1], read(content, 0)[1])


def test_what_follows_is_drunk_up_so_that_the_program_before_does_not_complain(stereo):
    stream = io.BytesIO(wav(stereo) + b"LIST" + struct.pack("<I", 200_000) + bytes(200_000))
    [*PipeReader(stream, "standard input", 0).blocks()]
    assert stream.read() == b""


BAD = {
    "nothing": (lambda mono: b"", "is empty"),
    "a text": (lambda mono: b"not a sound at all", "is no WAV.*ffmpeg"),
    "a FLAC": (lambda mono: wav(mono, "PCM_16", "FLAC"), "is no WAV"),
    "half a header": (lambda mono: wav(mono)[:30], "ends within the header"),
    "a header alone": (lambda mono: wav(mono)[:44], "header says 701 samples, only 0 came|holds no samples"),
    "no end of chunks": (lambda mono: wav(mono)[:36] + bytes(2**16), "no sound was found in its first"),
    "a chunk that does not end": (lambda mono: wav(mono)[:36] + b"junk" + struct.pack("<I", 2**31), "only a header"),
    "a description of 2 GB": (lambda mono: wav(mono)[:16] + struct.pack("<I", 2**31), "in 2147483648 bytes"),
    "cut short": (lambda mono: wav(mono)[:-200], "says 701 samples, only 601 came"),
    "in the middle of a sample": (lambda mono: with_size(wav(mono), 2**32 - 1)[:-1], "after 700 samples in the middle"),
    "more than it says": (lambda mono: with_size(wav(mono), 1000), "sound follows the 500 samples"),
    "NaN": (lambda mono: wav(np.where(np.arange(701) == 300, np.nan, mono), "FLOAT"), r"sample 300 \(at 0.007 s\)"),
    "A-law": (lambda mono: wav(mono, "ALAW"), "8 bits .format tag 6"),
    "ADPCM": (lambda mono: wav(mono, "IMA_ADPCM"), "coded as format tag 17"),
    "odd frames": (lambda mono: wav(mono)[:32] + b"\3\0" + wav(mono)[34:], "3 bytes for 1 samples of 16 bits"),
    "no channels": (lambda mono: wav(mono)[:22] + b"\0\0" + wav(mono)[24:], "for 0 samples"),
    "a slow clock": (lambda mono: wav(mono)[:24] + struct.pack("<I", 100) + wav(mono)[28:], "100 Hz, outside"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_with_a_pipe_is_said(stereo, name):
    make, message = BAD[name]
    with pytest.raises(AudioFileError, match=message):
        read(make(stereo[:, 0]))


def test_a_channel_is_asked_for(stereo):
    with pytest.raises(AudioFileError, match=r"2 channels, 1 is needed.*--channel"):
        read(wav(stereo))
    with pytest.raises(AudioFileError, match="no channel 3, only 1 to 2"):
        read(wav(stereo), 2)


def test_a_damaged_wav_is_a_typed_error_or_finite_sound():
    contents = mutated_sound.whole_files("WAV")
    read_whole = 0
    for number in range(1_500):
        _, content = mutated_sound.mutated(contents, 1, number)
        try:
            _, samples = read(content, 0)
        except AudioFileError:
            continue
        read_whole += 1
        assert np.isfinite(samples).all()
        assert 1 <= len(samples) <= len(content)
    assert read_whole > 100


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
@pytest.mark.parametrize("length", [701, None])
def test_what_is_written_into_a_pipe_is_what_a_file_holds(tmp_path, stereo, subtype, length):
    dry = (4 * stereo[:, 0]).astype(np.float32)  # loud enough to clip
    pipe = io.BytesIO()
    with audio_pipe.open_writer(pipe, "standard output", RATE, subtype=subtype, length=length) as writer:
        for start in range(0, 701, 100):
            writer.write(dry[start : start + 100])
    assert writer.clipped == audio.write(tmp_path / "a.wav", dry, RATE, subtype=subtype)
    (tmp_path / "b.wav").write_bytes(pipe.getvalue())
    for name in ("a.wav", "b.wav"):
        info = soundfile.info(tmp_path / name)
        assert (info.frames, info.samplerate, info.subtype) == (701, RATE, subtype)
    np.testing.assert_array_equal(
        soundfile.read(tmp_path / "b.wav", dtype="int32" if subtype != "FLOAT" else "float32")[0],
        soundfile.read(tmp_path / "a.wav", dtype="int32" if subtype != "FLOAT" else "float32")[0],
    )
    assert len(pipe.getvalue()) % 2 == 0 or length is None  # a chunk is padded to whole words
    np.testing.assert_array_equal(read(pipe.getvalue())[1], audio.read(tmp_path / "a.wav")[0])


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full to stand for a full disk")
def test_a_full_disk_behind_a_pipe_is_a_storage_error():
    with (
        open("/dev/full", "wb", buffering=0) as full,
        pytest.raises(StorageError, match="No space left"),
        audio_pipe.open_writer(full, "standard output", RATE),
    ):
        pass
