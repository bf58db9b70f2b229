import hashlib
import io
import os
import re
import struct
import sys
import tracemalloc
import wave

import numpy as np
import pytest
import soundfile

from drywet import audio, audio_headers
from drywet.errors import AudioFileError, SignalError, StorageError

RATE = 44_100


def test_float_files_come_back_bit_for_bit(tmp_path, dry):
    audio.write(tmp_path / "a.wav", dry, RATE, subtype="FLOAT")
    samples, rate = audio.read(tmp_path / "a.wav")
    assert rate == RATE
    np.testing.assert_array_equal(samples, dry)


@pytest.mark.parametrize("ending", ["wav", "rf64", "w64", "aif", "aiff", "aifc", "caf", "flac"])
def test_24_bit_rounds_by_at_most_half_a_step(tmp_path, dry, ending):
    audio.write(tmp_path / f"a.{ending}", dry, RATE)
    samples, _ = audio.read(tmp_path / f"a.{ending}")
    assert np.max(np.abs(samples - dry)) <= 2**-23


@pytest.mark.skipif(sys.platform != "linux", reason="names of other systems are Unicode")
def test_a_name_that_is_not_utf_8_is_a_name(tmp_path, dry):
    path = tmp_path / os.fsdecode(b"caf\xe9.wav")  # Latin-1
    audio.write(path, dry, RATE, subtype="FLOAT")
    np.testing.assert_array_equal(audio.read(path)[0], dry)


def test_clipping_is_counted(tmp_path):
    assert audio.write(tmp_path / "a.wav", np.array([0.5, 1.5, -2.0, 1.0], np.float32), RATE) == 2
    assert audio.write(tmp_path / "b.wav", np.array([0.5, 1.5], np.float32), RATE, subtype="FLOAT") == 0


@pytest.mark.parametrize("subtype", ["PCM_24", "FLOAT"])
def test_a_file_written_in_blocks_is_the_file_written_whole(tmp_path, dry, subtype):
    audio.write(tmp_path / "whole.wav", dry, RATE, subtype=subtype)
    for name, length in (("known", len(dry)), ("unknown", None)):
        with audio.open_writer(tmp_path / f"{name}.wav", RATE, subtype=subtype, length=length) as writer:
            for start in range(0, len(dry), 10_001):
                writer.write(dry[start : start + 10_001])
        assert (writer.samples, writer.clipped, writer.peak) == (len(dry), 0, float(np.abs(dry).max()))
        np.testing.assert_array_equal(audio.read(tmp_path / f"{name}.wav")[0], audio.read(tmp_path / "whole.wav")[0])
        assert (tmp_path / f"{name}.wav").read_bytes()[:4] == b"RIFF"
    assert (tmp_path / "known.wav").read_bytes()[44:] == (tmp_path / "whole.wav").read_bytes()[44:]


def test_beyond_4_gb_a_wav_is_an_rf64_and_an_aiff_is_refused(tmp_path, dry, monkeypatch):
    monkeypatch.setattr(audio, "FOUR_GB", 1000)  # bytes
    audio.write(tmp_path / "small.wav", dry[:300], RATE)
    audio.write(tmp_path / "large.wav", dry, RATE)
    assert soundfile.info(tmp_path / "small.wav").format == "WAV"
    assert soundfile.info(tmp_path / "large.wav").format == "RF64"
    np.testing.assert_allclose(audio.read(tmp_path / "large.wav")[0], dry, atol=2**-23)
    with pytest.raises(StorageError, match="an AIFF holds 4 GB"):
        audio.write(tmp_path / "large.aiff", dry, RATE)
    with (
        pytest.raises(StorageError, match="an AIFF holds 4 GB"),
        audio.open_writer(tmp_path / "large.aiff", RATE) as writer,
    ):
        writer.write(dry)
    assert not (tmp_path / "large.aiff").exists()


def test_16_bits_are_rounded_not_cut_off(tmp_path, dry):
    """Cut off, the mean error would be half a step: as much DC as 0.5 / 2**15."""
    audio.write(tmp_path / "a.wav", dry, RATE, subtype="PCM_16")
    steps = (audio.read(tmp_path / "a.wav")[0].astype(float) - dry) * 2**15
    assert np.abs(steps).max() <= 0.5 + 1e-6
    assert abs(steps.mean()) < 0.01


