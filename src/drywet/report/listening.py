"""The listening desk: which models are heard, their signals as FLAC, and what the page's player needs to know."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from drywet import audio
from drywet.analysis import ClipScore, RunResult, StudyResults
from drywet.analysis.describe import decibels, percent
from drywet.dataset.pair import Pair, take_out_latency
from drywet.errors import AudioFileError
from drywet.report.figures import Waveforms, loudest

AUDIO_BUDGET = 26_000_000  # bytes; with its figures the report folder stays below 30 MB
LONGEST_SECONDS = 30  # of a longer clip, the loudest part of this length is heard
SIGNALS = ("dry", "wet", "predicted", "difference")
MAX_GROUPS = 6
_PEAK_COLUMNS = 220


@dataclass(frozen=True)
class Choice:
    """A model to listen to: its rank among the models of its knob position."""

    group: str
    rank: str
    run: RunResult


def choose_models(results: StudyResults) -> list[Choice]:
    """Best, median and worst model by mean ESR for each knob position the study varies."""
    knobs = [factor.name for factor in results.factors if factor.is_control]
    groups: dict[str, list[RunResult]] = {}
    for run in results.scored:
        groups.setdefault(" · ".join(run.factors[name] for name in knobs), []).append(run)
    choices = []
    for group, runs in list(groups.items())[:MAX_GROUPS]:
        ordered = sorted(runs, key=lambda run: run.mean_esr)
        ranked = {"best": ordered[0], "median": ordered[(len(ordered) - 1) // 2], "worst": ordered[-1]}
        choices += [Choice(group, rank, run) for rank, run in ranked.items()]
    return choices


def load_clip(score: ClipScore) -> Waveforms:
    """The signals of one scored clip.

    Raises
    ------
    AudioFileError
        If a file is missing or unreadable, or their rates or lengths disagree.
    """
    signals, rates = {}, {}
    for name in ("dry", "wet", "predicted"):
        path = getattr(score, name)
        if path is None:
            raise AudioFileError(f"clip {score.clip!r}: no {name} file is named in evaluation.jsonl")
        signals[name], rates[name] = audio.read(path)
    if len(set(rates.values())) > 1:
        raise AudioFileError(f"clip {score.clip!r}: sample rates disagree ({rates})")
    if score.latency:
        pair = take_out_latency(Pair(signals["dry"], signals["wet"], rates["wet"]), score.latency, str(score.wet))
        signals |= {"dry": pair.dry, "wet": pair.wet}
    if score.start is not None or score.stop is not None:
        part = slice(score.start, score.stop)
        whole = len(signals["wet"])
        signals = {name: s[part] if len(s) == whole else s for name, s in signals.items()}
    lengths = {name: len(signal) for name, signal in signals.items()}
    if len(set(lengths.values())) > 1 or not lengths["wet"]:
        raise AudioFileError(f"clip {score.clip!r}: lengths disagree, in samples: {lengths}")
    return Waveforms(**signals, sample_rate=rates["wet"])


@dataclass
class Desk:
    """What the player offers. ``entries[group][rank][clip]`` holds the address of each signal there is.

    Files are numbered, never named after anything in the study, so that no name can lead out of the folder.
    """

    folder: Path
    groups: list[str] = field(default_factory=list)
    ranks: list[str] = field(default_factory=list)
    clips: list[str] = field(default_factory=list)
    entries: list[list[dict[str, Any] | None]] = field(default_factory=list)
    peaks: dict[str, list[int]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    n_bytes: int = 0

    def as_data(self) -> dict[str, Any]:
        """For the page's script, as JSON."""
        return {
            "groups": self.groups, "ranks": self.ranks, "clips": self.clips,
            "entries": self.entries, "peaks": self.peaks,
        }  # fmt: skip

    @property
    def first(self) -> dict[str, Any] | None:
        """What the player shows before anything is chosen."""
        for models in self.entries:
            for model in models:
                for clip in model["clips"] if model else ():
                    if clip:
                        return clip
        return None


