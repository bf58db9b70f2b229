"""Held-out recordings to score an Effect on."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from drywet.dataset import Dataset, Pair, load_pair


@dataclass(frozen=True)
class Clip:
    """A recording under evaluation: all of it, or the part from ``start`` to ``stop`` (samples).

    The Effect hears the whole file, so that its state at ``start`` is what the music before has made of it.
    """

    name: str
    pair: Pair
    dry_path: Path
    wet_path: Path
    controls: dict[str, str | float] = field(default_factory=dict)
    start: int | None = None
    stop: int | None = None


def test_clips(dataset: Dataset, controls: dict[str, str | float]) -> list[Clip]:
    """The test recordings of ``dataset`` with these knob positions, in the manifest's order."""
    return [
        Clip(
            name=recording.clip,
            pair=dataset.load(recording),
            dry_path=dataset.folder / recording.dry,
            wet_path=dataset.folder / recording.wet,
            controls=recording.controls,
        )
        for recording in dataset.recordings("test", controls)
    ]


def clip_of_files(
    dry_path: Path | str, wet_path: Path | str, start: int | None = None, stop: int | None = None
) -> Clip:
    """One pair of files as a clip, named after the wet file."""
    dry_path, wet_path = Path(os.path.abspath(dry_path)), Path(os.path.abspath(wet_path))
    return Clip(wet_path.stem, load_pair(dry_path, wet_path), dry_path, wet_path, start=start, stop=stop)
