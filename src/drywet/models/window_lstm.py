"""The published window LSTM: every wet sample from a window of dry samples, starting each time from zero state.

Source: the Boss SD-1 study (DS340): one LSTM, the last output only, one dense layer; windows of 44, 66 or 88 samples.
"""

from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn.functional import pad

from drywet.models.contract import Model, ModelSettings, State
from drywet.models.lstm_cell import LSTM_CELL
from drywet.models.recurrent_layers import recurrent_output
from drywet.models.tiles import ROWS

LARGEST_WINDOW = 1 << 18  # samples times units; the largest published window has 88 x 96
# While rendering: bounds memory, six numbers for each unit and sample of a window. The published sizes fit caches better.
_WINDOWS_AT_ONCE, _NUMBERS_AT_ONCE = 256, 1 << 25  # 128 MB


class WindowLSTMSettings(ModelSettings):
    """A window LSTM. ``context`` is its whole memory, in samples."""

    family: Literal["window-lstm"] = "window-lstm"
    hidden_size: int = Field(default=64, ge=1, le=1024)
    context: int = Field(default=44, ge=1, le=100_000)

    @model_validator(mode="after")
    def _fits(self) -> "WindowLSTMSettings":
        if self.context * self.hidden_size > LARGEST_WINDOW:
            raise ValueError(
                f"context {self.context} times hidden_size {self.hidden_size} is {self.context * self.hidden_size}, and every "
                f"wet sample needs them all; at most {LARGEST_WINDOW} are allowed. The lstm family remembers longer for less"
            )
        return self

    @property
    def windows_at_once(self) -> int:
        fitting = _NUMBERS_AT_ONCE // (6 * self.context * self.hidden_size)
        return min(_WINDOWS_AT_ONCE, max(fitting // ROWS, 1) * ROWS)


class WindowLSTM(Model):
    """LSTM over a window, zero state at its start; 4 H^2 + (4 (1 + C) + 5) H + 1 parameters."""

    settings: WindowLSTMSettings

    def __init__(self, settings: WindowLSTMSettings):
        super().__init__(settings)
        self.receptive_field = settings.context
        self.recurrent = nn.LSTM(1 + len(settings.controls), settings.hidden_size)
        self.dense = nn.Linear(settings.hidden_size, 1)
        # Keras defaults, which the study used: Glorot uniform inputs, orthogonal recurrence, forget bias 1, and one bias
        # where torch has two. The second stays at zero, so that 64 units have the published 16,961 parameters.
        layer = self.recurrent
        layer.bias_hh_l0.requires_grad_(False)
        with torch.no_grad():
            nn.init.xavier_uniform_(layer.weight_ih_l0)
            nn.init.orthogonal_(layer.weight_hh_l0)
            layer.bias_hh_l0.zero_()
            layer.bias_ih_l0.zero_()
            layer.bias_ih_l0[settings.hidden_size : 2 * settings.hidden_size] = 1.0
            nn.init.xavier_uniform_(self.dense.weight)
            self.dense.bias.zero_()

    def initial_state(self, batch_size: int) -> State:
        return (torch.zeros(batch_size, self.settings.context - 1, device=self.dense.weight.device),)

    def forward(self, dry: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        history = torch.cat([state[0], dry], dim=1)  # (B, context - 1 + T)
        windows = history.unfold(1, self.settings.context, 1)  # (B, T, context), a view
        at_once = self.settings.windows_at_once
        predicted = torch.stack(
            [
                torch.cat([self.predict(part, row.expand(len(part), -1)) for part in signal.split(at_once)])
                for signal, row in zip(windows, controls, strict=True)
            ]
        )
        return predicted, (history[:, dry.shape[1] :],)

    def macs_per_sample(self) -> int:
        hidden = self.settings.hidden_size
        return self.settings.context * 4 * hidden * (hidden + 1) + hidden

    def predict(self, windows: Tensor, controls: Tensor) -> Tensor:
        """The wet sample (N,) that belongs to the last sample of each window (N, context)."""
        scaled = windows * self.dry_scale
        if windows.device.type == "cpu":
            # Whole tiles of windows, so that a window has the same bits whatever others it is predicted with.
            missing = -len(windows) % ROWS
            if missing:
                scaled, controls = pad(scaled, (0, 0, 0, missing)), pad(controls, (0, 0, 0, missing))
            zeros = scaled.new_zeros(len(scaled), self.settings.hidden_size)
            output, _ = recurrent_output(LSTM_CELL, self.recurrent, self.dense, scaled, controls, (zeros, zeros))
            return output[: len(windows), -1] * self.wet_scale
        return self._predict_by_torch(scaled, controls) * self.wet_scale

    def _predict_by_torch(self, scaled: Tensor, controls: Tensor) -> Tensor:
        """By torch's own layer: on a GPU, and the oracle of the tests."""
        knobs = controls.expand(scaled.shape[1], *controls.shape)  # (context, N, C)
        hidden, _ = self.recurrent(torch.cat([scaled.T.unsqueeze(-1), knobs], dim=-1))
        return self.dense(hidden[-1]).squeeze(-1)
