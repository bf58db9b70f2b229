"""Knobs of networks that do not take them as inputs: a scale and a shift for each channel."""

from dataclasses import dataclass

import numpy as np

from drywet.engine.contract import Array, Network
from drywet.errors import ModelFileError


@dataclass(frozen=True, eq=False)
class Film:
    """``spread tanh(bend (2 knobs - 1) + bend_bias) + spread_bias``: scales less one, then shifts, as in ``models/film.py``.

    Attributes
    ----------
    bend, bend_bias : array, shape (16, C) and (16,)
    spread, spread_bias : array, shape (2 * channels, 16) and (2 * channels,)
    """

    bend: Array
    bend_bias: Array
    spread: Array
    spread_bias: Array

    def __post_init__(self) -> None:
        bends, spreads = len(self.bend_bias), len(self.spread_bias)
        flat = self.bend_bias.ndim == self.spread_bias.ndim == 1
        fit = self.bend.ndim == 2 and len(self.bend) == bends and self.spread.shape == (spreads, bends)
        if not (flat and fit) or spreads % 2:
            raise ModelFileError(
                f"the knobs' layers have shapes {self.bend.shape}, {self.bend_bias.shape}, {self.spread.shape} and "
                f"{self.spread_bias.shape}, which do not fit together"
            )

    @property
    def knobs(self) -> int:
        return self.bend.shape[1]

    @property
    def channels(self) -> int:
        return len(self.spread_bias) // 2

    def __call__(self, knobs: Array) -> tuple[Array, Array]:
        """Scale and shift (channels,) at ``knobs`` (C,)."""
        bent = np.tanh(self.bend.astype(np.float64) @ (2 * np.asarray(knobs, np.float64) - 1) + self.bend_bias)
        scale, shift = np.split(self.spread.astype(np.float64) @ bent + self.spread_bias, 2)
        return 1 + scale, shift


class Filmed(Network):
    """A network whose knobs, if there are any, scale and shift its channels."""

    film: Film | None

    @property
    def knobs(self) -> int:
        return self.film.knobs if self.film is not None else 0
