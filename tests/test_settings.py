import pytest

from drywet.errors import SettingsError
from drywet.settings import fingerprint, parse, set_path
from drywet.training import RunSettings, StudySettings


def run_settings(**changes):
    values = {"model": {"family": "lstm"}, "training": {"recipe": "stateful"}}
    for name, value in changes.items():
        values = set_path(values, name.replace("__", "."), value)
    return parse(RunSettings, values, "my.toml")


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("model__hiden_size", "did you mean 'hidden_size'"),
        ("training__learning_rte", "did you mean 'learning_rate'"),
        ("training__tbptt_lenght", "did you mean 'tbptt_length'"),
        ("sede", "did you mean 'seed'"),
        ("training__zzz", "known are: recipe, loss, learning_rate"),
    ],
)
def test_a_misspelt_setting_stops_with_the_nearest_name(setting, message):
    with pytest.raises(SettingsError, match=message) as error:
        run_settings(**{setting: 1})
    assert str(error.value).startswith("my.toml: unknown setting")


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("training__learning_rate", 0.0),
        ("training__learning_rate", float("nan")),
        ("training__budget", "soon"),
        ("training__budget", "0s"),
        ("model__hidden_size", 0),
        ("model__hidden_size", 10**9),
        ("seed", -1),
        ("model__family", "transformer"),
    ],
)
def test_impossible_values_are_refused(setting, value):
    with pytest.raises(SettingsError, match=r"my\.toml"):
        run_settings(**{setting: value})


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("model__family", "s4", "model.family: no family named 's4'; did you mean 's4d'?"),
        ("model__family", "transformer", "model.family: no family named 'transformer'; known are: gain, grey-box"),
        ("training__recipe", "statefull", "training.recipe: no recipe named 'statefull'; did you mean 'stateful'?"),
        ("model__family", ["lstm"], "model.family: no family named"),
    ],
)
def test_an_unknown_family_or_recipe_names_the_nearest(setting, value, message):
    with pytest.raises(SettingsError) as error:
        run_settings(**{setting: value})
    assert str(error.value).startswith(f"my.toml: {message}")


def test_settings_cannot_be_changed_after_they_were_checked():
    with pytest.raises(ValueError, match="frozen"):
        run_settings().seed = 3


def test_the_fingerprint_knows_values_but_not_their_order():
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})


def test_a_path_through_a_single_value_is_refused():
    with pytest.raises(SettingsError, match="single value"):
        set_path({"seed": 1}, "seed.x", 2)


def test_a_study_checks_its_own_table_too():
    with pytest.raises(SettingsError, match="did you mean 'factor'"):
        parse(StudySettings, {"name": "a", "title": "a", "run": {}, "facter": []}, "study.toml")
