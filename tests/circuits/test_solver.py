"""The solver on circuits that can be solved by hand: nothing in it knows the SD-1."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from helpers import require_program
from scipy.special import lambertw

from drywet.circuits import VirtualCircuit
from drywet.circuits.devices import GMIN, THERMAL_VOLTAGE
from drywet.circuits.netlist import parse
from drywet.circuits.oversampling import Oversampler
from drywet.effect import render
from drywet.errors import CircuitError, SignalError

RATE = 44_100
_spec = importlib.util.spec_from_file_location("sd1_make", Path(__file__).parents[1] / "golden" / "sd1" / "make.py")
make = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(make)


def circuit(cards, **options):
    return VirtualCircuit(parse(f"a test circuit\n*.input VIN\n*.output out\n{cards}\n"), **options)


def sine(volts, hz=1000.0, seconds=0.05):
    return volts * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)


def middle(signal):
    """Without the ends, where the filters of the oversampling see the sudden start and stop of a test signal."""
    return np.asarray(signal, dtype=float)[400:-400]


def test_a_voltage_divider_divides():
    divider = circuit("VIN in 0 0\nR1 in out 3k\nR2 out 0 1k")
    np.testing.assert_allclose(middle(render(divider, sine(1.0))), middle(0.25 * sine(1.0)), atol=2e-5)
    assert divider.frequency_response([100.0])[0] == pytest.approx(0.25)


@pytest.mark.parametrize("hz", [50.0, 1000.0, 10_000.0, 20_000.0])
def test_an_rc_low_pass_has_the_gain_and_phase_of_the_closed_form(hz):
    low_pass = circuit("VIN in 0 0\nR1 in out 10k\nC1 out 0 18n")
    expected = 1 / (1 + 2j * np.pi * hz * 10e3 * 18e-9)
    assert low_pass.frequency_response([hz])[0] == pytest.approx(expected, rel=1e-9)
    wet = render(low_pass, sine(1.0, hz, 0.5))[RATE // 4 : RATE // 4 + 8820].astype(float)
    t = np.arange(RATE // 4, RATE // 4 + 8820) / RATE
    found = 2j * np.mean(wet * np.exp(-2j * np.pi * hz * t))
    assert 20 * np.log10(abs(found / expected)) == pytest.approx(0, abs=0.02)
    # The trapezoidal rule turns the phase by its bent frequency axis: 1.1 % at 20 kHz, eightfold.
    assert np.angle(found / expected) == pytest.approx(0, abs=0.002)


def diode_current(v_source, resistance, saturation=2.52e-9, emission=1.752):
    """i of a source, a resistor and a diode in series, by Lambert's W: Banwell, Jayakumar, Electronics Letters 2000."""
    vt = emission * THERMAL_VOLTAGE
    x = saturation * resistance / vt * np.exp((v_source + saturation * resistance) / vt)
    return vt / resistance * lambertw(x).real - saturation


def test_a_diode_clipper_is_lamberts_w():
    clipper = circuit("VIN in 0 0\nR1 in out 2.2k\nD1 out 0 DX\n.model DX D(IS=2.52n N=1.752)", oversampling=1)
    dry = sine(4.0, 100.0)
    expected = dry - 2200 * diode_current(dry, 2200)
    np.testing.assert_allclose(render(clipper, dry), expected, atol=4 * 2200 * GMIN + 1e-6)


def test_series_resistance_and_breakdown_of_a_diode():
    clipper = circuit(
        "VIN in 0 0\nR1 in out 1k\nD1 out 0 DX\n.model DX D(IS=1n N=1.5 RS=10 BV=5 IBV=1m)", oversampling=1
    )
    wet = render(clipper, np.array([3.0, 3.0, -20.0, -20.0]))
    i = diode_current(3.0, 1010, 1e-9, 1.5)
    assert wet[1] == pytest.approx(3.0 - 1000 * i, abs=1e-5)
    # At -20 V the diode passes 15 mA backwards: 5 V, and Vt ln(15) more, and 10 ohm.
    current = (20 + wet[3]) / 1000
    assert -wet[3] == pytest.approx(5 + THERMAL_VOLTAGE * np.log(current / 1e-3) + 10 * current, abs=1e-3)


