"""Datasets that grow by hand: an empty one, and pairs copied into it, each checked before anything is written."""

import itertools
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from drywet import controls as knobs
from drywet import files
from drywet.dataset import leakage
from drywet.dataset.manifest import MANIFEST, Chain, Dataset, Manifest, Recording, Role, check_manifest, write_manifest
from drywet.dataset.pair import load_pair
from drywet.errors import DatasetError, SettingsError
from drywet.settings import parse

LONGEST_FILE_NAME = 80  # characters


@dataclass(frozen=True)
class NewPair:
    """A pair of files to be added. Without a clip it is named after the dry file, without an id after clip and knobs."""

    dry: Path
    wet: Path
    role: Role
    controls: Mapping[str, knobs.Position] = field(default_factory=dict)
    clip: str = ""
    id: str = ""


def create_dataset(folder: Path | str, chain: Chain, device: str, licence: str = "", name: str = "") -> Dataset:
    """An empty dataset in ``folder``; its name is the folder's unless given.

    Raises
    ------
    DatasetError
        If there is a dataset already.
    SettingsError
        If the device or a name is impossible.
    """
    folder = Path(folder)
    if (folder / MANIFEST).exists():
        raise DatasetError(f"{folder / MANIFEST}: is there already; add recordings to it, or choose another folder")
    values = {"name": name or folder.resolve().name, "device": device, "licence": licence, "chain": chain}
    return write_manifest(folder, parse(Manifest, values, str(folder)))


def add_pairs(folder: Path | str, pairs: Sequence[NewPair]) -> list[Recording]:
    """Copy pairs into the dataset in ``folder`` and return how they are listed; all of them, or none.

    The files are copied as they are, byte by byte, into ``dry/`` and ``wet/``; a dry file that is there already is not
    copied again. The originals stay. The manifest is written last, so after a crash it lists what it listed before.

    Raises
    ------
    DatasetError
        If a pair is there already, or shares dry audio with a recording of another role; see
        :mod:`drywet.dataset.leakage`.
    SignalError
        If the files are no pair, or not of the dataset's sample rate.
    SettingsError
        If a knob, a name or the role is impossible, or the knobs are not those of the recordings that are there.
    StorageError
        If a file cannot be copied.
    """
    dataset = Dataset(folder)
    before = files.sha256(dataset.folder / MANIFEST)
    listed = list(dataset.manifest.recording)
    new: list[Recording] = []
    for pair in pairs:
        new.append(_describe(pair, [*listed, *new], dataset))
    manifest = dataset.manifest.model_copy(update={"recording": [*listed, *new]})
    check_manifest(manifest, dataset.folder / MANIFEST)
    _refuse_leaks(dataset, new, pairs)
    there = {recording.dry for recording in listed}
    for recording, pair in zip(new, pairs, strict=True):
        _copy(pair.wet, dataset.folder / recording.wet)
        if recording.dry not in there:
            _copy(pair.dry, dataset.folder / recording.dry)
            there.add(recording.dry)
    for recording in new:
        dataset.check_files(recording)  # a source that changed while it was copied
    if files.sha256(dataset.folder / MANIFEST) != before:
        raise DatasetError(
            f"{dataset.folder / MANIFEST}: was changed by another program meanwhile; add the pairs again"
        )
    write_manifest(dataset.folder, manifest)
    return new


def file_name(text: str) -> str:
    """``text`` as a file name on any system, without an ending.

    >>> file_name("lead: drive 3:00"), file_name("../../etc")
    ('lead-drive-3-00', 'etc')
    """
    return re.sub(r"[^\w.]+", "-", text).strip("-._")[:LONGEST_FILE_NAME].strip("-._") or "recording"


