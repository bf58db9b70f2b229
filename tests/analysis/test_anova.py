"""The analysis of variance against published answers, statsmodels, and faults planted on purpose."""

import numpy as np
import pandas
import pytest
import scipy.stats
from made_study import CONTEXT, RATE, UNITS
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm
from statsmodels.stats.multitest import multipletests

from drywet.analysis.anova import Model, analyse_variance, brown_forsythe
from drywet.analysis.design import Design, full_grid
from drywet.analysis.holm import holm
from drywet.analysis.results import Factor


@pytest.fixture(scope="module")
def unbalanced():
    """A grid of 3 x 2 x 2 with one to four runs per cell, and a response with effects of everything."""
    rng = np.random.default_rng(7)
    factors = (CONTEXT, UNITS, RATE)
    cells = full_grid(factors, 1).levels
    design = Design(factors, np.repeat(cells, rng.integers(1, 5, len(cells)), axis=0))
    a, b, c = design.levels.T
    return design, a + 2.0 * b - c + a * b + 0.8 * rng.standard_normal(len(a)) * (1 + c)


@pytest.fixture(scope="module")
def theirs(unbalanced):
    design, response = unbalanced
    frame = pandas.DataFrame(design.levels, columns=["a", "b", "c"]).assign(y=response)
    return ols("y ~ C(a, Sum) * C(b, Sum) * C(c, Sum)", frame).fit()


def test_the_f_of_the_nist_data_on_silicon_wafers_is_the_certified_one():
    # NIST/ITL StRD, analysis of variance, SiRstv (Ehrstein and Croarkin): certified values
    # https://www.itl.nist.gov/div898/strd/anova/SiRstv.html
    resistivity = [
        196.3052, 196.1240, 196.1890, 196.2569, 196.3403, 196.3042, 196.3825, 196.1669, 196.3257, 196.0422,
        196.1303, 196.2005, 196.2889, 196.0343, 196.1811, 196.2795, 196.1748, 196.1494, 196.1485, 195.9885,
        196.2119, 196.1051, 196.1850, 196.0052, 196.2090,
    ]  # fmt: skip
    design = full_grid((Factor("instrument", "instrument", tuple("12345")),), 5)
    found = analyse_variance(design, np.array(resistivity))
    (effect,) = found.effects
    assert effect.sum_of_squares == pytest.approx(5.11462616e-2, rel=1e-8)
    assert (effect.freedom, found.error_freedom) == (4, 20)
    assert found.error_variance * 20 == pytest.approx(2.1663656e-1, rel=1e-8)
    assert Model(design).f_values(np.array(resistivity))[0] == pytest.approx(1.18046237440255, rel=1e-8)


def test_unbalanced_type_iii_sums_are_those_of_statsmodels(unbalanced, theirs):
    design, response = unbalanced
    table = anova_lm(theirs, typ=3).iloc[1:-1]  # their order of terms: a, b, c, then pairs, then all three
    order = [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)]
    model = Model(design)
    assert sorted(order) == sorted(model.terms)
    own = dict(zip(model.terms, model.sums_of_squares(response), strict=True))
    names = ["C(a, Sum)", "C(b, Sum)", "C(c, Sum)", "C(a, Sum):C(b, Sum)", "C(a, Sum):C(c, Sum)",
             "C(b, Sum):C(c, Sum)", "C(a, Sum):C(b, Sum):C(c, Sum)"]  # fmt: skip
    for term, name in zip(order, names, strict=True):
        assert own[term] == pytest.approx(table.loc[name, "sum_sq"], rel=1e-9)


def test_hc3_is_that_of_statsmodels_where_every_cell_is_repeated():
    rng = np.random.default_rng(8)
    factors = (CONTEXT, RATE)
    design = Design(factors, np.repeat(full_grid(factors, 1).levels, [2, 3, 4, 5, 2, 3], axis=0))
    a, b = design.levels.T
    response = a + b + (1 + 2 * b) * rng.standard_normal(len(a))
    frame = pandas.DataFrame({"a": a, "b": b, "y": response})
    table = anova_lm(ols("y ~ C(a, Sum) * C(b, Sum)", frame).fit(), typ=3, robust="hc3")
    own = dict(zip(Model(design).terms, Model(design).robust_f_values(response), strict=True))
    for term, name in {(0,): "C(a, Sum)", (1,): "C(b, Sum)", (0, 1): "C(a, Sum):C(b, Sum)"}.items():
        assert own[term] == pytest.approx(table.loc[name, "F"], rel=1e-8)


def test_a_spread_that_differs_between_levels_switches_to_hc3():
    design = full_grid((CONTEXT, RATE), 6)
    luck = np.random.default_rng(3).standard_normal(len(design.levels))
    assert not analyse_variance(design, luck).robust
    assert analyse_variance(design, luck * np.where(design.levels[:, 1] == 0, 8, 1)).robust


def test_brown_forsythe_is_a_one_way_analysis_of_distances_without_the_smallest_of_each_cell():
    design = full_grid((RATE,), 4)
    response = np.array([0.0, 1.0, 4.0, 9.0, 0.0, 2.0, 3.0, 30.0])
    # medians 2.5 and 2.5; distances 2.5 1.5 1.5 6.5 and 2.5 0.5 0.5 27.5; the smallest of each is left out
    f, p = scipy.stats.f_oneway([2.5, 1.5, 6.5], [2.5, 0.5, 27.5])
    assert [float(value) for value in brown_forsythe(design, response, 0)] == pytest.approx([f, p])


def test_omega_squared_is_its_formula():
    # One factor, two levels: 0 1 2 and 3 4 5. SS = 13.5, MSE = 1: (13.5 - 1) / (13.5 + 6 - 1)
    found = analyse_variance(full_grid((RATE,), 3), np.array([0.0, 1, 2, 3, 4, 5]))
    assert found.effects[0].omega_squared == pytest.approx(12.5 / 18.5)


def test_an_effect_of_nothing_has_the_omega_squared_of_noise_around_zero():
    design = full_grid((CONTEXT, UNITS), 5)
    luck = np.random.default_rng(4).standard_normal((30, 40))
    values = [analyse_variance(design, luck[:, i]).effects[0].omega_squared for i in range(40)]
    assert abs(np.mean(values)) < 0.04  # eta squared would have a mean of df/(df + error df) = 2/26 = 0.077


def test_a_grid_with_a_gap_is_analysed_up_to_the_order_it_can_tell_apart():
    full = full_grid((CONTEXT, UNITS), 2)
    kept = ~((full.levels[:, 0] == 2) & (full.levels[:, 1] == 1))
    design = Design(full.factors, full.levels[kept])
    model = Model(design)
    assert model.terms == [(0,), (1,)]
    assert "gaps" in model.left_out[0]


def test_factors_that_always_move_together_are_not_told_apart():
    levels = np.repeat([[0, 0], [1, 1]], 3, axis=0)
    model = Model(Design((UNITS, RATE), levels))
    assert model.terms == []
    assert "move together" in model.left_out[0]


def test_without_repeats_there_is_no_table():
    design = full_grid((CONTEXT, UNITS), 1)
    assert analyse_variance(design, np.arange(6.0)) is None


def test_holm_is_that_of_statsmodels():
    p = np.random.default_rng(1).random(12) ** 3
    assert holm(p.tolist()) == pytest.approx(multipletests(p, method="holm")[1])
