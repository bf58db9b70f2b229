"""A repaired copy is simultaneous again, and says what was done to it."""

from dataclasses import replace

import numpy as np
import pytest
from planted_delays import RATE, dry_of, plant, wet_of

from drywet.dataset.alignment import measure_alignment
from drywet.dataset.repair import repair, whole_samples
from drywet.errors import SettingsError, SignalError
from drywet.measures import esr


@pytest.fixture(scope="module")
def clean():
    """A recording without faults, and its alignment set to the truth."""
    dry, wet = dry_of("track"), wet_of("track", "fuzz").astype(np.float32)
    return dry, wet, replace(measure_alignment(dry, wet, RATE), latency=0.0, drift_ppm=0.0, polarity=1)


def test_a_recording_without_faults_is_returned_as_it_is(clean):
    dry, wet, alignment = clean
    repaired = repair(dry, wet, alignment, RATE)
    np.testing.assert_array_equal(repaired.pair.dry, dry)
    np.testing.assert_array_equal(repaired.pair.wet, wet)
    assert repaired.actions == ()


@pytest.mark.parametrize("latency", [312, -17, 0])
def test_whole_samples_are_cut_and_no_value_changes(clean, latency):
    dry, wet, alignment = clean
    late = np.concatenate([np.zeros(max(latency, 0), np.float32), wet])[max(-latency, 0) :]
    repaired = repair(dry, -late, replace(alignment, latency=float(latency), polarity=-1), RATE)
    start = max(-latency, 0)
    np.testing.assert_array_equal(repaired.pair.wet, wet[start : start + len(repaired.pair)])
    np.testing.assert_array_equal(repaired.pair.dry, dry[start : start + len(repaired.pair)])
    assert any("upright" in action for action in repaired.actions)


def test_a_drift_is_taken_out_by_resampling():
    cases = [plant("track", "fuzz", seed) for seed in range(40)]
    case = max(cases, key=lambda case: abs(case.drift_ppm))
    assert abs(case.drift_ppm) > 20
    truth = replace(
        measure_alignment(case.dry, case.wet, RATE),
        latency=case.latency, drift_ppm=case.drift_ppm, drift_uncertainty_ppm=0.0, polarity=case.polarity,
    )  # fmt: skip
    repaired = repair(case.dry, case.wet, truth, RATE, ("latency", "drift", "polarity", "fraction"))
    wet = wet_of("track", "fuzz")[: len(repaired.pair)].astype(np.float64)
    inside = slice(RATE, len(repaired.pair) - RATE)
    scale = np.vdot(repaired.pair.wet[inside], wet[inside]) / np.vdot(
        repaired.pair.wet[inside], repaired.pair.wet[inside]
    )
    assert scale > 0
    assert esr(wet[inside], scale * repaired.pair.wet[inside].astype(np.float64)) < 1e-3  # 40 dB of noise is 1e-4


def test_a_fraction_is_moved_only_when_asked_for(clean):
    dry, wet, alignment = clean
    spectrum = np.fft.rfft(wet.astype(np.float64), 2 ** int(np.ceil(np.log2(len(wet)))))
    turned = np.exp(-2j * np.pi * np.arange(len(spectrum)) / (2 * (len(spectrum) - 1)) * 0.4)
    late = np.fft.irfft(spectrum * turned)[: len(wet)].astype(np.float32)
    found = replace(alignment, latency=0.4)
    np.testing.assert_array_equal(repair(dry, late, found, RATE).pair.wet, late)
    moved = repair(dry, late, found, RATE, ("latency", "fraction")).pair.wet
    inside = slice(1000, -1000)
    assert esr(wet[inside].astype(np.float64), moved[inside].astype(np.float64)) < 1e-6


@pytest.mark.parametrize(("latency", "whole"), [(3.1, 3), (2.9, 3), (2.5, 2), (-0.5, -1), (-0.1, 0), (0.7, 0)])
def test_wet_is_left_a_little_late_rather_than_early(latency, whole):
    assert whole_samples(latency) == whole


def test_what_is_left_over_at_the_end_is_cut_and_said(clean):
    dry, wet, alignment = clean
    repaired = repair(dry, np.concatenate([wet, np.zeros(500, np.float32)]), alignment, RATE)
    assert len(repaired.pair) == len(dry)
    assert repaired.actions == ("the last 500 samples of wet cut off (0.011 s), where the other has ended",)


def test_an_impossible_repair_is_refused(clean):
    dry, wet, alignment = clean
    with pytest.raises(SettingsError, match="'gain'"):
        repair(dry, wet, alignment, RATE, ("gain",))
    with pytest.raises(SignalError, match="nothing is left"):
        repair(dry, wet, replace(alignment, latency=1e7), RATE)
