"""The family that drywet takes when none is named."""

import numpy as np
import pytest

from drywet.dataset import Pair
from drywet.errors import RunError
from drywet.models.state_space import StateSpaceSettings
from drywet.training import RunConfig, RunSettings, TrainingData
from drywet.training import choice as choosing
from drywet.training.choice import choose
from drywet.training.loop import TrainingStatus
from drywet.training.recording import prepare, prepare_dataset
from drywet.training.settings import StatefulRecipe


def asked(budget):
    return RunSettings(model=StateSpaceSettings(), training=StatefulRecipe(budget=budget))


def data(pair):
    return TrainingData([pair[:120_000]], [pair[130_000:180_000]], "x")


def test_a_diode_clipper_is_taken_for_one(pair):
    """The little pedal of conftest, low-pass and asymmetric curve, is what the grey-box is made for."""
    found = choose(data(pair), asked("40s"), threads=1)
    assert found.family == "grey-box"
    assert found.budget == "34s"
    assert "after 6 s it fits" in found.reason


def test_a_device_that_folds_is_left_to_the_general_family(pair):
    folded = Pair(pair.dry, np.sin(40 * pair.dry).astype(np.float32), pair.sample_rate)
    found = choose(data(folded), asked("10s"), threads=1)
    assert found.family == "s4d"
    assert "does not fit" in found.reason


@pytest.mark.parametrize("budget", ["3epochs", "0.003s", "3.9s"])
def test_some_budgets_leave_no_room_for_a_trial(pair, monkeypatch, budget):
    monkeypatch.setattr(choosing, "train", lambda *args, **more: pytest.fail("trained"))
    assert choose(data(pair), asked(budget)).budget == budget


@pytest.mark.parametrize(
    ("budget", "trial", "left"), [("4s", "1.5s", "2.5s"), ("20s", "3s", "17s"), ("60s", "8s", "52s")]
)
def test_a_trial_takes_a_part_of_the_budget_but_never_too_little_or_much(pair, monkeypatch, budget, trial, left):
    seen = []
    monkeypatch.setattr(choosing, "train", lambda config, *args, **more: seen.append(config) or status(1e-4))
    assert choose(data(pair), asked(budget)).budget == left
    assert seen[0].settings.training.budget == trial


def test_a_long_budget_is_still_written_so_that_it_can_be_read(pair, monkeypatch):
    monkeypatch.setattr(choosing, "train", lambda *args, **more: status(1.0))
    assert choose(data(pair), asked("2000000s")).budget == "1999992s"


def test_audio_too_short_for_the_trial_is_left_to_the_general_family(pair):
    short = TrainingData([pair[:20_000]], [pair[20_000:40_000]], "x")
    assert choose(short, asked("20s")).family == "s4d"


def status(esr):
    return TrainingStatus(1.0, 1.0, 1, 1.0, esr, esr, "finished")


def test_the_run_folder_remembers_the_choice(recording_files, tmp_path, monkeypatch):
    """A resumed command makes no second trial, which might end otherwise."""
    monkeypatch.setattr(choosing, "train", lambda *args, **more: status(1e-4))
    first = prepare(*recording_files, None, "20s", 25, out=tmp_path / "run")
    assert (first.config.settings.model.family, first.config.settings.training.budget) == ("grey-box", "17s")
    from drywet.training.run import open_run

    open_run(first.folder, first.config, first.data.sha256)
    monkeypatch.setattr(choosing, "train", lambda *args, **more: pytest.fail("trained"))
    again = prepare(*recording_files, None, "20s", 25, out=tmp_path / "run")
    assert again.config == first.config
    for other in ({"budget": "21s"}, {"seed": 26}, {"changes": {"training.learning_rate": 0.001}}):
        with pytest.raises(RunError, match="belongs to another run"):
            prepare(*recording_files, None, **{"budget": "20s", "seed": 25, **other}, out=tmp_path / "run")


def test_the_trial_of_a_dataset_knows_its_knobs(small_dataset, monkeypatch):
    seen: list[RunConfig] = []
    monkeypatch.setattr(choosing, "train", lambda config, *args, **more: seen.append(config) or status(0.5))
    found = prepare_dataset(small_dataset, None, "20s", 25, {"model.controls": ["drive"]})
    assert seen[0].settings.model.controls == ("drive",)
    assert found.config.settings.model.family == "s4d"
    assert found.config.settings.model.controls == ("drive",)
