"""How close an Effect comes to held-out recordings."""

from drywet.evaluation.clips import Clip, clip_of_files, test_clips
from drywet.evaluation.evaluate import evaluate, evaluate_study, score

__all__ = ["Clip", "clip_of_files", "evaluate", "evaluate_study", "score", "test_clips"]
