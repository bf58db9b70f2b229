import multiprocessing
import os
import random
import shutil
import time

import numpy as np
import pytest
import torch
import training_child

from drywet import files, measures
from drywet.dataset import Pair
from drywet.effect import render
from drywet.errors import RunError, SignalError, TrainingError
from drywet.models import LSTMSettings, WindowLSTMSettings, build, load_effect
from drywet.training import (
    RunConfig,
    RunSettings,
    StatefulRecipe,
    TrainingData,
    WindowRecipe,
    load_training_data,
    train,
)
from drywet.training import loop as training_loop

RECIPES = {
    "stateful": RunSettings(
        controls={"drive": "9:00"},
        model=LSTMSettings(hidden_size=8),
        training=StatefulRecipe(
            budget="3epochs", learning_rate=0.01, batch_size=8, tbptt_length=128, warm_up=64, validations=10
        ),
    ),
    "windows": RunSettings(
        controls={"drive": "9:00"},
        model=WindowLSTMSettings(hidden_size=8, context=44),
        training=WindowRecipe(budget="6epochs", train_rows=1500, patience=3, validate_on="training windows"),
    ),
}


def config(recipe="stateful", **changes):
    settings = RECIPES[recipe]
    training = settings.training.model_copy(update=changes)
    return RunConfig(name="test", settings=settings.model_copy(update={"training": training}))


@pytest.fixture
def data(small_dataset):
    return load_training_data(small_dataset, {"drive": "9:00"})


def read_weights(folder):
    return (folder / "best.safetensors").read_bytes(), (folder / "last.safetensors").read_bytes()


def test_a_budget_of_updates_ends_after_that_many_and_repeats_to_the_bit(data, tmp_path):
    longer = config(budget="70updates", validations=5)
    status = train(longer, data, tmp_path / "one")
    assert (status.update, status.state) == (70, "finished")
    log = files.read_json_lines(tmp_path / "one" / "log.jsonl")
    assert [row["update"] for row in log] == [14, 28, 42, 56, 70]
    train(longer, data, tmp_path / "other")
    assert read_weights(tmp_path / "one")[0] == read_weights(tmp_path / "other")[0]


def test_weights_decay_by_the_learning_rate_times_the_weight_decay(data, tmp_path):
    def after_one_update(weight_decay):
        once = config(budget="1updates", validations=1, weight_decay=weight_decay)
        train(once, data, tmp_path / str(weight_decay))
        return flat(load_effect(tmp_path / str(weight_decay) / "best.safetensors").model)

    def flat(model):
        return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])

    torch.manual_seed(config().settings.seed)
    first = flat(build(config().settings.model))
    plain, decayed = after_one_update(0.0), after_one_update(1.0)
    rate = 0.1 * config().settings.training.learning_rate  # where the schedule begins to rise
    torch.testing.assert_close(decayed, plain - rate * first, rtol=0, atol=1e-7)
    assert not torch.equal(decayed, plain)


def test_validations_are_a_tenth_of_the_time_between_them_where_the_budget_is_short(data, tmp_path, monkeypatch):
    validated = []

    def slow(self, model):
        validated.append(time.sleep(0.05))
        return {"esr": 1.0 / len(validated), "mse": 1.0, "mae": 1.0}

    monkeypatch.setattr("drywet.training.recipes.Stateful.validate", slow)
    train(config(budget="1s", validations=100), data, tmp_path / "short")
    assert 2 <= len(validated) <= 1 + 1.0 / (10 * 0.05) + 1  # the first, every half second, and the end
    validated.clear()
    train(config(budget="20updates", validations=20), data, tmp_path / "counted")
    assert len(validated) == 20  # what counts updates repeats to the bit, and looks at no clock


@pytest.mark.parametrize("recipe", list(RECIPES))
def test_training_learns_and_leaves_a_complete_run_folder(recipe, data, tmp_path):
    reports = []
    status = train(config(recipe), data, tmp_path / "run", report=reports.append)
    log = files.read_json_lines(tmp_path / "run" / "log.jsonl")
    assert status.state == "finished"
    assert log[-1]["validation_esr"] < 0.5 * log[0]["validation_esr"] or log[-1]["validation_esr"] < 0.3
    assert status.best_esr == min(row["validation_esr"] for row in log)
    assert [row["update"] for row in log] == sorted(row["update"] for row in log)
    provenance = files.read_json(tmp_path / "run" / "provenance.json")
    assert (provenance["status"], provenance["updates"]) == ("finished", status.update)
    assert reports[-1].share == 1.0


def test_the_logged_esr_is_that_of_the_model_on_disk(data, tmp_path):
    """The same number by another way: the file, rendered as an Effect."""
    status = train(config(), data, tmp_path / "run")
    pair = data.validation[0]
    predicted = render(load_effect(tmp_path / "run"), pair.dry)
    assert float(measures.esr(pair.wet, predicted)) == pytest.approx(status.best_esr, rel=1e-4)


