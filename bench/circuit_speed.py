"""How fast the virtual SD-1 plays on one core, beside how close it is to ngspice and how much it aliases, by oversampling.

``python bench/circuit_speed.py``; a minute. The figures of docs/circuits.md come from here.
"""

import importlib.util
import os
import platform
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numba
import numpy as np

from drywet.circuits import VirtualCircuit, load_netlist
from drywet.circuits.netlist import parse
from drywet.effect import render
from drywet.measures.aliasing import aliasing_to_signal_ratio, exact_sine

GOLDEN = Path(__file__).parents[1] / "tests" / "golden" / "sd1"
RATE, SECONDS, REPEATS = 44_100, 1.0, 9
FACTORS = (1, 2, 4, 8, 16)
SINES_HZ = (1249, 4999)


def main():
    spec = importlib.util.spec_from_file_location("sd1_make", GOLDEN / "make.py")
    make = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make)
    ngspice = dict(zip(make.POSITIONS, np.load(GOLDEN / "chord.npy").astype(float), strict=True))
    chord = 0.5 * make.chord(np.arange(round(SECONDS * RATE)) / RATE)
    noise = np.random.default_rng(0).normal(0, 0.4, RATE // 4)
    text = load_netlist("sd1").text
    linear = VirtualCircuit(parse(text.replace(".model D1S", "*.linear Q5 Q6\n.model D1S", 1)))
    circuits = {f"sd1, {factor}x": VirtualCircuit(parse(text), oversampling=factor) for factor in FACTORS}
    print(
        f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, numba {numba.__version__}"
    )
    print(f"processor time per sample at {RATE} Hz, median and best of {REPEATS}, and what share of a core that is:")
    print(
        f"chord of 0.5 V for {SECONDS:g} s, drive 3:00; noise of 0.4 V rms, the same. ESR of the chord against ngspice."
    )
    print(f"Aliasing of a sine of 0.5 V at {SINES_HZ[0]} and {SINES_HZ[1]} Hz, drive 3:00, over its harmonics.")
    print(f"{'circuit':27} {'ns':>6} {'best':>6} {'core':>6} {'noise':>6} {'ESR dB':>7} {'aliasing dB':>15}")
    for name, circuit in (circuits | {"sd1, 8x, followers linear": linear}).items():
        wet = render(circuit, chord, {"drive": "3:00"})  # compiles, too
        golden = ngspice["3:00"]
        esr_db = 10 * np.log10(np.sum((wet[: len(golden)] - golden) ** 2) / np.sum(golden**2))
        median, best = time_of(circuit, chord)
        print(
            f"{name:27} {median:6.0f} {best:6.0f} {median * RATE * 1e-9:6.1%} {time_of(circuit, noise)[0]:6.0f} "
            f"{esr_db:7.1f} {' '.join(f'{aliasing_db(circuit, hz):7.1f}' for hz in SINES_HZ)}",
            flush=True,
        )


def time_of(circuit, dry):
    """Median and best processor time in ns per sample."""
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        render(circuit, dry, {"drive": "3:00"})
        times.append((time.process_time() - start) / len(dry) * 1e9)
    return np.median(times), min(times)


def aliasing_db(circuit, hz):
    sine = exact_sine(hz, RATE)
    settled = 4 * RATE  # of the bias supply, 0.8 s: what is left of its recovery would count as aliasing
    t = np.arange(settled + sine.length) / RATE
    wet = render(circuit, 0.5 * np.sin(2 * np.pi * sine.frequency_hz * t), {"drive": "3:00"})
    return 10 * np.log10(aliasing_to_signal_ratio(wet[settled:], sine))


if __name__ == "__main__":
    main()
