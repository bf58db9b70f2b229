"""Effects with one planted fault each."""

import json

import numpy as np
import pytest

from drywet.errors import SignalError
from drywet.evaluation import probe, probes

RATE = 44_100


class Curve:
    """A curve without memory: ``function`` of dry; counts samples for faults that depend on time."""

    latency = 0

    def __init__(self, function, sample_rate=RATE):
        self.function, self.sample_rate, self.controls = function, sample_rate, {"drive": 0.3}

    def reset(self):
        self.time = 0

    def process(self, dry, controls):
        t = np.arange(self.time, self.time + len(dry)) / self.sample_rate
        self.time += len(dry)
        return np.float32(self.function(dry.astype(np.float64), t))


class LinearPhase(Curve):
    """An echo before and one after: with its latency taken out it looks 200 samples ahead."""

    latency = 200

    def __init__(self):
        super().__init__(lambda dry, t: dry)
        self.taps = np.zeros(401)
        self.taps[[0, 200, 400]] = 0.3, 1.0, 0.3

    def reset(self):
        super().reset()
        self.past = np.zeros(400)

    def process(self, dry, controls):
        heard = np.concatenate([self.past, dry])
        self.past = heard[len(heard) - 400 :]
        return np.convolve(heard, self.taps, "valid").astype(np.float32)


class Howling(Curve):
    """Once something loud has come in, a tone of 1 kHz at -60 dBFS goes on for ever."""

    def reset(self):
        super().reset()
        self.excited = False

    def process(self, dry, controls):
        wet = super().process(dry, controls)
        loud = np.maximum.accumulate(np.abs(dry) > 0.5) | self.excited
        self.excited = bool(loud[-1])
        t = (self.time - len(dry) + np.arange(len(dry))) / RATE
        return wet + np.float32(1e-3 * loud * np.sin(2 * np.pi * 1000 * t))


@pytest.fixture
def few(monkeypatch):
    """Fewer tones, so that a probe takes a fraction of a second."""
    monkeypatch.setattr(probes, "NOTES", (84, 100))
    monkeypatch.setattr(probes, "HARMONIC_HZ", (329.63,))
    monkeypatch.setattr(probes, "HARMONIC_LEVELS_DBFS", (-20.0, 0.0))
    monkeypatch.setattr(probes, "PAIR_LEVELS_DBFS", (-10.0,))


def tanh(dry, t):
    return np.tanh(20 * dry)


def faults_of(function, kind=Curve):
    return {fault["probe"]: fault for fault in probe(kind(function))["faults"]}


def test_a_clean_clipper_has_no_faults_and_repeats_to_the_bit(few):
    found = probe(Curve(tanh))
    assert found["faults"] == []
    assert found["controls"] == {"drive": 0.3}
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert probe(Curve(tanh)) == found


def test_the_harmonics_are_those_of_the_curve(few):
    """A cubic: x - x^3 / 3 of sin has H1 = A - A^3 / 4 and H3 = A^3 / 12, and an output 12 dB over full scale of 17.1."""
    found = probe(Curve(lambda dry, t: dry - dry**3 / 3))
    level = np.array(found["harmonics"]["level_db"][0], float)
    for row, a in zip(level, (0.1, 1.0), strict=True):
        assert row[0] == pytest.approx(20 * np.log10(a - a**3 / 4), abs=1e-4)
        assert row[2] == pytest.approx(20 * np.log10(a**3 / 12), abs=1e-3)
        assert row[1] < -120
    x = 10 ** (12 / 20)
    assert found["overload"]["peak_dbfs"] == pytest.approx(20 * np.log10(x**3 / 3 - x), abs=1e-3)
    assert found["overload"]["bounded"] is False
    assert found["steps"][0]["final"] == pytest.approx(2 / 3)


