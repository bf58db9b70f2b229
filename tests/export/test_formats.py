"""Every family to every format: it fits and sounds the same when read back, or it is refused with a reason."""

import contextlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import require_program
from small_models import SMALL

from drywet import audio
from drywet.effect import render
from drywet.engine import EngineEffect, read_bytes
from drywet.engine.activations import Activation
from drywet.engine.convolution import Convolution, Stack
from drywet.errors import ExportError, ModelFileError
from drywet.export import c_check, nam, proteus
from drywet.export.about import About, Labels
from drywet.export.changes import dry_as_unit, frozen, padded
from drywet.export.formats import FORMATS, check, family_for
from drywet.models import FAMILIES, TrainedEffect, build, model_bytes

RATE = 48_000
KNOBS = {"drive": 0.3, "tone": 0.9}
TOLERANCE = 1e-5
# What fits where, without knobs; numpy holds everything.
HOLDS = {
    "nam": {"lstm", "wavenet", "linear", "gain"},
    "aidax": {"lstm", "gru"},
    "proteus": {"lstm"},
    "rtneural": {"lstm", "gru", "linear", "gain"},
    "onnx": set(SMALL) - {"grey-box"},
    "numpy": set(SMALL),
    "c": set(SMALL) - {"window-lstm"},
}


def small_model(family, controls=(), **settings):
    torch.manual_seed(1)
    model = build(FAMILIES[family][0](controls=controls, **(SMALL[family] | settings)))
    model.dry_scale.fill_(3.0)
    model.wet_scale.fill_(0.5)
    return model


def network_of(model):
    return read_bytes(model_bytes(model, RATE), "model").network


@pytest.fixture(scope="module")
def noise():
    """Noise after enough silence for every model here to come to rest."""
    dry = 0.2 * np.random.default_rng(3).standard_normal(1100)
    dry[:800] = 0
    return dry.astype(np.float32)


def difference(model, content, dry, knobs):
    """Of the trained model and the file that was read back, after both have come to rest."""
    file = read_bytes(content, "written")
    wet = render(EngineEffect(file, settle=False), dry, dict(zip(file.knobs, knobs.values(), strict=True)))
    return np.abs(wet - render(TrainedEffect(model, RATE), dry, knobs))[700:].max()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", FORMATS)
def test_a_file_that_is_read_back_sounds_as_the_model_or_the_format_refuses(name, family, noise):
    model, chosen = small_model(family), FORMATS[name]
    if family not in HOLDS[name]:
        with pytest.raises(ExportError, match=rf"distill .* --for {name}|numpy and c|Train the lstm family"):
            chosen.fit(network_of(model))
        return
    content = chosen.write(chosen.fit(network_of(model)), About(RATE, settle=0))
    assert difference(model, content, noise, {}) < TOLERANCE


@pytest.mark.parametrize(
    ("name", "family"),
    [("aidax", "lstm"), ("aidax", "gru"), ("rtneural", "gru"), *(
        (name, family) for name in ("onnx", "numpy", "c") for family in sorted(HOLDS[name]))],
)  # fmt: skip
def test_knobs_travel_with_the_formats_that_have_them(name, family, noise):
    model, chosen = small_model(family, tuple(KNOBS)), FORMATS[name]
    content = chosen.write(chosen.fit(network_of(model)), About(RATE, tuple(KNOBS)))
    assert read_bytes(content, "written").knobs == tuple(KNOBS)
    assert difference(model, content, noise, KNOBS) < TOLERANCE


@pytest.mark.parametrize("family", SMALL)
def test_frozen_knobs_sound_as_knobs_that_stand_there_one_by_one_or_together(family, noise):
    model = small_model(family, tuple(KNOBS))
    file = read_bytes(model_bytes(model, RATE), "model")
    expected = render(TrainedEffect(model, RATE), noise, KNOBS)[700:]
    drive_left = replace(file, network=frozen(file.network, {1: KNOBS["tone"]}), knobs=("drive",))
    for still in (drive_left, replace(file, network=frozen(file.network, {0: 0.3, 1: 0.9}), knobs=())):
        knobs = {name: KNOBS[name] for name in still.knobs}
        wet = render(EngineEffect(still, settle=False), noise, knobs)[700:]
        np.testing.assert_allclose(wet, expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize("family", ["gru", "lstm", "s4d", "wavenet", "window-lstm", "wiener-hammerstein", "linear"])
@pytest.mark.parametrize("controls", [(), tuple(KNOBS)], ids=["no knobs", "two knobs"])
def test_onnxruntime_plays_the_graph_as_the_model(family, controls, noise):
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed (extra: test)")
    model, chosen = small_model(family, controls), FORMATS["onnx"]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        chosen.write(chosen.fit(network_of(model)), About(RATE, controls)), options, providers=["CPUExecutionProvider"]
    )
    knobs = {"knobs": np.array([KNOBS[name] for name in controls], np.float32)} if controls else {}
    states = {i.name: np.zeros(i.shape, np.float32) for i in session.get_inputs() if i.name.startswith("state")}
    names = [output.name for output in session.get_outputs()]
    parts = []
    for block in (noise[:500], noise[500:501], noise[501:]):
        results = dict(zip(names, session.run(None, {"dry": block, **knobs, **states}), strict=True))
        parts.append(results["wet"])
        states = {name: results[f"{name}_next"] for name in states}
    expected = render(TrainedEffect(model, RATE), noise, {name: KNOBS[name] for name in controls})
    np.testing.assert_allclose(np.concatenate(parts)[700:], expected[700:], rtol=0, atol=TOLERANCE)


