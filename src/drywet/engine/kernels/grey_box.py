"""drywet's grey box, compiled: one sample after the other through filters and diodes, in float64."""

import math

import numpy as np
from numba import njit

from drywet.engine.contract import Array
from drywet.engine.grey_box import GreyBox
from drywet.engine.kernels.contract import COMPILED, Compiled
from drywet.engine.kernels.denormals import flush_denormals, restore


@njit
def _voltage(target, pull, forward, reverse, ratio):
    """The v with ``pull v + forward (e^v - 1) - reverse (e^(-ratio v) - 1) = target``: as the reference finds it."""
    size = abs(target)
    conducting, blocking, up, down = forward, reverse, 1.0, ratio
    if target < 0:
        conducting, blocking, up, down = reverse, forward, ratio, 1.0
    v = min(size / pull, math.log1p(size / conducting) / up, 700.0 / up)
    for _ in range(50):
        ahead, back = conducting * math.expm1(up * v), blocking * math.expm1(-down * v)
        step = (pull * v + ahead - back - size) / (pull + up * (ahead + conducting) + down * (back + blocking))
        v -= step
        if not abs(step) > 1e-8 * (1 + abs(v)):  # squared by the next step: beyond what float32 shows
            break
    return v if target >= 0 else -v


@njit(**COMPILED)
def play(dry, wet, numbers, table):
    """Fill ``wet``. ``table``: filters, stages, first stage; ``numbers``: gains of dry and wet, (F, 6), (N, 7), states."""
    mode = flush_denormals()
    filters, stages, first_stage = table[0], table[1], table[2]
    clippers, states = 2 + 6 * filters, 2 + 6 * filters + 7 * stages
    for t in range(len(dry)):
        x = numbers[0] * dry[t]
        for i in range(filters):
            p, s, n = 2 + 6 * i, states + 2 * i, i - first_stage
            band = numbers[p] * numbers[s] + numbers[p + 1] * (x - numbers[s + 1])
            low = numbers[s + 1] + numbers[p + 2] * band
            numbers[s], numbers[s + 1] = band + band - numbers[s], low + low - numbers[s + 1]
            y = numbers[p + 3] * x + numbers[p + 4] * band + numbers[p + 5] * low
            if 0 <= n < stages:
                c, v = clippers + 7 * n, states + 2 * filters + n
                inertia = numbers[c + 1]
                target = numbers[c] * y + inertia * numbers[v]
                numbers[v] = _voltage(target, 1 + inertia, numbers[c + 2], numbers[c + 3], numbers[c + 4])
                y = numbers[c + 5] * numbers[v] + numbers[c + 6] * x
            x = y
        wet[t] = numbers[1] * x
    restore(mode)


class CompiledGreyBox(Compiled[GreyBox]):
    """A grey box, compiled."""

    kernel = staticmethod(play)
    signature = "void(float32[::1], float32[::1], float64[::1], int64[::1])"

    def __init__(self, reference: GreyBox):
        filters, stages = len(reference.filters), len(reference.stages)
        numbers = np.zeros(2 + 8 * filters + 8 * stages)
        numbers[:2] = reference.dry_gain, reference.wet_gain
        super().__init__(reference, numbers, np.array([filters, stages, reference.first_stage], np.int64))
        if not reference.knobs:
            self._turn(np.zeros(0))
            self._at_rest = self.numbers.copy(), self.table.copy()

    def _turn(self, knobs: Array) -> None:
        filters, stages = self.reference.numbers(knobs)
        self.numbers[2 : 2 + filters.size] = filters.ravel()
        self.numbers[2 + filters.size : 2 + filters.size + stages.size] = stages.ravel()
