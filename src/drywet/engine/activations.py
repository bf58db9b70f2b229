"""Activation curves by the names of model files; beside the usual ones those that only NAM has."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from drywet.engine.contract import Array
from drywet.errors import ModelFileError


def sigmoid(x: Array) -> Array:
    """1 / (1 + e^-x), without overflow."""
    return 0.5 + 0.5 * np.tanh(0.5 * x)


def _leaky(x: Array, negative_slope: float = 0.01) -> Array:
    return np.where(x > 0, x, negative_slope * x)


def _elu(x: Array) -> Array:
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0.0)))


def _leaky_hardtanh(
    x: Array, min_val: float = -1.0, max_val: float = 1.0, min_slope: float = 0.01, max_slope: float = 0.01
) -> Array:
    below, above = (x - min_val) * min_slope + min_val, (x - max_val) * max_slope + max_val
    return np.where(x < min_val, below, np.where(x > max_val, above, x))


CURVES: dict[str, Callable[..., Array]] = {
    "Identity": lambda x: x,
    "Tanh": np.tanh,
    "Fasttanh": np.tanh,  # the engine's quick approximation of the same curve
    "Hardtanh": lambda x: np.clip(x, -1.0, 1.0),
    "ReLU": lambda x: np.maximum(x, 0.0),
    "LeakyReLU": _leaky,
    "PReLU": _leaky,  # one slope for all channels, or one for each
    "Sigmoid": sigmoid,
    "SiLU": lambda x: x * sigmoid(x),
    "Hardswish": lambda x: x * np.clip(x / 6.0 + 0.5, 0.0, 1.0),
    "LeakyHardtanh": _leaky_hardtanh,
    "Softsign": lambda x: x / (1.0 + np.abs(x)),
    "ELU": _elu,
}
_PARAMETERS = {
    "LeakyReLU": ("negative_slope",),
    "PReLU": ("negative_slope",),
    "LeakyHardtanh": ("min_val", "max_val", "min_slope", "max_slope"),
}


@dataclass(frozen=True)
class Activation:
    """A curve of :data:`CURVES` with its parameters.

    Attributes
    ----------
    name : str
    numbers : tuple of (str, float or tuple of float)
        ``negative_slope`` of a PReLU may be one for each channel.
    """

    name: str = "Identity"
    numbers: tuple[tuple[str, float | tuple[float, ...]], ...] = ()

    def __post_init__(self) -> None:
        if self.name not in CURVES:
            raise ModelFileError(f"no activation is called {self.name!r}; known are {', '.join(CURVES)}")
        unknown = [name for name, _ in self.numbers if name not in _PARAMETERS.get(self.name, ())]
        if unknown:
            raise ModelFileError(f"activation {self.name} has no parameter {unknown[0]!r}")

    def __call__(self, x: Array) -> Array:
        """The curve over ``x``, shape (channels, T) or (channels,)."""
        given = {
            name: np.reshape(value, (-1,) + (1,) * (x.ndim - 1)) if isinstance(value, tuple) else value
            for name, value in self.numbers
        }
        return CURVES[self.name](x, **given)

    def fits(self, channels: int) -> bool:
        """Whether every list of parameters has one number for each of ``channels``."""
        return all(not isinstance(value, tuple) or len(value) == channels for _, value in self.numbers)


IDENTITY, SIGMOID = Activation(), Activation("Sigmoid")
