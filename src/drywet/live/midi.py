"""MIDI from pedal boards and knob boxes: what a message turns, and the port that messages come from."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drywet.errors import LiveError, MissingDependencyError

CONTROL_CHANGE, PROGRAM_CHANGE = 0xB0, 0xC0  # upper half of the status byte; the lower one is the channel
LARGEST = 127  # of a data byte
_ALSA_SEQUENCER = Path("/dev/snd/seq")


@dataclass(frozen=True)
class ControlChange:
    """A knob, slider or switch was moved: controller and value, both 0 to 127."""

    controller: int
    value: int


@dataclass(frozen=True)
class ProgramChange:
    """A program was chosen, 0 to 127; controllers show it counted from 1."""

    program: int


def parse(message: Sequence[int]) -> ControlChange | ProgramChange | None:
    """What a whole MIDI message (status byte first) asks for on any channel; None for all others and for broken ones.

    >>> parse([0xB0, 20, 127])
    ControlChange(controller=20, value=127)
    """
    if not message or not all(0 <= byte <= LARGEST for byte in message[1:]):
        return None
    kind = message[0] & 0xF0
    if kind == CONTROL_CHANGE and len(message) == 3:
        return ControlChange(message[1], message[2])
    if kind == PROGRAM_CHANGE and len(message) == 2:
        return ProgramChange(message[1])
    return None


class MidiInput:
    """A MIDI input that is open. RtMidi's own thread, in C++, queues what arrives; nothing of Python runs in it.

    Parameters
    ----------
    name : str
        Of the port, or a part of it, in capital or small letters.
    jack : bool
        Whether ports of the JACK server are looked at too, after those of the system.

    Raises
    ------
    LiveError
        If no port or several are so named, or it cannot be opened.
    MissingDependencyError
        If python-rtmidi is not installed.
    """

    def __init__(self, name: str, jack: bool = False):
        clients = list(_clients(jack))
        there = [(client, number, port) for client in clients for number, port in enumerate(client.get_ports())]
        found = [place for place in there if name.lower() in place[2].lower()]
        found = [place for place in found if place[2] == name] or found
        for client in clients:
            if len(found) != 1 or client is not found[0][0]:
                client.delete()
        if len(found) != 1:
            how_many = f"{len(found)} MIDI inputs match" if found else "no MIDI input is named"
            names = ", ".join(port for _, _, port in found or there) or "none"
            raise LiveError(f"{how_many} {name!r}; there are: {names}. --midi takes a part of one name")
        self._client, number, self.name = found[0]
        try:
            self._client.open_port(number, "control")
        except Exception as error:  # RtMidi's own classes, and what the system's library raises through them
            raise LiveError(f"the MIDI input {self.name!r} cannot be opened ({error})") from error

    def messages(self) -> Iterator[list[int]]:
        """What has arrived since the last call."""
        while arrived := self._client.get_message():
            yield arrived[0]

    def close(self) -> None:
        """Give the port back."""
        self._client.close_port()
        self._client.delete()


def midi_inputs(jack: bool = False) -> list[str]:
    """Names of the ports that :class:`MidiInput` takes."""
    ports = []
    for client in _clients(jack):
        ports += client.get_ports()
        client.delete()
    return ports


def _clients(jack: bool) -> Iterator[Any]:
    """One client of RtMidi for each of the system's MIDI libraries."""
    try:
        import rtmidi
    except ImportError:
        raise MissingDependencyError(
            'MIDI needs the package python-rtmidi: pip install "drywet[live]" (Python 3.11 and 3.12), on later ones pip '
            "install python-rtmidi, which then needs a C++ compiler"
        ) from None
    kinds = rtmidi.get_compiled_api()
    if not _ALSA_SEQUENCER.exists():  # ALSA would complain on stderr
        kinds = [kind for kind in kinds if kind != rtmidi.API_LINUX_ALSA]
    if not jack:
        kinds = [kind for kind in kinds if kind != rtmidi.API_UNIX_JACK]
    for kind in kinds:
        with suppress(rtmidi.RtMidiError):  # a library whose server does not run
            yield rtmidi.MidiIn(kind, name="drywet-midi")
