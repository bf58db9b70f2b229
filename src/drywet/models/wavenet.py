"""The WaveNet of Neural Amp Modeler, "A1": dilated causal convolutions over the dry signal, layer upon layer.

Source: S. Atkinson, Neural Amp Modeler, the architecture of its files up to version 0.5.4; after E.-P. Damskägg,
L. Juvela, E. Thuillier, V. Välimäki, "Deep learning for tube amplifier emulation", ICASSP 2019. In each layer::

    bent = activation(conv(x) + conv_bias + mixin dry)
    z = bent, or, gated, its first half times the sigmoid of the second
    next x = x + residual z + residual_bias

The sum of all z goes through one matrix, the head. The next array of layers takes the last x through a matrix of its own,
and its sum starts from the head of the array before.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import conv1d, hardtanh, leaky_relu, relu, softsign

from drywet.models.contract import Model, ModelSettings, State
from drywet.models.convolution import (
    ACTIVATIONS,
    ARRAY_COLUMNS,
    LAYER_COLUMNS,
    SPAN,
    fold,
    run_stack,
    stack_gradient,
    unfold_gradient,
)
from drywet.models.convolution_tiles import LANES, TILE_WIDTH
from drywet.models.film import FiLM
from drywet.models.parallel import over_parts
from drywet.settings import Settings

LARGEST_WEIGHTS, LARGEST_STATE = 1 << 22, 1 << 24  # numbers: 16 MB and, per stream, 64 MB
_AT_ONCE = 2 * SPAN  # samples that are computed before the past is moved
_PART = 4  # streams that one core works on at a time
# Between rows, so that they do not start a multiple of 4096 bytes apart, where they would push each other out of the cache.
_GAP = TILE_WIDTH + LANES


class LayerArray(Settings):
    """Layers of the same width, one for each dilation."""

    channels: int = Field(ge=1, le=512)
    head_size: int = Field(ge=1, le=512)
    kernel_size: int = Field(default=3, ge=1, le=1024)
    dilations: tuple[Annotated[int, Field(ge=1, le=1 << 20)], ...] = Field(min_length=1, max_length=256)
    activation: Literal["Tanh", "Sigmoid", "ReLU", "LeakyReLU", "Hardtanh", "Softsign"] = "Tanh"
    gated: bool = False
    head_bias: bool = False

    @property
    def rows(self) -> int:
        """Channels of the convolution: a gated layer has a second one for every gate."""
        return self.channels * (1 + self.gated)


def _preset(channels: tuple[int, int], dilations: tuple[tuple[int, ...], tuple[int, ...]]) -> tuple[LayerArray, ...]:
    return (
        LayerArray(channels=channels[0], head_size=channels[1], dilations=dilations[0]),
        LayerArray(channels=channels[1], head_size=1, dilations=dilations[1], head_bias=True),
    )


_TO_512 = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
_SHORT = ((1, 2, 4, 8, 16, 32, 64), (128, 256, 512, *_TO_512))
SIZES = {
    "standard": _preset((16, 8), (_TO_512, _TO_512)),
    "lite": _preset((12, 6), _SHORT),
    "feather": _preset((8, 4), _SHORT),
    "nano": _preset((4, 2), _SHORT),
}


class WaveNetSettings(ModelSettings):
    """A WaveNet of a named size, or of any layer arrays."""

    training: ClassVar[dict[str, Any]] = {
        "learning_rate": 0.008,
        "batch_size": 16,
        "tbptt_length": 512,
        "warm_up": 4096,  # the receptive field of the named sizes
        "weight_decay": 0.05,  # without it a short recording is learned by heart (docs/method.md)
    }

    family: Literal["wavenet"] = "wavenet"
    size: Literal["standard", "lite", "feather", "nano"] | None = None  # "standard" where no layer arrays are given
    layer_arrays: tuple[LayerArray, ...] = Field(default=(), max_length=16)  # instead of a size
    # Multiplies the output, not trained. Neural Amp Modeler has 0.02 for wet signals as they are; inside, ours have unit RMS.
    head_scale: float = Field(default=0.2, gt=-1e6, lt=1e6)

    @property
    def arrays(self) -> tuple[LayerArray, ...]:
        return self.layer_arrays or SIZES[self.size or "standard"]

    @model_validator(mode="before")
    @classmethod
    def _standard(cls, values: Any) -> Any:
        if not isinstance(values, Mapping) or values.get("size") is not None or values.get("layer_arrays"):
            return values
        return {**values, "size": "standard"}

    @model_validator(mode="after")
    def _fits(self) -> "WaveNetSettings":
        if self.size and self.layer_arrays:
            raise ValueError(f"size {self.size!r} and layer_arrays both name a network; give one of the two")
        for number, (one, following) in enumerate(pairwise(self.arrays)):
            if one.head_size != following.channels:
                raise ValueError(
                    f"layer array {number} has head_size {one.head_size}, the next has {following.channels} channels; its "
                    "sum for the head starts from this head, so they must be equal"
                )
        if self.arrays[-1].head_size != 1:
            raise ValueError(
                f"the last layer array has head_size {self.arrays[-1].head_size}; the output is one signal"
            )
        weights = sum(weight.size for weight in weight_list(self.arrays))
        state = sum(a.channels * (a.kernel_size - 1) * sum(a.dilations) for a in self.arrays)
        if weights > LARGEST_WEIGHTS or state > LARGEST_STATE:
            raise ValueError(
                f"{weights} weights and {state} samples of past; at most {LARGEST_WEIGHTS} and {LARGEST_STATE} are allowed"
            )
        return self


@dataclass(frozen=True)
class Weight:
    """One tensor of the flat list of weights."""

    array: int
    layer: int  # within the array; -1 for a weight of the array itself
    name: str
    shape: tuple[int, ...]
    fan_in: int

    @property
    def size(self) -> int:
        return math.prod(self.shape)


def weight_list(arrays: tuple[LayerArray, ...]) -> Iterator[Weight]:
    """The weights in the order of a .nam file, which ends with one more number, ``head_scale``."""
    inputs = 1
    for number, array in enumerate(arrays):
        channels, rows, taps = array.channels, array.rows, array.kernel_size
        yield Weight(number, -1, "rechannel", (channels, inputs), inputs)
        for layer in range(len(array.dilations)):
            yield Weight(number, layer, "conv", (rows, channels, taps), channels * taps)  # tap 0 is the oldest sample
            yield Weight(number, layer, "conv_bias", (rows,), channels * taps)
            yield Weight(number, layer, "mixin", (rows, 1), 1)
            yield Weight(number, layer, "residual", (channels, channels), channels)
            yield Weight(number, layer, "residual_bias", (channels,), channels)
        yield Weight(number, -1, "head", (array.head_size, channels), channels)
        if array.head_bias:
            yield Weight(number, -1, "head_bias", (array.head_size,), channels)
        inputs = channels


class WaveNet(Model):
    """WaveNet whose trainable weights are one flat list, in the order of a .nam file; with knobs, FiLM before each curve.

    The state is the past of every layer's input, layer by layer, channel by channel, oldest sample first: (B, S).
    """

    settings: WaveNetSettings
    receptive_field: int

    def __init__(self, settings: WaveNetSettings):
        super().__init__(settings)
        arrays = settings.arrays
        self.receptive_field = 1 + sum((array.kernel_size - 1) * sum(array.dilations) for array in arrays)
        self._list = list(weight_list(arrays))
        self._stack = _Stack(arrays, self._list)
        # As torch starts its convolutions, and Neural Amp Modeler with it.
        parts = [torch.empty(weight.size).uniform_(-1, 1) / math.sqrt(weight.fan_in) for weight in self._list]
        self.weights = nn.Parameter(torch.cat(parts))
        self.film = FiLM(len(settings.controls), self._stack.channels) if settings.controls else None

    def initial_state(self, batch_size: int) -> State:
        """What endless silence leaves; with knobs, while they were at noon."""
        with torch.no_grad():
            noon = self.weights.new_full((1, len(self.settings.controls)), 0.5)
            silence = self.weights.new_zeros(1, 1)
            steady = self._by_torch(silence, noon, None)[1]
        return (steady.expand(batch_size, -1).contiguous(),)

    def forward(self, dry: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        scaled = dry * self.dry_scale
        if dry.device.type != "cpu":
            output, after = self._by_torch(scaled, controls, state[0])
        else:
            scale, shift = self._film(controls)
            inputs = self._stack, self.settings.head_scale, self.weights, scale, shift, scaled, state[0]
            if torch.is_grad_enabled():
                output, after = Convolutions.apply(*inputs)
            else:
                _, output, after = _run(*inputs)
        return output * self.wet_scale, (after,)

    def macs_per_sample(self) -> int:
        last = self.settings.arrays[-1]
        unused = last.channels**2  # the residual of the last layer leads nowhere
        return sum(weight.size for weight in self._list if not weight.name.endswith("bias")) - unused

    def _film(self, controls: Tensor) -> tuple[Tensor | None, Tensor | None]:
        return self.film(controls) if self.film is not None else (None, None)

    def _by_torch(self, dry: Tensor, controls: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        """By torch's own convolution: on a GPU, and the oracle of the compiled one.

        Without a state, every layer's past is its first present sample: the state of rest, for one sample of silence.
        """
        scale, shift = self._film(controls)
        parts = iter(torch.split(self.weights, [weight.size for weight in self._list]))
        shapes = iter(self._list)

        def weight() -> Tensor:
            return next(parts).view(next(shapes).shape)

        condition = dry.unsqueeze(1)  # (B, 1, T)
        x, head, after, used, channel = condition, condition.new_zeros(1), [], 0, 0
        for array in self.settings.arrays:
            x = weight() @ x  # (B, channels, T)
            for dilation in array.dilations:
                past = (array.kernel_size - 1) * dilation
                size = past * array.channels
                if state is None:
                    before = x[:, :, :1].expand(-1, -1, past)
                else:
                    before = state[:, used : used + size].reshape(len(x), array.channels, past)
                used += size
                history = torch.cat([before, x], dim=-1)
                after.append(history[:, :, history.shape[-1] - past :].flatten(1))
                kernel, bias = weight(), weight()
                bent = conv1d(history, kernel, bias, dilation=dilation) + weight() @ condition  # (B, rows, T)
                if scale is not None and shift is not None:
                    part = slice(channel, channel + array.rows)
                    bent = bent * scale[:, part, None] + shift[:, part, None]
                channel += array.rows
                z = _CURVES[array.activation](bent[:, : array.channels])
                if array.gated:
                    z = z * bent[:, array.channels :].sigmoid()
                head = head + z
                x = x + weight() @ z + weight().unsqueeze(-1)
            head = weight() @ head
            if array.head_bias:
                head = head + weight().unsqueeze(-1)
        return head[:, 0] * self.settings.head_scale, torch.cat(after, dim=1)


_CURVES: dict[str, Callable[[Tensor], Tensor]] = {
    "Tanh": torch.tanh,
    "Sigmoid": torch.sigmoid,
    "ReLU": relu,
    "LeakyReLU": leaky_relu,
    "Hardtanh": hardtanh,
    "Softsign": softsign,
}


class _Stack:
    """What the compiled code needs to know of a network, and where its signals lie in the memory."""

    def __init__(self, arrays: tuple[LayerArray, ...], weights: list[Weight]):
        self.arrays, self.weights = arrays, weights
        self.channels = sum(array.rows * len(array.dilations) for array in arrays)
        self.state_size = sum(a.channels * (a.kernel_size - 1) * sum(a.dilations) for a in arrays)
        self.size = sum(weight.size for weight in weights)
        self.widest = max(max(array.rows * array.kernel_size, array.head_size) for array in arrays)
        self.lead = _whole(max((array.kernel_size - 1) * max(array.dilations) for array in arrays))
        self._layouts: dict[tuple[int, bool], _Layout] = {}
        self._folds: tuple[np.ndarray, np.ndarray] | None = None

    def layout(self, padded: int, keep: bool) -> "_Layout":
        """Rows of ``padded`` samples; those of every layer if ``keep`` says that a gradient will be wanted."""
        if (padded, keep) not in self._layouts:
            self._layouts[padded, keep] = _Layout(self, padded, keep)
        return self._layouts[padded, keep]

    def folds(self) -> tuple[np.ndarray, np.ndarray]:
        """Which channel each weight leads to (-1: none) among those that knobs scale, and whether it is added there."""
        if self._folds is None:
            channel_of, is_bias, first = [], [], 0
            for weight in self.weights:
                inside = weight.name in ("conv", "conv_bias", "mixin")
                rows = np.repeat(np.arange(first, first + weight.shape[0]), weight.size // weight.shape[0])
                channel_of.append(rows if inside else np.full(weight.size, -1))
                is_bias.append(np.full(weight.size, weight.name == "conv_bias"))
                first += weight.shape[0] if weight.name == "mixin" else 0
            self._folds = np.concatenate(channel_of), np.concatenate(is_bias)
        return self._folds


class _Layout:
    """The two tables of ``convolution.py``, and the size of the memory."""

    def __init__(self, stack: _Stack, padded: int, keep: bool):
        self.length, self.stride, self.size = padded, padded + _GAP, 0
        at, place = {}, 0
        for weight in stack.weights:
            at[weight.array, weight.layer, weight.name] = place
            place += weight.size
        array_rows: list[list[int]] = []
        layer_rows: list[list[int]] = []
        past = 0
        self.dry_at = self._rows(1)
        widest = max(array.channels for array in stack.arrays)
        shared_z = self._rows(widest) if any(array.gated for array in stack.arrays) else -1
        shared_bent = -1 if keep else self._rows(max(array.rows for array in stack.arrays))
        in_at, in_stride, inputs, head_at = self.dry_at, self.stride, 1, self._rows(stack.arrays[0].channels)
        for number, array in enumerate(stack.arrays):
            channels, last, count = array.channels, number == len(stack.arrays) - 1, len(array.dilations)
            first, result_at = len(layer_rows), self._rows(array.head_size)
            out_at = -1 if last else self._rows(channels)
            leads = [_whole((array.kernel_size - 1) * dilation) for dilation in array.dilations]
            xs = [(self._rows(channels, lead) + lead, lead + self.stride) for lead in leads]
            following = [*xs[1:], (out_at, self.stride)]
            for layer, dilation in enumerate(array.dilations):
                bent_at = self._rows(array.rows) if keep else shared_bent
                values = {
                    "taps": array.kernel_size,
                    "dilation": dilation,
                    "activation": ACTIVATIONS.index(array.activation),
                    "gated": int(array.gated),
                    "x_at": xs[layer][0],
                    "x_stride": xs[layer][1],
                    "bent_at": bent_at,
                    "z_at": shared_z if array.gated else bent_at,
                    "next_at": following[layer][0],
                    "next_stride": following[layer][1],
                    "state_at": past,
                } | {n: at[number, layer, n] for n in ("conv", "conv_bias", "mixin", "residual", "residual_bias")}
                layer_rows.append([values[name] for name in LAYER_COLUMNS])
                past += channels * (array.kernel_size - 1) * dilation
            values = {
                "channels": channels,
                "head_size": array.head_size,
                "first": first,
                "last": first + count,
                "in_channels": inputs,
                "in_at": in_at,
                "in_stride": in_stride,
                "head_at": head_at,
                "result_at": result_at,
                "rechannel": at[number, -1, "rechannel"],
                "head": at[number, -1, "head"],
                "head_bias": at.get((number, -1, "head_bias"), -1),
            }
            array_rows.append([values[name] for name in ARRAY_COLUMNS])
            in_at, in_stride, inputs, head_at = out_at, self.stride, channels, result_at
        arrays, layers = np.array(array_rows, np.int64), np.array(layer_rows, np.int64)
        self.tables = arrays, layers, stack.widest, self.length, self.stride, self.dry_at, head_at

    def memory(self, dtype: np.dtype) -> np.ndarray:
        return np.empty(self.size, dtype)

    def _rows(self, count: int, lead: int = 0) -> int:
        place = self.size
        self.size += count * (lead + self.stride)
        return place


def _whole(samples: int) -> int:
    return max(-(-samples // TILE_WIDTH), 1) * TILE_WIDTH


class Convolutions(torch.autograd.Function):
    """The whole stack as one operation: ``(output (B, T), state after (B, S))``.

    ``scale`` and ``shift`` (B, channels), or None, are the knobs' doing. ``dry`` (B, T) gets no gradient: it is the
    recording. Backward runs forward again, stream by stream: the signals of all layers of all streams are too many for
    the caches, and to fetch them from main memory takes longer than to compute them.

    (mypy does not see the arguments of compiled functions.)
    """

    @staticmethod
    def forward(ctx, stack, head_scale, weights, scale, shift, dry, state):
        used, out, after = _run(stack, head_scale, weights, scale, shift, dry, state)
        ctx.save_for_backward(weights, scale, dry, state)
        ctx.more = stack, head_scale, used
        ctx.set_materialize_grads(False)
        return out, after

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_out, grad_after):
        weights, scale, dry, state = ctx.saved_tensors
        stack, head_scale, used = ctx.more
        (batch, length), numbers = dry.shape, used.dtype.type
        layout = stack.layout(_whole(length), keep=True)
        with_state = ctx.needs_input_grad[-1] or grad_after is not None
        signals, states = dry.contiguous().numpy(), state.detach().contiguous().numpy()
        slopes = np.zeros_like(signals) if grad_out is None else grad_out.contiguous().numpy()
        last = np.zeros_like(states) if grad_after is None else grad_after.contiguous().numpy()
        first, grads = np.zeros_like(states), np.zeros((batch, stack.size), used.dtype)

        def run(part: slice) -> None:
            memory, out, after = layout.memory(used.dtype), np.empty(length, used.dtype), np.empty_like(states[0])
            for b in range(part.start, part.stop):
                own, factor = used[b % len(used)], numbers(head_scale)
                run_stack(*layout.tables, own, memory, signals[b], factor, states[b], after, out)
                stack_gradient(
                    *layout.tables, stack.lead, own, memory, factor, slopes[b], with_state, last[b], grads[b], first[b]
                )

        over_parts(run, batch, part=_PART)
        grad_scale = grad_shift = None
        if scale is None:
            grad_weights = torch.from_numpy(grads.sum(axis=0))
        else:
            grad_weights, grad_scale = torch.zeros_like(weights), torch.zeros_like(scale)
            grad_shift = torch.zeros_like(scale)
            unfold_gradient(
                weights.detach().numpy(), *stack.folds(), scale.detach().numpy(), grads, grad_weights.numpy(),
                grad_scale.numpy(), grad_shift.numpy(),
            )  # fmt: skip
        return None, None, grad_weights, grad_scale, grad_shift, None, torch.from_numpy(first) if with_state else None


def _run(
    stack: _Stack,
    head_scale: float,
    weights: Tensor,
    scale: Tensor | None,
    shift: Tensor | None,
    dry: Tensor,
    state: Tensor,
) -> tuple[np.ndarray, Tensor, Tensor]:
    """The weights as the compiled code used them, (1, P) or, with knobs, (B, P); output (B, T); state after (B, S)."""
    batch, length = dry.shape
    used = weights.detach().numpy().reshape(1, -1)
    if scale is not None and shift is not None:
        used = np.empty((batch, stack.size), used.dtype)
        fold(weights.detach().numpy(), *stack.folds(), scale.detach().numpy(), shift.detach().numpy(), used)
    layout = stack.layout(min(_whole(length), _AT_ONCE), keep=False)
    signals, states = dry.contiguous().numpy(), state.detach().contiguous().numpy()
    out, after, numbers = np.empty_like(signals), np.empty_like(states), used.dtype.type

    def run(part: slice) -> None:
        memory = layout.memory(used.dtype)
        for b in range(part.start, part.stop):
            own, factor = used[b % len(used)], numbers(head_scale)
            run_stack(*layout.tables, own, memory, signals[b], factor, states[b], after[b], out[b])

    over_parts(run, batch, part=_PART)
    return used, torch.from_numpy(out), torch.from_numpy(after)
