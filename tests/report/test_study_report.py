import json
import re
import shutil

import pytest
import soundfile
from fake_study import write_study

from drywet import audio
from drywet.analysis import read_study
from drywet.cli.report import report as report_command
from drywet.errors import RunError, SettingsError
from drywet.measures import esr
from drywet.report import build_study_report, listening
from drywet.report.listening import build_desk, choose_models
from drywet.report.page import Page

TINY = [{"name": "gain", "setting": "controls.drive", "levels": ["Low", "Mid"]}]


def tiny_study(folder, **changes):
    return write_study(folder, **{"factors": TINY, "clips": ["chug"], "seconds": 0.1, "sample_rate": 8000} | changes)


def test_the_page_holds_every_model_and_the_published_figure_of_its_configuration(report):
    page = report.read_text()
    table = page[page.index("Table of all models") : page.index("Each model on each riff")]
    rows = re.findall(r"<tr.*?</tr>", table, re.S)[1:]
    assert len(rows) == 8
    assert "2.24\u00a0%" in rows[0]  # published model 0: 0.0224
    assert "one riff (shadowlove), compared one sample late" in page


def test_every_address_on_the_page_is_a_file_in_the_folder(report):
    page = report.read_text()
    addresses = set(re.findall(r'(?:src|href|srcset)="([^"#]+)"', page)) - {"data:,"}
    assert {"figures/all-results.svg", "figures/all-results.pdf"} <= addresses
    assert len(addresses) > 40
    for address in addresses:
        assert (report.parent / address).resolve().is_relative_to(report.parent)
        assert (report.parent / address).is_file()


def test_the_page_and_its_figures_name_no_other_host(report):
    for path in [report, *report.parent.glob("*.css"), *report.parent.glob("*.js")]:
        assert not re.search(r"https?://|//[a-z]+\.", path.read_text())
    for path in report.parent.glob("figures/*.svg"):
        assert not re.search(r'(?:href|src)="(?!#|data:image/png;base64)', path.read_text())


def test_what_is_heard_is_what_was_scored(study, report):
    data = json.loads(re.search(r'id="desk-data">(.*?)</script>', report.read_text(), re.S)[1])
    best = choose_models(read_study(study))[0].run
    entry = data["entries"][0][0]["clips"][0]
    wet, predicted, difference = (
        audio.read(report.parent / entry[name])[0] for name in ("wet", "predicted", "difference")
    )
    assert esr(wet, predicted) == pytest.approx(best.clips[0].esr, rel=0.01)  # 16 bit
    assert abs(wet - predicted - difference).max() < 1e-4
    assert soundfile.info(report.parent / entry["wet"]).subtype == "PCM_16"


def test_best_median_and_worst_are_chosen_per_knob_position(study):
    results = read_study(study)
    for gain in ("Low", "Mid"):
        scores = sorted(run.mean_esr for run in results.runs if run.factors["gain"] == gain)
        chosen = {c.rank: c.run.mean_esr for c in choose_models(results) if c.group == gain}
        assert (chosen["best"], chosen["worst"]) == (scores[0], scores[-1])
        assert scores[0] < chosen["median"] < scores[-1]


def test_sounds_stop_at_the_budget_and_the_page_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(listening, "FOLDER_BYTES", 60_000)
    results = read_study(
        write_study(tmp_path, factors=TINY, clips=["chug", "lead", "blues"], seconds=1.0, sample_rate=16_000)
    )
    for limited in (True, False):
        page = Page(tmp_path / f"report-{limited}")
        desk = build_desk(choose_models(results), results.clips, page, lambda run: run.name, limited=limited)
        assert (page.n_bytes < 100_000) is limited
        assert any("were left out to keep this folder below 30 MB" in note for note in desk.notes) is limited


def test_figures_count_against_the_room_for_sounds(tmp_path, monkeypatch):
    monkeypatch.setattr(listening, "FOLDER_BYTES", 600_000)
    results = read_study(tiny_study(tmp_path))
    page = Page(tmp_path / "report")
    (tmp_path / "figure.svg").write_bytes(bytes(600_000))
    page.written.add(tmp_path / "figure.svg")
    assert build_desk(choose_models(results), results.clips, page, lambda run: run.name).n_bytes == 0


@pytest.mark.parametrize(
    ("heard", "ranks"),
    [
        ("none", []), ("best", ["best"]), (2, ["best", "worst"]), (3, ["best", "median", "worst"]),
        ("all", ["best", "2", "3", "worst"]), (10**15, ["best", "2", "3", "worst"]),
    ],
)  # fmt: skip
def test_as_many_models_are_heard_as_are_asked_for(study, heard, ranks):
    results = read_study(study)
    choices = choose_models(results, heard)
    assert [c.rank for c in choices if c.group == "Low"] == ranks
    assert len(choices) == 2 * len(ranks)


def test_another_word_for_audio_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(SettingsError, match="a number, best, none or all"):
        report_command(tiny_study(tmp_path), None, "some")
    assert not (tmp_path / "report").exists()


