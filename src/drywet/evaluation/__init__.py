"""How close an Effect comes to held-out recordings."""

from drywet.evaluation.clips import Clip, clip_of_files, test_clips
from drywet.evaluation.evaluate import evaluate, evaluate_study, score
from drywet.evaluation.panel import PANEL, Hearing, Measure, by_controls, in_words, measure_clip
from drywet.evaluation.probes import PROBES, probe

__all__ = [
    "PANEL",
    "PROBES",
    "Clip",
    "Hearing",
    "Measure",
    "by_controls",
    "clip_of_files",
    "evaluate",
    "evaluate_study",
    "in_words",
    "measure_clip",
    "probe",
    "score",
    "test_clips",
]
