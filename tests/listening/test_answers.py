"""Files from strangers: what is used, what is not, and why."""

import json

import pytest
from simulated_listeners import abx_answers, mushra_answers, save

from drywet.errors import RunError
from drywet.listening import Listener, parse_answers, read_answers, screen_listeners

HOSTILE = "\x1b[31m<script>alert(1)</script>\u202e../../etc"


def best(item, condition):
    return 100 if condition == "reference" else 60


def test_ratings_come_back_under_the_names_of_what_was_heard(tmp_path, mushra_key):
    save(tmp_path / "answers/1.json", mushra_answers(mushra_key, best))
    (listener,) = read_answers(tmp_path, mushra_key).listeners
    assert set(listener.ratings) == set(mushra_key.items.values())
    for ratings in listener.ratings.values():
        assert {name for name, score in ratings.items() if score == 100} == {"reference"}
        assert len(ratings) == 1 + 3 + 2


def test_an_answer_is_right_when_x_was_recognised(tmp_path, abx_key):
    best_model = abx_key.models[0]
    save(tmp_path / "answers/1.json", abx_answers(abx_key, lambda model: model != best_model))
    (listener,) = read_answers(tmp_path, abx_key).listeners
    assert {trial.model for trial in listener.told if trial.is_correct} == set(abx_key.models[1:])
    assert {trial.model for trial in listener.told if not trial.is_correct} == {best_model}


def test_every_file_that_is_not_used_is_listed_with_its_reason(tmp_path, mushra_key, abx_key):
    good = mushra_answers(mushra_key, best)
    folder = tmp_path / "answers"
    save(folder / "a-good.json", good)
    save(folder / "b-again.json", {**good, "comment": "sent twice"})
    save(folder / "c-half.json", {**good, "seed": 2, "trials": good["trials"][:1]})
    save(folder / "d-twice.json", {**good, "seed": 3, "trials": [good["trials"][0]] * 2})
    save(folder / "e-other.json", {**good, "test": "0" * 16})
    save(folder / "f-abx.json", abx_answers(abx_key, lambda model: True))
    (folder / "g-broken.json").write_text("{")
    (folder / "h-huge.json").write_text(" " * 1_000_001)
    (folder / "i-deep.json").write_text("[" * 100_000)
    answered = read_answers(tmp_path, mushra_key)
    assert len(answered.listeners) == 1
    reasons = dict(line.split(": ", 1) for line in answered.unused)
    expected = {
        "b-again.json": "the same sitting as a-good.json", "c-half.json": "1 of 2 items",
        "d-twice.json": "rated twice", "e-other.json": "answers to test", "f-abx.json": "answers to test",
        "g-broken.json": "not readable as JSON", "h-huge.json": "1000001 bytes", "i-deep.json": "not readable as JSON",
    }  # fmt: skip
    assert set(reasons) == set(expected)
    for name, reason in expected.items():
        assert reason in reasons[name]


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"seed": -1},
        {"listener": "x" * 81},
        {"extra": 1},
        {"trials": [{"item": "0" * 12}]},
        {"volume_db": float("nan")},
    ],
    ids=lambda change: next(iter(change)),
)
def test_answers_of_another_form_are_refused(mushra_key, change):
    answers = {**mushra_answers(mushra_key, best), **change}
    with pytest.raises(RunError, match="no answers of this form"):
        parse_answers(json.dumps(answers).encode(), mushra_key)


@pytest.mark.parametrize("score", [101, -1, float("inf"), "a lot", None])
def test_a_rating_outside_the_scale_is_refused(mushra_key, score):
    answers = mushra_answers(mushra_key, lambda item, condition: score)
    with pytest.raises(RunError):
        parse_answers(json.dumps(answers).encode(), mushra_key)


def test_an_abx_trial_of_sounds_that_do_not_belong_together_is_refused(abx_key):
    answers = abx_answers(abx_key, lambda model: True)
    first, second = abx_key.items
    answers["trials"][0] |= {"item": first, "a": abx_key.references[first], "b": abx_key.references[second]}
    with pytest.raises(RunError, match="A and B"):
        parse_answers(json.dumps(answers).encode(), abx_key)


def test_more_trials_than_the_test_asks_for_are_refused(abx_key):
    answers = abx_answers(abx_key, lambda model: True)
    answers["trials"].append(answers["trials"][0])
    with pytest.raises(RunError, match="13 trials, with more"):
        parse_answers(json.dumps(answers).encode(), abx_key)


def test_a_whole_file_counts_though_half_of_it_was_saved_before(tmp_path, mushra_key):
    whole = mushra_answers(mushra_key, best)
    save(tmp_path / "answers/1.json", {**whole, "trials": whole["trials"][:1]})
    save(tmp_path / "answers/2.json", whole)
    answered = read_answers(tmp_path, mushra_key)
    assert len(answered.listeners) == 1
    assert [line.split(":")[0] for line in answered.unused] == ["1.json"]


def test_no_name_can_act_on_a_terminal(tmp_path, mushra_key):
    save(tmp_path / "answers/1.json", mushra_answers(mushra_key, best, listener=HOSTILE))
    save(tmp_path / "answers/2.json", mushra_answers(mushra_key, best, listener=HOSTILE, seed=2))
    answers = {**mushra_answers(mushra_key, best, seed=3), HOSTILE: 1}
    save(tmp_path / "answers/3.json", answers)
    answered = read_answers(tmp_path, mushra_key)
    text = "".join([*(listener.name for listener in answered.listeners), *answered.unused])
    assert text.isprintable()
    assert len({listener.name for listener in answered.listeners}) == 2


@pytest.mark.parametrize(("missed", "passes"), [(3, True), (4, False)])
def test_more_than_fifteen_percent_of_twenty_hidden_references_may_not_be_missed(missed, passes):
    ratings = {f"item {i}": {"reference": 89.0 if i < missed else 90.0, "model": 50.0} for i in range(20)}
    screened = screen_listeners([Listener("Ann", ratings)])
    assert (len(screened.kept), len(screened.failed)) == (passes, not passes)
    if not passes:
        assert screened.failed == (("Ann", "rated the hidden reference below 90 on 4 of 20 items"),)


def test_who_takes_the_7_khz_low_pass_for_excellent_fails():
    ratings = {f"item {i}": {"reference": 100.0, "low-pass 7 kHz": 91.0} for i in range(4)}
    ((name, reason),) = screen_listeners([Listener("Bob", ratings)]).failed
    assert name == "Bob"
    assert "7 kHz" in reason
