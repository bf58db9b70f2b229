"""Planted delays found again: ``python bench/alignment.py --out FOLDER --cases 20000 --jobs 2``.

Each case is a recording through a virtual device with a delay (from -4800 to +480000 samples, half of them with a
fraction), a polarity, a drift of the clocks, a level and noise drawn from its number (tests/planted_delays.py). Printed, for
each kind of dry signal and device: how often the whole sample is right, the error of latency and drift, how long it took.
Unrelated pairs are asked too: none may be believed. What FOLDER holds already is not done again.
"""

import argparse
import json
import sys
import time
from itertools import product
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import planted_delays
from planted_delays import BROADBAND, DEVICES, MUSIC, RATE, dry_of, plant, wet_of

from drywet import audio, executor
from drywet.dataset.alignment import measure_alignment

KINDS = list(product(BROADBAND + MUSIC, DEVICES))
PER_TASK = 10  # cases


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    workers = executor.Local(args.jobs)
    print(f"rendering {len(KINDS)} recordings", file=sys.stderr)
    workers.map(save_recording, [(args.out, kind) for kind in KINDS], lambda *news: None)
    results = args.out / "cases.jsonl"
    rows = [json.loads(line) for line in results.read_text().splitlines()] if results.is_file() else []
    done = {(row["source"], row["device"], row["seed"]) for row in rows}
    # Every kind gets its first cases first, so that a part of the whole is a fair part.
    missing = [
        (args.out, kind, seeds)
        for first in range(0, -(-args.cases // len(KINDS)), PER_TASK)
        for kind in KINDS
        if (seeds := [seed for seed in range(first, first + PER_TASK) if (*kind, seed) not in done])
    ]
    with results.open("a") as file:

        def keep(index, found):
            file.writelines(json.dumps(row) + "\n" for row in found)
            file.flush()
            rows.extend(found)
            print(f"{len(rows)} of {args.cases} cases", file=sys.stderr)

        workers.map(measure, missing, keep)
    print_table(args.out, rows)
    print_unrelated(args.out)


def save_recording(task, tell):
    folder, kind = task
    path = recording(folder, kind)
    if not path.is_file():
        audio.write(path, wet_of(*kind), RATE, subtype="FLOAT")


def recording(folder, kind):
    return folder / ("-".join(kind).replace(" ", "_") + ".wav")


def saved_wet(folder):
    return lambda *kind: audio.read(recording(folder, kind))[0]


def measure(task, tell):
    folder, (source, device), seeds = task
    planted_delays.wet_of = saved_wet(folder)
    rows = []
    for seed in seeds:
        case = plant(source, device, seed)
        started = time.process_time()
        found = measure_alignment(case.dry, case.wet, RATE)
        rows.append(
            {
                "source": source,
                "device": device,
                "seed": seed,
                "error": found.latency - case.latency,
                "drift_error_ppm": found.drift_ppm - case.drift_ppm,
                "polarity_right": found.polarity == case.polarity,
                "confidence": found.confidence,
                "uncertainty": found.uncertainty,
                "seconds": time.process_time() - started,
            }
        )
    tell(rows)


def print_table(folder, rows):
    wet = saved_wet(folder)
    # The phase of the device that the model misses is an error that every case of it shares.
    shared = {kind: measure_alignment(dry_of(kind[0]), wet(*kind), RATE).latency for kind in KINDS}
    for title, sources in (("broadband", BROADBAND), ("music", MUSIC)):
        print(
            f"\n| {title} | cases | whole sample right | error: 95 % | worst | within twice the uncertainty | "
            "beyond the unshifted: 95 % | drift error: 95 % | polarity right | believed | ms |"
        )
        print("|---|---|---|---|---|---|---|---|---|---|---|")
        for device in (*DEVICES, "all"):
            mine = [row for row in rows if row["source"] in sources and device in (row["device"], "all")]
            column = {key: np.array([row[key] for row in mine]) for key in mine[0]}
            error = np.abs(column["error"])
            beyond = np.abs([row["error"] - shared[row["source"], row["device"]] for row in mine])
            print(
                f"| {device} | {len(mine)} | {np.mean(error < 0.5):.2%} | {np.quantile(error, 0.95):.3f} | "
                f"{error.max():.3f} | {np.mean(error < 2 * column['uncertainty']):.1%} | {np.quantile(beyond, 0.95):.3f} | "
                f"{np.quantile(np.abs(column['drift_error_ppm']), 0.95):.2f} ppm | {np.mean(column['polarity_right']):.2%} | "
                f"{np.mean(column['confidence'] >= 0.5):.2%} | {1000 * np.median(column['seconds']):.0f} |"
            )


def print_unrelated(folder):
    wet = saved_wet(folder)
    wrong = [(one, other) for one, other in product(BROADBAND + MUSIC, MUSIC) if one != other]
    found = [
        measure_alignment(dry_of(one), wet(other, device), RATE).confidence
        for one, other in wrong
        for device in DEVICES
    ]
    print(f"\nunrelated pairs: {len(found)}, highest confidence {max(found):.2f} (0.5 would be believed)")


if __name__ == "__main__":
    main()
