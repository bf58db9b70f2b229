"""Context windows of dry with one wet target each, exactly as the published SD-1 study cut them."""

import numpy as np

from drywet.errors import SignalError


def window_starts(length: int, context: int, hop: int) -> range:
    """First sample of each window in a recording of ``length`` samples.

    As in the study the last possible window is dropped (its loop stops one short), so that its window counts and rows
    per epoch are met.
    """
    if context < 1 or hop < 1:
        raise SignalError(f"context and hop are at least 1 sample, not {context} and {hop}")
    if length <= context:
        raise SignalError(f"a recording of {length} samples holds no window of {context}")
    return range(0, length - context, hop)


def windows(dry: np.ndarray, context: int, hop: int | None = None) -> np.ndarray:
    """Windows of ``context`` consecutive dry samples, shape (N, context): a strided view, nothing is copied.

    ``hop`` is the distance between windows in samples; by default ``context``, so that they do not overlap.
    """
    starts = window_starts(len(dry), context, hop or context)
    return np.lib.stride_tricks.sliding_window_view(dry, context)[: starts.stop : starts.step]


def targets(wet: np.ndarray, context: int, hop: int | None = None) -> np.ndarray:
    """The wet sample simultaneous with the last dry sample of each window, shape (N,), a view."""
    starts = window_starts(len(wet), context, hop or context)
    return wet[context - 1 : starts.stop + context - 1 : starts.step]
