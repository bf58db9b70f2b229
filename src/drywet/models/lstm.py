"""The stateful LSTM: one layer, one dense output, state carried from sample to sample without end.

The cell is that of A. Wright, E.-P. Damskägg, V. Välimäki, "Real-time black-box modelling with recurrent neural
networks", DAFx 2019; with ``skip`` the network learns the difference from dry, as there.
"""

from typing import Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from drywet.models.contract import Model, ModelSettings, State
from drywet.models.recurrence import lstm_signal
from drywet.models.recurrence_training import gate_constant, lstm_with_output


class LSTMSettings(ModelSettings):
    """A stateful LSTM."""

    family: Literal["lstm"] = "lstm"
    hidden_size: int = Field(default=32, ge=1, le=1024)
    skip: bool = False  # add the scaled dry signal to the output


class LSTM(Model):
    """LSTM with carried state; 4 H^2 + (4 (1 + C) + 9) H + 1 parameters."""

    settings: LSTMSettings
    receptive_field = None

    def __init__(self, settings: LSTMSettings):
        super().__init__(settings)
        self.recurrent = nn.LSTM(1 + len(settings.controls), settings.hidden_size)
        self.dense = nn.Linear(settings.hidden_size, 1)

    def initial_state(self, batch_size: int) -> State:
        zeros = torch.zeros(batch_size, self.settings.hidden_size, device=self.dense.weight.device)
        return zeros, zeros.clone()

    def forward(self, dry: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        scaled = dry * self.dry_scale
        if dry.device.type != "cpu":
            output, state = self._by_torch(scaled, controls, state)
        elif torch.is_grad_enabled():
            output, state = self._learn(scaled, controls, state)
        else:
            output, state = self._render(scaled, controls, state)
        if self.settings.skip:
            output = output + scaled
        return output * self.wet_scale, state

    def macs_per_sample(self) -> int:
        hidden = self.settings.hidden_size
        return 4 * hidden * (hidden + 1) + hidden

    def _by_torch(self, scaled: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        """By torch's own layer: on a GPU, and the oracle of the other two."""
        knobs = controls.expand(scaled.shape[1], *controls.shape)  # (T, B, C)
        features = torch.cat([scaled.T.unsqueeze(-1), knobs], dim=-1)  # (T, B, 1 + C)
        hidden, (h, c) = self.recurrent(features, (state[0].unsqueeze(0), state[1].unsqueeze(0)))
        return self.dense(hidden).squeeze(-1).T, (h[0], c[0])  # (B, T)

    def _learn(self, scaled: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        """With gradients, by the compiled recurrence."""
        output, h, c = lstm_with_output(self.recurrent, self.dense, scaled.T, controls, *state)
        return output.T, (h, c)  # (B, T)

    def _render(self, scaled: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        """Without gradients, signal by signal."""
        layer = self.recurrent
        weight = layer.weight_ih_l0.detach().numpy()  # (4H, 1 + C)
        recurrent_weight = np.ascontiguousarray(layer.weight_hh_l0.detach().numpy().T)
        bias = gate_constant(layer, controls).detach().numpy()
        output_weight = self.dense.weight.detach().numpy()[0]
        output_bias = np.float32(self.dense.bias.item())
        output = torch.empty_like(scaled, memory_format=torch.contiguous_format)
        h, c = (tensor.detach().clone() for tensor in state)
        for b in range(len(scaled)):
            lstm_signal(
                scaled[b].contiguous().numpy(),
                np.ascontiguousarray(weight[:, 0]),
                recurrent_weight,
                bias[b] if bias.ndim == 2 else bias,
                output_weight,
                output_bias,
                h[b].numpy(),
                c[b].numpy(),
                output[b].numpy(),
            )
        return output, (h, c)
