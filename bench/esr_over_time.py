"""Error against wall time, for every family, beside two peers: ``python bench/esr_over_time.py --out FOLDER``.

Each cell of the table is one command as a user types it, ``drywet train ... --budget ...``, timed from its start to its
end: imports, reading, training, scoring and report. ``--seconds`` is that wall time; the budget is what start and report
leave of it. Results are added to FOLDER/results.jsonl, and cells that are there are not run again; ``--table`` prints such
a file as it is, for example bench/results/esr_over_time_one_core.jsonl. Virtual devices are
the SD-1 at 9:00, 12:00 and 3:00 (60 s to train, six unseen riffs); a recorded one is given as ``--pair dry.wav wet.wav``.

Peers: ``torch-lstm`` is nn.LSTM and Adam in a plain torch loop, on all cores; ``nam`` is neural-amp-modeler's own network
and optimizer (nam_peer.py), run by the Python that has it: ``--nam-python``. Both get the same audio and the same wall time.
"""

import argparse
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
from itertools import product
from pathlib import Path
from statistics import mean, stdev

import numpy as np
import torch

from drywet import executor
from drywet.dataset import Dataset, load_pair, split_by_time
from drywet.dataset.virtual import VirtualDataset, render_dataset
from drywet.training.provenance import machine
from drywet.training.recording import GAP_OF_STATE

