"""Import of the published study's tree: ``Data/<effect>/<version>/{Train,Val,Test}/<level>/{Dry/d_*,Wet/w_*}``.

Older trees name the folders ``Clean/c_*`` and ``Distorted/d_*``. There ``d_`` means distorted and in newer ones dry, so
the folder decides, never the prefix.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from drywet import files
from drywet.dataset.manifest import MANIFEST, Chain, Dataset, Manifest, Recording, Role, write_manifest
from drywet.dataset.pair import load_pair
from drywet.errors import DatasetError

ROLES: dict[str, Role] = {"Train": "train", "Val": "validation", "Test": "test"}
NAMING = [(("Dry", "d_"), ("Wet", "w_")), (("Clean", "c_"), ("Distorted", "d_"))]
DRIVE_POSITIONS = {"Low": "9:00", "Mid": "12:00", "High": "3:00"}


def import_published(
    tree: Path | str,
    drive: Mapping[str, str | float] = DRIVE_POSITIONS,
    *,
    device: str = "",
    licence: str = "",
) -> Dataset:
    """Write a ``dataset.toml`` into ``tree`` that describes the recordings in it; the audio stays where it is.

    Parameters
    ----------
    tree : path
        The folder that holds ``Train``, ``Val`` and ``Test`` (any of them may be missing).
    drive : mapping
        Position of the drive knob for each level folder.
    device, licence : str
        For the manifest; the device is named like the folder above ``tree`` unless given.

    Raises
    ------
    DatasetError
        If nothing is found, a dry file has no wet partner or the other way round, rates differ, or a level's knob
        position is not given.
    """
    tree = Path(tree)
    if (tree / MANIFEST).exists():
        raise DatasetError(f"{tree / MANIFEST}: is there already; move it away to import the tree anew")
    recordings, rates = [], {}
    for role_folder, role in ROLES.items():
        for level_folder in sorted(path for path in (tree / role_folder).glob("*") if path.is_dir()):
            if level_folder.name not in drive:
                raise DatasetError(
                    f"{level_folder}: at which drive was {level_folder.name!r} recorded? Known are {', '.join(drive)}; "
                    f"say it with --drive {level_folder.name}=12:00"
                )
            for song, dry, wet in _pairs(level_folder):
                rates[dry] = load_pair(dry, wet).sample_rate
                recordings.append(
                    Recording(
                        id=f"{role}-{level_folder.name}-{song}".lower(),
                        clip=song,
                        role=role,
                        dry=dry.relative_to(tree).as_posix(),
                        wet=wet.relative_to(tree).as_posix(),
                        controls={"drive": drive[level_folder.name]},
                        dry_sha256=files.sha256(dry),
                        wet_sha256=files.sha256(wet),
                    )
                )
    if not recordings:
        raise DatasetError(
            f"{tree}: no recordings found. Expected {tree}/Train/<level>/Dry/d_<song>.wav with Wet/w_<song>.wav beside it "
            "(or Clean/c_*, Distorted/d_*)"
        )
    check_one_rate(rates)
    return write_manifest(
        tree,
        Manifest(
            name=tree.name,
            device=device or tree.resolve().parent.name,
            licence=licence,
            chain=Chain(sample_rate=next(iter(rates.values())), description="imported from a published-study tree"),
            recording=recordings,
        ),
    )


def _pairs(level_folder: Path) -> Iterator[tuple[str, Path, Path]]:
    """(song, dry file, wet file) of one level, in the order of the songs' names."""
    for (dry_name, dry_prefix), (wet_name, wet_prefix) in NAMING:
        dry = _songs(level_folder / dry_name, dry_prefix)
        wet = _songs(level_folder / wet_name, wet_prefix)
        alone = sorted(dry.keys() ^ wet.keys())
        if alone:
            have, lack = (dry_name, wet_name) if alone[0] in dry else (wet_name, dry_name)
            raise DatasetError(
                f"{level_folder}: {alone[0]!r} is in {have} but not in {lack}; {len(alone)} without partner"
            )
        for song in sorted(dry):
            yield song, dry[song], wet[song]


def _songs(folder: Path, prefix: str) -> dict[str, Path]:
    found = [path for path in folder.glob("*") if path.suffix.lower() in (".wav", ".flac")]
    return {path.stem.removeprefix(prefix): path for path in found}


def check_one_rate(rates: Mapping[Path, int]) -> None:
    """DatasetError if files, given with their sample rates in Hz, do not all have the same."""
    first_path, first_rate = next(iter(rates.items()))
    for path, rate in rates.items():
        if rate != first_rate:
            raise DatasetError(f"{path}: sample rate is {rate} Hz, but {first_path} has {first_rate} Hz; convert one")
