"""The design of a study: its cells (configurations without the seed), and how many runs each holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from drywet.analysis.results import Factor


@dataclass(frozen=True)
class Design:
    """Which configuration each run had.

    Attributes
    ----------
    factors : tuple of Factor
        What varies between configurations; seeds are replicates and do not count.
    levels : int array, shape (N, F)
        Index of each run's level, for N runs and F factors.
    """

    factors: tuple[Factor, ...]
    levels: np.ndarray

    @cached_property
    def cells(self) -> np.ndarray:
        """The configurations that have a run, shape (C, F), in grid order."""
        return np.unique(self.levels, axis=0) if self.levels.shape[1] else np.zeros((min(len(self.levels), 1), 0), int)

    @cached_property
    def cell_of_run(self) -> np.ndarray:
        """Index of the cell of each run, shape (N,)."""
        place = {tuple(cell): index for index, cell in enumerate(self.cells.tolist())}
        return np.array([place[tuple(row)] for row in self.levels.tolist()], int)

    @cached_property
    def counts(self) -> np.ndarray:
        """Runs per cell, shape (C,)."""
        return np.bincount(self.cell_of_run, minlength=len(self.cells))

    @property
    def error_freedom(self) -> int:
        """Degrees of freedom between runs of one configuration: what every test here measures differences with."""
        return len(self.levels) - len(self.cells)

    def repeats(self, response: np.ndarray) -> bool:
        """Whether configurations were trained more than once, and not each time to the very same score (shape (N,))."""
        return self.error_freedom > 0 and float(self.pooled_variance(response)) > 0

    def means(self, response: np.ndarray) -> np.ndarray:
        """Mean per cell, shape (C, ...), of a response of shape (N, ...)."""
        return self._sums(response) / _column(self.counts, response)

    def residuals(self, response: np.ndarray) -> np.ndarray:
        """Response less the mean of its cell, shape (N, ...)."""
        return response - self.means(response)[self.cell_of_run]

    def variances(self, response: np.ndarray) -> np.ndarray:
        """Variance between the runs of each cell (divided by n - 1), shape (C, ...); a single run gets the pooled one."""
        squares = self._sums(self.residuals(response) ** 2)
        counts = _column(self.counts, response)
        return np.where(counts > 1, squares / np.maximum(counts - 1, 1), self.pooled_variance(response))

    def pooled_variance(self, response: np.ndarray) -> np.ndarray:
        """Variance between runs of one configuration, pooled over cells, shape (...); NaN where nothing is repeated."""
        squares = (self.residuals(response) ** 2).sum(axis=0)
        return squares / self.error_freedom if self.error_freedom else np.full_like(squares, np.nan)

    def varying(self) -> list[int]:
        """Indices of the factors that have runs at two levels or more."""
        return [index for index in range(len(self.factors)) if len(np.unique(self.levels[:, index])) > 1]

    def present(self, factor: int) -> list[int]:
        """The levels of a factor that have runs, numbers in ascending order, names in the study's order."""
        found = [int(level) for level in np.unique(self.levels[:, factor])]
        labels = self.factors[factor].levels
        return sorted(found, key=lambda level: float(labels[level])) if self.factors[factor].is_numeric else found

    def _sums(self, values: np.ndarray) -> np.ndarray:
        sums = np.zeros((len(self.cells), *values.shape[1:]))
        np.add.at(sums, self.cell_of_run, values)
        return sums


def full_grid(factors: Sequence[Factor], seeds: int) -> Design:
    """The design of a complete sweep with ``seeds`` runs per configuration."""
    grid = np.indices([len(factor.levels) for factor in factors]).reshape(len(factors), -1).T
    return Design(tuple(factors), np.repeat(grid, seeds, axis=0))


def _column(counts: np.ndarray, like: np.ndarray) -> np.ndarray:
    return counts.reshape(-1, *[1] * (like.ndim - 1))
