"""The virtual SD-1 against ngspice on the same netlist: stored values always, live where ngspice is installed."""

import hashlib
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from helpers import require_program

from drywet.circuits import load
from drywet.effect import Effect, render

GOLDEN = Path(__file__).parents[1] / "golden" / "sd1"
_spec = importlib.util.spec_from_file_location("sd1_make", GOLDEN / "make.py")
make = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(make)
STATIC = json.loads((GOLDEN / "static.json").read_text())
RATE = 44_100


@pytest.fixture(scope="module")
def sd1():
    return load("sd1")


@pytest.fixture(scope="module")
def chord():
    """Longer than the golden one, so that filters find samples beyond its end."""
    return 0.5 * make.chord(np.arange(2 * round(make.CHORD_SECONDS * RATE)) / RATE)


def esr_db(wet, predicted):
    return 10 * np.log10(np.sum((wet - predicted) ** 2) / np.sum(wet**2))


def stepped_response(effect, frequency_hz, **knobs):
    """Gain in dB by an impulse of a microvolt: all of up-sampling, time-stepping and down-sampling."""
    dry = np.zeros(2 * RATE, np.float32)
    dry[2000] = 1e-6
    wet = render(effect, dry, knobs).astype(float) / float(dry[2000])
    n = np.arange(len(wet)) - 2000
    return 20 * np.log10([abs(np.sum(wet * np.exp(-2j * np.pi * f * n / RATE))) for f in frequency_hz])


def test_the_golden_values_were_made_from_this_netlist():
    assert hashlib.sha256(make.NETLIST.read_bytes()).hexdigest() == STATIC["netlist_sha256"], "run make.py again"


def test_it_is_an_effect_with_three_knobs_at_noon(sd1):
    assert isinstance(sd1, Effect)
    assert sd1.controls == {"drive": 0.5, "tone": 0.5, "level": 0.5}


@pytest.mark.parametrize("drive", make.POSITIONS)
def test_rest_is_within_a_millivolt_of_ngspice(sd1, drive):
    found = sd1.operating_point({"drive": drive})
    for node, volts in STATIC["direct"][drive].items():
        assert found[node] == pytest.approx(volts, abs=1e-5), node  # asked: 1e-3


@pytest.mark.parametrize("knobs", STATIC["response"])
def test_small_signals_are_within_a_tenth_of_a_decibel_of_ngspice(sd1, knobs):
    drive, tone = knobs.split()
    frequency = np.array(STATIC["frequency_hz"])
    exact = 20 * np.log10(np.abs(sd1.frequency_response(frequency, {"drive": drive, "tone": tone})))
    np.testing.assert_allclose(exact, STATIC["response"][knobs], atol=1e-4)
    np.testing.assert_allclose(
        stepped_response(sd1, frequency, drive=drive, tone=tone), STATIC["response"][knobs], atol=0.1
    )


@pytest.mark.parametrize(("drive", "golden"), list(zip(make.POSITIONS, np.load(GOLDEN / "chord.npy"), strict=True)))
def test_a_chord_has_an_esr_of_less_than_minus_90_db_against_ngspice(sd1, chord, drive, golden):
    wet = render(sd1, chord, {"drive": drive})[: len(golden)]
    assert esr_db(golden, wet) < -90  # asked: -50


@pytest.mark.parametrize("case", STATIC["harmonics_dbv"])
def test_harmonics_agree_with_ngspice(sd1, case):
    volts, drive = case.split()
    t = np.arange(round((make.SINE_SECONDS + make.TAIL_SECONDS) * RATE)) / RATE
    wet = render(sd1, float(volts) * np.sin(2 * np.pi * make.SINE_HZ * t), {"drive": drive})
    found = make.harmonics(wet[: round(make.SINE_SECONDS * RATE)].astype(float), RATE)
    golden = np.array(STATIC["harmonics_dbv"][case])
    audible = golden - golden[0] > -50
    np.testing.assert_allclose(found[audible], golden[audible], atol=0.02)  # asked: 0.5


# The circuit report, section 1.4: another netlist text run by another hand. 220 Hz, dBc, H2 to H7.
REPORTED = {
    (0.1, "9:00"): (-37.6, -42.2),
    (0.1, "12:00"): (-19.8, -23.2, -43.1, -41.6, -48.8),
    (0.1, "3:00"): (-22.5, -14.7, -29.0, -23.3, -34.4, -30.4),
    (0.5, "9:00"): (-21.5, -19.5, -31.1, -32.3, -43.4, -44.9),
    (0.5, "12:00"): (-25.3, -15.9, -30.9, -23.9, -35.6, -30.6),
    (0.5, "3:00"): (-30.3, -14.9, -36.1, -21.7, -40.2, -26.9),
}


