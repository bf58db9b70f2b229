"""A model that a format can hold, trained on what another model plays."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from drywet import audio, controls, files, signals
from drywet.effect import render
from drywet.engine import read
from drywet.errors import RunError, SettingsError
from drywet.export.about import Labels
from drywet.export.export import Exported, refuse_overwriting, write_model
from drywet.export.formats import check, format_named
from drywet.measures import esr
from drywet.models import FAMILIES, load_effect
from drywet.models.trained import TrainedEffect
from drywet.settings import parse
from drywet.training import train
from drywet.training.loop import TrainingStatus
from drywet.training.recording import SPLIT, PreparedRecording, prepare, read_split, remember

SECONDS = 60.0  # of built-in guitar, where the recording that the run was made from is not at hand
_SIZES = re.compile(r"(lstm|gru)-(\d{1,4})|wavenet-(standard|lite|feather|nano)")


@dataclass(frozen=True)
class Distilled:
    """A student and what was lost.

    Attributes
    ----------
    folder : Path
        The student's run folder.
    exported : Exported
    esr_to_model : float
        Of the student to the model it learned from, on audio that it never saw.
    esr_of_model, esr_of_student : float or None
        Of both to the recorded device, where the recording is at hand.
    """

    folder: Path
    exported: Exported
    esr_to_model: float
    esr_of_model: float | None
    esr_of_student: float | None

    def as_json(self) -> dict[str, Any]:
        return dict(vars(self)) | {"folder": str(self.folder), "exported": self.exported.as_json()}


def student(text: str) -> tuple[str, dict[str, Any]]:
    """Family and settings of ``lstm-24``, ``gru-16`` or ``wavenet-nano``."""
    found = _SIZES.fullmatch(text)
    if not found:
        raise SettingsError(f"--to {text}: write lstm-24, gru-16, or wavenet-standard, -lite, -feather, -nano")
    if found[3]:
        return "wavenet", {"model.size": found[3]}
    return found[1], {"model.hidden_size": int(found[2])}


def distill(
    run: Path | str,
    to: str,
    format: str,
    out: Path | str,
    budget: str = "120s",
    seed: int = 25,
    settings: Mapping[str, str | float] | None = None,
    force: bool = False,
    threads: int = 1,
    report: Callable[[TrainingStatus], None] = lambda status: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Distilled:
    """Train a student on what the model in ``run`` plays, and write it for ``format``; ``out`` is a folder.

    The dry sound is the recording that the run was made from, if it is still there, else built-in guitar; its last part is
    kept for the test. With knobs, the student learns one setting.

    Raises
    ------
    ExportError
        If the format cannot hold such a student, before anything is trained.
    SettingsError
        If ``to``, ``format``, the budget or a knob is unknown or impossible.
    RunError
        If ``run`` holds no model, or ``out`` a student of another one.
    """
    run, out, (family, changes) = Path(run), Path(out), student(to)
    if (given := read(run).format) != "drywet":
        raise SettingsError(
            f"{run}: is a model file ({given}); a student learns from a run of drywet. drywet convert may do"
        )
    teacher = load_effect(run)
    target = out / f"{family}{format_named(format).suffix}"
    refuse_overwriting(target, force)
    own = {name.removeprefix("model."): value for name, value in changes.items()}
    if files.in_use(out) and not (out / "student").is_dir() and not force:
        raise SettingsError(f"{out}: is in use, and not by this student; choose another folder, or add --force")
    check(parse(FAMILIES[family][0], own, f"--to {to}"), format, teacher.sample_rate)
    knobs = controls.resolve(settings, teacher.controls)
    dry, recorded = _audio(run, teacher)
    wet = render(teacher, dry, knobs)
    heard, played = out / "model" / "dry.wav", out / "model" / "wet.wav"
    for path, signal in ((heard, dry), (played, wet)):
        if path.is_file() and not np.array_equal(audio.read(path)[0], signal):
            raise RunError(
                f"{path}: a student of another model or setting learned from it; choose another --out than {out}"
            )
    for path, signal in ((heard, dry), (played, wet)):
        audio.write(path, signal, teacher.sample_rate, subtype="FLOAT")
    prepared = prepare(heard, played, family, budget, seed, changes, out / "student", threads)
    _train(prepared, threads, report, should_stop)
    learned = load_effect(prepared.folder)
    predicted, test = render(learned, dry), prepared.split.test
    loss = float(esr(wet[test], predicted[test]))
    exported = write_model(
        read(prepared.folder), format, target, run.resolve().name, Labels(), force=force, effect=learned, esr=loss
    )
    of_model = of_student = None
    if recorded is not None:
        device, part = recorded
        of_model, of_student = (float(esr(device[part], signal[part])) for signal in (wet, predicted))
    return Distilled(prepared.folder, exported, loss, of_model, of_student)


def _audio(run: Path, teacher: TrainedEffect) -> tuple[np.ndarray, tuple[np.ndarray, slice] | None]:
    """Dry sound, and where there is a recording its wet sound with the part that nobody trained on."""
    split = read_split(run)
    if split is not None:
        recorded = ((run / split.dry, split.dry_sha256), (run / split.wet, split.wet_sha256))
        if all(path.is_file() and files.sha256(path) == checksum for path, checksum in recorded):
            dry, wet = (audio.read(path)[0] for path, _ in recorded)
            start, stop = split.test
            if not start < stop <= min(len(dry), len(wet)):
                raise RunError(
                    f"{run / SPLIT}: keeps samples {start} to {stop} of {len(dry)} for the test; it is damaged"
                )
            return dry, (wet, slice(start, stop))
    return signals.training_track(teacher.sample_rate, SECONDS), None


def _train(
    prepared: PreparedRecording,
    threads: int,
    report: Callable[[TrainingStatus], None],
    should_stop: Callable[[], bool],
) -> None:
    status = train(prepared.config, prepared.data, prepared.folder, report, should_stop, threads)
    remember(prepared.folder, prepared)
    if status.state == "interrupted" and not (prepared.folder / "best.safetensors").is_file():
        raise SettingsError("stopped before the first update: no student yet. The same command goes on")
