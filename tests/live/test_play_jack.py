"""`drywet play` as a program, on JACK's dummy driver: played by keys and MIDI, ended from outside, its server taken away."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import numpy as np
import pytest
from programs import PATIENCE, JackServer, Program
from typer.testing import CliRunner

from drywet import audio, signals
from drywet.cli import app
from drywet.effect import render
from drywet.engine import load
from drywet.errors import LiveError

RATE, PERIOD, DELAY = 48_000, 1024, 300
TESTS = Path(__file__).parents[1]
KNOB_MODEL = TESTS / "golden" / "rtneural" / "lstm_16_two_inputs.json"  # its knob is called "knob 1"
OTHER_MODEL = TESTS / "golden" / "nam" / "lstm_h8.nam"
PLAY = [sys.executable, "-m", "drywet", "play"]


@pytest.fixture(scope="module")
def server():
    server = JackServer("play", RATE, PERIOD)
    yield server
    server.close()


@pytest.fixture(scope="module")
def loop(tmp_path_factory):
    """Half a second of guitar."""
    path = tmp_path_factory.mktemp("loop") / "loop.wav"
    audio.write(path, signals.test_riffs(RATE, 1.0)["chords"][: RATE // 2], RATE, subtype="FLOAT")
    return path


@pytest.fixture
def play(server, monkeypatch):
    """The command in this process, on the shared server."""
    monkeypatch.setenv("JACK_DEFAULT_SERVER", server.env["JACK_DEFAULT_SERVER"])

    def run(*options):
        return CliRunner().invoke(app, ["play", *map(str, options)], catch_exceptions=False)

    return run


class Terminal:
    """A program whose keys and screen are a terminal's; results go to a pipe."""

    def __init__(self, *command, env):
        self.end, program = pty.openpty()
        termios.tcsetwinsize(program, (40, 80))
        self.before = termios.tcgetattr(program)
        self.program = program  # kept open, so that the terminal outlives the child
        self.child = subprocess.Popen(
            [str(part) for part in command],
            env=env | {"TERM": "xterm-256color", "COLUMNS": "80"},
            stdin=program,
            stdout=subprocess.PIPE,
            stderr=program,
            text=True,
            start_new_session=True,
        )
        self.screen = ""

    def wait_for(self, text):
        """Read on until ``text`` has been shown since the last call."""
        got, deadline = "", time.monotonic() + PATIENCE
        while text not in got:
            assert time.monotonic() < deadline, f"{text!r} never came: {self.screen + got}"
            if select.select([self.end], [], [], 1)[0]:
                got += os.read(self.end, 65_536).decode(errors="replace")
            else:
                assert self.child.poll() is None, self.screen + got
        self.screen += got

    def press(self, keys):
        os.write(self.end, keys.encode())

    def close(self):
        self.child.kill()
        self.child.wait()
        os.close(self.end)
        os.close(self.program)


def test_keys_and_midi_play_and_a_wish_to_end_is_granted_in_order(server, play, loop):
    pytest.importorskip("rtmidi")
    controller = Program(sys.executable, TESTS / "midi_sender.py", "pedalboard", env=server.env)
    controller.wait_for("ready", "stdout")
    assert "pedalboard:out" in play("--midi", "list").stdout
    options = ["--loop", loop, "--midi", "pedalboard", "--json", "--backend", "jack"]
    terminal = Terminal(*PLAY, KNOB_MODEL, OTHER_MODEL, *options, env=server.env)
    try:
        terminal.wait_for("q end")
        terminal.press("2 -[")
        terminal.wait_for("BYPASS")
        for message in ("176 20 127", "176 7 127", "192 1"):  # the knob, the level, the second model
            controller.say(message)
            controller.wait_for("done", "stdout")
        terminal.wait_for("5:00")  # the knob has been heard of
        terminal.press("h")
        terminal.wait_for("this help")
        terminal.child.send_signal(signal.SIGTERM)
        terminal.wait_for("as you left it: --knob 'knob 1=5:00' --input-db -1")
        assert terminal.child.wait(PATIENCE) == 0
        assert termios.tcgetattr(terminal.program) == terminal.before
        summary = json.loads(terminal.child.stdout.read())
    finally:
        terminal.close()
        controller.end()  # in order: the server waits for clients that are killed
    assert summary["model"] == "lstm_h8"
    assert summary["knobs"] == {"knob 1": 1.0}
    assert (summary["input_db"], summary["output_db"]) == (-1, 0)
    assert summary["controllers"] == {"knob 1": 20}


