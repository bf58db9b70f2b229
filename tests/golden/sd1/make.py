"""Make the golden values of the SD-1 again, with ngspice: ``python tests/golden/sd1/make.py`` (a few minutes).

ngspice runs the text of ``src/drywet/circuits/sd1.cir`` as it is. Only .param values and the input source are replaced
and analysis cards are added, so what is compared is the solver, not the netlist.
"""

import hashlib
import json
import math
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.signal import firwin, kaiser_beta

HERE = Path(__file__).parent
NETLIST = HERE.parents[2] / "src" / "drywet" / "circuits" / "sd1.cir"
OPTIONS = ".options reltol=1e-5 abstol=1e-13 vntol=1e-8 method=gear"
SAMPLE_RATE, FACTOR = 44_100, 8

POSITIONS = {"9:00": 0.2, "12:00": 0.5, "3:00": 0.8}
NODES = ("vb", "e5", "p1", "m1", "o1", "p2", "m2", "o2", "lw", "b6", "e6", "h1", "out")
# E minor with the ninth, from a guitar; Hz and amplitude. Scaled so that the peak of the sum is near 1.
CHORD = [
    (82.41, 1.0),
    (123.47, 0.9),
    (164.81, 0.8),
    (196.0, 0.7),
    (246.94, 0.6),
    (369.99, 0.5),
    (493.88, 0.3),
    (987.77, 0.2),
]
CHORD_SCALE = 0.26
CHORD_SECONDS, TAIL_SECONDS = 0.15, 0.005
SINE_HZ, SINE_SECONDS, SINE_PERIODS = 220.0, 0.15, 10


def audio_taper(x):
    """The drive pot's law, written out here a second time on purpose."""
    return (math.exp(5 * x) - 1) / (math.exp(5) - 1)


def chord(t):
    """The chord at 1 V peak, faded in."""
    return (1 - np.exp(-t / 3e-3)) ** 2 * CHORD_SCALE * sum(a * np.sin(2 * np.pi * f * t) for f, a in CHORD)


def chord_source(volts):
    """The same as an ngspice source."""
    partials = "+".join(f"{a}*sin({2 * np.pi * f!r}*time)" for f, a in CHORD)
    return f"BVIN src 0 V={volts * CHORD_SCALE!r}*(1-exp(-time/3e-3))*(1-exp(-time/3e-3))*({partials})"


def sine_source(volts):
    return f"VIN src 0 DC 0 AC 1 SIN(0 {volts} {SINE_HZ})"


def version(program="ngspice"):
    return re.search(
        r"ngspice-\d+(\.\d+)?", subprocess.run([program, "--version"], capture_output=True, text=True).stdout
    )[0]


