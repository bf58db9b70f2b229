"""Held-out recordings to score an Effect on."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from drywet import controls as knobs
from drywet.dataset import Dataset, Pair, Recording, load_pair


@dataclass(frozen=True)
class Clip:
    """A recording under evaluation: all of it, or the part from ``start`` to ``stop`` (samples).

    The Effect hears the whole file, so that its state at ``start`` is what the music before has made of it.
    """

    name: str
    pair: Pair
    dry_path: Path
    wet_path: Path
    controls: Mapping[str, knobs.Position] = field(default_factory=dict)  # where the knobs stood when it was recorded
    start: int | None = None
    stop: int | None = None
    latency: int = 0  # samples by which wet trails dry in the files; in ``pair`` it is taken out


def test_clips(dataset: Dataset, controls: Mapping[str, str | float]) -> list[Clip]:
    """The test recordings of ``dataset`` with these knob positions, in the manifest's order.

    Where the same music was recorded at several positions, the clips' names say which: ``chords at drive 9:00``; where
    there are several recordings at one position, their names end with the recording's id.
    """
    recordings = dataset.recordings("test", controls)
    return [
        Clip(
            name=_name(recording, recordings),
            pair=dataset.load_whole(recording),
            dry_path=dataset.folder / recording.dry,
            wet_path=dataset.folder / recording.wet,
            controls=recording.controls,
            start=recording.start,
            stop=recording.stop,
            latency=dataset.manifest.chain.latency,
        )
        for recording in recordings
    ]


def _name(recording: Recording, recordings: list[Recording]) -> str:
    same = [other.movements() for other in recordings if other.clip == recording.clip]
    own = recording.movements()
    differing = {name: recording.controls[name] for name in own if any(own[name] != other.get(name) for other in same)}
    name = f"{recording.clip} at {knobs.describe_all(differing)}" if differing else recording.clip
    return f"{name}, {recording.id}" if same.count(own) > 1 else name


def clip_of_files(
    dry_path: Path | str, wet_path: Path | str, start: int | None = None, stop: int | None = None
) -> Clip:
    """One pair of files as a clip, named after the wet file."""
    dry_path, wet_path = Path(os.path.abspath(dry_path)), Path(os.path.abspath(wet_path))
    return Clip(wet_path.stem, load_pair(dry_path, wet_path), dry_path, wet_path, start=start, stop=stop)
