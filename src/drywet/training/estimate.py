"""What a run will cost on this machine, measured on a few of its own updates."""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from drywet.models import build, parallel
from drywet.training.data import TrainingData
from drywet.training.loop import SHARE_OF_VALIDATION
from drywet.training.recipes import build_recipe
from drywet.training.run import RunConfig

TIMED_UPDATES = 5
FORWARD_SHARE = 1 / 3  # of an update: two of its three matrix products belong to the backward pass


@dataclass(frozen=True)
class Estimate:
    """Cost of one run.

    Attributes
    ----------
    seconds : float
        If it uses its whole budget; patience may end it sooner.
    update_seconds : float
    epochs : float
        That the budget allows.
    memory : int or None
        Bytes that this process has taken at most, updates included; None where the system does not tell.
    """

    seconds: float
    update_seconds: float
    epochs: float
    memory: int | None


def estimate(config: RunConfig, data: TrainingData, threads: int = 1, device: str = "cpu") -> Estimate:
    """Time a few updates; a validated sample is taken to cost a third of a trained one."""
    recipe = build_recipe(config.settings, data)
    torch.manual_seed(0)
    model = build(config.settings.model)
    recipe.prepare(model)
    model.to(device)
    state = recipe.begin_epoch(model, 0)
    durations = []
    with parallel.threads(threads):
        for number in range(min(TIMED_UPDATES + 1, recipe.updates_per_epoch)):
            started = time.perf_counter()
            loss, wet, _, _ = recipe.loss(model, number, state)
            loss.backward()
            durations.append(time.perf_counter() - started)
    update = sorted(durations)[len(durations) // 2]
    epoch, budget = recipe.updates_per_epoch * update, recipe.budget
    validations = update / wet.numel() * recipe.validation_samples * FORWARD_SHARE / recipe.validation_interval
    updates = budget.in_updates(recipe.updates_per_epoch)
    if updates is not None:
        seconds, epochs = updates * update + validations, updates / recipe.updates_per_epoch
    else:
        assert budget.seconds is not None
        seconds = budget.seconds
        epochs = (seconds - min(validations, SHARE_OF_VALIDATION * seconds)) / epoch
    return Estimate(seconds, update, epochs, _peak_memory())


def _peak_memory() -> int | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    # In KiB on Linux, in bytes on macOS.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def estimate_study_seconds(configs: Sequence[RunConfig], data: TrainingData, jobs: int) -> float:
    """Seconds that many runs take on ``jobs`` processes; runs of one shape are measured once."""
    measured: dict[tuple, float] = {}
    total = 0.0
    for config in configs:
        recipe = config.settings.training.model_dump(exclude={"learning_rate"})
        shape = (config.settings.model, *recipe.items())
        if shape not in measured:
            measured[shape] = estimate(config, data).seconds
        total += measured[shape]
    return total / jobs
