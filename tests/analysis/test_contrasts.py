"""Planned contrasts, their Welch intervals and equivalence tests, against scipy, statsmodels and arithmetic."""

import numpy as np
import pytest
import scipy.stats
from made_study import CONTEXT, RATE, UNITS
from statsmodels.stats.weightstats import ttost_ind

from drywet.analysis.contrasts import estimate, planned
from drywet.analysis.design import Design, full_grid
from drywet.analysis.results import Factor


@pytest.fixture(scope="module")
def two_groups():
    """Five runs and three, of different spread."""
    rng = np.random.default_rng(2)
    design = Design((UNITS,), np.array([[0]] * 5 + [[1]] * 3))
    return design, np.concatenate([rng.normal(0, 1, 5), rng.normal(0.4, 3, 3)])


def test_two_levels_give_welchs_t_test(two_groups):
    design, response = two_groups
    found = estimate(design, planned(design, 0), response)
    theirs = scipy.stats.ttest_ind(response[5:], response[:5], equal_var=False)
    interval = theirs.confidence_interval(0.95)
    assert found.p_difference()[0] == pytest.approx(theirs.pvalue)
    assert [float(bound[0]) for bound in found.interval()] == pytest.approx([interval.low, interval.high])


def test_equivalence_is_the_two_one_sided_tests_of_statsmodels(two_groups):
    design, response = two_groups
    found = estimate(design, planned(design, 0), response)
    theirs = ttost_ind(response[5:], response[:5], -2.0, 2.0, usevar="unequal")[0]
    assert found.p_equivalence(2.0)[0] == pytest.approx(theirs)


def test_equivalence_at_five_percent_is_a_ninety_percent_interval_inside_the_margin(two_groups):
    design, response = two_groups
    found = estimate(design, planned(design, 0), response)
    low, high = (float(bound[0]) for bound in found.interval(0.9))
    margin = max(abs(low), abs(high))
    assert found.p_equivalence(margin)[0] == pytest.approx(0.05)


def test_levels_are_compared_where_everything_else_is_equal():
    # The wide model was tried at the good learning rate only: its advantage there is 1 dB, not the 6 dB of raw means.
    levels = np.array([[0, 0], [0, 0], [0, 1], [0, 1], [1, 0], [1, 0]])
    response = np.array([-20.0, -20.2, -10.0, -10.2, -21.0, -21.2])
    design = Design((UNITS, RATE), levels)
    (contrast,) = planned(design, 0)
    assert contrast.matched == 1
    assert estimate(design, [contrast], response).effect[0] == pytest.approx(-1.0)


def test_the_trend_of_a_straight_line_is_its_rise_from_lowest_to_highest_level():
    factor = Factor("context", "model.context", ("88", "44", "110"))  # in any order
    design = full_grid((factor,), 2)
    values = np.array([88.0, 44.0, 110.0])[design.levels[:, 0]]
    contrasts = planned(design, 0)
    assert [(c.kind, c.first, c.second) for c in contrasts] == [
        ("pair", "44", "88"), ("pair", "88", "110"), ("trend", "44", "110")
    ]  # fmt: skip
    assert estimate(design, contrasts, -0.05 * values).effect == pytest.approx([-2.2, -1.1, -3.3])


def test_levels_that_span_a_decade_have_their_trend_along_the_logarithm():
    factor = Factor("rate", "training.learning_rate", ("0.0001", "0.001", "0.01"))
    design = full_grid((factor,), 2)
    response = 2.0 * design.levels[:, 0]  # 2 dB per decade
    trend = planned(design, 0)[-1]
    assert trend.logarithmic
    assert estimate(design, [trend], response).effect[0] == pytest.approx(4.0)


def test_names_have_all_pairs_and_no_trend():
    factor = Factor("family", "model.family", ("lstm", "gru", "wavenet"))
    assert [(c.first, c.second) for c in planned(full_grid((factor,), 1), 0)] == [
        ("lstm", "gru"), ("lstm", "wavenet"), ("gru", "wavenet")
    ]  # fmt: skip


def test_cells_with_one_run_share_the_degrees_of_freedom_of_the_one_that_is_repeated():
    # Nine configurations once and one of them twice: one degree of freedom, whatever is averaged.
    levels = np.vstack([full_grid((CONTEXT, RATE), 1).levels, [[0, 0]]])
    design = Design((CONTEXT, RATE), levels)
    found = estimate(design, planned(design, 1), np.arange(7.0) ** 2)
    assert found.freedom[0] < 1.5
