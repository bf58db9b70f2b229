import numpy as np
import pytest
import torch

from drywet.dataset import targets, windows
from drywet.errors import SettingsError, SignalError
from drywet.models import LSTMSettings, WindowLSTMSettings, build
from drywet.settings import parse
from drywet.training import RunSettings, StatefulRecipe, TrainingData, WindowRecipe
from drywet.training.recipes import build_recipe


@pytest.fixture
def data(pair):
    return TrainingData([pair], [pair[:20_000]], "x")


def windows_recipe(data, context=66, **changes):
    training = WindowRecipe(**{"train_rows": 2000, "validate_on": "training windows", **changes})
    return build_recipe(RunSettings(model=WindowLSTMSettings(hidden_size=4, context=context), training=training), data)


def test_an_epoch_of_windows_shows_every_training_row_once(data):
    recipe = windows_recipe(data)
    model = build(WindowLSTMSettings(hidden_size=4, context=66))
    recipe.begin_epoch(model, 0)
    wet = torch.cat([recipe.loss(model, number, ())[1] for number in range(recipe.updates_per_epoch)])
    assert recipe.updates_per_epoch == 32  # 2000 rows in batches of 64
    expected = targets(data.train[0].wet, 66)[recipe.train]
    np.testing.assert_array_equal(np.sort(wet.numpy()), np.sort(expected))


def test_the_loss_of_windows_is_the_batch_esr_of_the_published_recipe(data):
    recipe = windows_recipe(data)
    model = build(WindowLSTMSettings(hidden_size=4, context=66))
    recipe.begin_epoch(model, 0)
    loss, _, predicted, _ = recipe.loss(model, 3, ())
    rows = recipe.order[3 * 64 : 4 * 64]
    own = model.predict(torch.from_numpy(windows(data.train[0].dry, 66)[rows].copy()), torch.zeros(64, 0))
    y = targets(data.train[0].wet, 66)[rows]
    torch.testing.assert_close(predicted, own)
    assert float(loss.detach()) == pytest.approx(
        float(((y - own.detach().numpy()) ** 2).sum() / (y**2).sum()), rel=1e-5
    )


def test_windows_never_cross_files_and_never_share_rows(data, pair):
    two = TrainingData([pair[:50_000], pair[60_000:120_000]], data.validation, "x")
    recipe = windows_recipe(two, train_rows=1000)
    assert len(recipe.train) + len(recipe.held_out) == sum(len(windows(part.dry, 66)) for part in two.train)
    assert not set(recipe.train) & set(recipe.held_out)
    last_row = recipe.rows.first[1]  # the first window of the second file
    _, wet = recipe.rows.gather(np.array([last_row - 1, last_row]))
    assert wet[1] == two.train[1].wet[65]
    assert wet[0] == targets(two.train[0].wet, 66)[-1]


def test_the_mean_stateful_loss_of_an_epoch_is_the_esr_of_the_track(data):
    settings = RunSettings(
        model=LSTMSettings(hidden_size=4), training=StatefulRecipe(batch_size=4, tbptt_length=150, warm_up=0)
    )
    recipe = build_recipe(settings, data)
    model = build(settings.model)
    recipe.prepare(model)
    state = recipe.begin_epoch(model, 0)
    losses, error, energy = [], 0.0, 0.0
    with torch.no_grad():
        for number in range(recipe.updates_per_epoch):
            loss, wet, predicted, state = recipe.loss(model, number, state)
            losses.append(float(loss))
            error += float(((wet - predicted) ** 2).sum())
            energy += float((wet**2).sum())
    assert np.mean(losses) == pytest.approx(error / energy, rel=1e-3)


def test_signals_have_unit_rms_inside_a_stateful_model(data, pair):
    settings = RunSettings(model=LSTMSettings(), training=StatefulRecipe())
    model = build(settings.model)
    build_recipe(settings, data).prepare(model)
    assert float(model.dry_scale) * np.sqrt(np.mean(pair.dry**2)) == pytest.approx(1.0, rel=1e-4)
    assert float(model.wet_scale) == pytest.approx(np.sqrt(np.mean(pair.wet**2)), rel=1e-4)