def run(cards, *, drive=0.5, tone=0.5, level=0.5, source=None, netlist=None, program="ngspice"):
    """Run ngspice on the netlist with knobs at these rotations; ``cards`` write ``out.txt``, which is returned."""
    text = netlist or NETLIST.read_text(encoding="utf-8")
    params = f".param drv={audio_taper(drive)!r} tw={float(tone)!r} lv={float(level)!r}"
    text, count = re.subn(r"^\.param drv=.*$", params, text, flags=re.M)
    assert count == 1
    if source:
        text, count = re.subn(r"^VIN .*$", source, text, flags=re.M)
        assert count == 1
    text = re.sub(r"^\.end\s*$", "", text, flags=re.M)
    control = "\n".join(
        [OPTIONS, ".control", "set wr_singlescale", "option numdgt=10", *cards, "quit", ".endc", ".end"]
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.cir"
        path.write_text(f"{text}\n{control}\n", encoding="utf-8")
        done = subprocess.run([program, "-b", path.name], cwd=folder, capture_output=True, text=True, timeout=900)
        result = Path(folder) / "out.txt"
        if not result.exists():
            raise RuntimeError(f"ngspice wrote nothing:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
        return np.loadtxt(result, ndmin=2)


def direct(**knobs):
    """Node voltages at rest."""
    vectors = " ".join(f"v({node})" for node in NODES)
    row = run(["op", f"wrdata out.txt {vectors}"], **knobs)[0]
    return dict(zip(NODES, row[-len(NODES) :].tolist(), strict=True))


def response(**knobs):
    """Frequencies in Hz and gain in dB."""
    columns = run(["ac dec 10 20 20k", "let g=vdb(out)", "wrdata out.txt g"], **knobs)
    return columns[:, 0], columns[:, 1]


def transient(source, seconds, step_us=1.0, **knobs):
    """Output in V at FACTOR times the sample rate, shape (T,): ngspice's own steps, joined by a cubic spline."""
    # A little longer than asked for, so that filters find samples beyond the end.
    cards = [f"tran {step_us}u {seconds + TAIL_SECONDS} 0 {step_us}u", "wrdata out.txt v(out)"]
    time, out = run(cards, source=source, **knobs)[:, :2].T
    new = np.concatenate([[True], np.diff(time) > 0])
    count = round((seconds + TAIL_SECONDS) * SAMPLE_RATE) * FACTOR
    return CubicSpline(time[new], out[new])(np.arange(count) / (SAMPLE_RATE * FACTOR))


def decimate(fast, seconds):
    """``seconds`` of it at 44.1 kHz, without delay: linear phase, flat to 20 kHz, 110 dB down from 22.05 kHz."""
    taps = firwin(2 * 8 * 80 + 1, 21_025, window=("kaiser", kaiser_beta(110)), fs=SAMPLE_RATE * FACTOR)
    return np.convolve(fast, taps, mode="same")[::FACTOR][: round(seconds * SAMPLE_RATE)]


def harmonics(wave, sample_rate):
    """H1 to H7 in dBV of the last SINE_PERIODS periods of the sine, by least squares."""
    count = round(SINE_PERIODS * sample_rate / SINE_HZ)
    t = np.arange(len(wave))[-count:] / sample_rate
    angles = 2 * np.pi * SINE_HZ * t[:, None] * np.arange(1, 31)
    basis = np.hstack([np.ones((count, 1)), t[:, None] - t[0], np.cos(angles), np.sin(angles)])
    weights = np.linalg.lstsq(basis, wave[-count:], rcond=None)[0][2:]
    return 20 * np.log10(np.hypot(weights[:30], weights[30:]))[:7]


def main():
    static = {
        "ngspice": version(),
        "options": OPTIONS,
        "netlist_sha256": _sha256(NETLIST),
        "direct": {},
        "response": {},
    }
    static["harmonics_dbv"] = {}
    waves = {}
    for drive_name, drive in POSITIONS.items():
        static["direct"][drive_name] = direct(drive=drive)
        for tone_name, tone in POSITIONS.items():
            frequency, gain = response(drive=drive, tone=tone)
            static["frequency_hz"] = [float(f"{f:.10g}") for f in frequency]
            static["response"][f"{drive_name} {tone_name}"] = [round(float(g), 5) for g in gain]
        for volts in (0.1, 0.5):
            wave = transient(sine_source(volts), SINE_SECONDS, drive=drive)
            levels = harmonics(decimate(wave, SINE_SECONDS), SAMPLE_RATE)
            static["harmonics_dbv"][f"{volts} {drive_name}"] = [round(float(level), 4) for level in levels]
        wave = transient(chord_source(0.5), CHORD_SECONDS, drive=drive)
        waves[drive_name] = decimate(wave, CHORD_SECONDS).astype(np.float32)
        print(drive_name, "done", file=sys.stderr)
    (HERE / "static.json").write_text(json.dumps(static, indent=1) + "\n", encoding="utf-8")
    np.save(HERE / "chord.npy", np.stack([waves[name] for name in POSITIONS]))


def _sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    main()
