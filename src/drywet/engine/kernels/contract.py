"""What every compiled network shares: one flat array of numbers, one table of places in it, one kernel over both."""

from collections.abc import Callable
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np

from drywet.effect import Native
from drywet.engine.contract import Array, Network
from drywet.errors import SignalError
from drywet.kernel_cache import possible, prepare
from drywet.vectors import CACHE_LINE, aligned

CHUNK = 64  # samples that a kernel takes at once, so that what lies between its steps stays in the nearest cache
# Nothing is reordered: the same sample gets the same bits wherever a block begins.
COMPILED: dict[str, Any] = {"cache": possible(), "nogil": True, "error_model": "numpy", "fastmath": {"contract", "nsz"}}

Reference = TypeVar("Reference", bound=Network)


class Compiled(Network, Generic[Reference]):
    """A network whose ``kernel(dry, wet, numbers, table)`` is compiled. After it is made, playing takes no memory.

    Attributes
    ----------
    reference : Network
        What was compiled, as the file gives it.
    numbers : array of float32
        Weights, state and working memory, one behind the other.
    table : array of int64
        Sizes, and where in ``numbers`` everything stands.
    """

    kernel: Any
    signature: ClassVar[str] = "void(float32[::1], float32[::1], float32[::1], int64[::1])"

    def __init__(self, reference: Reference, numbers: Array, table: Array):
        self.reference = reference
        self._native_table = np.concatenate([np.zeros(1, np.int64), table])  # the address of the kernel comes first
        self.numbers, self.table = numbers, self._native_table[1:]
        self._at_rest = numbers.copy(), table.copy()
        self._turned = np.full(self.knobs, np.nan)

    def prepare(self, report: Callable[[str], None]) -> None:
        """Bring the kernel from the cache of an earlier process; compile it where there is none, and say so before."""
        prepare(self.kernel, self.signature, f"{self.kind} kernel", report)

    @property
    def knobs(self) -> int:
        return self.reference.knobs

    @property
    def receptive_field(self) -> int | None:
        return self.reference.receptive_field

    @property
    def kind(self) -> str:  # type: ignore[override]
        return self.reference.kind

    def reset(self) -> None:
        self.numbers[:], self.table[:] = self._at_rest
        self._turned[:] = np.nan

    def turn(self, knobs: Array) -> None:
        """Set the knobs (C,)."""
        if self.knobs and not np.array_equal(self._turned, knobs):
            self._turned[:] = knobs
            self._turn(self._turned)

    def _turn(self, knobs: Array) -> None:
        """Write what depends on ``knobs`` into ``numbers``."""

    def process_into(self, dry: Array, wet: Array) -> None:
        """Fill ``wet`` from ``dry``, both float32 (T,) and contiguous, at the knobs of :meth:`turn`."""
        self.kernel(dry, wet, self.numbers, self.table)

    def native(self) -> Native:
        """The same kernel over the same arrays, to be called without Python."""
        from drywet.engine.kernels.native import kernel_address, play_address

        self._native_table[0] = kernel_address(self.kernel)
        return Native(play_address(), self.numbers.view(np.float32), self._native_table)

    def process(self, dry: Array, knobs: Array) -> Array:
        if np.ndim(dry) != 1:
            raise SignalError(f"dry must be a block of shape (T,); this one has shape {np.shape(dry)}")
        self.turn(knobs)
        wet = np.empty(len(dry), np.float32)
        self.process_into(np.array(dry, np.float32), wet)
        return wet

    def cost(self) -> int:
        return self.reference.cost()

    def describe(self) -> str:
        return self.reference.describe()


class Places:
    """Lays arrays into one, each on a cache line."""

    LINE = CACHE_LINE // 4  # float32 numbers

    def __init__(self) -> None:
        self._parts: list[Array] = []
        self.size = 0

    def add(self, part: Array) -> int:
        """Where ``part`` stands."""
        start = self.size
        flat = np.ravel(part).astype(np.float32)
        filled = -(-len(flat) // self.LINE) * self.LINE
        self._parts.append(np.concatenate([flat, np.zeros(filled - len(flat), np.float32)]))
        self.size += filled
        return start

    def zeros(self, count: int) -> int:
        return self.add(np.zeros(count))

    def numbers(self) -> Array:
        """All of them, beginning on a cache line."""
        return aligned(np.concatenate(self._parts) if self._parts else np.zeros(0, np.float32))
