"""An audio interface without hardware: a function stands where the device does, and faults come when they are planted."""

import numpy as np

from drywet.errors import CaptureError
from drywet.interfaces import FULL_SCALE, Levels, Take

TAIL = 8820  # samples recorded after the signal


def clipper(dry, drive=8.0):
    """A device without memory, so that its latency is 0 by any definition; it bends one half-wave more."""
    return (0.3 * (np.tanh(drive * dry.astype(np.float64) + 0.2) - np.tanh(0.2))).astype(np.float32)


class FakeInterface:
    """Plays through ``device(signal) -> wet`` and gives it back ``round_trip`` samples late.

    Attributes
    ----------
    faults : list
        One for each take, in order: None, "xrun", "clip", "silence", "gone", or samples by which the take slips.
    played : list of array
        What each take was asked to play.
    """

    def __init__(self, device, sample_rate, round_trip=1000, faults=(), dry_return=False, bits=24):
        self.device, self.sample_rate, self.round_trip = device, sample_rate, round_trip
        self.faults, self.dry_return, self.bits = list(faults), dry_return, bits
        self.description = "fake, out 1, in 1" + (" and 2" if dry_return else "")
        self.played = []
        self.closed = False

    def play_and_record(self, played, watch):
        self.played.append(played)
        fault = self.faults.pop(0) if self.faults else None
        if fault == "gone":
            raise CaptureError("the fake interface has gone")
        slip = fault if isinstance(fault, int) else 0
        wet = self.late(self.device(played), self.round_trip + slip)
        if fault == "silence":
            wet[:] = 0
        if fault == "clip":
            wet[5000:5007] = FULL_SCALE
        rows = [wet, self.late(played, self.round_trip + slip)] if self.dry_return else [wet]
        recorded = np.stack(rows)
        watch(Levels(1.0, tuple(-6.0 for _ in rows), tuple(0 for _ in rows), 0))
        return Take(recorded, (0.5,) if fault == "xrun" else ())

    def close(self):
        self.closed = True

    def late(self, signal, samples):
        """``signal`` after ``samples`` zeros, and the tail; in steps of the converter."""
        whole = np.zeros(len(signal) + TAIL, np.float32)
        whole[samples : samples + len(signal)] = signal
        step = 2.0 ** (1 - self.bits)
        return (np.round(whole / step) * step).astype(np.float32)


class Person:
    """An operator who does what is asked, and remembers it. ``turn(text)`` is called for each request."""

    def __init__(self, turn=lambda text: None):
        self.asked, self.told, self.watched = [], [], []
        self.turn = turn

    def ask(self, what_to_do):
        self.asked.append(what_to_do)
        self.turn(what_to_do)

    def tell(self, news):
        self.told.append(news)

    def watch(self, levels):
        self.watched.append(levels)
