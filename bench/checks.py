"""What ``drywet check`` costs and how often it is right: ``python bench/checks.py [CASES]``.

Prints three tables: precision and recall of the fault detectors on planted faults, time and memory of whole checks, and
the kinds of known devices.
"""

import importlib
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
import numpy as np
import soundfile

from drywet import audio, signals
from drywet.circuits import VirtualCircuit, load_netlist
from drywet.circuits.netlist import parse
from drywet.dataset.check import check_files, check_pair
from drywet.dataset.check.faults import find_faults
from drywet.effect import render

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))
devices, planted = importlib.import_module("devices"), importlib.import_module("planted_faults")

RATE = 44_100
DATA = Path(os.environ.get("DRYWET_SHARED_DATA", ROOT.parent / "shared" / "data"))
# Not clean, or of too few bits for a held sample to be seen (docs/checks.md).
LEFT_OUT = ("di_ng9", "diode_clipper", "ts9_guitarix_knobs/dry")


def main():
    cases = int(sys.argv[1]) if len(sys.argv) > 1 else 4000
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}")
    costs()
    dry = np.concatenate(list(signals.test_riffs(RATE, 6.0).values()))
    circuit = VirtualCircuit(parse(load_netlist("sd1").text), oversampling=2)
    sd1 = {drive: render(circuit, dry, {"drive": drive}) for drive in (0.2, 0.5, 0.8)}
    clean = [(signal, RATE) for signal in (dry, *sd1.values())]
    if DATA.is_dir():
        paths = [p for p in sorted(DATA.glob("**/*.flac")) if not any(name in p.as_posix() for name in LEFT_OUT)]
        clean += [audio.read(path) for path in paths]
    faults(clean, cases)
    kinds(dry, sd1[0.5])


def faults(clean, cases):
    print(f"\n{cases} planted faults in {len(clean)} clean signals, seed 25")
    print(f"{'fault':10} {'planted':>8} {'recall':>8} {'precision':>10}")
    for kind, result in planted.score(planted.plant(clean, cases, 25), find_faults).items():
        print(f"{kind:10} {result.planted:8} {result.recall:8.4f} {result.precision:10.4f}")
    alarms = sum(
        len(getattr(find_faults(*pair), kind)) for pair in clean for kind in ("flat_tops", "dropouts", "clicks")
    )
    print(f"false alarms on the clean signals themselves: {alarms}")


def kinds(dry, overdriven):
    print(f"\n{'device':26} {'called':20} {'late dB':>8} {'steady':>7} {'slow dB':>8} {'unexplained':>12}")
    effects = {
        "none": lambda x: x,
        "diode clipper": devices.diode_clipper,
        "reverb 30 %": lambda x: devices.reverb(x, 0.3),
        "reverb 10 %": lambda x: devices.reverb(x, 0.1),
        "echo 300 ms": devices.echo,
        "chorus": devices.chorus,
        "compressor 4:1, 200 ms": devices.compressor,
    }
    for before, signal in (("", dry), ("SD-1, ", overdriven)):
        for name, effect in effects.items():
            memory = check_pair(dry, effect(signal), RATE).memory
            late = 10 * np.log10(max(memory.late_share, 1e-6))
            print(
                f"{before + name:26} {memory.kind:20} {late:8.1f} {memory.steadiness:7.3f} {memory.slow_gain_db:8.2f} "
                f"{memory.explained_esr:12.4f}"
            )


def costs():
    """Each length in a process of its own, begun while this one is small: a child's peak counts its parent's size."""
    print(f"\n{'seconds':>8} {'check s':>8} {'peak MB':>8}  24-bit WAV at {RATE} Hz, processor time")
    for seconds in (60, 600, 3 * 3600):
        with tempfile.TemporaryDirectory() as folder:
            dry, wet = Path(folder) / "dry.wav", Path(folder) / "wet.wav"
            long_pair(dry, wet, seconds)
            done = subprocess.run(
                [sys.executable, __file__, "--one", str(dry), str(wet)], capture_output=True, text=True, check=True
            )
            print(f"{seconds:8} {done.stdout.strip()}")


def long_pair(dry_path, wet_path, seconds):
    """Guitar at changing levels through a curve, with noise, written minute by minute."""
    rng = np.random.default_rng(0)
    track = signals.training_track(RATE, 60.0)
    with (
        soundfile.SoundFile(dry_path, "w", RATE, 1, "PCM_24") as dry,
        soundfile.SoundFile(wet_path, "w", RATE, 1, "PCM_24") as wet,
    ):
        for _ in range(seconds // 60):
            minute = np.roll(track, rng.integers(len(track))) * rng.uniform(0.3, 1)
            dry.write(minute)
            wet.write(0.4 * np.tanh(5 * minute) + 1e-4 * rng.standard_normal(len(minute)))


def one(dry, wet):
    start = time.process_time()
    check_files(dry, wet)
    spent = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 1 << 20)
    print(f"{spent:8.1f} {peak:8.0f}")


if __name__ == "__main__":
    one(*sys.argv[2:]) if sys.argv[1:2] == ["--one"] else main()
