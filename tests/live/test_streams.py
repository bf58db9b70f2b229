"""Desks on JACK's dummy driver, where another client sends and listens, and on PortAudio.

Expected values: a desk of the same effects, played offline; the numbers that the server was started with.
"""

import ctypes
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from engine_networks import recurrent
from helpers import require_library, require_program
from live_effects import RATE, echo, effect, gain, play

from drywet.errors import LiveError, SettingsError
from drywet.live import portaudio_stream
from drywet.live.callback import compiled, portaudio_process
from drywet.live.desk import Desk
from drywet.live.stream import Stream, open_stream

PERIOD = 256
PATIENCE = 60  # s; a busy machine is slow


def until(condition, what):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"never happened: {what}"
        time.sleep(0.01)


class Server:
    """A JACK server of its own on the dummy driver, without real-time rights. It waits for slow clients."""

    def __init__(self, number):
        self.name = f"drywet-live-{os.getpid()}-{number}"
        driver = ["-d", "dummy", "-r", str(RATE), "-p", str(PERIOD)]
        command = [require_program("jackd"), "-n", self.name, "--no-realtime", "--sync", "--timeout", "10000", *driver]
        self.child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        import jack  # where there is a server there is its library

        self.jack = jack
        jack.set_error_function(lambda message: None)
        jack.set_info_function(lambda message: None)
        until(self.answers, "the server answers")

    def answers(self):
        try:
            self.client("knock").close()
        except self.jack.JackOpenError:
            return False
        return True

    def client(self, name):
        return self.jack.Client(name, no_start_server=True, servername=self.name)

    def close(self):
        self.child.terminate()
        try:
            self.child.wait(10)
        except subprocess.TimeoutExpired:  # a server that waits for a client
            self.child.kill()
            self.child.wait(PATIENCE)
        for left in Path("/dev/shm").glob(f"jack_sem.*_{self.name}_*"):  # noqa: S108
            left.unlink()


class Probe:
    """A client beside the one under test: sends a signal, once it is given one, and keeps what comes back."""

    def __init__(self, server):
        self.client = server.client("probe")
        self.send, self.back = self.client.outports.register("send"), self.client.inports.register("back")
        self.signal, self.heard, self.stall = [], [], 0.0
        self.client.set_process_callback(self.process)
        self.client.activate()

    def process(self, frames):
        if self.stall:
            time.sleep(self.stall)
            self.stall = 0.0
        self.heard.append(self.back.get_array().copy())
        self.send.get_array()[:] = self.signal.pop(0) if self.signal else 0

    def through(self, dry):
        """What comes back for ``dry``, shape (T,), as fast as the server can; a cable in a circle is one period late."""
        self.client.set_freewheel(True)
        blocks = list(dry.reshape(-1, PERIOD))
        start = len(self.heard)
        self.signal = [np.ones(PERIOD, np.float32), np.zeros(PERIOD, np.float32), *blocks]
        until(lambda: not self.signal and len(self.heard) > start + len(blocks) + 20, "the signal has gone through")
        self.client.set_freewheel(False)
        return np.concatenate(self.heard[start:])


@pytest.fixture(scope="module")
def server():
    made = Server(1)
    yield made
    made.close()


@pytest.fixture
def probe(server):
    made = Probe(server)
    yield made
    made.client.close()


@pytest.fixture(scope="module")
def dry():
    return (0.3 * np.random.default_rng(1).standard_normal(200 * PERIOD)).astype(np.float32)


def test_what_leaves_the_client_is_what_the_desk_makes_of_what_went_in(server, probe, dry):
    network = recurrent("lstm", 6)
    stream = open_stream(Desk({"lstm": effect(network)}, RATE), "jack", server.name, ["probe:back"], ["probe:send"])
    try:
        assert (stream.block_size, stream.sample_rate) == (PERIOD, RATE)
        assert stream.description == "JACK (256 frames), out probe:back, in probe:send"
        heard = probe.through(dry)
        assert stream.trouble() == ""
    finally:
        stream.close()
    offline = Desk({"lstm": effect(network)}, RATE)
    play(offline, np.zeros(RATE, np.float32))  # at rest, as it was on the silence before
    expected = play(offline, np.concatenate([np.ones(PERIOD, np.float32), np.zeros(PERIOD, np.float32), dry]))
    start = np.argmax(np.correlate(heard, expected[: 20 * PERIOD], "valid"))
    assert start % PERIOD == 0
    np.testing.assert_allclose(heard[start : start + len(expected)], expected, atol=1e-6)


def test_nothing_but_silence_leaves_a_client_that_has_been_closed(server, probe, dry):
    stream = open_stream(Desk({"one": gain(1.0)}, RATE), "jack", server.name, ["probe:back"], ["probe:send"])
    assert np.abs(probe.through(dry[: 20 * PERIOD])).max() > 0.5
    stream.close()
    stream.close()  # once more is nothing
    start = len(probe.heard)
    probe.through(dry[: 20 * PERIOD])
    assert not np.concatenate(probe.heard[start + 1 :]).any()


