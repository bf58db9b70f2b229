"""``drywet signal`` and ``drywet dataset`` as a user meets them: status, stdout, stderr, and what is on the disk."""

import json
import os
import shutil
import subprocess

import numpy as np
import pytest
import soundfile
from command_line import drywet

from drywet import audio, signals

RATE = 44_100


@pytest.fixture(scope="module")
def takes(tmp_path_factory):
    """capture.wav, its wet at two drives, riff.wav and its wet."""
    folder = tmp_path_factory.mktemp("takes")
    capture = signals.capture_signal(RATE, 30.0)
    riff = signals.test_riffs(RATE, 3.0)["gallop"]
    for name, dry in (("capture", capture), ("riff", riff)):
        audio.write(folder / f"{name}.wav", dry, RATE)
        for drive in (2, 8):
            audio.write(folder / f"{name}-{drive}.wav", 0.5 * np.tanh(drive * dry), RATE)
    return folder


def test_a_signal_is_made_and_explains_itself(tmp_path):
    made = json.loads(drywet("signal", "make", "a.wav", "--seconds", 20, "--peak", -6, "--json", cwd=tmp_path).stdout)
    assert soundfile.info(tmp_path / "a.wav").subtype == "PCM_24"
    shown = json.loads(drywet("signal", "show", "a.wav", "--json", cwd=tmp_path).stdout)
    assert (shown["kind"], shown["seconds"], shown["sample_rate"]) == ("capture signal", 20.0, RATE)
    assert shown["roles"].keys() == made["roles"].keys() == {"train", "validation", "test"}
    assert max(part["peak_dbfs"] for part in shown["parts"] if part["peak_dbfs"] is not None) == pytest.approx(
        -6, abs=0.01
    )
    assert [part["name"] for part in made["parts"]] == [part["name"] for part in shown["parts"]]
    assert (
        made["sha256"]
        == json.loads(drywet("signal", "make", "b.wav", "--seconds", 20, "--peak", -6, "--json", cwd=tmp_path).stdout)[
            "sha256"
        ]
    )
    table = drywet("signal", "show", "a.wav", cwd=tmp_path).stdout
    assert "the capture signal of 20 s" in table
    assert "which no model can predict" in table


def test_a_signal_is_not_written_over_a_take_without_force(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"a take")
    assert "exists; add --force" in drywet("signal", "make", "a.wav", "--seconds", 20, cwd=tmp_path, status=4).stderr
    assert (tmp_path / "a.wav").read_bytes() == b"a take"
    drywet("signal", "make", "a.wav", "--seconds", 20, "--force", cwd=tmp_path)
    assert soundfile.info(tmp_path / "a.wav").duration == 20.0


def test_a_signal_of_somebody_else_is_said_to_be_that(takes):
    assert "not made by drywet" in drywet("signal", "show", "riff.wav", cwd=takes).stdout
    assert json.loads(drywet("signal", "show", "riff.wav", "--json", cwd=takes).stdout)["kind"] is None


def test_a_dataset_from_empty_to_split_and_checked(takes, tmp_path):
    drywet("dataset", "init", "ds", "--device", "pedal", "--licence", "CC0", cwd=tmp_path)
    assert "no recordings yet" in drywet("dataset", "show", "ds", cwd=tmp_path).stdout
    assert "holds no recordings" in drywet("dataset", "check", "ds", cwd=tmp_path, status=3).stdout
    for drive in (2, 8):
        wet, knob = takes / f"capture-{drive}.wav", f"drive=0.{drive}"
        done = drywet("dataset", "add", "ds", takes / "capture.wav", wet, "--knob", knob, "--json", cwd=tmp_path)
        assert json.loads(done.stdout)[0]["dry"] == "dry/capture.wav"
    drywet("dataset", "split", "ds", cwd=tmp_path)
    shown = json.loads(drywet("dataset", "show", "ds", "--json", cwd=tmp_path).stdout)
    assert [(t["role"], t["recordings"]) for t in shown["totals"]] == [
        (role, 1) for role in ("train", "validation", "test") for _ in (2, 8)
    ]
    assert "good" in drywet("dataset", "check", "ds", cwd=tmp_path).stdout
    assert drywet("dataset", "card", "ds", cwd=tmp_path).stdout.strip() == os.path.join("ds", "README.md")
    assert "| licence | CC0 |" in (tmp_path / "ds" / "README.md").read_text()


