"""What every family in the registry must keep. A new family is checked by being registered."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from small_models import SMALL

from drywet import files
from drywet.effect import render
from drywet.errors import RunError, SettingsError, SignalError
from drywet.models import FAMILIES, TrainedEffect, build, load_effect, model_bytes
from drywet.settings import parse

RATE = 44_100
IN_TWO_LAYERS = {"gru in two layers": "gru", "lstm in two layers": "lstm"}
KNOBS = {"drive": 0.3, "tone": 0.9}


def small_model(family, controls=()):
    torch.manual_seed(0)
    if family in IN_TWO_LAYERS:
        family, more = IN_TWO_LAYERS[family], {"layers": 2}
    else:
        more = {}
    model = build(FAMILIES[family][0](controls=controls, **SMALL[family], **more))
    model.dry_scale.fill_(3.0)
    model.wet_scale.fill_(0.5)
    return model


def test_every_family_is_checked_here():
    assert set(SMALL) == set(FAMILIES)


@pytest.fixture(params=[*SMALL, *IN_TWO_LAYERS])
def family(request):
    return request.param


@pytest.mark.parametrize("controls", [(), ("drive", "tone")], ids=["no knobs", "two knobs"])
@pytest.mark.parametrize("block_size", [1, 64, 65, 1000])
def test_block_size_does_not_change_the_sound(family, controls, block_size, dry):
    effect = TrainedEffect(small_model(family, controls), RATE, KNOBS)
    whole = render(effect, dry[:3000], block_size=3000)
    np.testing.assert_array_equal(render(effect, dry[:3000], block_size=block_size), whole)


def test_with_gradients_it_computes_the_same(family, dry):
    """Training and rendering may be compiled apart; test_recurrence.py checks the LSTM's against torch's own layer."""
    model = small_model(family, ("drive", "tone"))
    signal, knobs = torch.from_numpy(dry[:2000]).reshape(2, 1000), torch.tensor([[0.1, 0.9], [0.8, 0.2]])
    with torch.enable_grad():
        taught, state = model(signal, knobs, model.initial_state(2))
    with torch.no_grad():
        rendered, rendered_state = model(signal, knobs, model.initial_state(2))
    torch.testing.assert_close(rendered, taught.detach(), atol=2e-6, rtol=1e-5)
    for a, b in zip(rendered_state, state, strict=True):
        torch.testing.assert_close(a, b.detach(), atol=2e-6, rtol=1e-5)


def test_the_future_does_not_reach_the_past(family, dry):
    effect = TrainedEffect(small_model(family), RATE)
    changed = dry[:2000].copy()
    changed[1500:] *= -1
    before, after = render(effect, dry[:2000]), render(effect, changed)
    np.testing.assert_array_equal(before[:1500], after[:1500])
    assert not np.array_equal(before[1500:], after[1500:])


def test_nothing_older_than_the_receptive_field_reaches_the_output(family, dry):
    model = small_model(family)
    if model.receptive_field is None:
        pytest.skip(f"{family} remembers without limit")
    effect = TrainedEffect(model, RATE)
    changed = dry[:2000].copy()
    changed[:1000] = 0.5
    before, after = render(effect, dry[:2000]), render(effect, changed)
    first_clean = 1000 + model.receptive_field - 1
    np.testing.assert_allclose(before[first_clean:], after[first_clean:], atol=1e-7)
    assert before[first_clean - 1] != after[first_clean - 1]


def test_knobs_matter_and_each_signal_has_its_own(family, dry):
    model = small_model(family, ("drive", "tone"))
    signal = torch.from_numpy(dry[:500]).expand(2, -1)
    knobs = torch.tensor([[0.1, 0.9], [0.8, 0.2]])
    with torch.no_grad():
        together, _ = model(signal, knobs, model.initial_state(2))
        alone, _ = model(signal[1:], knobs[1:], model.initial_state(1))
    assert not torch.allclose(together[0], together[1])
    torch.testing.assert_close(together[1:], alone, atol=1e-6, rtol=1e-5)


def test_a_file_gives_the_same_sound(family, dry, tmp_path):
    model = small_model(family, ("drive", "tone"))
    files.write_bytes(tmp_path / "m.safetensors", model_bytes(model, RATE))
    loaded = load_effect(tmp_path / "m.safetensors")
    assert loaded.sample_rate == RATE
    expected = render(TrainedEffect(model, RATE), dry[:500], KNOBS)
    np.testing.assert_array_equal(render(loaded, dry[:500], KNOBS), expected)


def test_damaged_files_are_a_run_error_or_a_finite_model(family, tmp_path):
    """2000 files with bytes changed, cut off or repeated."""
    content = model_bytes(small_model(family), RATE)
    rng = np.random.default_rng(0)
    path = tmp_path / "m.safetensors"
    header = 8 + int.from_bytes(content[:8], "little")
    refused = 0
    for _ in range(2000):
        damaged = bytearray(content)
        for _ in range(rng.integers(1, 4)):
            damaged[rng.integers(header if rng.random() < 0.8 else len(content))] = rng.integers(256)
        path.write_bytes(damaged[: rng.integers(len(damaged)) if rng.random() < 0.2 else None])
        try:
            effect = load_effect(path)
        except RunError:
            refused += 1
        else:
            assert all(torch.isfinite(tensor).all() for tensor in effect.model.state_dict().values())
    assert refused > 1000


def save_with_header(path, weights, **changes):
    header = {"format": 1, "sample_rate": RATE, "model": {"family": "lstm", "hidden_size": 6}} | changes
    save_file(weights, path, {"drywet": json.dumps(header)})


@pytest.mark.parametrize(
    ("name", "tensor", "message"),
    [
        ("dense.bias", torch.zeros(2), "dense.bias has shape"),
        ("dense.bias", torch.tensor([float("nan")]), "not finite"),
        ("dense.bias", torch.zeros(1, dtype=torch.float64), "not finite float32"),
        ("extra", torch.zeros(1), "extra has shape"),
    ],
)
def test_weights_that_do_not_fit_are_refused(tmp_path, name, tensor, message):
    save_with_header(tmp_path / "m.safetensors", small_model("lstm").state_dict() | {name: tensor})
    with pytest.raises(RunError, match=message):
        load_effect(tmp_path / "m.safetensors")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 9}, "format 9, this version reads format 1"),
        ({"model": {"family": "other"}}, "header is damaged"),
        ({"model": {"family": "lstm", "hidden_size": 10**9}}, "hidden_size"),  # no memory is taken for it
        ({"sample_rate": "fast"}, "header is damaged"),
        ({"sample_rate": 1}, "impossible"),
        ({"sample_rate": float("inf")}, "header is damaged"),  # in JSON also 1e999
        ({"model": {"family": ["lstm"]}}, "header is damaged"),
        ({"model": {"family": "lstm", "controls": [str(n) for n in range(17)]}}, "controls"),
        ({"model": {"family": "window-lstm", "hidden_size": 1024, "context": 100_000}}, "at most 262144 are allowed"),
    ],
)
def test_a_header_that_makes_no_sense_is_refused(tmp_path, change, message):
    save_with_header(tmp_path / "m.safetensors", small_model("lstm").state_dict(), **change)
    with pytest.raises(RunError, match=message):
        load_effect(tmp_path / "m.safetensors")


@pytest.mark.parametrize(
    ("controls", "message"),
    [
        (["drive", "tone", "drive"], "the knob 'drive' stands twice"),
        (["drive", ""], "at least 1 character"),
        (["d" * 65], "at most 64 characters"),
        ([f"knob {n}" for n in range(17)], "at most 16 items"),
    ],
)
def test_knobs_that_no_device_has_are_refused(controls, message):
    for settings, _ in FAMILIES.values():
        with pytest.raises(SettingsError, match=message):
            parse(settings, {"controls": controls}, "here")


LARGEST = {
    "gain": {},
    "grey-box": {"filters_before": 16, "stages": 4, "filters_after": 16},
    "linear": {"taps": 65_536},
    "static-curve": {},
    "wiener-hammerstein": {"taps_before": 65_536, "taps_after": 65_536},
    "gru": {"hidden_size": 1024, "layers": 8},
    "lstm": {"hidden_size": 1024, "layers": 8},
    "s4d": {"stages": 16, "channels": 256, "states": 64, "units": 256},
    "window-lstm": {"hidden_size": 1024, "context": 256},
}


@pytest.mark.parametrize("name", LARGEST)
def test_no_settings_make_a_model_of_more_than_64_million_numbers(name):
    """The settings class refuses one more of anything; the WaveNet counts its weights, see test_wavenet.py."""
    assert set(LARGEST) == set(FAMILIES) - {"wavenet"}
    settings = FAMILIES[name][0]
    for setting, value in LARGEST[name].items():
        if setting != "context":
            with pytest.raises(SettingsError, match=setting):
                parse(settings, LARGEST[name] | {setting: value + 8}, "here")
    with torch.device("meta"):  # without memory
        model = build(parse(settings, LARGEST[name] | {"controls": [f"knob {n}" for n in range(16)]}, "here"))
    assert sum(tensor.numel() for tensor in model.state_dict().values()) <= 1 << 26


@pytest.mark.parametrize("silent", ["dry", "wet"])
def test_audio_that_is_silent_teaches_nothing(silent, pair):
    signals = {"dry": pair.dry, "wet": pair.wet} | {silent: 0 * pair.wet}
    with pytest.raises(SignalError, match=f"the {silent} training audio is silent .* check the cable"):
        small_model("lstm").start_from(**signals)


def test_a_folder_without_a_model_says_so(tmp_path):
    with pytest.raises(RunError, match="holds no trained model"):
        load_effect(tmp_path)
