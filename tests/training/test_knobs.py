"""Knob positions on their way from the manifest into a model."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from drywet import files, measures
from drywet.controls import movement
from drywet.dataset import Pair, write_manifest
from drywet.dataset.virtual import VirtualDataset, render_dataset
from drywet.effect import render
from drywet.errors import DatasetError, SettingsError, SignalError
from drywet.evaluation import evaluate
from drywet.evaluation import test_clips as clips_for_test
from drywet.models import LSTMSettings, TrainedEffect, WindowLSTMSettings, build, load_effect
from drywet.training import (
    RunConfig,
    RunSettings,
    StatefulRecipe,
    TrainingData,
    WindowRecipe,
    load_training_data,
    train,
)
from drywet.training.recipes import build_recipe
from drywet.training.recording import prepare

RATE = 44_100
RECIPE = StatefulRecipe(batch_size=4, tbptt_length=100, warm_up=60)
DRIVE = RunSettings(model=LSTMSettings(hidden_size=4, controls=("drive",)), training=RECIPE)


class Wire:
    """Instead of a model: wet is dry. Remembers the knobs it is given."""

    dry_scale = torch.tensor(1.0)

    def __init__(self):
        self.seen = []

    def initial_state(self, batch_size):
        return ()

    def __call__(self, dry, controls, state):
        self.seen.append(controls.numpy())
        return dry, state


def noise(length, seed):
    return (0.1 * np.random.default_rng(seed).standard_normal(length)).astype(np.float32)


def recording(length, gain, seed=0, **positions):
    """Noise through a wire with a gain."""
    dry = noise(length, seed)
    knobs = {name: movement(position) for name, position in positions.items()}
    return Pair(dry, np.float32(gain) * dry, RATE, knobs)


def test_every_chunk_and_the_warm_up_have_the_knobs_at_their_middle():
    sweep = [[0.05, 0.1], [0.15, 0.9]]
    pairs = [recording(5000, 1, drive=0.3, tone=0.7), recording(9000, 1, drive=sweep, tone=0.2)]
    model = LSTMSettings(hidden_size=4, controls=("tone", "drive"))
    recipe = build_recipe(RunSettings(model=model, training=RECIPE), TrainingData(pairs, pairs[:1], "x"))
    wire = Wire()
    state = recipe.begin_epoch(wire, 0)
    for number in range(recipe.updates_per_epoch):
        *_, state = recipe.loss(wire, number, state)

    drive = np.concatenate([np.full(5000, 0.3), np.interp(np.arange(9000) / RATE, [0.05, 0.15], [0.1, 0.9])])
    tone = np.concatenate([np.full(5000, 0.7), np.full(9000, 0.2)])
    begin = recipe.offsets[:, None] + np.array([-60, *range(0, 100 * recipe.updates_per_epoch, 100)])
    middle = (begin + np.array([30] + [50] * recipe.updates_per_epoch)) % 14_000
    expected = np.stack([tone, drive], axis=1)[middle]  # (B, chunks, C)
    np.testing.assert_allclose(np.stack(wire.seen, axis=1), expected, rtol=1e-6)


def test_a_loud_recording_counts_no_more_than_a_quiet_one():
    """The mean loss is the mean of the recordings' own ratios: for a wire, 0 at gain 1 and (9 / 10)^2 at gain 10."""
    pairs = [recording(8000, 1, seed=1, drive=0.1), recording(8000, 10, seed=2, drive=0.9)]
    for train_pairs, expected in ((pairs, 0.405), ([pairs[0], pairs[0], pairs[0], pairs[1]], 0.2025)):
        recipe = build_recipe(DRIVE, TrainingData(train_pairs, pairs[:1], "x"))
        state = recipe.begin_epoch(Wire(), 0)
        losses = [float(recipe.loss(Wire(), number, state)[0]) for number in range(recipe.updates_per_epoch)]
        assert np.mean(losses) == pytest.approx(expected, rel=0.03)  # noise: chunks leave a few samples out


def test_with_one_recording_the_knobs_change_nothing_in_the_loss():
    pair = recording(8000, 3, drive=[[0.0, 0.1], [0.1, 0.9]])
    without = RunSettings(model=LSTMSettings(hidden_size=4), training=RECIPE)
    losses = []
    for settings in (DRIVE, without):
        recipe = build_recipe(settings, TrainingData([pair], [pair], "x"))
        state = recipe.begin_epoch(Wire(), 0)
        losses.append([recipe.loss(Wire(), number, state)[0].item() for number in range(recipe.updates_per_epoch)])
    assert losses[0] == losses[1]


