"""The tests of the analysis keep their word on studies of which the truth is known: 200 here, 2000 in bench.

Bounds are such that a correct implementation fails one of these tests less than once in 10 000.
"""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom

_PATH = Path(__file__).parents[2] / "bench" / "simulated_studies.py"
_SPEC = importlib.util.spec_from_file_location("simulated_studies", _PATH)
bench = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(bench)

STUDIES = 200
RARE = 1e-6  # for each of the counts below


def at_most(share):
    """The share of studies that a true ``share`` exceeds once in a million."""
    return binom.isf(RARE, STUDIES, share) / STUDIES


def at_least(share):
    return binom.ppf(RARE, STUDIES, share) / STUDIES


@pytest.fixture(scope="module", params=bench.kinds(), ids=lambda kind: kind.name)
def found(request):
    return dict(bench.study_tests(request.param, STUDIES, np.random.default_rng(1)))


def test_no_test_rejects_a_true_null_more_often_than_it_may(found):
    for what in ("F tests, true null rejected (largest of the effects)", "contrasts, true null rejected (largest)"):
        assert found[what] <= at_most(0.06)


def test_intervals_hold_the_truth_as_often_as_they_say(found):
    assert found["95 % intervals hold the truth (lowest)"] >= at_least(0.94)


def test_equivalence_is_not_claimed_of_a_difference_as_large_as_the_margin(found):
    assert found["equivalence claimed of a difference of the margin"] <= at_most(0.05)


def test_what_is_expected_to_be_found_in_80_of_100_studies_is(found):
    for what, share in found.items():
        if "80 % expected" in what:
            assert at_least(0.77) <= share <= at_most(0.83)


@pytest.mark.parametrize("kind", [kind for kind in bench.kinds() if len(kind.design.cells) == 6], ids=lambda k: k.name)
def test_resampling_keeps_its_level_and_covers(kind):
    found = dict(bench.resampling(kind, STUDIES, np.random.default_rng(2)))
    assert found["permutation check, true null rejected"] <= at_most(0.06)
    assert found["95 % bootstrap intervals over runs and clips hold the truth"] >= at_least(0.94)


def test_ranks_over_trainings_keep_their_level_and_exact_intervals_cover():
    rng = np.random.default_rng(3)
    assert bench.ranks_over("trainings", STUDIES, rng) <= at_most(0.06)
    assert bench.exact_coverage(STUDIES, rng) >= at_least(0.95)


def test_riffs_taken_for_replicates_reject_a_true_null_time_and_again():
    rng = np.random.default_rng(4)
    assert bench.ranks_over("clips", STUDIES, rng) > 0.95
    assert bench.clips_as_replicates(bench.kinds()[0], STUDIES, rng) > 0.3 > at_most(0.06)
