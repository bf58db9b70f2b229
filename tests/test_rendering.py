"""Streams of sound through an effect: rates, levels, memory, and what is left when it goes wrong."""

import io
import tracemalloc

import numpy as np
import pytest
import soundfile
import soxr

from drywet import audio
from drywet.effect import render
from drywet.errors import SettingsError, SignalError
from drywet.rendering import ONE_VOLT_DBU, matching_gains, render_file, wet_blocks

RATE = 48_000


class Curve:
    """A one-pole low-pass, then tanh, ``latency`` samples late: it remembers, bends, and turns by a knob."""

    def __init__(self, sample_rate, latency=0):
        self.sample_rate, self.latency, self.controls = sample_rate, latency, {"gain": 1.0}
        self.reset()

    def reset(self):
        self.state, self.line = 0.0, np.zeros(self.latency, np.float32)

    def process(self, dry, controls):
        smooth = np.empty(len(dry))
        for t, x in enumerate(dry.tolist()):
            self.state = smooth[t] = 0.6 * self.state + 0.4 * x
        line = np.concatenate([self.line, np.tanh(2 * controls["gain"] * smooth).astype(np.float32)])
        self.line = line[len(dry) :]
        return line[: len(dry)]


class Through:
    """Dry itself, ``latency`` samples late."""

    controls = {}

    def __init__(self, sample_rate, latency=0):
        self.sample_rate, self.latency = sample_rate, latency
        self.reset()

    def reset(self):
        self.line = np.zeros(self.latency, np.float32)

    def process(self, dry, controls):
        line = np.concatenate([self.line, dry])
        self.line = line[len(dry) :]
        return line[: len(dry)]


class Cut:
    """Samples in blocks of one size: a source that is no file."""

    def __init__(self, samples, size, sample_rate=RATE):
        self.samples, self.size, self.sample_rate, self.length = samples, size, sample_rate, len(samples)

    def blocks(self):
        for start in range(0, len(self.samples), self.size):
            yield self.samples[start : start + self.size]


def wet_of(effect, dry, size=1000, **options):
    return np.concatenate([*wet_blocks(effect, Cut(np.asarray(dry, np.float32), size), **options)])


@pytest.fixture(scope="module")
def noise():
    return (0.3 * np.random.default_rng(4).standard_normal(9_600)).astype(np.float32)