def _describe(pair: NewPair, listed: Sequence[Recording], dataset: Dataset) -> Recording:
    """The entry of a pair, its files checked, its names free."""
    load_pair(pair.dry, pair.wet, dataset.sample_rate)
    dry_sha256, wet_sha256 = files.sha256(pair.dry), files.sha256(pair.wet)
    if dry_sha256 == wet_sha256:
        raise DatasetError(f"{pair.wet}: is the same file as {pair.dry}; give what came out of the device as wet")
    for other in listed:
        if other.wet_sha256 == wet_sha256:
            raise DatasetError(
                f"{pair.wet}: is in the dataset already, as {other.wet} of the recording {other.id} "
                f"({knobs.describe_all(other.controls) or 'no knobs'})"
            )
    if listed:
        _same_knobs(pair, listed[0])
    clip = pair.clip or _clip(pair.dry)
    ids = {r.id for r in listed}
    plain = file_name(f"{clip} {knobs.describe_all(pair.controls)}")
    identifier = pair.id or next(name for name in _numbered(plain) if name not in ids)
    if identifier in ids:
        raise DatasetError(
            f"{dataset.folder}: has a recording {identifier} already; choose another --id for {pair.wet}"
        )
    taken = {path.lower() for r in listed for path in (r.dry, r.wet)}
    known = next((r.dry for r in listed if r.dry_sha256 == dry_sha256), None)
    values = {
        "id": identifier,
        "clip": clip,
        "role": pair.role,
        "dry": known or _free_path(dataset, taken, "dry", clip, pair.dry, dry_sha256),
        "wet": _free_path(dataset, taken, "wet", identifier, pair.wet, wet_sha256),
        "controls": dict(pair.controls),
        "dry_sha256": dry_sha256,
        "wet_sha256": wet_sha256,
    }
    return parse(Recording, values, str(pair.wet))


def _same_knobs(pair: NewPair, other: Recording) -> None:
    unknown = sorted(pair.controls.keys() ^ other.controls.keys())
    if unknown:
        here = ", ".join(other.controls) or "none"
        raise SettingsError(
            f"{pair.wet}: its knobs are {', '.join(pair.controls) or 'none'}, but those of {other.id} are {here}. Say where "
            f"each knob stood, with --knob {unknown[0]}=12:00 for example, in every recording of a dataset or in none"
        )


def _clip(dry: Path) -> str:
    """The name of a dry file without what marks it as dry; that of its folder when nothing is left."""
    if dry.stem.lower() == "dry":
        return dry.resolve().parent.name or "dry"
    return re.sub(r"^(d|dry)[ _-]+|[ _-]+dry$", "", dry.stem, flags=re.IGNORECASE) or dry.stem


def _numbered(name: str) -> Iterator[str]:
    """``name``, ``name-2``, ``name-3`` ..."""
    yield name
    yield from (f"{name}-{number}" for number in itertools.count(2))


def _free_path(dataset: Dataset, taken: set[str], part: str, name: str, source: Path, sha256: str) -> str:
    """Where a copy of ``source`` goes: never over another recording's file, nor over one that nobody listed."""
    ending = re.sub(r"[^a-z0-9.]", "", source.suffix.lower())
    for free in _numbered(f"{part}/{file_name(name)}"):
        path = dataset.folder / f"{free}{ending}"
        # Some systems do not tell A.wav from a.wav. A file of the same content is what an interrupted copy left.
        if f"{free}{ending}".lower() not in taken and (not path.exists() or files.sha256(path) == sha256):
            return f"{free}{ending}"
    raise AssertionError("there is always another number")


def _refuse_leaks(dataset: Dataset, new: Sequence[Recording], pairs: Sequence[NewPair]) -> None:
    """Listen to what is new and to what is there in other roles."""
    roles = {recording.role for recording in new}
    others = [r for r in dataset.manifest.recording if roles - {r.role}]
    ahead = max(-dataset.manifest.chain.latency, 0)
    heard = {
        (recording.role, recording.dry_sha256): leakage.listen(pair.dry, recording.id, recording.role, ahead)
        for recording, pair in zip(new, pairs, strict=True)
        if others or len(roles) > 1
    }
    if heard:
        known = leakage.listen_to(dataset.folder, dataset.manifest, others)
        leakage.refuse_leaks(list(heard.values()), str(dataset.folder), known)


def _copy(source: Path, target: Path) -> None:
    if not target.exists():
        with files.atomic_path(target) as temporary:
            shutil.copyfile(source, temporary)
