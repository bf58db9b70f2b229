"""A desk as a client of a JACK server."""

import ctypes
from collections.abc import Sequence
from typing import Any

from drywet.errors import LiveError
from drywet.interfaces import Channel
from drywet.interfaces.jack_server import connect, find_port, library, patiently
from drywet.interfaces.port import in_words
from drywet.live.callback import compiled, jack_process, jack_quiet, jack_shutdown, jack_xrun
from drywet.live.desk import Desk
from drywet.live.stream import Stream

_CAPTURE_LATENCY, _PLAYBACK_LATENCY = 0, 1  # jack_latency_callback_mode_t


class _Range(ctypes.Structure):
    _fields_ = [("lowest", ctypes.c_uint32), ("highest", ctypes.c_uint32)]


class JackStream(Stream):
    """See :func:`drywet.live.stream.open_stream`."""

    def __init__(
        self, desk: Desk, server: str, play: Sequence[Channel], record: Sequence[Channel], block_size: int | None
    ):
        self._jack = jack = library()
        # The process callback may not wait for Python, and messages may come from its thread.
        quiet = self._pointer("void(*)(const char *)", compiled(jack_quiet).address)
        jack._lib.jack_set_error_function(quiet)
        jack._lib.jack_set_info_function(quiet)
        self._libjack = ctypes.CDLL(jack._libname)
        self._client = client = connect(jack, server)
        try:
            if client.samplerate != desk.sample_rate:
                raise LiveError(
                    f"JACK runs at {client.samplerate} Hz, the model is made for {desk.sample_rate} Hz, and nothing is "
                    f"resampled while playing. Start JACK at {desk.sample_rate} Hz (jackd ... -r {desk.sample_rate})"
                )
            if block_size not in (None, client.blocksize):
                raise LiveError(
                    f"JACK plays blocks of {client.blocksize} samples for all its clients, not {block_size}. Start it with "
                    f"-p {block_size}, or leave the block size out"
                )
        except LiveError:
            patiently(client.close)
            raise
        self.description = f"JACK ({client.blocksize} frames), out {in_words(play)}" + (
            f", in {in_words(record)}" if record else ""
        )
        super().__init__(desk)
        try:
            patiently(lambda: self._plug_in(play, record))
            self._wait_for_sound()
        except jack.JackError as error:
            self.close()
            raise LiveError(f"JACK refuses a connection ({error}). `drywet devices` lists what is there") from error
        except BaseException:
            self.close()
            raise

    def _plug_in(self, play: Sequence[Channel], record: Sequence[Channel]) -> None:
        client, desk, lib = self._client, self._desk.record, self._jack._lib
        targets = [find_port(client, channel, playback=True) for channel in play]
        sources = [find_port(client, channel, playback=False) for channel in record]
        self._ends = [port.name for port in (*targets, *sources)]
        self._input, self._output = client.inports.register("in"), client.outports.register("out")
        desk.port_in, desk.port_out = self._address(self._input._ptr), self._address(self._output._ptr)
        desk.port_buffer = ctypes.cast(self._libjack.jack_port_get_buffer, ctypes.c_void_p).value
        argument = self._pointer("void *", self._desk.address)
        for register, kind, function in (
            (lib.jack_set_process_callback, "JackProcessCallback", jack_process),
            (lib.jack_set_xrun_callback, "JackXRunCallback", jack_xrun),
            (lib.jack_on_info_shutdown, "JackInfoShutdownCallback", jack_shutdown),
        ):
            register(client._ptr, self._pointer(kind, compiled(function).address), argument)
        client.activate()
        for port in targets:
            client.connect(self._output, port)
        for port in sources:
            client.connect(port, self._input)

    @property
    def latency_seconds(self) -> float:
        if self._gone():
            return 0.0
        samples = 0
        for port, mode in ((self._input, _CAPTURE_LATENCY), (self._output, _PLAYBACK_LATENCY)):
            found = _Range()
            self._libjack.jack_port_get_latency_range(
                ctypes.c_void_p(self._address(port._ptr)), ctypes.c_int(mode), ctypes.byref(found)
            )
            samples += found.highest
        return samples / self.sample_rate

    @property
    def load(self) -> float:
        return 0.0 if self._gone() else self._client.cpu_load() / 100

    def _gone(self) -> str:
        desk = self._desk.record
        if desk.gone:
            reason = bytes(desk.reason).partition(b"\0")[0].decode(errors="replace").strip()
            return f"JACK has stopped ({reason or 'no reason given'})"
        return ""

    def trouble(self) -> str:
        if reason := super().trouble():
            return reason
        for name in self._ends:
            if not self._jack._lib.jack_port_by_name(self._client._ptr, name.encode()):
                return f"the JACK port {name} has gone"
        return ""

    def _stop(self) -> None:
        self._client.close()

    def _abandon(self) -> None:
        self._client._ptr = self._jack._ffi.NULL  # closing a client of a server that is gone may wait for ever

    def _pointer(self, kind: str, address: int | None) -> Any:
        return self._jack._ffi.cast(kind, address)

    def _address(self, pointer: Any) -> int:
        return int(self._jack._ffi.cast("intptr_t", pointer))
