"""``drywet render`` with files of other programs: what it writes, refuses, and says."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from command_line import drywet
from typer.testing import CliRunner

from drywet import audio
from drywet.cli import app
from drywet.effect import render
from drywet.engine import load

NAM = Path(__file__).parents[1] / "golden" / "nam"
MODEL, DRY = NAM / "lstm_h8.nam", NAM / "input.wav"
RATE = 48_000


@pytest.fixture(scope="module")
def expected():
    """What NAM's own engine makes of the dry file."""
    return np.load(NAM / "lstm_h8.npy")


def test_a_nam_file_renders_as_in_its_own_engine(expected, tmp_path):
    done = drywet("render", MODEL, DRY, "wet.wav", "--json", cwd=tmp_path)
    wet, rate = audio.read(tmp_path / "wet.wav")
    np.testing.assert_allclose(wet, expected, rtol=0, atol=1e-5)
    told = json.loads(done.stdout)
    assert (told["samples"], told["sample_rate"], told["clipped"], rate) == (len(expected), RATE, 0, RATE)
    assert told["peak_dbfs"] == pytest.approx(20 * np.log10(np.abs(expected).max()), abs=1e-3)


def test_another_rate_is_resampled_and_that_is_said(tmp_path):
    dry = audio.resample(audio.read(DRY)[0], RATE, 44_100)
    audio.write(tmp_path / "dry.wav", dry, 44_100)
    done = drywet("render", MODEL, "dry.wav", "wet.wav", "--bits", "float", cwd=tmp_path)
    assert "44100 Hz is resampled to the model's 48000 Hz, and back" in done.stderr
    wet, rate = audio.read(tmp_path / "wet.wav")
    assert (len(wet), rate) == (len(dry), 44_100)
    there = audio.resample(audio.read(tmp_path / "dry.wav")[0], 44_100, RATE)
    back = audio.resample(render(load(MODEL), there), RATE, 44_100)
    np.testing.assert_allclose(wet[:-100], back[: len(wet) - 100], atol=1e-4)  # the end is cut differently


def test_a_channel_is_chosen(expected, tmp_path):
    dry, _ = audio.read(DRY)
    soundfile.write(tmp_path / "two.wav", np.stack([0 * dry, dry], axis=1), RATE, subtype="FLOAT")
    assert "--channel" in drywet("render", MODEL, "two.wav", "wet.wav", cwd=tmp_path, status=3).stderr
    drywet("render", MODEL, "two.wav", "wet.wav", "--channel", 2, cwd=tmp_path)
    np.testing.assert_allclose(audio.read(tmp_path / "wet.wav")[0], expected, rtol=0, atol=1e-5)


def test_nothing_is_written_over_without_force(tmp_path):
    (tmp_path / "wet.wav").write_bytes(b"a take of last year")
    done = drywet("render", MODEL, DRY, "wet.wav", cwd=tmp_path, status=4)
    assert "wet.wav: exists; add --force" in done.stderr
    assert (tmp_path / "wet.wav").read_bytes() == b"a take of last year"
    drywet("render", MODEL, DRY, "wet.wav", "--force", cwd=tmp_path)
    assert audio.duration_seconds(tmp_path / "wet.wav") == audio.duration_seconds(DRY)


@pytest.fixture(scope="module")
def filters(tmp_path_factory):
    """A filter of one tap, so wet is dry, that states its levels: all, one, none."""
    folder = tmp_path_factory.mktemp("filters")
    levels = {"both": {"input_level_dbu": 18.0, "output_level_dbu": 15.0}, "one": {"input_level_dbu": 18.0}, "none": {}}
    for name, metadata in levels.items():
        network = {"version": "0.5.4", "architecture": "Linear", "config": {"receptive_field": 1, "bias": False}}
        text = json.dumps({**network, "weights": [1.0], "sample_rate": RATE, "metadata": metadata})
        (folder / f"{name}.nam").write_text(text)
    audio.write(folder / "dry.wav", np.array([0.1, -0.5, 0.5], np.float32), RATE)
    return folder


