"""Progress where stderr is no terminal: a line now and then, and one at the end."""

import pytest

from drywet.cli import progress


@pytest.fixture
def lines(monkeypatch, capsys):
    """Makes a stage of so many tasks that says every update, and gives its lines."""
    monkeypatch.setattr(progress, "LINE_SECONDS", -1.0)

    def make(total, *updates):
        with progress.stage("training", total) as stage:
            for update in updates:
                stage.update(*update)
        return capsys.readouterr().err.splitlines()

    return make


def test_a_spent_budget_is_not_yet_the_end_and_one_task_is_not_counted(lines):
    half, spent, done = lines(1, (0, 0.5), (0, 1.0), (1, 1.0, "best validation ESR 1.00 %"))
    assert half.startswith("training: 50 %, ")
    assert spent.startswith("training: 99 %, ")
    assert done.startswith("training: 100 %, ")
    assert done.endswith("best validation ESR 1.00 %")


def test_several_tasks_are_counted(lines):
    assert [line.split(",")[0] for line in lines(3, (1, 0.4), (3, 1.0))] == [
        "training: 1/3 (40 %)",
        "training: 3/3 (100 %)",
    ]


def test_the_end_is_said_once_however_soon_it_comes(monkeypatch, capsys):
    monkeypatch.setattr(progress, "LINE_SECONDS", 1000.0)
    with progress.stage("checking", 2) as stage:
        for update in ((0, 0.1), (1, 0.5), (2, 1.0), (2, 1.0)):
            stage.update(*update)
    assert [line.split(",")[0] for line in capsys.readouterr().err.splitlines()] == ["checking: 2/2 (100 %)"]
