"""The fault detectors: clean sound stays without alarm, planted faults are found."""

import os
from pathlib import Path

import numpy as np
import pytest
from planted_faults import DETECTED_AS, Case, plant, rounded, score

from drywet import audio, signals
from drywet.circuits import VirtualCircuit, load_netlist
from drywet.circuits.netlist import parse
from drywet.dataset.check.faults import find_faults
from drywet.effect import render

RATE = 44_100
DATA = Path(os.environ.get("DRYWET_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
SEED = 25
CASES = 200


@pytest.fixture(scope="module")
def clean():
    """The built-in guitar, plain and through the virtual SD-1 at three drives."""
    riffs = [riff for name, riff in signals.test_riffs(RATE, 5.0).items() if name in ("chords", "lead", "palm-mutes")]
    riffs = riffs or list(signals.test_riffs(RATE, 5.0).values())[:3]
    circuit = VirtualCircuit(parse(load_netlist("sd1").text), oversampling=2)
    wets = [render(circuit, riffs[0], {"drive": drive}) for drive in (0.2, 0.5, 0.8)]
    return [(signal, RATE) for signal in (*riffs, *wets)]


def count(faults):
    return {kind: len(getattr(faults, kind)) for kind in ("flat_tops", "dropouts", "clicks", "jumps")}


@pytest.mark.parametrize("bits", [16, 24])
def test_the_guitar_and_the_virtual_pedal_raise_no_alarm(clean, bits):
    for signal, rate in clean:
        assert sum(count(find_faults(rounded(signal, bits), rate)).values()) == 0


def test_planted_faults_are_found_with_few_false_alarms(clean):
    for kind, result in score(plant(clean, CASES, SEED), find_faults).items():
        assert result.planted > 0.8 * CASES / 4, kind
        assert result.recall > 0.95, (kind, result)
        assert result.precision > 0.95, (kind, result)


@pytest.mark.skipif(not DATA.is_dir(), reason=f"no recordings at {DATA}")
def test_recordings_raise_no_alarm_but_for_what_is_in_them():
    """The exceptions were looked at sample by sample: see docs/checks.md."""
    known = {
        # 5 and 10 samples at -32768 with a step of 506 and 1482 before them.
        "real/diode_clipper_1n4148/dry": {"flat_tops": 2},
        "dry/di_ng9": {"jumps": 3},  # splices: 0.179 to -0.026 from one sample to the next
        "sim/ts9_guitarix_knobs/dry": {"jumps": 1},  # where its README says that two recordings meet
    }
    for path in sorted(DATA.glob("**/*.flac")):
        found = {kind: n for kind, n in count(find_faults(*audio.read(path))).items() if n}
        assert found == known.get(path.relative_to(DATA).with_suffix("").as_posix(), {}), path


def test_a_flat_top_needs_no_full_scale_and_a_rounded_one_is_none():
    wave = signals.sine(110.0, 1.0, RATE, amplitude=0.9)
    flat = find_faults(np.clip(wave, -0.8301, 0.83), RATE).flat_tops
    assert {round(abs(top.value), 4) for top in flat} == {0.83, 0.8301}
    assert len(flat) == 220  # two a period
    # Saturated so far that its tops are equal to the last bit.
    assert count(find_faults(np.tanh(40 * wave), RATE)) == count(find_faults(wave, RATE))
    assert find_faults(np.tanh(40 * wave), RATE).flat_tops == ()


def test_a_fault_at_the_seam_of_two_parts_is_found_once():
    """2^20 samples make a part."""
    wave = signals.sine(333.3, 60.0, RATE, amplitude=0.5)
    wave[2**20 - 40 : 2**20 + 40] = 0
    wave[2**21] += 0.7
    faults = find_faults(wave, RATE)
    assert [(f.start, f.length) for f in faults.dropouts] == [(2**20 - 40, 80)]
    assert [f.start for f in faults.clicks] == [2**21]
    assert faults.clicks[0].value == pytest.approx(0.7, abs=0.01)


def test_a_lost_piece_leaves_a_jump_of_its_height(clean):
    chords = clean[0][0]
    at = int(np.argmax(np.abs(chords))) + 50
    cut = np.concatenate(
        [
            chords[:at],
            np.float32([chords[at - 1] - 0.5]) + 0 * chords[:1],
            chords[at:] - chords[at] + chords[at - 1] - 0.5,
        ]
    )
    (jump,) = find_faults(cut.astype(np.float32), RATE).jumps
    assert abs(jump.start - at) <= 1
    assert jump.value == pytest.approx(-0.5, rel=0.1)


def test_a_rest_and_silence_are_no_dropouts(clean):
    chords = signals.fade(clean[0][0], 0.01, RATE)
    rests = np.concatenate([np.zeros(RATE, np.float32), chords, np.zeros(RATE // 5, np.float32), chords])
    assert find_faults(rests, RATE).dropouts == ()
    assert count(find_faults(np.zeros(RATE, np.float32), RATE)) == dict.fromkeys(count(find_faults(chords, RATE)), 0)


def test_the_score_counts_an_alarm_elsewhere_as_false():
    """The judge itself: a detector that always says the same."""
    case = Case(signals.sine(100.0, 1.0, RATE), "click", np.array([5]))
    real = find_faults(np.zeros(10, np.float32), RATE)
    assert score(iter([(case, RATE)]), lambda *_: real)["click"].recall == 0
    assert DETECTED_AS["click"] == "clicks"
