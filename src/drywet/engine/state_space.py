"""drywet's diagonal state-space network: recursive filters with pointwise layers between, see ``models/state_space.py``."""

from dataclasses import dataclass

import numpy as np

from drywet.engine.contract import LARGEST_WEIGHTS, Array, limit
from drywet.engine.film import Film, Filmed
from drywet.errors import ModelFileError


@dataclass(eq=False)
class StateSpace(Filmed):
    """K banks and S = K - 1 pointwise stages.

    A bank is ``x[t+1] = pole x[t] + u[t]``, ``y[t] = Re sum_n readout_n x_n[t+1] + direct u[t]``.

    Attributes
    ----------
    poles, readouts : array, shape (K, N, C, 2)
        Real and imaginary parts.
    direct : array, shape (K, C)
    w1, b1, w2, b2, w3, b3 : array, shape (S, C, W), (S, W), (S, W, W), (S, W), (S, W, C), (S, C)
        ``v + tanh(tanh(v w1 + b1) w2 + b2) w3 + b3``.
    dry_gain, wet_gain, bias : float
    film : Film or None
        A scale and a shift for every channel before each pointwise stage.
    """

    kind = "state-space"
    receptive_field = None

    poles: Array
    readouts: Array
    direct: Array
    w1: Array
    b1: Array
    w2: Array
    b2: Array
    w3: Array
    b3: Array
    bias: float
    dry_gain: float = 1.0
    wet_gain: float = 1.0
    film: Film | None = None

    def __post_init__(self) -> None:
        if self.poles.ndim != 4 or min(self.poles.shape) < 1 or self.w1.ndim != 3:
            raise ModelFileError(
                f"poles of shape {self.poles.shape} and layers of {self.w1.shape} are no state-space model"
            )
        banks, _, channels, _ = self.poles.shape
        stages, units = banks - 1, self.w1.shape[2]
        expected = {
            "readouts": (*self.poles.shape[:3], 2), "poles": (*self.poles.shape[:3], 2), "direct": (banks, channels),
            "w1": (stages, channels, units), "b1": (stages, units), "w2": (stages, units, units), "b2": (stages, units),
            "w3": (stages, units, channels), "b3": (stages, channels),
        }  # fmt: skip
        for name, shape in expected.items():
            if getattr(self, name).shape != shape:
                raise ModelFileError(f"{name} has shape {getattr(self, name).shape}, the poles want {shape}")
        if not (np.hypot(self.poles[..., 0], self.poles[..., 1]) < 1).all():
            raise ModelFileError("a pole lies on or outside the unit circle; the filter would grow without end")
        if self.film is not None and self.film.channels != stages * channels:
            raise ModelFileError(f"the knobs scale {self.film.channels} channels of {stages * channels}")
        limit(self.cost(), LARGEST_WEIGHTS, "weights")
        self.reset()

    def reset(self) -> None:
        self._poles, self._readouts = (part[..., 0] + 1j * part[..., 1] for part in (self.poles, self.readouts))
        self._states = np.zeros(self._poles.shape, complex)  # each times its pole, as lfilter keeps it

    def process(self, dry: Array, knobs: Array) -> Array:
        from scipy.signal import lfilter  # see linear.py

        banks, states, channels = self._poles.shape
        scale, shift = np.ones((banks - 1, channels)), np.zeros((banks - 1, channels))
        if self.film is not None:
            scale, shift = (part.reshape(banks - 1, channels) for part in self.film(knobs))
        stream = np.repeat(self.dry_gain * np.asarray(dry, np.float64)[None], channels, axis=0)  # (C, T)
        for k in range(banks):
            out = self.direct[k].astype(np.float64)[:, None] * stream
            for n in range(states):
                for c in range(channels):
                    pole = self._poles[k, n, c]
                    x, self._states[k, n, c : c + 1] = lfilter(
                        [1.0], [1.0, -pole], stream[c], zi=self._states[k, n, c : c + 1]
                    )
                    out[c] += (self._readouts[k, n, c] * x).real
            stream = out
            if k < banks - 1:
                v = scale[k][:, None] * stream + shift[k][:, None]
                hidden = np.tanh(self.w1[k].T.astype(np.float64) @ v + self.b1[k][:, None])
                hidden = np.tanh(self.w2[k].T.astype(np.float64) @ hidden + self.b2[k][:, None])
                stream = v + self.w3[k].T.astype(np.float64) @ hidden + self.b3[k][:, None]
        return self.wet_gain * (stream.sum(axis=0) + self.bias)

    def settle(self, samples: int, knobs: Array) -> None:
        for start in range(0, samples, 4096):
            before = self._states.copy()
            self.process(np.zeros(min(4096, samples - start)), knobs)
            if np.abs(self._states - before).max() < 1e-13:
                return

    def cost(self) -> int:
        banks, states, channels, _ = self.poles.shape
        return banks * channels * (6 * states + 1) + self.w1.size + self.w2.size + self.w3.size

    def describe(self) -> str:
        banks, states, channels, _ = self.poles.shape
        return f"state-space model, {banks} banks of {channels} channels with {states} complex states each"
