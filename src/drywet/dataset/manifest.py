"""``dataset.toml``: what was recorded, with which knobs, for which role, and the checksum of every file."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

import tomli_w
from pydantic import AfterValidator, Field, field_validator, model_validator

from drywet import controls as knobs
from drywet import files
from drywet.dataset.pair import Pair, load_pair, take_out_latency
from drywet.errors import DatasetError
from drywet.settings import Settings, fingerprint, parse

MANIFEST = "dataset.toml"

Role = Literal["train", "validation", "test"]


def _on_one_line(name: str) -> str:
    if not name.isprintable():
        raise ValueError("a name has no line breaks or control characters")
    return name


OneLine = Annotated[str, Field(max_length=1000), AfterValidator(_on_one_line)]
Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_on_one_line)]


class Chain(Settings):
    """How dry and wet came to be simultaneous files."""

    sample_rate: int = Field(ge=8_000, le=384_000)  # Hz
    interface: str = ""
    input_gain_db: float | None = None
    latency: int = 0  # samples by which wet trails dry in the files, beyond the device itself; taken out when read
    description: str = ""


class Recording(Settings):
    """One pair of files, or a part of it. Paths are relative to the manifest and never leave its folder."""

    id: Name
    clip: Name  # the music played, whatever the knobs
    role: Role
    dry: str
    wet: str
    start: int | None = Field(default=None, ge=0)  # first sample and the one after the last, chain.latency taken out;
    stop: int | None = Field(default=None, ge=1)  # without them the recording is the whole of its files
    controls: dict[Name, knobs.Position] = {}  # times of a movement count from the beginning of the files
    dry_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    wet_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")

    @field_validator("dry", "wet")
    @classmethod
    def _stays_inside(cls, path: str) -> str:
        if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts or "\\" in path or ":" in path:
            raise ValueError("a path is relative to the manifest, uses '/', and stays in its folder")
        return _on_one_line(path)

    @model_validator(mode="after")
    def _holds_samples(self) -> "Recording":
        if self.stop is not None and self.stop <= (self.start or 0):
            raise ValueError(f"a part goes from start to stop; {self.start or 0} to {self.stop} holds no samples")
        return self

    @property
    def part(self) -> slice:
        """Its samples within the pair of files."""
        return slice(self.start, self.stop)

    def movements(self) -> dict[str, knobs.Movement]:
        """Where each knob stands or goes."""
        return {name: knobs.movement(position) for name, position in self.controls.items()}

    def rotations(self) -> dict[str, float]:
        """Positions in [0, 1] of the knobs that stand still."""
        return {name: move.rotations[0] for name, move in self.movements().items() if move.is_still}


class Manifest(Settings):
    """The whole of ``dataset.toml``."""

    format: Literal[1] = 1
    name: OneLine
    device: OneLine
    licence: OneLine = ""
    chain: Chain
    recording: list[Recording] = Field(default=[], max_length=100_000)


class Dataset:
    """A folder with a manifest. Every file is checked against its SHA-256 when it is read."""

    def __init__(self, folder: Path | str):
        self.folder = Path(folder)
        path = self.folder / MANIFEST
        if not path.is_file():
            raise DatasetError(f"{self.folder}: is no dataset, it holds no {MANIFEST}")
        self.manifest = parse(Manifest, files.read_toml(path), str(path))
        check_manifest(self.manifest, path)

    @property
    def sample_rate(self) -> int:
        """Hz, of every file."""
        return self.manifest.chain.sample_rate

    @property
    def sha256(self) -> str:
        """Identity of the content: roles, knobs, parts, latency and file checksums, whatever the files are called."""
        rows: list[tuple[Any, ...]] = []
        for r in self.manifest.recording:
            positions = sorted((name, move.as_json()) for name, move in r.movements().items())
            part = () if r.part == slice(None) else (r.start, r.stop)
            rows.append((r.clip, r.role, positions, r.dry_sha256, r.wet_sha256, *part))
        latency = self.manifest.chain.latency
        return fingerprint([*sorted(rows, key=str), *([latency] if latency else [])])

    def recordings(self, role: Role, controls: Mapping[str, str | float] | None = None) -> list[Recording]:
        """The recordings of a role whose knobs stand where ``controls`` says.

        Knobs it does not name may be anywhere, and may move; one that it names stands still all the time.

        Raises
        ------
        DatasetError
            If there is none.
        """
        wanted = {name: knobs.rotation(position) for name, position in (controls or {}).items()}
        if not self.manifest.recording:
            raise DatasetError(
                f"{self.folder / MANIFEST}: holds no recordings yet; add some with "
                f"`drywet dataset add {self.folder} dry.wav wet.wav --role {role}`"
            )
        found = [r for r in self.manifest.recording if r.role == role and wanted.items() <= r.rotations().items()]
        if not found:
            at = knobs.describe_all(controls or {}) or "any knobs"
            there = sorted({knobs.describe_all(r.controls) for r in self.manifest.recording if r.role == role})
            raise DatasetError(
                f"{self.folder / MANIFEST}: no recording for {role} at {at}; there are {role} recordings at: "
                + ("; ".join(there) or "none")
            )
        return found

    def load(self, recording: Recording) -> Pair:
        """The pair of a recording: simultaneous (``chain.latency`` is taken out) and cut to its part.

        Raises
        ------
        DatasetError
            If a file is missing or its checksum is another, or the part reaches beyond its end.
        SignalError
            If the files are no pair; see :func:`drywet.dataset.pair.load_pair`.
        """
        return self.load_whole(recording)[recording.part]

    def load_whole(self, recording: Recording) -> Pair:
        """As :func:`load`, but all of the files: what was played before and after the part as well."""
        self.check_files(recording)
        pair = load_pair(self.folder / recording.dry, self.folder / recording.wet, self.sample_rate)
        pair = take_out_latency(pair, self.manifest.chain.latency, str(self.folder / recording.wet))
        last = max(recording.stop or 0, (recording.start or 0) + 1)
        if last > len(pair):
            raise DatasetError(
                f"{self.folder / MANIFEST}: {recording.id} goes to sample {last}, but {recording.wet} holds {len(pair)}"
            )
        return replace(pair, controls=recording.movements())

    def check_files(self, recording: Recording) -> None:
        """DatasetError if a file of the recording is missing or has changed since the manifest was written."""
        for name, expected in ((recording.dry, recording.dry_sha256), (recording.wet, recording.wet_sha256)):
            path = self.folder / name
            if not path.is_file():
                raise DatasetError(
                    f"{path}: named by {self.folder / MANIFEST} ({recording.id}), but there is no such file"
                )
            try:
                found = files.sha256(path)
            except OSError as error:
                raise DatasetError(f"{path}: cannot be read ({error.strerror or error})") from error
            if found != expected:
                raise DatasetError(
                    f"{path}: has changed since the dataset was made (SHA-256 {found[:12]}…, the manifest says "
                    f"{expected[:12]}…). Put the old file back, or make the dataset again"
                )


def check_manifest(manifest: Manifest, path: Path) -> None:
    """DatasetError unless every id names one recording, and no dry audio stands in two roles.

    Else the score would be that of audio the model was trained on. Here the same files, and overlapping parts of them,
    are found; :mod:`drywet.dataset.leakage` listens.
    """
    for name, times in Counter(recording.id for recording in manifest.recording).most_common(1):
        if times > 1:
            raise DatasetError(f"{path}: the id {name!r} names {times} recordings; make it unique")
    same_file: dict[str, list[Recording]] = {}
    for recording in manifest.recording:
        same_file.setdefault(recording.dry_sha256, []).append(recording)
    for recordings in same_file.values():
        latest: dict[str, Recording] = {}  # of each role, the part that reaches furthest
        for recording in sorted(recordings, key=lambda r: r.start or 0):
            for other in latest.values():
                if other.role != recording.role and _end(other) > (recording.start or 0):
                    raise DatasetError(
                        f"{path}: {recording.id} ({recording.role}) and {other.id} ({other.role}) hold the same dry audio; "
                        "training, validation and test never share audio"
                    )
            latest[recording.role] = max(latest.get(recording.role, recording), recording, key=_end)


def _end(recording: Recording) -> float:
    return math.inf if recording.stop is None else recording.stop


def write_manifest(folder: Path | str, manifest: Manifest) -> Dataset:
    """Write ``dataset.toml`` and open the dataset it describes; one that would be refused is not written."""
    check_manifest(manifest, Path(folder) / MANIFEST)
    values = manifest.model_dump(exclude_none=True)
    files.write_text(Path(folder) / MANIFEST, tomli_w.dumps(values))
    return Dataset(folder)
