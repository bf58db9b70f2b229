"""A capture session: a signal through a device, once for each knob setting, into a dataset.

A folder of a capture holds, beside what every dataset holds::

    takes/<id>-wet.wav      what the interface delivered, from the signal's first sample on, nothing cut
    takes/<id>-dry.wav      the same of the dry return, if there is one
    takes/<id>.json         written last: with it the take is done and never recorded again
    calibration.json        of the loop without a device, if one was measured
    dry/  wet/              simultaneous and equally long: the takes with the latency taken out
"""

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from drywet import audio, files, signals
from drywet import controls as knobs
from drywet.dataset.calibration import CALIBRATION, Calibration
from drywet.dataset.manifest import MANIFEST, Chain, Dataset, Manifest, Recording, write_manifest
from drywet.dataset.takes import SLIP, LatencySource, TakeNote, Verdict, judge
from drywet.errors import CaptureError, DatasetError, SettingsError, SignalError
from drywet.interfaces import Interface, Levels, Take
from drywet.settings import parse

TAKES = "takes"

Position = str | float


class Operator(Protocol):
    """Whoever sits at the device."""

    def ask(self, what_to_do: str) -> None:
        """Have something done, and wait until it is."""

    def tell(self, news: str) -> None:
        """Say what happened."""

    def watch(self, levels: Levels) -> None:
        """Show meters while a take runs."""


@dataclass(frozen=True)
class Plan:
    """What a session is to record.

    Attributes
    ----------
    signal : path
        A mono sound file: what is played.
    folder : path
        The dataset, new or of an earlier session.
    settings : sequence of dict of knob to position
        In the order in which they are recorded; one empty dict for a device without knobs.
    device : str
        Name of the device, for the manifest.
    licence : str
    play_level_dbfs : float or None
        Peak of the signal as it is played; None plays the file as it is.
    dry_return : bool
        The interface records dry too, on its second channel; it is then the dry of the dataset.
    subtype : str
        ``PCM_24`` or ``FLOAT``, of every file.
    tries : int
        Takes made of a setting until one is good.
    """

    signal: Path
    folder: Path
    settings: Sequence[Mapping[str, Position]] = ({},)
    device: str = ""
    licence: str = ""
    play_level_dbfs: float | None = None
    dry_return: bool = False
    subtype: Literal["PCM_24", "FLOAT"] = "PCM_24"
    tries: int = 3


def knob_settings(positions: Mapping[str, Sequence[Position]]) -> list[dict[str, Position]]:
    """Every combination of the positions, the last knob turning most often.

    >>> knob_settings({"drive": ["9:00", "3:00"], "tone": ["12:00"]})
    [{'drive': '9:00', 'tone': '12:00'}, {'drive': '3:00', 'tone': '12:00'}]
    """
    for name, there in positions.items():
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,39}", name):
            raise SettingsError(f"{name!r} is no name for a knob: letters, digits, - and _, beginning with a letter")
        rotations = [knobs.rotation(position) for position in there]
        if len(set(rotations)) < len(rotations) or not rotations:
            raise SettingsError(
                f"knob {name}: each position is given once, not {', '.join(map(str, there)) or 'never'}"
            )
    return [dict(zip(positions, each, strict=True)) for each in itertools.product(*positions.values())]


