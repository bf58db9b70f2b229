"""The WaveNet of Neural Amp Modeler, with all that its files up to 0.7 can ask for.

Source: sdatkinson/NeuralAmpModelerCore, ``NAM/wavenet``. A layer adds the convolution of its input to the mixed-in condition,
bends the sum, hands one share to the head and another, with its input, to the next layer; the condition is the dry signal
or what another WaveNet makes of it. FiLM blocks scale and shift by the condition at eight places.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from drywet.engine.activations import IDENTITY, SIGMOID, Activation
from drywet.engine.contract import LARGEST_FIELD, LARGEST_PAST, LARGEST_WEIGHTS, Array, limit
from drywet.engine.convolution import Convolution, ConvolutionRunner
from drywet.engine.film import Film, Filmed
from drywet.errors import ModelFileError

FILM_PLACES = (
    "conv_pre_film",
    "conv_post_film",
    "input_mixin_pre_film",
    "input_mixin_post_film",
    "activation_pre_film",
    "activation_post_film",
    "layer1x1_post_film",
    "head1x1_post_film",
)
GATES = ("none", "gated", "blended")


@dataclass(frozen=True, eq=False)
class Layer:
    """One dilated convolution and what belongs to it; ``rows`` are its outputs, of which a gated layer needs two halves.

    Attributes
    ----------
    conv : Convolution
        Without activation.
    mixin : array, shape (rows, condition)
    activation, second : Activation
        ``second`` bends the gate, or the share of a blend.
    gate : str
        ``"none"``, ``"gated"`` or ``"blended"``.
    residual, head : Convolution or None
        Of one tap. Without ``head`` the bent signal itself goes there.
    films : mapping of a place in FILM_PLACES to Convolution
        From the condition, of one tap; as many outputs as the place has channels, or twice as many: scales, then shifts.
    """

    conv: Convolution
    mixin: Array
    activation: Activation
    gate: str = "none"
    second: Activation = SIGMOID
    residual: Convolution | None = None
    head: Convolution | None = None
    films: Mapping[str, Convolution] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.gate not in GATES:
            raise ModelFileError(f"no gating is called {self.gate!r}; known are {', '.join(GATES)}")
        rows = self.conv.outputs
        if (self.gate != "none" and rows % 2) or self.mixin.ndim != 2 or len(self.mixin) != rows:
            raise ModelFileError(f"a {self.gate} layer of {rows} rows has a mixin of shape {self.mixin.shape}")
        if not self.activation.fits(self.bottleneck) or not self.second.fits(self.bottleneck):
            raise ModelFileError(f"an activation has slopes for other than the layer's {self.bottleneck} channels")
        for name, part in (("residual", self.residual), ("head", self.head)):
            if part is not None and (part.inputs != self.bottleneck or part.past):
                raise ModelFileError(f"the {name} of a layer takes {part.inputs} channels of its {self.bottleneck}")
        if self.residual is not None and self.residual.outputs != self.conv.inputs:
            raise ModelFileError(f"the residual gives {self.residual.outputs} channels to add to {self.conv.inputs}")
        for place, film in self.films.items():
            if place not in FILM_PLACES:
                raise ModelFileError(f"a layer has no place {place[:40]!r}; known are {', '.join(FILM_PLACES)}")
            channels = self.channels(place)
            if film.inputs != self.mixin.shape[1] or film.past or film.outputs not in (channels, 2 * channels):
                raise ModelFileError(f"{place} gives {film.outputs} numbers for {channels} channels")

    @property
    def bottleneck(self) -> int:
        return self.conv.outputs // (1 if self.gate == "none" else 2)

    @property
    def to_head(self) -> int:
        return self.head.outputs if self.head is not None else self.bottleneck

    def channels(self, place: str) -> int:
        """How many channels there are at a place for FiLM."""
        if place == "layer1x1_post_film":
            # The engine applies it in blended layers only, the trainer always: no reading is right.
            raise ModelFileError(
                "layer1x1_post_film is played differently by NAM's engine and trainer, so it is not read"
            )
        sizes = {
            "conv_pre_film": self.conv.inputs,
            "input_mixin_pre_film": self.mixin.shape[1],
            "activation_post_film": self.bottleneck,
            "head1x1_post_film": self.to_head,
        }
        return sizes.get(place, self.conv.outputs)


@dataclass(frozen=True, eq=False)
class LayerArray:
    """Layers of one width, between a matrix that widens and a convolution towards the head.

    Attributes
    ----------
    widen : array, shape (channels, inputs)
    layers : tuple of Layer
    head : Convolution
    """

    widen: Array
    layers: tuple[Layer, ...]
    head: Convolution

    def __post_init__(self) -> None:
        if self.widen.ndim != 2 or not self.layers:
            raise ModelFileError("a layer array has no layers, or no input matrix")
        sizes = {(layer.conv.inputs, layer.to_head, layer.mixin.shape[1]) for layer in self.layers}
        if sizes != {(len(self.widen), self.head.inputs, self.layers[0].mixin.shape[1])}:
            raise ModelFileError(
                f"the layers of an array have inputs, head and condition of sizes {sorted(sizes)}; one is meant"
            )


@dataclass(eq=False)
class WaveNet(Filmed):
    """Layer arrays; each takes the last layer's output of the one before, and its head sum starts from that one's head.

    Attributes
    ----------
    arrays : tuple of LayerArray
    head_scale : float
    heads : tuple of Convolution
        After all arrays and ``head_scale``; the activation of each bends its input.
    condition : WaveNet or None
    film : Film or None
        Knobs of drywet's own models: a scale and a shift for every row, before its curve.
    """

    kind = "wavenet"

    arrays: tuple[LayerArray, ...]
    head_scale: float
    heads: tuple[Convolution, ...] = ()
    condition: "WaveNet | None" = None
    film: Film | None = None
    outputs: int = 1

    def __post_init__(self) -> None:
        if not self.arrays or self.arrays[0].widen.shape[1] != 1:
            raise ModelFileError("a WaveNet needs layer arrays, the first with one input")
        for number, (one, following) in enumerate(pairwise(self.arrays), start=1):
            if following.widen.shape[1] != len(one.widen) or one.head.outputs != following.head.inputs:
                raise ModelFileError(
                    f"layer array {number} takes {following.widen.shape[1]} channels and starts its head from "
                    f"{following.head.inputs}; the one before it gives {len(one.widen)} and {one.head.outputs}"
                )
        convolutions = [array.head for array in self.arrays[-1:]] + list(self.heads)
        for one_conv, next_conv in pairwise(convolutions):
            if one_conv.outputs != next_conv.inputs:
                raise ModelFileError(f"a head of {next_conv.inputs} channels follows one of {one_conv.outputs}")
        if convolutions[-1].outputs != self.outputs:
            raise ModelFileError(f"the last head gives {convolutions[-1].outputs} channels, {self.outputs} are meant")
        given = self.condition.outputs if self.condition is not None else 1
        if any(array.layers[0].mixin.shape[1] != given for array in self.arrays):
            raise ModelFileError(f"a layer array takes a condition of other than the {given} channels that there are")
        rows = sum(layer.conv.outputs for array in self.arrays for layer in array.layers)
        if self.film is not None and self.film.channels != rows:
            raise ModelFileError(f"the knobs scale {self.film.channels} rows, the layers have {rows}")
        limit(self.cost(), LARGEST_WEIGHTS, "weights")
        looking_back = [layer.conv for array in self.arrays for layer in array.layers]
        looking_back += [*(array.head for array in self.arrays), *self.heads]
        limit(sum(conv.past * conv.inputs for conv in looking_back), LARGEST_PAST, "samples of past in all channels")
        limit(self.receptive_field, LARGEST_FIELD, "samples of past")
        self.reset()

    @property
    def receptive_field(self) -> int:
        own = sum(layer.conv.past for array in self.arrays for layer in array.layers)
        own += sum(array.head.past for array in self.arrays) + sum(head.past for head in self.heads)
        return own + (self.condition.receptive_field if self.condition is not None else 1)

    def reset(self) -> None:
        self._layers = [[_LayerRunner(layer) for layer in array.layers] for array in self.arrays]
        self._array_heads = [ConvolutionRunner(array.head) for array in self.arrays]
        self._heads = [ConvolutionRunner(replace(head, activation=IDENTITY)) for head in self.heads]
        if self.condition is not None:
            self.condition.reset()

    def process(self, dry: Array, knobs: Array) -> Array:
        return self.channels(np.asarray(dry, np.float64)[None], knobs)[0]

    def channels(self, dry: Array, knobs: Array) -> Array:
        """The output (outputs, T) for ``dry`` (1, T)."""
        condition = self.condition.channels(dry, knobs) if self.condition is not None else dry
        scale, shift = self.film(knobs) if self.film is not None else (None, None)
        x, total, row = dry, np.zeros((1, dry.shape[1])), 0
        for array, layers, to_head in zip(self.arrays, self._layers, self._array_heads, strict=True):
            x = array.widen.astype(np.float64) @ x
            for layer in layers:
                part = slice(row, row + layer.layer.conv.outputs)
                knob = (scale[part, None], shift[part, None]) if scale is not None and shift is not None else None
                x, share = layer.process(x, condition, knob)
                total = total + share
                row = part.stop
            total = to_head.process(total)
        total = self.head_scale * total
        for head, runner in zip(self.heads, self._heads, strict=True):
            total = runner.process(head.activation(total))
        return total

    def cost(self) -> int:
        count = self.condition.cost() if self.condition is not None else 0
        for array in self.arrays:
            count += array.widen.size + array.head.weight.size
            for layer in array.layers:
                parts = [layer.conv, layer.residual, layer.head, *layer.films.values()]
                count += layer.mixin.size + sum(part.weight.size for part in parts if part is not None)
        return count + sum(head.weight.size for head in self.heads)

    def describe(self) -> str:
        widths = " and ".join(str(len(array.widen)) for array in self.arrays)
        return f"WaveNet, {sum(len(array.layers) for array in self.arrays)} layers, {widths} channels"


class _LayerRunner:
    def __init__(self, layer: Layer):
        self.layer, self.conv, self.mixin = layer, ConvolutionRunner(layer.conv), layer.mixin.astype(np.float64)
        self.residual = ConvolutionRunner(layer.residual) if layer.residual is not None else None
        self.head = ConvolutionRunner(layer.head) if layer.head is not None else None
        self.films = {place: ConvolutionRunner(film) for place, film in layer.films.items()}

    def process(self, x: Array, condition: Array, knob: tuple[Array, Array] | None) -> tuple[Array, Array]:
        """The next layer's input and the share of the head, both (channels, T)."""
        layer = self.layer
        inner = self.conv.process(self._film("conv_pre_film", x, condition))
        inner = self._film("conv_post_film", inner, condition)
        mixed = self.mixin @ self._film("input_mixin_pre_film", condition, condition)
        inner = inner + self._film("input_mixin_post_film", mixed, condition)
        inner = self._film("activation_pre_film", inner, condition)
        if knob is not None:
            inner = inner * knob[0] + knob[1]
        first = inner[: layer.bottleneck]
        z = layer.activation(first)
        if layer.gate != "none":
            opening = layer.second(inner[layer.bottleneck :])
            z = opening * z if layer.gate == "gated" else opening * z + (1 - opening) * first
        z = self._film("activation_post_film", z, condition)
        share = self.head.process(z) if self.head is not None else z
        share = self._film("head1x1_post_film", share, condition)
        return (x + self.residual.process(z) if self.residual is not None else x), share

    def _film(self, place: str, x: Array, condition: Array) -> Array:
        if place not in self.films:
            return x
        numbers = self.films[place].process(condition)
        if len(numbers) == len(x):
            return x * numbers
        scale, shift = np.split(numbers, 2)
        return x * scale + shift
