"""Trainable models: dry and controls to wet. One file per family; see ``registry.py``."""

from drywet.models.contract import Model, ModelSettings, State
from drywet.models.gru import GRUSettings
from drywet.models.lstm import LSTMSettings
from drywet.models.registry import FAMILIES, AnyModelSettings, build
from drywet.models.trained import TrainedEffect, load_effect, model_bytes
from drywet.models.window_lstm import WindowLSTMSettings

__all__ = [
    "FAMILIES",
    "AnyModelSettings",
    "GRUSettings",
    "LSTMSettings",
    "Model",
    "ModelSettings",
    "State",
    "TrainedEffect",
    "WindowLSTMSettings",
    "build",
    "load_effect",
    "model_bytes",
]