class Session:
    """A plan, checked against what its folder already holds. Nothing is written before :meth:`run`.

    Attributes
    ----------
    plan : Plan
    sample_rate : int
        Hz, of the signal.
    clip : str
        Name of the signal in the dataset.
    notes : list of TakeNote
        Takes of this signal that are done.
    missing : list of dict
        Settings that have no take yet.

    Raises
    ------
    AudioFileError, SignalError
        If the signal cannot be read, is silent, or would be played above full scale.
    DatasetError
        If the folder holds something else, or takes of another signal, level or format under the same name.
    """

    def __init__(self, plan: Plan):
        self.plan = plan
        signal, self.sample_rate = audio.read(plan.signal)
        self._signal_sha256 = files.sha256(plan.signal)
        self._sent = _at_level(signal, plan)
        self.clip = re.sub(r"[^A-Za-z0-9_-]", "-", plan.signal.stem)[:100]
        self._manifest()
        self.notes = self._read_notes()
        done = [_rotations(note.controls) for note in self.notes]
        self.missing = [setting for setting in plan.settings if _rotations(setting) not in done]
        self._round_trip: float | None = None  # of the first good take; it stays as long as the interface is open
        self._cut: int | None = None

    def run(self, interface: Interface, operator: Operator, calibration: Calibration | None = None) -> Dataset:
        """Record every missing setting; each take is kept as soon as it is good.

        Parameters
        ----------
        interface : Interface
            Open, at the signal's rate, with the wet channel first and the dry return, if the plan has one, second.
        operator : Operator
        calibration : Calibration, optional
            Of the loop. Without it, and without a dry return, the latency is measured on the first take.

        Raises
        ------
        CaptureError
            If a setting has no good take after ``plan.tries``, the interface vanishes, or is not the one that was
            calibrated. What was finished is kept.
        """
        if calibration is not None and calibration.interface != interface.description:
            raise CaptureError(
                f"{self.plan.folder / CALIBRATION} was measured on {calibration.interface}, this is "
                f"{interface.description}. Calibrate again (--calibrate), or delete that file"
            )
        if self.missing and not self.plan.dry_return:
            path = self._dry_path({})
            if not (self.notes and path.is_file()):  # a float file has the time in its header, and so another checksum
                self._write(path, self._sent)
            self._sent = audio.read(path)[0]  # what is played is what is kept, to the bit
        self._round_trip = self._known_round_trip(calibration)
        before: Mapping[str, Position] = {}
        for number, setting in enumerate(self.missing, start=1):
            turned = {name: place for name, place in setting.items() if before.get(name) != place}
            connect = [] if number > 1 else [f"Connect {self.plan.device or 'the device'}"]
            operator.ask(". ".join([*connect, *_instruction(turned)]))
            before = setting
            good = self._good_take(interface, operator, calibration, setting)
            note = self._keep(good, interface, calibration, setting)
            operator.tell(f"{note.id} ({number} of {len(self.missing)}): {note.describe(self.sample_rate)}")
        return Dataset(self.plan.folder)

    def _good_take(
        self, interface: Interface, operator: Operator, calibration: Calibration | None, setting: Mapping[str, Position]
    ) -> "_Good":
        for attempt in itertools.count(1):
            take = interface.play_and_record(self._sent, operator.watch)
            verdict = judge(take, self._sent, self.sample_rate, calibration, self._round_trip)
            if not verdict.problems:
                return _Good(take, verdict, attempt)
            reasons = "; ".join(problem.reason for problem in verdict.problems)
            remedies = ". ".join(dict.fromkeys(problem.remedy for problem in verdict.problems if problem.remedy))
            if attempt == self.plan.tries:
                raise CaptureError(
                    f"{self._name(setting)}: no good take in {attempt} tries; the last: {reasons}. "
                    f"{remedies or 'Close other programs, or give the interface longer blocks'}. Then run the same command "
                    "again; takes that are done are kept"
                )
            operator.tell(f"take {attempt} of {self._name(setting)} is made again: {reasons}")
            if remedies:
                operator.ask(remedies)
        raise AssertionError  # the loop does not end by itself

    def _keep(
        self, good: "_Good", interface: Interface, calibration: Calibration | None, setting: Mapping[str, Position]
    ) -> TakeNote:
        """Write a take's files, then the manifest, then its note: with that it is done."""
        folder, name, verdict = self.plan.folder, self._name(setting), good.verdict
        if self._round_trip is None:
            self._round_trip = verdict.round_trip
        latency, latency_from = self._latency(verdict, calibration)
        paths = {"wet": folder / "wet" / f"{name}.wav", "dry": self._dry_path(setting)}
        kinds = ("wet", "dry")[: len(good.take.recorded)]
        for kind, row in zip(kinds, good.take.recorded, strict=True):
            self._write(folder / TAKES / f"{name}-{kind}.wav", row)
            self._write(paths[kind], _moved(row, latency, len(self._sent)))
        self._add(self._recordings(name, setting, paths["dry"], paths["wet"]), interface, calibration)
        behind = verdict.device_latency
        if behind is None and verdict.round_trip is not None and not self.plan.dry_return:
            behind = verdict.round_trip - latency
        sums = [files.sha256(folder / TAKES / f"{name}-{kind}.wav") for kind in kinds]
        note = TakeNote(
            id=name,
            clip=self.clip,
            signal_sha256=self._signal_sha256,
            play_level_dbfs=self.plan.play_level_dbfs,
            subtype=self.plan.subtype,
            controls=dict(setting),
            interface=interface.description,
            latency=latency,
            latency_from=latency_from,
            behind=None if behind is None else round(behind, 3),
            polarity=verdict.polarity,
            peak_dbfs=round(verdict.peak_dbfs, 2),
            tries=good.tries,
            wet_sha256=sums[0],
            dry_sha256=sums[1] if self.plan.dry_return else None,
        )
        files.write_json(folder / TAKES / f"{name}.json", note.model_dump())
        self.notes.append(note)
        return note

    def _latency(self, verdict: Verdict, calibration: Calibration | None) -> tuple[int, LatencySource]:
        """Whole samples to cut, and how they are known."""
        if self.plan.dry_return and verdict.round_trip is not None:
            return round(verdict.round_trip), "dry return"
        if calibration is not None:
            return round(calibration.latency), "calibration"
        if self._cut is None and verdict.round_trip is not None:
            # Half a sample more or less from one setting to the next is the device's phase: all takes share one cut.
            earlier = [note.latency for note in self.notes if note.latency_from == "measured"]
            near = [latency for latency in earlier if abs(latency - verdict.round_trip) <= SLIP]
            self._cut = near[0] if near else round(verdict.round_trip)
        assert self._cut is not None  # a first take without a round trip is not good
        return self._cut, "measured"

    def _known_round_trip(self, calibration: Calibration | None) -> float | None:
        """What earlier takes with the same calibration lead to expect; an interface may differ each time it is opened."""
        if calibration is None:
            return None
        same = [note for note in self.notes if note.latency_from == "calibration" and note.behind is not None]
        same = [note for note in same if note.latency == round(calibration.latency)]
        return same[0].latency + (same[0].behind or 0.0) if same else None

    def _manifest(self) -> Manifest:
        """The manifest as it is now, or a new one without recordings."""
        folder, plan = self.plan.folder, self.plan
        path = folder / MANIFEST
        if path.is_file():
            manifest = parse(Manifest, files.read_toml(path), str(path))
            if manifest.chain.sample_rate != self.sample_rate:
                raise DatasetError(
                    f"{path}: is at {manifest.chain.sample_rate} Hz, {plan.signal} at {self.sample_rate} Hz. Make the "
                    "signal at the dataset's rate, or choose another folder"
                )
            if manifest.chain.latency:
                raise DatasetError(
                    f"{path}: chain.latency is {manifest.chain.latency} samples, but takes are kept with theirs cut. Choose "
                    "another folder"
                )
            if plan.device and plan.device != manifest.device:
                raise DatasetError(f"{path}: holds {manifest.device!r}, not {plan.device!r}. Choose another folder")
            return manifest
        foreign = [] if not folder.is_dir() else sorted(p.name for p in folder.iterdir() if not p.name.startswith("."))
        foreign = [name for name in foreign if name not in (TAKES, "dry", "wet", CALIBRATION)]
        if foreign:
            raise DatasetError(f"{folder}: is not empty ({foreign[0]}) and no dataset. Choose a new folder")
        name = folder.resolve().name
        chain = Chain(sample_rate=self.sample_rate)
        values = {"name": name, "device": plan.device or name, "licence": plan.licence, "chain": chain}
        return parse(Manifest, values, "--device, --licence or --out")

    def _add(self, recordings: list[Recording], interface: Interface, calibration: Calibration | None) -> None:
        """Put recordings into the manifest on disk, which may have been edited meanwhile."""
        manifest = self._manifest()
        new = {recording.id for recording in recordings}
        gain = calibration.gain_db if calibration is not None else manifest.chain.input_gain_db
        chain = manifest.chain.model_copy(update={"interface": interface.description, "input_gain_db": gain})
        others = [recording for recording in manifest.recording if recording.id not in new]
        write_manifest(
            self.plan.folder, manifest.model_copy(update={"chain": chain, "recording": [*others, *recordings]})
        )

    def _recordings(self, name: str, setting: Mapping[str, Position], dry: Path, wet: Path) -> list[Recording]:
        """What the manifest says of a take: the parts that the signal declares, else the whole for training."""
        known = signals.explain(self._sent, self.sample_rate)
        roles = signals.capture_roles(known.sections) if known else {}
        whole = Recording(
            id=name,
            clip=self.clip,
            role="train",
            dry=dry.relative_to(self.plan.folder).as_posix(),
            wet=wet.relative_to(self.plan.folder).as_posix(),
            controls=dict(setting),
            dry_sha256=files.sha256(dry),
            wet_sha256=files.sha256(wet),
        )
        parts = [
            whole.model_copy(
                update={
                    "id": f"{name}-{role}",
                    "clip": f"{self.clip}-{role}",
                    "role": role,
                    "start": round(begin * self.sample_rate),
                    "stop": round(end * self.sample_rate),
                }
            )
            for role, (begin, end) in roles.items()
        ]
        return parts or [whole]

    def _read_notes(self) -> list[TakeNote]:
        """Takes of this signal that are done."""
        notes = []
        for path in sorted((self.plan.folder / TAKES).glob("*.json")):
            note = parse(TakeNote, files.read_json(path), str(path))
            if note.clip != self.clip:
                continue
            for what, then, now in (
                ("signal", note.signal_sha256, self._signal_sha256),
                ("play level", note.play_level_dbfs, self.plan.play_level_dbfs),
                ("format", note.subtype, self.plan.subtype),
            ):
                if then != now:
                    raise DatasetError(
                        f"{path}: was recorded with another {what} ({then}, now {now}) under the name {self.clip!r}. Give this "
                        "signal's file another name, or choose another folder"
                    )
            notes.append(note)
        return notes

    def _dry_path(self, setting: Mapping[str, Position]) -> Path:
        """One file for all settings if dry is what was sent, one for each if it was recorded."""
        return self.plan.folder / "dry" / f"{self._name(setting) if self.plan.dry_return else self.clip}.wav"

    def _name(self, setting: Mapping[str, Position]) -> str:
        """``capture-drive300-tone0.5``."""
        places = (f"{name}{str(place).replace(':', '').strip()}" for name, place in setting.items())
        return "-".join([self.clip, *places])

    def _write(self, path: Path, samples: np.ndarray) -> None:
        audio.write(path, samples, self.sample_rate, subtype=self.plan.subtype)


