"""From two files, or a dataset, to a training run: split in time, choose the settings, remember what was used for what."""

import difflib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import NonNegativeInt

from drywet import files
from drywet.dataset import Dataset, Pair, TimeSplit, load_pair, split_by_time
from drywet.errors import RunError, SettingsError, SignalError
from drywet.models import FAMILIES, build
from drywet.settings import Settings, fingerprint, parse, set_path
from drywet.training.choice import GENERAL, choose
from drywet.training.data import TrainingData, load_training_data
from drywet.training.loop import TrainingStatus
from drywet.training.recipes import build_recipe
from drywet.training.run import CONFIG, RunConfig, read_settings
from drywet.training.settings import RunSettings

SPLIT = "split.json"
GAP_OF_STATE = 4096  # samples between the parts when a model's memory has no end


class Split(Settings):
    """``split.json``: the two files that a run was made from, relative to its folder, and which part was for what."""

    format: Literal[1] = 1
    dry: str
    wet: str
    dry_sha256: str
    wet_sha256: str
    train: tuple[NonNegativeInt, NonNegativeInt]
    validation: tuple[NonNegativeInt, NonNegativeInt]
    test: tuple[NonNegativeInt, NonNegativeInt]


@dataclass(frozen=True)
class Prepared:
    """A run, ready to be trained. ``why`` says why its family was taken, if drywet took it."""

    config: RunConfig
    data: TrainingData
    folder: Path
    why: str | None


@dataclass(frozen=True)
class PreparedRecording(Prepared):
    """The same from one recording."""

    dry_path: Path
    wet_path: Path
    pair: Pair
    split: TimeSplit


def prepare(
    dry: Path | str,
    wet: Path | str,
    family: str | None,
    budget: str,
    seed: int,
    changes: Mapping[str, Any] | None = None,
    out: Path | None = None,
    threads: int = 1,
    report: Callable[[TrainingStatus], None] = lambda status: None,
) -> PreparedRecording:
    """Read and split a recording, and resolve the settings of its run.

    Without a ``family`` a part of the budget goes into choosing one (``choice.py``), unless the run folder is there and
    says what was chosen. The folder is ``out``, or one named after the wet file and everything that was asked for.

    Raises
    ------
    SignalError, AudioFileError
        If the files are no usable pair or too short.
    SettingsError
        If the family, the budget or a setting in ``changes`` is unknown or impossible.
    """
    changes = changes or {}
    _check_belongs(family, changes)
    settings = _resolve(family or GENERAL, budget, seed, changes)  # also a first look at everything that was asked for
    if settings.model.controls:
        raise SettingsError(
            f"model.controls = {list(settings.model.controls)}: two sound files do not say where the knobs stood. Describe "
            "recordings at several positions in a dataset.toml (docs/formats.md), and train on that: drywet train FOLDER"
        )
    dry, wet = Path(os.path.abspath(dry)), Path(os.path.abspath(wet))
    pair = load_pair(dry, wet)
    gap = max(GAP_OF_STATE, build(settings.model).receptive_field or 0)
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
    run_up = (
        0 if settings.model.family == "window-lstm" else gap
    )  # the gap is heard, so that validation is not from rest
    heard = pair[split.validation.start - run_up : split.validation.stop]
    data = TrainingData([pair[split.train]], [heard], fingerprint([checksums, parts]), run_up)
    request = _request(family, budget, seed, changes, data)
    folder = out or Path("runs") / f"{wet.stem}-{request}"
    settings, why = _choose(settings, family, changes, data, folder, request, threads, report)
    build_recipe(settings, data)  # refuses what does not fit, before anything is made
    config = RunConfig(name=wet.stem, settings=settings, request=request)
    return PreparedRecording(config, data, folder, why, dry, wet, pair, split)


def prepare_dataset(
    dataset: Dataset,
    family: str | None,
    budget: str,
    seed: int,
    changes: Mapping[str, Any] | None = None,
    out: Path | None = None,
    threads: int = 1,
    report: Callable[[TrainingStatus], None] = lambda status: None,
) -> Prepared:
    """The same for a dataset, which says itself what trains and where the knobs stood.

    ``controls.*`` in ``changes`` chooses recordings, ``model.controls`` names the knobs that the model follows.
    """
    changes = changes or {}
    _check_belongs(family, {name: value for name, value in changes.items() if name != "model.controls"})
    settings = _resolve(family or GENERAL, budget, seed, changes)
    data = load_training_data(dataset, settings.controls, settings.model.controls)
    name = dataset.manifest.name
    request = _request(family, budget, seed, changes, data)
    folder = out or Path("runs") / f"{name}-{request}"
    settings, why = _choose(settings, family, changes, data, folder, request, threads, report)
    build_recipe(settings, data)
    return Prepared(RunConfig(name=name, settings=settings, request=request), data, folder, why)


