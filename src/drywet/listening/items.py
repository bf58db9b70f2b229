"""What is listened to: excerpts of clips as the device plays them, as each model does, and as the anchors do."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from drywet import audio, measures
from drywet.analysis import ClipScore, RunResult, read_run, read_study
from drywet.dataset.pair import load_pair, loudest, take_out_latency
from drywet.errors import AudioFileError, RunError, SettingsError, SignalError
from drywet.evaluation import panel
from drywet.listening.anchors import REFERENCE, make_anchor

MAX_ITEMS = 8  # with a dozen signals each, more is longer than ears stay sharp
EXCERPT_SECONDS = 10.0  # about 10 s, not more than 12 (ITU-R BS.1534-3)
FADE_SECONDS = 0.01  # at both ends, so that a loop does not click

MODEL = "model"
NEED_DRY = ("transient_esr", "clicks")  # measures that ask when notes of dry begin


@dataclass(frozen=True)
class Sound:
    """One version of an excerpt.

    Attributes
    ----------
    condition : str
        Which version: the name of a model, or the role itself.
    role : str
        ``"reference"``, ``"model"``, or one of the anchors.
    samples : array, shape (T,)
    measures : mapping
        What the measures say about it against the reference; empty for the reference.
    """

    condition: str
    role: str
    samples: np.ndarray
    measures: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Item:
    """An excerpt in all its versions, the reference first; all of one length and one ``sample_rate`` in Hz."""

    name: str
    sample_rate: int
    sounds: tuple[Sound, ...]


@dataclass(frozen=True)
class Material:
    """Items to listen to, and in ``notes`` what was left out and why."""

    items: tuple[Item, ...]
    notes: tuple[str, ...]


def collect_items(
    folders: Sequence[Path | str],
    *,
    clips: Sequence[str] = (),
    models: Sequence[str] = (),
    anchors: Sequence[str] = (),
    seconds: float = EXCERPT_SECONDS,
) -> Material:
    """Excerpts from evaluated runs and studies: the loudest ``seconds`` of each clip.

    An item is a clip at one knob position; its models are those that were scored on that very recording. The runs of a
    study that differ in knob positions alone count as one model, heard on several items.

    Parameters
    ----------
    folders : sequence of path
        Run folders and study folders.
    clips : sequence of str
        Which clips, by name; up to eight, evenly chosen, unless given.
    models : sequence of str
        Which models, by name, by number in the study or by run folder. Unless given: every run that is named itself, and
        of a study the best, the median and the worst by ESR.
    anchors : sequence of str
        Roles of :mod:`drywet.listening.anchors`.

    Raises
    ------
    RunError
        If a folder holds no run, or no run has been evaluated.
    SettingsError
        If a clip or model is unknown, or an anchor cannot be made.
    AudioFileError, SignalError
        If the sounds of a chosen clip cannot be used.
    """
    chosen, notes = _choose_models(folders, models)
    recordings = _recordings(chosen)
    known = {recording.clip for recording in recordings}
    unknown = [name for name in clips if name not in known]
    if unknown:
        raise SettingsError(
            f"no clip named {unknown[0]!r} in these runs; they were scored on {', '.join(sorted(known))}"
        )
    if clips:
        recordings = [recording for recording in recordings if recording.clip in clips]
    elif len(recordings) > MAX_ITEMS:
        places = np.linspace(0, len(recordings) - 1, MAX_ITEMS).round().astype(int)
        notes.append(
            f"{MAX_ITEMS} of {len(recordings)} recordings are heard, more would tire the listener; choose others with --clips"
        )
        recordings = [recordings[place] for place in places]
    names = distinct(_name(recording, recordings) for recording in recordings)
    for name, recording in zip(names, recordings, strict=True):
        absent = sorted(set(chosen) - set(recording.versions))
        if absent:
            notes.append(f"{name}: was not played by {', '.join(absent)}")
    items = []
    for name, recording in zip(names, recordings, strict=True):
        try:
            items.append(_excerpt(name, recording, anchors, seconds))
        except (SettingsError, SignalError) as error:
            raise type(error)(f"{name}: {error}") from error
    return Material(tuple(items), tuple(notes))


def _choose_models(
    folders: Sequence[Path | str], wanted: Sequence[str]
) -> tuple[dict[str, list[RunResult]], list[str]]:
    """Models by name, each with its runs (one per knob position), and notes on runs that cannot be heard."""
    known: dict[str, list[RunResult]] = {}
    default: list[str] = []
    notes: list[str] = []

    def add(name: str, runs: list[RunResult]) -> str:
        name = distinct([*known, name])[-1]
        known[name] = runs
        return name

    for folder in map(Path, folders):
        if not (folder / "study.json").is_file():
            run = read_run(folder)
            if not run.clips:
                raise RunError(f"{folder}: {run.missing}. Evaluate it before listening to it")
            default.append(add(run.name, [run]))
            continue
        results = read_study(folder)
        notes += [f"{run.folder.name}: {run.missing}, so it is not heard" for run in results.runs if not run.clips]
        varied = [factor.name for factor in results.factors if not factor.is_control]
        models: dict[str, list[RunResult]] = {}
        for run in results.scored:
            models.setdefault(" ".join(run.factors[factor] for factor in varied) or results.title, []).append(run)
        ordered = [add(name, models[name]) for name in sorted(models, key=lambda name: _mean_esr(models[name]))]
        if len(ordered) > 3:
            notes.append(f"3 of {len(ordered)} models are heard: best, median and worst by ESR; choose with --models")
            ordered = [ordered[0], ordered[(len(ordered) - 1) // 2], ordered[-1]]
        default += ordered
    if not known:
        raise RunError(f"{folders[0]}: none of its runs has been evaluated, so there is nothing to listen to")
    names = [_find(word, known) for word in wanted] or default
    return {name: known[name] for name in names}, notes


def _find(word: str, models: Mapping[str, list[RunResult]]) -> str:
    if word in models:
        return word
    for name, runs in models.items():
        if any(word in (run.folder.name, str(run.number), run.id) for run in runs):
            return name
    some = list(models)[:12]
    more = f" and {len(models) - len(some)} more" if len(models) > len(some) else ""
    raise SettingsError(f"no model {word!r}; there are: {', '.join(some)}{more}")


def _mean_esr(runs: Sequence[RunResult]) -> float:
    return float(np.exp(np.mean([np.log(max(run.geometric_mean_esr, 1e-12)) for run in runs])))


@dataclass
class _Recording:
    """One wet recording: its clip, where the knobs stood, and how each model was scored on it."""

    clip: str
    controls: Mapping[str, object]
    versions: dict[str, ClipScore] = field(default_factory=dict)


def _recordings(models: Mapping[str, list[RunResult]]) -> list[_Recording]:
    recordings: dict[object, _Recording] = {}
    for name, runs in models.items():
        for run in runs:
            for score in run.clips:
                if score.wet is None or score.dry is None or score.predicted is None:
                    raise AudioFileError(
                        f"{run.folder}: clip {score.clip!r} does not name its sound files; evaluate again"
                    )
                key = (score.wet.resolve(), score.start, score.stop, score.latency)
                recordings.setdefault(key, _Recording(score.clip, run.controls)).versions[name] = score
    return list(recordings.values())


def _name(recording: _Recording, recordings: Sequence[_Recording]) -> str:
    """The clip, and the knobs that tell recordings of one clip apart."""
    same = [other.controls for other in recordings if other.clip == recording.clip]
    differing = [
        f"{knob} {position}"
        for knob, position in recording.controls.items()
        if any(other.get(knob) != position for other in same)
    ]
    return f"{recording.clip} at {', '.join(differing)}" if differing else recording.clip


def distinct(names: Iterable[str]) -> list[str]:
    """The names, with a number behind those that are taken."""
    taken: dict[str, None] = {}
    for name in names:
        unique, number = name, 1
        while unique in taken:
            number += 1
            unique = f"{name} ({number})"
        taken[unique] = None
    return list(taken)


def _excerpt(name: str, recording: _Recording, anchors: Sequence[str], seconds: float) -> Item:
    first = next(iter(recording.versions.values()))
    assert first.dry is not None
    assert first.wet is not None
    pair = load_pair(first.dry, first.wet)
    pair = take_out_latency(pair, first.latency, str(first.wet))[first.start : first.stop]
    rate = pair.sample_rate
    length = min(len(pair), round(seconds * rate))
    begin = loudest(pair.wet, length)
    heard = slice(begin, begin + length)
    dry, wet = pair.dry[heard], pair.wet[heard]
    sounds = [Sound(REFERENCE, REFERENCE, wet)]
    for model, score in recording.versions.items():
        assert score.predicted is not None
        predicted, _ = audio.read(score.predicted, sample_rate=rate)
        if len(predicted) != len(pair):
            raise AudioFileError(
                f"{score.predicted}: has {len(predicted)} samples, its clip {score.clip!r} has {len(pair)}. Evaluate again"
            )
        sounds.append(Sound(model, MODEL, predicted[heard], measure_sound(dry, wet, predicted[heard], rate)))
    for role in anchors:
        samples = make_anchor(role, dry, wet, rate)
        sounds.append(Sound(role, role, samples, measure_sound(dry, wet, samples, rate)))
    return Item(name, rate, tuple(sounds))


def measure_sound(
    dry: np.ndarray | None, wet: np.ndarray, predicted: np.ndarray, sample_rate: int
) -> dict[str, float | None]:
    """ESR and the panel of the very excerpt that is heard, before levels are matched."""
    esr = float(measures.esr(np.asarray(wet, np.float64), np.asarray(predicted, np.float64)))
    values, _ = panel.measure_clip(wet if dry is None else dry, wet, predicted, sample_rate)
    if dry is None:
        values |= {name: None for name in NEED_DRY if name in values}
    return {"esr": esr, **values}


def fade_ends(samples: np.ndarray, sample_rate: int) -> np.ndarray:
    """``samples`` with raised-cosine fades at both ends, shape (T,)."""
    length = min(round(FADE_SECONDS * sample_rate), len(samples) // 2)
    fade = 0.5 - 0.5 * np.cos(np.pi * (np.arange(length) + 0.5) / max(length, 1))
    faded = np.array(samples, np.float64)
    faded[:length] *= fade
    faded[len(faded) - length :] *= fade[::-1]
    return faded