def test_a_leak_is_refused_and_a_planted_one_is_found(takes, tmp_path):
    drywet("dataset", "init", "ds", "--device", "pedal", cwd=tmp_path)
    drywet("dataset", "add", "ds", takes / "riff.wav", takes / "riff-2.wav", cwd=tmp_path)
    quiet, _ = audio.read(takes / "riff.wav")
    audio.write(tmp_path / "x.wav", -0.1 * quiet[RATE // 2 :], RATE)
    audio.write(tmp_path / "y.wav", 0.1 * quiet[RATE // 2 :], RATE)
    done = drywet("dataset", "add", "ds", "x.wav", "y.wav", "--role", "test", cwd=tmp_path, status=3)
    assert "of dry audio" in done.stderr
    drywet("dataset", "add", "ds", "x.wav", "y.wav", cwd=tmp_path)
    text = (tmp_path / "ds" / "dataset.toml").read_text()
    (tmp_path / "ds" / "dataset.toml").write_text('role = "test"'.join(text.rsplit('role = "train"', 1)))
    found = json.loads(drywet("dataset", "check", "ds", "--json", cwd=tmp_path, status=3).stdout)
    assert found["verdict"] == "not usable: 1 fault"
    assert "share" in next(r["what"] for r in found["remarks"] if r["severity"] == "fatal")


def test_a_folder_of_pairs_is_imported_in_place_or_added(takes, tmp_path):
    for name in ("riff", "capture"):
        for side, source in (("dry", name), ("wet", f"{name}-2")):
            (tmp_path / "mine" / side).mkdir(parents=True, exist_ok=True)
            shutil.copy(takes / f"{source}.wav", tmp_path / "mine" / side / f"{name}.wav")
    done = drywet("dataset", "import", "mine", "--device", "amp", "--knob", "drive=3:00", cwd=tmp_path)
    assert "2 recordings" in done.stdout
    assert "dataset split mine" in done.stdout
    drywet("dataset", "init", "ds", "--device", "pedal", cwd=tmp_path)
    done = drywet("dataset", "add", "ds", "mine", "--role", "test", "--knob", "drive=3:00", cwd=tmp_path)
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == ["capture-drive-3-00", "riff-drive-3-00"]


def test_a_stereo_file_is_imported(takes, tmp_path):
    dry, wet = (audio.read(takes / name)[0] for name in ("riff.wav", "riff-8.wav"))
    soundfile.write(tmp_path / "take.wav", np.stack([wet, dry], axis=1), RATE, subtype="PCM_24")
    drywet("dataset", "import", "take.wav", "--role", "test", "--knob", "drive=3:00", cwd=tmp_path)
    np.testing.assert_array_equal(audio.read(tmp_path / "take" / "dry" / "take.wav")[0], dry)
    np.testing.assert_array_equal(audio.read(tmp_path / "take" / "wet" / "take.wav")[0], wet)


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["signal", "make", "x.wav", "--seconds", "1"], 3, "20 to 3600 s long"),
        (["signal", "make", "x.wav", "--sample-rate", "100"], 4, "outside 8000 to 384000 Hz"),
        (["signal", "make", "x.doc"], 7, ".doc cannot be PCM_24 sound; name a file that ends in"),
        (["signal", "show", "none.wav"], 3, "no such file"),
        (["dataset", "init", "x"], 2, "Missing option"),
        (["dataset", "init", "x", "--device", "a\nb"], 4, "no line breaks"),
        (["dataset", "init", "x", "--device", "a", "--sample-rate", "1"], 4, "greater than or equal to 8000"),
        (["dataset", "add", "none", "riff.wav", "riff-2.wav"], 3, "holds no dataset.toml"),
        (["dataset", "check", "none"], 3, "holds no dataset.toml"),
        (["dataset", "split", "none"], 3, "holds no dataset.toml"),
        (["dataset", "card", "none"], 3, "holds no dataset.toml"),
        (["dataset", "import", "none"], 3, "no such file"),
        (["dataset", "import", "riff.wav"], 3, "has 1 channel, 2 are needed"),
        (["dataset", "import", "riff.wav", "--left", "up"], 4, "--left up: is one of wet, dry"),
        (["dataset", "import", "riff.wav", "--role", "practice"], 4, "is one of train, validation, test"),
        (["dataset", "import", "riff.wav", "--drive", "Low=9:00"], 4, "--drive says nothing about riff.wav"),
        (["dataset", "import", ".", "--out", "x"], 4, "--out says nothing about"),
    ],
)
def test_every_mistake_is_one_clear_error_and_leaves_nothing(takes, arguments, status, message):
    before = sorted(takes.rglob("*"))
    done = drywet(*arguments, cwd=takes, status=status)
    assert message in " ".join(done.stderr.split())
    assert sorted(takes.rglob("*")) == before


@pytest.mark.parametrize("command", ["init", "add", "check", "split", "card", "show", "import"])
def test_every_dataset_command_shows_an_example(command, tmp_path):
    shown = drywet("dataset", command, "--help", cwd=tmp_path).stdout.replace("`", "")
    assert f"Example: drywet dataset {command}" in " ".join(shown.split())


@pytest.mark.parametrize("command", ["make", "show"])
def test_every_signal_command_shows_an_example(command, tmp_path):
    assert f"Example: drywet signal {command}" in drywet("signal", command, "--help", cwd=tmp_path).stdout.replace(
        "`", ""
    )


def test_a_full_disk_is_one_clear_error_and_keeps_the_dataset(takes, tmp_path):
    """A file system of 900 kB, where the machine lets us make one."""
    small = tmp_path / "small"
    small.mkdir()
    if (
        os.geteuid()
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=900k", "none", small], capture_output=True).returncode
    ):
        pytest.skip("cannot mount a small file system here")
    try:
        drywet("dataset", "init", small / "ds", "--device", "pedal", cwd=tmp_path)
        drywet("dataset", "add", small / "ds", takes / "riff.wav", takes / "riff-2.wav", cwd=tmp_path)
        before = (small / "ds" / "dataset.toml").read_bytes()
        drywet("dataset", "add", small / "ds", takes / "riff.wav", takes / "riff-8.wav", cwd=tmp_path, status=7)
        assert (small / "ds" / "dataset.toml").read_bytes() == before
        assert json.loads(drywet("dataset", "check", small / "ds", "--json", cwd=tmp_path).stdout)["usable"]
    finally:
        subprocess.run(["umount", small], check=True)
