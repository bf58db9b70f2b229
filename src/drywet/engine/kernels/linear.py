"""Filters, and a curve between filters, as steps of ``steps.py``."""

import numpy as np

from drywet.engine.contract import Array
from drywet.engine.kernels.steps import CompiledSteps, Rows, Steps
from drywet.engine.linear import Linear, WienerHammerstein, gains


class CompiledFilter(CompiledSteps[Linear | WienerHammerstein]):
    """A filter, or two with a curve between, compiled. Knobs turn a gain before and one after."""

    def __init__(self, reference: Linear | WienerHammerstein):
        if isinstance(reference, Linear):
            steps = Steps(len(reference.taps))
            self._before, result = _filtered_dry(steps, reference.taps, reference.bias)
        else:
            steps = Steps(max(len(reference.before), len(reference.after)))
            self._before, result = _filtered_dry(steps, reference.before, 0.0)
            # The curve need not meet zero: what an input that has always been silent leaves in the second filter.
            rest = float(reference.curve(np.zeros(1))[0])
            past = len(reference.after) - 1
            bent = steps.moving(1, past, rest) if past else steps.still("bent", 1)
            steps.pieces(reference.knots, reference.values, result, bent)
            steps.linear(_delayed(reference.after, bent), np.zeros(1), result)
        self._after = steps.output(result)
        super().__init__(reference, steps)

    def _turn(self, knobs: Array) -> None:
        self.numbers[self._before], self.numbers[self._after] = gains(self.reference.film, knobs)


def _filtered_dry(steps: Steps, taps: Array, bias: float) -> tuple[int, Rows]:
    """The place of the gain before the filter, and its output."""
    dry, result = steps.inlet("dry", 1, len(taps) - 1), steps.still("filtered", 1)
    gain = steps.input(dry)
    steps.linear(_delayed(taps, dry), np.array([bias]), result)
    return gain, result


def _delayed(taps: Array, rows: Rows) -> list[tuple[Rows, int, Array]]:
    return [(rows, delay, taps[delay].reshape(1, 1)) for delay in range(len(taps))]
