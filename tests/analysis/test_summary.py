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


def test_the_spread_of_seeds_is_that_within_each_configuration():
    trials = [Trial({"width": w, "seed": s}, 0.01 * (1 + int(s))) for w in WIDTH.levels for s in "012"]
    assert seed_spread([WIDTH, SEED], trials) == pytest.approx(0.01)  # SD of 1, 2, 3 % within each width


def test_a_single_model_has_no_standard_deviation():
    summary = summarise_trials([WIDTH], [Trial({"width": "8"}, 0.02)])[0]
    assert math.isnan(summary.levels[0].sd)
    assert [row.level for row in summary.levels] == ["8"]