def build_desk(
    choices: Sequence[Choice], clips: Sequence[str], folder: Path, describe: Callable[[RunResult], str]
) -> Desk:
    """Write the signals of the chosen models as 16-bit FLAC, clip by clip, until the budget is spent.

    ``describe(run)`` names a model. What does not fit or cannot be read is left out, and ``notes`` says so.
    """
    desk = Desk(folder)
    desk.groups = list(dict.fromkeys(choice.group for choice in choices))
    desk.ranks = list(dict.fromkeys(choice.rank for choice in choices))
    desk.clips = list(clips)
    shelf = _Shelf(desk)
    by_place = {(choice.group, choice.rank): choice.run for choice in choices}
    places = [
        (run, score)
        for clip in clips
        for rank in sorted(desk.ranks, key=["best", "worst", "median", "this model"].index)
        for group in desk.groups
        if (run := by_place.get((group, rank))) and (score := run.clip(clip))
    ]
    written: dict[tuple[int, str], dict[str, str]] = {}
    left_out = dict.fromkeys(("predicted", "difference"), 0)
    for names in (("dry", "wet", "predicted"), ("difference",)):  # differences only where room is left
        for run, score in places:
            key = (id(run), score.clip)
            if names[0] in written.get(key, {}):
                continue  # one model can be best and median at once
            if shelf.is_full:
                left_out[names[-1]] += 1
                continue
            try:
                waves = load_clip(score)
            except AudioFileError as error:
                if names[0] == "dry":
                    desk.notes.append(str(error))
                continue
            files = {name: (getattr(score, name).resolve(), score.start, score.stop) for name in ("dry", "wet")}
            for name in names:
                written.setdefault(key, {})[name] = shelf.put(name, waves, files.get(name, key))
    desk.notes += [
        f"Listening: {n} {name} signals were left out to keep this folder below 30 MB. All predictions are in the run "
        "folders, under renders/."
        for name, n in left_out.items()
        if n
    ]
    desk.entries = [
        [
            {
                "name": describe(run),
                "clips": [_entry(run.clip(clip), written.get((id(run), clip))) for clip in clips],
            }
            if (run := by_place.get((group, rank)))
            else None
            for rank in desk.ranks
        ]
        for group in desk.groups
    ]
    return desk


def _entry(score: ClipScore | None, addresses: dict[str, str] | None) -> dict[str, Any] | None:
    if score is None or not addresses:
        return None
    return {
        **addresses,
        "name": score.clip,
        "score": f"ESR {percent(score.esr)} ({decibels(score.esr):.0f} dB)".replace("(-", "(−"),
    }


class _Shelf:
    """Writes each signal once, keeps count of the bytes."""

    def __init__(self, desk: Desk):
        self.desk = desk
        self.known: dict[Any, str] = {}

    @property
    def is_full(self) -> bool:
        largest = 450_000 if not self.known else self.desk.n_bytes / len(self.known) * 3
        return self.desk.n_bytes + largest > AUDIO_BUDGET

    def put(self, name: str, waves: Waveforms, source: Any) -> str:
        key = (name, source)
        if key in self.known:
            return self.known[key]
        signal = getattr(waves, name)
        length = LONGEST_SECONDS * waves.sample_rate
        if len(signal) > length:
            start = loudest(waves.wet, length)
            signal = signal[start : start + length]
        address = f"{name}-{len(self.known):03d}.flac"
        path = self.desk.folder / "audio" / address
        clipped = audio.write(path, signal, waves.sample_rate, subtype="PCM_16")
        if clipped:
            self.desk.notes.append(f"audio/{address}: {clipped} samples beyond full scale were clipped for listening.")
        self.desk.n_bytes += path.stat().st_size
        self.desk.peaks[f"audio/{address}"] = _peaks(signal)
        self.known[key] = f"audio/{address}"
        return self.known[key]


def _peaks(signal: np.ndarray) -> list[int]:
    """Peak per column in percent of full scale, for the player's outline."""
    columns = np.array_split(np.abs(signal), min(_PEAK_COLUMNS, len(signal)))
    return [min(100, round(100 * float(column.max()))) for column in columns]
