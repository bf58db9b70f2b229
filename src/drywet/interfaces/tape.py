"""The part that runs in the audio thread: copies between the interface and memory that was taken beforehand."""

import time
from collections.abc import Callable, Sequence

import numpy as np

from drywet import audio
from drywet.errors import CaptureError
from drywet.interfaces.port import Levels, Take

FULL_SCALE = 1 - 2**-15  # the highest code of a 16-bit converter; a 24-bit one that clips lies above it
LEAD_SECONDS = 0.3  # of silence before the signal: streams tend to stumble when they start
TAIL_SECONDS = 1.0  # recorded after the signal: the longest round trip that is kept whole
STALL_SECONDS = 10.0  # without a block; a driver whose device was unplugged often just stops calling
POLL_SECONDS = 0.05
MAX_XRUNS = 1000  # remembered of a take; it is lost after the first


class Tape:
    """A signal to play and room to record. :meth:`exchange` is the only method for the audio thread."""

    def __init__(self, played: np.ndarray, channels: int, sample_rate: int):
        self.sample_rate = sample_rate
        self.lead = round(LEAD_SECONDS * sample_rate)
        length = self.lead + len(played) + round(TAIL_SECONDS * sample_rate)
        self._sent = np.zeros(length, np.float32)
        self._sent[self.lead : self.lead + len(played)] = played
        self._recorded = np.zeros((channels, length), np.float32)
        self._xruns = np.zeros(MAX_XRUNS, np.int64)
        self._xrun_count = 0
        self.position = 0  # samples exchanged; written by the audio thread alone
        self._clipped = np.zeros(channels, np.int64)

    @property
    def length(self) -> int:
        """Samples from the first of the lead to the last of the tail."""
        return len(self._sent)

    def exchange(self, arrived: Sequence[np.ndarray], outgoing: np.ndarray) -> None:
        """Take one block of each recorded channel, shape (n,), and fill the block to be played, shape (n,)."""
        start = self.position
        count = min(len(outgoing), self.length - start)
        for row, block in zip(self._recorded, arrived, strict=True):
            row[start : start + count] = block[:count]
        outgoing[:count] = self._sent[start : start + count]
        outgoing[count:] = 0.0
        self.position = start + count

    def note_xrun(self) -> None:
        """A block was lost or late. What happens during the lead is no part of the take."""
        if self.lead <= self.position < self.length and self._xrun_count < MAX_XRUNS:
            self._xruns[self._xrun_count] = self.position - self.lead
            self._xrun_count += 1

    def levels(self, start: int, stop: int) -> Levels:
        """Levels of the samples from ``start`` to ``stop``; each sample is to be asked for once."""
        part = np.abs(self._recorded[:, start:stop])
        self._clipped += (part >= FULL_SCALE).sum(axis=1)
        peaks = tuple(audio.amplitude_to_db(float(peak)) for peak in part.max(axis=1))
        return Levels(stop / self.length, peaks, tuple(self._clipped.tolist()), self._xrun_count)

    def take(self) -> Take:
        """What was recorded from the signal's first sample on."""
        xruns = tuple(round(at / self.sample_rate, 3) for at in self._xruns[: self._xrun_count].tolist())
        return Take(self._recorded[:, self.lead :], xruns)


def roll(tape: Tape, watch: Callable[[Levels], None], trouble: Callable[[], str]) -> Take:
    """Wait until ``tape`` is full, telling ``watch`` the levels; ``trouble()`` says why it cannot go on, or ''.

    Raises
    ------
    CaptureError
        If there is trouble, or no block comes for ten seconds.
    """
    reported, heard = 0, time.monotonic()
    while reported < tape.length:
        time.sleep(POLL_SECONDS)
        position, now = tape.position, time.monotonic()
        seconds = max(0, position - tape.lead) / tape.sample_rate
        if position < tape.length and (reason := trouble()):
            raise CaptureError(f"{reason} {seconds:.1f} s into the take, which is dropped. {_GO_ON}")
        if position > reported:
            watch(tape.levels(reported, position))
            reported, heard = position, now
        elif now - heard > STALL_SECONDS:
            raise CaptureError(
                f"the interface has delivered nothing for {STALL_SECONDS:.0f} s, {seconds:.1f} s into the take, which is "
                f"dropped. {_GO_ON}"
            )
    return tape.take()


_GO_ON = "Takes that were finished are kept: connect it again and run the same command to go on"
