"""Which configurations are worth their cost: those that no other beats in both error and cost."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from drywet.analysis.run_means import RunMeans

Cost = Literal["seconds", "parameters"]


@dataclass(frozen=True)
class Point:
    """A configuration: mean response in dB, mean cost, and whether it is on the front."""

    configuration: str
    response_db: float
    cost: float
    runs: int
    on_front: bool


def pareto(means: RunMeans, cost: Cost) -> tuple[Point, ...]:
    """Configurations by cost, cheapest first: seconds of training, or parameters (about one multiply-add per sample each).

    Knob settings are averaged over, since a player needs them all. Empty where the cost is unknown.
    """
    factors = means.design.factors
    tuned = [i for i in means.design.varying() if not factors[i].is_control]
    groups: dict[str, list[int]] = {}
    for run, row in enumerate(means.design.levels):
        groups.setdefault(" ".join(factors[i].levels[row[i]] for i in tuned), []).append(run)
    costs = getattr(means, cost)
    if np.isnan(costs).all():
        return ()
    points = [
        (name, float(means.response[runs].mean()), float(np.nanmean(costs[runs])), len(runs))
        for name, runs in groups.items()
        if not np.isnan(costs[runs]).all()
    ]
    points.sort(key=lambda point: (point[2], point[1]))
    found, best = [], np.inf
    for name, response, price, runs in points:
        found.append(Point(name, response, price, runs, response < best))
        best = min(best, response)
    return tuple(found)