@dataclass(frozen=True)
class _Good:
    take: Take
    verdict: Verdict
    tries: int


def _at_level(signal: np.ndarray, plan: Plan) -> np.ndarray:
    """The signal with its peak where the plan wants it."""
    peak = float(np.abs(signal).max())
    if peak == 0:
        raise SignalError(f"{plan.signal}: is silent from start to end; there is nothing to play")
    if plan.play_level_dbfs is None:
        if peak > 1:
            raise SignalError(
                f"{plan.signal}: peak {audio.peak_dbfs(signal):+.1f} dBFS is above full scale; use --play-level -1"
            )
        return signal
    if not -100 <= plan.play_level_dbfs <= 0:
        raise SettingsError(f"--play-level {plan.play_level_dbfs:g}: a peak lies between -100 and 0 dBFS")
    return (signal * (10 ** (plan.play_level_dbfs / 20) / peak)).astype(np.float32)


def _moved(row: np.ndarray, latency: int, length: int) -> np.ndarray:
    """``length`` samples from ``latency`` on; silence stands in for what was not recorded."""
    moved = np.zeros(length, np.float32)
    part = row[max(latency, 0) : max(latency + length, 0)]
    begin = max(-latency, 0)
    moved[begin : begin + len(part)] = part[: length - begin]
    return moved


def _rotations(setting: Mapping[str, knobs.Position]) -> dict[str, list | float]:
    return {name: knobs.movement(place).as_json() for name, place in setting.items()}


def _instruction(turned: Mapping[str, Position]) -> list[str]:
    """``["Drive to 3:00, tone to 0.5"]``, or nothing."""
    text = ", ".join(f"{name} to {place}" for name, place in turned.items())
    return [text[0].upper() + text[1:]] if text else []
