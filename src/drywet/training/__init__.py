"""From recordings to a trained model in a run folder, and from a study file to many of them."""

from drywet.training.data import TrainingData, load_training_data
from drywet.training.loop import TrainingStatus, train
from drywet.training.run import RunConfig, read_settings
from drywet.training.settings import Budget, RunSettings, StatefulRecipe, WindowRecipe
from drywet.training.study import Study, StudySettings, load_study, open_study, preset_names, train_study

__all__ = [
    "Budget",
    "RunConfig",
    "RunSettings",
    "StatefulRecipe",
    "Study",
    "StudySettings",
    "TrainingData",
    "TrainingStatus",
    "WindowRecipe",
    "load_study",
    "load_training_data",
    "open_study",
    "preset_names",
    "read_settings",
    "train",
    "train_study",
]
