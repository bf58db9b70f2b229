"""What every network of the engine offers: arrays of weights, and dry to wet block by block, without torch.

The forward passes here are the plain ones, in float64 with weights of float32: short, and right to 1e-6 of the players' own
engines (tests/engine/test_golden.py).
"""

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from drywet.errors import ModelFileError

LARGEST_FIELD = 1 << 18  # samples, five seconds: no network may look further back
LARGEST_WEIGHTS = 1 << 22  # numbers of one network, 16 MB in float32
LARGEST_PAST = 1 << 22  # numbers of the past that one network may keep

Array = np.ndarray


class Network(ABC):
    """Dry and knobs to wet. State is carried from call to call; any cutting into blocks gives the same result."""

    kind: ClassVar[str]

    @property
    @abstractmethod
    def knobs(self) -> int:
        """How many there are."""

    @property
    @abstractmethod
    def receptive_field(self) -> int | None:
        """Dry samples that can reach one predicted sample; None when the state reaches back without limit."""

    @abstractmethod
    def reset(self) -> None:
        """The state that the file gives: zeros, or the initial state written in it."""

    @abstractmethod
    def process(self, dry: Array, knobs: Array) -> Array:
        """The next wet block (T,), float64, for a dry block (T,) and knobs (C,) that stand still."""

    @abstractmethod
    def cost(self) -> int:
        """Multiplications by a weight per sample."""

    @abstractmethod
    def describe(self) -> str:
        """In a few words: ``LSTM, 16 units``."""

    def settle(self, samples: int, knobs: Array) -> None:
        """Play ``samples`` zeros and drop what comes out."""
        for start in range(0, samples, 4096):
            self.process(np.zeros(min(4096, samples - start)), knobs)


def weights(value: object, shape: tuple[int, ...], name: str) -> Array:
    """``value`` as finite float32 of this shape, read-only.

    Raises
    ------
    ModelFileError
        If the shape is another or a number is not finite, naming the numbers that disagree.
    """
    try:
        with np.errstate(over="ignore"):
            array = np.array(value, dtype=np.float32)
    except (TypeError, ValueError, OverflowError):
        raise ModelFileError(f"{name} holds something that is no number, or its rows differ in length") from None
    if array.shape != shape:
        raise ModelFileError(f"{name} has shape {array.shape}, the rest of the file wants {shape}")
    if not np.isfinite(array).all():
        raise ModelFileError(f"{name} holds {int(np.sum(~np.isfinite(array)))} numbers that are not finite float32")
    array.flags.writeable = False
    return array


def folded(array: Array | list[float], gain: Array | float = 1.0) -> Array:
    """``gain`` times weights as float32; ModelFileError where that is too small for them."""
    with np.errstate(over="ignore", invalid="ignore"):
        product = (gain * np.asarray(array, np.float64)).astype(np.float32)
    if not np.isfinite(product).all():
        raise ModelFileError("weights times the gains around them leave float32; a gain in the file is absurd")
    return product


def limit(count: int, largest: int, what: str) -> None:
    """ModelFileError when ``count`` is above what is read, before memory is taken for it."""
    if count > largest:
        raise ModelFileError(f"{what} are {count}, at most {largest} are read")
