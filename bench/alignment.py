"""Planted delays found again: ``python bench/alignment.py --cases 20000 --jobs 2``.

Each case is a recording through a virtual device with a delay (from -4800 to +480000 samples, half of them with a
fraction), a polarity, a drift of the clocks, a level and noise drawn from its number (tests/planted_delays.py). Printed, for
each kind of dry signal and device: how often the whole sample is right, the error of latency and drift, how long it took.
Unrelated pairs are asked too: none may be believed.
"""

import argparse
import sys
import time
from itertools import product
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from planted_delays import BROADBAND, DEVICES, MUSIC, RATE, dry_of, plant, wet_of

from drywet import executor
from drywet.dataset.alignment import measure_alignment


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    kinds = list(product(BROADBAND + MUSIC, DEVICES))
    per_task = -(-args.cases // (len(kinds) * 4))
    tasks = [
        (source, device, range(part * per_task, (part + 1) * per_task)) for source, device in kinds for part in range(4)
    ]
    rows = [
        row for outcome in executor.Local(args.jobs).map(measure, tasks, lambda *news: None) for row in outcome.result
    ]
    # The phase of the device that the model misses is an error that every case of it shares.
    shared = {kind: measure_alignment(dry_of(kind[0]), wet_of(*kind), RATE).latency for kind in kinds}
    for title, sources in (("broadband", BROADBAND), ("music", MUSIC)):
        print(
            f"\n| {title} | cases | whole sample right | error 95 % | worst | beyond the unshifted: 95 % | "
            "whole sample right | drift error 95 % | polarity | believed | ms |"
        )
        print("|---|---|---|---|---|---|---|---|---|---|---|")
        for device in (*DEVICES, "all"):
            mine = [row for row in rows if row[0] in sources and device in (row[1], "all")]
            error, drift, right, confidence, seconds = (np.array([row[k] for row in mine]) for k in range(2, 7))
            beyond = error - np.array([shared[row[:2]] for row in mine])
            print(
                f"| {device} | {len(mine)} | {np.mean(np.abs(error) < 0.5):.2%} | {np.quantile(np.abs(error), 0.95):.3f} | "
                f"{np.abs(error).max():.3f} | {np.quantile(np.abs(beyond), 0.95):.3f} | {np.mean(np.abs(beyond) < 0.5):.2%} | "
                f"{np.quantile(np.abs(drift), 0.95):.2f} ppm | {np.mean(right):.2%} | "
                f"{np.mean(confidence >= 0.5):.2%} | {1000 * np.median(seconds):.0f} |"
            )
    wrong = [(a, b) for a, b in product(BROADBAND + MUSIC, MUSIC) if a != b]
    found = [measure_alignment(dry_of(a), wet_of(b, device), RATE).confidence for a, b in wrong for device in DEVICES]
    print(f"\nunrelated pairs: {len(found)}, highest confidence {max(found):.2f} (0.5 would be believed)")


def measure(task, tell):
    source, device, seeds = task
    rows = []
    for seed in seeds:
        case = plant(source, device, seed)
        started = time.perf_counter()
        found = measure_alignment(case.dry, case.wet, RATE)
        seconds = time.perf_counter() - started
        right = found.polarity == case.polarity
        rows.append(
            (
                source,
                device,
                found.latency - case.latency,
                found.drift_ppm - case.drift_ppm,
                right,
                found.confidence,
                seconds,
            )
        )
    return rows


if __name__ == "__main__":
    main()
