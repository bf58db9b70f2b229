"""The same study with more seeds, as a study file: what to run where one seed allows no conclusion."""

from collections.abc import Mapping
from typing import Any

from drywet.analysis.results import StudyResults

FILE = "more-seeds.toml"


def study_with_seeds(results: StudyResults, seeds: int) -> dict[str, Any] | None:
    """The study's settings with a seed factor of ``seeds`` levels, ready for TOML; None where ``study.json`` keeps none.

    Only settings that were said count; those that were left open are left open again.
    """
    factors = results.settings.get("factor")
    if not isinstance(factors, list) or "run" not in results.settings:
        return None
    seed = {"name": "seed", "setting": "seed", "levels": list(range(seeds))}
    others = [factor for factor in factors if isinstance(factor, Mapping) and factor.get("name") != "seed"]
    kept = _without_none({**results.settings, "name": f"{results.name}-seeds", "factor": [*others, seed]})
    return dict(kept)


def _without_none(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_none(inner) for name, inner in value.items() if inner is not None}
    return [_without_none(inner) for inner in value] if isinstance(value, list) else value