def test_two_diodes_in_series_are_what_they_are_one_by_one():
    model = ".model DX D(IS=2.52n N=1.752 RS=0.5 CJO=4p TT=4n)"
    merged = circuit(f"VIN in 0 0\nR1 in out 2.2k\nD1 out m DX\nD2 m 0 DX\n{model}")
    # A megohm at the middle node keeps them apart, and bears next to nothing.
    apart = circuit(f"VIN in 0 0\nR1 in out 2.2k\nD1 out m DX\nD2 m 0 DX\nRX m 0 100g\n{model}")
    assert (len(merged.describe()["ports"]), len(apart.describe()["ports"])) == (1, 2)
    dry = sine(4.0)
    np.testing.assert_allclose(render(merged, dry), render(apart, dry), atol=2e-6)


def test_an_npn_emitter_follower_rests_where_its_equations_say():
    follower = circuit("VCC c 0 9\nVIN b 0 4.5\nQ1 c b out QX\nRE out 0 10k\n.model QX NPN(IS=10f BF=300)")
    emitter = follower.operating_point()["out"]
    base_emitter = THERMAL_VOLTAGE * np.log(emitter / 10e3 / (10e-15 * (1 + 1 / 300)))
    assert 4.5 - emitter == pytest.approx(base_emitter, abs=1e-6)


def test_a_pnp_is_an_npn_in_the_mirror():
    npn = "VCC c 0 {0}9\nVIN b 0 {0}4.5\nQ1 c b out QX\nRE out 0 10k\n.model QX {1}(IS=10f BF=200 VAF=80 CJE=6p)"
    one, other = circuit(npn.format("", "NPN")), circuit(npn.format("-", "PNP"))
    dry = sine(6.0)
    np.testing.assert_allclose(render(one, dry), -render(other, -dry), atol=1e-7)


def test_an_op_amp_of_tanh_follows_its_feedback_and_slews():
    slewing = circuit(
        "VIN in 0 0\nX1 in out out OP\nRL out 0 10k\n.subckt OP ip in o\n"
        "BGM 0 x I=1e-4*tanh(18.85*(V(ip)-V(in)))\nRX x 0 53meg\nCX x 0 100p\nEO o 0 x 0 1\n.ends",
        oversampling=16,
    )
    quiet = render(slewing, sine(0.1))
    np.testing.assert_allclose(middle(quiet), middle(sine(0.1)), atol=4e-5)  # 3 MHz: 53 ns late, 3.3e-5 V at 1 kHz
    step = np.repeat([0.0, 4.0], 2000)
    rise = np.diff(render(slewing, step)[1990:2010].astype(float)) * RATE
    # 1e-4 A into 100 pF is 1 V/us: 4 V within 4 us, a fifth of a sample; as a mean over samples it is band-limited.
    assert 0.5e5 < rise.max() < 4 * RATE * 1.2


def test_a_saturating_source_as_voltage():
    shaper = circuit("VIN in 0 0\nB1 out 0 V=2*tanh(3*V(in)+0.5)-1+V(in)/4\nR1 out 0 1k", oversampling=1)
    dry = sine(1.0)
    expected = 2 * np.tanh(3 * dry + 0.5) - 2 * np.tanh(0.5) + dry / 4  # wet is the deviation from rest
    np.testing.assert_allclose(render(shaper, dry), expected, atol=1e-6)


def test_a_device_marked_linear_is_its_tangent():
    text = "VIN in 0 0.6\nR1 in out 1k\nD1 out 0 DX\n.model DX D(IS=2.52n N=1.752){}"
    tangent = circuit(text.format("\n*.linear D1"))
    assert tangent.describe()["ports"] == []
    gain = abs(tangent.frequency_response([1000.0])[0])
    np.testing.assert_allclose(middle(render(tangent, sine(1.0))), middle(gain * sine(1.0)), atol=2e-5)
    small = 1e-4
    curved = circuit(text.format(""))
    np.testing.assert_allclose(render(curved, sine(small)), render(tangent, sine(small)), atol=1e-7)


