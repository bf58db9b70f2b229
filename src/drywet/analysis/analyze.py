"""The analysis of a study: from the scores of its runs to conclusions that hold."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from drywet.analysis.anova import Anova, Model, analyse_variance
from drywet.analysis.comparison import LevelComparison, compare_levels
from drywet.analysis.conclusions import Conclusion, conclude
from drywet.analysis.design_check import DesignCheck, check_design
from drywet.analysis.divergence import Rate, rates
from drywet.analysis.mixed import Mixed, fit_mixed
from drywet.analysis.more_seeds import command, study_with_seeds
from drywet.analysis.pareto import Point, pareto
from drywet.analysis.permutation import permutation_p
from drywet.analysis.power import TYPICAL_SD_DB, seeds_needed
from drywet.analysis.ranks import Ranks, rank_configurations
from drywet.analysis.results import StudyResults
from drywet.analysis.run_means import RunMeans, run_means
from drywet.errors import SettingsError

SEEDS = 5  # what is asked for where there is one seed, unless more are needed


@dataclass(frozen=True)
class Analysis:
    """Everything that was found.

    Attributes
    ----------
    refusal : str, optional
        Why nothing is said about significance, and what to run instead; None where runs were repeated.
    recommended_seeds : int, optional
        How many seeds the refusal asks for.
    permutation : mapping
        Factor to the p of its permutation check.
    mixed, ranks : str
        Where they are text, it says why there is no such result.
    pareto : mapping
        ``seconds`` and ``parameters`` to the configurations by that cost.
    """

    study: str
    folder: Path
    response: str
    margin_db: float
    means: RunMeans
    check: DesignCheck
    refusal: str | None
    recommended_seeds: int | None
    anova: Anova | None
    comparisons: tuple[LevelComparison, ...]
    permutation: Mapping[str, float]
    mixed: Mixed | str
    rates: tuple[Rate, ...]
    ranks: Ranks | str
    pareto: Mapping[str, tuple[Point, ...]]
    conclusions: tuple[Conclusion, ...]

    def comparison(self, factor: str, first: str, second: str) -> LevelComparison | None:
        """The comparison of two levels, in either order, as it was made; None if it was not."""
        return next(
            (
                c
                for c in self.comparisons
                if c.kind == "pair" and c.factor == factor and {c.first, c.second} == {first, second}
            ),
            None,
        )

    def as_json(self) -> dict[str, Any]:
        """All of it but the table of runs, as JSON values; NaN and infinity are null."""
        return {
            "format": 1,
            "study": self.study,
            "response": self.response,
            "unit": "dB",
            "margin_db": self.margin_db,
            "runs": len(self.means.response),
            "clips": list(self.means.clips),
            "refusal": self.refusal,
            "design": _plain(asdict(self.check)),
            "conclusions": _plain([asdict(conclusion) for conclusion in self.conclusions]),
            "comparisons": _plain([asdict(c) | {"verdict": c.verdict} for c in self.comparisons]),
            "anova": _plain(asdict(self.anova)) if self.anova else None,
            "permutation": _plain(dict(self.permutation)),
            "mixed": _plain(self.mixed if isinstance(self.mixed, str) else asdict(self.mixed)),
            "rates": _plain([asdict(rate) for rate in self.rates]),
            "ranks": _plain(self.ranks if isinstance(self.ranks, str) else asdict(self.ranks)),
            "pareto": _plain({cost: [asdict(point) for point in points] for cost, points in self.pareto.items()}),
        }


def analyze(
    results: StudyResults,
    *,
    response: str = "esr",
    margin_db: float = 1.0,
    mixed: bool = False,
    permutations: int = 5000,
    draws: int = 4000,
    seed: int = 0,
) -> Analysis:
    """Analyse a study; the training run is the unit of replication.

    Parameters
    ----------
    results : StudyResults
        From :func:`drywet.analysis.read_study`; runs without scores are listed, not refused.
    response : str
        ``esr``, one of its variants, or a measure of the evaluation panel; analysed in dB.
    margin_db : float
        Differences below it do not matter: the margin of the equivalence tests.
    mixed : bool
        Fit the mixed model too; seconds where the rest takes tenths.
    permutations, draws, seed : int
        Of the permutation check and the bootstrap, and where their random numbers start.

    Raises
    ------
    SettingsError
        If no run has the response, or the margin is not above 0.
    """
    if not 0 < margin_db < math.inf:
        raise SettingsError(f"margin_db is {margin_db:g}; it has to be above 0 dB")
    means = run_means(results, response)
    check = check_design(results, means)
    anova = analyse_variance(means.design, means.response)
    comparisons = compare_levels(means, margin_db, draws, seed)
    found_rates = rates(means)
    refusal = _refusal(results, means, comparisons, margin_db)
    conclusions = conclude(means, anova, comparisons, found_rates, margin_db)
    if refusal:
        conclusions = (Conclusion(refusal, "refusal", "described"), *conclusions)
    return Analysis(
        study=results.name,
        folder=results.folder,
        response=response,
        margin_db=margin_db,
        means=means,
        check=check,
        refusal=refusal,
        recommended_seeds=recommended_seeds(means, comparisons, margin_db) if refusal else None,
        anova=anova,
        comparisons=comparisons,
        permutation=_permutation(means, anova, permutations, seed),
        mixed=fit_mixed(means.design, means.clip_response) if mixed else "not asked for",
        rates=found_rates,
        ranks=rank_configurations(means),
        pareto={"seconds": pareto(means, "seconds"), "parameters": pareto(means, "parameters")},
        conclusions=conclusions,
    )


def recommended_seeds(means: RunMeans, comparisons: tuple[LevelComparison, ...], margin_db: float) -> int:
    """Seeds per configuration for a study that has one: enough to decide every pair of levels if seeds spread as is typical."""
    needed = [SEEDS]
    for c in comparisons:
        if c.kind == "pair":
            error = TYPICAL_SD_DB * math.sqrt(2 / max(1, c.matched))
            found = seeds_needed(error, 1, len(means.design.cells), difference_db=margin_db, margin_db=margin_db)
            needed += [found] if found else []
    return max(needed)


def _refusal(
    results: StudyResults, means: RunMeans, comparisons: tuple[LevelComparison, ...], margin_db: float
) -> str | None:
    if means.design.repeats(means.response):
        return None
    seeds = recommended_seeds(means, comparisons, margin_db)
    if study_with_seeds(results, seeds):
        how = (
            f"`drywet analyze {results.folder}` writes this study with seeds 0 to {seeds - 1}, "
            f"`{command(results, results.folder / 'analysis')}` runs it"
        )
    else:
        how = f'add `[[factor]] name = "seed" setting = "seed" levels = {list(range(seeds))}` to the study file and run it'
    runs = len(means.response)
    if means.design.error_freedom:
        why = f"the runs of each configuration scored the same to the last digit ({runs} runs), as if the seed had no effect"
    else:
        why = f"every configuration was trained once ({runs} runs)"
    return (
        f"Nothing is said about significance: {why}, and a difference between two levels cannot be told from the luck of the "
        f"initial weights, however many the clips. Train each with {seeds} seeds: {how}"
    )


def _permutation(means: RunMeans, anova: Anova | None, permutations: int, seed: int) -> dict[str, float]:
    if anova is None:
        return {}
    model = Model(means.design)
    return {
        means.design.factors[effect.factors[0]].name: permutation_p(
            model, means.response, effect.factors[0], permutations, seed
        )
        for effect in anova.effects
        if len(effect.factors) == 1
    }


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