def test_nan_is_never_written(tmp_path):
    with pytest.raises(SignalError, match="1 samples are NaN"):
        audio.write(tmp_path / "a.wav", np.array([0.0, np.nan], np.float32), RATE)
    assert list(tmp_path.iterdir()) == []


def test_a_long_ogg_is_written(tmp_path):
    """In one piece, these 62.5 s would end the process in libsndfile 1.2.2."""
    assert audio.write(tmp_path / "a.ogg", np.zeros(3_000_000, np.float32), 48_000, subtype="VORBIS") == 0
    assert audio.duration_seconds(tmp_path / "a.ogg") == 62.5


@pytest.mark.parametrize(
    ("name", "subtype"), [("a.xyz", "PCM_24"), ("a", "PCM_24"), ("a.mp3", "PCM_24"), ("a.flac", "FLOAT")]
)
def test_a_name_that_cannot_hold_the_sound_is_refused_with_those_that_can(tmp_path, name, subtype):
    with pytest.raises(StorageError, match=f"{name}: .* cannot be {subtype} sound; name a file that ends in .wav"):
        audio.write(tmp_path / name, np.zeros(4, np.float32), RATE, subtype=subtype)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("samples", "rate", "message"),
    [
        (np.zeros((100, 2)), RATE, "2 channels"),
        (np.zeros(0), RATE, "no samples"),
        (np.array([0.0, np.inf]), RATE, "NaN or infinite"),
        (np.zeros(100), 4000, "4000 Hz, outside"),
    ],
)
def test_unusable_files_are_refused_with_the_reason(tmp_path, samples, rate, message):
    soundfile.write(tmp_path / "a.wav", samples, rate, subtype="FLOAT")
    with pytest.raises(AudioFileError, match=message):
        audio.read(tmp_path / "a.wav")


def test_another_rate_names_both(tmp_path):
    audio.write(tmp_path / "a.wav", np.ones(10, np.float32), 48_000)
    with pytest.raises(AudioFileError, match="48000 Hz, 44100 Hz is needed"):
        audio.read(tmp_path / "a.wav", sample_rate=RATE)


def test_missing_and_not_a_sound(tmp_path):
    (tmp_path / "text.wav").write_text("not a sound")
    for path, message in (
        (tmp_path / "none.wav", "no such file"),
        (tmp_path, "folder"),
        (tmp_path / "text.wav", "not readable"),
    ):
        with pytest.raises(AudioFileError, match=message):
            audio.read(path)


def wav_bytes(tag, bits, channels, sound, rate=RATE, *, subformat=None, data_size=None):
    """A WAV file by hand, from the RIFF specification."""
    frame = channels * bits // 8
    fmt = struct.pack("<HHIIHH", tag, channels, rate, rate * frame % 2**32, frame, bits)
    if subformat is not None:
        guid = bytes.fromhex("000000001000800000aa00389b71")
        fmt += struct.pack("<HHIH", 22, bits, 0, subformat) + guid
    size = len(sound) if data_size is None else data_size
    body = b"WAVEfmt " + struct.pack("<I", len(fmt)) + fmt + b"data" + struct.pack("<I", size) + sound
    return b"RIFF" + struct.pack("<I", len(body)) + body


def aiff_bytes(bits, sound):
    """A mono AIFF file by hand at 44.1 kHz, which is 0x400E AC44 as an 80-bit float."""
    frames = len(sound) // (bits // 8)
    comm = struct.pack(">hIh", 1, frames, bits) + bytes.fromhex("400eac44000000000000")
    body = b"AIFFCOMM" + struct.pack(">I", 18) + comm + b"SSND" + struct.pack(">III", len(sound) + 8, 0, 0) + sound
    return b"FORM" + struct.pack(">I", len(body)) + body


INTEGERS = [0, 1, -1, 2, 100, -100, 0.25, -0.25, 0.5, 0.999]


