"""Diagonal state-space model (S4D): banks of learned recursive filters with small pointwise networks between them.

Each bank filters every channel by itself, as a sum of complex one-pole filters (a second-order section each), with time
constants from one sample to 100 ms; between two banks a tanh network mixes the channels of one sample, with a
residual. So memory is linear and cheap, curves are memoryless, as in the circuits of most pedals.

Sources: A. Gu, A. Gupta, K. Goel, C. Ré, "On the parameterization and initialization of diagonal state space models",
NeurIPS 2022 (S4D); for analog effects, K. Yin, R. Simionato, S. Fasciani, "State space models for audio effects", DAFx 2024.
"""

from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from drywet.models.contract import Model, ModelSettings, State
from drywet.models.diagonal_scan import SLOWEST, WIDTH, FilterBanks
from drywet.models.film import FiLM


class StateSpaceSettings(ModelSettings):
    """A diagonal state-space model with ``stages`` + 1 filter banks."""

    training: ClassVar[dict[str, Any]] = {
        "learning_rate": 0.01,
        "batch_size": 32,
        "tbptt_length": 512,
        "warm_up": 8192,  # the slowest filters need it
    }

    family: Literal["s4d"] = "s4d"
    stages: int = Field(default=2, ge=1, le=16)  # pointwise networks
    channels: int = Field(default=8, ge=WIDTH, le=256, multiple_of=WIDTH)
    states: int = Field(default=4, ge=2, le=64, multiple_of=2)  # complex states a channel
    units: int = Field(default=16, ge=WIDTH, le=256, multiple_of=WIDTH)  # in each of the two hidden layers


class StateSpace(Model):
    """S4D with K = stages + 1 banks: 4 K N C + K C + S (2 C W + W^2 + 2 W + C) + 1 parameters, and FiLM for knobs."""

    settings: StateSpaceSettings
    receptive_field = None

    def __init__(self, settings: StateSpaceSettings):
        super().__init__(settings)
        stages, channels, states, units = settings.stages, settings.channels, settings.states, settings.units
        banks = stages + 1
        # Time constants spread evenly in the logarithm over all filters of a bank, in an order of their own in each.
        spread = torch.linspace(0, 1, states * channels)
        order = torch.stack([torch.randperm(states * channels) for _ in range(banks)])
        constants = (SLOWEST / 2) ** spread[order].reshape(banks, states, channels)
        self.decay = nn.Parameter((1 / constants - 1 / SLOWEST).log())
        self.turn = nn.Parameter(torch.rand(banks, states, channels) / constants)
        self.real = nn.Parameter(torch.randn(banks, states, channels) / states**0.5)
        self.imaginary = nn.Parameter(torch.randn(banks, states, channels) / states**0.5)
        self.direct = nn.Parameter(torch.randn(banks, channels) * 0.5)
        self.w1, self.b1 = _layers(stages, channels, units)
        self.w2, self.b2 = _layers(stages, units, units)
        self.w3, self.b3 = _layers(stages, units, channels)
        self.bias = nn.Parameter(torch.zeros(1))
        self.film = FiLM(len(settings.controls), stages * channels) if settings.controls else None

    def initial_state(self, batch_size: int) -> State:
        return (self.bias.new_zeros(batch_size, *self.decay.shape[:2], 2, self.decay.shape[2]),)

    def forward(self, dry: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        scaled = dry * self.dry_scale
        shape = (len(dry), self.settings.stages, self.settings.channels)
        if self.film is None:
            scale, shift = scaled.new_ones(shape), scaled.new_zeros(shape)
        else:
            scale, shift = (part.reshape(shape) for part in self.film(controls))
        parameters = (
            scale, shift, self.decay, self.turn, self.real, self.imaginary, self.direct,
            self.w1, self.b1, self.w2, self.b2, self.w3, self.b3, self.bias,
        )  # fmt: skip
        if dry.device.type == "cpu":
            output, after = FilterBanks.apply(torch.is_grad_enabled(), scaled, state[0], *parameters)
        else:
            output, after = filter_banks_by_torch(scaled, state[0], *parameters)
        return output * self.wet_scale, (after,)

    def macs_per_sample(self) -> int:
        s = self.settings
        banks = (s.stages + 1) * s.channels * (6 * s.states + 1)
        return banks + s.stages * (2 * s.channels * s.units + s.units**2)


def _layers(stages: int, inputs: int, outputs: int) -> tuple[nn.Parameter, nn.Parameter]:
    """Weights (S, inputs, outputs) and biases (S, outputs), both as torch starts its linear layers."""
    bound = inputs**-0.5
    weight = torch.empty(stages, inputs, outputs).uniform_(-bound, bound)
    return nn.Parameter(weight), nn.Parameter(torch.empty(stages, outputs).uniform_(-bound, bound))


def filter_banks_by_torch(
    signal, state, scale, shift, decay, turn, real, imaginary, direct, w1, b1, w2, b2, w3, b3, bias
) -> tuple[Tensor, Tensor]:
    """What :class:`FilterBanks` computes, by torch's own operations: on a GPU, and the oracle of the tests.

    A bank is a convolution with its impulse response, by Fourier transform, plus the decay of the state before.
    """
    length = signal.shape[1]
    exponent = torch.complex(-decay.exp() - 1 / SLOWEST, turn)  # (K, N, C), lambda's logarithm
    readout = (1 - exponent.real.exp()) * torch.complex(real, imaginary)
    steps = torch.arange(length + 1, device=signal.device, dtype=signal.dtype)
    stream = signal.unsqueeze(1).expand(-1, decay.shape[2], -1)  # (B, C, T)
    after = []
    for k in range(len(decay)):
        powers = (exponent[k].unsqueeze(-1) * steps).exp()  # (N, C, T + 1)
        response = (readout[k].unsqueeze(-1) * powers[..., :-1]).sum(0).real  # (C, T)
        before = torch.complex(state[:, k, :, 0], state[:, k, :, 1])  # (B, N, C)
        size = 2 * length
        filtered = torch.fft.irfft(torch.fft.rfft(stream, size) * torch.fft.rfft(response, size), size)[..., :length]
        rest = torch.einsum("bnc,ncT->bcT", before * readout[k], powers[..., 1:]).real
        ends = torch.einsum("bcT,ncT->bnc", stream.to(powers.dtype), powers[..., :-1].flip(-1))
        ends = ends + before * powers[..., -1]
        after.append(torch.stack([ends.real, ends.imag], dim=2))
        stream = filtered + rest + direct[k].unsqueeze(-1) * stream
        if k < len(w1):
            v = (stream * scale[:, k].unsqueeze(-1) + shift[:, k].unsqueeze(-1)).transpose(1, 2)  # (B, T, C)
            hidden = ((v @ w1[k] + b1[k]).tanh() @ w2[k] + b2[k]).tanh()
            stream = (v + hidden @ w3[k] + b3[k]).transpose(1, 2)
    return stream.sum(1) + bias, torch.stack(after, dim=1)
