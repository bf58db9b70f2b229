import shutil

import pytest

from drywet import executor, files
from drywet.analysis import read_study
from drywet.errors import DatasetError, RunError, SettingsError
from drywet.evaluation import evaluate_study
from drywet.settings import fingerprint, parse
from drywet.training import (
    RunConfig,
    RunSettings,
    load_study,
    load_training_data,
    open_study,
    preset_names,
    train_study,
)
from drywet.training.estimate import estimate, estimate_study_seconds

STUDY = """
format = 1
name = "small"
title = "A small study"

[run.model]
family = "lstm"

[run.training]
recipe = "stateful"
budget = "1epochs"
batch_size = 8
tbptt_length = 100
validations = 2

[[factor]]
name = "gain"
setting = "controls.drive"
levels = { Low = "9:00", High = "3:00" }

[[factor]]
name = "units"
setting = "model.hidden_size"
levels = [3, 5]
"""


@pytest.fixture
def study_file(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(STUDY)
    return path


def test_the_published_grid_has_its_36_models_in_the_published_order():
    configs = load_study("ds340").configs()
    assert len(configs) == 36
    published = {
        0: ("Low", "44", "64", "0.01"),
        11: ("Low", "88", "96", "0.0001"),
        13: ("Mid", "44", "64", "0.0001"),
        22: ("Mid", "88", "96", "0.01"),
        29: ("High", "66", "64", "0.0001"),
        34: ("High", "88", "96", "0.01"),
    }
    for number, labels in published.items():
        assert tuple(configs[number].factors.values()) == labels
        assert configs[number].number == number


def test_the_published_recipe_is_unchanged():
    settings = load_study("ds340").configs()[22].settings
    assert settings.controls == {"drive": "12:00"}
    assert (settings.model.family, settings.model.context, settings.model.hidden_size) == ("window-lstm", 88, 96)
    training = settings.training
    assert (training.batch_size, training.budget, training.patience, training.train_rows) == (
        64,
        "100epochs",
        15,
        74_862,
    )
    assert (training.learning_rate, settings.seed, training.hop) == (0.01, 25, None)


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_resolves_and_every_run_is_another_one(name):
    configs = load_study(name).configs()
    assert len({config.run_id("same audio") for config in configs}) == len(configs)


@pytest.mark.parametrize(
    ("name", "study", "first", "last"),
    [
        # Of the version that had these two studies alone: folders that users have must go on, not start again.
        ("ds340", "9b27fb170cd3", "cf859e0cb4ab", "79466c492e14"),
        ("ds340-stateful", "163bc887d625", "a049756039fe", "5b406bcec3a2"),
    ],
)
def test_studies_made_by_earlier_versions_keep_their_identity(name, study, first, last):
    settings = load_study(name)
    assert fingerprint(settings.model_dump(mode="json"))[:12] == study
    configs = settings.configs()
    assert (configs[0].run_id("audio"), configs[-1].run_id("audio")) == (first, last)


def test_weight_decay_that_is_switched_off_stays_so_in_the_file_of_a_run():
    model, off = {"family": "wavenet"}, {"weight_decay": 0.0}
    settings = parse(RunSettings, {"model": model, "training": off}, "test")
    again = parse(RunSettings, settings.model_dump(mode="json"), "test")
    assert again == settings
    assert again.training.weight_decay == 0
    assert again != parse(RunSettings, {"model": model, "training": {}}, "test")


def test_names_and_numbers_do_not_change_what_a_run_is():
    config = load_study("ds340").configs()[0]
    renamed = RunConfig(name="other", number=7, settings=config.settings)
    assert renamed.run_id("audio") == config.run_id("audio") != config.run_id("other audio")


def test_things_that_change_together_are_levels_of_one_factor(study_file):
    study_file.write_text(
        STUDY.replace('setting = "training.tbptt_length"', "")
        + """
[[factor]]
name = "context"
levels.50 = { "training.tbptt_length" = 50, "training.batch_size" = 16 }
levels.100 = { "training.tbptt_length" = 100, "training.batch_size" = 8 }
"""
    )
    trainings = [config.settings.training for config in load_study(study_file).configs()]
    assert [(training.tbptt_length, training.batch_size) for training in trainings] == [(50, 16), (100, 8)] * 4


def test_a_factor_may_take_its_setting_from_the_level_of_another(study_file):
    study_file.write_text(
        STUDY[: STUDY.index("[run.model]")]
        + """
run.model.hidden_size = 3

[[factor]]
name = "state"
levels.window = { "model.family" = "window-lstm" }
levels.carried = { "model.family" = "lstm" }

[[factor]]
name = "context"
setting = { window = "model.context", carried = "training.tbptt_length" }
levels = [44, 88]
"""
    )
    runs = [config.settings for config in load_study(study_file).configs()]
    assert [run.model.context for run in runs[:2]] == [44, 88]
    assert [run.training.tbptt_length for run in runs[2:]] == [44, 88]
    text = study_file.read_text().replace('window = "model.context", ', "")
    study_file.write_text(text)
    with pytest.raises(SettingsError, match="factor context: its setting depends on the levels carried"):
        load_study(study_file)


def test_a_part_of_a_grid_holds_the_same_runs_as_the_whole(study_file):
    whole, part = load_study(study_file), load_study(study_file, only={"units": ["5"]})
    ids = {config.name: config.run_id("audio") for config in whole.configs()}
    assert {config.name: config.run_id("audio") for config in part.configs()} == {
        name: run_id for name, run_id in ids.items() if name.endswith("5")
    }
    with pytest.raises(SettingsError, match="no factor 'unit'; did you mean 'units'"):
        load_study(study_file, only={"unit": ["5"]})
    with pytest.raises(SettingsError, match="factor units: no level '4'; there are: 3, 5"):
        load_study(study_file, only={"units": ["4", "5"]})


def test_parts_made_elsewhere_are_put_together_by_copying_their_runs(study_file, small_dataset, tmp_path):
    parts = {"one": {"units": ["3"], "gain": ["Low"]}, "other": {"units": ["5"], "gain": ["Low"]}}
    whole, short = tmp_path / "whole", {"run.training.budget": "5updates"}
    for name, only in parts.items():
        part = open_study(load_study(study_file, short, only), tmp_path / name, small_dataset.folder)
        train_study(part, executor.Inline())
        shutil.copytree(part.folder / "runs", whole / "runs", dirs_exist_ok=True)
    shutil.copytree(small_dataset.folder, whole / "dataset")
    trained = {path: files.sha256(path) for path in whole.glob("runs/*/best.safetensors")}
    study = open_study(load_study(study_file, short, {"gain": ["Low"]}), whole, whole / "dataset")
    assert {folder / "best.safetensors" for _, folder in study.runs} == set(trained)
    assert [outcome.result.state for outcome in train_study(study, executor.Inline())] == ["finished"] * 2
    assert {path: files.sha256(path) for path in trained} == trained
    assert [run.factors["units"] for run in read_study(whole).runs] == ["3", "5"]


def test_a_study_runs_evaluates_and_goes_on_where_it_stopped(study_file, small_dataset, tmp_path):
    settings = load_study(study_file)
    study = open_study(settings, tmp_path / "study", small_dataset.folder)
    news = []
    outcomes = train_study(study, executor.Local(2), lambda index, status: news.append(index))
    assert [outcome.result.state for outcome in outcomes] == ["finished"] * 4
    assert set(news) == {0, 1, 2, 3}
    rows = [outcome.result for outcome in evaluate_study(study.folder, executor.Inline())]
    assert [[row["clip"] for row in run] for run in rows] == [["chords", "lead"]] * 4

    # The numbers do not depend on how many processes there were.
    again = open_study(settings, tmp_path / "again", small_dataset.folder)
    train_study(again, executor.Inline())
    for (_, one), (_, other) in zip(study.runs, again.runs, strict=True):
        assert files.sha256(one / "best.safetensors") == files.sha256(other / "best.safetensors")

    # One run is lost: only that one is trained again, to the same bits.
    lost = study.runs[2][1]
    before = {folder: files.sha256(folder / "best.safetensors") for _, folder in study.runs}
    times = {folder: (folder / "best.safetensors").stat().st_mtime_ns for _, folder in study.runs}
    shutil.rmtree(lost)
    train_study(open_study(settings, tmp_path / "study", small_dataset.folder), executor.Inline())
    for _, folder in study.runs:
        assert files.sha256(folder / "best.safetensors") == before[folder]
        assert (folder == lost) == ((folder / "best.safetensors").stat().st_mtime_ns != times[folder])

    results = read_study(tmp_path / "study")
    assert [run.number for run in results.runs] == [0, 1, 2, 3]
    assert results.runs[2].missing == "finished, not evaluated"


def test_one_model_with_a_knob_runs_as_a_study_and_is_scored_at_every_position(study_file, small_dataset, tmp_path):
    text = STUDY.replace('family = "lstm"', 'family = "lstm"\ncontrols = ["drive"]')
    study_file.write_text(text[: text.index("[[factor]]")] + text[text.rindex("[[factor]]") :])
    study = open_study(load_study(study_file), tmp_path / "study", small_dataset.folder)
    assert [outcome.error for outcome in train_study(study, executor.Inline())] == [None, None]
    for outcome in evaluate_study(study.folder, executor.Inline()):
        assert [row["controls"]["drive"] for row in outcome.result] == [0.2, 0.8, 0.2, 0.8]
    assert len(read_study(study.folder).clips) == 4


def test_a_run_that_fails_does_not_stop_the_others(study_file, small_dataset, tmp_path):
    study = open_study(load_study(study_file), tmp_path / "study", small_dataset.folder)
    files.write_text(study.runs[1][1] / "song.txt", "not a run folder")
    outcomes = train_study(study, executor.Inline())
    assert isinstance(outcomes[1].error, RunError)
    assert [outcome.error is None for outcome in outcomes] == [True, False, True, True]


def test_a_folder_of_another_study_is_refused(study_file, small_dataset, tmp_path):
    open_study(load_study(study_file), tmp_path / "study", small_dataset.folder)
    changed = load_study(study_file, {"run.training.budget": "2epochs"})
    with pytest.raises(RunError, match="belongs to another study"):
        open_study(changed, tmp_path / "study", small_dataset.folder)
    other = shutil.copytree(small_dataset.folder, tmp_path / "other")
    manifest = (other / "dataset.toml").read_text()
    (other / "dataset.toml").write_text(manifest.replace('role = "validation"', 'role = "train"', 2))
    with pytest.raises(RunError, match="was made with other recordings"):
        open_study(load_study(study_file), tmp_path / "study", other)
    with pytest.raises(RunError, match="no study folder"):
        open_study(changed, study_file.parent, small_dataset.folder)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("tbptt_length", "tbptt_lenght", "small, run 0 .*did you mean 'tbptt_length'"),
        ('name = "small"', 'name = "../up"', "name"),
        ("levels = [3, 5]", "levels = [3, -5]", "small, run 1 .*hidden_size"),
        ("[[factor]]", "[[factors]]", "did you mean 'factor'"),
        ("levels = [3, 5]", "levels = [3, 5, 3]", "factor units has a level twice"),
        ('setting = "model.hidden_size"', "", "factor units has no setting, so each level is a table of settings"),
        ('budget = "1epochs"', 'budget = "1.5updates"', "updates are counted in whole numbers"),
    ],
)
def test_mistakes_in_a_study_file_are_found_before_anything_is_made(study_file, old, new, message):
    study_file.write_text(STUDY.replace(old, new))
    with pytest.raises(SettingsError, match=message):
        load_study(study_file)


def test_an_unknown_study_names_the_presets():
    with pytest.raises(SettingsError, match="the presets are: ds340, ds340-answered, ds340-context, ds340-stateful"):
        load_study("ds341")


def test_a_study_without_audio_asks_for_it(study_file, tmp_path):
    with pytest.raises(SettingsError, match="--dataset"):
        open_study(load_study(study_file), tmp_path / "study")


def test_the_estimate_scales_with_the_budget_and_the_processes(study_file, small_dataset):
    configs = load_study(study_file).configs()
    data = load_training_data(small_dataset, {"drive": "9:00"})
    one = estimate(configs[0], data).seconds
    longer = load_study(study_file, {"run.training.budget": "100epochs"}).configs()
    assert 20 * one < estimate(longer[0], data).seconds < 500 * one
    timed = load_study(study_file, {"run.training.budget": "60s"}).configs()
    assert estimate_study_seconds(timed, data, jobs=2) == 120.0


def test_recordings_whose_knobs_differ_are_not_mixed(small_dataset):
    with pytest.raises(DatasetError, match="2 different knob positions"):
        load_training_data(small_dataset, {})
