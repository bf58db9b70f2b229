"""How close an Effect comes to held-out recordings."""

from drywet.evaluation.clips import Clip, clip_of_files, test_clips
from drywet.evaluation.evaluate import evaluate, evaluate_study, score
from drywet.evaluation.panel import PANEL, Hearing, Measure, by_controls, in_words

__all__ = [
    "PANEL",
    "Clip",
    "Hearing",
    "Measure",
    "by_controls",
    "clip_of_files",
    "evaluate",
    "evaluate_study",
    "in_words",
    "score",
    "test_clips",
]