def test_the_validation_score_is_the_mean_over_positions():
    """For a wire the ESR is (1 - 1 / gain)^2: 0 at gain 1, 1/4 at gain 2, 0.81 at gain 10."""
    validation = [
        recording(1000, 1, seed=1, drive=0.1),
        recording(3000, 2, seed=2, drive=0.5),
        recording(500, 10, seed=3, drive=0.9),
    ]
    train_pairs = [recording(8000, 1, drive=0.1), recording(8000, 10, drive=0.9)]
    scores = build_recipe(DRIVE, TrainingData(train_pairs, validation, "x")).validate(Wire())
    assert scores["esr"] == pytest.approx((0 + 0.25 + 0.81) / 3, rel=1e-5)
    together = [np.concatenate([getattr(pair, name) for pair in validation]) for name in ("dry", "wet")]
    assert scores["mse"] == pytest.approx(np.mean((together[0] - together[1]) ** 2), rel=1e-5)
    # Several recordings at one position are one: their energies are pooled.
    same = [recording(1000, 1, seed=1, drive=0.5), recording(3000, 2, seed=2, drive="12:00")]
    scores = build_recipe(DRIVE, TrainingData(train_pairs, same, "x")).validate(Wire())
    wet, dry = (np.concatenate([getattr(pair, name) for pair in same]) for name in ("wet", "dry"))
    assert scores["esr"] == pytest.approx(measures.esr(wet, dry), rel=1e-5)


def test_a_moving_recording_validates_as_it_is_rendered(pair):
    sweep = [[0.1, 0.0], [0.6, 1.0]]
    moving = Pair(pair.dry[:40_000], pair.wet[:40_000], RATE, {"drive": movement(sweep)})
    torch.manual_seed(1)
    model = build(DRIVE.model)
    data = TrainingData([recording(8000, 1, drive=0.1), recording(8000, 10, drive=0.9)], [moving], "x")
    scores = build_recipe(DRIVE, data).validate(model)
    effect = TrainedEffect(model, RATE)
    predicted = render(effect, moving.dry, {"drive": sweep})
    assert scores["esr"] == pytest.approx(float(measures.esr(moving.wet, predicted)), rel=1e-5)
    still = render(effect, moving.dry, {"drive": 0.0})
    assert scores["esr"] != pytest.approx(float(measures.esr(moving.wet, still)), rel=1e-3)


def test_recordings_that_do_not_name_the_knob_are_refused():
    named, unnamed = recording(8000, 1, drive=0.1), recording(8000, 1, tone=0.1)
    for train_pairs, validation in (([named, unnamed], [named]), ([named], [unnamed])):
        with pytest.raises(SettingsError, match="knob 'drive', but .* recording .* its knobs are: tone"):
            build_recipe(DRIVE, TrainingData(train_pairs, validation, "x"))


def test_a_silent_recording_is_refused_before_training_and_by_its_knobs():
    sounding, silent = recording(8000, 1, drive=0.2, level=0.5), recording(8000, 0, drive=0.5, level=0.0)
    for role, data in (
        ("training", TrainingData([sounding, silent], [sounding], "x")),
        ("validation", TrainingData([sounding], [sounding, silent], "x")),
    ):
        with pytest.raises(
            SignalError, match=rf"^{role} recording 1 \(drive 12:00, level 7:00\).*leave it out of the data"
        ):
            build_recipe(DRIVE, data)


def test_silence_after_the_run_up_of_a_validation_recording_is_refused():
    pair = recording(8000, 1, drive=0.1)
    pair.wet[1000:] = 0
    train_pairs = [recording(8000, 1, drive=0.1)]
    build_recipe(DRIVE, TrainingData(train_pairs, [pair], "x", run_up=999))
    with pytest.raises(SignalError, match=r"validation recording 0 \(drive 8:00\).*silent"):
        build_recipe(DRIVE, TrainingData(train_pairs, [pair], "x", run_up=1000))


def test_the_published_recipe_knows_no_knobs(pair):
    settings = RunSettings(model=WindowLSTMSettings(controls=("drive",)), training=WindowRecipe())
    with pytest.raises(SettingsError, match="published recipe 'windows' knows no knobs"):
        build_recipe(settings, TrainingData([pair], [pair], "x"))


def test_two_files_have_no_knobs(recording_files):
    with pytest.raises(SettingsError, match=r"two sound files do not say where the knobs stood.*dataset\.toml"):
        prepare(*recording_files, "lstm", "1epochs", 25, {"model.controls": ["drive"]})


def changed(dataset, folder, change):
    """A copy of the manifest, its recordings' controls changed by ``change(recording)``, beside links to the audio."""
    folder.mkdir()
    for path in dataset.folder.glob("*.wav"):
        (folder / path.name).symlink_to(path)
    recordings = [
        recording.model_copy(update={"controls": change(recording)}) for recording in dataset.manifest.recording
    ]
    return write_manifest(folder, dataset.manifest.model_copy(update={"recording": recordings}))


