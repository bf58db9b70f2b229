"""Studies made of numbers alone, in memory, whose truth is known: for tests of the analysis."""

from itertools import product
from pathlib import Path

import numpy as np

from drywet.analysis import ClipScore, Factor, RunResult, StudyResults

GAIN = Factor("gain", "controls.drive", ("Low", "High"))
CONTEXT = Factor("context", "model.context", ("44", "66", "88"))
UNITS = Factor("units", "model.hidden_size", ("64", "96"))
RATE = Factor("learning_rate", "training.learning_rate", ("0.01", "0.0001"))


def seeds(count):
    return Factor("seed", "seed", tuple(str(seed) for seed in range(count)))


def study(factors, response_db, clips=("chug", "lead"), clip_db=(0.0, 3.0), **changes):
    """A study whose runs score ``response_db(levels)`` dB, a dict of levels with ``seed`` among them, on the first clip.

    ``changes`` are functions of (levels, run) that return the run as it is to be, or None where it is missing.
    """
    runs = []
    for number, labels in enumerate(product(*(factor.levels for factor in factors))):
        levels = dict(zip((factor.name for factor in factors), labels, strict=True))
        value = response_db(levels)
        scores = tuple(ClipScore(clip, 10 ** ((value + db) / 10)) for clip, db in zip(clips, clip_db, strict=True))
        run = RunResult(
            number=number, id=f"{number:03x}", name=" ".join(labels), folder=Path(f"runs/{number}"), factors=levels,
            provenance={"status": "finished", "train_seconds": 10.0 + number, "parameters": 1000 + number},
            clips=scores,
        )  # fmt: skip
        for change in changes.values():
            run = change(levels, run)
        runs.append(run)
    return StudyResults(Path("my-study"), "my-study", "My study", "", tuple(factors), tuple(runs))


def luck(sd_db, seed=0):
    """A function of anything that draws the luck of one run, always in the same order."""
    rng = np.random.default_rng(seed)
    return lambda: sd_db * rng.standard_normal()
