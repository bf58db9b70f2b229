"""A study: one TOML file with a base run and factors, every combination of their levels one run.

The order of the factors in the file numbers the runs, the first factor varying slowest.
"""

import itertools
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from drywet import executor, files
from drywet.dataset import Dataset
from drywet.dataset.virtual import VirtualDataset, render_dataset
from drywet.errors import RunError, SettingsError
from drywet.settings import Settings, fingerprint, parse, set_path
from drywet.training.data import load_training_data
from drywet.training.loop import TrainingStatus, train
from drywet.training.run import RunConfig
from drywet.training.settings import RunSettings

STUDY = "study.json"


class Factor(Settings):
    """One thing that varies: a dotted setting and its levels, as a list or as a table of label to value."""

    name: str = Field(min_length=1, pattern=r"^\w+$")
    setting: str
    levels: dict[str, Any] | list[Any]

    def labelled(self) -> dict[str, Any]:
        """Label to value."""
        return self.levels if isinstance(self.levels, dict) else {str(level): level for level in self.levels}


class StudySettings(Settings):
    """A study file."""

    format: Literal[1] = 1
    name: str = Field(pattern=r"^[\w-]+$")
    title: str
    description: str = ""
    dataset: VirtualDataset | None = None  # None: recorded audio, given when the study is run
    run: dict[str, Any]  # settings common to all runs
    factor: list[Factor] = Field(min_length=1)

    def configs(self) -> list[RunConfig]:
        """Every run, in the order that numbers them."""
        configs = []
        for number, levels in enumerate(itertools.product(*(factor.labelled().items() for factor in self.factor))):
            labels = {factor.name: label for factor, (label, _) in zip(self.factor, levels, strict=True)}
            values = self.run
            for factor, (_, value) in zip(self.factor, levels, strict=True):
                values = set_path(values, factor.setting, value)
            where = f"study {self.name}, run {number} ({' '.join(labels.values())})"
            configs.append(
                RunConfig(
                    name=" ".join(labels.values()),
                    number=number,
                    factors=labels,
                    settings=parse(RunSettings, values, where),
                )
            )
        return configs


@dataclass(frozen=True)
class Study:
    """An opened study folder: settings, dataset, and the runs with their folders."""

    folder: Path
    settings: StudySettings
    dataset: Dataset
    runs: list[tuple[RunConfig, Path]]


def preset_names() -> list[str]:
    """Names of the studies that come with drywet."""
    return sorted(
        item.name.removesuffix(".toml")
        for item in resources.files("drywet.training.presets").iterdir()
        if item.name.endswith(".toml")
    )


def load_study(name_or_path: str | Path, changes: Mapping[str, Any] | None = None) -> StudySettings:
    """The study named, a preset or a TOML file, with ``changes`` (dotted setting to value) applied.

    Raises
    ------
    SettingsError
        If there is no such study, or a setting is unknown or impossible.
    """
    path = Path(name_or_path)
    if str(name_or_path) in preset_names():
        with resources.as_file(resources.files("drywet.training.presets") / f"{name_or_path}.toml") as preset:
            values = files.read_toml(preset)
    elif path.suffix == ".toml":
        values = files.read_toml(path)
    else:
        raise SettingsError(
            f"no study named {str(name_or_path)!r}; the presets are: {', '.join(preset_names())}, or give a .toml file"
        )
    for setting, value in (changes or {}).items():
        values = set_path(values, setting, value)
    settings = parse(StudySettings, values, str(name_or_path))
    settings.configs()  # every run's settings are checked before anything is made
    return settings


def open_study(
    settings: StudySettings,
    folder: Path | str,
    dataset: Path | str | None = None,
    workers: executor.Executor | None = None,
    report: Callable[[float], None] = lambda share: None,
) -> Study:
    """Make the study's folder, or find it as it was left; render the virtual dataset if it needs one.

    ``dataset`` is a folder of recorded audio to use instead. ``report(share)`` follows the rendering.

    Raises
    ------
    RunError
        If another study lives in ``folder``.
    """
    folder = Path(folder)
    identity = fingerprint(settings.model_dump(mode="json"))
    known = files.read_json(folder / STUDY) if (folder / STUDY).is_file() else None
    if known is None and files.in_use(folder) and not (folder / "dataset").is_dir():
        raise RunError(f"{folder}: is not empty and no study folder (no {STUDY}); choose another folder with --out")
    if known is not None and known.get("sha256") != identity:
        raise RunError(
            f"{folder}: belongs to another study ({known.get('name')!r}, settings {str(known.get('sha256'))[:12]}; this one "
            f"is {settings.name!r}, {identity[:12]}). Choose another folder with --out"
        )
    if dataset is not None:
        recordings = Dataset(dataset)
    elif settings.dataset is not None:
        recordings = render_dataset(settings.dataset, folder / "dataset", workers, report)
    else:
        raise SettingsError(f"study {settings.name}: says nothing of a dataset; give one with --dataset FOLDER")
    if known is not None and known.get("dataset_sha256") != recordings.sha256:
        raise RunError(
            f"{folder}: was made with other recordings ({str(known.get('dataset_sha256'))[:12]}; these are "
            f"{recordings.sha256[:12]}). Choose another folder with --out"
        )
    runs = []
    for config in settings.configs():
        run_id = config.run_id(recordings.sha256)
        runs.append((config, folder / "runs" / f"{config.number:02d}-{run_id}"))
    files.write_json(folder / STUDY, _description(settings, identity, recordings, runs, folder))
    return Study(folder, settings, recordings, runs)


def train_study(
    study: Study, workers: executor.Executor, report: executor.Report = lambda index, status: None
) -> list[executor.Outcome]:
    """Train every run that is not finished; outcomes in the order of the runs, each a TrainingStatus or an error."""
    tasks = [(config, study.dataset.folder, folder) for config, folder in study.runs]
    return workers.map(_train_one, tasks, report)


def _train_one(task: tuple[RunConfig, Path, Path], tell: Callable[[TrainingStatus], None]) -> TrainingStatus:
    config, dataset_folder, run_folder = task
    data = load_training_data(Dataset(dataset_folder), config.settings.controls, config.settings.model.controls)
    status = train(config, data, run_folder, report=tell)
    tell(status)
    return status


def _description(
    settings: StudySettings, identity: str, dataset: Dataset, runs: list[tuple[RunConfig, Path]], folder: Path
) -> dict[str, Any]:
    """What ``study.json`` holds: the design, and where each run is."""
    return {
        "format": 1,
        "name": settings.name,
        "title": settings.title,
        "description": settings.description,
        "sha256": identity,
        "dataset": Path(os.path.relpath(dataset.folder, folder)).as_posix(),
        "dataset_sha256": dataset.sha256,
        "factors": [
            {"name": factor.name, "setting": factor.setting, "levels": list(factor.labelled())}
            for factor in settings.factor
        ],
        "runs": [
            {
                "number": config.number,
                "id": run_folder.name.partition("-")[2],
                "folder": run_folder.relative_to(folder).as_posix(),
                "factors": config.factors,
            }
            for config, run_folder in runs
        ],
        "settings": settings.model_dump(mode="json"),
    }
