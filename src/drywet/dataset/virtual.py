"""A dataset made from nothing but code: the built-in guitar played through a virtual circuit."""

from collections.abc import Callable
from pathlib import Path

from drywet import audio, circuits, files, signals
from drywet import controls as knobs
from drywet.dataset.manifest import MANIFEST, Chain, Dataset, Manifest, Recording, Role, write_manifest
from drywet.effect import render
from drywet.settings import Settings


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
    settings: VirtualDataset, folder: Path | str, report: Callable[[int, int], None] = lambda done, total: None
) -> Dataset:
    """Render every recording of ``settings`` into ``folder`` and describe it in ``dataset.toml``.

    A dataset that is there already and was made from the same settings is opened, not made again; one that was
    interrupted is made anew. ``report(done, total)`` is called after each recording.
    """
    folder = Path(folder)
    made_from = folder / "made-from.json"
    recipe = {"recipe": 1, **settings.model_dump(mode="json")}
    if made_from.is_file() and files.read_json(made_from) == recipe and (folder / MANIFEST).is_file():
        return Dataset(folder)
    rate = settings.sample_rate
    dry_signals: list[tuple[Role, str, object]] = [
        ("train", "training-track", signals.training_track(rate, settings.train_seconds, settings.seed)),
        ("validation", "validation-riff", signals.validation_riff(rate, settings.validation_seconds)),
        *(("test", name, riff) for name, riff in signals.test_riffs(rate, settings.riff_seconds).items()),
    ]
    effect = circuits.load(settings.circuit, sample_rate=rate)
    recordings = []
    total = len(dry_signals) * len(settings.drive)
    for role, clip, dry in dry_signals:
        dry_path = folder / "dry" / f"{clip}.wav"
        audio.write(dry_path, dry, rate)
        # What the file holds, after rounding to 24 bit, is what goes through the circuit.
        dry, _ = audio.read(dry_path)
        for level, drive in settings.drive.items():
            controls = {"drive": drive, **settings.controls}
            wet_path = folder / "wet" / level.lower() / f"{clip}.wav"
            audio.write(wet_path, render(effect, dry, controls), rate)
            recordings.append(
                Recording(
                    id=f"{clip}-{level.lower()}",
                    clip=clip,
                    role=role,
                    dry=dry_path.relative_to(folder).as_posix(),
                    wet=wet_path.relative_to(folder).as_posix(),
                    controls=controls,
                    dry_sha256=files.sha256(dry_path),
                    wet_sha256=files.sha256(wet_path),
                )
            )
            report(len(recordings), total)
    dataset = write_manifest(
        folder,
        Manifest(
            name=f"virtual-{settings.circuit}",
            device=f"virtual {settings.circuit} (circuit simulation), knobs at "
            + ", ".join(f"{name} {knobs.clock(value)}" for name, value in knobs.resolve(settings.controls, effect.controls).items() if name != "drive"),
            licence="made by code, free of rights",
            chain=Chain(sample_rate=rate, description="built-in guitar through the circuit; 1.0 is 1 V"),
            recording=recordings,
        ),
    )
    files.write_json(made_from, recipe)
    return dataset