def test_late_blocks_are_counted_and_the_drivers_latency_is_told(server, probe):
    desk = Desk({"one": gain(1.0)}, RATE)
    stream = open_stream(desk, "jack", server.name, [1, 2], ["probe:send", 1])
    try:
        # Of the dummy driver: one period for input, one for output. JACK works it out after connecting.
        until(lambda: stream.latency_seconds == 2 * PERIOD / RATE, "the latency is told")
        assert stream.load >= 0
        before = stream.xruns
        probe.stall = 0.5
        until(lambda: stream.xruns > before, "the late block is counted")
        blocks = desk.meters().blocks
        until(lambda: desk.record.blocks > blocks + 5, "it goes on")
        assert stream.trouble() == ""
    finally:
        stream.close()


def test_a_client_at_the_other_end_that_goes_is_told(server):
    other = Probe(server)
    stream = open_stream(Desk({"one": gain(1.0)}, RATE), "jack", server.name, [1], ["probe:send"])
    try:
        assert stream.trouble() == ""
        other.client.close()
        until(stream.trouble, "the missing port is told")
        assert stream.trouble() == "the JACK port probe:send has gone"
    finally:
        stream.close()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_server_that_goes_is_told_and_nothing_hangs(how):
    server = Server(2)
    try:
        stream = open_stream(Desk({"one": gain(1.0)}, RATE), "jack", server.name, [1], [1])
        server.child.send_signal(how)
        until(stream.trouble, "the missing server is told")
        assert re.search("JACK has stopped|has asked for no sound", stream.trouble())
        begin = time.monotonic()
        stream.close()
        assert time.monotonic() - begin < PATIENCE
        assert stream.latency_seconds == stream.load == 0
    finally:
        server.close()
    if how == signal.SIGKILL:  # it still holds one of the eight places for servers; another of its name gives it back
        Server(2).close()


def test_what_is_not_there_is_named(server):
    desk, other = Desk({"one": gain(1.0)}, RATE), Desk({"one": gain(1.0, 44_100)}, 44_100)
    with pytest.raises(LiveError, match=r"JACK runs at 48000 Hz, the model is made for 44100 Hz.*jackd .* -r 44100"):
        open_stream(other, "jack", server.name, [1], [1])
    with pytest.raises(LiveError, match="blocks of 256 samples for all its clients, not 64"):
        open_stream(desk, "jack", server.name, [1], [1], 64)
    with pytest.raises(LiveError, match="no capture port named 'fuzz:out'; there are: system"):
        open_stream(desk, "jack", server.name, [1], ["fuzz:out"])
    with pytest.raises(LiveError, match="2 playback channels, there is no number 7"):
        open_stream(desk, "jack", server.name, [7], [1])
    with pytest.raises(LiveError, match="no JACK server named 'no-such-server' answers"):
        open_stream(desk, "jack", "no-such-server", [1], [1])
    with pytest.raises(SettingsError, match="no backend named 'asio'"):
        open_stream(desk, "asio", "", [1], [1])
    with pytest.raises(SettingsError, match="channel 0: channels are counted from 1"):
        open_stream(desk, "jack", server.name, [1], [0])
    with pytest.raises(SettingsError, match="JACK has one server for all"):
        open_stream(desk, "jack", server.name, [1], [1], output_name="Speakers")
    with pytest.raises(SettingsError, match="no channel to play to"):
        open_stream(desk, "jack", server.name, [], [1])
    stream = open_stream(desk, "jack", server.name, [1], [])  # after all that, it still plays; without an input
    stream.close()


# PortAudio's callback, called as PortAudio does


def portaudio(desk, arrived, frames, outputs, flags=0):
    """What the callback writes: (frames, outputs)."""
    outgoing = np.full((frames, outputs), 7, np.float32)
    kinds = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_void_p]
    call = ctypes.CFUNCTYPE(ctypes.c_int, *kinds)(compiled(portaudio_process).address)
    given = arrived.ctypes.data if arrived is not None else None
    assert call(given, outgoing.ctypes.data, frames, None, flags, desk.address) == 0
    return outgoing


def wired(desk, inputs, records, outputs, plays):
    record = desk.record
    record.inputs, record.outputs = inputs, outputs
    record.records[:], record.plays[:] = 0, 0
    record.records[records], record.plays[plays] = 1, 1


def test_portaudios_callback_adds_the_recorded_channels_and_plays_to_the_chosen_ones():
    desk = Desk({"half": gain(0.5)}, RATE, largest_block=64)
    wired(desk, 3, [0, 2], 4, [1, 3])
    arrived = np.random.default_rng(0).uniform(-0.3, 0.3, (150, 3)).astype(np.float32)  # in parts of 64, 64 and 22
    outgoing = portaudio(desk, arrived, 150, 4)
    expected = 0.5 * (arrived[:, 0] + arrived[:, 2])
    np.testing.assert_array_equal(outgoing[:, 1], expected)
    np.testing.assert_array_equal(outgoing[:, 3], expected)
    assert not outgoing[:, [0, 2]].any()


