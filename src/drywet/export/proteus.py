"""Writes the JSON of Proteus: one LSTM layer of 40 units in torch's orientation, to which the player adds the dry input.

Sources: ``networks.py`` of Alec-Wright/CoreAudioML, ``src/RTNeuralLSTM.cpp`` of GuitarML/Proteus.
"""

from typing import Any

from drywet.engine.contract import Network
from drywet.engine.recurrent import Recurrent
from drywet.errors import ExportError
from drywet.export.about import About
from drywet.export.changes import dry_as_unit, padded
from drywet.export.nam import instead
from drywet.export.text import encode, numbers

UNITS = 40
RATE = 44_100
KNOBS = 1


def fit(network: Network) -> Recurrent:
    """The network as Proteus plays it, less the dry signal that Proteus adds; ExportError if it cannot."""
    if not isinstance(network, Recurrent) or network.cell != "lstm":
        raise ExportError(f"Proteus plays one LSTM, not this: {network.describe()}. {instead('proteus')}")
    if len(network.layers) > 1:
        holder = "rtneural holds" if network.knobs else "nam holds"  # a .nam file has no knobs
        raise ExportError(f"Proteus plays one layer, this model has {len(network.layers)}; the format {holder} it")
    if network.knobs > KNOBS:
        raise ExportError(f"Proteus has one knob, this model {network.knobs}; freeze some with --set NAME=POSITION")
    missing = network.dry_gain - 1.0  # so much more of the dry signal than Proteus adds
    units = network.layers[0].units
    if units + (missing != 0) > UNITS:
        more = "; Proteus adds the dry signal, and taking it out again needs one more" if missing else ""
        raise ExportError(
            f"Proteus plays {UNITS} units, this model has {units}{more}. Train with model.hidden_size of at most "
            f"{UNITS - 1}, or take the format nam, which holds any number"
        )
    return padded(dry_as_unit(network, missing), UNITS)


def write(network: Recurrent, about: About) -> bytes:
    """The content of a Proteus file of a network that :func:`fit` gave."""
    (layer,) = network.layers
    data = {
        "model": "SimpleRNN",
        "input_size": layer.inputs,
        "skip": 1,
        "output_size": 1,
        "unit_type": "LSTM",
        "num_layers": 1,
        "hidden_size": layer.units,
        "bias_fl": True,
    }
    state = {
        "rec.weight_ih_l0": numbers(layer.input_weight),
        "rec.weight_hh_l0": numbers(layer.recurrent_weight),
        "rec.bias_ih_l0": numbers(layer.bias),
        "rec.bias_hh_l0": numbers(layer.recurrent_bias),
        "lin.weight": numbers(network.head[None]),
        "lin.bias": numbers([network.head_bias]),
    }
    metadata: dict[str, Any] = {
        "name": about.labels.name or "",
        **about.labels.model_dump(exclude_none=True),
        "knobs": list(about.knobs),
        "drywet": dict(about.source),
    }
    return encode({"model_data": data, "state_dict": state, "sample_rate": about.sample_rate, "metadata": metadata})
