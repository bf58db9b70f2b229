"""Working memory that is used again: fresh megabytes for every update cost more in page faults than the arithmetic takes."""

import threading

import numpy as np

Arrays = tuple[np.ndarray, ...]
LARGEST_BYTES = (
    1 << 28
)  # 256 MB; an update of the largest published model, 64 windows of 88 samples for 96 units, leaves 13 MB


class Workspaces:
    """Spare workspaces, each a tuple of arrays of one number type, for any number of threads.

    Those given back are kept up to ``largest`` bytes in all; beyond it, those of the shapes that were given
    back least recently are forgotten.
    """

    def __init__(self, largest: int = LARGEST_BYTES):
        self.largest, self.bytes = largest, 0
        self._spare: dict[tuple, list[Arrays]] = {}  # by shapes and type, least recent first
        self._lock = threading.Lock()

    def take(self, shapes: tuple[tuple[int, ...], ...], dtype: np.dtype) -> Arrays:
        """Arrays of these shapes, holding zeros or what their last use left."""
        with self._lock:
            if (shapes, dtype) in self._spare:
                return self._remove((shapes, dtype), -1)
        return tuple(np.zeros(shape, dtype) for shape in shapes)

    def give_back(self, arrays: Arrays) -> None:
        """For the next who takes such shapes; nobody else may hold these arrays any longer."""
        if _bytes(arrays) > self.largest:
            return
        key = tuple(array.shape for array in arrays), arrays[0].dtype
        with self._lock:
            waiting = self._spare.pop(key, [])
            waiting.append(arrays)
            self._spare[key] = waiting  # now the last key
            self.bytes += _bytes(arrays)
            while self.bytes > self.largest:
                self._remove(next(iter(self._spare)), 0)

    def _remove(self, key: tuple, number: int) -> Arrays:
        waiting = self._spare[key]
        arrays = waiting.pop(number)
        self.bytes -= _bytes(arrays)
        if not waiting:
            del self._spare[key]
        return arrays


def _bytes(arrays: Arrays) -> int:
    return sum(array.nbytes for array in arrays)


SPARE = Workspaces()  # of all models of a process, so that the bound holds for them together
