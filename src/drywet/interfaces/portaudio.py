"""Interfaces that PortAudio reaches: ALSA, Core Audio, WASAPI, ASIO, and JACK as well."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from drywet.errors import CaptureError, MissingDependencyError, SettingsError
from drywet.interfaces.port import Channel, Device, Levels, Take, in_words
from drywet.interfaces.tape import Tape, roll


class PortAudioInterface:
    """An :class:`drywet.interfaces.Interface` on a PortAudio stream that runs until it is closed."""

    def __init__(self, name: str, sample_rate: int, play: Sequence[Channel], record: Sequence[Channel]):
        sounddevice = library()
        self._play, self._record = indices(play), indices(record)
        self.sample_rate = sample_rate
        self._tape: Tape | None = None
        self._finished = False
        found = [
            find_device(sounddevice, name, "output", self._play),
            find_device(sounddevice, name, "input", self._record),
        ]
        try:
            self._stream = sounddevice.Stream(
                samplerate=sample_rate,
                device=tuple(about["index"] for about in reversed(found)),
                channels=(max(self._record) + 1, max(self._play) + 1),
                dtype="float32",
                latency="high",  # the round trip is taken out; blocks that are lost are not
                dither_off=True,
                callback=self._process,
                finished_callback=self._finish,
            )
            self._stream.start()
        except (sounddevice.PortAudioError, ValueError) as error:
            raise CaptureError(
                f"no stream at {sample_rate} Hz on {name or 'the default device'!r} ({error}). `drywet devices` lists "
                "what is there; another program may be using it"
            ) from error
        host = sounddevice.query_hostapis(found[0]["hostapi"])["name"]
        names = " and ".join(dict.fromkeys(about["name"] for about in reversed(found)))
        self.description = f"{names} ({host}), out {in_words(play)}, in {in_words(record)}"

    def play_and_record(self, played: np.ndarray, watch: Callable[[Levels], None]) -> Take:
        tape = self._tape = Tape(played, len(self._record), self.sample_rate)
        try:
            return roll(tape, watch, self._trouble)
        finally:
            self._tape = None

    def close(self) -> None:
        self._stream.close(ignore_errors=True)

    def _process(self, arrived: np.ndarray, outgoing: np.ndarray, frames: int, when: Any, status: Any) -> None:
        tape = self._tape
        outgoing[:] = 0.0
        if tape is None:
            return
        first = self._play[0]
        # Flags tell of the time since the block before.
        if status.input_overflow or status.input_underflow or status.output_overflow or status.output_underflow:
            tape.note_xrun()
        tape.exchange([arrived[:, channel] for channel in self._record], outgoing[:, first])
        for other in self._play[1:]:
            outgoing[:, other] = outgoing[:, first]

    def _finish(self) -> None:
        self._finished = True

    def _trouble(self) -> str:
        return "the audio stream has ended" if self._finished or not self._stream.active else ""


def devices() -> tuple[list[Device], str]:
    """Every device that PortAudio sees, and a remark if there is none."""
    sounddevice = library()
    hosts = [host["name"] for host in sounddevice.query_hostapis()]
    found = [
        Device(
            backend="portaudio",
            host=hosts[about["hostapi"]],
            name=about["name"],
            number=about["index"],
            inputs=about["max_input_channels"],
            outputs=about["max_output_channels"],
            default_rate=round(about["default_samplerate"]),
        )
        for about in sounddevice.query_devices()
    ]
    return found, "" if found else "PortAudio sees no device. Connect an audio interface, or start a JACK server"


def find_device(sounddevice: Any, name: str, kind: str, channels: Sequence[int]) -> dict[str, Any]:
    """What PortAudio says of the device ``name``, a number or the default one for "", as ``kind``, input or output.

    CaptureError where there is none, or it lacks one of ``channels``, counted from 0.
    """
    try:
        about = sounddevice.query_devices(int(name) if name.isdecimal() else name or None, kind)
    except (sounddevice.PortAudioError, ValueError) as error:
        wanted = f"named {name!r}" if name else "to use by default"
        several = f"several {kind} devices" if "Multiple" in str(error) else f"no {kind} device"
        raise CaptureError(
            f"PortAudio has {several} {wanted} ({error}). `drywet devices` lists what is there, a number names one"
        ) from error
    if max(channels) >= about[f"max_{kind}_channels"]:
        raise CaptureError(
            f"{about['name']!r} has {about[f'max_{kind}_channels']} {kind} channels, there is no number "
            f"{max(channels) + 1}. `drywet devices` lists what is there"
        )
    return about


def library() -> Any:
    """The module ``sounddevice``; MissingDependencyError, with what to install, where it or PortAudio is missing."""
    try:
        import sounddevice
    except ImportError:
        raise MissingDependencyError('PortAudio needs the package sounddevice: pip install "drywet[live]"') from None
    except OSError:
        raise MissingDependencyError(
            "the PortAudio library is not installed: apt install libportaudio2 (Debian, Ubuntu), dnf install portaudio "
            "(Fedora); on macOS and Windows it comes with sounddevice: pip install --force-reinstall sounddevice"
        ) from None
    return sounddevice


def indices(channels: Sequence[Channel]) -> list[int]:
    """Channels counted from 0."""
    for channel in channels:
        if isinstance(channel, str):
            raise SettingsError(
                f"channel {channel!r}: with PortAudio a channel is a number from 1; ports belong to JACK"
            )
    return [int(channel) - 1 for channel in channels]
