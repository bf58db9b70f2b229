"""A study: one TOML file with a base run and factors, every combination of their levels one run.

The order of the factors in the file numbers the runs, the first factor varying slowest.
"""

import difflib
import itertools
import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

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
    """One thing that varies: a dotted setting and its levels, as a list or as a table of label to value.

    Things that must change together have no ``setting``: each level is itself a table of dotted settings to values.
    Where the setting depends on the level of another factor, ``setting`` is a table of those levels to settings.
    """

    name: str = Field(min_length=1, pattern=r"^\w+$")
    setting: str | dict[str, str] | None = None
    levels: dict[str, Any] | list[Any]

    @model_validator(mode="after")
    def _levels_say_what_they_set(self) -> "Factor":
        if self.setting is None and not all(isinstance(value, Mapping) for value in self.labelled().values()):
            raise ValueError(
                f"factor {self.name} has no setting, so each level is a table of settings: "
                '{ "training.batch_size" = 32, … }'
            )
        if len(self.labelled()) < len(self.levels):
            raise ValueError(f"factor {self.name} has a level twice, so the same runs would be made twice")
        return self

    def labelled(self) -> dict[str, Any]:
        """Label to value."""
        return self.levels if isinstance(self.levels, dict) else {str(level): level for level in self.levels}

    def values(self, label: str, others: Collection[str]) -> Mapping[str, Any]:
        """Dotted settings to values at the level ``label``, where the other factors have the levels ``others``."""
        value = self.labelled()[label]
        if self.setting is None:
            return value
        if isinstance(self.setting, str):
            return {self.setting: value}
        chosen = [setting for level, setting in self.setting.items() if level in others]
        if len(chosen) != 1:
            raise SettingsError(
                f"factor {self.name}: its setting depends on the levels {', '.join(self.setting)}, of which each run needs one "
                f"of another factor; here are {', '.join(others) or 'no other factors'}"
            )
        return {chosen[0]: value}

    def only(self, labels: Collection[str]) -> "Factor":
        """The factor with these levels alone, in their order."""
        known = self.labelled()
        unknown = [label for label in labels if label not in known]
        if unknown or not labels:
            raise SettingsError(
                f"factor {self.name}: no level {unknown[0] if unknown else ''!r}; there are: {', '.join(known)}"
            )
        left = {label: value for label, value in known.items() if label in labels}
        return self.model_copy(update={"levels": list(left.values()) if isinstance(self.levels, list) else left})

    def described(self) -> str:
        """Which settings it changes, for people."""
        if self.setting is None:
            return " + ".join(dict.fromkeys(setting for level in self.labelled().values() for setting in level))
        return self.setting if isinstance(self.setting, str) else " / ".join(self.setting.values())


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
        for number, levels in enumerate(itertools.product(*(factor.labelled() for factor in self.factor))):
            labels = dict(zip((factor.name for factor in self.factor), levels, strict=True))
            where = f"study {self.name}, run {number} ({' '.join(levels)})"
            values = self.run
            for factor in self.factor:
                others = [label for name, label in labels.items() if name != factor.name]
                for setting, value in factor.values(labels[factor.name], others).items():
                    values = set_path(values, setting, value)
            configs.append(
                RunConfig(
                    name=" ".join(levels), number=number, factors=labels, settings=parse(RunSettings, values, where)
                )
            )
        return configs

    def only(self, levels: Mapping[str, Collection[str]]) -> "StudySettings":
        """A part of the study: of each factor named in ``levels`` only those levels, named by their labels.

        Raises
        ------
        SettingsError
            If there is no such factor or level.
        """
        names = [factor.name for factor in self.factor]
        for name in levels:
            if name not in names:
                nearest = difflib.get_close_matches(name, names, n=1)
                hint = f"did you mean {nearest[0]!r}?" if nearest else f"there are: {', '.join(names)}"
                raise SettingsError(f"study {self.name}: no factor {name!r}; {hint}")
        factors = [factor.only(levels[factor.name]) if factor.name in levels else factor for factor in self.factor]
        return self.model_copy(update={"factor": factors})


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


def load_study(
    name_or_path: str | Path,
    changes: Mapping[str, Any] | None = None,
    only: Mapping[str, Collection[str]] | None = None,
) -> StudySettings:
    """The study named, a preset or a TOML file, with ``changes`` (dotted setting to value) applied.

    ``only`` (factor to labels of levels) leaves a part of the grid.

    Raises
    ------
    SettingsError
        If there is no such study, factor or level, or a setting is unknown or impossible.
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
    settings = parse(StudySettings, values, str(name_or_path)).only(only or {})
    settings.configs()  # every run's settings are checked before anything is made
    return settings


def open_study(
    settings: StudySettings,
    folder: Path | str,
    dataset: Path | str | None = None,
    workers: executor.Executor | None = None,
    report: Callable[[float], None] = lambda share: None,
    say: Callable[[str], None] = lambda text: None,
) -> Study:
    """Make the study's folder, or find it as it was left; render the virtual dataset if it needs one.

    ``dataset`` is a folder of recorded audio to use instead. ``report(share)`` follows the rendering; ``say`` is told if
    the circuit solver has to be compiled first.

    Raises
    ------
    RunError
        If another study lives in ``folder``.
    """
    folder = Path(folder)
    identity = fingerprint(settings.model_dump(mode="json"))
    known = files.read_json_object(folder / STUDY) if (folder / STUDY).is_file() else None
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
        recordings = render_dataset(settings.dataset, folder / "dataset", workers, report, say)
    else:
        raise SettingsError(f"study {settings.name}: says nothing of a dataset; give one with --dataset FOLDER")
    if known is not None and known.get("dataset_sha256") != recordings.sha256:
        raise RunError(
            f"{folder}: was made with other recordings ({str(known.get('dataset_sha256'))[:12]}; these are "
            f"{recordings.sha256[:12]}). Choose another folder with --out"
        )
    # A run keeps its folder whatever its number: one made in a part of the study, or before a level was added, counts.
    made = {path.name.partition("-")[2]: path for path in sorted((folder / "runs").glob("*-*"), reverse=True)}
    runs = []
    for config in settings.configs():
        run_id = config.run_id(recordings.sha256)
        runs.append((config, made.get(run_id, folder / "runs" / f"{config.number:02d}-{run_id}")))
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
            {"name": factor.name, "setting": factor.described(), "levels": list(factor.labelled())}
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
