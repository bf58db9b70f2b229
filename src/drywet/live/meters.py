"""The meter bridge keeps what the desk's meters say: of late, since the marks were cleared, and in all."""

import math
from collections import deque
from dataclasses import dataclass

from drywet.live.desk import Meters

LOOK_SECONDS = 0.1  # between two readings
HOLD_SECONDS = 1.5  # that a peak is held
_SIDES = 2  # input and output


@dataclass(frozen=True)
class Meter:
    """One level meter.

    Attributes
    ----------
    peak_dbfs : float
        Since the last reading.
    held_dbfs : float
        Highest of the last :data:`HOLD_SECONDS`.
    clipped : int
        Samples at or above full scale since the marks were cleared.
    """

    peak_dbfs: float
    held_dbfs: float
    clipped: int


class MeterBridge:
    """Readings, one after another.

    Attributes
    ----------
    worst_load : float
        Of a block since the marks were cleared, as a share of its time.
    highest_dbfs, all_clipped : list
        Of input and output, in all.
    highest_load : float
        Of a block, in all.
    unwell : int
        Blocks in which a model gave NaN or infinity, in all.
    """

    def __init__(self) -> None:
        self._held: list[deque[tuple[float, float]]] = [deque() for _ in range(_SIDES)]  # (s, dBFS)
        self._recent: deque[tuple[int, float]] = deque(maxlen=round(1 / LOOK_SECONDS))  # (blocks, mean load)
        self._blocks, self._load_sum = 0, 0.0
        self._clipped = [0] * _SIDES
        self.worst_load = 0.0
        self.highest_dbfs = [-math.inf] * _SIDES
        self.all_clipped = [0] * _SIDES
        self.highest_load = 0.0
        self.unwell = 0

    def add(self, reading: Meters, now: float) -> None:
        """Take a reading made at ``now`` seconds of any clock that does not go back."""
        peaks = (reading.input_peak_dbfs, reading.output_peak_dbfs)
        for side, (peak, clipped) in enumerate(
            zip(peaks, (reading.input_clipped, reading.output_clipped), strict=True)
        ):
            held = self._held[side]
            held.append((now, peak))
            while held[0][0] < now - HOLD_SECONDS:
                held.popleft()
            self.highest_dbfs[side] = max(self.highest_dbfs[side], peak)
            self._clipped[side] += clipped
            self.all_clipped[side] += clipped
        self._recent.append((reading.blocks, reading.load))
        self._blocks += reading.blocks
        self._load_sum += reading.blocks * reading.load
        self.worst_load = max(self.worst_load, reading.worst_load)
        self.highest_load = max(self.highest_load, reading.worst_load)
        self.unwell += reading.unwell

    def clear(self) -> None:
        """Take the marks away; what counts in all stays."""
        self._clipped = [0] * _SIDES
        self.worst_load = 0.0

    @property
    def input(self) -> Meter:
        return self._meter(0)

    @property
    def output(self) -> Meter:
        return self._meter(1)

    def _meter(self, side: int) -> Meter:
        held = self._held[side]
        if not held:
            return Meter(-math.inf, -math.inf, 0)
        return Meter(held[-1][1], max(peak for _, peak in held), self._clipped[side])

    @property
    def recent_load(self) -> float:
        """Mean share of a block's time in the last second."""
        blocks = sum(count for count, _ in self._recent)
        return sum(count * load for count, load in self._recent) / blocks if blocks else 0.0

    @property
    def load(self) -> float:
        """Mean share of a block's time in all."""
        return self._load_sum / self._blocks if self._blocks else 0.0
