"""Whether a dataset can be used: files as they were, pairs that are recordings of a pedal, no music in two roles."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from drywet import audio
from drywet.dataset import leakage
from drywet.dataset.check import check_pair
from drywet.dataset.manifest import Dataset, Recording
from drywet.dataset.summary import signal_levels
from drywet.errors import AudioFileError, DatasetError, DrywetError, SignalError

Severity = Literal["note", "repair", "fatal"]
SHORTEST_S = 3.0  # of a pair, for what :func:`drywet.dataset.check.check_pair` measures


@dataclass(frozen=True)
class Remark:
    """Something to know about a recording (its id), or about the dataset (an empty id)."""

    recording: str
    severity: Severity
    what: str


@dataclass(frozen=True)
class Audit:
    """What was found; nothing is changed."""

    recordings: int
    remarks: tuple[Remark, ...]

    @property
    def usable(self) -> bool:
        return not any(remark.severity == "fatal" for remark in self.remarks)

    @property
    def verdict(self) -> str:
        """In one line: good, usable, or not usable."""
        count = {kind: sum(r.severity == kind for r in self.remarks) for kind in ("note", "repair", "fatal")}
        if count["fatal"]:
            return f"not usable: {count['fatal']} fault{'s' if count['fatal'] > 1 else ''}"
        if count["repair"]:
            return f"usable with {count['repair']} repair{'s' if count['repair'] > 1 else ''}"
        return "good"

    def as_json(self) -> dict[str, Any]:
        """The audit as a JSON value."""
        return {
            "verdict": self.verdict,
            "usable": self.usable,
            "recordings": self.recordings,
            "remarks": [asdict(remark) for remark in self.remarks],
        }


def audit(dataset: Dataset, report: Callable[[float], None] = lambda share: None) -> Audit:
    """Read every file of a dataset, in blocks, check every pair of files once, and listen for leaks.

    ``report(share)`` is told how much is done, in [0, 1].
    """
    recordings = dataset.manifest.recording
    remarks = _of_the_whole(dataset)
    sound: list[Recording] = []
    pairs: set[tuple[str, str]] = set()
    for number, recording in enumerate(recordings):
        try:
            _check_recording(dataset, recording)
            if (recording.dry, recording.wet) not in pairs:
                pairs.add((recording.dry, recording.wet))
                remarks += _check_pair(dataset, recording)
            sound.append(recording)
        except DrywetError as error:
            remarks.append(Remark(recording.id, "fatal", str(error)))
        report((number + 1) / (len(recordings) + 1))
    for leak in leakage.find_leaks(leakage.listen_to(dataset.folder, dataset.manifest, sound)):
        remarks.append(Remark(leak.second, "fatal", f"{leak}; give both the same role, or leave one out"))
    report(1.0)
    return Audit(len(recordings), tuple(remarks))


def _of_the_whole(dataset: Dataset) -> list[Remark]:
    manifest, folder = dataset.manifest, dataset.folder
    remarks = []
    if not manifest.recording:
        remarks.append(Remark("", "fatal", f"holds no recordings; add some with `drywet dataset add {folder} dry wet`"))
    elif not all(any(r.role == role for r in manifest.recording) for role in leakage.ROLES):
        lacking = [role for role in leakage.ROLES if not any(r.role == role for r in manifest.recording)]
        remarks.append(
            Remark(
                "",
                "repair",
                f"has no recording for {' and '.join(lacking)}; add some, or `drywet dataset split {folder}`",
            )
        )
    if not manifest.licence:
        remarks.append(Remark("", "note", "states no licence; others cannot know what they may do with it"))
    names = {tuple(sorted(r.controls)) for r in manifest.recording}
    if len(names) > 1:
        told = "; ".join(", ".join(knobs) or "none" for knobs in sorted(names))
        remarks.append(Remark("", "repair", f"recordings name different knobs ({told}); say where each knob stood"))
    return remarks


@dataclass(frozen=True)
class _Part:
    """Samples of an open file from ``start`` on, ``length`` of them, counted from 0."""

    reader: audio.Reader
    start: int
    length: int

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, part: slice) -> np.ndarray:
        first, last, _ = part.indices(self.length)
        return self.reader[self.start + first : self.start + max(first, last)]


def _check_pair(dataset: Dataset, recording: Recording) -> list[Remark]:
    """What the check of a pair finds in the whole files, ``chain.latency`` taken out."""
    paths = [dataset.folder / recording.dry, dataset.folder / recording.wet]
    latency = dataset.manifest.chain.latency
    with audio.open_reader(paths[0]) as dry, audio.open_reader(paths[1]) as wet:
        length = len(dry) - abs(latency)
        if length < SHORTEST_S * dataset.sample_rate:
            return []
        found = check_pair(
            _Part(dry, max(-latency, 0), length),
            _Part(wet, max(latency, 0), length),
            dataset.sample_rate,
            names=(str(paths[0]), str(paths[1])),
        )
    return [
        Remark(
            recording.id,
            finding.severity,
            f"{finding.name}: {finding.text}" + (f"; {finding.advice}" if finding.advice else ""),
        )
        for finding in found.findings
        if finding.severity != "ok"
    ]


def _check_recording(dataset: Dataset, recording: Recording) -> None:
    """Raise what is wrong with the files of a recording."""
    dataset.check_files(recording)
    lengths = {}
    for name in (recording.dry, recording.wet):
        path = dataset.folder / name
        with audio.open_reader(path, sample_rate=dataset.sample_rate) as reader:
            lengths[name] = len(reader)
    dry, wet = lengths[recording.dry], lengths[recording.wet]
    if dry != wet:
        raise SignalError(f"{recording.wet}: has {wet} samples, but {recording.dry} has {dry}; a pair is equally long")
    held = dry - abs(dataset.manifest.chain.latency)
    last = max(recording.stop or 0, (recording.start or 0) + 1)
    if last > held:
        raise DatasetError(f"goes to sample {last}, but {recording.wet} holds {max(held, 0)}")
    for name in (recording.dry, recording.wet):
        if signal_levels(dataset.folder / name, recording.start or 0, recording.stop)[1] is None:
            raise AudioFileError(f"{name}: is silent from start to end of the recording")
