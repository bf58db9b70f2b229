"""The stateful recurrent families: layers of LSTM or GRU cells, one dense output, state carried without end.

The layout is that of A. Wright, E.-P. Damskägg, V. Välimäki, "Real-time black-box modelling with recurrent neural
networks", DAFx 2019: knobs beside the signal in the input, and with ``skip`` the network learns the difference from dry.
"""

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from drywet.models.contract import Model, ModelSettings, State
from drywet.models.recurrent_layers import Cell, recurrent_output, render_output


class RecurrentSettings(ModelSettings):
    """What LSTM and GRU have in common."""

    hidden_size: int = Field(default=32, ge=1, le=1024)
    layers: int = Field(default=1, ge=1, le=8)
    skip: bool = False  # add the scaled dry signal to the output


class Recurrent(Model):
    """Layers of one kind of cell. The state is for each layer in turn the cell's tensors (B, H), h first."""

    cell: ClassVar[Cell]
    torch_layers: ClassVar[type[nn.LSTM] | type[nn.GRU]]

    settings: RecurrentSettings
    receptive_field = None

    def __init__(self, settings: RecurrentSettings):
        super().__init__(settings)
        inputs = 1 + len(settings.controls)
        self.recurrent = self.torch_layers(inputs, settings.hidden_size, settings.layers)
        self.dense = nn.Linear(settings.hidden_size, 1)

    def initial_state(self, batch_size: int) -> State:
        shape = batch_size, self.settings.hidden_size
        device = self.dense.weight.device
        return tuple(torch.zeros(shape, device=device) for _ in range(self.settings.layers * self.cell.states))

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
        hidden, layers = self.settings.hidden_size, self.settings.layers
        gates = self.recurrent.all_weights[0][0].shape[0]  # all gates of all units
        return gates * (1 + hidden) + (layers - 1) * gates * 2 * hidden + hidden

    def _by_torch(self, scaled: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        """By torch's own layers: on a GPU, and the oracle of the compiled ones."""
        count = self.cell.states
        knobs = controls.expand(scaled.shape[1], *controls.shape)  # (T, B, C)
        features = torch.cat([scaled.T.unsqueeze(-1), knobs], dim=-1)  # (T, B, 1 + C)
        before = [torch.stack(state[n::count]) for n in range(count)]  # (L, B, H) each
        hidden, last = self.recurrent(features, tuple(before) if count > 1 else before[0])
        after = torch.stack(last if count > 1 else (last,), dim=1).flatten(0, 1)
        return self.dense(hidden).squeeze(-1).T, tuple(after)  # (B, T)

    def _learn(self, scaled: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        return recurrent_output(self.cell, self.recurrent, self.dense, scaled, controls, state)

    def _render(self, scaled: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        return render_output(self.cell, self.recurrent, self.dense, scaled, controls, state)
