"""A model to a file of another format: changed to fit, written, read back by the format's reader, and compared."""

import datetime
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

import drywet
from drywet import audio, controls, files
from drywet.effect import Effect
from drywet.engine import EngineEffect, ModelFile, read, read_bytes
from drywet.engine.formats.file import number_in
from drywet.engine.recurrent import Recurrent
from drywet.errors import ExportError, ModelFileError, SettingsError
from drywet.export import c_check, nam
from drywet.export.about import About, Labels
from drywet.export.changes import frozen
from drywet.export.formats import RATES, Format, format_named, rate_note, refuse_knobs
from drywet.export.players import Verdict, players
from drywet.export.proof import (
    LARGEST_DIFFERENCE,
    MOST_WORK,
    SECONDS,
    SHORTEST,
    loudness_and_gain,
    passage,
    played,
)
from drywet.text import one_line, printable

POSITIONS = (0.2, 0.8)  # of all knobs left, at which the file is compared
GOLDEN = ("golden-in.wav", "golden-out.wav")


@dataclass(frozen=True)
class Exported:
    """What was written, and how it compares.

    Attributes
    ----------
    path : Path
    format : str
    network : str
        What the file holds, in words.
    difference, peak : float
        Largest absolute difference to the model's own output over the test signal, and that output's peak.
    checked_by : str
        Who read the file back.
    players : list of Verdict
    notes : tuple of str
    golden : mapping or None
        The test input and the model's output beside it: files with their SHA-256, the zeros before, where the knobs stand.
    """

    path: Path
    format: str
    network: str
    difference: float
    peak: float
    checked_by: str
    players: list[Verdict]
    notes: tuple[str, ...]
    golden: Mapping[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        values = dict(vars(self)) | {"path": str(self.path), "notes": list(self.notes)}
        return values | {"players": [vars(verdict) for verdict in self.players]}


def export(
    source: Path | str,
    format: str,
    out: Path | str,
    labels: Labels | None = None,
    settings: Mapping[str, str | float] | None = None,
    golden: bool = True,
    force: bool = False,
    size: float | None = None,
    linear_order: str = "engine",
) -> Exported:
    """Write the model in ``source``, a run folder or a model file of any kind, to ``out``.

    Beside it stands ``NAME.proof.json``: the difference that was found, who found it, and the players. With ``golden`` there
    are ``NAME.golden-in.wav`` and ``NAME.golden-out.wav``, at most a second of what the model itself plays, for whoever wants
    to compare a player; knobs stand at 0.8 there.
    Nothing is written when the file read back sounds otherwise than the model.

    Parameters
    ----------
    labels : Labels, optional
        What the file says about the model; what is not given is taken from the source.
    settings : mapping, optional
        Knobs to freeze, and where.
    size : float, optional
        Of a container of several sizes which one, in [0, 1], as its players choose; None keeps all where the format can.
    linear_order : str
        Of a Linear .nam file, see :func:`drywet.engine.read`.

    Raises
    ------
    ExportError
        If the format cannot hold the model: the reason, and the nearest that can.
    SettingsError
        If the format or a knob is unknown, or ``out`` exists and ``force`` is not given.
    ModelFileError, RunError
        If there is no usable model in ``source``.
    """
    source, out = Path(source), Path(out)
    if out.exists() and any(path.exists() and out.samefile(path) for path in (source, source / "best.safetensors")):
        raise SettingsError(f"{out}: is the file that is read; choose another name for the result")
    refuse_overwriting(out, force)
    file = read(source, linear_order)
    if linear_order != "engine" and file.architecture != "Linear":
        raise SettingsError(
            f"{source}: holds no filter of a .nam file that could be turned round; leave --reversed out"
        )
    if size is not None:
        if not file.sizes:
            raise SettingsError(f"{source}: has one size only; leave --size out")
        file = file.at_size(size)
    effect: Effect | None = None
    if file.format == "drywet":
        from drywet.models import load_effect

        effect = load_effect(source)  # the trainer's own
    name = source.resolve().name if source.is_dir() else source.stem
    return write_model(file, format, out, name, labels, settings, golden, force, effect, _esr(source, file))


def write_model(
    file: ModelFile,
    format: str,
    out: Path | str,
    name: str,
    labels: Labels | None = None,
    settings: Mapping[str, str | float] | None = None,
    golden: bool = True,
    force: bool = False,
    effect: Effect | None = None,
    esr: float | None = None,
) -> Exported:
    """The same for a model that was read; it is compared with ``effect``, or with what the engine makes of it."""
    out, chosen = Path(out), format_named(format)
    refuse_overwriting(out, force)
    turned = controls.resolve(settings, dict.fromkeys(file.knobs, 0.5))
    stood = {name: turned[name] for name in settings or {}}
    left = tuple(name for name in file.knobs if name not in stood)
    network = frozen(file.network, {number: stood[name] for number, name in enumerate(file.knobs) if name in stood})
    refuse_knobs(chosen, network, left)
    network = chosen.fit(network)
    source = effect or EngineEffect(file, settle=False)
    about = _about(name, file, source, chosen, labels or Labels(), left, stood, esr)
    if chosen.name == "nam" and file.sizes:
        content = nam.write_container([(top, chosen.fit(inner.network)) for top, inner in file.sizes], about)
    else:
        content = chosen.write(network, about)
    proof = _prove(content, chosen, left, file, source, stood)
    notes = [*(file.notes if effect is None else ()), *_notes(chosen, file, network)]
    if file.sample_rate != RATES.get(chosen.name, file.sample_rate):
        notes.append(rate_note(chosen.name, file.sample_rate))
    result = Exported(
        out,
        chosen.name,
        network.describe(),
        proof.difference,
        proof.peak,
        proof.checked_by,
        players(proof.back),
        tuple(notes),
        _write_golden(out, file, proof, left) if golden else None,
    )
    if not golden:  # what a file that was written over left there
        for ending in GOLDEN:
            beside(out, ending).unlink(missing_ok=True)
    files.write_bytes(out, content)
    files.write_json(beside(out, "proof.json"), result.as_json() | _named(out))
    return result


def _write_golden(out: Path, file: ModelFile, proof: "_Proof", knobs: tuple[str, ...]) -> dict[str, Any]:
    """Write the test input and the model's output; what the proof says of them."""
    described: dict[str, Any] = {"run_in": proof.run_in, "knobs": dict.fromkeys(knobs, POSITIONS[-1])}
    for what, ending, signal in zip(("input", "output"), GOLDEN, (_test_signal(file), proof.wet), strict=True):
        path = beside(out, ending)
        audio.write(path, signal, file.sample_rate, subtype="FLOAT")
        described[what] = _named(path)
    return described


def _named(path: Path) -> dict[str, str]:
    return {"path": printable(path.name), "sha256": files.sha256(path)}  # a name may hold what JSON cannot


def beside(path: Path, ending: str) -> Path:
    """``my.nam`` and ``proof.json`` make ``my.nam.proof.json``."""
    return path.with_name(f"{path.name}.{ending}")


def refuse_overwriting(out: Path, force: bool) -> None:
    """SettingsError if ``out`` cannot be a file, or it or one of those beside it is there and ``force`` is not given."""
    if out.is_dir():
        raise SettingsError(f"{out}: is a folder; name the file, for example {out / 'model.nam'}")
    if out.exists() and not out.is_file():
        raise SettingsError(f"{out}: is no file but a device or a pipe; name a file, for example model.nam")
    for path in (out, *(beside(out, ending) for ending in ("proof.json", *GOLDEN))):
        if path.exists() and not force:
            raise SettingsError(f"{path}: exists; add --force to write over it")


def _about(
    name: str,
    file: ModelFile,
    effect: Effect,
    chosen: Format,
    labels: Labels,
    left: tuple[str, ...],
    stood: dict[str, float],
    esr: float | None,
) -> About:
    loudness, gain = (number_in(file.metadata, key) for key in ("loudness", "gain"))
    if chosen.name == "nam" and loudness is None:
        loudness, gain = loudness_and_gain(effect, stood)
    now = datetime.datetime.now()
    return About(
        sample_rate=file.sample_rate,
        knobs=left,
        labels=Labels.model_validate(
            {"name": one_line(name, 200)} | _labels_in(file.metadata) | labels.model_dump(exclude_none=True)
        ),
        loudness=loudness,
        gain=gain,
        esr=esr,
        source={"version": drywet.__version__, "from": file.format, "model": file.architecture, "knobs": stood},
        settle=file.settle,
        date=(now.year, now.month, now.day, now.hour, now.minute, now.second),
    )


def _labels_in(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The labels in a file, texts on one line; what is none, such as a type of gear that NAM does not know, is left out."""
    found: dict[str, Any] = {}
    for name in Labels.model_fields:
        value = metadata.get(name)
        with suppress(ValidationError):
            label = one_line(value, 200) if isinstance(value, str) else value
            found |= Labels.model_validate({name: label}).model_dump(exclude_none=True)
    return found


def _esr(source: Path, file: ModelFile) -> float | None:
    """Mean over the clips that the run was scored on, or what the file says."""
    if source.is_dir() and (source / "evaluation.jsonl").is_file():
        rows = [number_in(row, "esr") for row in files.read_json_lines(source / "evaluation.jsonl")]
        known = [value for value in rows if value is not None]
        return float(np.mean(known)) if known else None
    training = file.metadata.get("training")
    return number_in(training, "validation_esr") if isinstance(training, Mapping) else number_in(file.metadata, "esr")


@dataclass(frozen=True)
class _Proof:
    back: ModelFile
    difference: float
    peak: float
    checked_by: str
    wet: np.ndarray  # what the model plays where all knobs left stand at the last position, (T,)
    run_in: int  # zeros that a player of the file runs before it


def _test_signal(file: ModelFile) -> np.ndarray:
    """The passage, shorter for a model that would take the plain networks, which prove it, more than some seconds."""
    share = MOST_WORK / max(1, file.network.cost() * file.sample_rate)
    return passage(file.sample_rate) if share >= SECONDS else passage(file.sample_rate, max(share, SHORTEST))


def _prove(
    content: bytes, chosen: Format, left: tuple[str, ...], file: ModelFile, effect: Effect, stood: dict[str, float]
) -> _Proof:
    """Compare what ``content`` plays with ``effect``, at several positions of the knobs that are ``left``, and in all sizes."""
    dry = _test_signal(file)
    try:
        back = read_bytes(content, f"the {chosen.name} file that was written")
    except ModelFileError as error:
        raise ExportError(f"{error}; so nothing was kept. The format numpy holds the largest models") from None
    checked_by, by_compiler = f"drywet's reader of {chosen.name} files", 0.0
    if chosen.name == "c":  # the header's own test compares the compiled code with the network that was written
        found = c_check.run(content)
        checked_by += (
            " and its own test, compiled" if found is not None else "; its code was not: there is no C compiler"
        )
        by_compiler = found or 0.0
    pairs: list[tuple[ModelFile, Effect]] = [
        (one, EngineEffect(other, settle=False)) for (_, one), (_, other) in zip(back.sizes, file.sizes, strict=False)
    ] or [(back, effect)]
    worst, peak = by_compiler, 0.0
    for (one, other), position in product(pairs, POSITIONS if left else POSITIONS[:1]):
        run_in = max(one.settle, 0 if file.format == "drywet" else file.settle)
        # Zeros that the file's initial state has seen.
        lead = file.sample_rate // 2 if chosen.name == "nam" and isinstance(one.network, Recurrent) else 0
        reader = EngineEffect(one, settle=False)
        expected = played(other, stood | dict.fromkeys(left, position), dry, lead + run_in)
        wet = played(reader, dict.fromkeys(reader.controls, position), dry, run_in)
        if not np.isfinite(expected).all():
            raise ExportError("the model does not stay finite on the test signal, so no file can sound as it does")
        # numpy's maximum keeps NaN, Python's drops it.
        worst = float(np.maximum(worst, np.abs(wet - expected).max()))
        peak = max(peak, float(np.abs(expected).max()))
    if not worst <= LARGEST_DIFFERENCE * max(1.0, peak):
        raise ExportError(
            f"read back, the {chosen.name} file differs from the model by {worst:.2g} (its peak is {peak:.2g}), more than "
            f"{LARGEST_DIFFERENCE:g}; nothing was written. Please report this with the model"
        )
    return _Proof(back, worst, peak, checked_by, expected, run_in)


def _notes(chosen: Format, file: ModelFile, network: Any) -> list[str]:
    notes: list[str] = []
    if file.sizes:
        kept = (
            "all of them are in the file"
            if chosen.name == "nam"
            else "the largest is in the file, --size takes another"
        )
        notes.append(f"the container has {len(file.sizes)} sizes; {kept}")
    if not isinstance(file.network, Recurrent) or not isinstance(network, Recurrent):
        return notes
    before, after = file.network.layers[0].units, network.layers[0].units
    added = (bool(file.network.dry_gain) and not network.dry_gain) or (
        chosen.name == "proteus" and file.network.dry_gain != 1
    )
    if added:
        approximate = "; the NAM plugin's approximate one makes it 1.0087, an error 41 dB below it"
        notes.append(
            f"the dry path is one more unit, exact to 1e-6 with a true tanh{approximate if chosen.name == 'nam' else ''}"
        )
    if after > before + added:
        notes.append(f"padded from {before + added} to {after} units, which changes nothing but the cost")
    return notes
