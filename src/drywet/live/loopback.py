"""The round trip of the very stream that is played through: a signal out, and what a cable brings back."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
from numba import carray, cfunc, types

from drywet.effect import Native
from drywet.interfaces import Levels, Take, Tape, roll
from drywet.kernel_cache import possible
from drywet.live.desk import Desk
from drywet.live.stream import Stream

_POSITION, _LENGTH, _ROLLING = range(3)  # places in the table; the numbers are what is sent, then what was recorded


class Loopback:
    """An :class:`drywet.interfaces.Interface` that opens its stream anew for each take.

    Parameters
    ----------
    start : callable
        Opens the stream that plays a desk.
    sample_rate : int
        Hz.
    """

    description = "live stream"

    def __init__(self, start: Callable[[Desk], Stream], sample_rate: int):
        self.sample_rate = sample_rate
        self._start = start

    def play_and_record(self, played: np.ndarray, watch: Callable[[Levels], None]) -> Take:
        tape = _NativeTape(played, self.sample_rate)
        stream = self._start(Desk({"loopback": tape}, self.sample_rate))
        xruns = stream.xruns
        tape.start()  # not before its ports are connected: a server that freewheels would be through by then
        try:
            take = roll(tape, watch, stream.trouble)
        finally:
            stream.close()
        lost = stream.xruns - xruns
        return Take(take.recorded, take.xruns + (0.0,) * lost)

    def close(self) -> None:
        """Nothing stays open."""


class _NativeTape(Tape):
    """A tape that compiled code plays, and so a Playable: its wet is the signal, whatever comes in is recorded."""

    latency = 0

    def __init__(self, played: np.ndarray, sample_rate: int):
        super().__init__(played, 1, sample_rate)
        self.controls: dict[str, float] = {}
        self._numbers = np.concatenate([self._sent, self._recorded[0]])
        self._sent, self._recorded = self._numbers[: self.length], self._numbers[None, self.length :]
        self._table = np.array([0, len(self._sent), False], np.int64)

    def start(self) -> None:
        """Roll from the next block on; until then there is silence."""
        self._table[_ROLLING] = True

    @property
    def position(self) -> int:  # type: ignore[override]
        return int(self._table[_POSITION])

    @position.setter
    def position(self, samples: int) -> None:
        """Compiled code counts."""

    def reset(self) -> None: ...

    def turn(self, controls: Mapping[str, float]) -> None: ...

    def native(self) -> Native:
        return Native(_exchange().address, self._numbers, self._table)


@cache
def _exchange() -> Any:
    """What the audio thread calls; see :class:`drywet.effect.Native`."""
    floats, wholes = types.CPointer(types.float32), types.CPointer(types.int64)
    return cfunc(types.void(floats, floats, types.int64, floats, types.int64, wholes, types.int64), cache=possible())(
        _exchange_block
    )


def _exchange_block(dry, wet, frames, numbers, numbers_length, table, table_length):
    places = carray(table, table_length)
    memory = carray(numbers, numbers_length)
    into, out = carray(dry, frames), carray(wet, frames)
    start, length = places[_POSITION], places[_LENGTH]
    count = min(frames, length - start) if places[_ROLLING] else 0
    for t in range(count):
        memory[length + start + t] = into[t]
        out[t] = memory[start + t]
    for t in range(count, frames):
        out[t] = 0
    places[_POSITION] = start + count
