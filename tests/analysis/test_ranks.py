"""Ranks against scipy and a published table; the front of error and cost."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.stats
from made_study import CONTEXT, GAIN, RATE, UNITS, luck, seeds, study

from drywet.analysis.pareto import pareto
from drywet.analysis.ranks import friedman, rank_configurations
from drywet.analysis.run_means import run_means


def test_equal_scores_share_their_ranks():
    mean_ranks, _ = friedman(np.array([[1.0, 2.0, 3.0], [1.0, 1.0, 3.0]]))
    assert mean_ranks == pytest.approx([1.25, 1.75, 3.0])  # 1 2 3 and 1.5 1.5 3


def test_the_p_is_scipys_friedman_in_the_form_of_iman_and_davenport():
    table = np.random.default_rng(0).normal(size=(8, 5)) + np.arange(5) * 0.5
    chi_squared = scipy.stats.friedmanchisquare(*table.T).statistic
    f = 7 * chi_squared / (8 * 4 - chi_squared)
    assert friedman(table)[1] == pytest.approx(scipy.stats.f.sf(f, 4, 4 * 7))


def test_the_critical_difference_is_demsars_formula_with_his_table():
    draw = luck(1.0)
    ranks = rank_configurations(run_means(study((GAIN, UNITS, RATE, seeds(7)), lambda levels: -20 + draw())))
    # J. Demsar, JMLR 7 (2006), table 5: q(5 %) for four classifiers is 2.569; here 14 blocks
    assert ranks.critical_difference == pytest.approx(2.569 * (4 * 5 / (6 * 14)) ** 0.5, abs=2e-3)


def test_a_block_that_lacks_a_configuration_is_named():
    draw = luck(1.0)

    def drop(levels, run):
        gone = levels["seed"] == "0" and levels["units"] == "96"
        return replace(run, clips=(), missing="not started") if gone else run

    ranks = rank_configurations(run_means(study((UNITS, seeds(8)), lambda levels: -20 + draw(), drop=drop)))
    assert ranks.left_out == ("seed 0",)
    assert ranks.blocks == 7


def test_too_few_blocks_are_no_ranking():
    assert "fewer than 6" in rank_configurations(run_means(study((UNITS, seeds(3)), lambda levels: -20.0)))


def test_the_front_holds_what_nothing_beats_in_both_error_and_cost():
    # Runs get 1000, 1001, 1002 parameters in this order; 66 is worse and larger than 44, 88 is best.
    means = run_means(study((CONTEXT,), lambda levels: {"44": -20.0, "66": -19.0, "88": -25.0}[levels["context"]]))
    assert [(p.configuration, p.on_front) for p in pareto(means, "parameters")] == [
        ("44", True), ("66", False), ("88", True)
    ]  # fmt: skip
