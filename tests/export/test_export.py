"""From a run folder to a file with its proof, from file to file, and what a file says about itself."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_models import SMALL
from typer.testing import CliRunner

from drywet import audio, files
from drywet.cli import app
from drywet.effect import render
from drywet.engine import read
from drywet.errors import ExportError, ModelFileError, SettingsError, StorageError
from drywet.export import export as exporting
from drywet.export.about import Labels
from drywet.export.explain import explain
from drywet.export.export import export
from drywet.export.formats import FORMATS
from drywet.export.proof import passage
from drywet.models import FAMILIES, build, load_effect, model_bytes

GOLDEN = Path(__file__).parents[1] / "golden"
RATE = 48_000
SHORT = passage(RATE, 0.05)


@pytest.fixture(autouse=True)
def short_passage(monkeypatch):
    """The proof's full second is for users; here fifty milliseconds say the same."""
    monkeypatch.setattr(exporting, "passage", lambda rate: SHORT)
    monkeypatch.setattr(exporting, "loudness_and_gain", lambda effect, knobs: (-18.0, 0.5))


@pytest.fixture
def run(tmp_path):
    """A run folder with an LSTM that follows a knob, scored on one clip."""
    torch.manual_seed(0)
    model = build(FAMILIES["lstm"][0](controls=("drive",), **SMALL["lstm"]))
    files.write_bytes(tmp_path / "run" / "best.safetensors", model_bytes(model, RATE))
    files.write_json_lines(tmp_path / "run" / "evaluation.jsonl", [{"esr": 0.02}, {"esr": 0.04}])
    return tmp_path / "run"


def test_an_export_says_how_close_it_is_and_brings_its_test_along(run, tmp_path):
    out = tmp_path / "pedal.nam"
    done = export(run, "nam", out, Labels(gear_type="pedal"), {"drive": "3:00"})
    assert done.difference < 1e-6
    assert "Neural Amp Modeler plugin" in {verdict.player for verdict in done.players if verdict.loads}
    proof = files.read_json(tmp_path / "pedal.nam.proof.json")
    assert proof["difference"] == done.difference
    assert proof["sha256"] == files.sha256(out)
    heard, _ = audio.read(tmp_path / "pedal.nam.golden-in.wav")
    np.testing.assert_array_equal(heard, SHORT)
    assert proof["golden"]["input"] == checksum(tmp_path / "pedal.nam.golden-in.wav")
    assert proof["golden"]["output"] == checksum(tmp_path / "pedal.nam.golden-out.wav")
    metadata = read(out).metadata
    assert (metadata["name"], metadata["gear_type"], metadata["loudness"]) == ("run", "pedal", -18.0)
    assert metadata["training"]["validation_esr"] == pytest.approx(0.03)
    assert metadata["drywet"]["knobs"] == {"drive": 0.8}


