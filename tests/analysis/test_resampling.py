"""Permutation, bootstrap and mixed model on cases that can be counted or solved by hand."""

import numpy as np
import pytest
from made_study import CONTEXT, RATE, UNITS, luck, seeds, study

from drywet.analysis.anova import Model
from drywet.analysis.bootstrap import bootstrap_intervals
from drywet.analysis.contrasts import estimate, planned
from drywet.analysis.design import full_grid
from drywet.analysis.mixed import fit_mixed
from drywet.analysis.permutation import block_of_run, permutation_p, shuffle_within
from drywet.analysis.run_means import run_means


def test_three_against_three_apart_have_the_p_that_counting_gives():
    # 20 ways to choose 3 of 6; the observed one and its mirror image are the most extreme.
    response = np.array([0.0, 0.1, 0.3, 5.0, 5.2, 5.3])
    p = permutation_p(Model(full_grid((RATE,), 3)), response, 0, permutations=4000)
    assert p == pytest.approx(0.1, abs=0.02)  # four standard deviations of 4000 draws


def test_labels_move_within_blocks_only():
    design = full_grid((CONTEXT, RATE), 2)
    blocks = block_of_run(design, 1)
    response = 100.0 * blocks + np.arange(12)
    shuffled = shuffle_within(blocks, response, 50, np.random.default_rng(0))
    assert (shuffled // 100 == blocks[:, None]).all()
    assert sorted(shuffled[:, 0]) == sorted(response)
    assert len(np.unique(shuffled, axis=1).T) > 10


def test_runs_alone_give_the_bootstrap_the_width_of_welchs_interval():
    design = full_grid((RATE,), 8)
    values = np.random.default_rng(5).standard_normal(16)
    same_on_all_clips = np.repeat(values[:, None], 3, axis=1)
    contrasts = planned(design, 0)
    low, high = bootstrap_intervals(design, contrasts, same_on_all_clips, draws=20_000)[0]
    welch = [float(bound[0]) for bound in estimate(design, contrasts, values).interval()]
    assert high - low == pytest.approx(welch[1] - welch[0], rel=0.05)


def test_an_effect_that_differs_from_clip_to_clip_widens_the_bootstrap_alone():
    design = full_grid((RATE,), 5)
    values = 0.1 * np.random.default_rng(6).standard_normal(10)
    on_clips = np.array([0.0, 3.0, -3.0])  # of the second level only; their mean is 0
    table = values[:, None] + design.levels * on_clips
    contrasts = planned(design, 0)
    low, high = bootstrap_intervals(design, contrasts, table)[0]
    welch = [float(bound[0]) for bound in estimate(design, contrasts, table.mean(axis=1)).interval()]
    assert high - low > 5 * (welch[1] - welch[0])


def test_the_mixed_model_of_a_complete_table_has_the_variances_of_its_closed_form():
    draw, clips = luck(1.0, 11), ("a", "b", "c", "d")
    results = study((UNITS, seeds(6)), lambda levels: -20 + draw(), clips, (0.0, 3.0, -2.0, 1.0))
    means = run_means(results)
    table = means.clip_response + 0.3 * np.random.default_rng(12).standard_normal(means.clip_response.shape)
    fit = fit_mixed(means.design, table)
    # Balanced, so REML is the method of moments: mean squares of runs within cells, of clips, of the rest.
    within = means.design.residuals(table.mean(axis=1))
    rest = table - table.mean(axis=1, keepdims=True) - table.mean(axis=0) + table.mean()
    of_rest = (rest**2).sum() / (11 * 3)
    of_runs = 4 * (within**2).sum() / 10
    of_clips = 12 * ((table.mean(axis=0) - table.mean()) ** 2).sum() / 3
    assert fit.rest_sd_db == pytest.approx(np.sqrt(of_rest), rel=0.01)
    assert fit.run_sd_db == pytest.approx(np.sqrt((of_runs - of_rest) / 4), rel=0.01)
    assert fit.clip_sd_db == pytest.approx(np.sqrt((of_clips - of_rest) / 12), rel=0.02)
    # and its F is that of the run means
    assert fit.effects[0].f == pytest.approx(Model(means.design).f_values(table.mean(axis=1))[0], rel=0.02)


def test_a_mixed_model_that_cannot_be_fitted_says_why():
    assert "one clip" in fit_mixed(full_grid((UNITS,), 2), np.arange(4.0)[:, None])
    assert "trained twice" in fit_mixed(full_grid((UNITS, CONTEXT), 1), np.zeros((6, 2)))
