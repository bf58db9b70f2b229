"""Tiny model files of every format, and ways to damage them."""

import copy
import json
import random
import re
from pathlib import Path
from unittest import mock

import numpy as np
import torch

from drywet.engine import read_bytes
from drywet.export import c_header
from drywet.export.about import About
from drywet.export.formats import FORMATS
from drywet.models import FAMILIES, build, model_bytes

ODD = [
    None, True, False, -1, 0, 1, 2, 3, 0.5, 1e39, 1e308, -1e308, 10**30, 1 << 20, 1 << 40, "", "48000", "Tanh", "LSTM", "0.9.0",
    [], {}, [[]], [1], [1, 2], [None], {"type": "PReLU"}, [0.1] * 3,
]  # fmt: skip
RATE = 48_000
GOLDEN = Path(__file__).parent / "golden"


def tiny_model(family, **settings):
    torch.manual_seed(0)
    return build(FAMILIES[family][0](**settings))


def tiny_files():
    """A list of small valid files for each format."""
    lstm = {"hidden_size": 1}
    array = {"channels": 2, "head_size": 1, "dilations": [1, 2], "kernel_size": 2, "gated": True, "head_bias": True}
    models = {
        "lstm": tiny_model("lstm", **lstm),
        "gru": tiny_model("gru", hidden_size=1, controls=("drive",)),
        "wavenet": tiny_model("wavenet", layer_arrays=[array]),
        "linear": tiny_model("linear", taps=2),
        "grey-box": tiny_model("grey-box", filters_after=0),
    }
    own = {name: model_bytes(model, RATE) for name, model in models.items()}
    networks = {name: read_bytes(content, name) for name, content in own.items()}

    def written(format_, *names):
        chosen = FORMATS[format_]
        return [
            chosen.write(chosen.fit(networks[name].network), About(RATE, networks[name].knobs, settle=4))
            for name in names
        ]

    nam = written("nam", "lstm", "wavenet", "linear")
    inner = json.loads(nam[1])
    nam.append(
        json.dumps(
            {
                "version": "0.7.0",
                "architecture": "SlimmableContainer",
                "config": {"submodels": [{"max_value": 0.5, "model": inner}, {"max_value": 1.0, "model": inner}]},
                "weights": [],
                "sample_rate": RATE,
            }
        ).encode()
    )
    # The layers of one unit: the reader takes any number, and the eight that players want would be slow to damage.
    aidax = json.loads(written("aidax", "lstm")[0]) | json.loads(written("rtneural", "lstm")[0])
    aidax["input_batch"], aidax["output_batch"] = aidax["input_batch"][:4], aidax["output_batch"][:4]
    proteus = written("proteus", "lstm")[0]
    with mock.patch.object(c_header, "TEST_SAMPLES", 8):
        convolution = FORMATS["rtneural"].fit(networks["linear"].network)
        headers = [*written("c", "lstm", "linear", "grey-box"), FORMATS["c"].write(convolution, About(RATE))]
    return {
        "nam": nam,
        "aidax": [json.dumps(aidax).encode()],
        "proteus": [_smaller_proteus(proteus)],
        "rtneural": written("rtneural", "lstm", "gru", "linear"),
        "onnx": [*written("onnx", "lstm", "wavenet"), (GOLDEN / "onnx" / "gru_6_given_state.onnx").read_bytes()],
        "numpy": written("numpy", "lstm", "wavenet", "grey-box"),
        "c": headers,
        "drywet": list(own.values()),
    }


def _smaller_proteus(content):
    """The first unit only: the reader takes any number, and forty would be slow to damage ten thousand times."""
    values = json.loads(content)
    values["model_data"]["hidden_size"] = 1
    state = values["state_dict"]
    for name, array in state.items():
        array = np.array(array)
        if name.startswith("rec."):
            array = array.reshape(4, 40, -1)[:, :1]
            array = array[..., :1].reshape(4, 1) if "weight" in name else array.reshape(4)
        elif name == "lin.weight":
            array = array[:, :1]
        state[name] = array.tolist()
    return json.dumps(values).encode()


def mutate(content, chance):
    """A damaged copy: of JSON some value replaced, dropped or doubled, of all files bytes changed, cut or repeated."""
    inside = re.search(rb"(?<= )\{\"format\".*\}(?= \*/)", content)  # what a C header says of itself
    if content[:1] == b"{" and chance.random() < 0.75:
        return _mutate_tree(content, chance)
    if inside and content[:1] == b"/" and chance.random() < 0.4:
        return content[: inside.start()] + _mutate_tree(inside[0], chance) + content[inside.end() :]
    damaged = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 5))):
        at = chance.randrange(len(damaged) or 1)
        kind = chance.randrange(5)
        if kind == 0 and damaged:
            damaged[at] = chance.randrange(256)
        elif kind == 1:
            del damaged[at : at + chance.choice((1, 2, 8, 64))]
        elif kind == 2:
            damaged[at:at] = damaged[at : at + chance.choice((1, 4, 32))]
        elif kind == 3:
            damaged[at:at] = chance.choice(
                (b"[", b"{", b'"', b"NaN", b"9" * 40, b"\xff\xff\xff\xff\xff\x7f", b"[" * 2000)
            )
        else:
            del damaged[at:]
    return bytes(damaged)


def _places(value, found):
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found.append((value, key))
        _places(inner, found)
    return found


def _odd(chance):
    return copy.deepcopy(chance.choice(ODD))


def _mutate_tree(content, chance):
    tree = json.loads(content)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        places = _places(tree, [])
        if not places:
            break
        parent, key = chance.choice(places)
        kind = chance.randrange(6)
        if kind < 3:
            parent[key] = _odd(chance)
        elif kind == 3:
            del parent[key]
        elif isinstance(parent, list):
            parent.insert(key, copy.deepcopy(parent[key]) if kind == 4 else _odd(chance))
        else:
            parent[f"{key}{chance.choice(('', ' ', 's'))}"] = _odd(chance)
    text = json.dumps(tree)
    if chance.random() < 0.05:
        text = text[:-1] + ', "weights": [1], "layers": []}'
    return text.encode()


def rng(name):
    return random.Random(name)
