"""LSTM and GRU networks: layers of one kind of cell, and one dense output.

Gates stand in torch's order: input, forget, candidate, output; and reset, update, new. The equations are those of
``models/lstm_cell.py`` and ``models/gru_cell.py``.
"""

from dataclasses import dataclass, field

import numpy as np

from drywet.engine.activations import sigmoid
from drywet.engine.contract import LARGEST_WEIGHTS, Array, Network, limit
from drywet.errors import ModelFileError

GATES = {"lstm": 4, "gru": 3}


@dataclass(frozen=True, eq=False)
class CellLayer:
    """One layer; N is 4 H for an LSTM, 3 H for a GRU.

    Attributes
    ----------
    cell : str
        ``"lstm"`` or ``"gru"``.
    input_weight, recurrent_weight : array, shape (N, F) and (N, H)
    bias, recurrent_bias : array, shape (N,)
        An LSTM adds the two; a GRU keeps the second inside its reset gate.
    hidden, memory : array, shape (H,)
        The state to begin with; a GRU has no ``memory``.
    """

    cell: str
    input_weight: Array
    recurrent_weight: Array
    bias: Array
    recurrent_bias: Array
    hidden: Array
    memory: Array

    def __post_init__(self) -> None:
        if self.cell not in GATES:
            raise ModelFileError(f"no recurrent cell is called {self.cell!r}; known are {', '.join(GATES)}")
        units, rows = len(self.hidden), GATES[self.cell] * len(self.hidden)
        found = [
            part.shape for part in (self.recurrent_weight, self.bias, self.recurrent_bias, self.hidden, self.memory)
        ]
        if units == 0 or self.input_weight.ndim != 2 or len(self.input_weight) != rows or found != [
            (rows, units), (rows,), (rows,), (units,), (units,)
        ]:  # fmt: skip
            raise ModelFileError(
                f"weights of shapes {self.input_weight.shape}, {', '.join(map(str, found))} are no {self.cell} layer"
            )

    @property
    def units(self) -> int:
        return len(self.hidden)

    @property
    def inputs(self) -> int:
        return self.input_weight.shape[1]

    def runner(self) -> "CellRunner":
        return LSTMRunner(self) if self.cell == "lstm" else GRURunner(self)


class CellRunner:
    """A layer with its state."""

    def __init__(self, layer: CellLayer):
        self.input_weight, self.recurrent_weight = (
            part.astype(np.float64) for part in (layer.input_weight, layer.recurrent_weight)
        )
        self.bias, self.recurrent_bias = (part.astype(np.float64) for part in (layer.bias, layer.recurrent_bias))
        self.h, self.c = layer.hidden.astype(np.float64), layer.memory.astype(np.float64)

    def process(self, x: Array) -> Array:
        """Hidden units (T, H) for inputs (T, F)."""
        raise NotImplementedError


class LSTMRunner(CellRunner):
    def process(self, x: Array) -> Array:
        units, h, c = len(self.h), self.h, self.c
        halved = np.repeat(
            [0.5, 0.5, 1.0, 0.5], units
        )  # sigmoid(x) = 0.5 + 0.5 tanh(x / 2), so one tanh serves all gates
        from_input = (x @ self.input_weight.T + (self.bias + self.recurrent_bias)) * halved
        recurrent = self.recurrent_weight * halved[:, None]
        hidden = np.empty((len(x), units))
        for t in range(len(x)):
            i, f, g, o = np.tanh(from_input[t] + recurrent @ h).reshape(4, units)
            c = (0.5 + 0.5 * f) * c + (0.5 + 0.5 * i) * g
            h = (0.5 + 0.5 * o) * np.tanh(c)
            hidden[t] = h
        self.h, self.c = h, c
        return hidden


class GRURunner(CellRunner):
    def process(self, x: Array) -> Array:
        units, h = len(self.h), self.h
        from_input = x @ self.input_weight.T + self.bias
        hidden = np.empty((len(x), units))
        for t in range(len(x)):
            remembered = self.recurrent_weight @ h + self.recurrent_bias
            r, z = sigmoid(from_input[t, : 2 * units] + remembered[: 2 * units]).reshape(2, units)
            n = np.tanh(from_input[t, 2 * units :] + r * remembered[2 * units :])
            h = n + z * (h - n)
            hidden[t] = h
        self.h = h
        return hidden


@dataclass(eq=False)
class Recurrent(Network):
    """Layers, a dense output, and perhaps the dry signal added to it. Knobs are inputs beside the signal.

    Attributes
    ----------
    layers : tuple of CellLayer
    head : array, shape (H,)
    head_bias : float
    dry_gain : float
        How much of the dry signal is added: 0 without skip connection.
    """

    kind = "recurrent"
    receptive_field = None

    layers: tuple[CellLayer, ...]
    head: Array
    head_bias: float
    dry_gain: float = 0.0
    runners: list[CellRunner] = field(init=False, default_factory=list, repr=False)

    def __post_init__(self) -> None:
        limit(
            sum(layer.input_weight.size + layer.recurrent_weight.size for layer in self.layers),
            LARGEST_WEIGHTS,
            "weights",
        )
        if not self.layers or self.layers[0].inputs < 1:
            raise ModelFileError("a recurrent network needs a layer with an input")
        for below, above in zip(self.layers, self.layers[1:], strict=False):
            if above.inputs != below.units or above.cell != below.cell:
                raise ModelFileError(
                    f"a {above.cell} layer of {above.inputs} inputs follows a {below.cell} layer of {below.units} units"
                )
        if self.head.shape != (self.layers[-1].units,):
            raise ModelFileError(f"the output has {self.head.shape} weights for {self.layers[-1].units} units")
        self.reset()

    @property
    def knobs(self) -> int:
        return self.layers[0].inputs - 1

    @property
    def cell(self) -> str:
        return self.layers[0].cell

    def reset(self) -> None:
        self.runners = [layer.runner() for layer in self.layers]

    def process(self, dry: Array, knobs: Array) -> Array:
        dry = np.asarray(dry, np.float64)
        x = np.empty((len(dry), 1 + self.knobs))
        x[:, 0], x[:, 1:] = dry, knobs
        for runner in self.runners:
            x = runner.process(x)
        return x @ self.head + self.head_bias + self.dry_gain * dry

    def settle(self, samples: int, knobs: Array) -> None:
        """As ever, but no longer than the state still moves."""
        for start in range(0, samples, 512):
            before = [(runner.h, runner.c) for runner in self.runners]
            self.process(np.zeros(min(512, samples - start)), knobs)
            moved = max(
                max(np.abs(runner.h - h).max(), np.abs(runner.c - c).max())
                for runner, (h, c) in zip(self.runners, before, strict=True)
            )
            if moved < 1e-13:
                return

    def cost(self) -> int:
        signal = len(self.layers[0].input_weight) + sum(layer.input_weight.size for layer in self.layers[1:])
        return signal + sum(layer.recurrent_weight.size for layer in self.layers) + len(self.head)

    def describe(self) -> str:
        sizes = {layer.units for layer in self.layers}
        units = f"{self.layers[0].units} units" if len(sizes) == 1 else "layers of different size"
        layers = f"{len(self.layers)} layers of " if len(self.layers) > 1 else ""
        return f"{self.cell.upper()}, {layers}{units}"
