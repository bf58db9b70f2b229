"""How long a run will take on this machine, measured on a few of its own updates."""

import time
from collections.abc import Sequence

import torch

from drywet.models import build
from drywet.training.data import TrainingData
from drywet.training.recipes import build_recipe
from drywet.training.run import RunConfig

TIMED_UPDATES = 5
FORWARD_SHARE = (
    1 / 3
)  # of an update, forward and backward: two of its three matrix products belong to the backward pass


def estimate_seconds(config: RunConfig, data: TrainingData) -> float:
    """Seconds that ``config`` takes on one thread if it uses its whole budget; patience may end it sooner.

    A few updates are timed; a validated sample is taken to cost a third of a trained one.
    """
    recipe = build_recipe(config.settings, data)
    if recipe.budget.seconds is not None:
        return recipe.budget.seconds
    assert recipe.budget.epochs is not None
    torch.manual_seed(0)
    model = build(config.settings.model)
    recipe.prepare(model)
    state = recipe.begin_epoch(model, 0)
    durations = []
    for number in range(min(TIMED_UPDATES + 1, recipe.updates_per_epoch)):
        started = time.perf_counter()
        loss, wet, _, _ = recipe.loss(model, number, state)
        loss.backward()
        durations.append(time.perf_counter() - started)
    update = sorted(durations)[len(durations) // 2]
    validation = update / wet.numel() * recipe.validation_samples * FORWARD_SHARE
    return recipe.budget.epochs * recipe.updates_per_epoch * update + validation / recipe.validation_interval


def estimate_study_seconds(configs: Sequence[RunConfig], data: TrainingData, jobs: int) -> float:
    """The same for many runs on ``jobs`` processes; runs of one shape are measured once."""
    measured: dict[tuple, float] = {}
    total = 0.0
    for config in configs:
        recipe = config.settings.training.model_dump(exclude={"learning_rate"})
        shape = (config.settings.model, *recipe.items())
        if shape not in measured:
            measured[shape] = estimate_seconds(config, data)
        total += measured[shape]
    return total / jobs
