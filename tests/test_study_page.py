"""docs/study.md: that it is what the committed tables say, and that its verdicts follow from planted effects."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from drywet.analysis import ClipScore, Factor, RunResult, StudyResults, Validation, analyze

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def study_page():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "bench"))
        import study_page

        yield study_page


def study(factors, runs):
    named = tuple(Factor(name, name, levels) for name, levels in factors.items())
    return StudyResults(Path(), "planted", "", "", named, tuple(runs))


def run(factors, esr=0.01, seconds=1.0, log=(), late=0.02):
    clip = ClipScore("riff", esr, esr_published_compatible=late)
    provenance = {"status": "finished", "train_seconds": seconds, "updates": 100}
    return RunResult(0, "", "", Path(), factors, provenance=provenance, clips=(clip,), log=tuple(log))


def log(*esrs):
    return [Validation(10 * (i + 1), math.nan, math.nan, math.nan, math.nan, esr) for i, esr in enumerate(esrs)]


def test_the_page_is_what_the_committed_tables_say(study_page):
    page = (ROOT / "docs" / "study.md").read_text(encoding="utf-8")
    assert study_page.page(ROOT / "docs" / "tables") == page


def test_every_run_of_the_tables_is_a_run_of_the_presets_and_every_configuration_has_five_seeds(study_page):
    for name in study_page.PARTS:
        results = study_page.read_part(name, ROOT / "docs" / "tables")
        seeds = {}
        for made in results.scored:
            levels = tuple(level for factor, level in made.factors.items() if factor != "seed")
            seeds.setdefault(levels, set()).add(made.factors["seed"])
        planned = math.prod(len(factor.levels) for factor in results.factors if factor.name != "seed")
        assert len(seeds) == planned, name
        assert min(map(len, seeds.values())) >= 5, name


@pytest.mark.parametrize(("exponent", "verdict"), [(1.0, "confirmed"), (1.5, "refuted")])
def test_time_that_grows_with_a_planted_power_of_the_context(study_page, exponent, verdict):
    noise = np.random.default_rng(3)
    runs = [
        run({"context": str(context)}, seconds=context**exponent * math.exp(noise.normal(0, 0.02)))
        for context in (44, 88, 176)
        for _ in range(5)
    ]
    assert study_page.linear_time(study({"context": ("44", "88", "176")}, runs)).verdict == verdict


@pytest.mark.parametrize(
    ("fast", "verdict"), [((0.5, 0.2, 0.1, 0.1, 0.1), "confirmed"), ((0.9, 0.8, 0.7, 0.6, 0.3), "refuted")]
)
def test_half_the_time_is_when_the_fast_run_has_what_the_slow_one_ends_with(study_page, fast, verdict):
    factors = {"learning_rate": ("0.01", "0.0001"), "epochs": ("4",), "seed": ("0", "1", "2")}
    slow = {"learning_rate": "0.0001", "epochs": "4"}
    runs = [run(slow | {"seed": seed}, log=log(*np.geomspace(1, 0.25, 10))) for seed in factors["seed"]]
    runs += [
        run(slow | {"learning_rate": "0.01", "seed": seed}, log=log(*fast, *[fast[-1]] * 3, 0.2, 0.2))
        for seed in factors["seed"]
    ]
    found = study_page.half_the_time(study(factors, runs))
    assert found.verdict == verdict
    assert found.figure.startswith({"confirmed": "20 %", "refuted": "90 %"}[verdict])


def test_unstable_runs_are_counted_and_tested_against_the_other_rate(study_page):
    collapsed, calm = log(0.1, 0.01, 0.5, 0.4), log(0.1, 0.05, 0.02, 0.01)
    runs = [run({"learning_rate": "0.01"}, log=collapsed if i < 8 else calm) for i in range(20)]
    runs += [run({"learning_rate": "0.0001"}, log=calm) for _ in range(20)]
    planted = study({"learning_rate": ("0.01", "0.0001")}, runs)
    found = study_page.unstable(planted)
    # Fisher's exact test: C(20, 8) / C(40, 8), for no table is more extreme.
    assert found.p == pytest.approx(math.comb(20, 8) / math.comb(40, 8))
    assert (found.verdict, "8 of 20 runs" in found.figure) == ("confirmed", True)
    few = study_page.unstable(replace(planted, runs=tuple(runs[6:])))
    assert few.verdict == "undecided"  # 2 of 14 against 0 of 20


def test_a_range_is_confirmed_by_the_interval_of_the_mean(study_page):
    def of(late):
        return study({"seed": ("0",)}, [run({"seed": "0"}, late=value) for value in late])

    assert study_page.range_of_esr(of([0.02, 0.03, 0.025])).verdict == "confirmed"
    assert study_page.range_of_esr(of([0.08, 0.09, 0.1])).verdict == "refuted"
    assert study_page.range_of_esr(of([0.02, 0.12, 0.05])).verdict == "undecided"


@pytest.mark.parametrize(
    ("effect_db", "is_better", "is_equal"),
    [(-2.0, "confirmed", "refuted"), (2.0, "refuted", "refuted"), (0.1, "refuted", "confirmed")],
)
def test_claims_follow_a_planted_difference(study_page, effect_db, is_better, is_equal):
    noise = np.random.default_rng(5)
    runs = []
    for units, shift in (("64", 0.0), ("96", effect_db)):
        decibels = noise.normal(0, 0.3, 8)
        decibels += shift - 20 - decibels.mean()
        runs += [run({"units": units, "seed": str(seed)}, esr=10 ** (db / 10)) for seed, db in enumerate(decibels)]
    planted = study({"units": ("64", "96"), "seed": tuple(map(str, range(8)))}, runs)
    comparison = study_page.compare(analyze(planted, permutations=10, draws=10), "units", "96", "64")
    assert comparison.effect_db == pytest.approx(effect_db)
    assert study_page.better("96 is better", "", comparison, "").verdict == is_better
    assert study_page.equal("no difference", "", comparison, "").verdict == is_equal


def test_verdicts_are_adjusted_for_the_number_of_tests(study_page):
    answers = [study_page.Answer(str(p), "confirmed", "", "", "", p) for p in (0.001, 0.03, 0.04)]
    verdicts = [answer.verdict for answer in study_page.adjusted(answers)]
    assert verdicts == ["confirmed", "undecided", "undecided"]  # Holm: 0.003, 0.06, 0.06
