"""The presets that answer the published study: what may vary does, everything else stands still."""

import numpy as np
import pytest

from drywet import executor
from drywet.analysis import ClipScore, Factor, RunResult, StudyResults, analyze, read_study
from drywet.analysis.design_check import check_design
from drywet.analysis.run_means import run_means
from drywet.dataset import Streams
from drywet.evaluation import evaluate_study
from drywet.training import load_study, open_study, train_study

RATE = 44_100


def as_if_trained(settings):
    """Results of a study whose scores are noise, with the updates and epochs that its settings lead to."""
    dataset = settings.dataset
    track = np.zeros(round(dataset.train_seconds * RATE), np.float32)
    noise = np.random.default_rng(1)
    runs = []
    for config in settings.configs():
        training = config.settings.training
        if training.recipe == "windows":
            epoch = -(-training.train_rows // training.batch_size)
        else:
            epoch = Streams(track, track, training.batch_size, training.tbptt_length, 0).chunks_per_epoch
        budget = training.budget
        updates = int(budget.removesuffix("updates")) if "updates" in budget else int(budget[0]) * epoch
        runs.append(
            RunResult(
                number=config.number,
                id=str(config.number),
                name=config.name,
                folder=None,
                factors=config.factors,
                settings=config.settings.model_dump(mode="json"),
                provenance={"status": "finished", "updates": updates, "epochs": updates / epoch},
                clips=(ClipScore("riff", 0.01 * 10 ** noise.normal(0, 0.1)),),
            )
        )
    factors = tuple(Factor(factor.name, factor.described(), tuple(factor.labelled())) for factor in settings.factor)
    return StudyResults(None, settings.name, "", "", factors, tuple(runs), settings=settings.model_dump(mode="json"))


def test_the_answered_study_holds_the_published_grid_and_what_its_takeaways_ask_for():
    configs = load_study("ds340-answered").configs()
    assert len(configs) == 3 * 5 * 4 * 4 * 2 * 5 == len({config.run_id("audio") for config in configs})
    seeds_of = {}
    for config in configs:
        *levels, _, seed = config.factors.values()
        seeds_of.setdefault(tuple(levels), set()).add(seed)
    published = {tuple(config.factors.values()) for config in load_study("ds340").configs()}
    assert published < set(seeds_of)
    assert all(len(seeds) == 5 for seeds in seeds_of.values())
    settings = [config.settings for config in configs]
    assert {run.training.recipe for run in settings} == {"stateful"}
    assert max(run.training.tbptt_length for run in settings) >= 512
    assert {run.training.learning_rate for run in settings} == {0.01, 0.003, 0.001, 0.0001}


def test_every_context_of_the_answered_study_has_the_same_audio_updates_and_samples_per_update():
    settings = load_study(
        "ds340-answered", only={"gain": ["Mid"], "units": ["64"], "learning_rate": ["0.01"], "seed": ["0"]}
    )
    track = np.zeros(round(settings.dataset.train_seconds * RATE), np.float32)
    runs = [config.settings.training for config in settings.configs()]
    assert {run.batch_size * run.tbptt_length for run in runs} == {4224}
    assert {Streams(track, track, run.batch_size, run.tbptt_length, 0).chunks_per_epoch for run in runs} == {1252}
    assert {run.validations for run in runs} == {10}


def test_the_design_check_finds_nothing_confounded_in_the_answered_study():
    results = as_if_trained(load_study("ds340-answered", only={"units": ["64", "96"], "seed": ["0", "1"]}))
    check = check_design(results, run_means(results))
    assert (check.findings, check.balanced, check.fewest) == ((), True, 2)


def test_the_design_check_finds_what_a_fixed_batch_would_confound():
    settings = load_study("ds340-answered", only={"gain": ["Mid"], "units": ["64"], "epochs": ["1"]})
    context = settings.factor[1].model_copy(
        update={"setting": "training.tbptt_length", "levels": [44, 66, 88, 176, 528]}
    )
    spoilt = settings.model_copy(update={"factor": [settings.factor[0], context, *settings.factor[2:]]})
    results = as_if_trained(spoilt)
    texts = " ".join(finding.text for finding in check_design(results, run_means(results)).findings)
    assert "the number of updates moves with context" in texts


def test_contexts_of_windows_and_of_carried_state_have_the_same_updates_batch_and_rows():
    settings = load_study("ds340-context")
    configs = settings.configs()
    assert len(configs) == 2 * 10 * 5
    trainings = [config.settings.training for config in configs]
    assert {(run.budget, run.batch_size, run.learning_rate) for run in trainings} == {("25000updates", 64, 0.001)}
    windows, carried = configs[:50], configs[50:]
    assert {run.settings.model.context for run in windows} == set(range(44, 441, 44))
    assert {run.settings.training.tbptt_length for run in carried} == set(range(44, 441, 44))
    rows = {(run.training.train_rows, run.training.validation_rows) for run in (c.settings for c in windows)}
    assert rows == {(80_000, 6000)}
    # Nothing ends early: there are fewer validations, one an epoch of 1250 updates, than patience.
    assert trainings[0].patience > 25_000 / (80_000 / 64)
    # As many rows as that are there at the longest context.
    assert (settings.dataset.train_seconds * RATE - 440) // trainings[0].hop >= 80_000
    # Chunks are read 64 at a time, so longer ones pass over the audio more often; windows have as many passes at each length.
    for state, found in (("window", []), ("carried", ["the number of epochs moves with context"])):
        results = as_if_trained(load_study("ds340-context", only={"state": [state]}))
        texts = [f.text for f in check_design(results, run_means(results)).findings if f.kind == "confounded"]
        assert [text.partition(":")[0] for text in texts] == found


def test_a_fraction_of_the_answered_study_is_trained_scored_and_analysed(small_dataset, tmp_path):
    part = {"gain": ["Low"], "context": ["88", "528"], "units": ["32"], "learning_rate": ["0.01"]}
    settings = load_study("ds340-answered", only={**part, "epochs": ["1"], "seed": ["0", "1"]})
    study = open_study(settings, tmp_path / "study", small_dataset.folder)
    assert [outcome.error for outcome in train_study(study, executor.Inline())] == [None] * 4
    evaluate_study(study.folder, executor.Inline())
    found = analyze(read_study(study.folder), permutations=100, draws=100)
    assert found.refusal is None
    assert found.check.balanced
    assert not [finding for finding in found.check.findings if finding.kind == "confounded"]
    comparison = found.comparison("context", "88", "528")
    assert (comparison.runs, comparison.matched) == (4, 1)
    # By hand: the mean over two seeds of the mean over two clips.
    decibels = {"88": [], "528": []}
    for run in read_study(study.folder).runs:
        decibels[run.factors["context"]].append(np.mean([10 * np.log10(clip.esr) for clip in run.clips]))
    assert comparison.effect_db == pytest.approx(np.mean(decibels["528"]) - np.mean(decibels["88"]))
