"""Which model families there are.

Adding a family: a file with a settings class and a :class:`~drywet.models.contract.Model`, and a line here. The
contract tests run over every family in the registry.
"""

from typing import Annotated

from pydantic import Field

from drywet.models.contract import Model, ModelSettings
from drywet.models.lstm import LSTM, LSTMSettings
from drywet.models.window_lstm import WindowLSTM, WindowLSTMSettings

FAMILIES: dict[str, tuple[type[ModelSettings], type[Model]]] = {
    "lstm": (LSTMSettings, LSTM),
    "window-lstm": (WindowLSTMSettings, WindowLSTM),
}
AnyModelSettings = Annotated[LSTMSettings | WindowLSTMSettings, Field(discriminator="family")]


def build(settings: ModelSettings) -> Model:
    """A fresh model. Its weights come from torch's global generator, so seed that first."""
    _, model = FAMILIES[settings.family]
    return model(settings)
