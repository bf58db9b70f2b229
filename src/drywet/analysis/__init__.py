"""Analysis: rows of scores to tables, effect sizes and what may be said about them; no audio.

The training run is the unit of replication. Clips scored by one model share its weights, so they are not replicates.
"""

from drywet.analysis.analysis_tables import analysis_tables, write_analysis_tables
from drywet.analysis.analyze import Analysis, analyze
from drywet.analysis.claims import judge, judge_equal
from drywet.analysis.comparison import LevelComparison
from drywet.analysis.conclusions import Conclusion
from drywet.analysis.describe import decibels, describe_esr
from drywet.analysis.holm import holm
from drywet.analysis.more_seeds import study_with_seeds, write_study_with_seeds
from drywet.analysis.results import ClipScore, Factor, RunResult, StudyResults, Validation, read_run, read_study
from drywet.analysis.summary import (
    FactorSummary,
    LevelSummary,
    Trial,
    limits_in_words,
    seed_spread,
    summarise,
    summarise_trials,
)
from drywet.analysis.table import Table
from drywet.analysis.tables import write_tables

__all__ = [
    "Analysis",
    "ClipScore",
    "Conclusion",
    "Factor",
    "FactorSummary",
    "LevelComparison",
    "LevelSummary",
    "RunResult",
    "StudyResults",
    "Table",
    "Trial",
    "Validation",
    "analysis_tables",
    "analyze",
    "decibels",
    "describe_esr",
    "holm",
    "judge",
    "judge_equal",
    "limits_in_words",
    "read_run",
    "read_study",
    "seed_spread",
    "study_with_seeds",
    "summarise",
    "summarise_trials",
    "write_analysis_tables",
    "write_study_with_seeds",
    "write_tables",
]
