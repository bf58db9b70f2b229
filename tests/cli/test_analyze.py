"""``drywet analyze`` on study folders: files, words, and what is refused."""

import json
import re
import tomllib

import pytest
from fake_study import write_json, write_study
from typer.testing import CliRunner

from drywet import analysis
from drywet.cli import app
from drywet.errors import DrywetError, RunError, SettingsError
from drywet.report.effects import draw_effects
from drywet.report.style import drawing, save_figure
from drywet.training import load_study

UNITS = {"name": "units", "setting": "model.hidden_size", "levels": ["64", "96"]}
SEED = {"name": "seed", "setting": "seed", "levels": ["0", "1", "2"]}


def esr(levels, clip_index, rng):
    return 0.01 * (2.0 if levels["units"] == "64" else 1.0) * 10 ** (0.05 * rng.standard_normal())


def write(folder, factors):
    return write_study(folder, factors=factors, clips=["chug", "lead"], seconds=0.05, sample_rate=8000, esr=esr)


@pytest.fixture(scope="module")
def seeded(tmp_path_factory):
    return write(tmp_path_factory.mktemp("seeded"), [UNITS, SEED])


def run(*arguments):
    return CliRunner().invoke(app, ["analyze", *map(str, arguments)])


def test_it_says_what_it_found_and_leaves_tables_and_figures(seeded, tmp_path):
    result = run(seeded, "--out", tmp_path)
    assert result.exit_code == 0, result.output
    assert re.search(r"units 96 instead of 64: −[23]\.\d dB \[", result.stdout)  # planted: half the ESR, 3.0 dB
    assert json.loads((tmp_path / "analysis.json").read_text())["comparisons"][0]["verdict"] == "confirmed"
    for name in ("comparisons.csv", "comparisons.md", "comparisons.tex", "effects.svg", "effects.pdf", "effects.png"):
        assert (tmp_path / name).stat().st_size > 100, name
    assert not (tmp_path / "more-seeds.toml").exists()


def test_a_folder_of_other_files_is_left_alone(seeded, tmp_path):
    (tmp_path / "comparisons.csv").write_text("my own")
    result = run(seeded, "--out", tmp_path)
    assert isinstance(result.exception, SettingsError)
    assert "holds files, but no analysis of drywet's" in str(result.exception)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("comparisons.csv", "my own")]


def test_the_analysis_of_another_study_is_not_written_over(seeded, tmp_path):
    assert run(seeded, "--out", tmp_path).exit_code == 0
    before = (tmp_path / "analysis.json").read_bytes()
    assert run(seeded, "--out", tmp_path).exit_code == 0  # its own
    other = write(tmp_path.with_name("other"), [UNITS, SEED])
    write_json(other / "study.json", json.loads((other / "study.json").read_text()) | {"name": "other"})
    result = run(other, "--out", tmp_path)
    assert isinstance(result.exception, SettingsError)
    assert "not of other; choose another folder" in str(result.exception)
    assert (tmp_path / "analysis.json").read_bytes() == before


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"study": 3}'])
def test_a_damaged_analysis_is_not_written_over(seeded, tmp_path, content):
    (tmp_path / "analysis.json").write_text(content)
    assert isinstance(run(seeded, "--out", tmp_path).exception, DrywetError)
    assert (tmp_path / "analysis.json").read_text() == content
    assert len(list(tmp_path.iterdir())) == 1


def test_the_same_study_gives_the_same_bytes(seeded, tmp_path):
    found = [analysis.analyze(analysis.read_study(seeded)) for _ in range(2)]
    assert found[0].as_json() == found[1].as_json()
    with drawing():
        for ending in ("svg", "pdf", "png"):
            paths = [save_figure(draw_effects(one), tmp_path / f"{i}.{ending}") for i, one in enumerate(found)]
            assert paths[0].read_bytes() == paths[1].read_bytes(), ending


def test_one_seed_writes_the_study_with_seeds_and_the_command_that_runs_it(tmp_path):
    study = write(tmp_path / "study", [UNITS])
    known = json.loads((study / "study.json").read_text())
    levels = {**UNITS, "levels": [64, 96]}
    known["settings"] = {
        "name": "fake", "title": "Fake", "format": 1, "dataset": {"train_seconds": 5.0}, "factor": [levels],
        "run": {"model": {"family": "lstm"}, "training": {"budget": "1epochs"}},
    }  # fmt: skip
    write_json(study / "study.json", known)
    result = run(study, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    more = study / "analysis" / "more-seeds.toml"
    assert f"drywet study run {more}" in found["refusal"]
    assert all(row["p"] is None for row in found["comparisons"])
    seeds = len(tomllib.loads(more.read_text())["factor"][1]["levels"])
    assert seeds >= 5
    assert len(load_study(more).configs()) == 2 * seeds  # a study that drywet runs


def test_a_response_nobody_measured_and_a_folder_that_is_no_study_are_refused(seeded, tmp_path):
    assert isinstance(run(seeded, "--response", "brightness").exception, SettingsError)
    assert isinstance(run(seeded, "--margin-db", "0").exception, SettingsError)
    assert isinstance(run(tmp_path).exception, RunError)
