"""Readers and networks against what the players' own engines put out (tests/golden: NAM Core 0.5.5, RTNeural 1.0.0)."""

import json
from pathlib import Path

import numpy as np
import pytest

from drywet import audio
from drywet.engine import EngineEffect, read, read_bytes

GOLDEN = Path(__file__).parents[1] / "golden"
TOLERANCE = 1e-5
LSTM = ("lstm_h8", "lstm_h6_two_layers", "lstm_h16_initial_state")
CONVOLUTIONS = (
    "wavenet_small",
    "wavenet_small_gated",
    "wavenet_a1_standard",
    "wavenet_everything",
    "convnet_batchnorm",
    "convnet_plain",
    "container_small",
    "container_a2",
)


@pytest.fixture(scope="module")
def dry():
    return audio.read(GOLDEN / "nam" / "input.wav")[0]


def played(effect, dry, knobs=None, block=512):
    return np.concatenate([effect.process(dry[n : n + block], knobs or {}) for n in range(0, len(dry), block)])


def golden(name):
    return np.load(GOLDEN / name)


@pytest.mark.parametrize("name", [*CONVOLUTIONS, "wavenet_small_other_head_scale", "linear_32", "lstm_h8"])
def test_a_nam_file_sounds_as_in_neural_amp_modelers_engine(name, dry):
    np.testing.assert_allclose(
        played(EngineEffect(read(GOLDEN / f"nam/{name}.nam")), dry), golden(f"nam/{name}.npy"), rtol=0, atol=TOLERANCE
    )


@pytest.mark.parametrize("name", [*CONVOLUTIONS, *LSTM])
def test_before_silence_has_passed_states_are_those_of_the_file_or_zero(name, dry):
    effect = EngineEffect(read(GOLDEN / f"nam/{name}.nam"), settle=False)
    np.testing.assert_allclose(played(effect, dry), golden(f"nam/{name}.no_prewarm.npy"), rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("name", ["container_small", "container_a2"])
def test_a_container_plays_the_first_model_above_the_chosen_size(name, dry):
    effect = EngineEffect(read(GOLDEN / f"nam/{name}.nam").at_size(0.25))
    np.testing.assert_allclose(played(effect, dry), golden(f"nam/{name}.size_0.25.npy"), rtol=0, atol=TOLERANCE)


def test_a_slimmable_wavenet_plays_in_full_and_says_so(dry):
    """Its player begins with all channels (``SlimmableWavenet`` in ``NAM/wavenet/slimmable.cpp``)."""
    values = json.loads((GOLDEN / "nam/wavenet_small.nam").read_text())
    values["config"]["layers"][0]["slimmable"] = {"method": "slice_channels_uniform", "kwargs": {}}
    wrapped = values | {"architecture": "SlimmableWavenet", "config": {"model": values["config"]}}
    for one in (values, wrapped):
        file = read_bytes(json.dumps(one).encode(), "slim.nam")
        assert any("full size" in note for note in file.notes)
        np.testing.assert_allclose(
            played(EngineEffect(file), dry), golden("nam/wavenet_small.npy"), rtol=0, atol=TOLERANCE
        )


@pytest.mark.parametrize(
    ("model", "output", "knob"),
    [
        ("rtneural/lstm_8", "rtneural/lstm_8", None),
        ("rtneural/gru_8", "rtneural/gru_8", None),
        ("rtneural/conv1d_dense_tanh", "rtneural/conv1d_dense_tanh", None),
        ("rtneural/lstm_16_two_inputs", "rtneural/lstm_16_two_inputs.p0.8", 0.8),
        ("aidax/lstm_12", "aidax/lstm_12", None),
        ("aidax/lstm_16_skip_gains", "aidax/lstm_16_skip_gains", None),
        ("aidax/gru_8_skip", "aidax/gru_8_skip", None),
        ("proteus/lstm_40", "proteus/lstm_40", None),
        ("proteus/lstm_40_knob", "proteus/lstm_40_knob.p0.25", 0.25),
    ],
)
def test_a_file_of_the_rtneural_players_sounds_as_in_rtneural(model, output, knob, dry):
    file = read(GOLDEN / f"{model}.json")
    knobs = dict.fromkeys(file.knobs, knob)
    assert len(knobs) == (knob is not None)
    wet = played(EngineEffect(file, settle=False), dry, knobs)
    np.testing.assert_allclose(wet, golden(f"{output}.npy"), rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("name", ["lstm_12", "gru_8_skip", "lstm_16_skip_gains"])
def test_the_self_test_of_an_aidax_file_passes(name):
    file = read(GOLDEN / f"aidax/{name}.json")
    file.network.reset()
    found = file.network.process(file.self_test.given, np.zeros(0))
    np.testing.assert_allclose(found, file.self_test.promised, rtol=0, atol=TOLERANCE)


def test_the_first_weight_of_a_linear_file_meets_the_present_sample_in_the_engine_and_the_oldest_in_the_trainer():
    impulse = np.eye(1, 32)[0]
    content = json.dumps(
        {
            "version": "0.5.4",
            "architecture": "Linear",
            "config": {"receptive_field": 3, "bias": False},
            "weights": [1, 0, 0.5],
        }
    ).encode()
    responses = [read_bytes(content, "x.nam", order).network.process(impulse, []) for order in ("engine", "trainer")]
    assert responses[0][:3].tolist() == [1, 0, 0.5]
    assert responses[1][:3].tolist() == [0.5, 0, 1]


@pytest.mark.parametrize("name", ["nam/wavenet_everything.nam", "nam/convnet_batchnorm.nam", "rtneural/gru_8.json"])
@pytest.mark.parametrize("block", [1, 333])
def test_any_cutting_into_blocks_gives_the_same_sound(name, block, dry):
    part = dry[3500:3900]
    effect = EngineEffect(read(GOLDEN / name), settle=False)
    whole = played(effect, part, block=len(part))
    effect.reset()
    np.testing.assert_allclose(played(effect, part, block=block), whole, rtol=0, atol=1e-6)
