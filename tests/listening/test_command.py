"""`drywet listen` as a user meets it."""

import json
import re
import signal
import subprocess
import sys

import pytest
from command_line import drywet
from simulated_listeners import abx_answers, mushra_answers, save

from drywet import listening


def test_a_study_becomes_a_test_whose_answers_are_analyzed(study, tmp_path):
    folder = tmp_path / "test"
    out = drywet("listen", study, "--test", "abx", "--out", folder, "--clips", "chug", "--seconds", "1", "--trials", 16)
    assert out.stdout.strip() == str(folder / "page" / "index.html")
    key = listening.read_key(folder)
    assert list(key.items.values()) == ["chug"]
    heard = key.models[0]
    misses = iter([True, False] * 1000)
    for seed in range(5):
        hears = lambda model: model == heard or next(misses)  # noqa: E731
        save(folder / f"answers/{seed}.json", abx_answers(key, hears, f"listener {seed}", seed))
    save(folder / "answers/other.json", {"format": 1})
    found = json.loads(drywet("listen", folder, "--analyze", "--json").stdout)
    by_model = {each["model"]: each for each in found["heard"]}
    assert by_model[heard]["correct"] == by_model[heard]["trials"] == 80
    assert by_model[heard]["is_heard"]
    assert [each["correct"] for name, each in by_model.items() if name != heard] == [40, 40]
    assert len(found["unused"]) == 1
    assert json.loads((folder / "findings.json").read_text()) == found  # where reports look
    text = drywet("listen", folder, "--analyze")
    assert f"{heard} is told from the device. 80 of 80 right" in text.stdout
    assert "is undecided" in text.stdout
    assert "not used: other.json" in text.stderr


def test_listeners_who_fail_the_screening_are_listed_and_do_not_count(make_test, mushra_key, tmp_path):
    for seed in range(6):
        save(tmp_path / f"{seed}.json", mushra_answers(
            mushra_key, lambda item, condition: 100 if condition == "reference" else 40, f"good {seed}", seed))  # fmt: skip
    save(tmp_path / "deaf.json", mushra_answers(mushra_key, lambda item, condition: 89, "deaf", 9))
    paths = sorted(tmp_path.glob("*.json"))
    printed = drywet("listen", make_test("mushra"), *paths, "--analyze", "--results", tmp_path / "mushra.csv")
    assert "did not pass the screening: deaf rated the hidden reference below 90 on 2 of 2 items" in printed.stderr
    assert "6 listeners" in printed.stdout
    assert re.search(r"reference\W+100\.0", printed.stdout)
    again = drywet("listen", make_test("mushra"), tmp_path / "mushra.csv", "--analyze", "--json")
    assert [name for name, _ in json.loads(again.stdout)["failed"]] == ["deaf"]
    assert "6 listeners cannot show a difference in 6 comparisons, even if all agree; that takes 8" in printed.stdout
    assert "left out 1 who may have taken a model for the reference" in printed.stdout


def test_a_test_goes_to_webmushra_and_back(make_test, tmp_path):
    pytest.importorskip("yaml")
    config = drywet("listen", make_test("mushra"), "--export", "--out", tmp_path / "webmushra").stdout.strip()
    drywet("listen", config, "--test", "mushra", "--out", tmp_path / "back")
    key = listening.read_key(tmp_path / "back")
    assert (key.title, len(key.items)) == ("<b>Close?</b>", 2)  # escaped on the way, so it comes back as text
    drywet("listen", config, "--test", "mushra", "--out", tmp_path / "named", "--title", "Which one?")
    assert listening.read_key(tmp_path / "named").title == "Which one?"
    refused = drywet("listen", config, "--test", "mushra", "--out", tmp_path / "x", "--clips", "chug", status=4)
    assert "--clips" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--test", "abx"], 4, "--out"),
        (["--out", "x"], 4, "--test"),
        (["--test", "abc", "--out", "x"], 4, "mushra, abx"),
        (["--test", "abx", "--out", "x", "--anchor", "high"], 4, "low, mid, linear"),
        (["--serve", "--analyze"], 4, "one of them"),
        (["--analyze"], 5, "no key.json"),
        (["--serve"], 5, "no key.json"),
        (["--export"], 4, "--out"),
    ],
)
def test_a_wrong_command_says_what_to_do(study, arguments, status, message):
    assert message in drywet("listen", study, *arguments, status=status).stderr


def test_no_answers_that_can_be_used_is_said_with_the_reasons(make_test, mushra_key, tmp_path):
    path = save(tmp_path / "deaf.json", mushra_answers(mushra_key, lambda item, condition: 50, "deaf"))
    printed = drywet("listen", make_test("mushra"), path, "--analyze", status=5)
    assert "deaf rated the hidden reference below 90" in printed.stderr
    assert "no answers yet" in drywet("listen", make_test("mushra"), "--analyze", status=5).stderr


def test_serve_says_where_and_ends_with_control_c(make_test):
    command = [sys.executable, "-m", "drywet", "listen", str(make_test("abx")), "--serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\n", process.stdout.readline())
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 0
    assert "Traceback" not in errors