def test_portaudios_callback_without_an_input_plays_the_loop():
    loop = np.linspace(-1, 1, 50, dtype=np.float32)
    desk = Desk({"one": gain(1.0)}, RATE, loop=loop)
    desk.looping = True
    wired(desk, 0, [], 1, [0])
    np.testing.assert_array_equal(portaudio(desk, None, 100, 1)[:, 0], np.tile(loop, 2))


def test_portaudios_flags_count_as_late_blocks_but_its_priming_does_not():
    desk = Desk({"one": gain(1.0)}, RATE)
    wired(desk, 1, [0], 1, [0])
    for flags in (0, 0x10, 0x01, 0x02, 0x04, 0x08, 0x06):  # portaudio.h: none, priming, the four faults, two of them
        portaudio(desk, np.zeros((64, 1), np.float32), 64, 1, flags)
    assert desk.record.xruns == 5


class PortAudio:
    """In place of sounddevice: two devices, each behind a host of its own."""

    PortAudioError = type("PortAudioError", (Exception,), {})
    _exit_handler = None

    def query_devices(self, name, kind):
        if name == "USB":
            raise ValueError(f"Multiple {kind} devices found for 'USB':\n[0] USB, MME\n[1] USB, ASIO")
        host = ["Guitar", "Speakers"].index(name)
        return {"name": name, "hostapi": host, f"max_{kind}_channels": 2}

    def query_hostapis(self, host):
        return {"name": ["ASIO", "MME"][host]}


@pytest.fixture
def library(monkeypatch):
    made = PortAudio()
    monkeypatch.setattr(portaudio_stream, "library", lambda: made)
    return made


def test_portaudio_needs_devices_that_are_one_and_behind_one_host(library):
    desk = Desk({"one": gain(1.0)}, RATE)
    with pytest.raises(LiveError, match="'Guitar' is reached through ASIO, 'Speakers' through MME"):
        open_stream(desk, "portaudio", "Guitar", [1], [1], output_name="Speakers")
    with pytest.raises(LiveError, match="PortAudio has several input devices named 'USB'"):
        open_stream(desk, "portaudio", "USB", [1], [1])


def test_a_stream_that_outlives_portaudio_has_gone_and_is_closed_without_complaint(library):
    """As at the end of a program that did not close it: sounddevice ends PortAudio first."""

    class Ended:
        closed = False

        @property
        def active(self):
            raise library.PortAudioError("PortAudio not initialized")

    stream = portaudio_stream.PortAudioStream.__new__(portaudio_stream.PortAudioStream)
    Stream.__init__(stream, Desk({"one": gain(1.0)}, RATE))
    stream._sounddevice, stream._stream = library, Ended()
    stream.close()
    assert stream.trouble() == "the audio device has stopped; is it still connected?"


PLAYED = """
import sys, time
sys.path.insert(0, sys.argv[1])
import numpy as np
from live_effects import RATE, gain
from drywet.live.desk import Desk
from drywet.live.stream import open_stream
desk = Desk({"half": gain(0.5)}, RATE, loop=np.full(RATE, 0.5, np.float32))
desk.looping = True
stream = open_stream(desk, "portaudio", "system", [1, 2], [1])
end = time.monotonic() + 60
while desk.record.blocks < 20 and time.monotonic() < end:
    time.sleep(0.01)
print(stream.description, stream.block_size, round(desk.meters().output_peak_dbfs, 2), stream.trouble(), flush=True)
sys.stdin.readline()
while not stream.trouble() and time.monotonic() < end:
    time.sleep(0.01)
print(stream.trouble(), flush=True)
stream.close()
"""


def test_portaudio_plays_a_desk_and_tells_that_its_device_has_gone():
    """Through the JACK client that PortAudio makes, in a process of its own: PortAudio looks for devices once."""
    require_library("portaudio")
    server = Server(3)
    try:
        child = subprocess.Popen(
            [sys.executable, "-c", PLAYED, str(Path(__file__).parents[1])],
            env=os.environ | {"JACK_DEFAULT_SERVER": server.name}, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        line = child.stdout.readline()
        server.child.terminate()
        stdout, stderr = child.communicate("gone\n", timeout=PATIENCE)
    finally:
        server.close()
    assert line == f"system (JACK Audio Connection Kit), out 1 and 2, in 1 {PERIOD} -12.04 \n", stderr
    assert stdout == "the audio device has stopped; is it still connected?\n", stderr
    assert child.returncode == 0, stderr


def test_effects_that_are_echoes_of_each_other_stay_apart():
    """Two desks share compiled code and nothing else."""
    one, two = Desk({"a": echo(3)}, RATE), Desk({"a": echo(5)}, RATE)
    impulse = np.zeros(64, np.float32)
    impulse[0] = 1
    for desk, late in ((one, 3), (two, 5), (one, 3)):
        assert np.flatnonzero(play(desk, impulse)).tolist() == [late]
