"""A dataset made from nothing but code: the built-in guitar played through a virtual circuit."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field, field_validator, model_serializer, model_validator

import drywet
from drywet import audio, circuits, executor, files, signals
from drywet.controls import Position, movement
from drywet.dataset.manifest import MANIFEST, Chain, Dataset, Manifest, Recording, Role, write_manifest
from drywet.effect import render
from drywet.errors import DatasetError
from drywet.settings import Settings

MADE_FROM = "made-from.json"
PIECE_SECONDS = 1.0  # about; the training track is dealt to the drives in pieces of this length
PIECE_FADE_SECONDS = 0.005


class AllDrives(Settings):
    """Drives for one model with a knob: other ones in each role, so that the test asks for positions it never saw.

    The training track is dealt out like cards, in pieces of about a second: to each drive in ``train`` in turn, then
    to each of the ``moving`` recordings, in which the drive goes from one end to the other and back. So each drive
    hears a bit of everything, and the track's length is the length of all training audio together. The validation
    riff and the test riffs are played whole at each of their drives.
    """

    train: list[Position] = Field(default=[0.0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0], min_length=1)
    moving: int = Field(default=3, ge=0, le=1000)
    validation: list[Position] = Field(default=[0.05, 0.45, 0.95], min_length=1)
    test: list[Position] = Field(default=[0.1, 0.35, 0.65, 0.9], min_length=1)

    @field_validator("validation", "test")
    @classmethod
    def _all_different(cls, positions: list[Position]) -> list[Position]:
        if len({str(movement(position).as_json()) for position in positions}) < len(positions):
            raise ValueError("a drive stands there twice, so the same recording would be made twice")
        return positions


class VirtualDataset(Settings):
    """What to render. 1.0 in a file is 1 V, dry and wet alike."""

    circuit: str = "sd1"
    drive: dict[str, str | float] = {"Low": "9:00", "Mid": "12:00", "High": "3:00"}  # each for every role
    all_drives: AllDrives | None = None  # instead of drive
    controls: dict[str, str | float] = {"tone": "12:00", "level": "12:00"}  # the same in every recording
    sample_rate: int = 44_100  # Hz
    train_seconds: float = 180.0
    validation_seconds: float = 12.0
    riff_seconds: float = 8.0
    seed: int = 25

    @model_validator(mode="after")
    def _one_way_to_choose_drives(self) -> "VirtualDataset":
        if self.all_drives is not None and "drive" in self.model_fields_set:
            raise ValueError("drive and all_drives exclude each other; give one of them")
        return self

    @model_serializer(mode="wrap")
    def _without_what_is_not_used(self, dump: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        # What was made before there was all_drives keeps its identity.
        values = dump(self)
        del values["drive" if self.all_drives is not None else "all_drives"]
        return values


@dataclass(frozen=True)
class _Part:
    """One recording to be made."""

    role: Role
    clip: str
    dry: np.ndarray
    level: str  # names the drive in files and ids
    drive: Position


def render_dataset(
    settings: VirtualDataset,
    folder: Path | str,
    workers: executor.Executor | None = None,
    report: Callable[[float], None] = lambda share: None,
    say: Callable[[str], None] = lambda text: None,
) -> Dataset:
    """Render every recording of ``settings`` into ``folder`` and describe it in ``dataset.toml``.

    What is there already from the same settings is kept, so an interrupted rendering goes on. ``report(share)`` is
    told how much of the audio is done, in [0, 1]; ``say`` is told if the circuit solver has to be compiled first.

    Raises
    ------
    DatasetError
        If ``folder`` holds a dataset made from other settings.
    """
    folder = Path(folder)
    recipe = {"drywet": drywet.__version__, **settings.model_dump(mode="json")}
    if (folder / MADE_FROM).is_file() and files.read_json(folder / MADE_FROM) != recipe:
        raise DatasetError(f"{folder}: holds a dataset made from other settings; choose another folder, or delete it")
    if (folder / MADE_FROM).is_file() and (folder / MANIFEST).is_file():
        return Dataset(folder)
    if not (folder / MADE_FROM).is_file() and files.in_use(folder):
        raise DatasetError(f"{folder}: is not empty and no rendered dataset; choose another folder")
    parts = _parts(settings)
    # So that a mistake shows before files are made, and the solver is compiled once, not by every worker.
    circuits.load(settings.circuit, sample_rate=settings.sample_rate).prepare(say)
    files.write_json(folder / MADE_FROM, recipe)
    for clip, dry in {part.clip: part.dry for part in parts}.items():
        audio.write(folder / "dry" / f"{clip}.wav", dry, settings.sample_rate)
    tasks = [
        (
            settings,
            folder / "dry" / f"{part.clip}.wav",
            _wet_path(folder, part),
            {"drive": part.drive, **settings.controls},
        )
        for part in parts
    ]
    lengths = [len(part.dry) for part in parts]
    shares = [0.0] * len(tasks)

    def tell(index: int, share: float) -> None:
        shares[index] = share
        report(float(np.dot(shares, lengths)) / sum(lengths))

    for outcome in (workers or executor.Inline()).map(_render_one, tasks, tell):
        if outcome.error:
            raise outcome.error
    recordings = [
        Recording(
            id=f"{part.clip}-{part.level.lower()}",
            clip=part.clip,
            role=part.role,
            dry=f"dry/{part.clip}.wav",
            wet=_wet_path(folder, part).relative_to(folder).as_posix(),
            controls={"drive": part.drive, **settings.controls},
            dry_sha256=files.sha256(folder / "dry" / f"{part.clip}.wav"),
            wet_sha256=files.sha256(_wet_path(folder, part)),
        )
        for part in parts
    ]
    manifest = Manifest(
        name=f"virtual-{settings.circuit}",
        device=f"virtual {settings.circuit} (circuit simulation)",
        licence="made by code, free of rights",
        chain=Chain(sample_rate=settings.sample_rate, description="built-in guitar through the circuit; 1.0 is 1 V"),
        recording=recordings,
    )
    return write_manifest(folder, manifest)


def _parts(settings: VirtualDataset) -> list[_Part]:
    """All recordings, the longest first so that parallel rendering ends together."""
    rate, drives = settings.sample_rate, settings.all_drives
    track = signals.training_track(rate, settings.train_seconds, settings.seed)
    validation = signals.validation_riff(rate, settings.validation_seconds)
    riffs = signals.test_riffs(rate, settings.riff_seconds)
    if drives is None:
        levels: dict[str, Position] = dict(settings.drive)
        clips: list[tuple[Role, str, np.ndarray]] = [
            ("train", "training-track", track),
            ("validation", "validation-riff", validation),
            *(("test", name, riff) for name, riff in riffs.items()),
        ]
        return [_Part(role, clip, dry, level, drive) for role, clip, dry in clips for level, drive in levels.items()]
    count = len(drives.train) + drives.moving
    dealt = _deal(track, count, rate)
    turning = [_there_and_back(len(dealt[0]) / rate, number) for number in range(drives.moving)]
    return [
        *(
            _Part("train", f"training-track-{number + 1:0{len(str(count))}d}", dry, _level(drive, number), drive)
            for number, (dry, drive) in enumerate(zip(dealt, [*drives.train, *turning], strict=True))
        ),
        *(
            _Part("validation", "validation-riff", validation, _level(drive, number), drive)
            for number, drive in enumerate(drives.validation)
        ),
        *(
            _Part("test", name, riff, _level(drive, number), drive)
            for name, riff in riffs.items()
            for number, drive in enumerate(drives.test)
        ),
    ]


def _deal(track: np.ndarray, count: int, sample_rate: int) -> list[np.ndarray]:
    """``count`` equally long signals, made of pieces of ``track`` that were dealt to them in turn."""
    rounds = max(1, round(len(track) / sample_rate / PIECE_SECONDS / count))
    length = len(track) // (rounds * count)
    pieces = track[: rounds * count * length].reshape(rounds, count, length)
    return [
        np.concatenate([signals.fade(piece, PIECE_FADE_SECONDS, sample_rate) for piece in pieces[:, number]])
        for number in range(count)
    ]


def _there_and_back(seconds: float, number: int) -> Position:
    """A knob that goes from one end to the other and back; every other recording begins at the other end."""
    start, turn = (0.0, 1.0) if number % 2 == 0 else (1.0, 0.0)
    return [(0.0, start), (round(seconds / 2, 6), turn), (round(seconds, 6), start)]


def _level(drive: Position, number: int) -> str:
    """A name for the ``number``-th drive of a role."""
    move = movement(drive)
    return f"drive-{move.rotations[0]:g}" if move.is_still else f"drive-moving-{number + 1}"


def _wet_path(folder: Path, part: _Part) -> Path:
    return folder / "wet" / part.level.lower() / f"{part.clip}.wav"


def _render_one(task, tell: Callable[[float], None]) -> None:
    """One recording. The file is whole or absent, so one that is there is done."""
    settings, dry_path, wet_path, controls = task
    if not wet_path.is_file():
        # What the file holds, after rounding to 24 bit, is what goes through the circuit.
        dry, rate = audio.read(dry_path)
        wet = render(circuits.load(settings.circuit, sample_rate=rate), dry, controls, report=tell)
        clipped = audio.write(wet_path, wet, rate)
        if clipped:
            raise DatasetError(f"{wet_path}: {clipped} samples exceed 1 V and would be clipped; lower the level knob")
    tell(1.0)
