"""What a study says about each of its factors before anything is tested: mean and spread per level."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

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
class FactorSummary:
    """One factor and its levels."""

    factor: Factor
    levels: tuple[LevelSummary, ...]


def summarise(results: StudyResults, score: str = "esr") -> list[FactorSummary]:
    """Summary per factor over all scored runs; a run's figure is the mean of ``score`` over its clips."""
    trials = [Trial(dict(run.factors), run.mean(score), run.epochs, run.seconds) for run in results.scored]
    return summarise_trials(results.factors, trials)


def summarise_trials(factors: Sequence[Factor], trials: Sequence[Trial]) -> list[FactorSummary]:
    """Summary per factor of any table of models; levels without a model are left out."""
    trials = [trial for trial in trials if not math.isnan(trial.esr)]
    summaries = []
    for factor in factors:
        by_level = {level: [t for t in trials if t.factors[factor.name] == level] for level in factor.levels}
        levels = tuple(_summarise_level(level, by_level[level]) for level in factor.levels if by_level[level])
        summaries.append(FactorSummary(factor, levels))
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
            f"Every configuration was trained with up to {n_seeds} seeds, and every difference is measured with the spread "
            "between them; with few seeds intervals are wide, as they should be."
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


def _mean_of_known(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return fmean(known) if known else NAN
