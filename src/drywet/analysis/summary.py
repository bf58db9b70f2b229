"""What a study says about each of its factors: spread per level, and levels compared over matched configurations."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean, stdev

from scipy.special import stdtrit

from drywet.analysis.describe import decibels
from drywet.analysis.results import NAN, Factor, StudyResults


@dataclass(frozen=True)
class Trial:
    """One trained model as the summary sees it."""

    factors: dict[str, str]
    esr: float
    epochs: float = NAN
    seconds: float = NAN


@dataclass(frozen=True)
class LevelSummary:
    """The models at one level of a factor. ``sd`` divides by n - 1, and is NaN for a single model."""

    level: str
    n: int
    mean_esr: float
    sd: float
    minimum: float
    maximum: float
    mean_epochs: float
    mean_seconds: float


@dataclass(frozen=True)
class Comparison:
    """Two levels of a factor over the configurations that have both, everything else equal.

    Attributes
    ----------
    n : int
        Matched pairs.
    first_lower : int
        In how many of them the first level has the lower ESR.
    mean_difference : float
        Mean of first minus second, a ratio as ESR is.
    mean_difference_db : float
        Mean of 10 log10(first / second): every pair weighs the same, however large its ESR.
    interval : pair of float, optional
        95 % Student interval of ``mean_difference`` over seeds, each seed's mean difference being one observation.
        None with fewer than two seeds: then nothing tells a difference from the luck of the initial weights.
    """

    first: str
    second: str
    n: int
    first_lower: int
    mean_difference: float
    mean_difference_db: float
    interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class FactorSummary:
    """One factor: its levels, and every pair of them compared."""

    factor: Factor
    levels: tuple[LevelSummary, ...]
    comparisons: tuple[Comparison, ...]


def summarise(results: StudyResults, score: str = "esr") -> list[FactorSummary]:
    """Summary per factor over all scored runs; a run's figure is the mean of ``score`` over its clips."""
    trials = [Trial(dict(run.factors), run.mean(score), run.epochs, run.seconds) for run in results.scored]
    return summarise_trials(results.factors, trials)


def summarise_trials(factors: Sequence[Factor], trials: Sequence[Trial]) -> list[FactorSummary]:
    """Summary per factor of any table of models; levels without a model are left out. Seeds are not compared."""
    trials = [trial for trial in trials if not math.isnan(trial.esr)]
    summaries = []
    for factor in factors:
        by_level = {level: [t for t in trials if t.factors[factor.name] == level] for level in factor.levels}
        present = [level for level in factor.levels if by_level[level]]
        pairs = () if factor.is_seed else combinations(present, 2)
        compared = (_compare(factors, factor, first, second, by_level) for first, second in pairs)
        summaries.append(
            FactorSummary(
                factor,
                tuple(_summarise_level(level, by_level[level]) for level in present),
                tuple(comparison for comparison in compared if comparison),
            )
        )
    return summaries


def seed_spread(factors: Sequence[Factor], trials: Sequence[Trial]) -> float:
    """SD of ESR between seeds of one configuration, pooled over configurations; NaN where nothing was repeated."""
    names = [factor.name for factor in factors if not factor.is_seed]
    repeats: dict[tuple[str, ...], list[float]] = {}
    for trial in trials:
        repeats.setdefault(tuple(trial.factors[name] for name in names), []).append(trial.esr)
    groups = [values for values in repeats.values() if len(values) > 1]
    freedom = sum(len(values) - 1 for values in groups)
    return math.sqrt(sum((len(v) - 1) * stdev(v) ** 2 for v in groups) / freedom) if freedom else NAN


def limits_in_words(results: StudyResults) -> list[str]:
    """What these numbers allow one to say, and what not."""
    seeds = next((factor for factor in results.factors if factor.is_seed), None)
    n_seeds = len({run.factors[seeds.name] for run in results.scored}) if seeds else 1
    sentences = [
        f"The unit of replication is the training run. {len(results.scored)} runs were scored; the "
        f"{len(results.clips)} clips each of them plays are not replicates, because they share its weights.",
    ]
    if n_seeds < 2:
        sentences += [
            "Every configuration was trained once, with one seed. A difference between two levels cannot be told from "
            "the luck of the initial weights, so no statement about significance is made, however many the clips.",
            "What can be said: how large the differences were in these runs, and in how many matched configurations "
            "they pointed the same way. To learn whether they would again, add a seed factor and run the study.",
        ]
    else:
        sentences.append(
            f"Every configuration was trained with up to {n_seeds} seeds. Intervals are 95 % Student intervals over "
            "seeds, not corrected for the number of comparisons; with few seeds they are wide, as they should be."
        )
    if any(factor.is_control for factor in results.factors):
        sentences.append(
            "A knob changes what has to be learnt, and the wet signal's energy with it: its levels differ in "
            "difficulty, they do not compete."
        )
    incomplete = len(results.runs) - len(results.scored)
    if incomplete:
        sentences.append(f"{incomplete} of {len(results.runs)} runs have no scores yet; every mean is over the others.")
    return sentences


def _summarise_level(level: str, trials: Sequence[Trial]) -> LevelSummary:
    scores = [trial.esr for trial in trials]
    return LevelSummary(
        level=level,
        n=len(scores),
        mean_esr=fmean(scores),
        sd=stdev(scores) if len(scores) > 1 else NAN,
        minimum=min(scores),
        maximum=max(scores),
        mean_epochs=_mean_of_known([trial.epochs for trial in trials]),
        mean_seconds=_mean_of_known([trial.seconds for trial in trials]),
    )


def _compare(
    factors: Sequence[Factor], factor: Factor, first: str, second: str, by_level: dict[str, list[Trial]]
) -> Comparison | None:
    others = [other for other in factors if other.name != factor.name]
    matched = {tuple(t.factors[other.name] for other in others): t.esr for t in by_level[second]}
    pairs = [
        (key, trial.esr, matched[key])
        for trial in by_level[first]
        if (key := tuple(trial.factors[other.name] for other in others)) in matched
    ]
    if not pairs:
        return None
    seed_index = next((i for i, other in enumerate(others) if other.is_seed), None)
    by_seed: dict[str, list[float]] = {}
    if seed_index is not None:
        for key, one, other_esr in pairs:
            by_seed.setdefault(key[seed_index], []).append(one - other_esr)
    ratios_db = [decibels(one) - decibels(two) for _, one, two in pairs if one > 0 and two > 0]
    return Comparison(
        first=first,
        second=second,
        n=len(pairs),
        first_lower=sum(one < two for _, one, two in pairs),
        mean_difference=fmean(one - two for _, one, two in pairs),
        mean_difference_db=fmean(ratios_db) if ratios_db else NAN,
        interval=_student_interval([fmean(differences) for differences in by_seed.values()]),
    )


def _student_interval(values: Sequence[float]) -> tuple[float, float] | None:
    if len(values) < 2:
        return None
    half_width = float(stdtrit(len(values) - 1, 0.975)) * stdev(values) / math.sqrt(len(values))
    return fmean(values) - half_width, fmean(values) + half_width


def _mean_of_known(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return fmean(known) if known else NAN
