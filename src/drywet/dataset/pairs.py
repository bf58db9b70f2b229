"""Which sound files of a folder belong together: dry and wet of one recording, by their names."""

import re
from dataclasses import dataclass
from pathlib import Path

from drywet.audio import ENDINGS
from drywet.errors import DatasetError

_DRY = re.compile(r"(?:d|dry)[ _-]+(?P<after>.+)|(?P<before>.+?)[ _-]+dry|dry", re.IGNORECASE)
_WET = re.compile(r"(?:w|wet)[ _-]+(?P<after>.+)|(?P<before>.+?)[ _-]+wet|wet", re.IGNORECASE)


@dataclass(frozen=True)
class FoundPair:
    """A dry and a wet file, and the name they have in common."""

    name: str
    dry: Path
    wet: Path


def find_pairs(folder: Path | str) -> list[FoundPair]:
    """The pairs in a folder, in the order of their names.

    Either the folder holds folders ``dry`` and ``wet`` with files of the same names (``d_`` and ``w_`` before, or
    ``-dry`` and ``-wet`` behind the name, do not count), or the files stand side by side and are told apart in this way:
    ``d_song.wav`` and ``w_song.wav``, ``song-dry.flac`` and ``song-wet.flac``, or just ``dry.wav`` and ``wet.wav``.

    Raises
    ------
    DatasetError
        If there are none, a file has no partner, or two files have the same name but for their ending.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DatasetError(f"{folder}: {'is a file, not a folder of pairs' if folder.exists() else 'no such folder'}")
    below = {path.name.lower(): path for path in folder.iterdir() if path.is_dir()}
    if "dry" in below and "wet" in below:
        dry, wet = _by_name(below["dry"]), _by_name(below["wet"])
        if dry.keys() != wet.keys():
            dry, wet = _by_name(below["dry"], _DRY), _by_name(below["wet"], _WET)
    else:
        dry, wet = _by_name(folder, _DRY, only_marked=True), _by_name(folder, _WET, only_marked=True)
    alone = sorted(dry.keys() ^ wet.keys())
    if alone:
        path, lacking = (dry[alone[0]], "wet") if alone[0] in dry else (wet[alone[0]], "dry")
        raise DatasetError(
            f"{path}: has no {lacking} partner of the same name ({len(alone)} of {len(dry | wet)} have none). Rename or move "
            "the files so that each dry file has its wet one"
        )
    if not dry:
        raise DatasetError(
            f"{folder}: no pairs found. Expected folders dry/ and wet/ with files of the same names, or d_song.wav beside "
            "w_song.wav, or dry.wav beside wet.wav"
        )
    return [FoundPair(name, dry[name], wet[name]) for name in sorted(dry)]


def _by_name(folder: Path, mark: re.Pattern | None = None, only_marked: bool = False) -> dict[str, Path]:
    """The sound files of ``folder`` by their names without ``mark``."""
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in ENDINGS or path.name.startswith(".") or not path.is_file():
            continue
        match = mark.fullmatch(path.stem) if mark else None
        if only_marked and not match:
            continue
        name = (match["after"] or match["before"] or folder.resolve().name) if match else path.stem
        if name in found:
            raise DatasetError(f"{path}: has the same name as {found[name]}, {name!r}; move one of them away")
        found[name] = path
    return found
