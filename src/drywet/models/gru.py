"""The stateful GRU family: three quarters of the LSTM's cost, and no cell beside the hidden state."""

from typing import Literal

from torch import nn

from drywet.models.gru_cell import GRU_CELL
from drywet.models.recurrent import Recurrent, RecurrentSettings


class GRUSettings(RecurrentSettings):
    """A stateful GRU."""

    family: Literal["gru"] = "gru"


class GRU(Recurrent):
    """GRU with carried state; in one layer 3 H^2 + (3 (1 + C) + 7) H + 1 parameters, in each further one 6 H^2 + 6 H."""

    cell = GRU_CELL
    torch_layers = nn.GRU
    settings: GRUSettings
