"""The engine beside the compiled engines of players, in one run: ``python bench/engine_speed.py --out TABLE.md``.

``--peer NAME PROGRAM`` (repeatable) is a program that you made with another engine: it is started with a number of
repetitions and with .nam files, plays 20 blocks of 64 samples at each repetition, and prints a line ``model ns ns ...`` for
each model, nanoseconds per sample. Without it only drywet and onnxruntime are measured.

Every model plays blocks of 64 samples on one core. Engines take turns, and the least of all repetitions counts, because
other work can only make one longer. Columns: nanoseconds per sample; the fastest peer's time over drywet's; times real time at
48 kHz; what the multiplications alone would take at the peak of this core, or reading the weights that do not fit the nearest
cache, whichever is more; and the largest difference to the plain network in float64.
"""

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime
from numba import njit

from drywet.engine import read_bytes
from drywet.engine.kernels import compiled
from drywet.engine.kernels.lanes import LANES, load, spread
from drywet.engine.typical import TYPICAL
from drywet.errors import ExportError
from drywet.export import onnx
from drywet.export.about import About
from drywet.vectors import fma, store

GOLDEN = Path(__file__).parents[1] / "tests" / "golden" / "nam"
BLOCK, CALLS, ROUNDS, REPETITIONS = 64, 20, 5, 40
SIZES = (16, 40, 64, 96)
NEAREST_CACHE = 32 * 1024  # bytes


def main():
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--peer", nargs=2, action="append", default=[], metavar=("NAME", "PROGRAM"))
    given.add_argument("--out", type=Path)
    options = given.parse_args()
    networks = {**{name: make() for name, make in TYPICAL.items()}, **nam_networks()}
    fast = {name: compiled(network) for name, network in networks.items()}
    sessions = {name: session for name, network in networks.items() if (session := onnx_session(network)) is not None}
    best: dict[str, dict[str, float]] = {name: {} for name in networks}
    with tempfile.TemporaryDirectory() as folder:
        files = [*nam_files(), *(write_nam_lstm(Path(folder), size) for size in SIZES)]
        for _ in range(ROUNDS):
            for name, network in fast.items():
                keep(best, "drywet", name, min(drywet_times(network)))
            for engine, program in options.peer:
                for name, nanoseconds in ran([program, REPETITIONS, *files]):
                    keep(best, engine, name, nanoseconds)
            for name, session in sessions.items():
                keep(best, "onnxruntime", name, min(onnx_times(session)))
    table = written(best, networks, fast, [engine for engine, _ in options.peer] + ["onnxruntime"])
    print(table)
    if options.out:
        options.out.write_text(table)


def keep(best, engine, name, nanoseconds):
    best.setdefault(name, {})
    best[name][engine] = min(best[name].get(engine, np.inf), nanoseconds)


def written(best, networks, fast, engines):
    peak, stream = multiplier_peak(), cache_bandwidth()
    lines = [
        f"| model | drywet | {' | '.join(engines)} | fastest peer / drywet | x real time | limit | error |",
        "|---" * (6 + len(engines)) + "|",
    ]
    dry = (0.1 * np.random.default_rng(0).standard_normal(2000)).astype(np.float32)
    for name, times in best.items():
        if "drywet" not in times:
            continue
        others = [times[engine] for engine in engines if engine in times]
        network, knobs = networks[name], np.zeros(networks[name].knobs)
        fast[name].reset()
        network.reset()
        error = np.abs(fast[name].process(dry, knobs) - network.process(dry, knobs)).max()
        far = max(0, 4 * network.cost() - NEAREST_CACHE) if network.kind == "recurrent" else 0  # others reuse weights
        limit = max(network.cost() / peak, far / stream) * 1e9
        cells = [f"{times[engine]:.0f}" if engine in times else "" for engine in engines]
        ratio = f"{min(others) / times['drywet']:.2f}" if others else ""
        real_time = 1e9 / 48_000 / times["drywet"]
        lines.append(
            f"| {name} | {times['drywet']:.0f} | {' | '.join(cells)} | {ratio} | {real_time:.0f} | {limit:.0f} | {error:.0e} |"
        )
    lines += ["", f"Multiplier peak {2e-9 * peak:.0f} GFLOP/s; 64 KiB read again and again {1e-9 * stream:.0f} GB/s."]
    return "\n".join(lines) + "\n"