def test_a_window_lstm_of_the_default_size_is_read_back_from_onnx():
    """Its results for 512 samples at once would be more than is read."""
    network = network_of(build(FAMILIES["window-lstm"][0]()))
    file = read_bytes(FORMATS["onnx"].write(FORMATS["onnx"].fit(network), About(RATE)), "written")
    dry = 0.2 * np.random.default_rng(0).standard_normal(300)
    none = np.zeros(0)
    np.testing.assert_allclose(file.network.process(dry, none), network.process(dry, none), rtol=0, atol=1e-9)


def test_a_sample_rate_travels_where_the_format_has_none():
    content = FORMATS["rtneural"].write(FORMATS["rtneural"].fit(network_of(small_model("gru"))), About(44_100))
    assert read_bytes(content, "written").sample_rate == 44_100


def test_a_curve_that_no_engine_of_nam_knows_is_not_written_for_it():
    layers = (Convolution(np.ones((1, 1, 2), np.float32), np.zeros(1), 1, Activation("ELU")),
              Convolution(np.ones((1, 1, 1), np.float32), np.zeros(1)))  # fmt: skip
    with pytest.raises(ExportError, match="nam file cannot hold"):
        FORMATS["nam"].fit(Stack(layers))


@pytest.mark.parametrize("family", sorted(HOLDS["c"]))
def test_a_compiled_c_header_plays_its_test_vector(family):
    """The vector comes from the float64 network, which other tests hold against the trainer."""
    require_program("cc")
    controls = tuple(KNOBS) if family in ("grey-box", "gru", "s4d", "wavenet", "wiener-hammerstein") else ()
    network = FORMATS["c"].fit(network_of(small_model(family, controls)))
    content = FORMATS["c"].write(network, About(RATE, controls, Labels(name="8 */ #error evil")))
    assert b"*/ #error" not in content
    assert c_check.run(content) < TOLERANCE


def test_a_c_header_with_another_weight_fails_its_own_test():
    require_program("cc")
    content = FORMATS["c"].write(network_of(small_model("gain")), About(RATE)).decode()
    line = next(line for line in content.split("\n") if line.startswith("    ") and line.endswith("f"))
    assert c_check.run(content.replace(line, "    9.0f", 1).encode()) > 0.1


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_units_of_zero_weights_change_nothing(cell, noise):
    network = network_of(small_model(cell))
    plain, wide = (one.process(noise[800:], np.zeros(0)) for one in (network, padded(network, 11)))
    np.testing.assert_allclose(plain, wide, rtol=0, atol=1e-12)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("gain", [1.0, -0.7])
def test_a_unit_passes_the_dry_signal_on(cell, layers, gain):
    network = replace(network_of(small_model(cell, layers=layers)), dry_gain=0.0)
    dry = np.sin(np.arange(200) / 5)
    with_unit = dry_as_unit(network, gain)
    assert with_unit.dry_gain == 0
    added = with_unit.process(dry, np.zeros(0)) - network.process(dry, np.zeros(0))
    np.testing.assert_allclose(added, gain * dry, rtol=0, atol=1e-6)


def test_an_lstm_file_for_nam_is_of_the_oldest_version_and_has_the_counted_weights():
    """3 units: 4 H (1 + H) + 4 H + 2 H + H + 1 = 70."""
    values = json.loads(FORMATS["nam"].write(network_of(small_model("lstm", hidden_size=3, skip=False)), About(RATE)))
    assert values["version"] == "0.5.4"
    assert len(values["weights"]) == 70
    assert values["sample_rate"] == RATE


