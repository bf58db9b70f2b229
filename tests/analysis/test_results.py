import csv
import json
import math
import shutil

import pytest
from fake_study import write_json_lines, write_study

from drywet.analysis import limits_in_words, read_run, read_study, summarise, write_tables
from drywet.errors import RunError

FACTORS = [
    {"name": "context", "setting": "training.tbptt_length", "levels": ["44", "88"]},
    {"name": "learning_rate", "setting": "training.learning_rate", "levels": ["0.01", "0.0001"]},
]


def planted(levels, clip_index, rng):
    """1 % and 4 % on the two clips (mean 2.5 %, geometric mean 2 %), one point more at context 44."""
    return (0.01, 0.04)[clip_index] + (0.01 if levels["context"] == "44" else 0)


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return write_study(
        tmp_path_factory.mktemp("study"), factors=FACTORS, clips=["chug", "lead"], seconds=0.2, sample_rate=8000,
        esr=planted,
    )  # fmt: skip


@pytest.fixture
def study(original, tmp_path):
    return shutil.copytree(original, tmp_path / "study")


def test_planted_scores_come_back_as_arithmetic_and_geometric_means(study):
    results = read_study(study)
    long_context = next(run for run in results.runs if run.factors["context"] == "88")
    assert long_context.mean_esr == pytest.approx(0.025)
    assert long_context.geometric_mean_esr == pytest.approx(0.02)
    assert [row.n for row in summarise(results)[0].levels] == [2, 2]


def test_the_clips_of_a_run_point_at_files_that_exist(study):
    for clip in read_study(study).runs[0].clips:
        assert clip.dry.is_file()
        assert clip.wet.is_file()
        assert clip.predicted.is_file()


def test_one_seed_allows_no_statement_of_significance(study):
    words = " ".join(limits_in_words(read_study(study)))
    assert "no statement about significance" in words
    assert "not replicates" in words


def test_a_run_that_is_not_there_yet_is_listed_and_the_others_are_summarised(study):
    runs = sorted((study / "runs").iterdir())
    shutil.rmtree(runs[0])
    (runs[1] / "evaluation.jsonl").unlink()
    results = read_study(study)
    assert [run.missing for run in results.runs] == ["not started", "finished, not evaluated", None, None]
    assert sum(level.n for level in summarise(results)[1].levels) == 2


@pytest.mark.parametrize(
    ("rows", "unstable"),
    [
        ([0.5, 0.1, 0.02, 0.03, 0.02], False),
        ([0.5, 0.012, 0.31], True),  # the published model 22
        ([0.5, None, 0.1], True),
        ([0.0, 0.01], False),
    ],
)
def test_a_collapse_of_the_validation_esr_marks_the_run(study, rows, unstable):
    run = next((study / "runs").iterdir())
    write_json_lines(run / "log.jsonl", [{"update": i, "validation_esr": esr} for i, esr in enumerate(rows)])
    assert (read_run(run).instability is not None) is unstable


def test_an_event_in_the_log_marks_the_run(study):
    run = next((study / "runs").iterdir())
    row = {"update": 7, "validation_esr": 0.1, "event": "rolled back: loss not finite"}
    write_json_lines(run / "log.jsonl", [row])
    assert read_run(run).instability == "rolled back: loss not finite at update 7"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("config.json", "{", "not readable as JSON"),
        ("provenance.json", "[]", "a JSON object is needed"),
        ("evaluation.jsonl", '{"clip": "a", "esr": "low"}\n', "'esr' is 'low'"),
        ("evaluation.jsonl", '{"clip": "a"}\n', "'esr' is None"),
        ("evaluation.jsonl", '{"clip": "a", "esr": 0.1, "start": -1}\n', "count samples from 0"),
        ("log.jsonl", "7\n", "a JSON object is needed"),
    ],
)
def test_a_damaged_file_is_named(study, name, text, message):
    run = next((study / "runs").iterdir())
    (run / name).write_text(text)
    with pytest.raises(RunError, match=message):
        read_run(run)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s["runs"][0].update(folder="../../etc"), "outside the study folder"),
        (lambda s: s["runs"][0].update(factors={}), "no level for factor"),
        (lambda s: s["runs"][0]["factors"].update(context="45"), "is no level of factor"),
        (lambda s: s.update(runs="none"), "'runs' is missing or no list"),
        (lambda s: s.update(factors=[3]), "an entry of 'factors' has no usable 'name'"),
    ],
)
def test_a_study_that_contradicts_itself_is_refused(study, change, message):
    description = json.loads((study / "study.json").read_text())
    change(description)
    (study / "study.json").write_text(json.dumps(description))
    with pytest.raises(RunError, match=message):
        read_study(study)


def test_a_folder_without_a_study_or_run_is_refused(tmp_path):
    with pytest.raises(RunError, match=r"no study\.json"):
        read_study(tmp_path)
    with pytest.raises(RunError, match=r"no config\.json"):
        read_run(tmp_path)


def test_the_tables_hold_every_model_and_clip(study, tmp_path):
    results = read_study(study)
    write_tables(results, tmp_path / "tables")
    with open(tmp_path / "tables/results.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4 * 2
    assert {row["context"]: float(row["esr"]) for row in rows if row["clip"] == "lead"} == {"44": 0.05, "88": 0.04}
    with open(tmp_path / "tables/models.csv", newline="") as file:
        assert len(list(csv.DictReader(file))) == 4
    with open(tmp_path / "tables/summary.csv", newline="") as file:
        assert [row["level"] for row in csv.DictReader(file)] == ["44", "88", "0.01", "0.0001"]


def test_a_name_that_a_spreadsheet_would_run_is_written_as_text(study, tmp_path):
    run = next((study / "runs").iterdir())
    write_json_lines(run / "evaluation.jsonl", [{"clip": "=1+1", "esr": 0.1}])
    write_tables(read_study(study), tmp_path)
    assert "'=1+1" in (tmp_path / "results.csv").read_text()


def test_unknown_figures_are_nan_not_zero(study):
    run = next((study / "runs").iterdir())
    write_json_lines(run / "evaluation.jsonl", [{"clip": "chug", "esr": 0.1}])
    assert math.isnan(read_run(run).mean("esr_linear"))
