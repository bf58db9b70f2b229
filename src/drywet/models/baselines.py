"""The simplest models: one gain, one filter, one curve, and a curve between two filters.

What they reach is the floor for everything larger. The first three are fitted in closed form before training begins, so
training has little left to do.
"""

from abc import abstractmethod
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from scipy.signal import oaconvolve
from torch import Tensor, nn

from drywet.measures.linear import least_squares_filter
from drywet.models.contract import Model, ModelSettings, State
from drywet.models.film import FiLM
from drywet.models.fir import fir_filter

_KNOTS = 33
_FARTHEST_KNOT = 8.0  # times the RMS of what enters the curve; beyond it the curve goes on straight
_START_SAMPLES = 1 << 20  # 24 seconds at 44.1 kHz are enough to choose where a Wiener-Hammerstein model starts


class Baseline(Model):
    """A model whose knobs turn one gain before it and one gain after it, as drive and level do.

    Both gains come from FiLM of the knobs: 16 (C + 1) + 34 parameters for C knobs, none without knobs. What
    ``start_from`` fits in closed form, it fits as if the knobs stood still.
    """

    def __init__(self, settings: ModelSettings):
        super().__init__(settings)
        self.film = FiLM(len(settings.controls), 1) if settings.controls else None

    @abstractmethod
    def respond(self, signal: Tensor, state: State) -> tuple[Tensor, State]:
        """What the model proper makes of a scaled signal (B, T)."""

    def forward(self, dry: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        signal = dry * self.dry_scale
        if self.film is None:
            output, state = self.respond(signal, state)
        else:
            after, log_before = self.film(controls)  # (B, 1) each
            output, state = self.respond(signal * log_before.exp(), state)
            output = output * after
        return output * self.wet_scale, state

    def initial_state(self, batch_size: int) -> State:
        return ()


class GainSettings(ModelSettings):
    """One gain."""

    training: ClassVar[dict[str, Any]] = {"learning_rate": 0.001, "batch_size": 32, "tbptt_length": 1024}

    family: Literal["gain"] = "gain"


class Gain(Baseline):
    """Wet is dry times one number, its only parameter; the least-squares one to start with."""

    settings: GainSettings
    receptive_field = 1

    def __init__(self, settings: GainSettings):
        super().__init__(settings)
        self.gain = nn.Parameter(torch.ones(()))

    def respond(self, signal: Tensor, state: State) -> tuple[Tensor, State]:
        return signal * self.gain, state

    def macs_per_sample(self) -> int:
        return 1

    def start_from(self, dry: np.ndarray, wet: np.ndarray) -> None:
        super().start_from(dry, wet)
        x, y = _scaled(self, dry, wet)
        with torch.no_grad():
            self.gain.fill_(float(np.dot(x, y) / np.dot(x, x)))


class LinearSettings(ModelSettings):
    """One FIR filter."""

    training: ClassVar[dict[str, Any]] = {"learning_rate": 0.0001, "batch_size": 32, "tbptt_length": 1024}

    family: Literal["linear"] = "linear"
    taps: int = Field(default=512, ge=1, le=65_536)


class Linear(Baseline):
    """A causal FIR filter; ``taps`` parameters. It starts as the least-squares one (:mod:`drywet.measures.linear`)."""

    settings: LinearSettings

    def __init__(self, settings: LinearSettings):
        super().__init__(settings)
        self.receptive_field = settings.taps
        self.taps = nn.Parameter(_almost_a_wire(settings.taps))

    def initial_state(self, batch_size: int) -> State:
        return (self.taps.new_zeros(batch_size, self.settings.taps - 1),)

    def respond(self, signal: Tensor, state: State) -> tuple[Tensor, State]:
        output, past = fir_filter(signal, self.taps, state[0])
        return output, (past,)

    def macs_per_sample(self) -> int:
        return self.settings.taps

    def start_from(self, dry: np.ndarray, wet: np.ndarray) -> None:
        super().start_from(dry, wet)
        with torch.no_grad():
            self.taps.copy_(torch.from_numpy(least_squares_filter(*_scaled(self, dry, wet), self.settings.taps)))


class StaticCurveSettings(ModelSettings):
    """One curve without memory."""

    training: ClassVar[dict[str, Any]] = {"learning_rate": 0.001, "batch_size": 32, "tbptt_length": 1024}

    family: Literal["static-curve"] = "static-curve"


class StaticCurve(Baseline):
    """A piecewise linear curve without memory; 33 parameters, its values at the knots. It starts as the least-squares one."""

    settings: StaticCurveSettings
    receptive_field = 1

    def __init__(self, settings: StaticCurveSettings):
        super().__init__(settings)
        self.curve = Curve()

    def respond(self, signal: Tensor, state: State) -> tuple[Tensor, State]:
        return self.curve(signal), state

    def macs_per_sample(self) -> int:
        return 1

    def start_from(self, dry: np.ndarray, wet: np.ndarray) -> None:
        super().start_from(dry, wet)
        self.curve.fit(*_scaled(self, dry, wet))


class WienerHammersteinSettings(ModelSettings):
    """A filter, a curve, a filter."""

    training: ClassVar[dict[str, Any]] = {"learning_rate": 0.001, "batch_size": 32, "tbptt_length": 1024}

    family: Literal["wiener-hammerstein"] = "wiener-hammerstein"
    taps_before: int = Field(default=128, ge=1, le=65_536)
    taps_after: int = Field(default=128, ge=1, le=65_536)


class WienerHammerstein(Baseline):
    """FIR filter, piecewise linear curve, FIR filter: ``taps_before + taps_after`` + 33 parameters.

    The model of a distortion effect as a curve between two filters; fitting it to guitar devices: F. Eichas, S. Möller,
    U. Zölzer, "Block-oriented modeling of distortion audio effects using iterative minimization", DAFx 2015.

    No closed form is known for all three, so the start is the better of two: the first filter is a wire, or the best
    linear model of the device. The curve then follows by least squares, and from it the second filter.
    """

    settings: WienerHammersteinSettings

    def __init__(self, settings: WienerHammersteinSettings):
        super().__init__(settings)
        self.receptive_field = settings.taps_before + settings.taps_after - 1
        self.before = nn.Parameter(_almost_a_wire(settings.taps_before))
        self.curve = Curve()
        self.after = nn.Parameter(_almost_a_wire(settings.taps_after))

    def initial_state(self, batch_size: int) -> State:
        silence = self.before.new_zeros(batch_size, self.settings.taps_before - 1)
        rest = self.curve(
            self.before.new_zeros(batch_size, self.settings.taps_after - 1)
        )  # the curve need not meet zero
        return silence, rest.detach()

    def respond(self, signal: Tensor, state: State) -> tuple[Tensor, State]:
        filtered, past = fir_filter(signal, self.before, state[0])
        output, past_bent = fir_filter(self.curve(filtered), self.after, state[1])
        return output, (past, past_bent)

    def macs_per_sample(self) -> int:
        return self.settings.taps_before + 1 + self.settings.taps_after

    def start_from(self, dry: np.ndarray, wet: np.ndarray) -> None:
        super().start_from(dry, wet)
        x, y = (signal[:_START_SAMPLES] for signal in _scaled(self, dry, wet))
        wire = np.eye(1, self.settings.taps_before)[0]
        errors, starts = [], []
        for before in (wire, least_squares_filter(x, y, self.settings.taps_before)):
            filtered = oaconvolve(x, before)[: len(x)]
            loudness = np.sqrt(np.mean(filtered**2))
            if loudness == 0:
                continue
            before, filtered = before / loudness, filtered / loudness  # so that the knots lie where the signal is
            self.curve.fit(filtered, y)
            bent = self.curve(torch.from_numpy(filtered)).detach().numpy()
            after = least_squares_filter(bent, y, self.settings.taps_after)
            errors.append(np.sum((oaconvolve(bent, after)[: len(y)] - y) ** 2))
            starts.append((before, self.curve.values.detach().clone(), after))
        before, values, after = starts[int(np.argmin(errors))]
        with torch.no_grad():
            self.before.copy_(torch.from_numpy(before))
            self.curve.values.copy_(values)
            self.after.copy_(torch.from_numpy(after))


class Curve(nn.Module):
    """A piecewise linear function; outside its knots the first and the last piece go on.

    The knots are denser around zero, where most of a signal lies, and learn their values, not their places. Every sample
    meets the same operations, each rounded by itself, so the result does not depend on a signal's length.
    """

    knots: Tensor

    def __init__(self):
        super().__init__()
        places = np.sinh(np.linspace(-4, 4, _KNOTS)) / np.sinh(4) * _FARTHEST_KNOT
        self.register_buffer("knots", torch.tensor(places, dtype=torch.float32))  # (33,)
        self.values = nn.Parameter(self.knots.tanh())

    def forward(self, signal: Tensor) -> Tensor:
        slopes = self.values.diff() / self.knots.diff()  # (32,)
        offsets = self.values[:-1] - slopes * self.knots[:-1]
        piece = torch.bucketize(signal, self.knots[1:-1])
        return offsets[piece] + slopes[piece] * signal

    @torch.no_grad()
    def fit(self, x: np.ndarray, y: np.ndarray) -> None:
        """Least squares of ``y`` (T,) on ``x`` (T,); where there are no samples the curve goes on straight."""
        knots = self.knots.double().numpy()
        piece = np.searchsorted(knots[1:-1], x)
        right = (x - knots[piece]) / np.diff(knots)[piece]  # weight of the piece's right end
        left = 1 - right
        ends = [np.bincount(piece, weights, _KNOTS - 1) for weights in (left**2, left * right, right**2)]
        normal = np.diag(np.append(ends[0], 0) + np.append(0, ends[2])) + np.diag(ends[1], 1) + np.diag(ends[1], -1)
        moments = np.append(np.bincount(piece, left * y, _KNOTS - 1), 0)
        moments += np.append(0, np.bincount(piece, right * y, _KNOTS - 1))
        bends = np.diff(np.diff(np.eye(_KNOTS), axis=0) / np.diff(knots)[:, None], axis=0)  # (31, 33)
        straightness = 1e-9 * len(x) * bends.T @ bends
        self.values.copy_(torch.from_numpy(np.linalg.solve(normal + straightness, moments)))


def _almost_a_wire(taps: int) -> Tensor:
    """An impulse in a little noise, so that every tap does something from the start, (taps,)."""
    noise = torch.randn(taps) / (10 * taps)
    noise[0] += 1
    return noise


def _scaled(model: Model, dry: np.ndarray, wet: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both signals as they are inside the model, float64."""
    return np.multiply(dry, float(model.dry_scale), dtype=np.float64), np.divide(
        wet, float(model.wet_scale), dtype=np.float64
    )