def test_an_a1_standard_for_nam_has_its_13802_weights_and_a_last_that_is_the_head_scale():
    torch.manual_seed(0)
    model = build(FAMILIES["wavenet"][0](head_scale=0.25))
    values = json.loads(FORMATS["nam"].write(network_of(model), About(RATE)))
    assert (values["version"], len(values["weights"])) == ("0.5.4", 13_802)
    assert values["weights"][-1] == values["config"]["head_scale"] == 0.25
    assert not {"bottleneck", "gating_mode", "kernel_sizes"} & set(values["config"]["layers"][0])


def test_what_players_take_for_numbers_are_numbers():
    labels = Labels(name="x", input_level_dbu=12)
    nam = json.loads(FORMATS["nam"].write(network_of(small_model("gain")), About(RATE, labels=labels, loudness=-20.0)))
    assert (nam["metadata"]["loudness"], nam["metadata"]["input_level_dbu"]) == (-20.0, 12.0)
    aidax = json.loads(FORMATS["aidax"].write(FORMATS["aidax"].fit(network_of(small_model("gru"))), About(RATE)))
    assert (aidax["samplerate"], aidax["metadata"]["samplerate"], aidax["in_skip"]) == (RATE, RATE, 1)
    assert len(aidax["input_batch"]) == len(aidax["output_batch"]) == 2048
    assert aidax["out_gain"] == pytest.approx(20 * np.log10(3.0 * 0.5))  # the scales inside the model


@pytest.mark.parametrize(
    ("family", "settings", "name", "reason"),
    [
        ("lstm", {"hidden_size": 96}, "aidax", "96 units are more"),
        ("lstm", {"hidden_size": 40}, "proteus", "needs one more"),
        ("lstm", {"hidden_size": 41}, "proteus", "41"),
        ("lstm", {"layers": 2}, "aidax", "one layer"),
        ("gru", {}, "nam", "no GRU"),
        ("s4d", {}, "nam", "drywet distill"),
        ("grey-box", {}, "onnx", "diode equation"),
    ],
)
def test_a_model_that_will_not_fit_is_refused_before_training(family, settings, name, reason):
    with pytest.raises(ExportError, match=reason):
        check(FAMILIES[family][0](**settings), name)


@pytest.mark.parametrize("name", FORMATS)
def test_the_family_that_is_trained_for_a_format_fits_it(name):
    family = family_for(name)
    for one in [family] if family else ("s4d", "grey-box"):  # of which a trial chooses
        check(FAMILIES[one][0](), name)


def test_before_training_it_is_said_that_knobs_and_rate_do_not_travel():
    notes = check(FAMILIES["lstm"][0](hidden_size=8, controls=("drive", "tone", "level")), "aidax", 44_100)
    assert "2 knobs" in notes[0]
    assert "48000" in notes[1]
    assert check(FAMILIES["lstm"][0](hidden_size=8), "nam", 44_100) == ()


GOLDEN = Path(__file__).parents[1] / "golden"


def written_again(file, name):
    """The golden file and what drywet writes from what it reads there, both parsed."""
    content = (GOLDEN / file).read_bytes()
    back = read_bytes(content, file)
    return json.loads(content), json.loads(
        FORMATS[name].write(FORMATS[name].fit(back.network), About(back.sample_rate))
    )


@pytest.mark.parametrize("name", ["wavenet_small", "wavenet_small_gated", "linear_32", "convnet_plain"])
def test_a_golden_nam_file_is_written_again_number_by_number(name):
    """The real engine plays the golden file as its outputs say, so it plays ours so."""
    theirs, ours = written_again(f"nam/{name}.nam", "nam")
    np.testing.assert_array_equal(np.float32(ours["weights"]), np.float32(theirs["weights"]))
    theirs["config"].pop("head_scale", None), ours["config"].pop("head_scale", None)  # the last weight is what counts
    assert ours["config"] == theirs["config"]


def test_a_golden_a2_file_is_written_again_key_by_key():
    """As the trainer writes it, so NAM's engine takes its quick path for it."""
    golden = json.loads((GOLDEN / "nam/container_a2.nam").read_text())["config"]["submodels"]
    sizes = [
        (top, inner.network) for top, inner in read_bytes((GOLDEN / "nam/container_a2.nam").read_bytes(), "x").sizes
    ]
    ours = json.loads(nam.write_container(sizes, About(RATE)))
    assert (ours["version"], ours["weights"]) == ("0.7.0", [])
    for mine, theirs in zip(ours["config"]["submodels"], golden, strict=True):
        assert mine["max_value"] == theirs["max_value"]
        np.testing.assert_array_equal(np.float32(mine["model"]["weights"]), np.float32(theirs["model"]["weights"]))
        (layers,), (golden_layers,) = mine["model"]["config"]["layers"], theirs["model"]["config"]["layers"]
        assert golden_layers.pop("slimmable") is None
        (
            layers["head1x1"].pop("out_channels"),
            golden_layers["head1x1"].pop("out_channels"),
        )  # of a head that is not active
        assert layers == golden_layers


