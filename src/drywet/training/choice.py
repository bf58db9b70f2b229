"""Which model family a recording gets when its user names none.

bench/esr_over_time.py (tables in docs/benchmarks.md) says: where the grey-box fits a device, as it does overdrives, nothing
comes near it, and seconds show whether it fits; where it does not fit, the state-space model is best from the start.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from drywet.errors import SignalError, TrainingError
from drywet.settings import parse
from drywet.training.data import TrainingData
from drywet.training.estimate import estimate
from drywet.training.loop import TrainingStatus, train
from drywet.training.run import RunConfig
from drywet.training.settings import Budget, RunSettings

GENERAL, FITTING = "s4d", "grey-box"
TRIAL_SHARE = 0.15  # of the budget
SHORTEST_TRIAL, LONGEST_TRIAL = 1.5, 8.0  # seconds; in 1.5 a core makes 500 updates: 0.02 to 0.05 % on overdrives
SHORTEST_BUDGET = 4.0  # seconds; below that a trial would take too much of them
FITS_BELOW = 0.002  # validation ESR: what the general family reaches in half a minute on devices that it finds easy


@dataclass(frozen=True)
class Choice:
    """A family, why it was taken, and what is left of the budget."""

    family: str
    reason: str
    budget: str


def choose(
    data: TrainingData,
    settings: RunSettings,
    threads: int = 1,
    report: Callable[[TrainingStatus], None] = lambda status: None,
) -> Choice:
    """Give the grey-box a short trial, and take it if it fits. A budget in epochs repeats to the bit, so it has no trial.

    ``settings`` say what was asked for; of their model only the knobs count.
    """
    budget = settings.training.budget
    seconds = Budget.from_text(budget).seconds
    if seconds is None:
        return Choice(
            GENERAL, f"{GENERAL}, which suits most devices (a budget in epochs leaves no room for a trial)", budget
        )
    if seconds < SHORTEST_BUDGET:
        return Choice(GENERAL, f"{GENERAL}, which suits most devices (the budget is too short for a trial)", budget)
    trial = min(max(TRIAL_SHARE * seconds, SHORTEST_TRIAL), LONGEST_TRIAL)
    esr = _trial_esr(data, settings, trial, threads, report)
    left = _written(seconds - trial)
    if esr is not None and esr < FITS_BELOW:
        return Choice(FITTING, f"{FITTING}, because after {trial:g} s it fits this device: ESR {100 * esr:.3g} %", left)
    found = "there is no result" if esr is None else f"its ESR was {100 * esr:.3g} %"
    return Choice(GENERAL, f"{GENERAL}, because the {FITTING} does not fit: after {trial:g} s {found}", left)


def _trial_esr(data: TrainingData, asked: RunSettings, seconds: float, threads: int, report) -> float | None:
    """Validation ESR after a trial; None if there was none, for instance because the audio is too short for it."""
    values = {
        "controls": asked.controls,
        "model": {"family": FITTING, "controls": asked.model.controls},
        "training": {"budget": _written(seconds)},
        "seed": asked.seed,
    }
    config = RunConfig(name="trial", settings=parse(RunSettings, values, "trial"))
    with tempfile.TemporaryDirectory() as folder:
        try:
            estimate(config, data, threads)  # compiles what is not compiled yet, so that the trial need not wait for it
            return train(config, data, Path(folder) / "run", report=report, threads=threads).best_esr
        except (TrainingError, SignalError):
            return None


def _written(seconds: float) -> str:
    """A budget of seconds as people write it: ``17s``, ``8.5s``."""
    return f"{seconds:.3f}".rstrip("0").rstrip(".") + "s"
