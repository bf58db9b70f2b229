"""Analysis: rows of scores to tables, effect sizes and what may be said about them; no audio.

The training run is the unit of replication. Clips scored by one model share its weights, so they are not replicates.
"""

from drywet.analysis.describe import decibels, describe_esr
from drywet.analysis.results import ClipScore, Factor, RunResult, StudyResults, Validation, read_run, read_study
from drywet.analysis.summary import (
    Comparison,
    FactorSummary,
    LevelSummary,
    Trial,
    limits_in_words,
    seed_spread,
    summarise,
    summarise_trials,
)
from drywet.analysis.tables import write_tables

__all__ = [
    "ClipScore",
    "Comparison",
    "Factor",
    "FactorSummary",
    "LevelSummary",
    "RunResult",
    "StudyResults",
    "Trial",
    "Validation",
    "decibels",
    "describe_esr",
    "limits_in_words",
    "read_run",
    "read_study",
    "seed_spread",
    "summarise",
    "summarise_trials",
    "write_tables",
]
