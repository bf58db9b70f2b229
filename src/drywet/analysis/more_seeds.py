"""The same study with more seeds, as a study file: what to run where one seed allows no conclusion."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from drywet.analysis.results import StudyResults
from drywet.files import write_text

FILE = "more-seeds.toml"


def study_with_seeds(results: StudyResults, seeds: int) -> dict[str, Any] | None:
    """The study's settings with a seed factor of ``seeds`` levels; None where ``study.json`` keeps no settings.

    Settings that were left open are left open again.
    """
    factors = results.settings.get("factor")
    if not isinstance(factors, list) or "run" not in results.settings:
        return None
    seed = {"name": "seed", "setting": "seed", "levels": list(range(seeds))}
    others = [factor for factor in factors if isinstance(factor, Mapping) and factor.get("name") != "seed"]
    return dict(_without_none({**results.settings, "name": f"{results.name}-seeds", "factor": [*others, seed]}))


def write_study_with_seeds(results: StudyResults, seeds: int, folder: Path | str) -> Path | None:
    """Write it as ``more-seeds.toml`` into ``folder``; None where ``study.json`` keeps no settings."""
    study = study_with_seeds(results, seeds)
    if study is None:
        return None
    write_text(Path(folder) / FILE, tomli_w.dumps(study))
    return Path(folder) / FILE


def command(results: StudyResults, folder: Path | str) -> str:
    """How the study file in ``folder`` is run."""
    recorded = results.settings.get("dataset") is None and results.dataset_folder is not None
    dataset = f" --dataset {shlex.quote(str(results.dataset_folder))}" if recorded else ""
    return f"drywet study run {shlex.quote(str(Path(folder) / FILE))}{dataset}"


def _without_none(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_none(inner) for name, inner in value.items() if inner is not None}
    return [_without_none(inner) for inner in value] if isinstance(value, list) else value
