"""Every planned contrast with its interval, its tests, and what it would take to decide it."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from drywet.analysis.bootstrap import bootstrap_intervals
from drywet.analysis.contrasts import Contrast, estimate, pair, planned
from drywet.analysis.design import Design
from drywet.analysis.holm import holm
from drywet.analysis.power import detectable_db, seeds_needed
from drywet.analysis.run_means import RunMeans

Verdict = Literal["confirmed", "equivalent", "undecided", "described", "refuted"]
SIGNIFICANT = 0.05
Interval = tuple[float, float]


@dataclass(frozen=True)
class LevelComparison:
    """Level ``second`` of a factor instead of ``first``, everything else equal.

    What needs repeated runs is None where there are none.

    Attributes
    ----------
    effect_db : float
        Response at ``second`` less response at ``first``, mean over matched configurations; negative: second is better.
    interval_db : pair of float
        95 % Welch interval over runs, for these clips; not adjusted for the number of comparisons.
    bootstrap_db : pair of float
        95 % interval over runs and clips: for other clips of this kind too.
    p, p_holm : float
        Of no difference; adjusted for all comparisons of the family (hyperparameters, or knobs).
    p_equivalence, p_equivalence_holm : float
        Of a difference as large as the margin; small means equivalent.
    second_lower, matched : int
        In how many of the matched configurations ``second`` has the lower mean.
    detectable_db : float
        Difference that four of five such studies would have found.
    seeds_needed : int
        Seeds per configuration that decide between a difference of the margin and none, four times of five.
    """

    kind: Literal["pair", "trend"]
    factor: str
    is_knob: bool
    first: str
    second: str
    logarithmic: bool
    runs: int
    matched: int
    second_lower: int | None
    effect_db: float
    interval_db: Interval | None = None
    bootstrap_db: Interval | None = None
    p: float | None = None
    p_holm: float | None = None
    p_equivalence: float | None = None
    p_equivalence_holm: float | None = None
    detectable_db: float | None = None
    seeds_needed: int | None = None

    @property
    def verdict(self) -> Verdict:
        """``equivalent`` (within the margin) goes before ``confirmed`` (a difference): a difference may be both."""
        if self.p_holm is None or self.p_equivalence_holm is None:
            return "described"
        if self.p_equivalence_holm < SIGNIFICANT:
            return "equivalent"
        return "confirmed" if self.p_holm < SIGNIFICANT else "undecided"


def compare_levels(means: RunMeans, margin_db: float, draws: int, seed: int) -> tuple[LevelComparison, ...]:
    """All planned contrasts of the factors that vary, in two families: hyperparameters, and knobs."""
    found: list[LevelComparison] = []
    for knobs in (False, True):
        contrasts = [
            contrast
            for index in means.design.varying()
            if means.design.factors[index].is_control == knobs
            for contrast in planned(means.design, index)
        ]
        if contrasts:
            found += _family(means, contrasts, margin_db, draws, seed)
    return tuple(found)


def compare_pair(
    means: RunMeans, factor: str, first: str, second: str, cells: np.ndarray, margin_db: float
) -> LevelComparison | None:
    """One comparison by itself, among the configurations marked in ``cells``, shape (C,); None if none of them match."""
    index = [known.name for known in means.design.factors].index(factor)
    levels = means.design.factors[index].levels
    contrast = pair(means.design, index, levels.index(first), levels.index(second), cells)
    return _family(means, [contrast], margin_db, 4000, 0)[0] if contrast else None


def _family(
    means: RunMeans, contrasts: list[Contrast], margin_db: float, draws: int, seed: int
) -> list[LevelComparison]:
    design = means.design
    cell_means = design.means(means.response)
    plain = [
        LevelComparison(
            kind=contrast.kind,
            factor=design.factors[contrast.factor].name,
            is_knob=design.factors[contrast.factor].is_control,
            first=contrast.first,
            second=contrast.second,
            logarithmic=contrast.logarithmic,
            runs=contrast.runs(design),
            matched=contrast.matched,
            second_lower=_second_lower(design, contrast, cell_means) if contrast.kind == "pair" else None,
            effect_db=float(contrast.weights @ cell_means),
        )
        for contrast in contrasts
    ]
    if not design.repeats(means.response):
        return plain
    found = estimate(design, contrasts, means.response)
    low, high = found.interval()
    p, p_equivalence = found.p_difference().tolist(), found.p_equivalence(margin_db).tolist()
    p_holm, p_equivalence_holm = holm(p), holm(p_equivalence)
    shared = means.clip_response[:, ~np.isnan(means.clip_response).any(axis=0)]  # clips that every run has
    wide = bootstrap_intervals(design, contrasts, shared, draws, seed)
    seeds = len(means.response) / len(design.cells)
    return [
        replace(
            row,
            interval_db=(float(low[i]), float(high[i])),
            bootstrap_db=None if np.isnan(wide[i]).any() else (float(wide[i, 0]), float(wide[i, 1])),
            p=p[i],
            p_holm=p_holm[i],
            p_equivalence=p_equivalence[i],
            p_equivalence_holm=p_equivalence_holm[i],
            detectable_db=detectable_db(float(found.error[i]), float(found.freedom[i])),
            seeds_needed=seeds_needed(
                float(found.error[i]), seeds, len(design.cells), difference_db=margin_db, margin_db=margin_db
            ),
        )
        for i, row in enumerate(plain)
    ]


def _second_lower(design: Design, contrast: Contrast, cell_means: np.ndarray) -> int:
    """Matched configurations in which the second level has the lower mean."""
    others = np.delete(design.cells, contrast.factor, axis=1)
    plus, minus = np.flatnonzero(contrast.weights > 0), np.flatnonzero(contrast.weights < 0)
    partner = {tuple(others[cell].tolist()): cell for cell in minus}
    return sum(int(cell_means[cell] < cell_means[partner[tuple(others[cell].tolist())]]) for cell in plus)
