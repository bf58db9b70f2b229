"""Which model families there are.

Adding a family: a file with a settings class and a :class:`~drywet.models.contract.Model`, and a line here. The
contract tests run over every family in the registry.
"""

from typing import Annotated

from pydantic import Field

from drywet.models.baselines import (
    Gain,
    GainSettings,
    Linear,
    LinearSettings,
    StaticCurve,
    StaticCurveSettings,
    WienerHammerstein,
    WienerHammersteinSettings,
)
from drywet.models.contract import Model, ModelSettings
from drywet.models.grey_box import GreyBox, GreyBoxSettings
from drywet.models.gru import GRU, GRUSettings
from drywet.models.lstm import LSTM, LSTMSettings
from drywet.models.state_space import StateSpace, StateSpaceSettings
from drywet.models.wavenet import WaveNet, WaveNetSettings
from drywet.models.window_lstm import WindowLSTM, WindowLSTMSettings

FAMILIES: dict[str, tuple[type[ModelSettings], type[Model]]] = {
    "gain": (GainSettings, Gain),
    "grey-box": (GreyBoxSettings, GreyBox),
    "linear": (LinearSettings, Linear),
    "static-curve": (StaticCurveSettings, StaticCurve),
    "wiener-hammerstein": (WienerHammersteinSettings, WienerHammerstein),
    "gru": (GRUSettings, GRU),
    "lstm": (LSTMSettings, LSTM),
    "s4d": (StateSpaceSettings, StateSpace),
    "wavenet": (WaveNetSettings, WaveNet),
    "window-lstm": (WindowLSTMSettings, WindowLSTM),
}
AnyModelSettings = Annotated[
    GainSettings
    | GreyBoxSettings
    | LinearSettings
    | StaticCurveSettings
    | WienerHammersteinSettings
    | GRUSettings
    | LSTMSettings
    | StateSpaceSettings
    | WaveNetSettings
    | WindowLSTMSettings,
    Field(discriminator="family"),
]


def build(settings: ModelSettings) -> Model:
    """A fresh model. Its weights come from torch's global generator, so seed that first."""
    _, model = FAMILIES[settings.family]
    return model(settings)