def test_knob_positions_that_are_not_heard_are_named(tmp_path, undrawn):
    factors = [
        TINY[0] | {"levels": ["Low", "Mid", "High"]},
        {"name": "tone", "setting": "controls.tone", "levels": ["a", "b", "c"]},
    ]
    page = build_study_report(tiny_study(tmp_path, factors=factors)).read_text()
    assert "3 knob positions (High · a; High · b; High · c)" in page


def test_without_sounds_the_page_has_no_desk(tmp_path, undrawn):
    page = build_study_report(tiny_study(tmp_path), audio="none")
    assert not (page.parent / "audio").exists()
    assert 'id="desk"' not in page.read_text()


def test_one_seed_is_told_that_it_proves_nothing(report):
    assert "Nothing is said about significance" in report.read_text()


def test_measures_beyond_esr_stand_beside_each_model(report):
    page = report.read_text()
    table = page[page.index("Panel of measures of each model") :]
    heading = re.search(r"<thead>.*?</thead>", table, re.S)[0]
    assert "ESR at onsets" in heading
    assert "Log-mel" not in heading  # no run has it
    assert len(re.findall(r"<tr>", re.search(r"<tbody>.*?</tbody>", table, re.S)[0])) == 8


def test_an_unstable_run_is_marked_with_its_reason(report):
    assert "⚠ collapse at update 15000" in report.read_text()


def test_runs_without_scores_are_named_and_the_rest_is_shown(tmp_path, undrawn):
    study = tiny_study(tmp_path)
    runs = sorted((study / "runs").iterdir())
    (runs[0] / "evaluation.jsonl").unlink()
    page = build_study_report(study).read_text()
    assert "1 of 2 runs have no scores yet" in page
    assert "#0 · Low: finished, not evaluated" in page
    assert "#1 · Mid" in page


def test_a_study_that_has_not_begun_still_gives_a_page(tmp_path, undrawn):
    study = tiny_study(tmp_path)
    shutil.rmtree(study / "runs")
    page = build_study_report(study).read_text()
    assert "No run has been evaluated yet" in page
    assert "2 of 2 runs have no scores yet" in page


def test_missing_and_mismatched_sounds_are_left_out_and_named(tmp_path, undrawn):
    study = tiny_study(tmp_path)
    runs = sorted((study / "runs").iterdir())
    (runs[0] / "renders/0.wav").unlink()
    audio.write(runs[1] / "renders/0.wav", audio.read(runs[1] / "renders/0.wav")[0][:-9], 8000)
    page = build_study_report(study).read_text()
    assert "no such file" in page
    assert "lengths disagree" in page
    assert str(tmp_path) not in page
    assert "There is nothing to listen to yet" in page


def test_a_study_with_seeds_shows_intervals(tmp_path, undrawn):
    factors = [
        {"name": "context", "setting": "training.tbptt_length", "levels": ["44", "88"]},
        {"name": "seed", "setting": "seed", "levels": ["0", "1", "2"]},
    ]
    page = build_study_report(tiny_study(tmp_path, factors=factors)).read_text()
    assert "every difference is measured with the spread between them" in page
    assert "Nothing is said about significance" not in page
    assert re.search(r"Context 88 instead of 44: −\d\.\d dB \[", page)
    assert "Between seeds of one configuration" in page
    assert re.search(r"Inside the shade, \d[\d.]* dB either way", page)
    assert "one seed: none" not in page


def test_building_again_leaves_no_file_of_the_report_before(tmp_path, undrawn):
    study = tiny_study(tmp_path)
    folder = build_study_report(study).parent
    assert (folder / "figures/waveforms-01.pdf").is_file()
    heard = len(list(folder.glob("audio/*")))
    (folder / "audio/mine.txt").write_text("a file of the user's")
    (sorted((study / "runs").iterdir())[1] / "evaluation.jsonl").unlink()
    page = build_study_report(study).read_text()
    assert not (folder / "figures/waveforms-01.pdf").exists()
    (folder / "audio/mine.txt").unlink()  # still there
    assert len(list(folder.glob("audio/*"))) < heard
    assert all(path.name in page for path in [*folder.glob("audio/*"), *folder.glob("figures/*")])


def test_a_damaged_study_is_refused_by_name(tmp_path):
    study = tiny_study(tmp_path)
    (study / "study.json").write_text("{")
    with pytest.raises(RunError, match=r"study\.json"):
        build_study_report(study)


def test_hostile_names_are_text_and_lead_nowhere(hostile_report):
    text = hostile_report.read_text()
    assert "<script>window" not in text
    assert "<img src=x" not in text
    assert "&lt;script&gt;window.pwned=1" in text
    folder = hostile_report.parent
    inside = {path.relative_to(folder).parts[0] for path in folder.rglob("*")}
    assert inside == {
        "index.html", "files.json", "report.css", "report.js", "figures", "audio", "results.csv", "models.csv", "summary.csv"
    }  # fmt: skip
    assert {path.name for path in folder.parent.iterdir()} == {"study", "out"}
