"""What becomes of scores on their way to one number per run: nothing is dropped without a word."""

from dataclasses import replace

import numpy as np
import pytest
from made_study import CONTEXT, RATE, UNITS, seeds, study

from drywet.analysis import ClipScore, Factor
from drywet.analysis.design_check import check_design
from drywet.analysis.run_means import run_means
from drywet.errors import SettingsError


def texts(results):
    return " | ".join(finding.text for finding in check_design(results, run_means(results)).findings)


def test_the_number_of_a_run_is_its_mean_over_clips_in_db():
    means = run_means(study((UNITS,), lambda levels: -20.0))
    assert means.response == pytest.approx([-18.5, -18.5])  # clips at -20 and -17 dB


def test_a_run_that_diverged_and_left_nothing_counts_as_silence():
    def diverge(levels, run):
        return replace(run, clips=(), provenance={"status": "diverged"}) if levels["units"] == "96" else run

    results = study((UNITS, seeds(2)), lambda levels: -20.0, diverge=diverge)
    means = run_means(results)
    assert means.response == pytest.approx([-18.5, -18.5, 0, 0])
    assert means.diverged.tolist() == [False, False, True, True]
    assert "diverged and left nothing to score; kept" in texts(results)


def test_worse_than_silence_counts_as_silence_and_is_said():
    results = study((UNITS,), lambda levels: 7.0 if levels["units"] == "96" else -20.0)
    assert run_means(results).response[1] == 0
    assert "#1 96 scored worse than silence" in texts(results)


def test_a_missing_clip_does_not_make_a_run_look_good():
    def forget_the_hard_clip(levels, run):
        return replace(run, clips=run.clips[:1]) if levels["units"] == "96" else run

    results = study((UNITS, seeds(2)), lambda levels: -20.0, forget=forget_the_hard_clip)
    assert run_means(results).response == pytest.approx([-18.5] * 4)  # additive: both sizes are as good
    assert "lacks lead" in texts(results)


def test_missing_runs_are_counted_and_named():
    def drop(levels, run):
        return replace(run, clips=(), missing="not started", provenance={}) if levels["seed"] == "1" else run

    results = study((UNITS, seeds(2)), lambda levels: -20.0, drop=drop)
    assert len(run_means(results).response) == 2
    assert "2 of 4 runs are missing (not started): #1 64 1, #3 96 1. Run the same `drywet study run`" in texts(results)


def test_a_panel_measure_in_db_is_taken_as_it_is_and_a_ratio_in_db():
    def measure(levels, run):
        panel = {"null_depth_db": -31.0, "esr_a_weighted": 0.01, "loudness_difference_lu": -0.5}
        return replace(run, clips=tuple(replace(clip, panel=panel) for clip in run.clips))

    results = study((UNITS,), lambda levels: -20.0, measure=measure)
    assert run_means(results, "null_depth_db").response == pytest.approx([-31.0, -31.0])
    assert run_means(results, "esr_a_weighted").response == pytest.approx([-20.0, -20.0])
    assert run_means(results, "loudness_difference_lu").response == pytest.approx([0.5, 0.5])


def test_runs_without_a_panel_value_are_named_not_dropped_silently():
    def measure(levels, run):
        if levels["units"] == "96":
            return run
        return replace(run, clips=tuple(replace(clip, panel={"null_depth_db": -31.0}) for clip in run.clips))

    results = study((UNITS,), lambda levels: -20.0, measure=measure)
    assert "no null_depth_db for #1 96" in " ".join(run_means(results, "null_depth_db").notes)


def test_an_unknown_response_and_a_study_without_scores_are_refused():
    results = study((UNITS,), lambda levels: -20.0)
    with pytest.raises(SettingsError, match="no response named 'loudness'; there are: esr"):
        run_means(results, "loudness")
    with pytest.raises(SettingsError, match="Evaluate the study again"):
        run_means(results, "null_depth_db")
    empty = study(
        (UNITS,), lambda levels: -20.0, drop=lambda levels, run: replace(run, clips=(), missing="not started")
    )
    with pytest.raises(SettingsError, match=r"my-study: no run has a score.*2 of 2 runs are missing"):
        run_means(empty)


def test_a_factor_with_one_level_is_said_to_be_silent():
    one = replace(UNITS, levels=("64",))
    assert "units has one level (64), so nothing can be said" in texts(study((one, CONTEXT), lambda levels: -20.0))


def test_unequal_seeds_and_gaps_are_counted():
    def drop(levels, run):
        gone = levels["units"] == "96" and (levels["context"] == "88" or levels["seed"] == "1")
        return replace(run, clips=(), missing="not started") if gone else run

    found = texts(study((UNITS, CONTEXT, seeds(2)), lambda levels: -20.0 + int(levels["seed"]), drop=drop))
    assert "1 of 6 configurations have no run" in found
    assert "configurations have 1 to 2 runs" in found


def test_seeds_that_change_nothing_are_no_replicates():
    assert "as if the seed did not reach the training" in texts(study((UNITS, seeds(3)), lambda levels: -20.0))


def test_factors_and_settings_that_move_together_are_found():
    def batch_follows_units(levels, run):
        batch = {"64": 32, "96": 16}[levels["units"]]
        return replace(run, settings={"training": {"batch_size": batch, "budget": "1epochs"}})

    def rate_follows_units(levels, run):
        together = (levels["units"] == "64") == (levels["learning_rate"] == "0.01")
        return run if together else replace(run, clips=(), missing="not started")

    found = texts(study((UNITS, RATE), lambda levels: -20.0, a=batch_follows_units, b=rate_follows_units))
    assert "training.batch_size moves with units: 32 at 64, 16 at 96" in found
    assert "units and learning rate always move together" in found


def test_a_full_grid_with_the_same_training_everywhere_has_nothing_to_report():
    def train(levels, run):
        return replace(run, provenance={**run.provenance, "epochs": 4.0, "updates": 1000})

    results = study((UNITS, CONTEXT, seeds(2)), lambda levels: -20.0 - int(levels["seed"]), train=train)
    check = check_design(results, run_means(results))
    assert check.findings == ()
    assert check.balanced


def test_more_updates_at_one_level_are_a_confound():
    def train(levels, run):
        return replace(run, provenance={**run.provenance, "updates": 88_000 / int(levels["context"])})

    found = texts(study((UNITS, CONTEXT), lambda levels: -20.0, train=train))
    assert "the number of updates moves with context: 2,000 at 44, 1,333 at 66, 1,000 at 88" in found
    assert "moves with units" not in found


def test_more_updates_at_one_level_are_found_beside_a_factor_that_changes_them_more():
    """Half the batch is twice the updates, at one epoch as at a hundred."""
    epochs = Factor("epochs", "training.budget", ("1epochs", "100epochs"))
    batch = Factor("batch", "training.batch_size", ("8", "16"))

    def train(levels, run):
        updates = int(levels["epochs"].removesuffix("epochs")) * 8000 / int(levels["batch"])
        return replace(run, provenance={**run.provenance, "updates": updates})

    found = texts(study((epochs, batch, UNITS), lambda levels: -20.0, train=train))
    assert "the number of updates moves with batch: 50,500 at 8, 25,250 at 16" in found  # 1000 (1 + 100) / 2
    assert "moves with units" not in found


def test_an_esr_of_zero_has_a_floor():
    results = study((UNITS,), lambda levels: -20.0, zero=lambda levels, run: replace(run, clips=(ClipScore("a", 0.0),)))
    assert np.allclose(run_means(results).response, -120.0)