@pytest.mark.parametrize(("case", "reported"), list(REPORTED.items()))
def test_harmonics_agree_with_the_published_table(sd1, case, reported):
    volts, drive = case
    t = np.arange(round(0.3 * RATE)) / RATE
    levels = make.harmonics(render(sd1, volts * np.sin(2 * np.pi * 220 * t), {"drive": drive}).astype(float), RATE)
    np.testing.assert_allclose((levels[1:] - levels[0])[: len(reported)], reported, atol=0.5)


# In-band energy that is no harmonic, over harmonic energy, 0.5 V, drive 3:00, eightfold: report, section 1.5.
@pytest.mark.parametrize(("frequency", "reported_db"), [(1249, -73.8), (4999, -58.7)])
def test_aliasing_is_at_or_below_the_reported(sd1, frequency, reported_db):
    t = np.arange(2 * RATE + 2000) / RATE
    wet = render(sd1, 0.5 * np.sin(2 * np.pi * frequency * t), {"drive": "3:00"})
    energy = np.abs(np.fft.rfft(wet[RATE : 2 * RATE].astype(float))) ** 2  # one bin per Hz
    harmonic = energy[frequency::frequency].sum()
    assert 10 * np.log10((energy[20:].sum() - harmonic) / harmonic) <= reported_db


def test_halving_the_step_changes_little(sd1, chord):
    # Report, section 1.6: less than -80 dB.
    finer = render(load("sd1", oversampling=16), chord, {"drive": "3:00"})
    assert esr_db(finer.astype(float), render(sd1, chord, {"drive": "3:00"})) < -90


@pytest.mark.parametrize(
    "knobs", [{"drive": 0.65, "tone": 0.9, "level": 0.8}, {"drive": 1.0, "tone": 0.0, "level": 1.0}, {"level": 0.0}]
)
def test_ngspice_live_at_settings_that_are_not_stored(sd1, chord, knobs):
    require_program("ngspice")
    ngspice = make.decimate(make.transient(make.chord_source(0.5), 0.04, **knobs), 0.04)
    wet = render(sd1, chord, knobs)[: len(ngspice)]
    assert esr_db(ngspice, wet) < -90
    rest = sd1.operating_point(knobs)
    for node, volts in make.direct(**knobs).items():
        assert rest[node] == pytest.approx(volts, abs=1e-5), node


@pytest.mark.parametrize("drive", make.POSITIONS)
def test_ngspice_live_is_what_is_stored(drive):
    require_program("ngspice")
    for node, volts in make.direct(drive=make.POSITIONS[drive]).items():
        assert STATIC["direct"][drive][node] == pytest.approx(volts, abs=1e-6), node
    _, gain = make.response(drive=make.POSITIONS[drive], tone=0.5)
    np.testing.assert_allclose(gain, STATIC["response"][f"{drive} 12:00"], atol=1e-3)


def test_knob_laws_are_those_of_the_report():
    fractions = {"audio": (0.0117, 0.0759, 0.3636), "cubic": (0.008, 0.125, 0.512), "linear": (0.2, 0.5, 0.8)}
    for law, expected in fractions.items():
        circuit = load("sd1", laws={"drive": law})
        found = [circuit.parameters({"drive": clock})["drv"] for clock in make.POSITIONS]
        np.testing.assert_allclose(found, expected, atol=6e-5)
    w = load("sd1", laws={"tone": "w"})
    assert [w.parameters({"tone": x})["tw"] for x in (0, 0.5, 1)] == [0, 0.5, 1]
    assert w.parameters({"tone": 0.2})["tw"] == pytest.approx(0.5 * (1 - 0.8**4) + 0.5 * 0.2**4)


def test_the_netlist_alone_is_the_pedal_at_noon(sd1):
    for alone, turned in zip(sd1.netlist.parts(), sd1.netlist.parts(sd1.parameters()), strict=True):
        assert alone.name == turned.name
        assert alone.value == pytest.approx(turned.value)


def test_it_does_not_invert(sd1):
    # Neither the followers nor the two amplifiers do; where a recording does, its even harmonics are mirrored.
    assert abs(np.angle(sd1.frequency_response([500.0])[0])) < np.pi / 4


def test_level_turns_the_sound_up_from_what_the_bias_supply_leaks(sd1, chord):
    off, noon, full = (np.abs(render(sd1, chord, {"level": x})).max() for x in (0.0, 0.5, 1.0))
    assert off < 0.01 * noon < noon < full
