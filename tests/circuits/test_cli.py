import json

import numpy as np
import pytest
from command_line import drywet
from typer.testing import CliRunner

from drywet import audio
from drywet.circuits import load
from drywet.cli.circuit import app
from drywet.effect import render
from drywet.errors import SettingsError


@pytest.fixture
def dry_file(tmp_path):
    audio.write(tmp_path / "dry.wav", 0.3 * np.sin(np.arange(4000) * 0.05), 44_100)
    return tmp_path / "dry.wav"


def run(*arguments):
    return CliRunner().invoke(app, [str(item) for item in arguments], catch_exceptions=False)


def test_render_writes_what_the_library_renders(dry_file, tmp_path):
    knobs = {"drive": "3:00", "tone": "12:00", "level": "12:00"}
    options = [item for name, position in knobs.items() for item in (f"--{name}", position)]
    result = run("render", "sd1", dry_file, tmp_path / "wet.wav", *options)
    assert result.exit_code == 0
    wet, rate = audio.read(tmp_path / "wet.wav")
    expected = render(load("sd1"), audio.read(dry_file)[0], knobs)
    assert rate == 44_100
    np.testing.assert_allclose(wet, expected, atol=2**-23)


def test_compiling_the_solver_is_said_on_stderr_once(dry_file, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "drywet.circuits.circuit.prepare", lambda *prepared: prepared[-1]("compiling the " + prepared[2])
    )
    result = run("render", "sd1", dry_file, tmp_path / "wet.wav")
    assert result.stderr.count("compiling the circuit solver") == 1


def test_any_knob_can_be_set_by_name_and_a_law_chosen(dry_file, tmp_path):
    run("render", "sd1", dry_file, tmp_path / "a.wav", "--set", "drive=3:00", "--law", "drive=linear")
    expected = render(load("sd1", laws={"drive": "linear"}), audio.read(dry_file)[0], {"drive": 0.8})
    np.testing.assert_allclose(audio.read(tmp_path / "a.wav")[0], expected, atol=2**-23)


def test_the_dry_file_is_never_written_over(dry_file):
    before = dry_file.read_bytes()
    with pytest.raises(SettingsError, match="is the file that is read"):
        run("render", "sd1", dry_file, dry_file)
    assert dry_file.read_bytes() == before


def test_an_unknown_knob_is_refused_before_anything_is_written(dry_file, tmp_path):
    with pytest.raises(SettingsError, match="presence"):
        run("render", "sd1", dry_file, tmp_path / "wet.wav", "--set", "presence=3:00")
    assert not (tmp_path / "wet.wav").exists()


def test_clipping_is_reported_with_a_number(dry_file, tmp_path):
    loud = tmp_path / "loud.cir"
    loud.write_text("ten times\n*.input VIN\n*.output out\nVIN in 0 0\nE1 out 0 in 0 10\nR1 out 0 1k\n")
    result = run("render", loud, dry_file, tmp_path / "wet.wav")
    assert "samples were louder than full scale" in result.stderr


def test_drywet_render_plays_circuits_too_and_their_knobs_move(dry_file, tmp_path):
    movement = [[0.0, "9:00"], [0.05, 0.9]]
    options = ["--knob", f"drive={json.dumps(movement)}", "--oversampling", 2]
    drywet("render", "sd1", dry_file, tmp_path / "wet.wav", *options)
    expected = render(load("sd1", oversampling=2), audio.read(dry_file)[0], {"drive": movement})
    np.testing.assert_allclose(audio.read(tmp_path / "wet.wav")[0], expected, atol=2**-23)


def test_at_the_volts_of_any_interface_a_straight_circuit_plays_the_same(tmp_path, dry_file):
    """Full scale of a circuit is 1 V, -0.79 dBu: what is taken before it is given back after it."""
    (tmp_path / "half.cir").write_text("half\n*.input VIN\n*.output out\nVIN in 0 0\nR1 in out 1k\nR2 out 0 1k\n")
    told = drywet("render", tmp_path / "half.cir", dry_file, tmp_path / "wet.wav", "--interface-dbu", 12, "--json")
    levels = json.loads(told.stdout)
    assert (levels["input_db"], levels["output_db"]) == pytest.approx((12.792, -12.792), abs=1e-3)
    wet, dry = audio.read(tmp_path / "wet.wav")[0], audio.read(dry_file)[0]
    np.testing.assert_allclose(wet[200:-200], 0.5 * dry[200:-200], atol=1e-5)


def test_list_and_show_speak_json():
    assert [row["name"] for row in json.loads(run("list", "--json").stdout)] == ["sd1"]
    about = json.loads(run("show", "sd1", "--json").stdout)
    assert list(about["knobs"]) == ["drive", "tone", "level"]
    assert about["parts"]["diodes"] == 7
    assert "d5+d6" in about["ports"]
    assert "Boss SD-1" in run("show", "sd1").stdout
    assert "sd1" in run("list").stdout
