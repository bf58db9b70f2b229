"""The grey box: filters, a gain stage with clipping diodes, filters; only the values of the parts are learned.

The order linear - nonlinear - linear with a measured or fitted core is that of F. Eichas, U. Zölzer, "Gray-box modeling
of guitar amplifiers", JAES 66 (2018). Here the core is the feedback network of an overdrive pedal, solved inside, see
:mod:`drywet.models.circuit_blocks`.
"""

import math
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from drywet.models.circuit_blocks import filter_numbers, learn_chain, render_chain
from drywet.models.contract import Model, ModelSettings, State
from drywet.models.film import FiLM

_FILTER_VALUES = 5  # log of tan(pi corner / sample rate), log of the damping 1 / Q, low, band and high output
_STAGE_VALUES = 7  # log gain, log inertia, logits of both saturation currents, log ratio, shares of clipped and clean

# A pedal to start from: corner in Hz at 44.1 kHz and (low, band, high) output. With half the band, a filter of
# damping 2 is of first order.
_HIGH_PASS, _RISE, _FALL, _ALL_PASS = (0.0, 0.0, 1.0), (0.0, 0.5, 1.0), (1.0, 0.5, 0.0), (1.0, 1.0, 1.0)
_BEFORE = ((30.0, _HIGH_PASS),)  # coupling capacitors
_IN_STAGE = ((500.0, _RISE),) * 4  # the gain of an overdrive falls towards the bass
_AFTER = ((1000.0, _FALL), (10.0, _HIGH_PASS))  # the dark side of a tone control, and no offset
_STAGE = [math.log(20.0), math.log(0.1), math.log(0.01), math.log(0.01), 0.0, 0.1, 0.1]
_START_SAMPLES = 1 << 18  # six seconds at 44.1 kHz tell how loud the untrained pedal is


class GreyBoxSettings(ModelSettings):
    """A drive pedal of known structure. Each stage brings a filter of its own before its diodes."""

    training: ClassVar[dict[str, Any]] = {"learning_rate": 0.01, "batch_size": 32, "tbptt_length": 1024}

    family: Literal["grey-box"] = "grey-box"
    filters_before: int = Field(default=1, ge=0, le=16)
    stages: int = Field(default=1, ge=1, le=4)
    filters_after: int = Field(default=3, ge=0, le=16)


class GreyBox(Model):
    """Second-order filters, clipping stages, second-order filters: 5 F + 7 N parameters for F filters and N stages.

    F counts the filter in every stage. A stage is that of a non-inverting op-amp with diodes in its feedback: its input,
    plus the voltage that its filtered input drives through diodes, resistor and capacitor. With C knobs, FiLM moves every
    value (logarithms of positive values, so a knob scales a time constant or a gain, as a potentiometer does), and there
    are 16 (C + 1) + 34 (5 F + 7 N) parameters more.

    The model runs at the sample rate of its audio, without oversampling, so it aliases, as any other model here.
    It starts as a pedal at 44.1 kHz; other rates only start further off.
    """

    settings: GreyBoxSettings
    receptive_field = None

    def __init__(self, settings: GreyBoxSettings):
        super().__init__(settings)
        before, stages, after = settings.filters_before, settings.stages, settings.filters_after
        rows = [*_rows(_BEFORE, before), *_rows(_IN_STAGE, stages), *_rows(_AFTER, after)]
        self.filters = nn.Parameter(torch.tensor(rows))  # (F, 5)
        self.clippers = nn.Parameter(torch.tensor([_STAGE] * stages))  # (N, 7)
        channels = self.filters.numel() + self.clippers.numel()
        self.film = FiLM(len(settings.controls), channels) if settings.controls else None

    def initial_state(self, batch_size: int) -> State:
        zeros = torch.zeros(batch_size, 2 * len(self.filters) + len(self.clippers), device=self.filters.device)
        return (zeros,)

    def forward(self, dry: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        filters, clippers = self._parts(controls, len(dry))  # (F, 6, B), (N, 7, B)
        signal, memory = (dry * self.dry_scale).cpu(), state[0].cpu()  # the loops are compiled for the CPU
        first_stage = self.settings.filters_before
        if torch.is_grad_enabled():
            output, memory = learn_chain(signal, filters, clippers, first_stage, memory)
        else:
            memory = memory.clone(memory_format=torch.contiguous_format)
            output = render_chain(signal, filters, clippers, first_stage, memory)
        return output.to(dry.device) * self.wet_scale, (memory.to(dry.device),)

    def macs_per_sample(self) -> int:
        """Six per filter, five per stage, and the diodes' equation: three steps of nine (exponentials not counted)."""
        return 6 * len(self.filters) + (5 + 3 * 9) * len(self.clippers)

    def start_from(self, dry: np.ndarray, wet: np.ndarray) -> None:
        """Scaling as ever, then the gain and polarity of the last filter by least squares."""
        super().start_from(dry, wet)
        if not self.settings.filters_after:
            return
        with torch.no_grad():
            signal = torch.from_numpy(np.ascontiguousarray(dry[:_START_SAMPLES], np.float32)).unsqueeze(0)
            knobs = torch.full((1, len(self.settings.controls)), 0.5)
            predicted = self(signal, knobs, self.initial_state(1))[0][0].double().numpy()
            energy, likeness = np.dot(predicted, predicted), np.dot(predicted, wet[: len(predicted)])
            if energy > 0 and likeness != 0:
                self.filters[-1, 2:] *= float(likeness / energy)

    def _parts(self, controls: Tensor, batch: int) -> tuple[Tensor, Tensor]:
        """What the compiled blocks take: filters (F, 6, B) and clippers (N, 7, B)."""
        values = torch.cat([self.filters.flatten(), self.clippers.flatten()]).expand(batch, -1)  # (B, 5 F + 7 N)
        if self.film is not None:
            scale, shift = self.film(controls)
            values = scale * values + shift
        values = values.T.cpu()
        filters = values[: self.filters.numel()].reshape(-1, _FILTER_VALUES, batch).unbind(1)  # 5 times (F, B)
        clippers = values[self.filters.numel() :].reshape(-1, _STAGE_VALUES, batch)
        numbers = filter_numbers(filters[0].exp(), filters[1].exp(), *filters[2:])
        log_gain, log_inertia, forward, reverse, log_ratio, clipped, clean = clippers.unbind(1)
        # A saturation current above 1 would be a diode that leaks more than the resistor beside it.
        saturation = forward.sigmoid(), reverse.sigmoid()
        stages = [log_gain.exp(), log_inertia.exp(), *saturation, log_ratio.exp(), clipped, clean]
        return numbers, torch.stack(stages, dim=1)


def _rows(kinds: tuple, count: int) -> list[list[float]]:
    """Starting values of ``count`` filters: the kinds in their order, then filters that let everything pass."""
    chosen = (*kinds, *[(2000.0, _ALL_PASS)] * count)[:count]
    return [
        [math.log(math.tan(math.pi * corner_hz / 44_100)), math.log(2.0), *outputs] for corner_hz, outputs in chosen
    ]
