"""Texts of strangers in the terminal, in JSON and on pages: read, and nothing else."""

import json

import pytest
from typer.testing import CliRunner

from drywet import cli
from drywet.cli import app, common
from drywet.text import one_line, printable

ESCAPE, ONE_BYTE_ESCAPE, TURN_ROUND = "\x1b[2J", "\x9b2J", "\u202e"  # clear the screen, twice; write from right to left
EVIL = f"a{ESCAPE}b{ONE_BYTE_ESCAPE}c{TURN_ROUND}d\r\x07"


def acts(text):
    return any(sign in text for sign in "\x1b\x9b\u202e\x07")


@pytest.mark.parametrize("text", ["", "Röhre 12 µF", "drive 9:00\u00a0dB", "太鼓 🎸"])
def test_what_is_only_seen_stays(text):
    assert printable(text) == text


def test_a_long_text_is_cut_and_stands_on_one_line():
    assert one_line("a\nb\tc", 10) == "a b c"
    assert one_line("x" * 10**6, 10) == "x" * 9 + "…"
    assert not acts(one_line(EVIL, 80))


def test_no_text_acts_on_the_terminal(capsys):
    with common.stdout.capture() as shown:
        common.stdout.print(f"{EVIL}\nsecond line")
        common.print_table([{EVIL: EVIL}], EVIL)
    assert not acts(shown.get())
    assert "\nsecond line" in shown.get()
    with pytest.raises(SystemExit):
        cli._complain(EVIL, 10)
    assert not acts(capsys.readouterr().err)


def test_json_holds_every_sign_and_none_acts(capsys):
    value = {"name": EVIL, "tag": "\U000e0001", "kept": "é\u00a0"}
    common.print_json(value)
    out = capsys.readouterr().out
    assert not acts(out)
    assert json.loads(out) == value
    assert "é" in out


def nam(tmp_path, **more):
    values = {"version": "0.5.4", "architecture": "Linear", "config": {"receptive_field": 2, "bias": False},
              "weights": [1.0, 0.0], "sample_rate": 48_000}  # fmt: skip
    path = tmp_path / "evil.nam"
    path.write_text(json.dumps(values | more))
    return path


@pytest.mark.parametrize(
    "command", [["inspect"], ["inspect", "--json"], ["convert", "x.h"], ["convert", "x.nam", "--json"]]
)
def test_a_strangers_model_file_says_nothing_that_acts(tmp_path, command):
    file = nam(tmp_path, metadata={"name": EVIL, "gear_make": EVIL}, **{EVIL: 1, "x" * 10**6: 2})
    targets = [str(tmp_path / part) if part.startswith("x.") else part for part in command[1:]]
    done = CliRunner().invoke(app, [command[0], str(file), *targets])
    assert done.exit_code == 0
    assert not acts(done.output)
    assert len(done.output) < 5000
    for written in {*tmp_path.glob("x.*")} - {*tmp_path.glob("*.wav")}:
        assert not acts(written.read_text())


def test_the_name_of_a_knob_cannot_act(tmp_path):
    layer = {"type": "dense", "activation": "", "shape": [None, None, 1], "weights": [[[1.0], [0.5]], [0.0]]}
    values = {"in_shape": [None, None, 2], "layers": [layer], "knobs": [EVIL], "sample_rate": 48_000}
    (tmp_path / "evil.json").write_text(json.dumps(values))
    done = CliRunner().invoke(app, ["convert", str(tmp_path / "evil.json"), str(tmp_path / "x.nam")])
    assert "holds no knobs" in str(done.exception)
    assert not acts(str(done.exception))


def test_a_page_shows_names_without_what_acts():
    from drywet.report.page import _environment

    page = _environment().from_string("{{ name }}").render(name=f"<b>{EVIL}")
    assert not acts(page)
    assert page.startswith("&lt;b&gt;a?[2Jb")
