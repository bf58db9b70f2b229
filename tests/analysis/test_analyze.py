"""What the analysis concludes of studies whose truth is planted, and what it refuses to."""

import json
from dataclasses import replace

import pytest
from made_study import GAIN, RATE, UNITS, luck, seeds, study

from drywet.analysis import analysis_tables, analyze, judge, judge_equal, published, study_with_seeds
from drywet.analysis.ranks import Ranks
from drywet.errors import SettingsError


@pytest.fixture(scope="module")
def planted():
    """Two gains, two sizes, two rates, five seeds: the rate is worth 3 dB, and 2 more with 96 units at high gain; SD 0.5 dB."""
    draw = luck(0.5, 3)

    def response(levels):
        rate = 3.0 if levels["learning_rate"] == "0.0001" else 0.0
        gain = 4.0 if levels["gain"] == "High" else 0.0
        return -25 + rate + gain + draw()

    return analyze(study((GAIN, UNITS, RATE, seeds(5)), response), permutations=999, draws=500)


@pytest.fixture(scope="module")
def one_seed():
    return analyze(published.ds340_results())


def conclusion(analysis, factor, kind="comparison"):
    return next(c for c in analysis.conclusions if c.factor == factor and c.kind == kind)


def test_a_planted_difference_is_confirmed_with_an_interval_that_holds_it(planted):
    found = conclusion(planted, "learning_rate")
    assert found.verdict == "confirmed"
    assert found.interval_db[0] < -3 < found.interval_db[1]  # 0.01 instead of 0.0001
    assert found.text.startswith("learning rate 0.01 instead of 0.0001: −")
    assert "better (p < 0.001; 40 runs)" in found.text


def test_a_setting_that_does_nothing_is_proved_equivalent(planted):
    found = conclusion(planted, "units")
    assert found.verdict == "equivalent"
    assert abs(found.effect_db) < 1
    assert "equivalent within 1 dB" in found.text


def test_a_margin_below_the_noise_leaves_it_undecided():
    draw = luck(1.0, 4)
    analysis = analyze(study((UNITS, seeds(3)), lambda levels: -20 + draw()), margin_db=0.2)
    found = conclusion(analysis, "units")
    assert found.verdict == "undecided"
    assert "neither a difference nor equivalence within 0.2 dB is shown" in found.text
    assert "seeds per configuration would probably decide" in found.text


def test_a_knob_is_harder_not_worse(planted):
    found = conclusion(planted, "gain", "knob")
    assert found.effect_db == pytest.approx(4, abs=0.5)
    assert "harder" in found.text


def test_the_permutation_check_agrees_with_the_f_tests(planted):
    assert planted.permutation["learning_rate"] == 1 / 1000  # no shuffled order comes near
    assert planted.permutation["units"] > 0.05


def test_an_effect_that_depends_on_another_setting_is_told_at_both_ends():
    draw = luck(0.3, 5)

    def response(levels):
        return -20 + draw() + (4.0 if levels["learning_rate"] == "0.01" and levels["units"] == "96" else 0.0)

    found = [c for c in analyze(study((UNITS, RATE, seeds(4)), response)).conclusions if c.kind == "interaction"]
    assert len(found) == 1
    assert "depends on" in found[0].text
    assert abs(found[0].effect_db) == pytest.approx(4, abs=1)


def test_one_seed_per_configuration_is_refused_and_told_what_to_run(one_seed):
    assert one_seed.refusal.startswith(
        "Nothing is said about significance: every configuration was trained once (36 runs)"
    )
    assert "5 seeds" in one_seed.refusal
    assert one_seed.anova is None
    assert all(c.p is None and c.interval_db is None for c in one_seed.conclusions)
    assert not any("p =" in c.text or "p <" in c.text for c in one_seed.conclusions)
    assert "one seed" in one_seed.ranks


def test_seeds_without_effect_are_no_repeats():
    analysis = analyze(study((UNITS, seeds(3)), lambda levels: -20.0 if levels["units"] == "64" else -25.0))
    assert "as if the seed had no effect" in analysis.refusal
    assert conclusion(analysis, "units").verdict == "described"


def test_the_published_table_is_described(one_seed):
    # reference: the published study has the learning rate 0.01 lower in 15 of 18 pairs
    found = conclusion(one_seed, "learning_rate")
    assert (found.verdict, found.effect_db < 0) == ("described", True)
    assert "lower in 15 of 18 matched configurations" in found.text


