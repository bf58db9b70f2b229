"""From two files to a training run: split the recording in time, choose the settings, remember what was used for what."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drywet import files
from drywet.dataset import Pair, TimeSplit, load_pair, split_by_time
from drywet.errors import SettingsError, SignalError
from drywet.models import FAMILIES
from drywet.settings import fingerprint, parse, set_path
from drywet.training.data import TrainingData
from drywet.training.recipes import build_recipe
from drywet.training.run import RunConfig
from drywet.training.settings import RunSettings

SPLIT = "split.json"
GAP_OF_STATE = 4096  # samples between the parts when a model's memory has no end: the state has long settled by then


@dataclass(frozen=True)
class PreparedRecording:
    """A recording, ready to train on."""

    dry_path: Path
    wet_path: Path
    pair: Pair
    split: TimeSplit
    config: RunConfig
    data: TrainingData


def prepare(
    dry: Path | str, wet: Path | str, family: str, budget: str, seed: int, changes: Mapping[str, Any] | None = None
) -> PreparedRecording:
    """Read and split a recording, and resolve the settings of its run.

    Raises
    ------
    SignalError, AudioFileError
        If the files are no usable pair or too short.
    SettingsError
        If the family, the budget or a setting in ``changes`` is unknown or impossible.
    """
    settings = _resolve(family, budget, seed, changes or {})
    dry, wet = Path(os.path.abspath(dry)), Path(os.path.abspath(wet))
    pair = load_pair(dry, wet)
    gap = settings.model.context if settings.model.family == "window-lstm" else GAP_OF_STATE
    split = split_by_time(len(pair), pair.sample_rate, gap)
    for name, part in vars(split).items():
        for path, signal in ((dry, pair.dry), (wet, pair.wet)):
            if not signal[part].any():
                place = f"{part.start / pair.sample_rate:.1f} to {part.stop / pair.sample_rate:.1f} s"
                raise SignalError(
                    f"{path}: is silent from {place}, which is the {name} part. Cut the silence out of both files"
                )
    checksums = [files.sha256(dry), files.sha256(wet)]
    parts = [[part.start, part.stop] for part in (split.train, split.validation, split.test)]
    data = TrainingData([pair[split.train]], [pair[split.validation]], fingerprint([checksums, parts]))
    build_recipe(settings, data)  # refuses what does not fit, before anything is made
    return PreparedRecording(
        dry_path=dry,
        wet_path=wet,
        pair=pair,
        split=split,
        config=RunConfig(name=wet.stem, settings=settings),
        data=data,
    )


def describe(prepared: PreparedRecording) -> str:
    """What will be done, in one or two lines."""
    rate = prepared.pair.sample_rate
    lengths = ", ".join(
        f"{(part.stop - part.start) / rate:.1f} s {name}" for name, part in vars(prepared.split).items()
    )
    model, training = prepared.config.settings.model, prepared.config.settings.training
    return (
        f"{len(prepared.pair) / rate:.1f} s at {rate} Hz: {lengths}\n"
        f"{model.family} with {model.hidden_size} units, budget {training.budget}"
    )


def remember(folder: Path | str, prepared: PreparedRecording) -> None:
    """Note in the run folder which files it was made from, and which part of them was kept for the test."""
    folder = Path(folder)
    files.write_json(
        folder / SPLIT,
        {
            "format": 1,
            "dry": Path(os.path.relpath(prepared.dry_path, folder)).as_posix(),
            "wet": Path(os.path.relpath(prepared.wet_path, folder)).as_posix(),
            "dry_sha256": files.sha256(prepared.dry_path),
            "wet_sha256": files.sha256(prepared.wet_path),
            **{name: [part.start, part.stop] for name, part in vars(prepared.split).items()},
        },
    )


def test_part(folder: Path | str, dry: Path | str) -> tuple[int, int] | None:
    """The part of ``dry`` that the run in ``folder`` never trained on, if it was trained on this very file."""
    path = Path(folder) / SPLIT
    if not path.is_file():
        return None
    values = files.read_json(path)
    if not Path(dry).is_file() or values["dry_sha256"] != files.sha256(dry):
        return None
    start, stop = values["test"]
    return start, stop


def _resolve(family: str, budget: str, seed: int, changes: Mapping[str, Any]) -> RunSettings:
    if family not in FAMILIES:
        raise SettingsError(f"no model family named {family!r}; there are: {', '.join(FAMILIES)}")
    training = {"recipe": "windows" if family == "window-lstm" else "stateful", "budget": budget}
    values: dict[str, Any] = {"model": {"family": family}, "training": training, "seed": seed}
    for name, value in changes.items():
        values = set_path(values, name, value)
    return parse(RunSettings, values, "settings")