DRIVES = ("9:00", "12:00", "3:00")
MODELS = ("default", "grey-box", "s4d", "gru", "wavenet", "lstm")
ROWS = (*MODELS, "window-lstm", "torch-lstm", "nam", "wiener-hammerstein", "linear", "static-curve", "gain")
OVERHEAD = 11.0  # seconds of one command that are not training: imports, reading, scoring, report


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    task = parser.add_mutually_exclusive_group(required=True)
    task.add_argument("--out", type=Path, help="folder of the results")
    task.add_argument("--table", type=Path, metavar="FILE", help="only print the results of this file")
    parser.add_argument("--model", nargs="+", default=list(MODELS))
    parser.add_argument("--device", nargs="+", default=list(DRIVES), help="drives of the virtual SD-1, or pair")
    parser.add_argument("--pair", nargs=2, type=Path, metavar=("DRY", "WET"))
    parser.add_argument("--seconds", nargs="+", type=float, default=[15, 30, 60, 120, 300])
    parser.add_argument("--seed", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--set", action="append", default=[], help="passed on to drywet train")
    parser.add_argument("--nam-python", help="a Python that has neural-amp-modeler")
    args = parser.parse_args()
    results = args.table or args.out / "results.jsonl"
    rows = [json.loads(line) for line in results.read_text().splitlines()] if args.table or results.is_file() else []
    if args.out:
        dataset = render_dataset(VirtualDataset(train_seconds=60.0), args.out / "sd1", executor.Local())
        for seed, seconds, device, model in product(args.seed, args.seconds, args.device, args.model):
            recorded = {"pair": [path.name for path in args.pair]} if device == "pair" else {}
            cell = {
                "model": " ".join([model, *args.set]),
                "device": device,
                "seconds": seconds,
                "seed": seed,
            } | recorded
            if any(cell.items() <= row.items() for row in rows):
                continue
            rows.append(cell | measure(args, dataset, model, device, seconds, seed))
            print(rows[-1], flush=True)
            with results.open("a") as file:
                file.write(json.dumps(rows[-1]) + "\n")
        print(f"\n{machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, torch {torch.__version__}\n")
    print_table(rows)


def measure(args, dataset, model, device, seconds, seed):
    started = time.perf_counter()
    if model in ("nam", "torch-lstm"):
        found = of_peer(args, dataset, model, device, seconds, seed)
    else:
        found = of_drywet(args, dataset, model, device, seconds - OVERHEAD, seed)
    return found | {"wall": round(time.perf_counter() - started, 1)}


def of_drywet(args, dataset, model, device, budget, seed):
    source = args.pair if device == "pair" else [dataset.folder, "--set", f"controls.drive={device}"]
    chosen = [] if model == "default" else ["--model", model]
    settings = [word for setting in args.set for word in ("--set", setting)]
    with tempfile.TemporaryDirectory() as folder:
        command = ["drywet", "train", *source, "--budget", f"{budget}s", "--seed", seed, *chosen, *settings]
        command += ["--out", f"{folder}/run", "--json"]
        done = subprocess.run(
            [sys.executable, "-m", *map(str, command)], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        result = json.loads(done.stdout)
        provenance = json.loads(Path(folder, "run", "provenance.json").read_text())
        family = json.loads(Path(folder, "run", "config.json").read_text())["settings"]["model"]["family"]
    esr = [row["esr"] for row in result["rows"]]
    return {"esr": esr, "updates": provenance["updates"], "parameters": provenance["parameters"], "family": family}


def of_peer(args, dataset, model, device, seconds, seed):
    with tempfile.TemporaryDirectory() as folder:
        names = [f"{folder}/{name}" for name in ("dry.npy", "wet.npy", "tests.npz")]
        save_audio(args, dataset, device, *names)
        script = Path(__file__).parent / ("nam_peer.py" if model == "nam" else "torch_peer.py")
        python = args.nam_python if model == "nam" else sys.executable
        command = [python, script, *names, seconds - OVERHEAD, seed]
        done = subprocess.run(
            [str(word) for word in command], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
    return json.loads(done.stdout.splitlines()[-1])


def save_audio(args, dataset, device, dry_path, wet_path, tests_path):
    """Training and test audio of a device as numpy arrays, for programs that know nothing of drywet."""
    tests = {}
    if device == "pair":
        pair = load_pair(*args.pair)
        split = split_by_time(len(pair), pair.sample_rate, GAP_OF_STATE)
        train = pair[split.train]
        heard = pair[: split.test.stop]
        tests |= {"dry0": heard.dry, "wet0": heard.wet, "start": np.array(split.test.start)}
    else:
        dataset = Dataset(dataset.folder)
        (recording,) = dataset.recordings("train", {"drive": device})
        train = dataset.load(recording)
        for number, recording in enumerate(dataset.recordings("test", {"drive": device})):
            pair = dataset.load(recording)
            tests |= {f"dry{number}": pair.dry, f"wet{number}": pair.wet}
    np.save(dry_path, train.dry)
    np.save(wet_path, train.wet)
    np.savez(tests_path, **tests)


def print_table(rows):
    """Markdown: one line per device and model, one column per wall time; mean of the seeds, spread where there is one."""
    times = sorted({row["seconds"] for row in rows})
    print("| device | model | parameters |" + "".join(f" {seconds:g} s |" for seconds in times))
    print("|---|---|---|" + "---|" * len(times))
    for device, model in sorted({(row["device"], row["model"]) for row in rows}, key=row_order):
        here = [row for row in rows if (row["device"], row["model"]) == (device, model)]
        cells = [[100 * mean(row["esr"]) for row in here if row["seconds"] == seconds] for seconds in times]
        print(f"| {device} | {model} | {here[0]['parameters']} |" + "".join(f" {written(cell)} |" for cell in cells))


def row_order(row):
    """Where a device and a model stand in the table."""
    device, model = row
    family = model.split()[0]  # what --set adds stands after it
    return (*DRIVES, device).index(device), device, (*ROWS, family).index(family), model


def written(values):
    if not values:
        return ""
    spread = f" ± {rounded(stdev(values))} ({len(values)})" if len(values) > 1 else ""
    return f"{rounded(mean(values))} %{spread}"


def rounded(value):
    """Two significant digits."""
    return f"{value:.{max(0, 1 - math.floor(math.log10(value)))}f}"


if __name__ == "__main__":
    main()
