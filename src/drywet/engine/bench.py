"""How fast an Effect plays on this machine, block by block: is it quick on average, and is it never late?"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from drywet.effect import Effect

BLOCK_SIZES = (16, 32, 64, 128, 256, 512, 1024)
_LOAD = 0.5  # of a block's own time that the slowest blocks may take: the rest is for the player and the system

_INTERRUPTED = 10.0  # times the median, and as many microseconds


@dataclass(frozen=True)
class Timing:
    """What blocks of one size took.

    Attributes
    ----------
    block_size : int
    sample_rate : int
        Hz.
    blocks : int
        How many were played.
    ns_per_sample : float
        Median over blocks.
    p99_us : float
        99th percentile of a block's time, in microseconds.
    """

    block_size: int
    sample_rate: int
    blocks: int
    ns_per_sample: float
    p99_us: float

    @property
    def times_real_time(self) -> float:
        return 1e9 / (self.ns_per_sample * self.sample_rate)

    @property
    def p99_load(self) -> float:
        """The 99th percentile as a share of the time that a block of sound lasts."""
        return self.p99_us * 1e-6 * self.sample_rate / self.block_size

    @property
    def disturbed(self) -> bool:
        """Whether the slowest blocks took so long that something else must have used the core."""
        return self.p99_us > _INTERRUPTED * self.ns_per_sample * self.block_size * 1e-3 + _INTERRUPTED

    @property
    def can_be_played(self) -> bool:
        return self.p99_load < _LOAD


def bench(effect: Effect, block_sizes: Sequence[int] = BLOCK_SIZES, seconds: float = 0.3) -> list[Timing]:
    """Play noise through ``effect`` for ``seconds`` of computing time at each block size, its knobs at their defaults."""
    return [_time(effect, size, seconds) for size in block_sizes]


def start_numba() -> None:
    """What the first compiled function of a process waits for, whichever it is: numba's import and its tables."""
    from numba.core.registry import cpu_target

    cpu_target.typing_context.refresh()
    cpu_target.target_context.refresh()


def first_block(load: Callable[[], Any], block_size: int = 64) -> tuple[Any, float]:
    """The Effect that ``load`` brings, and the seconds until its first block of silence is out."""
    start = time.perf_counter()
    effect = load()
    _player(effect, np.zeros(block_size, np.float32))()
    return effect, time.perf_counter() - start


def smallest_block(timings: Sequence[Timing]) -> int | None:
    """The smallest block size from which on all larger ones can be played; None if the largest one cannot."""
    found = None
    for timing in sorted(timings, key=lambda timing: -timing.block_size):
        if not timing.can_be_played:
            break
        found = timing.block_size
    return found


def _time(effect: Effect, block_size: int, seconds: float) -> Timing:
    noise = (0.1 * np.random.default_rng(0).standard_normal(block_size)).astype(np.float32)
    play = _player(effect, noise)
    for _ in range(20):  # caches, and the processor's clock
        play()
    taken: list[int] = []
    end = time.perf_counter_ns() + int(1e9 * seconds)
    while len(taken) < 100 or time.perf_counter_ns() < end:
        start = time.perf_counter_ns()
        play()
        taken.append(time.perf_counter_ns() - start)
    median, late = np.percentile(taken, [50, 99])
    return Timing(block_size, effect.sample_rate, len(taken), float(median) / block_size, float(late) / 1000)


def _player(effect: Any, dry: np.ndarray) -> Callable[[], Any]:
    """What plays one block: as a live loop does it where ``effect`` can."""
    effect.reset()
    if hasattr(effect, "process_into"):
        effect.turn(effect.controls)
        wet = np.empty_like(dry)
        return lambda: effect.process_into(dry, wet)
    return lambda: effect.process(dry, effect.controls)