def checksum(path):
    return {"path": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def test_the_golden_output_is_the_trainers_own_where_the_proof_says(run, tmp_path):
    export(run, "onnx", tmp_path / "x.onnx")
    said = files.read_json(tmp_path / "x.onnx.proof.json")["golden"]
    dry, wet = (audio.read(tmp_path / said[what]["path"])[0] for what in ("input", "output"))
    rest = np.zeros(said["run_in"], np.float32)
    expected = render(load_effect(run), np.concatenate([rest, dry]), said["knobs"])[len(rest) :]
    np.testing.assert_array_equal(wet, expected)
    assert not np.array_equal(wet, render(load_effect(run), dry, {"drive": 0.2}))


def test_golden_files_can_be_left_out_and_none_of_another_model_stays(run, tmp_path):
    export(run, "aidax", tmp_path / "x.json")
    with pytest.raises(SettingsError, match="--force"):
        export(run, "aidax", tmp_path / "x.json", golden=False)
    export(run, "aidax", tmp_path / "x.json", golden=False, force=True)
    assert sorted(path.name for path in tmp_path.glob("x.*")) == ["x.json", "x.json.proof.json"]
    assert files.read_json(tmp_path / "x.json.proof.json")["golden"] is None


def test_a_file_without_its_golden_output_is_not_left_behind(run, tmp_path, monkeypatch):
    def full(path, *given, **options):
        raise StorageError(f"{path}: the disk is full")

    monkeypatch.setattr(exporting.audio, "write", full)
    with pytest.raises(StorageError):
        export(run, "aidax", tmp_path / "x.json")
    assert not list(tmp_path.glob("x.*"))


def test_no_label_is_lost_on_the_way_to_another_player_and_back(run, tmp_path):
    labels = Labels(name="a", modeled_by="b", gear_type="pedal", gear_make="c", gear_model="d", tone_type="fuzz",
                    input_level_dbu=12.5, output_level_dbu=-3)  # fmt: skip
    for format in ("proteus", "aidax", "onnx", "numpy", "c"):
        suffix = FORMATS[format].suffix
        export(run, format, tmp_path / f"{format}{suffix}", labels, {"drive": 0.5}, golden=False)
        export(tmp_path / f"{format}{suffix}", "nam", tmp_path / f"{format}.nam", golden=False)
        metadata = read(tmp_path / f"{format}.nam").metadata
        assert {name: metadata.get(name) for name in Labels.model_fields} == labels.model_dump()
        assert dict(explain(read(tmp_path / f"{format}{suffix}")).lines)["says it is"] == "a, b"  # nobody is said twice


def test_a_knob_that_a_format_cannot_have_is_refused_with_what_to_do(run, tmp_path):
    with pytest.raises(ExportError, match="--set drive="):
        export(run, "nam", tmp_path / "x.nam")
    assert export(run, "aidax", tmp_path / "x.json").difference < 1e-6


def test_nothing_is_written_over_without_force(run, tmp_path):
    (tmp_path / "x.json").write_text("precious")
    with pytest.raises(SettingsError, match="--force"):
        export(run, "aidax", tmp_path / "x.json")
    assert (tmp_path / "x.json").read_text() == "precious"
    export(run, "aidax", tmp_path / "x.json", force=True)
    with pytest.raises(SettingsError, match="is the file that is read"):
        export(tmp_path / "x.json", "rtneural", tmp_path / "x.json", force=True)


def test_what_stands_beside_the_file_is_not_written_over_either(run, tmp_path):
    for name in ("x.json.proof.json", "x.json.golden-in.wav"):
        (tmp_path / name).write_text("precious")
        with pytest.raises(SettingsError, match=name):
            export(run, "aidax", tmp_path / "x.json")
        assert (tmp_path / name).read_text() == "precious"
        (tmp_path / name).unlink()
    with pytest.raises(SettingsError, match="is the file that is read"):
        export(run, "numpy", run / "best.safetensors", force=True)
    assert not (tmp_path / "x.json").exists()


def nam_file(path, **changes):
    values = {"version": "0.5.4", "architecture": "Linear", "config": {"receptive_field": 8, "bias": False},
              "weights": [1.0] * 8, "sample_rate": RATE}  # fmt: skip
    path.write_text(json.dumps(values | changes))
    return path


def test_a_model_that_plays_infinity_is_not_exported(tmp_path):
    file = nam_file(tmp_path / "loud.nam", weights=[3e38] * 8)
    with np.errstate(over="ignore"), pytest.raises(ExportError, match="finite"):
        export(file, "onnx", tmp_path / "x.onnx")
    assert not list(tmp_path.glob("x.onnx*"))


def test_absurd_labels_neither_stop_a_file_nor_take_the_others_along(tmp_path):
    file = nam_file(tmp_path / "x.nam")
    labels = '{"name": "mine", "gear_type": "kazoo", "loudness": 1e999, "gain": 1%s}' % ("0" * 400)
    file.write_text(file.read_text()[:-1] + f', "metadata": {labels}}}')
    assert "loudness" not in dict(explain(read(file)).lines)
    export(file, "nam", tmp_path / "y.nam")
    metadata = read(tmp_path / "y.nam").metadata
    assert (metadata["name"], metadata["loudness"]) == ("mine", -18.0)
    assert "gear_type" not in metadata


def test_a_strangers_name_cannot_steer_the_terminal(tmp_path):
    file = nam_file(tmp_path / "x.nam", metadata={"name": "\x1b[2Jgone"})
    assert dict(explain(read(file)).lines)["says it is"] == "?[2Jgone"


def test_a_writer_that_mixes_up_gates_is_caught_and_leaves_no_file(run, tmp_path, monkeypatch):
    def wrong(network, about):
        (layer,) = network.layers
        swapped = np.concatenate(np.split(layer.input_weight, 4)[::-1])
        return FORMATS["rtneural"].write(replace(network, layers=(replace(layer, input_weight=swapped),)), about)

    monkeypatch.setitem(FORMATS, "mixed-up", replace(FORMATS["rtneural"], name="mixed-up", write=wrong))
    with pytest.raises(ExportError, match="nothing was written"):
        export(run, "mixed-up", tmp_path / "x.json")
    assert not list(tmp_path.glob("x.json*"))


@pytest.mark.parametrize(
    ("source", "target"),
    [("nam/lstm_h8.nam", "aidax"), ("nam/wavenet_small_gated.nam", "onnx"), ("nam/wavenet_everything.nam", "onnx"),
     ("nam/convnet_batchnorm.nam", "nam"), ("nam/convnet_plain.nam", "rtneural"), ("nam/container_small.nam", "numpy"),
     ("proteus/lstm_40.json", "nam"), ("aidax/gru_8_skip.json", "rtneural"), ("rtneural/conv1d_dense_tanh.json", "c"),
     ("nam/linear_32.nam", "onnx"), ("aidax/lstm_16_skip_gains.json", "proteus")],
)  # fmt: skip
def test_a_file_of_one_player_becomes_one_of_another_that_sounds_the_same(source, target, tmp_path):
    done = export(GOLDEN / source, target, tmp_path / f"x{FORMATS[target].suffix}")
    assert done.difference < 1e-5


@pytest.mark.parametrize(
    ("source", "target", "reason"),
    [("nam/wavenet_small.nam", "aidax", "one LSTM or GRU"), ("nam/wavenet_everything.nam", "c", "plain WaveNets"),
     ("rtneural/gru_8.json", "nam", "GRU")],
)  # fmt: skip
def test_what_another_player_cannot_hold_is_refused(source, target, reason, tmp_path):
    with pytest.raises(ExportError, match=reason):
        export(GOLDEN / source, target, tmp_path / "x")


def test_a_container_stays_one_for_nam_and_its_largest_or_chosen_size_goes_elsewhere(tmp_path):
    """Its sizes have 4 and 2 channels."""
    source = GOLDEN / "nam/container_small.nam"
    done = export(source, "nam", tmp_path / "x.nam")
    assert any("2 sizes; all of them" in note for note in done.notes)
    assert [(top, inner.weight_count) for top, inner in read(done.path).sizes] == [(0.5, 208), (1.0, 710)]
    assert "4 channels" in export(source, "numpy", tmp_path / "x.safetensors").network
    small = export(source, "nam", tmp_path / "small.nam", size=0.25)
    assert "2 channels" in small.network
    assert read(small.path).architecture == "WaveNet"


@pytest.mark.parametrize("option", [{"size": 0.5}, {"linear_order": "trainer"}])
def test_an_option_that_says_nothing_about_a_file_is_refused(option, tmp_path):
    with pytest.raises(SettingsError, match="leave --"):
        export(GOLDEN / "nam/lstm_h8.nam", "numpy", tmp_path / "x.safetensors", **option)


def test_a_file_is_explained_in_plain_words():
    facts = dict(explain(read(GOLDEN / "nam/container_a2.nam")).lines)
    assert facts["size"] == f"{1871 + 12146} weights"
    assert facts["memory"].startswith("6347 samples, 132 ms")  # 1 + dilation x (kernel - 1), at 48 kHz
    assert "3 channels" in facts["sizes"]


def test_what_is_odd_in_a_file_is_said(tmp_path):
    values = json.loads((GOLDEN / "aidax/lstm_12.json").read_text())
    values["samplerate"] = "48000"
    values["output_batch"][7] += 0.01
    values["in_skip"] = 1
    (tmp_path / "odd.json").write_text(json.dumps(values))
    found = explain(read(tmp_path / "odd.json"))
    assert any("is a text" in note for note in found.odd)
    assert any("self-test is missed" in note for note in found.odd)
    assert {verdict.player: verdict.why for verdict in found.players}["players on NeuralAudio"].startswith("leaves out")


def test_padding_is_recognised(tmp_path, run):  # from 6 to 40
    export(run, "proteus", tmp_path / "x.json")
    assert any("34 hidden units do nothing" in note for note in explain(read(tmp_path / "x.json")).odd)


def test_a_name_keeps_its_dots_and_a_folder_without_a_name_is_no_traceback(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    nam_file(tmp_path / "TS9 v1.2.nam")
    done = CliRunner().invoke(
        app, ["export", "TS9 v1.2.nam", "--format", "onnx", "--no-golden"], catch_exceptions=False
    )
    assert done.exit_code == 0
    assert read(tmp_path / "TS9 v1.2.onnx").metadata["name"] == "TS9 v1.2"
    with pytest.raises(ModelFileError, match="holds no trained model"):
        CliRunner().invoke(app, ["import", "."], catch_exceptions=False)


def test_a_version_with_zeros_before_it_is_the_version(tmp_path):
    file = read(nam_file(tmp_path / "x.nam", version="0.05.4"))
    assert file.version == "0.5.4"
    assert explain(file).players[0].why == "any since 2023"


def test_the_commands_export_inspect_convert_and_import(run, tmp_path):
    def command(*arguments):
        done = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    file, own = tmp_path / "x.nam", tmp_path / "x.safetensors"
    exported = command(
        "export", run, "--format", "nam", "--out", file, "--set", "drive=0.2", "--name", "my pedal", "--json"
    )
    assert exported["format"] == "nam"
    assert "LSTM" in command("inspect", file, "--json")["facts"]["network"]
    assert command("convert", file, tmp_path / "x.onnx", "--json")["difference"] < 1e-5
    renamed = command("convert", file, tmp_path / "x.json", "--format", "aidax", "--name", "other", "--json")
    assert "padded from 7 to 8 units" in " ".join(renamed["notes"])  # one of the 7 hands the dry signal on
    assert read(tmp_path / "x.json").metadata["name"] == "other"
    assert command("import", file, "--out", own, "--json")["difference"] < 1e-5
    assert read(own).metadata["name"] == "my pedal"
    words = CliRunner().invoke(app, ["inspect", str(file)], catch_exceptions=False).stdout
    assert "plays in Neural Amp Modeler plugin (any since 2023)\n" in words
    assert "odd: no levels in dBu" in words


def test_training_for_a_player_that_cannot_hold_the_model_stops_before_it_begins(recording_files, tmp_path):
    arguments = ["train", *map(str, recording_files), "--model", "gru", "--for", "nam", "--out", str(tmp_path / "out")]
    with pytest.raises(ExportError, match="no GRU"):
        CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert not (tmp_path / "out").exists()
