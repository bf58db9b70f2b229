"""Power against statsmodels and against the figures measured by simulation in the methods."""

import math

import pytest
from statsmodels.stats.power import TTestIndPower
from statsmodels.stats.proportion import proportion_confint

from drywet.analysis.divergence import exact_interval
from drywet.analysis.power import detectable_db, difference_power, equivalence_power, seeds_needed, welch_freedom


@pytest.mark.parametrize(("runs", "effect"), [(3, 2.0), (5, 1.5), (30, 0.6)])
def test_power_of_two_groups_is_that_of_statsmodels(runs, effect):
    theirs = TTestIndPower().power(effect, nobs1=runs, alpha=0.05)
    assert difference_power(effect, math.sqrt(2 / runs), 2 * runs - 2) == pytest.approx(theirs, abs=1e-6)


@pytest.mark.parametrize(
    ("seeds", "two_levels", "three_levels"), [(2, 0.87, 1.08), (3, 0.71, 0.87), (5, 0.55, 0.67), (10, 0.39, 0.47)]
)
def test_the_published_grid_could_see_what_simulation_found(seeds, two_levels, three_levels):
    # Simulated independently for the methods: 36 configurations, SD 0.3 nat = 1.303 dB, two-sided 5 %, power 80 %.
    for expected, levels in ((two_levels, 2), (three_levels, 3)):
        error = 1.303 * math.sqrt(2 / (36 / levels * seeds))
        found = detectable_db(error, 36 * (seeds - 1) * min(1, 2 / levels))
        assert found == pytest.approx(expected, abs=0.02)


def test_the_seeds_asked_for_decide_and_one_less_does_not():
    error = 1.3 * math.sqrt(2 / 2)  # two matched configurations, one seed
    needed = seeds_needed(error, 1, 4, difference_db=1.0, margin_db=1.0)

    def both(seeds):
        at = error / math.sqrt(seeds), welch_freedom(4, seeds)
        return min(difference_power(1.0, *at), equivalence_power(1.0, *at))

    assert both(needed) >= 0.8 > both(needed - 1)


def test_two_configurations_at_one_decibel_need_as_many_seeds_as_simulation_found():
    # For the methods: 28 seeds each (SD 0.3 nat) for the difference alone. Equivalence within 1 dB needs a few more.
    needed = seeds_needed(1.303 * math.sqrt(2), 1, 2, difference_db=1.0, margin_db=100.0)
    assert needed == pytest.approx(28, abs=1)


def test_more_than_a_thousand_seeds_are_not_recommended():
    assert seeds_needed(100.0, 1, 2, difference_db=0.1, margin_db=0.1) is None


@pytest.mark.parametrize(("count", "runs"), [(0, 18), (1, 18), (4, 90), (18, 18)])
def test_the_interval_of_a_rate_is_clopper_and_pearsons(count, runs):
    theirs = proportion_confint(count, runs, method="beta")
    assert exact_interval(count, runs) == pytest.approx([max(0.0, theirs[0]), min(1.0, theirs[1])])


def test_none_of_n_has_the_upper_bound_of_the_rule_by_hand():
    assert exact_interval(0, 36)[1] == pytest.approx(1 - 0.025 ** (1 / 36))