def test_levels_match_the_interface_to_the_model(filters, tmp_path):
    """An interface of 12 dBu plays 6 dB quieter into a model of 18 dBu, whose output of 15 dBu is 3 dB above its own."""
    options = [filters / "dry.wav", "wet.wav", "--force", "--json", "--interface-dbu", 12]
    told = json.loads(drywet("render", filters / "both.nam", *options, cwd=tmp_path).stdout)
    assert (told["input_db"], told["output_db"]) == (-6.0, 3.0)
    np.testing.assert_allclose(
        audio.read(tmp_path / "wet.wav")[0], 10 ** (-3 / 20) * np.array([0.1, -0.5, 0.5]), atol=2**-22
    )
    done = drywet("render", filters / "one.nam", *options, "--output-db", -1, cwd=tmp_path)
    told = json.loads(done.stdout)
    assert (told["input_db"], told["output_db"]) == (-6.0, -1.0)
    assert "does not state its output level" in done.stderr
    assert "does not state the level" in drywet("render", filters / "none.nam", *options, cwd=tmp_path, status=4).stderr


def test_clipping_is_told_with_the_level_that_avoids_it(filters, tmp_path):
    done = drywet("render", filters / "none.nam", filters / "dry.wav", "wet.wav", "--output-db", 12, cwd=tmp_path)
    assert "2 samples were louder than full scale" in done.stderr
    assert "+5.98 dBFS, so lower the level by 6.0 dB" in done.stderr
    options = ["--output-db", 6, "--force"]
    done = drywet("render", filters / "none.nam", filters / "dry.wav", "wet.wav", *options, cwd=tmp_path)
    assert "louder" not in done.stderr


def test_sound_goes_through_pipes_and_nothing_else_does(expected):
    done = CliRunner().invoke(app, ["render", str(MODEL), "-", "-"], input=DRY.read_bytes(), catch_exceptions=False)
    assert done.exit_code == 0
    with soundfile.SoundFile(io.BytesIO(done.stdout_bytes)) as wet:
        assert (wet.samplerate, wet.frames) == (RATE, len(expected))
        np.testing.assert_allclose(wet.read(), expected, rtol=0, atol=1e-5)
    assert len(done.stdout_bytes) == 44 + 3 * len(expected)
    assert "peak" in done.stderr


def test_a_circuit_renders_into_a_pipe_and_nothing_else_goes_there():
    arguments = ["circuit", "render", "sd1", str(DRY), "-", "--oversampling", "1"]
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert len(done.stdout_bytes) == 44 + 3 * soundfile.info(DRY).frames
    assert "peak" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="closes a stream as a Unix shell does")
def test_closed_streams_are_no_traceback():
    command = f"{sys.executable} -m drywet --version <&- >&-"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_stream_of_an_old_encoding_loses_no_output(options, tmp_path):
    model = tmp_path / "model.nam"
    described = json.loads(MODEL.read_text())
    described["metadata"]["name"] = "gr\u00fcn \u266a"
    model.write_text(json.dumps(described))
    command = [sys.executable, "-m", "drywet", "inspect", model, *options]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, "")
    assert r"\u266a" in done.stdout
    assert not options or json.loads(done.stdout)["facts"]["says it is"].startswith("gr\u00fcn \u266a")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to catch")
