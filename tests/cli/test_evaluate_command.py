"""``drywet evaluate``, called in this process."""

import json

import pytest
from typer.testing import CliRunner

from drywet import files
from drywet.cli import app, common, evaluate
from drywet.errors import SettingsError
from drywet.evaluation import PANEL, probes
from drywet.models import FAMILIES, build
from drywet.models.trained import model_bytes

RATE = 44_100


@pytest.fixture
def model(tmp_path, monkeypatch):
    """A model file; probes have fewer tones here."""
    monkeypatch.setattr(probes, "NOTES", (100,))
    monkeypatch.setattr(probes, "HARMONIC_HZ", (329.63,))
    monkeypatch.setattr(probes, "HARMONIC_LEVELS_DBFS", (-6.0,))
    monkeypatch.setattr(probes, "PAIR_LEVELS_DBFS", (-10.0,))
    path = tmp_path / "model.safetensors"
    files.write_bytes(path, model_bytes(build(FAMILIES["static-curve"][0]()), RATE))
    return path


def drywet(*arguments):
    result = CliRunner().invoke(app, ["evaluate", *map(str, arguments)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.stdout


def test_the_table_holds_the_panel_the_knob_settings_and_words(model, small_dataset):
    out = drywet(model, "--dataset", small_dataset.folder)
    assert all(each.label in out for each in PANEL)
    assert "by knob setting" in out
    assert "drive 0.2" in out
    assert "drive 0.8" in out
    assert "noise-limited best" in out
    assert "None of these limits comes from a listening test" in out


def test_a_clip_that_is_named_as_a_column_of_the_panel_keeps_its_own():
    columns = {name: {"clicks": n} for n, name in enumerate(("unit", "measure", "lead"), start=3)}
    with common.stdout.capture() as shown:
        evaluate._print_panel(columns, "panel")
    clicks = next(line for line in shown.get().splitlines() if "Clicks" in line)
    assert [cell.strip() for cell in clicks.split("│")[1:-1]] == ["Clicks", "", "3", "4", "5"]


def test_test_signals_need_no_recording(model):
    result = json.loads(drywet(model, "--full", "--json"))
    assert result["rows"] == []
    assert result["probes"]["aliasing"]["notes"] == [100]
    assert "aliasing-to-signal ratio" in drywet(model, "--full")


def test_the_figures_of_test_signals_are_kept_in_the_run_folder(model, tmp_path):
    run = tmp_path / "run"
    files.write_bytes(run / "best.safetensors", model.read_bytes())
    settings = {"model": {"family": "static-curve"}, "training": {}}
    files.write_json(run / "config.json", {"format": 1, "name": "x", "settings": settings, "controls": {}})
    out = json.loads(drywet(run, "--full", "--json"))
    assert files.read_json(run / "probes.json") == out["probes"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give a dry and a wet file"),
        (["--device", "sd1"], "belong to --full"),
        (["dry.wav", "wet.wav", "--dataset", "set"], "not both"),
        (["--full", "--knob", "presence=0.5"], "no knob named 'presence'"),
        (["--full", "--device", "big-muff"], "no circuit named 'big-muff'"),
    ],
)
def test_what_makes_no_sense_is_refused(model, arguments, message):
    with pytest.raises(SettingsError, match=message):
        drywet(model, *arguments)
