"""Interfaces behind a JACK server, or any other JACK client: channels are ports."""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar, cast

import numpy as np

from drywet.errors import CaptureError, MissingDependencyError
from drywet.interfaces.patience import in_time
from drywet.interfaces.port import Channel, Device, Levels, Take, in_words
from drywet.interfaces.tape import Tape, roll

CLIENT = "drywet"
PATIENCE_SECONDS = 10.0

T = TypeVar("T")


class JackInterface:
    """An :class:`drywet.interfaces.Interface` on a JACK server that is already running."""

    def __init__(self, server: str, sample_rate: int, play: Sequence[Channel], record: Sequence[Channel]):
        jack = library()
        self._client = connect(jack, server)
        self.sample_rate = sample_rate
        self.description = f"JACK ({self._client.blocksize} frames), out {in_words(play)}, in {in_words(record)}"
        self._tape: Tape | None = None
        self._gone = ""
        try:
            if self._client.samplerate != sample_rate:
                raise CaptureError(
                    f"JACK runs at {self._client.samplerate} Hz, the signal is at {sample_rate} Hz. Start JACK at "
                    f"{sample_rate} Hz (jackd ... -r {sample_rate}), or make the signal with --sample-rate "
                    f"{self._client.samplerate}"
                )
            patiently(lambda: self._plug_in(play, record))
        except jack.JackError as error:
            self.close()
            raise CaptureError(f"JACK refuses a connection ({error}). `drywet devices` lists what is there") from error
        except CaptureError:
            self.close()
            raise

    def _plug_in(self, play: Sequence[Channel], record: Sequence[Channel]) -> None:
        targets = [find_port(self._client, channel, playback=True) for channel in play]
        sources = [find_port(self._client, channel, playback=False) for channel in record]
        self._output = self._client.outports.register("play")
        self._inputs = [self._client.inports.register(f"record_{i}") for i in range(1, len(record) + 1)]
        self._client.set_process_callback(self._process)
        self._client.set_xrun_callback(self._xrun)
        self._client.set_shutdown_callback(self._shutdown)
        self._client.activate()
        for port in targets:
            self._client.connect(self._output, port)
        for port, own in zip(sources, self._inputs, strict=True):
            self._client.connect(port, own)

    def play_and_record(self, played: np.ndarray, watch: Callable[[Levels], None]) -> Take:
        tape = self._tape = Tape(played, len(self._inputs), self.sample_rate)
        try:
            return roll(tape, watch, self._trouble)
        finally:
            self._tape = None

    def close(self) -> None:
        if not self._gone:
            with suppress(CaptureError):
                patiently(self._client.close)

    def _process(self, frames: int) -> None:
        tape = self._tape
        outgoing = self._output.get_array()
        if tape is None:
            outgoing[:] = 0.0
        else:
            tape.exchange([port.get_array() for port in self._inputs], outgoing)

    def _xrun(self, delayed_usecs: float) -> None:
        if self._tape is not None:
            self._tape.note_xrun()

    def _shutdown(self, status: Any, reason: str) -> None:
        self._gone = reason or "the server has gone"

    def _trouble(self) -> str:
        if self._gone:
            return f"JACK has stopped ({self._gone})"
        for port in (self._output, *self._inputs):
            if port.number_of_connections == 0:
                return f"the other end of the JACK port {port.name} has gone"
        return ""


def devices() -> tuple[list[Device], str]:
    """Every client of the running server that has audio ports, and a remark if there is no server."""
    jack = library()
    try:
        client = connect(jack, "")
    except CaptureError as error:
        return [], str(error)
    try:
        ports = client.get_ports(is_audio=True)
        names = dict.fromkeys(port.name.partition(":")[0] for port in ports)
        return [
            Device(
                backend="jack",
                host="JACK",
                name=name,
                number=None,
                inputs=sum(port.is_output for port in ports if port.name.startswith(f"{name}:")),
                outputs=sum(port.is_input for port in ports if port.name.startswith(f"{name}:")),
                default_rate=client.samplerate,
            )
            for name in names
        ], ""
    finally:
        client.close()


def rate_and_block(server: str = "") -> tuple[int, int] | None:
    """Sample rate in Hz and block size of a server; None where it does not run, or JACK is not installed."""
    with suppress(CaptureError, MissingDependencyError):
        return asked_rate_and_block(server)
    return None


def asked_rate_and_block(server: str) -> tuple[int, int]:
    """The same of a server that somebody asked for: CaptureError or MissingDependencyError where it cannot be had."""
    client = connect(library(), server)
    try:
        return client.samplerate, client.blocksize
    finally:
        client.close()


def find_port(client: Any, channel: Channel, playback: bool) -> Any:
    """The port that a channel number or a name stands for; CaptureError where there is none."""
    kind = "playback" if playback else "capture"
    there = client.get_ports(is_audio=True, is_input=playback, is_output=not playback)
    if isinstance(channel, str):
        for port in there:
            if channel in (port.name, *port.aliases):
                return port
        raise CaptureError(
            f"JACK has no {kind} port named {channel!r}; there are: {', '.join(port.name for port in there) or 'none'}"
        )
    physical = [port for port in there if port.is_physical]
    if channel > len(physical):
        raise CaptureError(
            f"JACK has {len(physical)} {kind} channels, there is no number {channel}. `drywet devices` lists what is there"
        )
    return physical[channel - 1]


def library() -> Any:
    """The module ``jack``; MissingDependencyError, with what to install, where it or libjack is missing."""
    try:
        import jack
    except ImportError:
        raise MissingDependencyError('JACK needs the package JACK-Client: pip install "drywet[live]"') from None
    except OSError:
        raise MissingDependencyError(
            "the JACK library is not installed: apt install jackd2 (Debian, Ubuntu), dnf install pipewire-jack-audio-"
            "connection-kit (Fedora), brew install jack (macOS), or the installer of jackaudio.org (Windows)"
        ) from None
    for silence in (jack.set_error_function, jack.set_info_function):
        silence(lambda message: None)  # libjack writes to stderr; what matters arrives as a JackError
    return jack


def connect(jack: Any, server: str) -> Any:
    """A client of the server of this name, the default one for ""; CaptureError where none answers."""
    try:
        return patiently(lambda: jack.Client(CLIENT, no_start_server=True, servername=server or None))
    except jack.JackOpenError as error:
        name = server or os.environ.get("JACK_DEFAULT_SERVER") or "default"
        raise CaptureError(
            f"no JACK server named {name!r} answers. Start one, for example: jackd -d alsa -d hw:1 -r 44100 -p 256"
        ) from error


def patiently(call: Callable[[], T]) -> T:
    """What a call of libjack gives, which waits for ever for a server that hangs; CaptureError if it does."""
    finished, result = in_time(call, PATIENCE_SECONDS)
    if not finished:
        raise CaptureError(
            f"the JACK server has not answered for {PATIENCE_SECONDS:.0f} s. Stop it, start it again, then run the same "
            "command"
        )
    return cast(T, result)