def test_without_a_terminal_it_plays_what_the_engine_renders_offline(play, loop):
    options = ["--loop", loop, "--seconds", 1.5, "--json", "--knob", "knob 1=2:00", "--output-db", -6]
    played = play(KNOB_MODEL, *options)
    summary = json.loads(played.stdout)
    effect = load(KNOB_MODEL, {"knob 1": 0.7})
    dry = audio.read(loop)[0]
    wet = render(effect, np.tile(dry, 2), {"knob 1": 0.7})
    assert summary["input_peak_dbfs"] == pytest.approx(audio.peak_dbfs(dry), abs=0.01)
    assert summary["output_peak_dbfs"] == pytest.approx(audio.peak_dbfs(wet) - 6, abs=0.1)
    assert summary["seconds"] == pytest.approx(1.5, abs=0.5)
    assert 0 < summary["load"] <= summary["worst_load"]
    assert f"JACK ({PERIOD} frames)" in played.stderr
    assert "latency " in played.stderr


def test_the_round_trip_through_a_cable_is_measured_to_a_sample(server, play):
    """A client that delays stands for the cable; a circle of two clients is one period late."""
    cable = Program(sys.executable, TESTS / "virtual_pedal.py", "cable", "--delay", DELAY, env=server.env)
    cable.wait_for("ready", "stdout")
    cable.say("freewheel 1")  # faster than real time, and never late
    cable.wait_for("done", "stdout")
    channels = ["--play-channel", "cable:in", "--input-channel", "cable:out"]
    played = play(OTHER_MODEL, *channels, "--measure-latency", "--seconds", 0.1, "--json")
    cable.say("freewheel 0")
    cable.say("quit")
    cable.end()
    assert json.loads(played.stdout)["measured_ms"] == pytest.approx(1000 * (PERIOD + DELAY) / RATE, abs=1e-3)
    assert f"Round trip {PERIOD + DELAY}.0 samples" in played.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--play-channel", "fuzz:in"], "JACK has no playback port named 'fuzz:in'; there are: "),
        (["--block", 64], f"JACK plays blocks of {PERIOD} samples"),
        (["--interface", "no such server"], "no JACK server named 'no such server' answers"),
    ],
)
def test_what_jack_does_not_have_is_named(play, options, message):
    with pytest.raises(LiveError, match=re.escape(message)):
        play(OTHER_MODEL, "--backend", "jack", *options)


def test_jack_is_asked_for_before_models_are_loaded(play, monkeypatch):
    monkeypatch.setattr("drywet.live.models.load_models", lambda *args: pytest.fail("loaded"))
    with pytest.raises(LiveError, match="no JACK server named 'nowhere' answers"):
        play(OTHER_MODEL, "--backend", "jack", "--interface", "nowhere")


def test_a_server_that_goes_away_ends_it_with_one_message_and_the_knobs(loop):
    server = JackServer("gone", RATE, PERIOD)
    try:
        options = ["--loop", loop, "--json", "--knob", "knob 1=3:00"]
        playing = Program(*PLAY, KNOB_MODEL, *options, "--backend", "jack", env=server.env)
        # The server may still be starting; the program says when it plays.
        playing.wait_for("latency ")
        server.program.child.terminate()
        status, stdout, stderr = playing.end()
    finally:
        server.close()
    assert status == 12
    assert stdout == ""
    assert "Traceback" not in stderr
    (error,) = [line for line in stderr.splitlines() if line.startswith("error: ")]
    assert "JACK has stopped" in error
    assert "--knob 'knob 1=3:00'" in error
