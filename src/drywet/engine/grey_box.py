"""drywet's grey box: second-order filters and stages with clipping diodes, see ``models/grey_box.py``."""

import math
from dataclasses import dataclass

import numpy as np

from drywet.engine.activations import sigmoid
from drywet.engine.contract import Array
from drywet.engine.film import Film, Filmed
from drywet.errors import ModelFileError

FILTER_VALUES, STAGE_VALUES = 5, 7
_LARGEST = 60.0  # of a logarithm or logit: training comes nowhere near, and e to it is still a number
_STEEPEST = 700.0  # what e is raised to at most


@dataclass(eq=False)
class GreyBox(Filmed):
    """Filters and clipping stages in a row; stage n holds filter ``first_stage`` + n before its diodes.

    Attributes
    ----------
    filters : array, shape (F, 5)
        Log climb, log damping, and low, band and high output (``circuit_blocks.filter_numbers``).
    stages : array, shape (N, 7)
        Log gain, log inertia, logits of both saturation currents, log ratio, shares of clipped and clean.
    first_stage : int
    dry_gain, wet_gain : float
    film : Film or None
        A scale and a shift for every value above.
    """

    kind = "grey-box"
    receptive_field = None

    filters: Array
    stages: Array
    first_stage: int
    dry_gain: float = 1.0
    wet_gain: float = 1.0
    film: Film | None = None

    def __post_init__(self) -> None:
        if self.filters.ndim != 2 or self.stages.ndim != 2 or self.filters.shape[1] != FILTER_VALUES:
            raise ModelFileError(f"filters of shape {self.filters.shape} have not {FILTER_VALUES} values each")
        if self.stages.shape[1] != STAGE_VALUES or not 0 <= self.first_stage <= len(self.filters) - len(self.stages):
            raise ModelFileError(
                f"{len(self.stages)} stages of {self.stages.shape[1]} values do not fit {len(self.filters)} filters from "
                f"number {self.first_stage} on"
            )
        if len(self.filters) > 64:
            raise ModelFileError(f"{len(self.filters)} filters are more than the 64 that are read")
        if self.film is not None and self.film.channels != self.filters.size + self.stages.size:
            raise ModelFileError(
                f"the knobs move {self.film.channels} values of {self.filters.size + self.stages.size}"
            )
        self.reset()

    def reset(self) -> None:
        self._memory = [[0.0, 0.0] for _ in self.filters]
        self._voltages = [0.0 for _ in self.stages]

    def numbers(self, knobs: Array) -> tuple[Array, Array]:
        """What the recursions need at ``knobs``: filters (F, 6) and stages (N, 7), see ``circuit_blocks.learn_chain``."""
        values = np.concatenate([self.filters.ravel(), self.stages.ravel()]).astype(np.float64)
        if self.film is not None:
            scale, shift = self.film(knobs)
            values = scale * values + shift
        filters = values[: self.filters.size].reshape(self.filters.shape).T
        stages = values[self.filters.size :].reshape(self.stages.shape).T
        filters[:2], stages[:5] = (np.clip(part, -_LARGEST, _LARGEST) for part in (filters[:2], stages[:5]))
        climb, damping = np.exp(filters[0]), np.exp(filters[1])
        low, band, high = filters[2:]
        keep = 1 / (1 + climb * (climb + damping))
        filter_rows = np.stack([keep, keep * climb, climb, high, damping * (band - high), low - high], axis=1)
        gain, inertia, ratio = np.exp(stages[0]), np.exp(stages[1]), np.exp(stages[4])
        return filter_rows, np.stack(
            [gain, inertia, sigmoid(stages[2]), sigmoid(stages[3]), ratio, stages[5], stages[6]], axis=1
        )

    def process(self, dry: Array, knobs: Array) -> Array:
        filters, stages = (rows.tolist() for rows in self.numbers(knobs))
        wet = (self.dry_gain * np.asarray(dry, np.float64)).tolist()
        for t, x in enumerate(wet):
            for i, (keep, feed, climb, direct, of_band, of_low) in enumerate(filters):
                first, second = self._memory[i]
                band = keep * first + feed * (x - second)
                low = second + climb * band
                self._memory[i] = [band + band - first, low + low - second]
                y = direct * x + of_band * band + of_low * low
                n = i - self.first_stage
                if 0 <= n < len(stages):
                    gain, inertia, forward, reverse, ratio, clipped, clean = stages[n]
                    target = gain * y + inertia * self._voltages[n]
                    self._voltages[n] = v = _voltage(target, 1 + inertia, forward, reverse, ratio)
                    y = clipped * v + clean * x
                x = y
            wet[t] = x
        return self.wet_gain * np.asarray(wet, np.float64)

    def cost(self) -> int:
        return 6 * len(self.filters) + (5 + 3 * 9) * len(self.stages)

    def describe(self) -> str:
        return f"grey box, {len(self.filters)} second-order filters, {len(self.stages)} stages with diodes"


def _voltage(target: float, pull: float, forward: float, reverse: float, ratio: float) -> float:
    """The v with ``pull v + forward (e^v - 1) - reverse (e^(-ratio v) - 1) = target``, to float64, by Newton's method.

    The function increases and bends away from the root on the side where the start lies, so the steps never overshoot.
    """
    conducting, blocking = (forward, reverse) if target >= 0 else (reverse, forward)
    up, down = (1.0, ratio) if target >= 0 else (ratio, 1.0)
    size = abs(target)
    v = min(size / pull, math.log1p(size / conducting) / up)
    for _ in range(50):
        rise, fall = min(up * v, _STEEPEST), min(-down * v, _STEEPEST)
        excess = pull * v + conducting * math.expm1(rise) - blocking * math.expm1(fall) - size
        step = excess / (pull + conducting * up * math.exp(rise) + blocking * down * math.exp(fall))
        v -= step
        if abs(step) <= 1e-14 * (1 + abs(v)):
            break
    return v if target >= 0 else -v