def test_a_wavenet_with_everything_is_written_again_and_sounds_as_in_nams_engine():
    file = read_bytes((GOLDEN / "nam/wavenet_everything.nam").read_bytes(), "x")
    again = read_bytes(FORMATS["nam"].write(FORMATS["nam"].fit(file.network), About(RATE)), "again")
    dry = audio.read(GOLDEN / "nam/input.wav")[0]
    expected = np.load(GOLDEN / "nam/wavenet_everything.npy")
    np.testing.assert_allclose(render(EngineEffect(again), dry), expected, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize(
    ("change", "version"),
    [
        ({}, "0.5.4"),
        ({"gated": True, "activation": "ReLU"}, "0.5.4"),
        ({"activation": {"type": "LeakyReLU", "negative_slope": 0.2}}, "0.6.0"),
        ({"activation": ["Tanh", "ReLU"]}, "0.6.0"),
        ({"gating_mode": "blended"}, "0.6.0"),
        ({"gating_mode": "gated", "secondary_activation": "Hardtanh"}, "0.6.0"),
        ({"layer1x1": {"active": False}}, "0.6.0"),
        ({"head1x1": {"active": True, "out_channels": 2}}, "0.6.0"),
        ({"conv_post_film": {"active": True}}, "0.6.0"),
        ({"kernel_size": None, "kernel_sizes": [2, 3]}, "0.7.0"),
        ({"head": {"out_channels": 1, "kernel_size": 2, "bias": True, "head_dilation": 3}}, "0.7.0"),
    ],
)
def test_a_wavenet_is_written_in_the_lowest_version_that_has_a_word_for_it(change, version):
    """The versions are those of model-file.rst of neural-amp-modeler."""
    array = {"input_size": 1, "condition_size": 1, "head_size": 1, "channels": 2, "kernel_size": 2, "dilations": [1, 2],
             "activation": "Tanh", "gated": False, "head_bias": True} | change  # fmt: skip
    array = {key: value for key, value in array.items() if value is not None}
    values = {"version": "0.7.0", "architecture": "WaveNet", "config": {"layers": [array]}, "sample_rate": RATE}
    chance = np.random.default_rng(0)
    for count in range(10, 100):  # the one that the reader takes
        values["weights"] = chance.uniform(-0.5, 0.5, count).tolist()
        with contextlib.suppress(ModelFileError):
            network = read_bytes(json.dumps(values).encode(), "x").network
            break
    written = FORMATS["nam"].write(FORMATS["nam"].fit(network), About(RATE))
    assert json.loads(written)["version"] == version
    again, dry = read_bytes(written, "again").network, chance.uniform(-1, 1, 50)
    np.testing.assert_allclose(again.process(dry, np.zeros(0)), network.process(dry, np.zeros(0)), rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", ["lstm_8", "gru_8", "lstm_16_two_inputs", "conv1d_dense_tanh"])
def test_a_golden_rtneural_file_is_written_again_number_by_number(name):
    theirs, ours = written_again(f"rtneural/{name}.json", "rtneural")
    assert ours["in_shape"] == theirs["in_shape"]
    for mine, golden in zip(ours["layers"], theirs["layers"], strict=True):
        assert {key: mine[key] for key in golden if key != "weights"} == {
            k: v for k, v in golden.items() if k != "weights"
        }
        for part, golden_part in zip(mine["weights"], golden["weights"], strict=True):
            np.testing.assert_array_equal(np.float32(part), np.float32(golden_part))


def test_a_golden_proteus_file_is_written_again_number_by_number():
    theirs, ours = written_again("proteus/lstm_40_knob.json", "proteus")
    assert ours["model_data"] == theirs["model_data"]
    assert ours["state_dict"].keys() == theirs["state_dict"].keys()
    for name, values in theirs["state_dict"].items():
        np.testing.assert_array_equal(np.float32(ours["state_dict"][name]), np.float32(values))


@pytest.mark.parametrize(("knobs", "holder"), [(0, "nam"), (1, "rtneural")])
def test_two_layers_do_not_go_into_proteus_and_who_holds_them_is_said(knobs, holder):
    network = network_of(small_model("lstm", controls=("drive",)[:knobs], layers=2))
    with pytest.raises(ExportError, match=f"one layer, this model has 2; the format {holder} holds it"):
        proteus.fit(network)
    FORMATS[holder].fit(network)