def _request(family: str | None, budget: str, seed: int, changes: Mapping[str, Any], data: TrainingData) -> str:
    """Hash of what was asked for, so that the same command finds its folder again."""
    return fingerprint([family, budget, seed, dict(changes), data.sha256])[:12]


def _choose(
    settings: RunSettings,
    family: str | None,
    changes: Mapping[str, Any],
    data: TrainingData,
    folder: Path,
    request: str,
    threads: int,
    report: Callable[[TrainingStatus], None],
) -> tuple[RunSettings, str | None]:
    """The settings with a family, and why it was taken."""
    if family is not None:
        return settings, None
    if (folder / CONFIG).is_file():
        if files.read_json_object(folder / CONFIG).get("request") != request:
            raise RunError(
                f"{folder}: belongs to another run (other audio, budget, seed or settings, or a model named by --model). "
                "Choose another folder with --out, or delete this one"
            )
        return read_settings(folder), None
    build_recipe(settings, data)  # a trial on audio that is too short would only confuse
    choice = choose(data, settings, threads, report)
    return _resolve(choice.family, choice.budget, settings.seed, changes), choice.reason


def _check_belongs(family: str | None, changes: Mapping[str, Any]) -> None:
    of_model = [name for name in changes if name.startswith("model.")]
    if family is None and of_model:
        raise SettingsError(f"--set {of_model[0]}: belongs to one model family; say which with --model")


def describe(prepared: PreparedRecording) -> str:
    """How the recording is divided."""
    rate = prepared.pair.sample_rate
    lengths = ", ".join(
        f"{(part.stop - part.start) / rate:.1f} s {name}" for name, part in vars(prepared.split).items()
    )
    return f"{len(prepared.pair) / rate:.1f} s at {rate} Hz: {lengths}"


def remember(folder: Path | str, prepared: PreparedRecording) -> None:
    """Note in the run folder which files it was made from, and which part of them was kept for the test."""
    folder = Path(folder)
    parts = prepared.split
    train, validation, test = ((part.start, part.stop) for part in (parts.train, parts.validation, parts.test))
    split = Split(
        dry=Path(os.path.relpath(prepared.dry_path, folder)).as_posix(),
        wet=Path(os.path.relpath(prepared.wet_path, folder)).as_posix(),
        dry_sha256=files.sha256(prepared.dry_path),
        wet_sha256=files.sha256(prepared.wet_path),
        train=train,
        validation=validation,
        test=test,
    )
    files.write_json(folder / SPLIT, split.model_dump(mode="json"))


def read_split(folder: Path | str) -> Split | None:
    """What :func:`remember` noted; None where a run was not made from one recording. RunError if the note is damaged."""
    path = Path(folder) / SPLIT
    if not path.is_file():
        return None
    try:
        return parse(Split, files.read_json_object(path), str(path))
    except SettingsError as error:
        raise RunError(
            f"{error}; the file is damaged, or of a newer version. Without it all of the recording counts"
        ) from None


def test_part(folder: Path | str, dry: Path | str) -> tuple[int, int] | None:
    """The part of ``dry`` that the run in ``folder`` never trained on, if it was trained on this very file."""
    split = read_split(folder)
    if split is None or not Path(dry).is_file() or split.dry_sha256 != files.sha256(dry):
        return None
    return split.test


def _resolve(family: str, budget: str, seed: int, changes: Mapping[str, Any]) -> RunSettings:
    if family not in FAMILIES:
        nearest = difflib.get_close_matches(family, FAMILIES, n=1)
        hint = f"did you mean {nearest[0]!r}?" if nearest else f"there are: {', '.join(FAMILIES)}"
        raise SettingsError(f"no model family named {family!r}; {hint}")
    values: dict[str, Any] = {"model": {"family": family}, "training": {"budget": budget}, "seed": seed}
    for name, value in changes.items():
        values = set_path(values, name, value)
    return parse(RunSettings, values, "settings")
