"""Messages as the MIDI 1.0 specification writes them, and ports of a library that is played by a fake."""

import sys
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drywet.errors import LiveError, MissingDependencyError
from drywet.live import midi
from drywet.live.midi import ControlChange, MidiInput, ProgramChange, midi_inputs, parse


@pytest.mark.parametrize("channel", [0, 9, 15])
def test_control_and_program_changes_of_every_channel_are_read(channel):
    assert parse([0xB0 | channel, 20, 64]) == ControlChange(20, 64)
    assert parse([0xC0 | channel, 3]) == ProgramChange(3)


@pytest.mark.parametrize(
    "message",
    [
        [],
        [0xB0],
        [0xB0, 20],  # cut short
        [0xB0, 20, 64, 0],
        [0xC0],
        [0xC0, 1, 2],
        [0xB0, 200, 64],  # a data byte has its upper bit clear
        [0xB0, 20, 128],
        [0x90, 60, 100],  # a note
        [0xE0, 0, 64],
        [0xF0, 0x7E, 0xF7],
        [20, 64],  # no status byte
    ],
)
def test_other_and_broken_messages_mean_nothing(message):
    assert parse(message) is None


@settings(max_examples=30)
@given(st.lists(st.integers(-1, 300), max_size=5))
def test_any_bytes_give_numbers_of_seven_bits_or_nothing(message):
    heard = parse(message)
    assert heard is None or all(0 <= number <= 127 for number in vars(heard).values())


class FakeRtMidi:
    """The module, with ports of ALSA and of JACK."""

    API_LINUX_ALSA, API_UNIX_JACK, API_MACOSX_CORE = 2, 3, 1

    class RtMidiError(Exception):
        pass

    def __init__(self, **ports):
        self.ports = {"alsa": [], "jack": []} | ports
        self.asked, self.opened, self.queue, self.deleted = [], [], [], []

    def get_compiled_api(self):
        return [2, 3]

    def MidiIn(self, kind, name):
        self.asked.append(kind)
        ports = self.ports["alsa" if kind == 2 else "jack"]
        if ports is None:
            raise self.RtMidiError("no server")
        return SimpleNamespace(
            get_ports=lambda: ports,
            open_port=lambda number, name: self.opened.append(ports[number]),
            get_message=lambda: (self.queue.pop(0), 0.0) if self.queue else None,
            delete=lambda: self.deleted.append(kind),
        )


@pytest.fixture
def library(monkeypatch, tmp_path):
    def make(**ports):
        fake = FakeRtMidi(**ports)
        monkeypatch.setitem(sys.modules, "rtmidi", fake)
        monkeypatch.setattr(midi, "_ALSA_SEQUENCER", tmp_path)
        return fake

    return make


def test_a_port_is_found_by_a_part_of_its_name_and_its_messages_come_in_order(library):
    fake = library(alsa=["Midi Through:0 14:0", "nanoKONTROL2:CTRL 24:0"])
    opened = MidiInput("nanokontrol")
    assert fake.opened == ["nanoKONTROL2:CTRL 24:0"]
    assert fake.deleted == []
    fake.queue = [[0xB0, 20, 1], [0xB0, 20, 2]]
    assert list(opened.messages()) == [[0xB0, 20, 1], [0xB0, 20, 2]]
    assert list(opened.messages()) == []


def test_jack_is_asked_only_where_it_is_used(library):
    fake = library(alsa=["a"], jack=["b"])
    assert midi_inputs() == ["a"]
    assert fake.asked == [2]
    assert midi_inputs(jack=True) == ["a", "b"]


def test_a_library_without_its_server_is_passed_over(library):
    library(alsa=["a"], jack=None)
    assert midi_inputs(jack=True) == ["a"]


def test_a_name_that_fits_none_or_several_lists_what_is_there(library):
    fake = library(alsa=["knobs 1", "knobs 2", "pedals"])
    with pytest.raises(LiveError, match="no MIDI input is named 'keys'; there are: knobs 1, knobs 2, pedals"):
        MidiInput("keys")
    assert fake.deleted == [2]  # no client of ours is left behind
    with pytest.raises(LiveError, match="2 MIDI inputs match 'knobs'; there are: knobs 1, knobs 2"):
        MidiInput("knobs")
    assert MidiInput("knobs 1").name == "knobs 1"


def test_without_the_package_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "rtmidi", None)
    with pytest.raises(MissingDependencyError, match="pip install"):
        MidiInput("knobs")
