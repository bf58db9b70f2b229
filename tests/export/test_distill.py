"""A student of another family, trained on what a model plays."""

from pathlib import Path

import numpy as np
import pytest
import torch
from small_models import SMALL

from drywet import audio, files, signals
from drywet.effect import render
from drywet.engine import load
from drywet.errors import ExportError, RunError, SettingsError
from drywet.export import distill as distilling
from drywet.export import export as exporting
from drywet.export.distill import distill, student
from drywet.export.proof import passage
from drywet.measures import esr
from drywet.models import FAMILIES, build, load_effect, model_bytes

RATE = 44_100


@pytest.fixture
def grey_box_run(tmp_path, monkeypatch):
    """A run of a family that no player holds; whatever is proved is proved in a twentieth of a second."""
    monkeypatch.setattr(distilling, "SECONDS", 5.0)
    monkeypatch.setattr(exporting, "passage", lambda rate: passage(rate, 0.05))
    monkeypatch.setattr(exporting, "loudness_and_gain", lambda effect, knobs: (-18.0, 0.5))
    torch.manual_seed(0)
    model = build(FAMILIES["grey-box"][0](controls=("drive",), **SMALL["grey-box"]))
    files.write_bytes(tmp_path / "run" / "best.safetensors", model_bytes(model, RATE))
    return tmp_path / "run"


def test_a_student_is_written_for_the_player_and_its_loss_is_what_its_file_misses(grey_box_run, tmp_path):
    done = distill(grey_box_run, "lstm-8", "nam", tmp_path / "out", "2epochs", settings={"drive": "9:00"})
    assert done.esr_of_model is None  # there is no recording
    dry, _ = audio.read(tmp_path / "out" / "model" / "dry.wav")
    test = slice(*files.read_json(done.folder / "split.json")["test"])
    model = render(load_effect(grey_box_run), dry, {"drive": "9:00"})[test]
    played = render(load(done.exported.path), dry)[test]
    assert done.esr_to_model == pytest.approx(float(esr(model, played)), rel=1e-3)
    assert done.esr_to_model < 1
    with pytest.raises(RunError, match="another model or setting"):  # for another player, so no file is in its way
        distill(grey_box_run, "lstm-8", "numpy", tmp_path / "out", "2epochs", settings={"drive": "3:00"})
    kept, _ = audio.read(tmp_path / "out" / "model" / "wet.wav")
    np.testing.assert_array_equal(kept[test], model)


def test_with_the_recording_at_hand_the_loss_to_the_device_is_said(grey_box_run, tmp_path):
    dry = signals.training_track(RATE, 4.0)
    for name, signal in (("dry", dry), ("wet", np.tanh(3 * dry))):
        audio.write(grey_box_run / f"{name}.wav", signal, RATE)
    files.write_json(
        grey_box_run / "split.json",
        {
            "dry": "dry.wav",
            "wet": "wet.wav",
            "train": [0, 80_000],
            "validation": [80_000, 90_000],
            "test": [100_000, 150_000],
        }
        | {f"{name}_sha256": files.sha256(grey_box_run / f"{name}.wav") for name in ("dry", "wet")},
    )
    done = distill(grey_box_run, "gru-4", "aidax", tmp_path / "out", "1epochs")
    model = render(load_effect(grey_box_run), audio.read(grey_box_run / "dry.wav")[0])[100_000:150_000]
    wet = audio.read(grey_box_run / "wet.wav")[0][100_000:150_000]
    assert done.esr_of_model == pytest.approx(float(esr(wet, model)))
    student = render(load_effect(done.folder), audio.read(grey_box_run / "dry.wav")[0])[100_000:150_000]
    assert done.esr_of_student == pytest.approx(float(esr(wet, student)))


def test_a_student_that_the_player_cannot_hold_is_refused_before_training(grey_box_run, tmp_path):
    with pytest.raises(ExportError, match="96 units"):
        distill(grey_box_run, "lstm-96", "aidax", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    file = Path(__file__).parents[1] / "golden" / "nam" / "lstm_h8.nam"
    with pytest.raises(SettingsError, match="learns from a run of drywet"):
        distill(file, "lstm-8", "nam", tmp_path / "out")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "lstm.nam.proof.json").write_text("precious")
    with pytest.raises(SettingsError, match="--force"):
        distill(grey_box_run, "lstm-8", "nam", tmp_path / "taken")
    with pytest.raises(SettingsError, match="lstm-24"):
        student("transformer-7")
