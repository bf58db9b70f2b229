"""``dataset.toml``: what was recorded, with which knobs, for which role, and the checksum of every file."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Literal

import tomli_w
from pydantic import Field, field_validator

from drywet import controls as knobs
from drywet import files
from drywet.dataset.pair import Pair, load_pair
from drywet.errors import DatasetError
from drywet.settings import Settings, fingerprint, parse

MANIFEST = "dataset.toml"

Role = Literal["train", "validation", "test"]


class Chain(Settings):
    """How dry and wet came to be simultaneous files."""

    sample_rate: int = Field(ge=8_000, le=384_000)  # Hz
    interface: str = ""
    input_gain_db: float | None = None
    latency: int = 0  # samples by which wet trails dry in the files, beyond the device itself
    description: str = ""


class Recording(Settings):
    """One pair of files. Paths are relative to the manifest and never leave its folder."""

    id: str = Field(min_length=1, max_length=200)
    clip: str = Field(min_length=1, max_length=200)  # the music played, whatever the knobs
    role: Role
    dry: str
    wet: str
    controls: dict[str, knobs.Position] = {}
    dry_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    wet_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")

    @field_validator("dry", "wet")
    @classmethod
    def _stays_inside(cls, path: str) -> str:
        if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts or "\\" in path or ":" in path:
            raise ValueError("a path is relative to the manifest, uses '/', and stays in its folder")
        return path

    def movements(self) -> dict[str, knobs.Movement]:
        """Where each knob stands or goes."""
        return {name: knobs.movement(position) for name, position in self.controls.items()}

    def rotations(self) -> dict[str, float]:
        """Positions in [0, 1] of the knobs that stand still."""
        return {name: move.rotations[0] for name, move in self.movements().items() if move.is_still}


class Manifest(Settings):
    """The whole of ``dataset.toml``."""

    format: Literal[1] = 1
    name: str
    device: str
    licence: str = ""
    chain: Chain
    recording: list[Recording] = Field(min_length=1, max_length=100_000)


class Dataset:
    """A folder with a manifest. Every file is checked against its SHA-256 when it is read."""

    def __init__(self, folder: Path | str):
        self.folder = Path(folder)
        path = self.folder / MANIFEST
        if not path.is_file():
            raise DatasetError(f"{self.folder}: is no dataset, it holds no {MANIFEST}")
        self.manifest = parse(Manifest, files.read_toml(path), str(path))
        if self.manifest.chain.latency:
            raise DatasetError(
                f"{path}: chain.latency is {self.manifest.chain.latency} samples, but drywet does not shift recordings yet; "
                "cut the files so that dry and wet are simultaneous, and set it to 0"
            )
        ids = [recording.id for recording in self.manifest.recording]
        twice = sorted({name for name in ids if ids.count(name) > 1})
        if twice:
            raise DatasetError(f"{path}: the id {twice[0]!r} names {ids.count(twice[0])} recordings; make it unique")
        self._check_roles(path)

    @property
    def sample_rate(self) -> int:
        """Hz, of every file."""
        return self.manifest.chain.sample_rate

    @property
    def sha256(self) -> str:
        """Identity of the content: roles, knobs and file checksums, whatever the files are called."""
        rows = []
        for r in self.manifest.recording:
            positions = sorted((name, move.as_json()) for name, move in r.movements().items())
            rows.append((r.clip, r.role, positions, r.dry_sha256, r.wet_sha256))
        return fingerprint(sorted(rows, key=str))

    def recordings(self, role: Role, controls: Mapping[str, str | float] | None = None) -> list[Recording]:
        """The recordings of a role whose knobs stand where ``controls`` says.

        Knobs it does not name may be anywhere, and may move; one that it names stands still all the time.

        Raises
        ------
        DatasetError
            If there is none.
        """
        wanted = {name: knobs.rotation(position) for name, position in (controls or {}).items()}
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
        """The pair of a recording, after its checksums were compared."""
        for name, expected in ((recording.dry, recording.dry_sha256), (recording.wet, recording.wet_sha256)):
            path = self.folder / name
            if not path.is_file():
                raise DatasetError(
                    f"{path}: named by {self.folder / MANIFEST} ({recording.id}), but there is no such file"
                )
            found = files.sha256(path)
            if found != expected:
                raise DatasetError(
                    f"{path}: has changed since the dataset was made (SHA-256 {found[:12]}…, the manifest says "
                    f"{expected[:12]}…). Put the old file back, or make the dataset again"
                )
        pair = load_pair(self.folder / recording.dry, self.folder / recording.wet, self.sample_rate)
        return replace(pair, controls=recording.movements())

    def _check_roles(self, path: Path) -> None:
        """No dry audio may stand in two roles: the score would be that of audio the model was trained on."""
        roles: dict[str, Recording] = {}
        for recording in self.manifest.recording:
            other = roles.setdefault(recording.dry_sha256, recording)
            if other.role != recording.role:
                raise DatasetError(
                    f"{path}: {recording.id} ({recording.role}) and {other.id} ({other.role}) hold the same dry audio; "
                    "training, validation and test never share audio"
                )


def write_manifest(folder: Path | str, manifest: Manifest) -> Dataset:
    """Write ``dataset.toml`` and open the dataset it describes."""
    values = manifest.model_dump(exclude_none=True)
    files.write_text(Path(folder) / MANIFEST, tomli_w.dumps(values))
    return Dataset(folder)
