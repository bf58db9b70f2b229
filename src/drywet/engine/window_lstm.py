"""The published window LSTM: every sample from a window of dry samples, zero state at its start."""

from dataclasses import dataclass

import numpy as np

from drywet.engine.contract import LARGEST_FIELD, Array, Network, limit
from drywet.engine.recurrent import Recurrent
from drywet.errors import ModelFileError


@dataclass(eq=False)
class WindowLSTM(Network):
    """``inner`` run over the last ``context`` samples, anew for each sample.

    Attributes
    ----------
    inner : Recurrent
        One LSTM layer.
    context : int
    """

    kind = "window-lstm"

    inner: Recurrent
    context: int

    def __post_init__(self) -> None:
        if self.context < 1 or len(self.inner.layers) != 1 or self.inner.cell != "lstm":
            raise ModelFileError(
                f"a window LSTM is one layer over a window, not {self.inner.describe()} over {self.context}"
            )
        limit(self.context, LARGEST_FIELD, "samples of a window")
        self.reset()

    @property
    def knobs(self) -> int:
        return self.inner.knobs

    @property
    def receptive_field(self) -> int:
        return self.context

    def reset(self) -> None:
        self._past = np.zeros(self.context - 1)

    def process(self, dry: Array, knobs: Array) -> Array:
        history = np.concatenate([self._past, np.asarray(dry, np.float64)])
        self._past = history[len(dry) :]
        windows = np.lib.stride_tricks.sliding_window_view(history, self.context)
        return np.concatenate([self._predict(windows[n : n + 1024], knobs) for n in range(0, len(windows), 1024)])

    def _predict(self, windows: Array, knobs: Array) -> Array:
        """The last sample (N,) of every window (N, context), all windows in step."""
        layer = self.inner.layers[0]
        halved = np.repeat([0.5, 0.5, 1.0, 0.5], layer.units)
        of_signal = layer.input_weight[:, 0] * halved
        constant = (
            layer.input_weight[:, 1:] @ np.asarray(knobs, np.float64) + layer.bias + layer.recurrent_bias
        ) * halved
        recurrent = (layer.recurrent_weight * halved[:, None]).T.astype(np.float64)
        h = np.repeat(layer.hidden[None].astype(np.float64), len(windows), axis=0)
        c = np.repeat(layer.memory[None].astype(np.float64), len(windows), axis=0)
        for t in range(self.context):
            gates = np.tanh(windows[:, t : t + 1] * of_signal + constant + h @ recurrent)
            i, f, g, o = np.split(gates, 4, axis=1)
            c = (0.5 + 0.5 * f) * c + (0.5 + 0.5 * i) * g
            h = (0.5 + 0.5 * o) * np.tanh(c)
        return h @ self.inner.head + self.inner.head_bias + self.inner.dry_gain * windows[:, -1]

    def cost(self) -> int:
        layer = self.inner.layers[0]
        return self.context * len(layer.input_weight) * (layer.units + 1) + layer.units

    def describe(self) -> str:
        return f"window LSTM, {self.inner.layers[0].units} units over {self.context} samples"
