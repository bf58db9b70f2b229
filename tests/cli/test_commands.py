"""The command line as a user meets it: status, stdout and stderr. What a process alone can show has one of its own."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from command_line import drywet
from report_figures import undrawn

from drywet import audio

RATE = 44_100
QUICK = ["--model", "lstm", "--set", "model.hidden_size=6", "--set", "training.batch_size=8", "--budget", "2epochs"]


@pytest.fixture(autouse=True)
def no_more_figures():
    """Reports after the one of ``trained`` would draw the same again."""
    with undrawn():
        yield


@pytest.fixture(scope="module")
def trained(tmp_path_factory, pair):
    """A run folder from `drywet train`, and what it printed."""
    folder = tmp_path_factory.mktemp("own")
    audio.write(folder / "dry.wav", pair.dry, RATE)
    audio.write(folder / "wet.wav", pair.wet, RATE)
    done = drywet("train", "dry.wav", "wet.wav", "--out", "run", "--json", *QUICK, cwd=folder)
    return folder, json.loads(done.stdout)


def test_training_on_own_files_gives_a_score_a_report_and_sounds(trained):
    folder, result = trained
    row = result["rows"][0]
    assert result["state"] == "finished"
    assert 0 < row["esr"] < 1
    assert row["seconds"] == pytest.approx(6 * 8 / 37, abs=0.01)
    assert (folder / "run" / "report" / "index.html").is_file()
    predicted, _ = audio.read(folder / "run" / "renders" / "wet.wav")
    assert len(predicted) == round(row["seconds"] * RATE)


def test_evaluate_prints_one_row_per_clip_and_only_counts_unseen_audio(trained):
    folder, result = trained
    rows = json.loads(drywet("evaluate", "run", "dry.wav", "wet.wav", "--json", cwd=folder).stdout)
    keys = {"clip", "esr", "esr_best_lag", "lag", "esr_published_compatible", "esr_linear", "mse", "mae"}
    assert len(rows) == 1
    assert keys <= rows[0].keys()
    assert rows[0]["esr"] == pytest.approx(result["rows"][0]["esr"])
    assert rows[0]["start"] == result["rows"][0]["start"] > 0


def test_evaluate_scores_other_files_whole(trained, pair):
    folder, _ = trained
    audio.write(folder / "other-dry.wav", pair.dry[50_000:90_000], RATE)
    audio.write(folder / "other-wet.wav", pair.wet[50_000:90_000], RATE)
    rows = json.loads(drywet("evaluate", "run", "other-dry.wav", "other-wet.wav", "--json", cwd=folder).stdout)
    assert (rows[0]["clip"], rows[0]["start"]) == ("other-wet", None)
    table = drywet("evaluate", "run", "other-dry.wav", "other-wet.wav", cwd=folder).stdout
    assert "other-wet" in table


def test_render_plays_a_file_through_the_model(trained):
    folder, _ = trained
    drywet("render", "run", "dry.wav", "out.wav", cwd=folder)
    out, rate = audio.read(folder / "out.wav")
    dry, _ = audio.read(folder / "dry.wav")
    assert (len(out), rate) == (len(dry), RATE)
    before = (folder / "dry.wav").read_bytes()
    done = drywet("render", "run", "dry.wav", "dry.wav", cwd=folder, status=4)
    assert "is the file that is read" in done.stderr
    assert (folder / "dry.wav").read_bytes() == before


def test_the_same_command_again_is_instant_and_another_setting_is_refused(trained):
    folder, result = trained
    again = json.loads(drywet("train", "dry.wav", "wet.wav", "--out", "run", "--json", *QUICK, cwd=folder).stdout)
    assert again["rows"] == result["rows"]
    done = drywet("train", "dry.wav", "wet.wav", "--out", "run", *QUICK, "--seed", "3", cwd=folder, status=5)
    assert "belongs to another run" in done.stderr


@pytest.mark.parametrize(
    ("name", "samples", "rate", "status", "message"),
    [
        ("stereo", np.ones((60_000, 2)), RATE, 3, "2 channels"),
        ("rate", np.ones(264_600), 48_000, 3, "48000 Hz, but"),
        ("length", np.ones(264_601), RATE, 3, "264601 samples, but"),
        ("silent", np.zeros(264_600), RATE, 3, "silent from start to end"),
        ("nan", np.full(264_600, np.nan), RATE, 3, "NaN or infinite"),
        ("empty", np.zeros(0), RATE, 3, "holds no samples"),
    ],
)
def test_bad_recordings_are_one_clear_error_and_leave_nothing(trained, tmp_path, name, samples, rate, status, message):
    import soundfile

    soundfile.write(tmp_path / f"{name}.wav", samples, rate, subtype="FLOAT")
    dry = trained[0] / "dry.wav"
    done = drywet("train", dry, f"{name}.wav", "--out", "run", cwd=tmp_path, status=status)
    assert message in done.stderr
    assert done.stdout == ""
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["train", "none.wav", "none.wav"], 3, "no such file"),
        (["train", "dry.wav", "wet.wav", "--budget", "soon"], 4, "written 120s, 2min, 1h, 20epochs or 5000updates"),
        (["train", "dry.wav", "wet.wav", "--model", "lstn"], 4, "no model family named 'lstn'; did you mean 'lstm'?"),
        (["train", "dry.wav", "wet.wav", "--model", "guitar"], 4, "there are: "),
        (["train", "dry.wav", "wet.wav", "--set", "model.hidden_size=3"], 4, "say which with --model"),
        (
            ["train", "dry.wav", "wet.wav", "--model", "lstm", "--set", "model.hiden_size=3"],
            4,
            "did you mean 'hidden_size'",
        ),
        (["train", "dry.wav", "wet.wav", "--model", "s4d", "--budget", "0.0001s"], 4, "too small for one update"),
        (["train", "dry.wav", "wet.wav", "--model", "s4d", "--set", "training.loss=esrr"], 4, "did you mean 'esr'"),
        (["train", "dry.wav"], 3, "is no dataset"),
        (["train", "dry.wav", "wet.wav", "--model", "gain", "--out", "gone", "--device", "tpu"], 4, "no such device"),
        (["render", "run", "dry.wav", "wrong.wav", "--knob", "drive"], 4, "write it as name=position"),
        (["render", "run", "dry.wav", "wrong.wav", "--knob", "drive=3:00"], 4, "no knob named 'drive'"),
        (["train", "dry.wav", "wet.wav", "--set", "seed"], 4, "write it as name=value"),
        (["evaluate", "nowhere", "dry.wav", "wet.wav"], 5, "no such file"),
        (["evaluate", "run"], 4, "give a dry and a wet file"),
        (["render", "dry.wav", "dry.wav", "wrong.wav"], 10, "is no model file that drywet knows"),
        (["report", "."], 5, ""),
        (["study", "run", "ds341"], 4, "the presets are"),
        (["study", "run", "ds340", "--set", "run.seed=-1"], 4, "seed"),
        (["study", "run", "ds340", "--only", "gian=Mid"], 4, "did you mean 'gain'"),
        (["study", "run", "ds340", "--only", "gain"], 4, "factor=level"),
        (["dataset", "show", "."], 3, "holds no dataset.toml"),
        (["dataset", "import", "run"], 3, "no pairs found"),
        (["train"], 2, "Missing argument"),
        (["trian"], 2, "No such command"),
    ],
)
def test_every_mistake_is_one_clear_error_with_its_status(trained, arguments, status, message):
    done = drywet(*arguments, cwd=trained[0], status=status)
    assert message in done.stderr
    assert not (trained[0] / "studies").exists()


def test_debug_shows_the_traceback(trained):
    command = [sys.executable, "-m", "drywet", "--debug", "evaluate", "nowhere", "a", "b"]
    done = subprocess.run(command, cwd=trained[0], capture_output=True, text=True)
    assert "Traceback" in done.stderr


def test_ctrl_c_keeps_the_best_model_and_the_same_command_goes_on(trained, tmp_path):
    for name in ("dry.wav", "wet.wav"):
        shutil.copy(trained[0] / name, tmp_path / name)
    command = [
        "train",
        "dry.wav",
        "wet.wav",
        "--out",
        "run",
        "--model",
        "lstm",
        "--set",
        "model.hidden_size=6",
        "--budget",
        "8s",
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "drywet", *command],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "run" / "best.safetensors").exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "interrupted before the budget was spent" in out
    assert "Traceback" not in err
    before = json.loads((tmp_path / "run" / "provenance.json").read_text())
    assert before["status"] == "interrupted"
    drywet(*command, cwd=tmp_path)
    after = json.loads((tmp_path / "run" / "provenance.json").read_text())
    assert (after["status"], after["started"]) == ("finished", before["started"])
    assert after["updates"] > before["updates"]


def test_a_full_disk_is_one_clear_error(trained, tmp_path):
    """A file system of 300 kB, where the machine lets us make one."""
    small = tmp_path / "small"
    small.mkdir()
    if (
        os.geteuid()
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "none", small], capture_output=True).returncode
    ):
        pytest.skip("cannot mount a small file system here")
    try:
        done = drywet("render", trained[0] / "run", trained[0] / "dry.wav", small / "out.wav", cwd=tmp_path, status=7)
        assert "cannot be written" in done.stderr
        assert list(small.iterdir()) == []
    finally:
        subprocess.run(["umount", small], check=True)


def test_dataset_and_study_commands(tmp_path, small_dataset):
    study = tmp_path / "s.toml"
    study.write_text(
        """
        format = 1
        name = "s"
        title = "S"
        [run.model]
        family = "lstm"
        [run.training]
        recipe = "stateful"
        budget = "1epochs"
        batch_size = 8
        [[factor]]
        name = "units"
        setting = "model.hidden_size"
        levels = [2, 3]
        """
    )
    arguments = ["study", "run", "s.toml", "--dataset", small_dataset.folder, "--set", "run.controls.drive=9:00"]
    done = drywet(*arguments, cwd=tmp_path)
    assert "report: studies/s/report/index.html" in done.stdout
    assert "about" in done.stderr
    rows = json.loads(drywet("study", "show", "studies/s", "--json", cwd=tmp_path).stdout)
    assert [row["status"] for row in rows] == ["finished", "finished"]
    listed = json.loads(drywet("study", "list", "--json", cwd=tmp_path).stdout)
    assert {"study": "studies/s", "runs": 2, "finished": 2, "title": "S"} in listed
    drywet("report", "studies/s", "--out", "page", cwd=tmp_path)
    assert (tmp_path / "page" / "index.html").is_file()
    shown = json.loads(drywet("dataset", "show", small_dataset.folder, "--json", cwd=tmp_path).stdout)
    assert len(shown["recordings"]) == 8


def test_a_dataset_for_all_drives_is_rendered_and_shown(tmp_path):
    short = ["--set", "train_seconds=4", "--set", "validation_seconds=1", "--set", "riff_seconds=1"]
    drives = ["--train-drive", "7:00,1", "--moving", "1", "--validation-drive", "12:00", "--test-drive", "0.35"]
    done = drywet("dataset", "render", "all", *drives, *short, cwd=tmp_path)
    assert "10 recordings" in done.stdout
    shown = drywet("dataset", "show", "all", cwd=tmp_path).stdout
    assert "drive 0.0 at 0 s to 1.0 at 0.66" in shown
    rows = json.loads(drywet("dataset", "show", "all", "--json", cwd=tmp_path).stdout)["recordings"]
    assert rows[0]["controls"] == "drive 7:00, tone 12:00, level 12:00"
    assert [row["id"] for row in rows if row["role"] == "validation"] == ["validation-riff-drive-0.5"]
    for wrong, message in (
        (["--test-drive", "0.5,12:00"], "stands there twice"),
        (["--train-drive", "6:00"], "outside"),
        (["--all-drives", "--set", "drive.Low=0.2"], "exclude each other"),
    ):
        assert message in drywet("dataset", "render", "wrong", *wrong, *short, cwd=tmp_path, status=4).stderr
    assert not (tmp_path / "wrong").exists()


def test_doctor_names_versions_and_what_is_missing(tmp_path):
    rows = json.loads(drywet("doctor", "--json", cwd=tmp_path).stdout)
    named = {row["what"] for row in rows}
    assert {"drywet", "torch", "processor", "disk here", "audio devices", "JACK", "MIDI inputs", "C compiler"} <= named
    without_advice = [row for row in rows if row["verdict"] != "ok" and not row["advice"]]
    assert without_advice == []


def test_doctor_says_how_to_get_what_live_playing_needs_and_goes_on_without(tmp_path, monkeypatch):
    for name in ("sounddevice", "jack", "rtmidi"):
        monkeypatch.setitem(sys.modules, name, None)  # as if it were not installed
    rows = {row["what"]: row for row in json.loads(drywet("doctor", "--json", cwd=tmp_path).stdout)}
    for what in ("audio devices", "JACK", "MIDI inputs"):
        assert rows[what]["verdict"] == "optional"
        assert 'pip install "drywet[live]"' in rows[what]["advice"]


def test_help_is_quick_to_load_and_every_command_shows_an_example(tmp_path):
    loaded = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, drywet.cli; print([m for m in ('torch', 'numba', 'scipy') if m in sys.modules])",
        ],
        capture_output=True,
        text=True,
    )
    assert loaded.stdout.strip() == "[]"
    for command in (
        ["train"],
        ["evaluate"],
        ["render"],
        ["report"],
        ["doctor"],
        ["demo"],
        ["study", "run"],
        ["dataset", "import"],
        ["dataset", "render"],
    ):
        assert "Example: drywet" in drywet(*command, "--help", cwd=tmp_path).stdout.replace("`", "")


def test_one_model_for_all_positions_of_a_knob_from_a_dataset(small_dataset, tmp_path):
    small = ["--set", "training.batch_size=8", "--set", "training.warm_up=512", "--budget", "2epochs", "--json"]
    knob = ["--model", "grey-box", "--set", 'model.controls=["drive"]']
    result = json.loads(drywet("train", small_dataset.folder, *knob, *small, "--out", "run", cwd=tmp_path).stdout)
    assert sorted(row["controls"]["drive"] for row in result["rows"]) == [0.2, 0.2, 0.8, 0.8]
    audio.write(tmp_path / "dry.wav", audio.read(small_dataset.folder / "lead.wav")[0], 44_100)
    for position in ("9:00", "3:00"):
        drywet("render", "run", "dry.wav", f"{position[0]}.wav", "--knob", f"drive={position}", cwd=tmp_path)
    low, high = (audio.read(tmp_path / f"{name}.wav")[0] for name in "93")
    assert np.abs(low - high).max() > 0.01


def test_models_are_listed_with_size_and_cost(tmp_path):
    rows = {row["family"]: row for row in json.loads(drywet("models", "--json", cwd=tmp_path).stdout)}
    assert rows["wavenet"]["parameters"] == 13801  # NAM's standard
    assert rows["wavenet"]["memory"] == 4093
    assert rows["lstm"]["multiplications"] == 4 * 32 * 33 + 32
    assert rows["window-lstm"]["memory"] == 44
    assert "Linear" not in drywet("models", cwd=tmp_path).stdout


def test_a_wet_that_has_nothing_to_do_with_dry_is_said_plainly(trained, tmp_path):
    dry, _ = audio.read(trained[0] / "dry.wav")
    audio.write(tmp_path / "wet.wav", np.random.default_rng(0).normal(0, 0.1, len(dry)).astype(np.float32), RATE)
    done = drywet(
        "train",
        trained[0] / "dry.wav",
        "wet.wav",
        "--model",
        "gain",
        "--budget",
        "1epochs",
        "--out",
        "run",
        cwd=tmp_path,
    )
    assert "no better than a filter" in done.stdout
    assert "not aligned" in done.stdout
