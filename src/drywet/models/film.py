"""Knobs for models that do not take them as inputs: feature-wise linear modulation."""

from torch import Tensor, nn

_HIDDEN = 16  # a knob's law (logarithmic, S-shaped) has to fit through here


class FiLM(nn.Module):
    """A scale and a shift for each channel from the knobs (B, C), each (B, channels).

    Source: E. Perez, F. Strub, H. de Vries, V. Dumoulin, A. Courville, "FiLM: Visual reasoning with a general
    conditioning layer", AAAI 2018; here the generator is one tanh layer. It starts close to scale 1 and shift 0.
    """

    def __init__(self, controls: int, channels: int):
        super().__init__()
        self.channels = channels
        self.bend = nn.Linear(controls, _HIDDEN)
        self.spread = nn.Linear(_HIDDEN, 2 * channels)
        nn.init.normal_(self.spread.weight, std=0.1)
        nn.init.zeros_(self.spread.bias)

    def forward(self, controls: Tensor) -> tuple[Tensor, Tensor]:
        scale, shift = self.spread(self.bend(2 * controls - 1).tanh()).split(self.channels, dim=-1)
        return 1 + scale, shift