def test_kill_leaves_no_half_written_file(tmp_path):
    command = [sys.executable, "-m", "drywet", "render", MODEL, "-", "wet.wav"]
    with subprocess.Popen(command, cwd=tmp_path, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as program:
        program.stdin.write(DRY.read_bytes()[:4000])  # and no more: it waits
        program.stdin.flush()
        while program.poll() is None and not list(tmp_path.iterdir()):
            time.sleep(0.01)
        program.terminate()
        assert program.wait() == 128 + signal.SIGTERM
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_too_long_is_one_clear_error(tmp_path):
    for arguments in (["x" * 300, DRY, "wet.wav"], [MODEL, "x" * 300, "wet.wav"], [MODEL, DRY, "x" * 300]):
        done = drywet("render", *arguments, cwd=tmp_path, status=7)
        assert "too long" in done.stderr
        assert "report it" not in done.stderr


def test_a_reader_that_leaves_early_is_no_traceback(tmp_path):
    audio.write(tmp_path / "dry.wav", np.zeros(20 * RATE, np.float32), RATE)
    command = [sys.executable, "-m", "drywet", "render", MODEL, tmp_path / "dry.wav", "-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
        assert program.stdout.read(4) == b"RIFF"
        program.stdout.close()
        said = program.stderr.read().decode()
    assert "Error" not in said
    assert "Traceback" not in said


@pytest.fixture
def folder(tmp_path):
    """Two sounds, a broken one, and a text."""
    takes = tmp_path / "takes"
    takes.mkdir()
    dry, _ = audio.read(DRY)
    audio.write(takes / "a.wav", dry, RATE)
    soundfile.write(takes / "b.ogg", dry, RATE)
    (takes / "broken.wav").write_bytes(DRY.read_bytes()[:1000])
    (takes / "notes.txt").write_text("which amp?")
    return tmp_path


def test_a_folder_is_rendered_and_what_fails_stops_nothing(folder, expected):
    done = drywet("render", MODEL, "takes", "out", "--jobs", 1, cwd=folder, status=3)
    assert "broken.wav: the header says" in done.stderr
    assert "out: 2 files rendered, 1 failed" in done.stdout
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["a.wav", "b.wav"]
    np.testing.assert_allclose(audio.read(folder / "out" / "a.wav")[0], expected, rtol=0, atol=1e-5)


def test_a_folder_goes_on_where_it_was_left(folder):
    (folder / "takes" / "broken.wav").unlink()
    (folder / "out").mkdir()
    (folder / "out" / "a.wav").write_bytes(b"there already")
    told = json.loads(drywet("render", MODEL, "takes", "out", "--json", cwd=folder).stdout)
    assert ([row["wet"] for row in told["rendered"]], told["failed"], told["skipped"]) == (["out/b.wav"], [], 1)
    assert (folder / "out" / "a.wav").read_bytes() == b"there already"


def test_several_files_at_a_time_are_the_same_files(folder):
    (folder / "takes" / "broken.wav").unlink()
    for jobs in (1, 2):
        drywet("render", MODEL, "takes", f"out-{jobs}", "--jobs", jobs, cwd=folder)
    for name in ("a.wav", "b.wav"):
        assert (folder / "out-1" / name).read_bytes() == (folder / "out-2" / name).read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere", DRY, "out.wav"], "no run folder, model file or circuit named 'nowhere'; built-in circuits: sd1"),
        ([MODEL, DRY, "."], "is a folder; name the file"),
        ([MODEL, DRY, "out.wav", "--bits", "32"], "--bits 32: is one of 16, 24, float"),
        ([MODEL, DRY, "out.wav", "--jobs", "2"], "is for folders"),
        ([MODEL, DRY, "out.wav", "--oversampling", "2"], "is for circuits"),
        ([MODEL, DRY, "out.wav", "--input-db", "1000"], "the input gain is 1000 dB"),
        ([MODEL, DRY, "out.wav", "--knob", "drive=[[0, 1"], "a movement is a list of [seconds, position]"),
        ([MODEL, DRY, "out.wav", "--knob", "drive=" + 5000 * "["], "a movement is a list of [seconds, position]"),
        ([MODEL, DRY, "out.wav", "--interface-dbu", "nan"], "--interface-dbu nan: is a level in dBu"),
        ([MODEL, DRY, "-", "--json"], "--json prints on stdout"),
        ([MODEL, ".", "."], "is the folder that is read"),
        ([MODEL, ".", "-"], "is no folder"),
    ],
)
def test_a_mistake_is_one_clear_line_and_leaves_nothing(tmp_path, arguments, message):
    done = drywet("render", *arguments, cwd=tmp_path, status=4)
    assert message in done.stderr
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []
