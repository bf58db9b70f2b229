"""The stateful LSTM family."""

from typing import Literal

from torch import nn

from drywet.models.lstm_cell import LSTM_CELL
from drywet.models.recurrent import Recurrent, RecurrentSettings


class LSTMSettings(RecurrentSettings):
    """A stateful LSTM."""

    family: Literal["lstm"] = "lstm"


class LSTM(Recurrent):
    """LSTM with carried state; in one layer 4 H^2 + (4 (1 + C) + 9) H + 1 parameters, in each further one 8 H^2 + 8 H."""

    cell = LSTM_CELL
    torch_layers = nn.LSTM
    settings: LSTMSettings
