"""Reads the JSON of CoreAudioML, which Proteus, NeuralPi and BYOD play: one recurrent layer in torch's orientation.

Source: ``networks.py`` of Alec-Wright/CoreAudioML, ``src/RTNeuralLSTM.cpp`` of GuitarML/Proteus. Proteus adds the dry input
whatever ``skip`` says, and that is what is read here.
"""

import numpy as np

from drywet.engine.contract import Array
from drywet.engine.formats.file import ModelFile, checked_rate, metadata_of
from drywet.engine.formats.tree import Node
from drywet.engine.recurrent import GATES, CellLayer, Recurrent
from drywet.text import one_line

RATE = 44_100
_MOST_LAYERS = 8


def read_proteus(root: Node) -> ModelFile:
    """The model in a parsed Proteus file."""
    data, weights = root["model_data"], root["state_dict"]
    data.get("model", "SimpleRNN").choice(("SimpleRNN",))
    cell = data["unit_type"].choice(("LSTM", "GRU")).lower()
    inputs, units = data["input_size"].integer(1, 17), data["hidden_size"].integer(1, 1024)
    layers, skip = data["num_layers"].integer(1, _MOST_LAYERS), data.get("skip", 1).integer(0, 1)
    data.get("output_size", 1).integer(1, 1)
    rows = GATES[cell] * units
    has_bias = data.get("bias_fl", True).boolean()
    notes: list[str] = []
    found = []
    for number in range(layers):
        fed = inputs if number == 0 else units
        zeros = np.zeros(units, np.float32)
        bias, second = (
            weights[f"rec.bias_{part}_l{number}"].array(rows) if has_bias else np.zeros(rows, np.float32)
            for part in ("ih", "hh")
        )
        weight = weights[f"rec.weight_ih_l{number}"].array(rows, fed)
        recurrent = weights[f"rec.weight_hh_l{number}"].array(rows, units)
        found.append(CellLayer(cell, weight, recurrent, bias, second, zeros, zeros))
    head = weights["lin.weight"].array(1, units)[0]
    head_bias = float(weights["lin.bias"].array(1)[0])
    if not skip:
        notes.append("skip is 0, yet Proteus adds the dry signal; Open-Amp would not")
    wanted = {
        f"rec.{kind}_{part}_l{number}"
        for number in range(layers)
        for kind in ("weight", "bias")
        for part in ("ih", "hh")
    }
    unknown = sorted(set(weights.object()) - wanted - {"lin.weight", "lin.bias"})
    if unknown:
        notes.append(f"weights that nothing uses: {', '.join(one_line(name, 40) for name in unknown[:5])}")
    rate, _ = checked_rate(root.get("sample_rate"), RATE)
    return ModelFile(
        format="proteus",
        version="",
        architecture=f"{cell}-{units}",
        network=Recurrent(tuple(found), head, head_bias, dry_gain=1.0),
        sample_rate=rate,
        settle=0,
        knobs=_knobs(root, inputs - 1),
        notes=tuple(notes),
        weight_count=sum(_size(layer) for layer in found) + units + 1,
        metadata=metadata_of(root),
        dry_path=1.0,
    )


def _size(layer: CellLayer) -> int:
    parts: tuple[Array, ...] = (layer.input_weight, layer.recurrent_weight, layer.bias, layer.recurrent_bias)
    return sum(part.size for part in parts)


def _knobs(root: Node, count: int) -> tuple[str, ...]:
    if "metadata" in root and "knobs" in root["metadata"]:
        names = [node.name() for node in root["metadata"]["knobs"].list(16)]
        if len(names) == count == len(set(names)) and all(names):
            return tuple(names)
    return tuple(f"knob {number}" for number in range(1, count + 1))
