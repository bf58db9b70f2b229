import math

import pytest

from drywet.analysis import Factor, Trial, seed_spread, summarise_trials
from drywet.analysis.published import FACTORS, ds340, ds340_trials

# reference: the published study's summary by hyperparameter (means and SDs as printed there, from unrounded scores)
PUBLISHED = {
    "gain": {
        "Low": (0.0264, 0.0037, 69.8, 588),
        "Mid": (0.0328, 0.0036, 74.4, 630),
        "High": (0.0362, 0.0043, 77.4, 485),
    },
    "context": {
        "44": (0.0323, 0.0050, 71.2, 577),
        "66": (0.0331, 0.0068, 76.7, 572),
        "88": (0.0300, 0.0047, 73.8, 554),
    },
    "units": {"64": (0.0320, 0.0061, 74.9, 548), "96": (0.0316, 0.0052, 72.8, 588)},
    "learning_rate": {"0.01": (0.0303, 0.0048, 48.1, 366), "0.0001": (0.0333, 0.0061, 99.6, 769)},
}


def test_the_published_rows_give_the_published_summary():
    for summary in summarise_trials(FACTORS, ds340_trials()):
        for row in summary.levels:
            mean, sd, epochs, seconds = PUBLISHED[summary.factor.name][row.level]
            assert row.n == 36 / len(summary.levels)
            assert row.mean_esr == pytest.approx(mean, abs=0.6e-4)
            assert row.sd == pytest.approx(sd, abs=1.1e-4)  # the rows are rounded to four decimals
            assert row.mean_epochs == pytest.approx(epochs, abs=0.06)
            assert row.mean_seconds == pytest.approx(seconds, abs=1)


@pytest.mark.parametrize(
    ("factor", "first", "second", "n", "difference"),
    [
        ("learning_rate", "0.01", "0.0001", 18, -0.0030),
        ("units", "64", "96", 18, 0.0004),
        ("context", "44", "88", 12, 0.0023),
        ("context", "66", "88", 12, 0.0031),
        ("context", "44", "66", 12, -0.0008),
    ],
)
def test_the_published_rows_give_the_published_paired_differences(factor, first, second, n, difference):
    summary = next(s for s in summarise_trials(FACTORS, ds340_trials()) if s.factor.name == factor)
    row = next(c for c in summary.comparisons if (c.first, c.second) == (first, second))
    assert row.n == n
    assert row.mean_difference == pytest.approx(difference, abs=0.6e-4)
    assert row.interval is None  # one seed
    if factor == "learning_rate":
        assert row.first_lower == 15  # "0.01 better in 15 of 18"


def test_the_published_table_is_the_full_grid_in_its_own_order():
    levels = [tuple(model.factors.values()) for model in ds340()]
    assert levels == [
        (g, c, u, r) for g in ("Low", "Mid", "High") for c in ("44", "66", "88") for u in ("64", "96")
        for r in ("0.01", "0.0001")
    ]  # fmt: skip
    assert min(ds340(), key=lambda model: model.esr).number == 11
    assert max(ds340(), key=lambda model: model.esr).number == 29


WIDTH = Factor("width", "model.hidden_size", ("8", "16"))
SEED = Factor("seed", "seed", ("0", "1", "2"))


def test_a_level_with_half_the_esr_everywhere_is_3_db_lower():
    trials = [
        Trial({"width": w, "seed": s}, (2 if w == "8" else 1) * (1 + int(s))) for w in WIDTH.levels for s in "012"
    ]
    (row,) = summarise_trials([WIDTH, SEED], trials)[0].comparisons
    assert row.mean_difference_db == pytest.approx(10 * math.log10(2))
    assert (row.first_lower, row.n) == (0, 3)


def test_the_interval_over_seeds_is_students():
    differences = {"0": 0.001, "1": 0.002, "2": 0.003}
    trials = [Trial({"width": "8", "seed": s}, 0.01 + d) for s, d in differences.items()]
    trials += [Trial({"width": "16", "seed": s}, 0.01) for s in differences]
    (row,) = summarise_trials([WIDTH, SEED], trials)[0].comparisons
    # by hand: mean 0.002, SD 0.001, t(0.975, 2) = 4.303 (any textbook), half-width 4.303 * 0.001 / sqrt(3) = 0.002484
    assert row.interval == pytest.approx((-0.000484, 0.004484), abs=1e-6)


def test_seeds_are_replicates_and_are_not_compared_with_each_other():
    trials = [Trial({"width": w, "seed": s}, 0.01 * (1 + int(s))) for w in WIDTH.levels for s in "012"]
    assert summarise_trials([WIDTH, SEED], trials)[1].comparisons == ()
    assert seed_spread([WIDTH, SEED], trials) == pytest.approx(0.01)  # SD of 1, 2, 3 % within each width


def test_a_configuration_without_its_counterpart_is_left_out_of_the_pairs():
    trials = [Trial({"width": "8", "seed": "0"}, 0.02), Trial({"width": "8", "seed": "1"}, 9.0)]
    trials.append(Trial({"width": "16", "seed": "0"}, 0.01))
    (row,) = summarise_trials([WIDTH, SEED], trials)[0].comparisons
    assert (row.n, row.mean_difference) == (1, pytest.approx(0.01))


def test_a_single_model_has_no_standard_deviation():
    summary = summarise_trials([WIDTH], [Trial({"width": "8"}, 0.02)])[0]
    assert math.isnan(summary.levels[0].sd)
    assert [row.level for row in summary.levels] == ["8"]
