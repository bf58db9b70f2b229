"""Ratings of a MUSHRA test: means and medians with intervals over listeners, and which versions differ.

The listener is the unit: ratings of one person share that person's use of the scale, so whole listeners are resampled
and compared. The conclusions are about these models and these excerpts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import stats

from drywet.analysis.holm import holm
from drywet.listening.answers import Listener

DRAWS = 2000
FEWEST = 5  # listeners, for an interval that means what it says


@dataclass(frozen=True)
class Rating:
    """How one version was rated: points from 0 to 100, with 95 % intervals; None with fewer than five listeners."""

    condition: str
    role: str
    mean: float
    mean_interval: tuple[float, float] | None
    median: float
    median_interval: tuple[float, float] | None


@dataclass(frozen=True)
class Contrast:
    """Two versions compared: mean rating of ``first`` less that of ``second``, paired by listener.

    ``p`` is of Wilcoxon's signed-rank test on the listeners' means, ``p_holm`` adjusted for all contrasts of the test.
    """

    first: str
    second: str
    difference: float
    interval: tuple[float, float] | None
    p: float
    p_holm: float


@dataclass(frozen=True)
class Ratings:
    """All versions, best first; the contrasts; and the p value of Friedman's test that no model differs from another.

    ``friedman_p`` is None with fewer than three models or five listeners, or models on different items.
    """

    conditions: tuple[Rating, ...]
    contrasts: tuple[Contrast, ...]
    friedman_p: float | None


def rate_conditions(listeners: Sequence[Listener], roles: dict[str, str], reference: str, seed: int = 25) -> Ratings:
    """Ratings of all versions over the listeners that passed the screening.

    ``roles`` gives the role of each version by name. Contrasts are between models, and of each model with the hidden
    ``reference``, over the items on which both were played.
    """
    rng = np.random.default_rng(seed)
    items = {name: [item for item, ratings in listeners[0].ratings.items() if name in ratings] for name in roles}
    scores = {name: _table(listeners, name, items[name]) for name in roles}
    rated = [
        Rating(
            name,
            roles[name],
            float(table.mean()),
            within(0, 100, mean_interval(table.mean(axis=1), rng)),
            float(np.median(table)),
            median_interval(table, rng),
        )
        for name, table in scores.items()
    ]
    models = [name for name, role in roles.items() if role == "model"]
    pairs, differences = [], []
    for first, second in [*combinations(models, 2), *((model, reference) for model in models)]:
        shared = [item for item in items[first] if item in items[second]]
        if shared:
            pairs.append((first, second))
            differences.append((_table(listeners, first, shared) - _table(listeners, second, shared)).mean(axis=1))
    p_values = [_wilcoxon(difference) for difference in differences]
    contrasts = [
        Contrast(*pair, float(difference.mean()), within(-100, 100, mean_interval(difference, rng)), p, adjusted)
        for pair, difference, p, adjusted in zip(pairs, differences, p_values, holm(p_values), strict=True)
    ]
    friedman_p = None
    if len(models) >= 3 and len(listeners) >= FEWEST and all(items[model] == items[models[0]] for model in models):
        means = np.array([scores[model].mean(axis=1) for model in models])
        friedman_p = 1.0 if np.ptp(means, axis=0).max() == 0 else float(stats.friedmanchisquare(*means).pvalue)
    return Ratings(tuple(sorted(rated, key=lambda each: -each.mean)), tuple(contrasts), friedman_p)


def _table(listeners: Sequence[Listener], condition: str, items: Sequence[str]) -> np.ndarray:
    """Ratings of one version, shape (L, I)."""
    return np.array([[listener.ratings[item][condition] for item in items] for listener in listeners])


def mean_interval(values: np.ndarray, rng: np.random.Generator) -> tuple[float, float] | None:
    """95 % bootstrap-t interval of the mean of ``values`` (L,), one per listener; None for fewer than five.

    The percentile interval would be too short by about sqrt((n - 1) / n) and the tails of Student's t: 92 % instead of 95
    with twelve listeners. B. Efron, R. J. Tibshirani, *An Introduction to the Bootstrap*, 1993, section 12.5.
    """
    count = len(values)
    if count < FEWEST:
        return None
    mean, error = values.mean(), values.std(ddof=1) / np.sqrt(count)
    if error == 0:
        return float(mean), float(mean)
    drawn = values[rng.integers(count, size=(DRAWS, count))]
    errors = drawn.std(axis=1, ddof=1) / np.sqrt(count)
    usable = errors > 1e-9 * error
    t = (drawn.mean(axis=1)[usable] - mean) / errors[usable]
    low, high = np.quantile(t, [0.025, 0.975])
    return float(mean - high * error), float(mean - low * error)


def median_interval(table: np.ndarray, rng: np.random.Generator) -> tuple[float, float] | None:
    """95 % percentile interval of the median of ratings (L, I), listeners resampled whole; None for fewer than five."""
    count = len(table)
    if count < FEWEST:
        return None
    medians = np.median(table[rng.integers(count, size=(DRAWS, count))].reshape(DRAWS, -1), axis=1)
    low, high = np.quantile(medians, [0.025, 0.975])
    return float(low), float(high)


def within(lowest: float, highest: float, interval: tuple[float, float] | None) -> tuple[float, float] | None:
    """The part of an interval that ratings, or their differences, can have."""
    return interval and (max(float(lowest), interval[0]), min(float(highest), interval[1]))


def listeners_needed(contrasts: int) -> int:
    """How many listeners must agree before the first of so many contrasts can be called a difference.

    Of n signs that Wilcoxon's test draws, all plus and all minus are the extremes, so p is at least 2 / 2^n; Holm multiplies
    the smallest by the number of contrasts.

    >>> listeners_needed(1), listeners_needed(6)
    (6, 8)
    """
    return next(count for count in range(1, 100) if 2 ** (1 - count) * contrasts < 0.05)


def _wilcoxon(differences: np.ndarray) -> float:
    return float(stats.wilcoxon(differences).pvalue) if np.any(differences) else 1.0