@pytest.mark.parametrize("recipe", list(RECIPES))
def test_same_seed_same_bits_other_seed_other_bits(recipe, data, tmp_path):
    for name in ("a", "b"):
        train(config(recipe), data, tmp_path / name)
    assert read_weights(tmp_path / "a")[0] == read_weights(tmp_path / "b")[0]
    other = config(recipe)
    other = other.model_copy(update={"settings": other.settings.model_copy(update={"seed": 26})})
    train(other, data, tmp_path / "c")
    assert read_weights(tmp_path / "a")[0] != read_weights(tmp_path / "c")[0]


@pytest.mark.parametrize("recipe", list(RECIPES))
def test_stopping_anywhere_and_going_on_gives_the_same_weights(recipe, data, tmp_path):
    whole = train(config(recipe), data, tmp_path / "whole")
    rng = random.Random(1)
    stops = 0
    while True:
        countdown = rng.randrange(whole.update // 15, whole.update // 3)

        def out_of_time():
            nonlocal countdown
            countdown -= 1
            return countdown < 0

        status = train(config(recipe), data, tmp_path / "parts", should_stop=out_of_time)
        if status.state == "finished":
            break
        stops += 1
    assert stops >= 3
    best_whole, best_parts = (files.sha256(tmp_path / name / "best.safetensors") for name in ("whole", "parts"))
    assert best_whole == best_parts
    logs = [files.read_json_lines(tmp_path / name / "log.jsonl") for name in ("whole", "parts")]
    without_time = [[{k: v for k, v in row.items() if k != "seconds"} for row in log] for log in logs]
    assert without_time[0] == without_time[1]


def test_killed_twenty_times_it_resumes_to_identical_weights(small_dataset, tmp_path):
    """kill -9 at random moments; nothing acknowledged is lost and the bits are those of an undisturbed run."""
    run = config(budget="12epochs", tbptt_length=64)
    files.write_json(tmp_path / "config.json", run.model_dump(mode="json"))
    # A server that has imported torch once forks the children, so that starting twenty of them is quick.
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["training_child"])

    def start(folder):
        process = processes.Process(
            target=training_child.main, args=(small_dataset.folder, tmp_path / "config.json", tmp_path / folder)
        )
        process.start()
        return process

    first = processes.Process(target=int)  # starts the server, which is not to count as training
    first.start()
    first.join()
    started = time.monotonic()
    undisturbed = start("whole")
    undisturbed.join()
    assert undisturbed.exitcode == 0
    duration = time.monotonic() - started
    rng = random.Random(7)
    kills = 0
    while kills < 20:
        process = start("killed")
        process.join(timeout=rng.uniform(0.1, duration / 3))
        if process.is_alive():
            process.kill()
            process.join()
            kills += 1
        else:
            # It came to its end before twenty kills: start over, the count goes on.
            assert process.exitcode == 0
            assert read_same(tmp_path)
            shutil.rmtree(tmp_path / "killed")
    last = start("killed")
    last.join()
    assert last.exitcode == 0
    assert read_same(tmp_path)


def read_same(tmp_path):
    return files.sha256(tmp_path / "whole" / "best.safetensors") == files.sha256(
        tmp_path / "killed" / "best.safetensors"
    )


def test_a_finished_run_is_not_trained_again(data, tmp_path):
    first = train(config(), data, tmp_path / "run")
    before = os.stat(tmp_path / "run" / "best.safetensors").st_mtime_ns
    again = train(config(), data, tmp_path / "run")
    assert (again.update, again.best_esr, again.state) == (first.update, first.best_esr, "finished")
    assert os.stat(tmp_path / "run" / "best.safetensors").st_mtime_ns == before


def test_a_folder_of_another_run_is_refused_and_left_alone(data, tmp_path):
    train(config(), data, tmp_path / "run")
    before = read_weights(tmp_path / "run")
    with pytest.raises(RunError, match="belongs to another run"):
        train(config(learning_rate=0.02), data, tmp_path / "run")
    assert read_weights(tmp_path / "run") == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "song.txt").write_text("mine")
    with pytest.raises(RunError, match="not empty and no run folder"):
        train(config(), data, tmp_path / "mine")


def test_a_damaged_checkpoint_is_a_run_error(data, tmp_path):
    train(config(), data, tmp_path / "run", should_stop=lambda: True)
    content = (tmp_path / "run" / "last.safetensors").read_bytes()
    for damaged in (content[:100], b"", b"x" * 5000):
        (tmp_path / "run" / "last.safetensors").write_bytes(damaged)
        with pytest.raises(RunError, match="cannot be resumed from.*delete it"):
            train(config(), data, tmp_path / "run")


