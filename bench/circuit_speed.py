"""How fast the virtual SD-1 plays on one core, beside how close it is to ngspice: ``python bench/circuit_speed.py``."""

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

GOLDEN = Path(__file__).parents[1] / "tests" / "golden" / "sd1"
RATE, SECONDS, REPEATS = 44_100, 3.0, 5


def main():
    spec = importlib.util.spec_from_file_location("sd1_make", GOLDEN / "make.py")
    make = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make)
    ngspice = dict(zip(make.POSITIONS, np.load(GOLDEN / "chord.npy").astype(float), strict=True))
    dry = 0.5 * make.chord(np.arange(round(SECONDS * RATE)) / RATE)
    text = load_netlist("sd1").text
    circuits = {
        "sd1, 8x": VirtualCircuit(parse(text)),
        "sd1, 16x": VirtualCircuit(parse(text), oversampling=16),
        "sd1, 8x, followers linear": VirtualCircuit(parse(text.replace(".model D1S", "*.linear Q5 Q6\n.model D1S", 1))),
    }
    print(
        f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, numba {numba.__version__}"
    )
    print(f"chord of 0.5 V, {SECONDS:g} s, processor time, median and best of {REPEATS}; ESR against ngspice")
    print(f"{'circuit':27} {'drive':>6} {'x real time':>12} {'best':>6} {'ESR dB':>7}")
    for name, circuit in circuits.items():
        for drive, golden in ngspice.items():
            wet = render(circuit, dry, {"drive": drive})  # compiles, too
            times = []
            for _ in range(REPEATS):
                start = time.process_time()
                render(circuit, dry, {"drive": drive})
                times.append(time.process_time() - start)
            error = wet[: len(golden)] - golden
            esr_db = 10 * np.log10(np.sum(error**2) / np.sum(golden**2))
            speed, best = SECONDS / np.median(times), SECONDS / min(times)
            print(f"{name:27} {drive:>6} {speed:12.2f} {best:6.2f} {esr_db:7.1f}")


if __name__ == "__main__":
    main()
