"""Import of recordings as people keep them: a folder of pairs, or one stereo file with dry on one side and wet on the other."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from drywet import audio, files
from drywet import controls as knobs
from drywet.dataset.collect import file_name
from drywet.dataset.manifest import MANIFEST, Chain, Dataset, Manifest, Recording, Role, write_manifest
from drywet.dataset.pair import load_pair
from drywet.dataset.pairs import find_pairs
from drywet.dataset.published import check_one_rate
from drywet.errors import AudioFileError, DatasetError
from drywet.settings import parse

WITHIN_24_BIT = ("PCM_S8", "PCM_U8", "PCM_16", "PCM_24")  # other samples are kept as float


def import_pairs(
    folder: Path | str,
    role: Role = "train",
    controls: Mapping[str, knobs.Position] | None = None,
    *,
    device: str = "",
    licence: str = "",
) -> Dataset:
    """Write a ``dataset.toml`` into ``folder`` that describes the pairs in it; the audio stays where it is.

    Which files belong together is told from their names, see :func:`drywet.dataset.pairs.find_pairs`. All pairs get the
    same role and knobs; ``drywet dataset split`` cuts them in time.

    Raises
    ------
    DatasetError
        If there is a dataset already, no pair is found, a file lacks its partner, or rates differ.
    SignalError
        If files are no pair; see :func:`drywet.dataset.pair.load_pair`.
    """
    folder = Path(folder)
    _refuse_dataset(folder)
    recordings, rates = [], {}
    for pair in find_pairs(folder):
        rates[pair.dry] = load_pair(pair.dry, pair.wet).sample_rate
        recordings.append(_recording(folder, pair.name, role, pair.dry, pair.wet, controls or {}))
    check_one_rate(rates)
    chain = Chain(sample_rate=next(iter(rates.values())), description="imported from a folder of pairs")
    return _write(folder, device, licence, chain, recordings)


def import_stereo(
    path: Path | str,
    folder: Path | str,
    role: Role = "train",
    controls: Mapping[str, knobs.Position] | None = None,
    *,
    left: Literal["wet", "dry"] = "wet",
    device: str = "",
    licence: str = "",
) -> Dataset:
    """A dataset in ``folder`` of one stereo recording: one side went into the device, the other came out.

    The sides become mono files of the same samples: 24 bit where the file has no more, else 32-bit float.

    Raises
    ------
    AudioFileError
        If the file cannot be read or has not two channels.
    DatasetError
        If there is a dataset already.
    """
    path, folder = Path(path), Path(folder)
    _refuse_dataset(folder)
    with audio.open_reader(path, channel=0) as reader:
        rate, channels, subtype = reader.sample_rate, reader.channels, reader.subtype
    if channels != 2:
        raise AudioFileError(
            f"{path}: has {channels} channel{'s' if channels > 1 else ''}, 2 are needed, dry and wet. Two mono files are "
            "added with `drywet dataset add`"
        )
    name = file_name(path.stem)
    sides = {side: folder / side / f"{name}.wav" for side in ("dry", "wet")}
    for target in sides.values():
        if target.exists():
            raise DatasetError(f"{target}: is there already; choose another folder, or move it away")
    for side in sides:
        samples, _ = audio.read(path, channel=0 if side == left else 1)
        audio.write(sides[side], samples, rate, subtype="PCM_24" if subtype in WITHIN_24_BIT else "FLOAT")
    load_pair(sides["dry"], sides["wet"])
    recording = _recording(folder, name, role, sides["dry"], sides["wet"], controls or {})
    chain = Chain(sample_rate=rate, description=f"imported from the stereo file {path.name}, {left} on the left")
    return _write(folder, device, licence, chain, [recording])


def _refuse_dataset(folder: Path) -> None:
    if (folder / MANIFEST).exists():
        raise DatasetError(
            f"{folder / MANIFEST}: is there already; move it away, or add to it with `drywet dataset add`"
        )


def _recording(
    folder: Path, name: str, role: Role, dry: Path, wet: Path, controls: Mapping[str, knobs.Position]
) -> Recording:
    values = {
        "id": name,
        "clip": name,
        "role": role,
        "dry": dry.relative_to(folder).as_posix(),
        "wet": wet.relative_to(folder).as_posix(),
        "controls": dict(controls),
        "dry_sha256": files.sha256(dry),
        "wet_sha256": files.sha256(wet),
    }
    return parse(Recording, values, str(wet))


def _write(folder: Path, device: str, licence: str, chain: Chain, recordings: list[Recording]) -> Dataset:
    name = folder.resolve().name
    values = {"name": name, "device": device or name, "licence": licence, "chain": chain, "recording": recordings}
    return write_manifest(folder, parse(Manifest, values, str(folder)))
