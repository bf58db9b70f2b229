import math

import pytest

from drywet.analysis import ClipScore
from drywet.evaluation.panel import PANEL
from drywet.report.panel import disagreement, format_measure, panel_lines

BY_NAME = {measure.name: measure for measure in PANEL}


def clip(name, **panel):
    return ClipScore(name, 0.01, panel=panel)


def test_a_line_names_the_clip_that_is_furthest_off_on_either_side_of_zero():
    (line,) = panel_lines([clip("a", loudness_difference_lu=0.2), clip("b", loudness_difference_lu=-1.4)])
    assert (line.worst, line.worst_clip) == (-1.4, "b")
    assert line.mean == pytest.approx(0.8)  # of the magnitudes: a plus and a minus do not cancel
    assert "can be either" in line.words


def test_a_measure_that_is_undefined_on_a_clip_is_a_mean_over_the_others():
    (line,) = panel_lines([clip("a", transient_esr=math.nan), clip("b", transient_esr=0.02)])
    assert (line.mean, line.worst_clip) == (0.02, "b")


def test_a_run_from_before_there_was_a_panel_has_no_line():
    assert panel_lines([clip("a"), clip("b")]) == []


def scored(esr, noise_to_mask_db, noise_limit=math.nan):
    return ClipScore("a", esr, esr_noise_limit=noise_limit, panel={"noise_to_mask_db": noise_to_mask_db})


@pytest.mark.parametrize(
    ("esr", "noise_to_mask_db"), [(0.00013, -1.0), (0.00013, math.nan), (0.0013, 3.0), (0.01, 3.0)]
)
def test_where_esr_and_the_model_of_hearing_agree_nothing_is_explained(esr, noise_to_mask_db):
    """0.13 % is -28.9 dB, above the -30 dB below which an ESR is called inaudible."""
    assert disagreement([scored(esr, noise_to_mask_db)]) == ""


def test_an_error_of_noise_that_only_the_model_of_hearing_hears_is_explained():
    assert "hisses" in disagreement([scored(0.00013, 3.0)])
    assert "About 77% of this error" in disagreement([scored(0.00013, 3.0, noise_limit=0.0001)])  # 1.0 / 1.3
    of_the_model = disagreement([scored(0.00013, 3.0, noise_limit=0.00001)])
    assert of_the_model
    assert "noise of the recording" not in of_the_model


def test_ratios_are_told_in_percent_and_differences_with_a_true_minus():
    assert format_measure(BY_NAME["transient_esr"], 0.0123) == "1.23\u00a0%"
    assert format_measure(BY_NAME["loudness_difference_lu"], -0.25) == "−0.25\u00a0LU"
    assert format_measure(BY_NAME["null_depth_db"], math.nan) == "–"
