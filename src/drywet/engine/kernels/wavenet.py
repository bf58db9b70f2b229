"""Neural Amp Modeler's WaveNet, with all that its files can ask for, as steps of ``steps.py``."""

from dataclasses import replace

import numpy as np

from drywet.engine.activations import IDENTITY
from drywet.engine.contract import Array
from drywet.engine.kernels.convolution import bend, taps
from drywet.engine.kernels.steps import CompiledSteps, Rows, Steps
from drywet.engine.wavenet import Layer, LayerArray, WaveNet


class CompiledWaveNet(CompiledSteps[WaveNet]):
    """A WaveNet, compiled."""

    def __init__(self, reference: WaveNet):
        steps = Steps(_longest_past(reference))
        dry = steps.still("dry", 1)
        steps.input(dry)
        writer = _Writer(steps, reference, dry, "")
        steps.output(writer.write())
        super().__init__(reference, steps)
        self._scales = writer.scales

    def _turn(self, knobs: Array) -> None:
        assert self.reference.film is not None  # there are knobs to turn
        scale, shift = self.reference.film(knobs)
        row = 0
        for factors, shifts, count in self._scales:
            self.numbers[factors : factors + count] = scale[row : row + count]
            self.numbers[shifts : shifts + count] = shift[row : row + count]
            row += count


def _longest_past(network: WaveNet) -> int:
    own = [layer.conv.past for array in network.arrays for layer in array.layers]
    own += [array.head.past for array in network.arrays] + [head.past for head in network.heads]
    return max([*own, _longest_past(network.condition) if network.condition is not None else 0])


class _Writer:
    """The steps of one WaveNet. ``prefix`` keeps its working memory apart from that of one inside it."""

    def __init__(self, steps: Steps, network: WaveNet, dry: Rows, prefix: str):
        self.steps, self.network, self.dry, self.prefix = steps, network, dry, prefix
        self.condition = dry
        self.scales: list[tuple[int, int, int]] = []  # of each layer, where its knobs' scales and shifts stand

    def write(self) -> Rows:
        """All steps; the rows of the output."""
        steps, network = self.steps, self.network
        if network.condition is not None:
            self.condition = _Writer(steps, network.condition, self.dry, f"{self.prefix}condition ").write()
        below, total = self.dry, steps.nothing
        for number, array in enumerate(network.arrays):
            below, total = self._array(array, number, below, total)
        scaled = self._still("scaled", total.count)
        steps.scale(total, scaled, np.full(total.count, network.head_scale), np.zeros(total.count))
        for n, head in enumerate(network.heads):
            bent = steps.inlet(f"{self.prefix}bent {n}", head.inputs, head.past)
            bend(steps, head.activation, scaled, bent)
            scaled = self._still(f"result {n}", head.outputs)
            steps.linear(taps(replace(head, activation=IDENTITY), bent), head.bias, scaled)
        return scaled

    def _still(self, name: str, count: int) -> Rows:
        return self.steps.still(self.prefix + name, count)

    def _array(self, array: LayerArray, number: int, below: Rows, total: Rows) -> tuple[Rows, Rows]:
        """What the next array widens, and where its sum towards the head starts."""
        steps, width, layers = self.steps, len(array.widen), array.layers
        # A layer keeps the past of what it convolves: its input, or what a FiLM block has made of it.
        filmed = ["conv_pre_film" in layer.films for layer in layers]
        kept = [steps.inlet(f"{self.prefix}kept {n % 2}", width, layer.conv.past) for n, layer in enumerate(layers)]
        inputs = [
            self._still(f"input {n % 2}", width) if film else rows
            for n, (film, rows) in enumerate(zip(filmed, kept, strict=True))
        ]
        above = self._still(f"above {number % 2}", width)
        collected = steps.inlet(f"{self.prefix}collected {number % 2}", array.head.inputs, array.head.past)
        steps.linear([(below, 0, array.widen)], np.zeros(width), inputs[0])
        for n, layer in enumerate(layers):
            following = inputs[n + 1] if n + 1 < len(layers) else above
            self._layer(layer, inputs[n], kept[n], following, collected if n else total, collected)
        result = self._still(f"total {number % 2}", array.head.outputs)
        steps.linear(taps(array.head, collected), array.head.bias, result)
        if array.head.activation.name != "Identity":
            bend(steps, array.head.activation, result, result)
        return above, result

    def _layer(self, layer: Layer, x: Rows, kept: Rows, following: Rows, start: Rows, total: Rows) -> None:
        """The next layer's input, and ``total = start +`` this layer's share."""
        steps, films, count = self.steps, layer.films, layer.conv.outputs
        inner, mixed = self._still("inner", count), self._still("mixed", count)
        self._film(layer, "conv_pre_film", x, kept)
        if films.keys() & {"conv_post_film", "input_mixin_pre_film", "input_mixin_post_film"}:
            steps.linear(taps(layer.conv, kept), layer.conv.bias, inner)
            inner = self._film(layer, "conv_post_film", inner, inner)
            given = self._still("given", self.condition.count)
            given = self._film(layer, "input_mixin_pre_film", self.condition, given)
            steps.linear([(given, 0, layer.mixin)], np.zeros(count), mixed)
            mixed = self._film(layer, "input_mixin_post_film", mixed, mixed)
            steps.multiply(mixed, steps.ones, inner, inner)
        else:
            steps.linear([*taps(layer.conv, kept), (self.condition, 0, layer.mixin)], layer.conv.bias, inner)
        self._film(layer, "activation_pre_film", inner, inner)
        if self.network.film is not None:
            self.scales.append((*steps.scale(inner, inner, np.ones(count), np.zeros(count)), count))

        z, share = self._still("bent", layer.bottleneck), self._still("share", layer.to_head)
        first, second = inner.part(0, layer.bottleneck), inner.part(layer.bottleneck, count - layer.bottleneck)
        if (
            layer.gate == "none"
            and layer.head is None
            and not films.keys() & {"activation_post_film", "head1x1_post_film"}
        ):
            bend(steps, layer.activation, first, z, start, total)
        else:
            bend(steps, layer.activation, first, z)
            if layer.gate != "none":
                bend(steps, layer.second, second, second)
            if layer.gate == "gated":
                steps.multiply(second, z, z)
            elif layer.gate == "blended":
                steps.blend(second, z, first, z)
            self._film(layer, "activation_post_film", z, z)
            if layer.head is not None and "head1x1_post_film" not in films:
                steps.linear(taps(layer.head, z), layer.head.bias, total, start)
            else:
                if layer.head is not None:
                    steps.linear(taps(layer.head, z), layer.head.bias, share)
                given = self._film(layer, "head1x1_post_film", share if layer.head is not None else z, share)
                steps.multiply(given, steps.ones, total, start)
        if layer.residual is not None:
            steps.linear(taps(layer.residual, z), layer.residual.bias, following, x)
        else:
            steps.multiply(x, steps.ones, following)

    def _film(self, layer: Layer, place: str, rows: Rows, out: Rows) -> Rows:
        """``rows`` scaled and shifted by the condition into ``out``; ``rows`` themselves where the layer has no such block."""
        if place not in layer.films:
            return rows
        block = layer.films[place]
        numbers = self._still("film", block.outputs)
        self.steps.linear(taps(block, self.condition), block.bias, numbers)
        shift = numbers.part(rows.count, rows.count) if block.outputs > rows.count else None
        self.steps.multiply(rows, numbers.part(0, rows.count), out, shift)
        return out
