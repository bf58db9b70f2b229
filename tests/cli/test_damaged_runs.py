"""Run folders whose files were cut short or edited: a typed error that names the file, from every command that reads it."""

import json

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from drywet import audio, files
from drywet.analysis import read_run
from drywet.cli import app
from drywet.errors import DrywetError, RunError
from drywet.export import distill as distilling
from drywet.models import FAMILIES, build, model_bytes
from drywet.training import provenance, read_settings
from drywet.training.adam import Adam
from drywet.training.checkpoint import Progress, load_checkpoint, save_checkpoint
from drywet.training.recording import read_split

RATE = 44_100
SETTINGS = {"model": {"family": "gain"}, "training": {}}
CONFIG = {"format": 1, "id": "x", "name": "x", "settings": SETTINGS, "controls": {}}
SPLIT = {"format": 1, "dry": "dry.wav", "wet": "wet.wav", "dry_sha256": "0", "wet_sha256": "0", "train": [0, 1],
         "validation": [1, 2], "test": [2, 3]}  # fmt: skip
NO_OBJECT = [b"", b"{", b"[]", b"null", b"3", b"\xff\xfe", b"[" * 100_000]
ODD = [None, True, -1, 10**400, "", [], {}, [[]], [1]]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run folder as training leaves it, but for its sounds."""
    folder = tmp_path_factory.mktemp("whole")
    files.write_bytes(folder / "best.safetensors", model_bytes(build(FAMILIES["gain"][0]()), RATE))
    files.write_json(folder / "config.json", CONFIG)
    files.write_json(folder / "provenance.json", {"status": "finished", "started": "now"})
    files.write_json(folder / "split.json", SPLIT)
    return folder


@pytest.fixture
def run(whole, tmp_path):
    for path in whole.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


READERS = {
    "split.json": read_split,
    "config.json": read_settings,
    "provenance.json": provenance.read,
}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("content", NO_OBJECT)
def test_a_file_that_is_no_object_is_named(run, name, content):
    (run / name).write_bytes(content)
    with pytest.raises(RunError, match=name):
        READERS[name](run)


@pytest.mark.parametrize("key", SPLIT)
def test_a_split_with_a_value_of_another_kind_is_damaged(run, key):
    wrong = [
        value for value in ODD if not (isinstance(value, str) and isinstance(SPLIT[key], str)) and value is not True
    ]
    for value in wrong:
        (run / "split.json").write_text(json.dumps(SPLIT | {key: value}))
        with pytest.raises(RunError, match=r"split\.json"):
            read_split(run)


@pytest.mark.parametrize("key", ["controls", "settings", "factors"])
def test_a_report_refuses_settings_that_are_no_table(run, key):
    (run / "config.json").write_text(json.dumps(CONFIG | {key: [1]}))
    with pytest.raises(RunError, match=r"config\.json"):
        read_run(run)


@pytest.mark.parametrize("row", ["[]", "3", '{"esr": "x"}', '{"esr": 1%s}' % ("0" * 400), "[" * 100_000])
def test_a_report_refuses_a_row_that_has_no_score(run, row):
    (run / "evaluation.jsonl").write_text(row + "\n")
    with pytest.raises(RunError, match=r"evaluation\.jsonl"):
        read_run(run)


def test_a_checkpoint_with_wrong_values_cannot_be_resumed_from(tmp_path):
    model = build(FAMILIES["gain"][0]())
    optimizer, average = Adam(torch.zeros(1), 1e-8), torch.zeros(1)
    path = tmp_path / "last.safetensors"
    for wrong in ({"epoch": None}, {"update": "x"}, {"seconds": []}, {"best_esr": {}}):
        progress = Progress()
        vars(progress).update(wrong)
        save_checkpoint(path, progress, model, average, optimizer, ())
        with pytest.raises(RunError, match="delete it to train this run from the start"):
            load_checkpoint(path, model, average, optimizer)
    save_checkpoint(path, Progress(), model, average, Adam(torch.zeros(2), 1e-8), ())
    with pytest.raises(RunError, match=r"optimizer.mean has shape \(2,\), this model \(1,\)"):
        load_checkpoint(path, model, average, optimizer)
    save_checkpoint(path, Progress(update=3), model, average, optimizer, (torch.ones(2),))
    found, (state,) = load_checkpoint(path, model, average, optimizer)
    assert (found.update, state.tolist()) == (3, [1.0, 1.0])


COMMANDS = {
    "split.json": (["evaluate", "RUN", "dry.wav", "dry.wav"], ["distill", "RUN", "--to", "lstm-2", "--out", "student"]),
    "best.safetensors": (
        ["inspect", "RUN"], ["export", "RUN", "--format", "onnx", "--out", "x.onnx"],
        ["distill", "RUN", "--to", "lstm-2", "--out", "student"], ["evaluate", "RUN", "dry.wav", "dry.wav"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_end_with_a_typed_error_and_no_file(run, name, monkeypatch):
    monkeypatch.chdir(run)
    monkeypatch.setattr(distilling, "_train", lambda *_: pytest.fail("a student was trained on a damaged run"))
    audio.write("dry.wav", 0.1 * np.sin(np.arange(500, dtype=np.float32)), RATE)
    content = (run / name).read_bytes()
    before = {path.name for path in run.iterdir()}
    for damaged in (b"", content[: len(content) // 2], content.replace(b'"', b"'", 3)):
        (run / name).write_bytes(damaged)
        for command in COMMANDS[name]:
            done = CliRunner().invoke(app, [str(run) if part == "RUN" else part for part in command])
            assert isinstance(done.exception, DrywetError), command
            assert name in str(done.exception) or "header" in str(done.exception)
    assert {path.name for path in run.iterdir()} == before
