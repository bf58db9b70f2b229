"""What `drywet capture` says before and while it records; whole sessions are in tests/dataset/test_capture_jack.py."""

import numpy as np
import pytest
from fake_interface import FakeInterface, clipper
from typer.testing import CliRunner

from drywet import audio, interfaces
from drywet.cli import app, capture
from drywet.errors import CaptureError, SettingsError
from drywet.interfaces import Levels

RATE = 44_100


@pytest.fixture
def command(tmp_path, dry, monkeypatch):
    """The command line of a session with the fake interface."""
    audio.write(tmp_path / "riff.wav", dry, RATE)
    fake = FakeInterface(clipper, RATE)
    monkeypatch.setattr(interfaces, "open_interface", lambda *options: fake)
    return ["capture", "--signal", str(tmp_path / "riff.wav"), "--out", str(tmp_path / "out")], fake


def run(command, **options):
    return CliRunner().invoke(app, command, catch_exceptions=False, **options)


def test_results_go_to_stdout_and_prompts_to_stderr(command):
    arguments, fake = command
    result = run([*arguments, "--knob", "drive=0.2,0.8"], input="\n\n")
    assert result.exit_code == 0
    assert "Drive to 0.2, then Enter" in result.stderr
    assert "riff-drive0.8 (2 of 2): peak" in result.stderr
    assert "riff-drive0.8" in result.stdout
    assert "then Enter" not in result.stdout
    assert "dataset split" in result.stdout
    assert fake.closed


def test_without_a_person_it_stops_and_says_so(command):
    arguments, fake = command
    with pytest.raises(CaptureError, match="nobody is there to press Enter. Add --yes"):
        run(arguments, input="")
    assert fake.closed
    assert run([*arguments, "--yes"], input="").exit_code == 0


def test_options_that_contradict_each_other_are_refused(command):
    arguments, fake = command
    with pytest.raises(SettingsError, match="a knob is named once"):
        run([*arguments, "--knob", "drive=9:00", "--knob", "drive=3:00"])
    with pytest.raises(SettingsError, match="needs no calibration"):
        run([*arguments, "--calibrate", "--dry-channel", "2"])
    assert fake.played == []


@pytest.mark.parametrize(
    ("peak", "bar"), [(0.0, "#" * 20), (-30.0, "#" * 10 + " " * 10), (-60.0, " " * 20), (-np.inf, " " * 20)]
)
def test_meters_are_linear_in_db(peak, bar):
    line = capture._meters(Levels(0.43, (peak,), (0,), 0))
    assert f"wet [{bar}]" in line
    assert "CLIP" not in line
    assert " 43 %" in line


def test_the_clip_lamp_and_lost_blocks_show():
    line = capture._meters(Levels(0.5, (-6.0, -3.0), (0, 2), 1))
    assert line.index("dry [") < line.index("CLIP")
    assert "xruns: 1" in line