@pytest.mark.parametrize(("schedule", "top"), [("cosine", 3), ("one-cycle", 30)])
def test_the_schedule_rises_and_falls_once(data, schedule, top):
    recipe = build_recipe(
        RunSettings(model=LSTMSettings(), training=StatefulRecipe(learning_rate=0.01, schedule=schedule)), data
    )
    rates = [recipe.learning_rate(share) for share in np.linspace(0, 1, 101)]
    assert max(rates) == pytest.approx(0.01)
    assert rates[0] == pytest.approx(0.001)
    assert rates[-1] == pytest.approx(0.0001)
    assert np.argmax(rates) == top
    assert (np.diff(rates[top:]) < 0).all()


def test_the_window_recipe_wants_a_window_model(data):
    with pytest.raises(SettingsError, match="trains the window-lstm family, not 'lstm'"):
        build_recipe(RunSettings(model=LSTMSettings(), training=WindowRecipe()), data)


def test_overlapping_windows_are_never_split_at_random(data):
    with pytest.raises(SettingsError, match="windows overlap, so windows drawn at random share audio"):
        windows_recipe(data, hop=1)
    recipe = windows_recipe(data, hop=1, validate_on="validation recordings", train_rows=None)
    assert len(recipe.train) == len(data.train[0]) - 66
    wet = torch.cat([torch.from_numpy(recipe.held_out_rows.gather(recipe.held_out)[1])])
    np.testing.assert_array_equal(wet, targets(data.validation[0].wet, 66))


def test_windows_of_every_context_validate_on_as_many_rows_in_the_same_audio(data):
    ends = {}
    for context in (44, 440):
        training = WindowRecipe(hop=20, train_rows=5000, validation_rows=300)
        settings = RunSettings(model=WindowLSTMSettings(hidden_size=4, context=context), training=training)
        recipe = build_recipe(settings, data)
        assert (len(recipe.train), recipe.validation_samples) == (5000, 300)
        ends[context] = np.sort(recipe.held_out) + context - 1
    spacing = np.diff(ends[440])
    assert set(spacing) <= {65, 66}  # (20 000 - 440) / 299
    assert np.abs(ends[44] - ends[440]).max() < 440
    with pytest.raises(SignalError, match="validation_rows is 20000, .* hold only 19956 windows"):
        windows_recipe(data, validate_on="validation recordings", context=44, validation_rows=20_000)


def test_rows_cannot_be_counted_where_the_random_split_leaves_them():
    with pytest.raises(SettingsError, match="validation_rows counts windows of validation recordings"):
        values = {"validate_on": "training windows", "validation_rows": 300}
        parse(RunSettings, {"model": {"family": "window-lstm"}, "training": values}, "test")


@pytest.mark.parametrize("recipe", ["stateful", "windows"])
def test_a_budget_of_updates_is_that_many_whatever_an_epoch_is(data, recipe):
    family = {"stateful": "lstm", "windows": "window-lstm"}[recipe]
    values = {"model": {"family": family, "hidden_size": 4}, "training": {"budget": "500updates"}}
    found = build_recipe(parse(RunSettings, values, "test"), data)
    assert found.updates_per_epoch not in (1, 500)
    assert found.budget.in_updates(found.updates_per_epoch) == 500


def test_a_family_brings_the_recipe_that_suits_it_and_what_is_said_counts_more():
    said = {"training": {"learning_rate": 0.002}}
    found = parse(RunSettings, {"model": {"family": "s4d"}, **said}, "test").training
    assert (found.recipe, found.learning_rate, found.warm_up) == ("stateful", 0.002, 8192)
    assert parse(RunSettings, {"model": {"family": "lstm"}}, "test").training == StatefulRecipe()
    assert parse(RunSettings, {"model": {"family": "window-lstm"}}, "test").training == WindowRecipe()
