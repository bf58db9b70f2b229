"""Several cores for one model: a batch is cut into parts, and each core takes parts.

The cut depends on the batch alone, and results come back in order, so a sum over parts has the same bits however many
cores there are.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import TypeVar

PART = 16  # signals that one core works on at a time: a vector of float32, and whole register tiles

_threads = 1

R = TypeVar("R")


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Inside, one model uses ``count`` threads.

    torch has threads of its own. They stay off: they are woken for every little operation, which takes them longer than
    a small model takes for all of its arithmetic.
    """
    global _threads
    before, _threads = _threads, count
    try:
        yield
    finally:
        _threads = before


def over_parts(work: Callable[[slice], R], batch: int, part: int = PART) -> list[R]:
    """``work(slice)`` for each part of ``batch`` signals, on as many threads as :func:`threads` allows.

    ``work`` should spend its time in code that releases the GIL.
    """
    parts = [slice(start, min(start + part, batch)) for start in range(0, batch, part)]
    count = min(_threads, len(parts))
    if count == 1:
        return [work(part) for part in parts]
    others = [_pool(count - 1).submit(lambda mine: [work(p) for p in mine], parts[n::count]) for n in range(1, count)]
    done = [[work(part) for part in parts[::count]], *(other.result() for other in others)]
    return [done[number % count][number // count] for number in range(len(parts))]


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="drywet")
