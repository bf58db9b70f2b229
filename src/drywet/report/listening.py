"""The listening desk: which models are heard, their signals as FLAC, and what the page's player needs to know."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from drywet import audio
from drywet.analysis import ClipScore, RunResult, StudyResults
from drywet.analysis.describe import decibels, percent
from drywet.dataset.pair import loudest
from drywet.errors import AudioFileError
from drywet.report.page import Page
from drywet.report.waveforms import Waveforms, load_clip

Audio = Literal["all", "best", "none"] | int  # how many models are heard at each knob position
FOLDER_BYTES = 29_000_000  # of sounds and figures together, so that the folder with its page stays below 30 MB
LONGEST_SECONDS = 30  # of a longer clip, the loudest part of this length is heard
MAX_GROUPS = 6
_PEAK_COLUMNS = 220


@dataclass(frozen=True)
class Choice:
    """A model to listen to: its rank among the models of its knob position."""

    group: str
    rank: str
    run: RunResult


def choose_models(results: StudyResults, heard: Audio = 3) -> list[Choice]:
    """Models for each knob position the study varies, by mean ESR: the best, the worst, and others evenly between.

    ``heard`` is how many; three are best, median and worst, ``"best"`` is one, ``"none"`` is none.
    """
    choices = []
    for group, runs in list(by_knobs(results).items())[: None if heard == "all" else MAX_GROUPS]:
        ordered = sorted(runs, key=lambda run: run.mean_esr)
        last = len(ordered) - 1
        wanted = heard if isinstance(heard, int) else {"all": len(ordered), "best": 1, "none": 0}[heard]
        wanted = min(wanted, len(ordered))
        for place in dict.fromkeys(i * last // max(1, wanted - 1) for i in range(wanted)):
            rank = "best" if place == 0 else "worst" if place == last else "median" if wanted == 3 else str(place + 1)
            choices.append(Choice(group, rank, ordered[place]))
    return choices


def by_knobs(results: StudyResults) -> dict[str, list[RunResult]]:
    """The scored runs at each knob position the study varies, in the order of the study."""
    knobs = [factor.name for factor in results.factors if factor.is_control]
    groups: dict[str, list[RunResult]] = {}
    for run in results.scored:
        groups.setdefault(" · ".join(run.factors[name] for name in knobs), []).append(run)
    return groups


@dataclass
class Desk:
    """What the player offers. ``entries[group][rank][clip]`` holds the address of each signal there is.

    Files are numbered, never named after anything in the study, so that no name can lead out of the folder.
    """

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
    choices: Sequence[Choice],
    clips: Sequence[str],
    page: Page,
    describe: Callable[[RunResult], str],
    *,
    limited: bool = True,
) -> Desk:
    """Write the signals of the chosen models as 16-bit FLAC, clip by clip, until the folder is full if ``limited``.

    ``describe(run)`` names a model. What does not fit or cannot be read is left out, and ``notes`` says so.
    """
    desk = Desk()
    desk.groups = list(dict.fromkeys(choice.group for choice in choices))
    desk.ranks = list(dict.fromkeys(choice.rank for choice in choices))
    desk.clips = list(clips)
    shelf = _Shelf(desk, page, FOLDER_BYTES - page.n_bytes if limited else None)
    by_place = {(choice.group, choice.rank): choice.run for choice in choices}
    heard_first = sorted(desk.ranks, key=lambda rank: rank not in ("best", "worst"))
    places = [
        (run, score)
        for clip in clips
        for rank in heard_first
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
        "folders, under renders/; `drywet report --audio all` takes every one."
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

    def __init__(self, desk: Desk, page: Page, room: int | None):
        self.desk = desk
        self.page = page
        self.room = room  # bytes; None for all there is
        self.known: dict[Any, str] = {}

    @property
    def is_full(self) -> bool:
        largest = 450_000 if not self.known else self.desk.n_bytes / len(self.known) * 3
        return self.room is not None and self.desk.n_bytes + largest > self.room

    def put(self, name: str, waves: Waveforms, source: Any) -> str:
        key = (name, source)
        if key in self.known:
            return self.known[key]
        signal = getattr(waves, name)
        length = LONGEST_SECONDS * waves.sample_rate
        if len(signal) > length:
            start = loudest(waves.wet, length)
            signal = signal[start : start + length]
            self.desk.notes.append(f"Listening: of clips longer than {LONGEST_SECONDS} s, the loudest part is heard.")
        address = f"audio/{name}-{len(self.known):03d}.flac"
        path = self.page.out / address
        clipped = audio.write(path, signal, waves.sample_rate, subtype="PCM_16")
        if clipped:
            self.desk.notes.append(f"{address}: {clipped} samples beyond full scale were clipped for listening.")
        self.page.written.add(path)
        self.desk.n_bytes += path.stat().st_size
        self.desk.peaks[address] = _peaks(signal)
        self.known[key] = address
        return address


def _peaks(signal: np.ndarray) -> list[int]:
    """Peak per column in percent of full scale, for the player's outline."""
    columns = np.array_split(np.abs(signal), min(_PEAK_COLUMNS, len(signal)))
    return [min(100, round(100 * float(column.max()))) for column in columns]
