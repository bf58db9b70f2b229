import math

import numpy as np
import pytest
from helpers import Recorded

from drywet import files, signals
from drywet.dataset import Pair
from drywet.evaluation import PANEL, Clip, by_controls, evaluate_study, in_words, measure_clip, score
from drywet.evaluation.limit import noise_limit
from drywet.executor import Inline
from drywet.models import FAMILIES, build
from drywet.models.trained import model_bytes

RATE = 44_100
FIRST = {
    "esr_pre_emphasised", "esr_a_weighted", "dc", "null_depth_db", "mrstft", "log_mel", "loudness_difference_lu",
    "crest_difference_db", "centroid_difference_percent", "transient_esr", "noise_to_mask_db",
}  # fmt: skip


def measured(name):
    return next(each for each in PANEL if each.name == name)


def test_the_panel_names_what_it_measures_once():
    names = [each.name for each in PANEL]
    assert len(set(names)) == len(names)
    assert set(names) >= FIRST
    assert all(each.label and each.meaning.endswith(".") and each.better in ("lower", "zero") for each in PANEL)


def test_a_perfect_prediction_is_perfect_by_every_measure(dry, pair):
    wet = pair.wet[: 2 * RATE]
    panel, clicks = measure_clip(pair.dry[: 2 * RATE], wet, wet, RATE)
    assert {name: panel[name] for name in FIRST - {"null_depth_db", "noise_to_mask_db"}} == pytest.approx(
        dict.fromkeys(FIRST - {"null_depth_db", "noise_to_mask_db"}, 0.0), abs=1e-9
    )
    assert panel["null_depth_db"] < -100
    assert panel["noise_to_mask_db"] <= -100
    assert (panel["clicks"], clicks) == (0, [])


def test_one_db_too_loud_is_one_db_where_level_counts_and_nothing_where_it_does_not(pair):
    gain = 10 ** (1 / 20)
    wet = pair.wet[: 2 * RATE].astype(np.float64)
    panel, _ = measure_clip(pair.dry[: 2 * RATE], wet, gain * wet, RATE)
    for name in ("esr_pre_emphasised", "esr_a_weighted", "transient_esr"):
        assert panel[name] == pytest.approx((gain - 1) ** 2, rel=1e-6)
    assert panel["loudness_difference_lu"] == pytest.approx(1.0, abs=0.01)
    assert panel["null_depth_db"] < -100
    assert panel["crest_difference_db"] == pytest.approx(0, abs=0.01)
    assert panel["centroid_difference_percent"] == pytest.approx(0, abs=1e-6)


def test_a_planted_click_is_in_the_row_with_its_time(pair, tmp_path):
    wet = pair.wet[: 2 * RATE]
    predicted = wet.copy()
    predicted[60_000] += 1.0
    clip = Clip("chords", Pair(pair.dry[: 2 * RATE], wet, RATE), tmp_path / "d.wav", tmp_path / "w.wav")
    row, _ = score(Recorded(predicted), clip)
    assert row["panel"]["clicks"] == 1
    assert row["clicks_s"] == pytest.approx([60_000 / RATE], abs=2 / RATE)


def test_what_a_clip_is_too_short_for_is_none_and_the_rest_is_there(pair):
    short = slice(RATE, RATE + RATE // 25)  # 40 ms
    panel, clicks = measure_clip(pair.dry[short], pair.wet[short], 0.9 * pair.wet[short], RATE)
    assert panel["loudness_difference_lu"] is panel["transient_esr"] is panel["clicks"] is None
    assert panel["esr_pre_emphasised"] == pytest.approx(0.01, rel=1e-4)
    assert clicks == []


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("null_depth_db", -31, "tends to be inaudible in music (rule of thumb)"),
        ("null_depth_db", -20, "can be either, heard or not (rule of thumb)"),
        ("null_depth_db", -9, "likely to be heard (rule of thumb)"),
        ("loudness_difference_lu", -0.4, "tends to be inaudible in music (rule of thumb)"),
        ("loudness_difference_lu", -1.2, "likely to be heard (rule of thumb)"),
        ("noise_to_mask_db", 0.1, "likely to be heard (model of hearing)"),
        ("mrstft", 0.5, "no limit of audibility is known"),
        ("mrstft", None, "not defined for this clip"),
    ],
)
def test_a_difference_is_worth_as_many_words_as_there_is_evidence(name, value, words):
    assert in_words(measured(name), value) == words


