"""The whole path without hardware: JACK's dummy driver, and the virtual SD-1 as a JACK client in place of a pedal.

Expected values: the latency is the period of the server (a signal that leaves a client and comes back to it in a circle is
one period late) and the delay that was set in the pedal; wet is what the circuit renders offline.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from helpers import require_library
from programs import JackServer, Program

from drywet import audio, files, signals
from drywet.circuits import load
from drywet.dataset import Dataset
from drywet.effect import render

RATE, PERIOD, DELAY, OVERSAMPLING = 44_100, 4096, 300, 2
PEDAL = Path(__file__).parents[1] / "virtual_pedal.py"
PORTS = ["--backend", "jack", "--play-channel", "pedal:in", "--wet-channel", "pedal:out"]


class Studio:
    """A JACK server of its own, and the virtual pedal on it."""

    def __init__(self, number):
        self.jackd = JackServer(number, RATE, PERIOD)
        self.env = self.jackd.env
        circuit = ["--circuit", "sd1", "--oversampling", OVERSAMPLING, "--knob", "level=0.5"]
        self.pedal = Program(sys.executable, PEDAL, "pedal", "--delay", DELAY, *circuit, env=self.env)
        self.pedal.wait_for("ready", "stdout")

    def tell_pedal(self, line):
        self.pedal.say(line)
        self.pedal.wait_for("done", "stdout")

    def drywet(self, *arguments):
        return Program(sys.executable, "-m", "drywet", *arguments, env=self.env)

    def run(self, *arguments, status=0):
        """A command that needs no answers."""
        ended, stdout, stderr = self.drywet(*arguments).end()
        assert ended == status, stderr
        assert "Traceback" not in stderr
        return stdout, stderr

    def close(self):
        self.pedal.stop()
        self.jackd.close()


@pytest.fixture(scope="module")
def shared_studio():
    studio = Studio(1)
    yield studio
    studio.close()


@pytest.fixture
def studio(shared_studio):
    for line in ("bypass 0", "gain 1", "freewheel 0"):
        shared_studio.tell_pedal(line)
    return shared_studio


@pytest.fixture
def new_studio():
    """Makes studios that may be damaged."""
    made = []

    def make():
        made.append(Studio(2))
        return made[-1]

    yield make
    for studio in made:
        studio.close()


@pytest.fixture
def riff(tmp_path, dry):
    """Two seconds of guitar, with noise before it that makes its place certain to a fraction of a sample, as a file."""
    noise = 0.5 * signals.noise(0.5, RATE)
    audio.write(tmp_path / "riff.wav", np.concatenate([noise, dry]), RATE)
    return tmp_path / "riff.wav"


def offline(dry, drive):
    return render(load("sd1", sample_rate=RATE, oversampling=OVERSAMPLING), dry, {"drive": drive})


def test_a_session_asks_for_each_setting_and_records_what_the_circuit_renders(studio, riff, tmp_path):
    out = tmp_path / "out"
    studio.tell_pedal("freewheel 1")
    session = studio.drywet(
        "capture", "--signal", riff, "--out", out, *PORTS, "--float", "--json", "--knob", "drive=9:00,3:00"
    )
    for position, drive in (("9:00", 0.2), ("3:00", 0.8)):
        session.wait_for(f"rive to {position}, then Enter")
        studio.tell_pedal(f"knob drive {drive}")
        session.say("")
    status, stdout, stderr = session.end()
    assert status == 0, stderr
    notes = json.loads(stdout)
    assert [note["latency"] for note in notes] == [PERIOD + DELAY] * 2
    dataset = Dataset(out)
    for recording, drive in zip(dataset.manifest.recording, (0.2, 0.8), strict=True):
        pair = dataset.load(recording)
        np.testing.assert_array_equal(pair.dry, audio.read(riff)[0])
        np.testing.assert_allclose(pair.wet, offline(pair.dry, drive), atol=2e-6)


def test_a_calibrated_loop_gives_the_latency_exactly(studio, riff, tmp_path):
    out = tmp_path / "out"
    studio.tell_pedal("bypass 1")
    studio.tell_pedal("knob drive 0.5")
    studio.tell_pedal("freewheel 1")
    session = studio.drywet("capture", "--signal", riff, "--out", out, *PORTS, "--float", "--calibrate", "--json")
    session.wait_for("a cable from the output that plays to the input of the wet channel, then Enter")
    session.say("")
    session.wait_for("Connect the device, then Enter")
    studio.tell_pedal("bypass 0")
    session.say("")
    status, stdout, stderr = session.end()
    assert status == 0, stderr
    assert f"round trip {PERIOD + DELAY}.00 samples" in stderr
    assert json.loads((out / "calibration.json").read_text())["latency"] == PERIOD + DELAY
    (note,) = json.loads(stdout)
    assert (note["latency"], note["latency_from"]) == (PERIOD + DELAY, "calibration")
    dataset = Dataset(out)
    assert dataset.manifest.chain.input_gain_db == pytest.approx(0, abs=0.01)
    pair = dataset.load(dataset.manifest.recording[0])
    np.testing.assert_allclose(pair.wet, offline(pair.dry, 0.5), atol=2e-6)
    # The loop is known now; another setting needs no cable.
    studio.tell_pedal("knob drive 0.1")
    stdout, _ = studio.run(
        "capture", "--signal", riff, "--out", out, *PORTS, "--float", "--yes", "--json", "--knob", "drive=0.1"
    )
    assert [note["latency_from"] for note in json.loads(stdout)] == ["calibration"] * 2


def test_a_dry_return_finds_the_delay_of_the_device_alone(studio, riff, tmp_path):
    studio.tell_pedal("knob drive 0.5")
    studio.tell_pedal("freewheel 1")
    stdout, _ = studio.run(
        "capture", "--signal", riff, "--out", tmp_path / "out", *PORTS, "--dry-channel", "pedal:thru", "--yes", "--json"
    )
    (note,) = json.loads(stdout)
    assert (note["latency"], note["latency_from"]) == (PERIOD, "dry return")
    assert round(note["behind"]) == DELAY
    dataset = Dataset(tmp_path / "out")
    np.testing.assert_array_equal(dataset.load(dataset.manifest.recording[0]).dry, audio.read(riff)[0])


def test_a_late_block_and_then_clipping_make_it_again_in_real_time(studio, riff, tmp_path):
    out = tmp_path / "out"
    studio.tell_pedal("knob drive 0.5")
    studio.tell_pedal("stall 1.0")
    studio.tell_pedal("gain 30")
    session = studio.drywet("capture", "--signal", riff, "--out", out, *PORTS, "--tries", 20, "--json", "--float")
    session.wait_for("Connect the device, then Enter")
    session.say("")
    told = session.wait_for("then Enter")
    assert "xrun" in told
    assert "wet clips: " in told
    assert "Turn the input gain down" in told
    studio.tell_pedal("gain 1")
    session.say("")
    status, stdout, stderr = session.end()
    assert status == 0, stderr
    (note,) = json.loads(stdout)
    assert note["tries"] >= 2
    assert note["latency"] == PERIOD + DELAY
    dataset = Dataset(out)
    pair = dataset.load(dataset.manifest.recording[0])
    np.testing.assert_allclose(pair.wet, offline(pair.dry, 0.5), atol=2e-6)


def test_portaudio_records_the_same(studio, riff, tmp_path):
    """In real time, through the JACK client that PortAudio makes."""
    require_library("portaudio")
    studio.tell_pedal("knob drive 0.5")
    devices = json.loads(studio.run("devices", "--json")[0])
    assert {"jack", "portaudio"} <= {device["backend"] for device in devices if device["name"] == "pedal"}
    out = tmp_path / "out"
    options = ["--backend", "portaudio", "--interface", "pedal", "--tries", 20, "--yes", "--json", "--float"]
    stdout, _ = studio.run("capture", "--signal", riff, "--out", out, *options)
    (note,) = json.loads(stdout)
    assert note["latency"] == PERIOD + DELAY
    dataset = Dataset(out)
    pair = dataset.load(dataset.manifest.recording[0])
    np.testing.assert_allclose(pair.wet, offline(pair.dry, 0.5), atol=2e-6)
    assert "JACK Audio Connection Kit" in dataset.manifest.chain.interface


def test_killed_in_the_middle_of_a_take_it_goes_on_with_that_one(riff, tmp_path, new_studio):
    out, studio = tmp_path / "out", new_studio()
    command = ["capture", "--signal", riff, "--out", out, *PORTS, "--json", "--tries", 20, "--knob", "drive=0.2,0.8"]
    session = studio.drywet(*command)
    session.wait_for("Drive to 0.2, then Enter")
    studio.tell_pedal("knob drive 0.2")
    session.say("")
    session.wait_for("Drive to 0.8, then Enter")
    kept = files.sha256(out / "takes" / "riff-drive0.2-wet.wav")
    studio.tell_pedal("knob drive 0.8")
    session.say("")
    time.sleep(1.0)
    assert session.child.poll() is None, session.end()
    session.child.kill()
    session.end()
    studio.close()  # some servers never recover from a client that was killed
    studio = new_studio()
    studio.tell_pedal("knob drive 0.8")
    stdout, stderr = studio.run(*command, "--yes")
    assert "1 of 2 settings are recorded already" in stderr
    assert [note["controls"] for note in json.loads(stdout)] == [{"drive": "0.2"}, {"drive": "0.8"}]
    assert files.sha256(out / "takes" / "riff-drive0.2-wet.wav") == kept
    dataset = Dataset(out)
    for recording in dataset.manifest.recording:
        pair = dataset.load(recording)
        np.testing.assert_allclose(pair.wet, offline(pair.dry, recording.rotations()["drive"]), atol=2**-23 + 2e-6)


def test_what_is_not_there_is_named_and_nothing_is_written(studio, riff, tmp_path, dry):
    out = tmp_path / "out"
    session = ["capture", "--signal", riff, "--out", out, "--yes", "--backend", "jack"]
    _, stderr = studio.run(*session, "--wet-channel", "fuzz:out", status=9)
    assert "no capture port named 'fuzz:out'; there are: " in stderr
    assert "pedal:out" in stderr
    _, stderr = studio.run(*session, "--play-channel", "7", status=9)
    assert "has 2 playback channels, there is no number 7" in stderr
    _, stderr = studio.run(*session, "--interface", "no-such-server", status=9)
    assert "no JACK server named 'no-such-server' answers" in stderr
    audio.write(riff, dry, 48_000)
    _, stderr = studio.run(*session, status=9)
    assert "JACK runs at 44100 Hz, the signal is at 48000 Hz" in stderr
    assert not out.exists()


def test_a_device_or_a_server_that_goes_away_ends_the_take_with_one_message(riff, tmp_path, new_studio):
    studio = new_studio()
    for what in ("device", "server"):
        out = tmp_path / what
        ports = PORTS if what == "device" else ["--backend", "jack"]
        session = studio.drywet("capture", "--signal", riff, "--out", out, *ports)
        session.wait_for("then Enter")
        session.say("")
        time.sleep(1.0)
        assert session.child.poll() is None, session.end()
        if what == "device":
            studio.pedal.say("quit")
        else:
            studio.jackd.program.child.terminate()
        status, _, stderr = session.end()
        assert status == 9, stderr
        assert "Traceback" not in stderr
        assert "which is dropped. Takes that were finished are kept" in stderr
        assert not (out / "takes").exists()
