"""``drywet train`` as a user runs it, against the clock: ``python bench/own_recording.py dry.wav wet.wav [seeds]``.

Prints the test ESR and the whole command's wall time for each seed, with mean and spread.
"""

import json
import subprocess
import sys
import tempfile
import time
from statistics import mean, stdev


def main(dry, wet, seeds=3, budget="105s"):
    scores = []
    print(f"{'seed':>4} {'test ESR':>9} {'linear':>8} {'wall s':>7}")
    for seed in range(int(seeds)):
        with tempfile.TemporaryDirectory() as folder:
            command = [
                "drywet",
                "train",
                dry,
                wet,
                "--budget",
                budget,
                "--seed",
                str(seed),
                "--out",
                f"{folder}/run",
                "--json",
            ]
            started = time.perf_counter()
            done = subprocess.run([sys.executable, "-m", *command], check=True, capture_output=True, text=True)
            seconds = time.perf_counter() - started
        row = json.loads(done.stdout)["rows"][0]
        scores.append(row["esr"])
        print(f"{seed:>4} {100 * row['esr']:8.4f}% {100 * row['esr_linear']:7.2f}% {seconds:7.1f}", flush=True)
    spread = f" (sd {100 * stdev(scores):.4f})" if len(scores) > 1 else ""
    print(f"mean test ESR {100 * mean(scores):.4f} %{spread}, budget {budget}")


if __name__ == "__main__":
    main(*sys.argv[1:])
