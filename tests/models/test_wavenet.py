"""Against Neural Amp Modeler's own engine (tests/golden/nam), and against torch's own convolution."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from drywet import audio, files
from drywet.errors import SettingsError
from drywet.models.parallel import threads
from drywet.models.trained import load_effect, model_bytes
from drywet.models.wavenet import LARGEST_WEIGHTS, SIZES, LayerArray, WaveNet, WaveNetSettings, weight_list
from drywet.settings import parse

GOLDEN = Path(__file__).parents[1] / "golden" / "nam"
NO_KNOBS = torch.zeros(1, 0)


def model_of_file(name):
    """A WaveNet with the settings and weights of a .nam file: the flat list as it is, its last number the scale."""
    content = json.loads((GOLDEN / f"{name}.nam").read_text())
    arrays = [
        {key: array[key] for key in LayerArray.model_fields if key in array} for array in content["config"]["layers"]
    ]
    *weights, head_scale = content["weights"]
    model = WaveNet(WaveNetSettings(layer_arrays=arrays, head_scale=head_scale))
    assert len(weights) == model.parameter_count()
    with torch.no_grad():
        model.weights.copy_(torch.tensor(weights))
    return model


def golden_input():
    return torch.from_numpy(audio.read(GOLDEN / "input.wav")[0]).reshape(1, -1)


def random_model(channels=4, gated=False, activation="Tanh", kernel_size=3, controls=()):
    torch.manual_seed(channels)
    arrays = (
        LayerArray(
            channels=channels,
            head_size=3,
            kernel_size=kernel_size,
            dilations=(1, 2, 70),
            activation=activation,
            gated=gated,
        ),
        LayerArray(
            channels=3,
            head_size=1,
            kernel_size=2,
            dilations=(1, 4),
            activation=activation,
            gated=not gated,
            head_bias=True,
        ),
    )
    return WaveNet(WaveNetSettings(layer_arrays=arrays, head_scale=0.7, controls=controls))


@pytest.mark.parametrize("name", ["wavenet_small", "wavenet_small_gated", "wavenet_a1_standard"])
def test_a_nam_file_sounds_as_in_the_engine(name):
    model, dry = model_of_file(name), golden_input()
    with torch.no_grad():
        ours, _ = model(dry, NO_KNOBS, model.initial_state(1))
        by_torch, _ = model._by_torch(dry, NO_KNOBS, model.initial_state(1)[0])
    expected = np.load(GOLDEN / f"{name}.npy")
    np.testing.assert_allclose(ours[0], expected, atol=1e-5)
    np.testing.assert_allclose(by_torch[0], expected, atol=1e-5)


@pytest.mark.parametrize("name", ["wavenet_small", "wavenet_small_gated"])
def test_a_past_of_zeros_sounds_as_in_the_engine(name):
    """And differs from rest: biases have run through a network at rest."""
    model = model_of_file(name)
    with torch.no_grad():
        ours, _ = model(golden_input(), NO_KNOBS, tuple(torch.zeros_like(part) for part in model.initial_state(1)))
    np.testing.assert_allclose(ours[0], np.load(GOLDEN / f"{name}.no_prewarm.npy"), atol=1e-5)
    assert np.abs(np.load(GOLDEN / f"{name}.no_prewarm.npy") - np.load(GOLDEN / f"{name}.npy")).max() > 1e-2


def test_parameter_counts_are_those_of_neural_amp_modeler():
    counts = {size: WaveNet(WaveNetSettings(size=size)).parameter_count() for size in SIZES}
    # Lite by hand: 7 layers of 12 channels (12 x 36 + 12 + 12 + 144 + 12) and 13 of 6 (6 x 18 + 6 + 6 + 36 + 6), with
    # 12, 12 x 6, 6 x 12 and 6 + 1 around them.
    assert counts == {"standard": 13_801, "lite": 7 * 612 + 13 * 162 + 12 + 72 + 72 + 7, "feather": 3025, "nano": 841}


def test_receptive_field_and_cost_of_the_standard_size():
    model = WaveNet(WaveNetSettings())
    assert model.receptive_field == 4093  # what the engine prewarms
    # Ten layers of 16 channels, ten of 8, the way in, between and out; the last residual leads nowhere.
    assert model.macs_per_sample() == 10 * (768 + 16 + 256) + 10 * (192 + 8 + 64) - 64 + 16 + 2 * 128 + 8


@pytest.mark.parametrize("controls", [(), ("drive", "tone")])
def test_the_initial_state_is_what_a_long_silence_leaves(controls):
    model, noon = random_model(5, gated=True, controls=controls), torch.full((2, len(controls)), 0.5)
    with torch.no_grad():
        model.weights.mul_(2)
        start = model.initial_state(2)
        zeros = tuple(torch.zeros_like(part) for part in start)
        _, settled = model(torch.zeros(2, model.receptive_field), noon, zeros)
    torch.testing.assert_close(start, settled, atol=1e-6, rtol=1e-5)
    assert start[0].abs().max() > 0.1


@pytest.mark.parametrize(
    ("channels", "gated", "activation", "kernel_size", "length", "knobs"),
    [
        (4, False, "Tanh", 3, 100, 0),
        (5, True, "Sigmoid", 4, 7, 0),  # shorter than the past of a layer
        (7, False, "ReLU", 3, 700, 2),
        (2, True, "Softsign", 3, 64, 1),
        (9, False, "Hardtanh", 1, 130, 1),
        (1, False, "LeakyReLU", 3, 33, 0),
    ],
)
def test_gradients_are_those_of_torch_in_float64(channels, gated, activation, kernel_size, length, knobs):
    """Weights, knobs and the state, through an output and a next state that are both used."""
    model = random_model(channels, gated, activation, kernel_size, ("drive", "tone")[:knobs]).double()
    dry, seen = torch.randn(3, length, dtype=torch.float64), []
    for ours in (False, True):
        generator = torch.Generator().manual_seed(1)
        controls = torch.rand(3, knobs, dtype=torch.float64, generator=generator).requires_grad_(knobs > 0)
        start = torch.randn(3, model.initial_state(1)[0].shape[1], dtype=torch.float64, generator=generator)
        start.requires_grad_()
        model.zero_grad()
        if ours:
            output, (after,) = model(dry, controls, (start,))
        else:
            output, after = model._by_torch(dry, controls, start)
        weights = torch.linspace(0, 1, after.numel(), dtype=torch.float64).view_as(after)
        (output.sin().sum() + (weights * after).cos().sum()).backward()
        leaves = [*model.parameters(), start, *([controls] if knobs else [])]
        seen.append([output.detach(), after.detach(), *(leaf.grad.clone() for leaf in leaves)])
    for by_torch, by_us in zip(*seen, strict=True):
        torch.testing.assert_close(by_us, by_torch, atol=3e-6, rtol=3e-6)


def test_gradients_do_not_depend_on_the_number_of_threads():
    model, dry, seen = random_model(8), torch.randn(9, 200), []
    for count in (1, 2):
        with threads(count):
            output, _ = model(dry, NO_KNOBS, model.initial_state(9))
            seen.append(torch.autograd.grad(output.square().sum(), model.weights)[0])
    assert torch.equal(*seen)


def test_two_forwards_before_a_backward_do_not_disturb_each_other():
    model, signals = random_model(4), torch.randn(2, 3, 90)
    state = model.initial_state(3)
    apart = [torch.autograd.grad(model(s, NO_KNOBS, state)[0].square().sum(), model.weights)[0] for s in signals]
    outputs = [model(s, NO_KNOBS, state)[0].square().sum() for s in signals]
    together = [torch.autograd.grad(output, model.weights)[0] for output in reversed(outputs)][::-1]
    for a, b in zip(apart, together, strict=True):
        assert torch.equal(a, b)


def test_a_state_that_was_passed_in_stays_as_it_was():
    model = random_model(4)
    state = model.initial_state(1)
    kept = state[0].clone()
    with torch.no_grad():
        _, (after,) = model(torch.randn(1, 500), NO_KNOBS, state)
        _, (unmoved,) = model(torch.zeros(1, 0), NO_KNOBS, (after,))
    assert torch.equal(state[0], kept)
    assert torch.equal(unmoved, after)
    assert not torch.equal(after, kept)


def test_without_knobs_there_is_nothing_but_the_weights_of_the_format():
    model, last = random_model(4), 0
    assert {name for name, _ in model.named_parameters()} == {"weights"}
    for weight in weight_list(model.settings.arrays):
        last += weight.size
    assert last == model.parameter_count()
    assert random_model(4, controls=("drive",)).parameter_count() > last


def test_a_file_keeps_layer_arrays_of_one_s_own(tmp_path):
    model = random_model(5, gated=True)
    files.write_bytes(tmp_path / "m.safetensors", model_bytes(model, 48_000))
    assert load_effect(tmp_path / "m.safetensors").model.settings == model.settings


ARRAY = {"channels": 4, "head_size": 1, "dilations": [1, 2]}


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ([ARRAY | {"head_size": 3}, ARRAY], "layer array 0 has head_size 3, the next has 4 channels"),
        ([ARRAY | {"head_size": 2}], "the last layer array has head_size 2"),
        ([ARRAY | {"channels": 512, "dilations": [1] * 256}], f"at most {LARGEST_WEIGHTS}"),
        ([ARRAY | {"dilations": [1 << 20] * 256}], "samples of past"),
        ([ARRAY | {"channels": 1 << 40}], "channels"),
        ([ARRAY | {"dilations": []}], "dilations"),
        ([ARRAY | {"activation": "Sine"}], "activation"),
        ([ARRAY] * 17, "layer_arrays"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(arrays, message):
    with pytest.raises(SettingsError, match=message):
        parse(WaveNetSettings, {"layer_arrays": arrays}, "here")


def test_a_network_is_named_by_its_size_or_by_its_arrays():
    assert WaveNetSettings().size == "standard"
    own = parse(WaveNetSettings, {"layer_arrays": [ARRAY]}, "here")
    assert own.size is None
    assert parse(WaveNetSettings, own.model_dump(mode="json"), "here") == own
    with pytest.raises(SettingsError, match="size 'lite' and layer_arrays both name a network; give one of the two"):
        parse(WaveNetSettings, {"size": "lite", "layer_arrays": [ARRAY]}, "here")


@pytest.mark.parametrize("avx_512", [True, False])
def test_sums_over_rows_are_those_of_numpy(avx_512, tmp_path):
    """Both tile sizes, the smaller one in a process that is told so before drywet is imported."""
    program = (
        "import sys\n"
        "import llvmlite.binding as b\n"
        "features = b.get_host_cpu_features()\n"
        "features.update((name, False) for name in features if name.startswith('avx512') and not int(sys.argv[1]))\n"
        "b.get_host_cpu_features = lambda: features\n"
        "import numpy as np\n"
        "from drywet.models.convolution_tiles import TILE_WIDTH, add_gradient, add_products\n"
        "assert TILE_WIDTH == (64 if features.get('avx512f') else 16)\n"
        "rng, rows, count, length = np.random.default_rng(0), 7, 6, 2 * TILE_WIDTH\n"
        "data = rng.standard_normal(count * 200)\n"
        "sources, places = np.arange(count) * 190 + 3, np.arange(count)[::-1].copy()\n"
        "weights, out, gradient = rng.standard_normal(rows * count), np.ones(rows * 300), np.ones(rows * count)\n"
        "add_products(out, 5, 300, rows, weights, places, count, data, sources, count, 0, length)\n"
        "signals = np.array([data[s : s + length] for s in sources])\n"
        "matrix = weights.reshape(rows, count)[:, ::-1]\n"
        "expected = np.ones((rows, 300))\n"
        "expected[:, 5 : 5 + length] += matrix @ signals\n"
        "np.testing.assert_allclose(out.reshape(rows, 300), expected, atol=1e-12)\n"
        "add_gradient(gradient, places, count, out, 5, 300, rows, data, sources, count, length)\n"
        "slopes = expected[:, 5 : 5 + length]\n"
        "np.testing.assert_allclose(gradient.reshape(rows, count)[:, ::-1], 1 + slopes @ signals.T, atol=1e-10)\n"
    )
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", program, str(int(avx_512))], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
