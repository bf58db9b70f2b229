"""A dataset made from nothing but code: the built-in guitar played through a virtual circuit."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

import drywet
from drywet import audio, circuits, executor, files, signals
from drywet.dataset.manifest import MANIFEST, Chain, Dataset, Manifest, Recording, Role, write_manifest
from drywet.effect import render
from drywet.errors import DatasetError
from drywet.settings import Settings

MADE_FROM = "made-from.json"


class VirtualDataset(Settings):
    """What to render. 1.0 in a file is 1 V, dry and wet alike."""

    circuit: str = "sd1"
    drive: dict[str, str | float] = {"Low": "9:00", "Mid": "12:00", "High": "3:00"}
    controls: dict[str, str | float] = {"tone": "12:00", "level": "12:00"}  # the same in every recording
    sample_rate: int = 44_100  # Hz
    train_seconds: float = 180.0
    validation_seconds: float = 12.0
    riff_seconds: float = 8.0
    seed: int = 25


def render_dataset(
    settings: VirtualDataset,
    folder: Path | str,
    workers: executor.Executor | None = None,
    report: Callable[[float], None] = lambda share: None,
) -> Dataset:
    """Render every recording of ``settings`` into ``folder`` and describe it in ``dataset.toml``.

    What is there already from the same settings is kept, so an interrupted rendering goes on. ``report(share)`` is
    told how much of the audio is done, in [0, 1].

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
    clips = _dry_clips(settings)
    circuits.load(settings.circuit, sample_rate=settings.sample_rate)  # so that a mistake shows before files are made
    files.write_json(folder / MADE_FROM, recipe)
    for _, clip, dry in clips:
        audio.write(folder / "dry" / f"{clip}.wav", dry, settings.sample_rate)
    tasks = [
        (
            settings,
            folder / "dry" / f"{clip}.wav",
            _wet_path(folder, level, clip),
            {"drive": drive, **settings.controls},
        )
        for _, clip, _ in clips
        for level, drive in settings.drive.items()
    ]
    lengths = [len(dry) for _, _, dry in clips for _ in settings.drive]
    shares = [0.0] * len(tasks)

    def tell(index: int, share: float) -> None:
        shares[index] = share
        report(float(np.dot(shares, lengths)) / sum(lengths))

    for outcome in (workers or executor.Inline()).map(_render_one, tasks, tell):
        if outcome.error:
            raise outcome.error
    recordings = [
        Recording(
            id=f"{clip}-{level.lower()}",
            clip=clip,
            role=role,
            dry=f"dry/{clip}.wav",
            wet=_wet_path(folder, level, clip).relative_to(folder).as_posix(),
            controls={"drive": drive, **settings.controls},
            dry_sha256=files.sha256(folder / "dry" / f"{clip}.wav"),
            wet_sha256=files.sha256(_wet_path(folder, level, clip)),
        )
        for role, clip, _ in clips
        for level, drive in settings.drive.items()
    ]
    manifest = Manifest(
        name=f"virtual-{settings.circuit}",
        device=f"virtual {settings.circuit} (circuit simulation)",
        licence="made by code, free of rights",
        chain=Chain(sample_rate=settings.sample_rate, description="built-in guitar through the circuit; 1.0 is 1 V"),
        recording=recordings,
    )
    return write_manifest(folder, manifest)


def _dry_clips(settings: VirtualDataset) -> list[tuple[Role, str, np.ndarray]]:
    """(role, name, dry signal), the longest first so that parallel rendering ends together."""
    rate = settings.sample_rate
    return [
        ("train", "training-track", signals.training_track(rate, settings.train_seconds, settings.seed)),
        ("validation", "validation-riff", signals.validation_riff(rate, settings.validation_seconds)),
        *(("test", name, riff) for name, riff in signals.test_riffs(rate, settings.riff_seconds).items()),
    ]


def _wet_path(folder: Path, level: str, clip: str) -> Path:
    return folder / "wet" / level.lower() / f"{clip}.wav"


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
