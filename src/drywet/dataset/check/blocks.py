"""Long signals a part at a time, so that hours of sound need little memory."""

from collections.abc import Iterator

import numpy as np

from drywet.dataset.alignment import Sliceable

BLOCK = 1 << 20  # samples, 4 MB


def blocks(signal: Sliceable, overlap: int = 0, block: int = BLOCK) -> Iterator[tuple[int, slice, np.ndarray]]:
    """Cut ``signal`` into parts that see ``overlap`` samples of their neighbours.

    Yields
    ------
    first : int
        Index in the signal of the part's first sample.
    own : slice
        The samples of the part that belong to no other part.
    samples : float32 array
    """
    for start in range(0, len(signal), block):
        stop = min(start + block, len(signal))
        first, last = max(0, start - overlap), min(len(signal), stop + overlap)
        yield first, slice(start - first, stop - first), signal[first:last]