def test_clips_at_one_knob_setting_make_one_row():
    def row(drive, esr, limit, loudness, **more):
        panel = dict.fromkeys((each.name for each in PANEL), 0.5) | {"loudness_difference_lu": loudness}
        return {
            "controls": {"drive": drive}, "esr": esr, "esr_published_compatible": 2 * esr, "esr_linear": 0.1,
            "esr_noise_limit": limit, "panel": panel | more,
        }  # fmt: skip

    rows = [row(0.2, 0.01, 1e-4, 1.0), row(0.8, 0.5, 1e-3, 0.0), row(0.2, 0.04, 3e-4, -3.0, transient_esr=None)]
    low, high = by_controls(rows)
    assert (low["controls"], low["clips"], high["controls"], high["clips"]) == ({"drive": 0.2}, 2, {"drive": 0.8}, 1)
    assert low["esr"] == pytest.approx(0.025)
    assert low["esr_geometric"] == pytest.approx(0.02)
    assert low["esr_published_compatible"] == pytest.approx(0.05)
    assert low["esr_noise_limit"] == pytest.approx(2e-4)
    assert low["panel"]["loudness_difference_lu"] == 2.0  # of magnitudes, else too loud and too quiet cancel
    assert low["panel"]["transient_esr"] == 0.5  # over the clip that has one
    rows[0]["esr_noise_limit"] = None
    assert by_controls(rows)[0]["esr_noise_limit"] is None


def test_rows_from_before_there_was_a_panel_still_count():
    (row,) = by_controls([{"esr": 0.01, "esr_published_compatible": 0.02, "esr_linear": 0.1}])
    assert (row["controls"], row["esr"], row["esr_noise_limit"]) == ({}, 0.01, None)
    assert set(row["panel"].values()) == {None}


def test_the_noise_limit_is_the_noise_that_was_planted(pair):
    """Dry plays a passage twice; wet is the little pedal's, with noise 40 dB below it."""
    passage = slice(RATE // 2, 3 * RATE)
    dry, clean = (np.tile(signal[passage], 2) for signal in (pair.dry, pair.wet))
    power = np.mean(clean.astype(np.float64) ** 2)
    noise = np.random.default_rng(0).standard_normal(len(clean)) * math.sqrt(1e-4 * power)
    limit, where = noise_limit(dry, np.float32(clean + noise), RATE)
    assert 10 * math.log10(limit) == pytest.approx(-40, abs=0.3)
    assert "dry occurs twice" in where
    simulated, why = noise_limit(dry, clean, RATE)
    assert simulated is None
    assert "simulated" in why


def test_a_limit_that_nothing_tells_is_none_with_the_reason():
    dry = signals.noise(2.0, RATE)
    limit, why = noise_limit(dry, 0.5 * dry, RATE)
    assert limit is None
    assert "nothing in dry occurs twice, and it is never silent" in why


def test_a_study_evaluated_before_there_was_a_panel_is_evaluated_again(small_dataset, tmp_path):
    model = build(FAMILIES["static-curve"][0]())
    run = tmp_path / "runs" / "00"
    files.write_bytes(run / "best.safetensors", model_bytes(model, RATE))
    files.write_json(run / "config.json", {"controls": {"drive": "9:00"}})
    files.write_json(tmp_path / "study.json", {"dataset": str(small_dataset.folder), "runs": [{"folder": "runs/00"}]})
    (first,) = evaluate_study(tmp_path, Inline())
    old = [{key: value for key, value in row.items() if key != "panel"} for row in first.result]
    files.write_json_lines(run / "evaluation.jsonl", old)
    (again,) = evaluate_study(tmp_path, Inline())
    assert again.result == first.result
    files.write_json_lines(run / "evaluation.jsonl", [row | {"mark": 1} for row in first.result])
    (kept,) = evaluate_study(tmp_path, Inline())
    assert all(row["mark"] == 1 for row in kept.result)  # with a panel it is not made again