def test_a_model_like_its_device_adds_no_aliasing_and_one_that_folds_more_says_how_much(few):
    same = probe(Curve(tanh), Curve(tanh))
    assert same["against_device"]["aliasing_excess_db"] == pytest.approx([-140, -140])
    assert same["against_device"]["harmonic_error_db"] == 0
    # The device is probed once; what was said of it serves for other models.
    louder = probe(Curve(lambda dry, t: 2 * tanh(dry, t)), same["device"])
    assert louder["against_device"]["harmonic_error_db"] == pytest.approx(20 * np.log10(2), abs=1e-3)
    assert louder["against_device"]["intermodulation_error_db"] == pytest.approx(20 * np.log10(2), abs=1e-3)
    assert louder["against_device"]["overload_peak_db"] == pytest.approx(20 * np.log10(2), abs=1e-3)
    assert louder["against_device"]["aliasing_excess_db"] == pytest.approx([-140, -140], abs=0.1)
    harder = probe(Curve(lambda dry, t: np.tanh(60 * dry)), same["device"])
    for i in range(2):
        more = np.array(harder["aliasing"]["asr"][i]) - same["aliasing"]["asr"][i]
        assert harder["against_device"]["aliasing_excess_db"][i] == pytest.approx(10 * np.log10(more.mean()), abs=1e-6)


def test_an_effect_that_looks_ahead_does_not_see_the_next_tone(few):
    """A linear filter does not alias; what is left is the rounding of float32."""
    assert max(probe(LinearPhase())["aliasing"]["worst_db"]) < -130


def test_a_limit_cycle_is_heard_after_the_burst_only_with_its_pitch(few):
    faults = faults_of(tanh, Howling)
    assert set(faults) == {"after_burst"}
    assert "a tone of 1000 Hz, peak -60 dBFS" in faults["after_burst"]["text"]
    assert 1.5 <= faults["after_burst"]["seconds"] <= 5.5  # a second after the burst of half a second


def test_noise_on_silence_is_found_and_so_is_an_offset(few):
    noise = np.random.default_rng(0).standard_normal(65_536) * 1e-3  # blocks are no longer
    hissing = faults_of(lambda dry, t: tanh(dry, t) + noise[: len(dry)])
    assert f"noise, peak {20 * np.log10(np.abs(noise[:RATE]).max()):.0f} dBFS" in hissing["silence"]["text"]
    assert "an offset of 0.01" in faults_of(lambda dry, t: tanh(dry, t) + 0.01)["silence"]["text"]


def test_a_drifting_offset_is_found_with_its_slope(few):
    faults = faults_of(lambda dry, t: tanh(dry, t) + 0.01 * t)
    assert "+0.01 a second" in faults["drift"]["text"]
    assert faults["drift"]["seconds"] == pytest.approx(3.75)  # the middle of its last half second


def test_an_effect_that_leaves_every_bound_when_overloaded_says_when(few):
    broken = probe(Curve(lambda dry, t: np.where(np.abs(dry) > 2, np.inf, tanh(dry, t))))
    (fault,) = broken["faults"]
    assert fault["probe"] == "overload"
    assert "NaN or infinite from 0.0" in fault["text"]
    assert broken["overload"] == {"finite": False, "bounded": False, "peak_dbfs": None, "growth_db": None}


def test_an_effect_that_is_broken_or_mute_gives_reasons_and_no_traceback(few):
    broken = probe(Curve(lambda dry, t: np.full(len(dry), np.nan)), Curve(tanh))
    assert broken["aliasing"] is broken["harmonics"] is broken["steps"] is None
    assert broken["against_device"]["harmonic_error_db"] is None
    assert len(broken["faults"]) == 8
    mute = probe(Curve(lambda dry, t: 0 * dry), Curve(tanh))
    assert mute["aliasing"] is None
    assert "nothing sounds" in mute["faults"][0]["text"]
    json.dumps([broken, mute], allow_nan=False)


def test_a_device_at_another_rate_is_refused(few):
    with pytest.raises(SignalError, match="48000 Hz, the model works at 44100 Hz"):
        probe(Curve(tanh), {"sample_rate": 48_000})


def test_tones_that_a_low_rate_cannot_hold_are_left_out(few):
    found = probe(Curve(tanh, sample_rate=22_050))
    assert [table["name"] for table in found["intermodulation"]] == ["997 + 1213 Hz", "SMPTE 60 + 7000 Hz, 4:1"]
