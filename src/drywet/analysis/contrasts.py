"""Planned contrasts: one level of a factor instead of another, and the trend along a numeric factor.

A contrast weighs cells that differ in that factor alone: within each combination of the other factors that has the levels
compared, then averaged over those combinations. So a sweep with gaps is compared where it can be, and nowhere else.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Literal

import numpy as np
from scipy.special import stdtr, stdtrit

from drywet.analysis.design import Design


@dataclass(frozen=True)
class Contrast:
    """What is compared, and the weights of the cells, shape (C,).

    Attributes
    ----------
    first, second : str
        The effect is that of ``second`` instead of ``first``; for a trend the lowest and the highest level, between which
        the straight line of best fit climbs by the effect.
    matched : int
        Combinations of the other factors that have what is compared.
    logarithmic : bool
        A trend along the logarithm of the levels, when they span a decade or more.
    """

    kind: Literal["pair", "trend"]
    factor: int
    first: str
    second: str
    weights: np.ndarray
    matched: int
    logarithmic: bool = False

    def runs(self, design: Design) -> int:
        """How many runs it compares."""
        return int(design.counts[self.weights != 0].sum())


@dataclass(frozen=True)
class Estimate:
    """Estimates of K contrasts, each of shape (K, ...): dB, its standard error, the degrees of freedom of that error."""

    effect: np.ndarray
    error: np.ndarray
    freedom: np.ndarray

    def interval(self, confidence: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
        """Student interval of each."""
        half = self.error * stdtrit(self.freedom, 0.5 + confidence / 2)
        return self.effect - half, self.effect + half

    def p_difference(self) -> np.ndarray:
        """Two-sided p of no effect."""
        return 2 * stdtr(self.freedom, -np.abs(_ratio(self.effect, self.error)))

    def p_equivalence(self, margin_db: float) -> np.ndarray:
        """p of the two one-sided tests that the effect lies within ``margin_db`` of zero (Schuirmann 1987)."""
        return stdtr(self.freedom, _ratio(np.abs(self.effect) - margin_db, self.error))


def planned(design: Design, factor: int) -> list[Contrast]:
    """The contrasts of one factor: all pairs of names; neighbours and the trend along numbers."""
    levels = design.present(factor)
    if len(levels) < 2:
        return []
    numeric = design.factors[factor].is_numeric
    pairs = [pair(design, factor, *two) for two in (pairwise(levels) if numeric else combinations(levels, 2))]
    trend = _trend(design, factor, levels) if numeric and len(levels) > 2 else None
    return [contrast for contrast in (*pairs, trend) if contrast]


def estimate(design: Design, contrasts: Sequence[Contrast], response: np.ndarray) -> Estimate:
    """Effects with Welch errors: every cell keeps its own variance (B. L. Welch, Biometrika 34, 1947).

    ``response`` of shape (N, ...). A cell with one run borrows the pooled variance.
    """
    weights = np.array([contrast.weights for contrast in contrasts])  # (K, C)
    trailing = (1,) * (response.ndim - 1)
    counts = design.counts.reshape(-1, *trailing)
    parts = (weights**2).reshape(*weights.shape, *trailing) * (design.variances(response) / counts)  # (K, C, ...)
    total = parts.sum(axis=1)
    # Welch-Satterthwaite; cells with one run share one borrowed variance, so they count as one part.
    own = (design.counts > 1).reshape(-1, *trailing)
    own_freedom = np.maximum(design.counts - 1, 1).reshape(-1, *trailing)
    borrowed = np.where(own, 0.0, parts).sum(axis=1)
    squares = (np.where(own, parts, 0.0) ** 2 / own_freedom).sum(axis=1) + borrowed**2 / max(design.error_freedom, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        freedom = total**2 / squares
    freedom = np.where(np.isfinite(freedom), freedom, max(design.error_freedom, 1))
    return Estimate(np.tensordot(weights, design.means(response), 1), np.sqrt(total), freedom)


def pair(design: Design, factor: int, first: int, second: int, cells: np.ndarray | None = None) -> Contrast | None:
    """Level ``second`` instead of ``first``, where ``cells`` (bool, shape (C,)) are all or some; None if none match."""
    strata = [
        members
        for members in _strata(design, factor).values()
        if first in members and second in members and (cells is None or cells[members[first]])
    ]
    if not strata:
        return None
    weights = np.zeros(len(design.cells))
    for members in strata:
        weights[members[second]] += 1 / len(strata)
        weights[members[first]] -= 1 / len(strata)
    labels = design.factors[factor].levels
    return Contrast("pair", factor, labels[first], labels[second], weights, len(strata))


def _trend(design: Design, factor: int, levels: Sequence[int]) -> Contrast | None:
    labels = design.factors[factor].levels
    values = {level: float(labels[level]) for level in levels}
    low, high = min(values.values()), max(values.values())
    logarithmic = low > 0 and high / low >= 10
    if logarithmic:
        values = {level: math.log(value) for level, value in values.items()}
    strata = [members for members in _strata(design, factor).values() if len(members) > 1]
    weights, squares = np.zeros(len(design.cells)), 0.0
    for members in strata:
        centre = sum(values[level] for level in members) / len(members)
        for level, cell in members.items():
            weights[cell] = values[level] - centre
            squares += (values[level] - centre) ** 2
    if not squares:
        return None
    span = values[levels[-1]] - values[levels[0]]
    return Contrast(
        "trend", factor, labels[levels[0]], labels[levels[-1]], span * weights / squares, len(strata), logarithmic
    )


def _strata(design: Design, factor: int) -> dict[tuple[int, ...], dict[int, int]]:
    """Combination of the other factors' levels to {level: cell}."""
    strata: dict[tuple[int, ...], dict[int, int]] = {}
    for cell, levels in enumerate(design.cells.tolist()):
        strata.setdefault(tuple(np.delete(levels, factor).tolist()), {})[levels[factor]] = cell
    return strata


def _ratio(effect: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Effect over its error; infinite, with its sign, where there is no error at all."""
    infinite = np.where(effect > 0, np.inf, np.where(effect < 0, -np.inf, 0.0))
    return np.where(error > 0, effect / np.where(error > 0, error, 1.0), infinite)
