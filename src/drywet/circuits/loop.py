"""Dry blocks to wet blocks of a reduced circuit, compiled: up to the higher rate, solve, and down. Nothing is allocated."""

from drywet.circuits.oversampling import CHUNK, beside, lower, raised
from drywet.circuits.solver import step
from drywet.kernel_cache import kernel

SIGNATURE = (
    "void(float32[::1], float32[::1], int64[::1], float64[::1], float64[::1], int64[::1], float64[::1], float64[::1], "
    "float64[::1], int64[::1])"
)


@kernel()
def play(dry, wet, sizes, filters, lines, whole, numbers, state, work, counters):
    """Fill ``wet`` from ``dry``, both float32 (T,).

    ``sizes``, ``filters`` and ``lines`` are of an :class:`~drywet.circuits.oversampling.Oversampler`, the others as for
    :func:`drywet.circuits.solver.step`.
    """
    for begin in range(0, len(dry), CHUNK):
        count = min(CHUNK, len(dry) - begin)
        fast = raised(dry, begin, count, sizes, filters, lines)
        played = beside(sizes, filters, lines)[: len(fast)]
        step(fast, played, whole, numbers, state, work, counters)
        lower(wet, begin, count, sizes, filters, lines)