def with_loss(monkeypatch, change):
    """Let ``change(update, loss)`` replace the stateful recipe's loss."""
    original = training_loop.build_recipe

    def build(settings, data):
        recipe = original(settings, data)
        loss_of = recipe.loss
        calls = [0]

        def loss(model, number, state):
            value, *rest = loss_of(model, number, state)
            calls[0] += 1
            return change(calls[0], value), *rest

        recipe.loss = loss
        return recipe

    monkeypatch.setattr(training_loop, "build_recipe", build)


def test_a_nan_is_noticed_rolled_back_and_recorded(data, tmp_path, monkeypatch):
    with_loss(monkeypatch, lambda call, loss: loss * float("nan") if call == 400 else loss)
    status = train(config(), data, tmp_path / "run")
    log = files.read_json_lines(tmp_path / "run" / "log.jsonl")
    assert status.state == "finished"
    assert [row["event"] for row in log if row["event"]] == ["rolled back: loss not finite"]
    rates = [row["learning_rate"] for row in log]
    assert rates[-2] < 0.6 * config().settings.training.learning_rate
    effect = load_effect(tmp_path / "run")
    assert all(torch.isfinite(tensor).all() for tensor in effect.model.state_dict().values())


def test_a_nan_before_the_first_validation_starts_again_from_the_seed(data, tmp_path, monkeypatch):
    """There is no best model yet; training goes on with half the learning rate, in a new epoch, from a settled state."""
    seen = []
    original = training_loop._Session._update

    def broken_once(session):
        seen.append((session.progress.epoch, session.progress.batch, session.progress.learning_rate_scale))
        return len(seen) != 3 and original(session)

    monkeypatch.setattr(training_loop._Session, "_update", broken_once)
    status = train(config(validations=2), data, tmp_path / "run")
    assert status.state == "finished"
    assert seen[2:4] == [(0, 2, 1.0), (1, 0, 0.5)]


def test_a_collapse_is_noticed_rolled_back_and_recorded(data, tmp_path, monkeypatch):
    """For a stretch of updates the loss pushes away from the target instead of towards it."""
    with_loss(monkeypatch, lambda call, loss: -loss if 300 < call < 345 else loss)
    status = train(config(), data, tmp_path / "run")
    events = [row["event"] for row in files.read_json_lines(tmp_path / "run" / "log.jsonl") if row["event"]]
    assert events == ["rolled back: collapse"] * len(events)
    assert len(events) >= 1
    assert status.state == "finished"


def test_the_published_recipe_records_a_collapse_but_changes_nothing(data, tmp_path, monkeypatch):
    with_loss(monkeypatch, lambda call, loss: -loss if 60 < call < 85 else loss)
    train(config("windows"), data, tmp_path / "run")
    log = files.read_json_lines(tmp_path / "run" / "log.jsonl")
    assert "collapse" in [row["event"] for row in log]
    assert {row["learning_rate"] for row in log} == {0.01}


def test_training_that_never_gives_a_finite_loss_ends_with_an_error(data, tmp_path, monkeypatch):
    with_loss(monkeypatch, lambda call, loss: loss * float("nan"))
    with pytest.raises(TrainingError, match="smaller training.learning_rate"):
        train(config(), data, tmp_path / "run")
    assert files.read_json(tmp_path / "run" / "provenance.json")["status"] == "diverged"
    monkeypatch.undo()
    with pytest.raises(TrainingError, match="broke down for good"):  # it stays so when the study is run again
        train(config(), data, tmp_path / "run")


def test_a_write_that_was_killed_first_of_all_does_not_block_the_run(data, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".config.123.tmp.json").write_text("{")
    assert train(config(), data, tmp_path / "run").state == "finished"


def test_settings_that_do_not_fit_leave_no_folder(data, tmp_path):
    with pytest.raises(SignalError, match="shorter than"):
        train(config(batch_size=100_000), data, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_patience_ends_the_published_recipe(data, tmp_path):
    settings = config("windows", learning_rate=1e-12, budget="50epochs", patience=3)
    status = train(settings, data, tmp_path / "run")
    assert status.epoch < 15
    assert len(files.read_json_lines(tmp_path / "run" / "log.jsonl")) == round(status.epoch)


def test_a_budget_in_seconds_is_kept(data, tmp_path):
    status = train(config(budget="1.5s"), data, tmp_path / "run")
    assert status.seconds == pytest.approx(1.5, abs=0.7)


def test_silent_training_audio_is_refused(data, tmp_path):
    silent = Pair(np.zeros(50_000, np.float32), np.zeros(50_000, np.float32), 44_100)
    with pytest.raises(SignalError, match="silent"):
        train(config(), TrainingData([silent], data.validation, "x"), tmp_path / "run")
