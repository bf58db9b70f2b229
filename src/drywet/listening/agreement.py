"""Do the numbers agree with ears? Rank correlation of each measure with the listeners, over models and excerpts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from drywet.evaluation.panel import PANEL
from drywet.listening.answers import Listener
from drywet.listening.design import Key

DRAWS = 1000
FEWEST_CELLS = 5
FEWEST = 5  # listeners, and excerpts, for an interval that means what it says
LABELS = {"esr": "ESR", **{each.name: each.label for each in PANEL}}
_SIGNED = {each.name for each in PANEL if each.better == "zero"}


@dataclass(frozen=True)
class Agreement:
    """How far one measure puts models and excerpts in the listeners' order: 1 is the same order, 0 none, -1 the reverse.

    Attributes
    ----------
    measure, label : str
    cells : int
        Pairs of model and excerpt that have both the measure and answers.
    spearman, kendall : float
        Rank correlation rho and tau-b.
    spearman_interval, kendall_interval : pair of float, optional
        95 %, listeners and excerpts resampled together; None with fewer than five of either.
    """

    measure: str
    label: str
    cells: int
    spearman: float
    spearman_interval: tuple[float, float] | None
    kendall: float
    kendall_interval: tuple[float, float] | None


def compare_measures(listeners: Sequence[Listener], key: Key, seed: int = 25) -> tuple[Agreement, ...]:
    """Agreement of every measure in the key with the listeners, best first.

    Only models count: anchors are so much worse than any model that they would make every measure look good. The
    listeners' order is that of mean ratings, or of the share of wrong answers in ABX.
    """
    items, models = list(key.items.values()), key.models
    quality, weight = _quality(listeners, key, items, models)  # (L, I, M)
    by_place = {
        (items.index(key.items[sound.item]), models.index(sound.condition)): sound.measures
        for sound in key.sounds.values()
        if sound.is_model
    }
    names = list(dict.fromkeys(name for values in by_place.values() for name in values))
    rng = np.random.default_rng(seed)
    draws = []
    if min(len(listeners), len(items)) >= FEWEST:
        draws = [
            (rng.integers(len(listeners), size=len(listeners)), rng.integers(len(items), size=len(items)))
            for _ in range(DRAWS)
        ]
    everyone, everything = np.arange(len(listeners)), np.arange(len(items))
    found = []
    for name in names:
        values = _values(by_place, name, (len(items), len(models)))
        point = _correlate(quality, weight, values, everyone, everything)
        if point is None:
            continue
        drawn = [each for draw in draws if (each := _correlate(quality, weight, values, *draw))]
        rho, tau = (_middle_95(column) for column in zip(*drawn, strict=True)) if drawn else (None, None)
        cells = int(np.sum(np.isfinite(values) & (weight.sum(axis=0) > 0)))
        found.append(Agreement(name, LABELS.get(name, name), cells, point[0], rho, point[1], tau))
    return tuple(sorted(found, key=lambda each: -each.spearman))


def _middle_95(values: Sequence[float]) -> tuple[float, float]:
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def _quality(
    listeners: Sequence[Listener], key: Key, items: list[str], models: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Sums of points (ratings, or wrong answers) and their number, each (L, I, M)."""
    points = np.zeros((len(listeners), len(items), len(models)))
    weight = np.zeros_like(points)
    for number, listener in enumerate(listeners):
        answers = [
            (item, model, score)
            for item, ratings in listener.ratings.items()
            for model, score in ratings.items()
            if model in models
        ]
        answers += [(trial.item, trial.model, float(not trial.is_correct)) for trial in listener.told]
        for item, model, score in answers:
            place = number, items.index(item), models.index(model)
            points[place] += score
            weight[place] += 1
    return points, weight


def _values(
    by_place: Mapping[tuple[int, int], Mapping[str, float | None]], name: str, shape: tuple[int, int]
) -> np.ndarray:
    """The measure as a table (I, M) in which higher is better; NaN where there is none."""
    values = np.full(shape, np.nan)
    for place, measures in by_place.items():
        value = measures.get(name)
        if value is not None:
            values[place] = -abs(value) if name in _SIGNED else -value
    return values


def _correlate(
    points: np.ndarray, weight: np.ndarray, values: np.ndarray, who: np.ndarray, which: np.ndarray
) -> tuple[float, float] | None:
    """Spearman's rho and Kendall's tau-b over the cells of drawn listeners and items; None where there is no order."""
    total = weight[who].sum(axis=0)[which]
    table = values[which]
    usable = (total > 0) & np.isfinite(table)
    if usable.sum() < FEWEST_CELLS:
        return None
    heard = points[who].sum(axis=0)[which][usable] / total[usable]
    measured = table[usable]
    if np.ptp(heard) == 0 or np.ptp(measured) == 0:
        return None
    rho = float(np.corrcoef(rankdata(heard), rankdata(measured))[0, 1])
    first, second = (np.sign(each[:, None] - each[None, :]) for each in (heard, measured))
    return rho, float((first * second).sum() / np.sqrt((first**2).sum() * (second**2).sum()))
