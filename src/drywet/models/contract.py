"""What every trainable model offers.

State is an argument and a result, never hidden, so truncated backpropagation, offline rendering and a live loop are
three callers of one method.
"""

import math
from abc import ABC, abstractmethod
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from pydantic import Field, field_validator
from torch import Tensor, nn

from drywet.errors import SignalError
from drywet.measures import power
from drywet.settings import Settings

KnobName = Annotated[str, Field(min_length=1, max_length=64)]
State = tuple[Tensor, ...]  # each tensor has the batch as its first axis


class ModelSettings(Settings):
    """Settings of one family; each family has its own subclass, told apart by ``family``.

    ``training`` holds the settings of the stateful recipe that suit the family, where they differ from its defaults.
    """

    training: ClassVar[dict[str, Any]] = {}

    family: str = ""
    controls: tuple[KnobName, ...] = Field(default=(), max_length=16)  # the knobs that the model follows, in this order

    @field_validator("controls")
    @classmethod
    def _each_once(cls, controls: tuple[str, ...]) -> tuple[str, ...]:
        twice = [name for name in controls if controls.count(name) > 1]
        if twice:
            raise ValueError(f"the knob {twice[0]!r} stands twice; name each knob once")
        return controls


class Model(nn.Module, ABC):
    """Dry and controls to wet, causal, sample by sample.

    Attributes
    ----------
    settings : ModelSettings
    receptive_field : int or None
        How many dry samples, the present one included, can reach one predicted sample; None when the state reaches
        back without limit.
    dry_scale, wet_scale : tensor, scalar
        The dry input is multiplied by ``dry_scale`` and the output by ``wet_scale``, both inside :meth:`forward`. With
        the training signals at unit RMS on the inside, a network starts near the right size and trains several times
        faster.
    """

    settings: ModelSettings
    receptive_field: int | None

    def __init__(self, settings: ModelSettings):
        super().__init__()
        self.settings = settings
        self.dry_scale: Tensor
        self.wet_scale: Tensor
        self.register_buffer("dry_scale", torch.tensor(1.0))
        self.register_buffer("wet_scale", torch.tensor(1.0))

    @abstractmethod
    def initial_state(self, batch_size: int) -> State:
        """State of a device that has rested on silence."""

    @abstractmethod
    def forward(self, dry: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        """Predicted wet (B, T) and the next state, from dry (B, T), controls (B, C) and a state.

        Any cutting of a signal into blocks gives the same result when the state is passed on. Knobs stand still
        during one call; a knob that moves is a sequence of short calls.
        """

    @abstractmethod
    def macs_per_sample(self) -> int:
        """Multiplications with a learned number per predicted sample, the cost of running the model.

        Curves (tanh and the like) are not counted, nor what depends on the knobs alone.
        """

    def start_from(self, dry: np.ndarray, wet: np.ndarray) -> None:
        """Take from the training audio, both (T,), what need not be learned: here the scaling to unit RMS.

        Raises
        ------
        SignalError
            If one of them is silent.
        """
        self.dry_scale.fill_(1 / _rms(dry, "dry"))
        self.wet_scale.fill_(_rms(wet, "wet"))

    def parameter_count(self) -> int:
        """Trainable numbers."""
        return sum(parameter.numel() for parameter in self.parameters() if parameter.requires_grad)


def _rms(signal: np.ndarray, name: str) -> float:
    value = power(signal)
    if value == 0:
        raise SignalError(
            f"the {name} training audio is silent from start to end, so there is nothing to learn from it; check the cable, "
            "the channel and the gain, and record it again"
        )
    return math.sqrt(value)