def integers(bits):
    """Small counts of steps and fractions of full scale, and both ends of the range."""
    full = 2 ** (bits - 1)
    return [v if isinstance(v, int) else int(v * full) for v in INTEGERS] + [full - 1, -full]


def packed(values, bits, byteorder):
    return b"".join(v.to_bytes(bits // 8, byteorder, signed=True) for v in values)


@pytest.mark.parametrize("bits", [16, 24, 32])
@pytest.mark.parametrize("form", ["wav", "extensible", "aiff"])
def test_integer_pcm_is_its_value_over_full_scale(tmp_path, bits, form):
    values = integers(bits)
    content = {
        "wav": lambda: wav_bytes(1, bits, 1, packed(values, bits, "little")),
        "extensible": lambda: wav_bytes(0xFFFE, bits, 1, packed(values, bits, "little"), subformat=1),
        "aiff": lambda: aiff_bytes(bits, packed(values, bits, "big")),
    }[form]()
    (tmp_path / "a.wav").write_bytes(content)
    samples, rate = audio.read(tmp_path / "a.wav")
    assert rate == RATE
    assert samples.dtype == np.float32
    assert samples.tolist() == [float(np.float32(v / 2 ** (bits - 1))) for v in values]


@pytest.mark.parametrize("subformat", [None, 3])
@pytest.mark.parametrize(("bits", "code"), [(32, "f"), (64, "d")])
def test_float_wav_is_itself(tmp_path, bits, code, subformat):
    values = [0.0, 1.0, -1.0, 0.1, 1e-30, 3.5, -(2.0**-40)]
    sound = struct.pack(f"<{len(values)}{code}", *values)
    tag = 3 if subformat is None else 0xFFFE
    (tmp_path / "a.wav").write_bytes(wav_bytes(tag, bits, 1, sound, subformat=subformat))
    assert audio.read(tmp_path / "a.wav")[0].tolist() == [float(np.float32(v)) for v in values]


def test_what_the_wave_module_writes_is_read(tmp_path):
    values = np.random.default_rng(0).integers(-(2**15), 2**15, 1000).astype("<i2")
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(values.tobytes())
    np.testing.assert_array_equal(audio.read(tmp_path / "a.wav")[0], values / 2**15)


@pytest.mark.parametrize(("subtype", "bits"), [("PCM_16", 16), ("PCM_24", 24)])
def test_flac_gives_the_samples_whose_md5_it_carries(tmp_path, dry, subtype, bits):
    soundfile.write(tmp_path / "a.flac", dry, RATE, subtype=subtype)
    samples, _ = audio.read(tmp_path / "a.flac")
    values = np.round(samples.astype(float) * 2 ** (bits - 1)).astype("<i4")
    coded = values.view(np.uint8).reshape(-1, 4)[:, : bits // 8].tobytes()
    content = (tmp_path / "a.flac").read_bytes()
    assert content[26:42] == hashlib.md5(coded, usedforsecurity=False).digest()  # STREAMINFO, RFC 9639 section 8.2


@pytest.mark.parametrize("ending", ["ogg", "mp3"])
def test_lossy_files_sound_the_same_at_the_same_time(tmp_path, dry, ending):
    """20 dB: a 1 kHz tone that is one sample late has an error of 17 dB below itself."""
    soundfile.write(tmp_path / f"a.{ending}", dry, RATE)
    samples, _ = audio.read(tmp_path / f"a.{ending}")
    assert len(samples) == len(dry)
    assert 10 * np.log10(np.sum(dry**2) / np.sum((samples - dry) ** 2)) > 20


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 50_000, 96_000, 192_000, 384_000])
def test_rates_from_8_to_384_khz_are_read(tmp_path, rate):
    (tmp_path / "a.wav").write_bytes(wav_bytes(1, 16, 1, bytes(200), rate))
    assert audio.read(tmp_path / "a.wav")[1] == rate
    assert audio.duration_seconds(tmp_path / "a.wav") == 100 / rate


@pytest.mark.parametrize("rate", [0, 1, 7_999, 384_001, 2**31, 2**32 - 1])
def test_other_rates_are_refused(tmp_path, rate):
    (tmp_path / "a.wav").write_bytes(wav_bytes(1, 16, 1, bytes(200), rate))
    for use in (audio.read, audio.duration_seconds):
        with pytest.raises(AudioFileError):
            use(tmp_path / "a.wav")


def test_a_channel_is_chosen_by_number(tmp_path):
    left_right = np.array([[1, 2], [3, 4], [5, 6]], "<i2")
    (tmp_path / "a.wav").write_bytes(wav_bytes(1, 16, 2, left_right.tobytes()))
    assert (audio.read(tmp_path / "a.wav", channel=0)[0] * 2**15).tolist() == [1, 3, 5]
    assert (audio.read(tmp_path / "a.wav", channel=1)[0] * 2**15).tolist() == [2, 4, 6]
    for channel in (2, -1):
        with pytest.raises(AudioFileError, match="has no channel .*, only 1 to 2"):
            audio.read(tmp_path / "a.wav", channel=channel)


EVERY_KIND = [
    *[("wav", s) for s in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ALAW", "ULAW")],
    *[
        ("rf64", "PCM_24"),
        ("w64", "PCM_24"),
        ("w64", "FLOAT"),
        ("aiff", "PCM_24"),
        ("aiff", "FLOAT"),
        ("caf", "PCM_24"),
    ],
    *[("flac", "PCM_S8"), ("flac", "PCM_16"), ("flac", "PCM_24"), ("ogg", "VORBIS"), ("ogg", "OPUS"), ("mp3", None)],
]


@pytest.fixture(scope="module")
def ten_seconds():
    """Noise that swells, in two channels."""
    noise = np.random.default_rng(1).standard_normal((480_000, 2))
    return 0.1 * noise * np.linspace(0, 1, len(noise))[:, None]


@pytest.mark.parametrize(("form", "subtype"), EVERY_KIND)
def test_a_part_is_the_same_as_that_part_of_the_whole(tmp_path, ten_seconds, form, subtype):
    """In any order; libsndfile itself seeks wrongly in OGG (its issue 885)."""
    path = tmp_path / f"a.{form}"
    soundfile.write(path, ten_seconds, 48_000, subtype=subtype, format=form.upper())
    with soundfile.SoundFile(path) as file:
        whole = file.read(dtype="float32")[:, 1]  # one call from the start: no seek is involved
    np.testing.assert_array_equal(audio.read(path, channel=1)[0], whole)
    places = np.random.default_rng(2).integers(0, len(whole), 12)
    with audio.open_reader(path, channel=1) as reader:
        assert (len(reader), reader.channels, reader.sample_rate) == (len(whole), 2, 48_000)
        for start in [*places, 0, len(whole) - 5]:
            np.testing.assert_array_equal(reader[start : start + 3000], whole[start : start + 3000])
        assert reader[-10:].tolist() == whole[-10:].tolist()
        assert reader[500:500].shape == reader[len(whole) :].shape == (0,)


def test_a_bad_sample_spoils_only_its_own_part(tmp_path):
    samples = np.zeros(1000, np.float32)
    samples[700] = np.nan
    soundfile.write(tmp_path / "a.wav", samples, RATE, subtype="FLOAT")
    with audio.open_reader(tmp_path / "a.wav") as reader:
        assert not reader[:700].any()
        with pytest.raises(AudioFileError, match=r"sample 700 \(at 0.016 s\) is NaN"):
            reader[600:]
        assert not reader[701:].any()


def test_a_64_bit_value_beyond_32_bit_floats_is_refused(tmp_path):
    (tmp_path / "a.wav").write_bytes(wav_bytes(3, 64, 1, struct.pack("<2d", 0.5, 1e300)))
    with pytest.raises(AudioFileError, match="sample 1 .* infinite"):
        audio.read(tmp_path / "a.wav")


def test_five_hours_are_opened_but_not_read_whole(tmp_path):
    frames = 5 * 3600 * 8000
    content = wav_bytes(1, 16, 1, b"", 8000, data_size=2 * frames)
    with open(tmp_path / "a.wav", "wb") as file:
        file.write(content)
        file.seek(2 * frames - 2, os.SEEK_CUR)  # a hole: takes no disk
        file.write(struct.pack("<h", 2**14))
    with pytest.raises(AudioFileError, match=r"5\.0 h long, at most 4 h"):
        audio.read(tmp_path / "a.wav")
    assert audio.duration_seconds(tmp_path / "a.wav") == 5 * 3600
    tracemalloc.start()
    with audio.open_reader(tmp_path / "a.wav") as reader:
        assert reader[frames - 2 :].tolist() == [0.0, 0.5]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


def sound_of(form, subtype=None, seconds=2.0):
    file = io.BytesIO()
    noise = 0.1 * np.random.default_rng(3).standard_normal(int(seconds * RATE))
    soundfile.write(file, noise, RATE, format=form, subtype=subtype)
    return file.getvalue()


def replaced(content, place, value):
    return content[:place] + value + content[place + len(value) :]


def with_total_samples(flac, total):
    """Its STREAMINFO claims ``total`` samples: the last 36 bits before the MD5 (RFC 9639 section 8.2)."""
    return replaced(flac, 21, bytes([flac[21] & 0xF0 | total >> 32]) + struct.pack(">I", total & 0xFFFFFFFF))


def xing(mp3):
    return max(mp3.find(b"Xing"), mp3.find(b"Info"))


SOUND = bytes(range(1, 201))  # 100 samples of 16 bits
LIES = {
    "a WAV cut in half": (lambda: wav_bytes(1, 16, 1, SOUND)[:144], "says 200 bytes of sound, the file holds 100"),
    "a WAV of 2 GB in 244 bytes": (lambda: wav_bytes(1, 16, 1, SOUND, data_size=2**31), "2147483648 .* holds 200"),
    "a WAV that was not closed": (lambda: wav_bytes(1, 16, 1, SOUND, data_size=0), "200 bytes follow the sound"),
    "an AIFF of less than nothing": (
        lambda: aiff_bytes(16, b"").replace(b"SSND\0\0\0\x08", b"SSND\0\0\0\0"),
        "bytes follow|no samples",
    ),
    "a WAV header alone": (lambda: wav_bytes(1, 16, 1, b""), "no samples"),
    "half a WAV header": (lambda: wav_bytes(1, 16, 1, SOUND)[:30], "no sound was found in its 30 bytes"),
    "a WAV that is longer than it says": (
        lambda: wav_bytes(1, 16, 1, SOUND + bytes(100) + SOUND, data_size=200),
        "300 bytes follow",
    ),
    "a WAV of endless empty chunks": (lambda: wav_bytes(1, 16, 1, SOUND)[:36] + bytes(2**20), "no sound was found"),
    "a WAV without a description": (lambda: wav_bytes(1, 16, 1, SOUND).replace(b"fmt ", b"junk"), "does not describe"),
    "ADPCM in WAV": (lambda: sound_of("WAV", "IMA_ADPCM"), "coded as format tag 17"),
    "ALAC in CAF": (lambda: sound_of("CAF", "ALAC_16"), "coded as 'alac'"),
    "AU": (lambda: sound_of("AU", "PCM_16"), "begins like none of WAV"),
    "RF64 cut in half": (lambda: sound_of("RF64", "PCM_16")[:90_000], "says 176400 bytes .* holds 89896"),
    "W64 cut in half": (lambda: sound_of("W64", "PCM_16")[:90_000], "says 176400 bytes .* holds 89896"),
    "AIFF cut in half": (lambda: sound_of("AIFF", "PCM_16")[:90_000], "says 176408 bytes .* cut short"),
    "CAF cut in half": (lambda: sound_of("CAF", "PCM_16")[:90_000], "says 176404 bytes .* cut short"),
    "a FLAC cut in half": (
        lambda: sound_of("FLAC")[:90_000],
        "samples [0-9]+ and [0-9]+ of 88200|says 88200 samples, only",
    ),
    "a FLAC with one bit wrong": (
        lambda: flipped(sound_of("FLAC"), 90_000),
        "between samples [0-9]+ and [0-9]+ of 88200",
    ),
    "a FLAC that claims a sample more": (lambda: with_total_samples(sound_of("FLAC"), 88_201), "88201 .* only 88200"),
    "a FLAC that claims a sample less": (
        lambda: with_total_samples(sound_of("FLAC"), 88_199),
        "checksum in its header",
    ),
    "a FLAC of other sound than its MD5": (lambda: flipped(sound_of("FLAC"), 30), "checksum in its header"),
    "a FLAC that claims 30 minutes": (lambda: with_total_samples(sound_of("FLAC"), 79_380_000), "only 88200"),
    "a FLAC that claims 2**36 samples": (lambda: with_total_samples(sound_of("FLAC"), 2**36 - 1), "at most 4 h"),
    "an OGG cut in half": (lambda: sound_of("OGG")[:10_000], "without its last OGG page"),
    "an OGG with one bit wrong": (lambda: flipped(sound_of("OGG"), 10_000), "OGG page [0-9]+ is damaged"),
    "an OGG with a page lost": (lambda: without_page(sound_of("OGG"), 3), "OGG page 3 is missing"),
    "an OGG of two streams": (lambda: 2 * sound_of("OGG"), "of another stream|is missing"),
    "an MP3 cut in half": (lambda: sound_of("MP3")[:8_000], "bytes of sound, the file holds 8000"),
    "an MP3 of unknown length": (lambda: without_xing(sound_of("MP3")), "does not say how long it is"),
    "an MP3 twice over": (lambda: 2 * sound_of("MP3"), "joined end to end"),
    "nothing": (lambda: b"", "is empty"),
    "one byte": (lambda: b"R", "begins like none"),
    "zeros": (lambda: bytes(1000), "begins like none"),
    "ID3 and nothing more": (lambda: b"ID3\4\0\0\x7f\x7f\x7f\x7f", "begins like none"),
}


def flipped(content, place):
    return replaced(content, place, bytes([content[place] ^ 16]))


def without_page(ogg, number):
    starts = [match.start() for match in re.finditer(b"OggS", ogg)]
    return ogg[: starts[number]] + ogg[starts[number + 1] :]


def without_xing(mp3):
    return replaced(mp3, xing(mp3), b"none")


@pytest.mark.parametrize("name", LIES)
def test_a_header_that_lies_is_told_with_both_numbers(tmp_path, name):
    make, message = LIES[name]
    (tmp_path / "a.wav").write_bytes(make())
    with pytest.raises(AudioFileError, match=message):
        audio.read(tmp_path / "a.wav")


@pytest.mark.parametrize("name", [name for name in LIES if "FLAC" in name and "2**36" not in name])
def test_a_flac_read_in_blocks_is_checked_as_one_read_whole(tmp_path, name):
    make, message = LIES[name]
    (tmp_path / "a.flac").write_bytes(make())
    with pytest.raises(AudioFileError, match=message), audio.open_reader(tmp_path / "a.flac") as reader:
        [*reader.blocks()]


def test_a_lie_takes_no_memory(tmp_path):
    """Half an hour claimed, two seconds there: 320 MB claimed, 350 kB there."""
    (tmp_path / "a.flac").write_bytes(with_total_samples(sound_of("FLAC"), 79_380_000))
    tracemalloc.start()
    with pytest.raises(AudioFileError):
        audio.read(tmp_path / "a.flac")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * 2**20


@pytest.mark.parametrize(
    "make",
    [
        lambda: wav_bytes(1, 16, 1, SOUND, data_size=2**32 - 1),  # as ffmpeg streams it
        lambda: wav_bytes(1, 16, 1, SOUND) + b"LIST" + struct.pack("<I", 4) + b"INFO",
        lambda: wav_bytes(1, 16, 1, SOUND) + bytes(300),  # a recorder that fills its last cluster
        lambda: wav_bytes(1, 16, 1, SOUND).replace(b"WAVE", b"WAVEbext\x03\0\0\0abc\0"),  # an odd chunk is padded
    ],
)
def test_what_real_recorders_write_is_read(tmp_path, make):
    (tmp_path / "a.wav").write_bytes(make())
    np.testing.assert_array_equal(audio.read(tmp_path / "a.wav")[0], np.frombuffer(SOUND, "<i2") / 2**15)


def test_a_streamed_flac_has_the_length_it_has(tmp_path):
    (tmp_path / "a.flac").write_bytes(sound_of("FLAC"))
    whole, _ = audio.read(tmp_path / "a.flac")
    (tmp_path / "b.flac").write_bytes(with_total_samples(sound_of("FLAC"), 0))
    np.testing.assert_array_equal(audio.read(tmp_path / "b.flac")[0], whole)
    assert audio.duration_seconds(tmp_path / "b.flac") == 2.0
    with audio.open_reader(tmp_path / "b.flac") as reader:
        np.testing.assert_array_equal(reader[50_000:], whole[50_000:])
        np.testing.assert_array_equal(reader[10:20], whole[10:20])


@pytest.mark.parametrize("tag", [b"TAG" + bytes(125), b"", bytes(100)], ids=["ID3v1", "none", "zeros"])
def test_tags_around_an_mp3_do_not_matter(tmp_path, tag):
    before = b"ID3\3\0\0\0\0\0\x0bTIT2\0\0\0\1\0\0\0"
    for name, content in (("a", sound_of("MP3")), ("b", before + sound_of("MP3") + tag)):
        (tmp_path / f"{name}.mp3").write_bytes(content)
    np.testing.assert_array_equal(audio.read(tmp_path / "b.mp3")[0], audio.read(tmp_path / "a.mp3")[0])


def test_an_ogg_page_is_checked_as_the_standard_says():
    page = sound_of("OGG")[:58]  # the first page of a Vorbis file
    assert audio_headers._ogg_checksum(page[:22] + bytes(4) + page[26:]) == page[22:26]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_what_is_not_a_file_is_refused_at_once(tmp_path):
    """A pipe that nobody writes to would be waited for."""
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "loop.wav").symlink_to("loop.wav")
    (tmp_path / "nowhere.wav").symlink_to("none.wav")
    for path, message in (
        (tmp_path / "pipe.wav", "pipe or a device"),
        ("/dev/zero", "pipe or a device"),
        (tmp_path / "loop.wav", "no such file|cannot be read"),
        (tmp_path / "nowhere.wav", "no such file"),
        (tmp_path / ("x" * 300), "cannot be read"),
        (tmp_path / "\0.wav", "no such file|cannot be read"),
    ):
        for use in (audio.read, audio.open_reader, audio.duration_seconds):
            with pytest.raises(AudioFileError, match=message):
                use(path)


def test_a_link_to_a_file_is_that_file(tmp_path):
    (tmp_path / "a.wav").write_bytes(wav_bytes(1, 16, 1, SOUND))
    (tmp_path / "link.wav").symlink_to("a.wav")
    assert len(audio.read(tmp_path / "link.wav")[0]) == 100


def test_levels_of_a_full_scale_sine():
    sine = np.sin(2 * np.pi * np.arange(RATE) * 100 / RATE)
    assert audio.peak_dbfs(sine) == pytest.approx(0.0, abs=0.001)
    assert audio.rms_dbfs(sine) == pytest.approx(-3.0103, abs=0.001)
    assert audio.peak_dbfs(np.zeros(4)) == -np.inf


def test_resampling_keeps_a_sine_and_its_time():
    time = np.arange(RATE) / RATE
    at_48k = audio.resample(np.sin(2 * np.pi * 1000 * time), RATE, 48_000)
    assert len(at_48k) == 48_000
    expected = np.sin(2 * np.pi * 1000 * np.arange(48_000) / 48_000)
    np.testing.assert_allclose(at_48k[1000:-1000], expected[1000:-1000], atol=1e-4)


@pytest.mark.parametrize(("from_rate", "to_rate"), [(44_100, 48_000), (96_000, 44_100), (48_000, 48_000)])
def test_resampling_block_by_block_is_resampling_the_whole(dry, from_rate, to_rate):
    whole = audio.resample(dry, from_rate, to_rate)
    for size in (100, 30_000):
        blocks = (dry[start : start + size] for start in range(0, len(dry), size))
        np.testing.assert_array_equal(np.concatenate([*audio.resample_blocks(blocks, from_rate, to_rate)]), whole)
