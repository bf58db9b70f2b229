"""Several cores for one model: a batch is cut into parts, and each core takes parts.

The cut depends on the batch alone, and results come back in order, so a sum over parts has the same bits however many
cores there are.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

import torch

PART = 16  # signals that one core works on at a time: a vector of float32, and whole register tiles

R = TypeVar("R")


def over_parts(work: Callable[[slice], R], batch: int, part: int = PART) -> list[R]:
    """``work(slice)`` for each part of ``batch`` signals, on ``torch.get_num_threads()`` threads.

    ``work`` should spend its time in code that releases the GIL.
    """
    parts = [slice(start, min(start + part, batch)) for start in range(0, batch, part)]
    threads = min(torch.get_num_threads(), len(parts))
    if threads == 1:
        return [work(part) for part in parts]
    others = [
        _pool(threads - 1).submit(lambda mine: [work(p) for p in mine], parts[n::threads]) for n in range(1, threads)
    ]
    done = [[work(part) for part in parts[::threads]], *(other.result() for other in others)]
    return [done[number % threads][number // threads] for number in range(len(parts))]


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="drywet")
