"""``.nam`` files beside neural-amp-modeler's own networks, where that package is installed.

It is no dependency of the tests, because it brings Lightning; the outputs of NAM's engine in tests/golden are always there.
"""

import json

import numpy as np
import pytest
import torch
from small_models import SMALL

from drywet import files
from drywet.engine import EngineEffect, read
from drywet.export.export import export
from drywet.models import FAMILIES, build, model_bytes

RATE = 48_000
RUN_IN = 2000
DRY = (0.2 * np.random.default_rng(0).standard_normal(3000)).astype(np.float32)


@pytest.fixture(scope="module")
def trainer():
    return pytest.importorskip(
        "nam.models", reason="neural-amp-modeler is not installed: pip install neural-amp-modeler"
    )


def played(network):
    """DRY through a network of the trainer, run in on silence."""
    padded = torch.from_numpy(np.concatenate([np.zeros(RUN_IN, np.float32), DRY]))
    with torch.no_grad():
        return network.eval()(padded, pad_start=True).numpy()[-len(DRY) :]


def heard(path):
    """DRY through a file, as drywet plays it."""
    effect = EngineEffect(read(path), settle=False)
    return effect.process(np.concatenate([np.zeros(RUN_IN, np.float32), DRY]), effect.controls)[-len(DRY) :]


def test_an_exported_lstm_sounds_the_same_in_the_trainer(trainer, tmp_path):
    torch.manual_seed(0)
    model = build(FAMILIES["lstm"][0](hidden_size=8))
    files.write_bytes(tmp_path / "run" / "best.safetensors", model_bytes(model, RATE))
    export(tmp_path / "run", "nam", tmp_path / "pedal.nam")
    theirs = played(trainer.init_from_nam(json.loads((tmp_path / "pedal.nam").read_text())))
    assert np.abs(theirs).max() > 0.01
    np.testing.assert_allclose(heard(tmp_path / "pedal.nam"), theirs, atol=1e-5)


def test_an_exported_wavenet_has_the_weights_that_the_trainer_would_write(trainer, tmp_path):
    torch.manual_seed(0)
    arrays = [dict(array) for array in SMALL["wavenet"]["layer_arrays"]]
    model = build(FAMILIES["wavenet"][0](layer_arrays=arrays, head_scale=0.7))
    files.write_bytes(tmp_path / "run" / "best.safetensors", model_bytes(model, RATE))
    export(tmp_path / "run", "nam", tmp_path / "pedal.nam")
    written = json.loads((tmp_path / "pedal.nam").read_text())
    layers = [trainers_layer(layer) for layer in written["config"]["layers"]]
    network = trainer.wavenet.WaveNet.init_from_config(
        {"layers_configs": layers, "head_scale": written["config"]["head_scale"], "sample_rate": RATE}
    )
    network.import_weights(torch.tensor(written["weights"]))
    np.testing.assert_allclose(heard(tmp_path / "pedal.nam"), played(network), atol=1e-5)


def trainers_layer(layer):
    """A layer array of .nam 0.5 in the words of the trainer's settings."""
    same = {name: layer[name] for name in ("input_size", "condition_size", "channels", "kernel_size", "dilations")}
    head = {"out_channels": layer["head_size"], "kernel_size": 1, "bias": layer["head_bias"]}
    gated = {"name": "PairMultiply", "primary": "Tanh", "secondary": "Sigmoid"}
    return same | {"head": head, "activation": gated if layer["gated"] else "Tanh"}
