"""How fast an Effect plays on this machine, block by block: is it quick on average, and is it never late?"""

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from drywet.effect import Effect

BLOCK_SIZES = (16, 32, 64, 128, 256, 512, 1024)
_LOAD = 0.5  # of a block's own time that the slowest blocks may take: the rest is for the player and the system

_CHORD_SECONDS = 1.0
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
    """Play a chord through ``effect`` for ``seconds`` of computing time at each block size, its knobs at their defaults."""
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
    _player(effect, block_size)(np.zeros(block_size, np.float32))
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
    blocks = _chord(effect.sample_rate, block_size)
    play = _player(effect, block_size)
    for block in itertools.islice(blocks, 20):  # caches, and the processor's clock
        play(block)
    taken: list[int] = []
    end = time.perf_counter_ns() + int(1e9 * seconds)
    while len(taken) < 100 or time.perf_counter_ns() < end:
        block = next(blocks)
        start = time.perf_counter_ns()
        play(block)
        taken.append(time.perf_counter_ns() - start)
    median, late = np.percentile(taken, [50, 99])
    return Timing(block_size, effect.sample_rate, len(taken), float(median) / block_size, float(late) / 1000)


def _chord(sample_rate: int, block_size: int) -> Iterator[np.ndarray]:
    """Blocks of a loud fifth with octave, for ever: networks do not mind what they play, circuits take noise far harder."""
    count = max(1, round(_CHORD_SECONDS * sample_rate / block_size))
    t = np.arange(count * block_size) / sample_rate
    dry = 0.15 * np.sin(2 * np.pi * np.outer((110.0, 164.8, 220.5), t)).sum(axis=0)
    return itertools.cycle(dry.astype(np.float32).reshape(count, block_size))


def _player(effect: Any, block_size: int) -> Callable[[np.ndarray], Any]:
    """What plays one block: as a live loop does it where ``effect`` can."""
    effect.reset()
    if hasattr(effect, "process_into"):
        effect.turn(effect.controls)
        wet = np.empty(block_size, np.float32)
        return lambda dry: effect.process_into(dry, wet)
    return lambda dry: effect.process(dry, effect.controls)
