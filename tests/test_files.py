import json
import os
import subprocess
import sys

import pytest

from drywet import files
from drywet.errors import RunError, SettingsError, StorageError


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "numbers.json"
    files.write_json(path, [1, 2])
    with pytest.raises(ValueError, match="Out of range"):
        files.write_json(path, [float("nan")])
    with pytest.raises(RuntimeError, match="in the middle"), files.atomic_path(path) as temporary:
        temporary.write_text("[1, ")
        raise RuntimeError("in the middle")
    assert json.loads(path.read_text()) == [1, 2]
    assert os.listdir(tmp_path) == ["numbers.json"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full to stand for a full disk")
def test_a_full_disk_is_a_storage_error_that_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "model.bin"
    files.write_bytes(path, b"old")

    def write_to_full_disk(self, content):
        with open("/dev/full", "wb") as file:
            file.write(content)

    monkeypatch.setattr("pathlib.Path.write_bytes", write_to_full_disk)
    with pytest.raises(StorageError, match="No space left"):
        files.write_bytes(path, b"new")
    assert path.read_bytes() == b"old"


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be written"):
        files.write_text(tmp_path / "file" / "below.txt", "text")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_file_never_takes_the_place_of_a_pipe_or_a_device(tmp_path):
    os.mkfifo(tmp_path / "wet.wav")
    with pytest.raises(StorageError, match="is a pipe, a device or a folder"):
        files.write_bytes(tmp_path / "wet.wav", b"sound")
    assert (tmp_path / "wet.wav").is_fifo()


def test_a_name_as_long_as_the_disk_takes_is_written(tmp_path):
    path = tmp_path / f"{'é' * 125}.json"  # 255 bytes
    files.write_json(path, 1)
    assert files.read_json(path) == 1


def test_two_files_of_names_that_begin_alike_are_written_at_once(tmp_path):
    names = [f"{'take' * 20} {side}" for side in ("dry", "wet")]
    with files.atomic_path(tmp_path / names[0]) as dry, files.atomic_path(tmp_path / names[1]) as wet:
        dry.write_text("dry")
        wet.write_text("wet")
    assert [(tmp_path / name).read_text() for name in names] == ["dry", "wet"]


def test_an_unfinished_last_line_is_left_out_but_a_damaged_one_is_not(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text('{"a": 1}\n{"a": 2}\n{"a": ')
    assert files.read_json_lines(path) == [{"a": 1}, {"a": 2}]
    path.write_text('{"a": 1}\n{"a": \n{"a": 3}\n')
    with pytest.raises(RunError, match="line 2"):
        files.read_json_lines(path)


def test_damaged_json_and_toml_name_the_file(tmp_path):
    (tmp_path / "a.json").write_text("[" * 100_000)
    (tmp_path / "a.toml").write_text("x = = 1")
    with pytest.raises(RunError, match=r"a\.json"):
        files.read_json(tmp_path / "a.json")
    with pytest.raises(SettingsError, match=r"a\.toml.*line 1"):
        files.read_toml(tmp_path / "a.toml")


def test_sha256_agrees_with_coreutils_on_the_empty_file(tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    assert files.sha256(tmp_path / "empty") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_kill_minus_nine_while_writing_never_leaves_half_a_file(tmp_path):
    """A child rewrites a file as fast as it can; whenever it is killed, the file is one of the whole versions."""
    path = tmp_path / "state.json"
    child = (
        "import itertools; from drywet import files\n"
        f"for n in itertools.count(): files.write_json({str(path)!r}, [n] * 20000)"
    )
    for _ in range(5):
        process = subprocess.Popen([sys.executable, "-c", child])
        while not path.exists():
            assert process.poll() is None
        process.kill()
        process.wait()
        values = json.loads(path.read_text())
        assert len(values) == 20_000
        assert len(set(values)) == 1