def test_the_confounds_of_the_published_study_are_found(one_seed):
    # reference: 17 of 18 runs at 0.0001 hit the limit of epochs; train rows cover 3.29, 4.94 and 6.59 million samples, and
    # the wider the context the fewer windows are left to validate on: about 112,293, 49,908 and 18,716
    found = " ".join(finding.text for finding in one_seed.check.findings)
    assert "17 of 18 at 0.0001, 0 of 18 at 0.01" in found
    assert "3,293,928 at 44, 4,940,892 at 66, 6,587,856 at 88 samples" in found
    left = next(f.text for f in one_seed.check.findings if "validation windows" in f.text)
    rows = [int(part.split(" at ")[0].replace(",", "")) for part in left.split(": ")[1].split(";")[0].split(", ")]
    assert rows == pytest.approx([112_293, 49_908, 18_716], rel=0.01)


def test_a_claim_made_before_is_confirmed_refuted_or_left_open(planted):
    assert judge(planted, "learning_rate", "0.01", "0.0001").verdict == "confirmed"
    assert judge(planted, "learning_rate", "0.0001", "0.01").verdict == "refuted"
    assert judge(planted, "units", "96", "64").verdict == "refuted"  # equivalent
    assert judge_equal(planted, "units", "64", "96").verdict == "confirmed"
    assert judge_equal(planted, "learning_rate", "0.01", "0.0001").verdict == "refuted"
    at_high = judge(planted, "learning_rate", "0.01", "0.0001", where={"gain": "High"})
    assert at_high.effect_db == pytest.approx(-3, abs=1)
    assert "20 runs" in at_high.text


def test_a_claim_about_one_seed_stays_open(one_seed):
    assert judge(one_seed, "learning_rate", "0.01", "0.0001").verdict == "undecided"
    assert judge_equal(one_seed, "units", "64", "96").verdict == "undecided"


@pytest.mark.parametrize(
    ("factor", "level", "where", "message"),
    [
        ("width", "96", None, "no factor 'width'; there are: gain, units, learning_rate"),
        ("units", "128", None, "'128' is no level of units: 64, 96"),
        ("units", "96", {"gain": "Mid"}, "'Mid' is no level of gain"),
    ],
)
def test_a_claim_about_what_was_not_studied_is_refused(planted, factor, level, where, message):
    with pytest.raises(SettingsError, match=message):
        judge(planted, factor, level, "64", where)


def test_diverged_runs_stay_in_and_their_rate_has_an_interval():
    draw = luck(0.5, 6)

    def diverge(levels, run):
        gone = levels["learning_rate"] == "0.01" and levels["seed"] in "01"
        return replace(run, clips=(), provenance={"status": "diverged"}) if gone else run

    analysis = analyze(study((UNITS, RATE, seeds(4)), lambda levels: -20 + draw(), diverge=diverge))
    rate = next(r for r in analysis.rates if (r.what, r.level) == ("diverged", "0.01"))
    assert (rate.count, rate.runs) == (4, 8)
    assert conclusion(analysis, "learning_rate").effect_db == pytest.approx(9.3, abs=1)  # half the runs 18.5 dB higher
    assert any("training diverged in 4 of 16" in c.text for c in analysis.conclusions)


def test_ranks_are_over_settings_and_seeds_with_every_configuration(planted):
    assert isinstance(planted.ranks, Ranks)
    assert planted.ranks.blocks == 10
    assert set(planted.ranks.configurations[:2]) == {"64 0.01", "96 0.01"}


def test_everything_comes_as_json_and_as_tables(planted, one_seed):
    for analysis in (planted, one_seed):
        json.dumps(analysis.as_json(), allow_nan=False)
        for table in analysis_tables(analysis):
            assert table.as_csv().count("\n") == len(table.rows) + 1
            assert len(table.as_markdown().splitlines()) == len(table.rows) + 4
    assert {t.name for t in analysis_tables(planted)} >= {
        "conclusions",
        "comparisons",
        "variance",
        "rates",
        "ranks",
        "runs",
    }


def test_the_same_study_with_seeds_has_every_setting_and_five_seeds():
    results = study((UNITS,), lambda levels: -20.0)
    units = {"name": "units", "setting": "model.hidden_size", "levels": [64, 96]}
    results = replace(results, settings={"name": "my-study", "dataset": None, "run": {"model": {}}, "factor": [units]})
    more = study_with_seeds(results, 5)
    assert more["factor"] == [units, {"name": "seed", "setting": "seed", "levels": [0, 1, 2, 3, 4]}]
    assert more["run"] == {"model": {}}
    assert "dataset" not in more  # TOML has no word for nothing


@pytest.mark.parametrize("margin", [0.0, -1.0, float("nan"), float("inf")])
def test_a_margin_that_is_no_margin_is_refused(margin):
    with pytest.raises(SettingsError, match="has to be above 0 dB"):
        analyze(study((UNITS,), lambda levels: -20.0), margin_db=margin)


def test_a_study_of_one_configuration_says_that_there_is_nothing_to_compare():
    one = replace(UNITS, levels=("64",))
    analysis = analyze(study((one, seeds(3)), lambda levels: -20.0 + int(levels["seed"])))
    assert analysis.comparisons == ()
    assert "units has one level" in analysis.check.findings[0].text
