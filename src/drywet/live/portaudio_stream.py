"""A desk on a device that PortAudio reaches."""

import atexit
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from drywet.errors import LiveError
from drywet.interfaces import Channel
from drywet.interfaces.port import in_words
from drywet.interfaces.portaudio import find_device, indices, library
from drywet.live.callback import compiled, portaudio_process
from drywet.live.desk import Desk
from drywet.live.stream import Stream


class PortAudioStream(Stream):
    """See :func:`drywet.live.stream.open_stream`."""

    def __init__(
        self,
        desk: Desk,
        name: str,
        play: Sequence[Channel],
        record: Sequence[Channel],
        block_size: int | None,
        output_name: str,
    ):
        self._sounddevice = sounddevice = library()
        channels = {"input": indices(record), "output": indices(play)} if record else {"output": indices(play)}
        named = {"input": name, "output": output_name or name}
        found = {kind: find_device(sounddevice, named[kind], kind, wanted) for kind, wanted in channels.items()}
        hosts = [sounddevice.query_hostapis(about["hostapi"])["name"] for about in found.values()]
        if len(set(hosts)) > 1:
            (dry, dry_host), (wet, wet_host) = zip((about["name"] for about in found.values()), hosts, strict=True)
            raise LiveError(
                f"{dry!r} is reached through {dry_host}, {wet!r} through {wet_host}: one of these has to reach both. "
                "`drywet devices` lists the numbers of all devices"
            )
        counts = {kind: max(wanted) + 1 for kind, wanted in channels.items()}
        for kind, flags in (("input", desk.record.records), ("output", desk.record.plays)):
            flags[:] = 0
            flags[channels.get(kind, [])] = 1
        desk.record.inputs, desk.record.outputs = counts.get("input", 0), counts["output"]
        names = " and ".join(dict.fromkeys(about["name"] for about in found.values()))
        self.description = f"{names} ({hosts[0]}), out {in_words(play)}" + (
            f", in {in_words(record)}" if record else ""
        )
        self._stream: Any = None
        super().__init__(desk)
        both = len(found) == 2
        try:
            self._stream = sounddevice._StreamBase(
                kind="duplex" if both else "output",
                samplerate=desk.sample_rate,
                blocksize=block_size or 0,
                device=tuple(about["index"] for about in found.values()) if both else found["output"]["index"],
                channels=tuple(counts.values()) if both else counts["output"],
                dtype="float32",
                latency="low",
                dither_off=True,
                callback=sounddevice._ffi.cast("PaStreamCallback *", compiled(portaudio_process).address),
                userdata=sounddevice._ffi.cast("void *", desk.address),
            )
            self._stream.start()
            self._wait_for_sound()
        except (sounddevice.PortAudioError, ValueError) as error:
            self.close()
            rates = " and ".join(dict.fromkeys(f"{about['default_samplerate']:.0f}" for about in found.values()))
            raise LiveError(
                f"{names} does not play at {desk.sample_rate} Hz, the rate of the model ({error}). By itself it runs at "
                f"{rates} Hz: set it to {desk.sample_rate} Hz in the system's sound settings. Another program may be using it"
            ) from error
        except BaseException:
            self.close()
            raise

    @property
    def latency_seconds(self) -> float:
        latency = self._stream.latency
        return float(sum(latency)) if isinstance(latency, tuple) else float(latency)

    @property
    def load(self) -> float:
        return float(self._stream.cpu_load)

    def _gone(self) -> str:
        with suppress(self._sounddevice.PortAudioError):  # the library itself has ended, as this program does
            if self._stream is None or self._stream.closed or self._stream.active:
                return ""
        return "the audio device has stopped; is it still connected?"

    def _stop(self) -> None:
        if self._stream is not None:
            self._stream.close(ignore_errors=True)

    def _abandon(self) -> None:
        atexit.unregister(self._sounddevice._exit_handler)  # PortAudio aborts where a JACK server behind it has gone
