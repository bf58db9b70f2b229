"""Listening tests beside the models are in the report, in the words of their analysis."""

import pytest
from fake_study import write_json

from drywet.report import build_run_report
from drywet.report.listeners import read_listening_tests

FOUND = {
    "title": "Close <b>enough</b>?",
    "kind": "abx",
    "listeners": ["Ada", "Grace"],
    "conclusions": ["lstm is told from the device. 30 of 32 right"],
    "limits": ["This holds for these models"],
}


@pytest.fixture
def tested(run):
    write_json(run / "listening" / "findings.json", FOUND)
    return run


def test_the_report_says_what_listeners_heard_but_not_who_they_are(tested, undrawn):
    page = build_run_report(tested).read_text()
    assert "What listeners heard" in page
    assert "Close &lt;b&gt;enough&lt;/b&gt;?" in page
    assert "2 listeners" in page
    for sentence in (*FOUND["conclusions"], *FOUND["limits"]):
        assert sentence in page
    assert "Ada" not in page


def test_without_a_test_nothing_is_said_of_listeners(run, undrawn):
    assert "What listeners heard" not in build_run_report(run).read_text()


@pytest.mark.parametrize("damaged", ["{", "[]", '{"title": "x"}', '{"title": 1, "kind": 2, "listeners": 3}'])
def test_damaged_findings_are_a_note_not_an_error(tested, damaged):
    (tested / "listening" / "findings.json").write_text(damaged)
    tests, (note,) = read_listening_tests(tested)
    assert tests == []
    assert "listening" in note
    assert "--analyze" in note