ODD_SHAPES = """VCC c 0 12
VIN in 0 0
C1 in b {cin}
R1 c b 220k
R2 b 0 47k
Q1 k b e QX
RC c k 4.7k
RE e 0 {re}
CE e 0 22u
C2 k out 470n
D1 out 0 DX
D2 0 out DX
RL out 0 100k
.param cin=100n re=1k
.model QX NPN(IS=14f BF=290 VAF=74 CJE=5p CJC=4p)
.model DX D(IS=2.52n N=1.752 RS=0.568 CJO=4p VJ=0.5 M=0.4 TT=4n)
"""


def test_a_fuzz_that_is_no_sd1_agrees_with_ngspice():
    program = require_program("ngspice")
    text = f"a common-emitter booster into diodes\n*.input VIN\n*.output out\n{ODD_SHAPES}.end\n"
    # make.run() sets the knobs of the SD-1; this netlist has the card but no use for it.
    source = make.chord_source(0.2).replace("BVIN src", "BVIN in")
    spiced = text.replace(".param cin", ".param drv=0\n.param cin").replace("VIN in 0 0\n", f"{source}\n", 1)
    seconds = 0.05
    cards = [f"tran 1u {seconds + 0.005} 0 1u", "wrdata out.txt v(out)"]
    time, out = make.run(cards, netlist=spiced, program=program)[:, :2].T
    new = np.concatenate([[True], np.diff(time) > 0])
    t = np.arange(round((seconds + 0.005) * RATE) * 8) / (RATE * 8)
    ngspice = make.decimate(make.CubicSpline(time[new], out[new])(t), seconds)
    dry = 0.2 * make.chord(np.arange(2 * len(ngspice)) / RATE)
    wet = render(VirtualCircuit(parse(text)), dry)[: len(ngspice)]
    assert np.abs(ngspice).max() > 0.4  # the diodes conduct
    assert 10 * np.log10(np.sum((wet - ngspice) ** 2) / np.sum(ngspice**2)) < -70


def test_a_knob_that_takes_one_part_for_another_begins_at_rest():
    switched = circuit(
        "*.knob which c default=0\n.param c=0\nVIN in 0 0\nR1 in out 10k\nC1 out 0 {10n*c}\nC2 in out {10n*(1-c)}\n"
        "R2 out 0 10k",
        oversampling=1,
    )
    dry = sine(1.0)
    expected = render(switched, dry, {"which": 1.0})
    switched.reset()
    switched.process(dry[:100], {"which": 0.0})
    np.testing.assert_array_equal(switched.process(dry, {"which": 1.0}), expected)  # nothing of C2's charge in C1


@pytest.mark.parametrize("factor", [1, 2, 8])
def test_oversampling_and_back_is_a_delay_by_whole_samples(factor):
    oversampler = Oversampler(factor)
    dry = np.concatenate([np.zeros(100), sine(1.0, 15_000.0, 0.05) * np.hanning(2205), np.zeros(400)])
    back = oversampler.down(oversampler.up(dry))
    delay = oversampler.latency
    np.testing.assert_allclose(back[delay:], dry[: len(dry) - delay], atol=2e-5)


def test_images_are_100_db_down():
    dry = sine(1.0, 19_000.0, 1.0) * np.kaiser(RATE, 20)
    spectrum = np.abs(np.fft.rfft(Oversampler(8).up(dry)))
    f = np.fft.rfftfreq(8 * RATE, 1 / (8 * RATE))
    assert 20 * np.log10(spectrum[f > 22_100].max() / spectrum.max()) < -100


@pytest.mark.parametrize("bad", [np.array([0.0, np.nan]), np.array([np.inf]), np.zeros((2, 2))])
def test_a_block_that_is_no_finite_signal_is_refused(bad):
    divider = circuit("VIN out 0 0\nR1 out 0 1k")
    with pytest.raises(SignalError):
        divider.process(bad, {})


def test_a_circuit_without_an_operating_point_is_refused():
    with pytest.raises(CircuitError, match="no unique solution"):
        circuit("VIN out 0 0\nV2 out 0 1\nR1 out 0 1k")