def test_a_model_with_a_knob_trains_on_all_its_positions(small_dataset):
    data = load_training_data(small_dataset, {}, ["drive"])
    assert [pair.controls["drive"].as_json() for pair in data.train] == [0.2, 0.8]
    assert len(data.validation) == 2
    assert len(load_training_data(small_dataset, {"drive": "9:00"}).train) == 1


def test_knobs_the_model_does_not_follow_still_agree(small_dataset, tmp_path):
    def tone(recording):
        return {**recording.controls, "tone": 0.5 if recording.controls["drive"] == "9:00" else 0.6}

    dataset = changed(small_dataset, tmp_path / "d", tone)
    message = (
        r"2 different knob positions.*tone 0\.5; tone 0\.6.*controls\.tone = '12:00'.*model\.controls = \['tone'\]"
    )
    with pytest.raises(DatasetError, match=message):
        load_training_data(dataset, {}, ["drive"])
    assert len(load_training_data(dataset, {}, ["drive", "tone"]).train) == 2
    assert len(load_training_data(dataset, {"tone": 0.5}).train) == 1


def test_a_moving_knob_needs_a_model_that_follows_it(small_dataset, tmp_path):
    def sweep(recording):
        return {"drive": [(0.0, 0.1), (1.0, 0.9)]} if recording.id == "track-900" else recording.controls

    dataset = changed(small_dataset, tmp_path / "d", sweep)
    with pytest.raises(DatasetError, match="drive moves in the recording track-900.*model.controls = \\['drive'\\]"):
        load_training_data(dataset, {})
    assert len(load_training_data(dataset, {}, ["drive"]).train) == 2
    assert len(load_training_data(dataset, {"drive": "3:00"}).train) == 1


def test_an_unknown_knob_names_those_there_are(small_dataset):
    with pytest.raises(SettingsError, match="'tone', but the recording track-900 .* its knobs are: drive"):
        load_training_data(small_dataset, {}, ["drive", "tone"])


def test_a_knob_that_was_never_turned_cannot_be_learnt(small_dataset):
    with pytest.raises(SettingsError, match="drive stands at 9:00 in every training recording"):
        load_training_data(small_dataset, {"drive": "9:00"}, ["drive"])


def test_stopping_and_going_on_gives_the_same_weights_with_knobs_too(small_dataset, tmp_path):
    data = load_training_data(small_dataset, {}, ["drive"])
    training = RECIPE.model_copy(update={"budget": "1epochs", "batch_size": 16, "validations": 4})
    config = RunConfig(name="t", settings=DRIVE.model_copy(update={"training": training}))
    train(config, data, tmp_path / "whole")
    countdown = iter([False] * 100 + [True])
    assert train(config, data, tmp_path / "parts", should_stop=lambda: next(countdown)).state == "interrupted"
    train(config, data, tmp_path / "parts")
    whole, parts = (files.sha256(tmp_path / name / "best.safetensors") for name in ("whole", "parts"))
    assert whole == parts


@pytest.fixture(scope="module")
def all_drives(tmp_path_factory):
    """The virtual SD-1: 9 s of training audio in all, at three drives and moving; tested at two others."""
    drives = {"train": [0.0, 0.5, 1.0], "moving": 1, "validation": [0.3], "test": [0.25, 0.75]}
    settings = VirtualDataset(all_drives=drives, train_seconds=9.0, validation_seconds=1.0, riff_seconds=1.0)
    return render_dataset(settings, tmp_path_factory.mktemp("all") / "dataset")


def test_one_model_for_all_drives_is_right_at_drives_it_never_saw(all_drives, tmp_path):
    training = StatefulRecipe(budget="25epochs", batch_size=16, tbptt_length=128, warm_up=512, validations=4)

    def trained(name, data, follows=()):
        model = LSTMSettings(hidden_size=12, controls=follows)
        train(RunConfig(name=name, settings=RunSettings(model=model, training=training)), data, tmp_path / name)
        return load_effect(tmp_path / name)

    def mean_esr(effect, drive, knob_at):
        clips = [replace(clip, controls={"drive": knob_at}) for clip in clips_for_test(all_drives, {"drive": drive})]
        return np.mean([row["esr"] for row in evaluate(effect, clips)])

    data = load_training_data(all_drives, {}, ["drive"])
    one = trained("one", data, ("drive",))
    at_half = [pair for pair in data.train if pair.controls["drive"] == movement(0.5)]
    single = trained("single", TrainingData(at_half, data.validation, "half"))
    for drive, other in ((0.25, 0.75), (0.75, 0.25)):
        followed = mean_esr(one, drive, drive)
        assert followed < 0.1
        assert followed < 0.6 * mean_esr(single, drive, drive)  # a model of the setting halfway
        assert followed < 0.6 * mean_esr(one, drive, other)  # the same model with its knob elsewhere