@pytest.mark.parametrize("rate", [44_100, 96_000])
def test_another_rate_is_what_soxr_makes_of_the_whole_file_there_and_back(noise, rate):
    quiet_after = np.concatenate([noise, np.zeros(RATE // 10, np.float32)])
    there = soxr.resample(quiet_after, RATE, rate, quality="VHQ")
    back = soxr.resample(render(Curve(rate), there), rate, RATE, quality="VHQ")
    for size in (100, 9_600):
        np.testing.assert_allclose(wet_of(Curve(rate), noise, size), back[: len(noise)], atol=1e-6)


@pytest.mark.parametrize(("rate", "latency"), [(RATE, 37), (44_100, 37), (96_000, 0), (8_000, 5)])
def test_a_pulse_stays_where_it_is(rate, latency):
    dry = np.zeros(12_001, np.float32)
    dry[6_000] = 1.0
    wet = wet_of(Through(rate, latency), dry)
    assert len(wet) == len(dry)
    assert np.argmax(np.abs(wet)) == 6_000
    np.testing.assert_allclose(wet, wet[::-1], atol=1e-6)  # linear phase: no fraction of a sample is left either


@pytest.mark.parametrize("rate", [44_100, 88_200])
def test_a_sine_survives_the_way_there_and_back(rate):
    sine = (0.5 * np.sin(2 * np.pi * 5_000 * np.arange(24_000) / RATE)).astype(np.float32)
    wet = wet_of(Through(rate), sine)
    np.testing.assert_allclose(wet[3_000:-3_000], sine[3_000:-3_000], atol=2e-7)


@pytest.mark.parametrize("rate", [RATE, 44_100])
def test_blocks_of_any_size_give_the_same_bits_while_a_knob_moves(noise, rate):
    moves = {"gain": [[0.01, 0.1], [0.15, 1.0]]}
    whole = wet_of(Curve(rate, 20), noise, len(noise), controls=moves)
    for size in (64, 1_001):
        np.testing.assert_array_equal(wet_of(Curve(rate, 20), noise, size, controls=moves), whole)
    if rate == RATE:
        np.testing.assert_array_equal(whole, render(Curve(rate), noise, moves, 4_096))


def test_gains_are_decibels_before_and_after(noise):
    twice = 20 * np.log10(2)
    np.testing.assert_allclose(wet_of(Through(RATE), noise, input_db=twice, output_db=twice), 4 * noise, rtol=1e-6)
    before = wet_of(Curve(RATE), noise, input_db=twice)
    np.testing.assert_allclose(before, render(Curve(RATE), 2 * noise), atol=1e-6)


def test_gains_that_match_dbu_bring_the_volts_of_the_interface_to_the_model_and_back():
    def volts(dbu):  # peak of a full-scale sine: 0 dBu is the 0.7746 V RMS that make 1 mW in 600 ohms
        return np.sqrt(2) * 0.774597 * 10 ** (dbu / 20)

    interface, model_in, model_out = 11.5, 18.3, 7.1
    before, after = (10 ** (db / 20) for db in matching_gains(interface, model_in, model_out))
    sample = 0.2
    assert before * sample * volts(model_in) == pytest.approx(sample * volts(interface))
    assert after * sample * volts(interface) == pytest.approx(sample * volts(model_out))
    assert volts(ONE_VOLT_DBU) == pytest.approx(1.0, rel=1e-6)
    assert pytest.approx(-0.79, abs=0.005) == ONE_VOLT_DBU
    assert matching_gains(interface, model_in, None)[1] == 0.0


def test_a_file_is_clipped_counted_and_its_peak_is_known(tmp_path):
    dry = np.array([0.1, -0.9, 0.5, 0.3], np.float32)
    written = render_file(Through(RATE), Cut(dry, 3), tmp_path / "a.wav", output_db=20 * np.log10(2))
    assert (written.samples, written.clipped) == (4, 1)
    assert written.peak == pytest.approx(1.8)
    np.testing.assert_allclose(audio.read(tmp_path / "a.wav")[0], [0.2, -1.0, 1.0, 0.6], atol=2**-22)


def test_progress_goes_to_one():
    shares = []
    render_file(Through(44_100), Cut(np.ones(9_000, np.float32), 1000), io.BytesIO(), report=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


@pytest.mark.parametrize("rate", [RATE, 44_100])
def test_a_minute_takes_no_more_memory_than_a_moment(tmp_path, rate):
    """A minute is 11.5 MB as float32."""
    soundfile.write(tmp_path / "minute.wav", np.zeros(60 * RATE, np.int16), RATE)
    with audio.open_reader(tmp_path / "minute.wav") as dry:
        tracemalloc.start()
        render_file(Through(rate), dry, tmp_path / "wet.wav")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 4 * 2**20
    assert audio.duration_seconds(tmp_path / "wet.wav") == 60.0


class Failing(Through):
    """Raises, or gives NaN, in its third block."""

    def __init__(self, fault):
        super().__init__(RATE)
        self.fault, self.calls = fault, 0

    def process(self, dry, controls):
        self.calls += 1
        if self.calls == 3 and self.fault is not None:
            raise self.fault
        return dry * np.float32(np.nan if self.calls == 3 else 1.0)


@pytest.mark.parametrize(("fault", "raised"), [(KeyboardInterrupt(), KeyboardInterrupt), (None, SignalError)])
def test_what_does_not_end_well_leaves_no_file_and_an_older_one_as_it_was(tmp_path, noise, fault, raised):
    (tmp_path / "old.wav").write_bytes(b"as it was")
    for name in ("new.wav", "old.wav"):
        with pytest.raises(raised):
            render_file(Failing(fault), Cut(noise, 1000), tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["old.wav"]
    assert (tmp_path / "old.wav").read_bytes() == b"as it was"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"controls": {"tone": 0.5}}, "no knob named 'tone'"),
        ({"controls": {"gain": 1.5}}, "between 0 and 1"),
        ({"input_db": float("nan")}, "the input gain is nan dB"),
        ({"output_db": 200.0}, "the output gain is 200 dB"),
    ],
)
def test_a_mistake_shows_before_a_sample_is_read(options, message):
    class Untouched(Cut):
        def blocks(self):
            raise AssertionError("read")

    for rate in (RATE, 44_100):
        with pytest.raises(SettingsError, match=message):
            wet_blocks(Curve(rate), Untouched(np.zeros(1), 1), **options)