def drywet_times(network):
    dry = (0.1 * np.random.default_rng(0).standard_normal(BLOCK)).astype(np.float32)
    wet = np.empty_like(dry)
    for _ in range(REPETITIONS):
        start = time.perf_counter_ns()
        for _ in range(CALLS):
            network.process_into(dry, wet)
        yield (time.perf_counter_ns() - start) / (CALLS * BLOCK)


def nam_networks():
    """Real files of Neural Amp Modeler, which both engines play."""
    files = {path: read_bytes(path.read_bytes(), str(path)) for path in nam_files()}
    return {path.name: file.sizes[-1][1].network if file.sizes else file.network for path, file in files.items()}


def nam_files():
    return [GOLDEN / "wavenet_a1_standard.nam", GOLDEN / "container_a2.nam"]


def write_nam_lstm(folder, units):
    count = 4 * units * (1 + units) + 4 * units + units + units + units + 1
    weights = (np.random.default_rng(0).uniform(-1, 1, count) / np.sqrt(units)).tolist()
    config = {"input_size": 1, "hidden_size": units, "num_layers": 1}
    file = folder / f"lstm-{units}.nam"
    file.write_text(
        json.dumps(
            {"version": "0.5.4", "architecture": "LSTM", "config": config, "weights": weights, "sample_rate": 48_000}
        )
    )
    return file


def ran(command):
    """(model, least nanoseconds) of every line that a peer's program prints."""
    done = subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True)
    for line in done.stdout.splitlines():
        name, *times = line.split()
        name = Path(name).name
        yield name.removesuffix(".nam") if name.startswith("lstm-") else name, min(map(float, times))


def onnx_session(network):
    """The network as drywet exports it, in onnxruntime on one thread; None for one that the format does not hold."""
    try:
        content = onnx.write(onnx.fit(network), About(48_000))
    except ExportError:
        return None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def onnx_times(session):
    given = {one.name: np.zeros(one.shape, np.float32) for one in session.get_inputs() if one.name.startswith("state")}
    given["dry"] = (0.1 * np.random.default_rng(0).standard_normal(BLOCK)).astype(np.float32)
    names = [f"{name}_next" if name != "dry" else "wet" for name in given]
    for _ in range(REPETITIONS):
        start = time.perf_counter_ns()
        for _ in range(CALLS // 4):
            results = session.run(names, given)
            given.update({name: result for name, result in zip(given, results, strict=True) if name != "dry"})
        yield (time.perf_counter_ns() - start) / (CALLS // 4 * BLOCK)


@njit(fastmath={"contract"})
def _multiply(count, numbers):
    """12 independent sums, ``count`` steps each."""
    a = load(numbers, 0)
    b, c, d, e, f, g, h, i, j, k, m = a, a, a, a, a, a, a, a, a, a, a
    x, y = spread(np.float32(0.999)), load(numbers, LANES)
    for _ in range(count):
        a, b, c, d = fma(a, x, y), fma(b, x, y), fma(c, x, y), fma(d, x, y)
        e, f, g, h = fma(e, x, y), fma(f, x, y), fma(g, x, y), fma(h, x, y)
        i, j, k, m = fma(i, x, y), fma(j, x, y), fma(k, x, y), fma(m, x, y)
    store(numbers, 0, a + b + c + d + e + f + g + h + i + j + k + m)


@njit(fastmath={"contract"})
def _read(times, numbers):
    a = load(numbers, 0)
    b, c, d = a, a, a
    for _ in range(times):
        for n in range(0, len(numbers), 4 * LANES):
            a, b = a + load(numbers, n), b + load(numbers, n + LANES)
            c, d = c + load(numbers, n + 2 * LANES), d + load(numbers, n + 3 * LANES)
    store(numbers, 0, a + b + c + d)


def least(call, repetitions=50):
    taken = []
    for _ in range(repetitions):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return min(taken[1:])  # the first one compiles


def multiplier_peak():
    """Multiplications with addition per second, from registers."""
    numbers = np.zeros(2 * LANES, np.float32)
    return 12 * LANES * 10_000 / least(lambda: _multiply(10_000, numbers))


def cache_bandwidth():
    """Bytes per second of an array of 64 KiB, the recurrent weights of an LSTM-64."""
    numbers = np.zeros(1 << 14, np.float32)
    return numbers.nbytes * 20 / least(lambda: _read(20, numbers))


if __name__ == "__main__":
    main()
