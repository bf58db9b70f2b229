"""A desk on an audio interface: its audio thread runs until the stream is closed."""

import atexit
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence

from drywet.errors import CaptureError, LiveError, SettingsError
from drywet.interfaces import BACKENDS, Channel
from drywet.interfaces.patience import in_time
from drywet.live.desk import Desk
from drywet.live.record import CHANNELS

START_SECONDS = 3.0  # until the first block; some interfaces take a second to wake up
STALL_SECONDS = 2.0  # without a block; the longest block there is lasts a fifth of a second
PATIENCE_SECONDS = 5.0  # for a library that may wait for ever for a device that is gone

_open: list["Stream"] = []  # and what their audio threads touch, until those have really ended


class Stream(ABC):
    """A desk being played.

    Attributes
    ----------
    description : str
        For people: library, device, channels, block.
    sample_rate : int
        Hz.
    """

    description: str
    sample_rate: int

    def __init__(self, desk: Desk):
        self._desk, self.sample_rate = desk, desk.sample_rate
        self._blocks, self._advanced, self._closed = 0, time.monotonic(), False
        desk.record.gone = 0
        _open.append(self)

    @property
    def block_size(self) -> int:
        """Samples of the last block; with some drivers it changes."""
        return self._desk.block_size

    @property
    def xruns(self) -> int:
        """Blocks that were late or lost since the stream ran."""
        return int(self._desk.record.xruns) - self._xruns_before

    @property
    @abstractmethod
    def latency_seconds(self) -> float:
        """What the driver reports, input and output together."""

    @property
    @abstractmethod
    def load(self) -> float:
        """What the driver reports: the share of a block's time that was used, by all programs with JACK."""

    def trouble(self) -> str:
        """Why it cannot go on; '' while it can."""
        if reason := self._gone():
            return reason
        blocks, now = int(self._desk.record.blocks), time.monotonic()
        if blocks != self._blocks:
            self._blocks, self._advanced = blocks, now
        elif now - self._advanced > STALL_SECONDS:
            return f"the audio interface has asked for no sound for {STALL_SECONDS:.0f} s; is it still connected?"
        return ""

    def close(self) -> None:
        """Give the interface back; does not wait for one that no longer answers."""
        if not self._closed:
            self._closed = True
            if not self._gone() and in_time(self._stop, PATIENCE_SECONDS)[0]:
                _open.remove(self)
            else:  # its thread may still run: everything it touches stays in _open
                self._abandon()

    @abstractmethod
    def _gone(self) -> str:
        """Why the driver no longer plays; '' while it does."""

    @abstractmethod
    def _stop(self) -> None:
        """End the audio thread."""

    def _abandon(self) -> None:  # noqa: B027 (nothing to do for some)
        """Never touch the driver again."""

    def _wait_for_sound(self) -> None:
        """Until blocks come; LiveError if none do. What stumbled on the way is not counted."""
        end, before = time.monotonic() + START_SECONDS, int(self._desk.record.blocks)
        while int(self._desk.record.blocks) < before + 2:
            reason = self._gone()
            if reason or time.monotonic() > end:
                raise LiveError(reason or f"{self.description}: no sound was asked for in {START_SECONDS:.0f} s")
            time.sleep(0.002)
        self._xruns_before = int(self._desk.record.xruns)
        self._advanced = time.monotonic()


def open_stream(
    desk: Desk,
    backend: str,
    name: str,
    play: Sequence[Channel],
    record: Sequence[Channel],
    block_size: int | None = None,
    output_name: str = "",
) -> Stream:
    """Play ``desk`` on an interface: ``record`` in (added up; none for a desk that loops), wet out to all of ``play``.

    Parameters
    ----------
    desk : Desk
    backend, name, play, record
        As for :func:`drywet.interfaces.open_interface`.
    block_size : int, optional
        Samples at once. With PortAudio as few as the driver likes where it is left out; with JACK it is the server's.
    output_name : str
        PortAudio: the device that is played to, where it is not ``name``. Two devices have two clocks, which drift apart.

    Raises
    ------
    LiveError
        If there is no such interface, channel or port, it is busy, or runs at another rate or block size.
    MissingDependencyError
        If the library behind the backend is not installed.
    """
    if not play:
        raise SettingsError("no channel to play to; name one, counted from 1")
    for channel in (*play, *record):
        if isinstance(channel, int) and not 1 <= channel <= CHANNELS:
            raise SettingsError(f"channel {channel}: channels are counted from 1, up to {CHANNELS}")
    if output_name and backend == "jack":
        raise SettingsError(
            "JACK has one server for all; name the ports that are played to instead of another interface"
        )
    try:
        if backend == "jack":
            from drywet.live.jack_stream import JackStream

            return JackStream(desk, name, play, record, block_size)
        if backend == "portaudio":
            from drywet.live.portaudio_stream import PortAudioStream

            return PortAudioStream(desk, name, play, record, block_size, output_name)
    except CaptureError as error:  # of the helpers that capturing and playing share
        raise LiveError(str(error)) from error
    raise SettingsError(f"no backend named {backend!r}; there are {' and '.join(BACKENDS)}")


@atexit.register
def _close_all() -> None:
    """No audio thread outlives the code that it runs."""
    for stream in list(_open):
        stream.close()
