"""Filters, and a curve between filters: NAM's Linear, and drywet's baselines."""

from dataclasses import dataclass

import numpy as np

from drywet.engine.contract import LARGEST_FIELD, Array, limit
from drywet.engine.film import Film, Filmed
from drywet.errors import ModelFileError


class _Filter:
    """A causal FIR filter (K,) with its past, oldest sample last as ``lfilter`` keeps it."""

    def __init__(self, taps: Array, level: float = 0.0):
        self.taps = taps.astype(np.float64)
        # What an input that has always been ``level`` leaves behind.
        self.past = level * (np.cumsum(self.taps[::-1])[::-1])[1:]

    def process(self, x: Array) -> Array:
        # Importing it takes as long as all the rest of the engine, and compiled networks need none.
        from scipy.signal import lfilter

        if len(self.taps) == 1:
            return self.taps[0] * x
        y, self.past = lfilter(self.taps, [1.0], x, zi=self.past)
        return y


def gains(film: Film | None, knobs: Array) -> tuple[float, float]:
    """Before and after the network: FiLM's shift is the logarithm of the first, its scale the second."""
    if film is None:
        return 1.0, 1.0
    after, log_before = film(knobs)
    return float(np.exp(log_before[0])), float(after[0])


def _check_film(film: Film | None) -> None:
    if film is not None and film.channels != 1:
        raise ModelFileError(f"the knobs scale {film.channels} channels, a filter has one")


@dataclass(eq=False)
class Linear(Filmed):
    """``y[t] = sum_k taps[k] x[t - k] + bias``; knobs turn a gain before and one after it.

    Attributes
    ----------
    taps : array, shape (K,)
        The impulse response: the first meets the present sample.
    bias : float
    film : Film or None
    """

    kind = "linear"

    taps: Array
    bias: float = 0.0
    film: Film | None = None

    def __post_init__(self) -> None:
        if self.taps.ndim != 1 or len(self.taps) < 1:
            raise ModelFileError(f"an impulse response of shape {self.taps.shape} is none")
        limit(len(self.taps), LARGEST_FIELD, "taps")
        _check_film(self.film)
        self.reset()

    @property
    def receptive_field(self) -> int:
        return len(self.taps)

    def reset(self) -> None:
        self._filter = _Filter(self.taps)

    def process(self, dry: Array, knobs: Array) -> Array:
        before, after = gains(self.film, knobs)
        return after * (self._filter.process(before * np.asarray(dry, np.float64)) + self.bias)

    def cost(self) -> int:
        return len(self.taps)

    def describe(self) -> str:
        return f"filter of {len(self.taps)} taps" if len(self.taps) > 1 else "gain"


@dataclass(eq=False)
class WienerHammerstein(Filmed):
    """A filter, a piecewise linear curve, a filter; one tap is a plain gain. Knobs turn a gain before and one after.

    Attributes
    ----------
    before, after : array, shape (K,)
        Impulse responses, the present sample's first.
    knots, values : array, shape (N,)
        The curve's corners in order of the input; outside them its first and last piece go on.
    film : Film or None
    """

    kind = "wiener-hammerstein"

    before: Array
    knots: Array
    values: Array
    after: Array
    film: Film | None = None

    def __post_init__(self) -> None:
        if self.before.ndim != 1 or self.after.ndim != 1 or not len(self.before) or not len(self.after):
            raise ModelFileError(f"impulse responses of shapes {self.before.shape} and {self.after.shape} are none")
        limit(len(self.before) + len(self.after), LARGEST_FIELD, "taps")
        rising = self.knots.ndim == 1 and len(self.knots) > 1 and (np.diff(self.knots) > 0).all()
        if self.knots.shape != self.values.shape or not rising:
            raise ModelFileError(
                f"a curve of {len(self.knots)} knots, which must increase, has {len(self.values)} values"
            )
        _check_film(self.film)
        self.reset()

    @property
    def receptive_field(self) -> int:
        return len(self.before) + len(self.after) - 1

    def reset(self) -> None:
        self._before = _Filter(self.before)
        self._after = _Filter(self.after, level=float(self.curve(np.zeros(1))[0]))  # the curve need not meet zero

    def process(self, dry: Array, knobs: Array) -> Array:
        before, after = gains(self.film, knobs)
        bent = self.curve(self._before.process(before * np.asarray(dry, np.float64)))
        return after * self._after.process(bent)

    def curve(self, x: Array) -> Array:
        """The curve over ``x``, same shape."""
        knots, values = self.knots.astype(np.float64), self.values.astype(np.float64)
        piece = np.searchsorted(knots[1:-1], x)
        return values[piece] + (np.diff(values) / np.diff(knots))[piece] * (x - knots[piece])

    def cost(self) -> int:
        return len(self.before) + 1 + len(self.after)

    def describe(self) -> str:
        if self.receptive_field == 1:
            return f"curve of {len(self.knots)} knots"
        return f"curve between filters of {len(self.before)} and {len(self.after)} taps"
