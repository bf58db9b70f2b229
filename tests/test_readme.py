"""The README and the docs do what they say: their code runs, their commands exist, their links lead somewhere."""

import os
import re
import shlex
from pathlib import Path

import pytest
from command_line import drywet
from report_figures import undrawn
from typer.testing import CliRunner

from drywet import audio, signals
from drywet.cli import app
from drywet.training import study

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(path, language):
    return re.findall(rf"```{language}\n(.*?)```", path.read_text(), flags=re.DOTALL)


def test_the_ten_lines_of_python_run(tmp_path, monkeypatch, capsys):
    """The block as it stands, on a study made small."""
    small = {
        "dataset.train_seconds": 5.0,
        "dataset.validation_seconds": 1.0,
        "dataset.riff_seconds": 1.0,
        "run.training.batch_size": 8,
        "factor": [
            {"name": "gain", "setting": "controls.drive", "levels": {"Low": "9:00", "High": "3:00"}},
            {"name": "units", "setting": "model.hidden_size", "levels": [4]},
        ],
    }
    (code,) = blocks(ROOT / "README.md", "python")
    monkeypatch.chdir(tmp_path)
    load_study = study.load_study
    monkeypatch.setattr("drywet.training.load_study", lambda name: load_study(name, small))
    with undrawn():
        exec(compile(code, "README.md", "exec"), {"__name__": "__main__"})  # noqa: S102, our own page
    assert (tmp_path / "my-study" / "report" / "index.html").is_file()
    assert re.search(r"^(Low|High) 4 .*%.*index\.html", capsys.readouterr().out)


def test_the_commands_for_an_own_recording_run_in_order(tmp_path, pair):
    """As they stand, but with a budget of one epoch."""
    riff = signals.test_riffs(44_100, 1.0)["lead"]
    for name, samples in (("dry", pair.dry), ("wet", pair.wet), ("other-dry", riff), ("other-wet", riff)):
        audio.write(tmp_path / f"{name}.wav", samples, 44_100)
    (own,) = (block for block in blocks(ROOT / "README.md", "bash") if "drywet train dry.wav" in block)
    for line in own.splitlines():
        if line.startswith("drywet"):
            arguments = shlex.split(line.replace("--budget 2min", "--budget 1epochs --set training.batch_size=8"))[1:]
            with undrawn():
                drywet(*arguments, cwd=tmp_path)
    assert (tmp_path / "out.wav").is_file()


def named_commands():
    """Every `drywet ...` that a page names in its text, without its arguments."""
    words = [re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL) for page in PAGES]
    spans = [span for text in words for span in re.findall(r"`([^`\n]+)`", text) if span.startswith("drywet ")]
    return sorted(set(re.findall(r"drywet ((?:circuit|dataset|signal|study) [a-z]+|[a-z]+)\b", " ".join(spans))))


@pytest.mark.parametrize("command", named_commands())
def test_every_command_that_a_page_names_exists(command):
    assert CliRunner().invoke(app, [*command.split(), "--help"]).exit_code == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pictures_are_there(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if not target.startswith("http"):
            assert os.path.exists(page.parent / target), target
