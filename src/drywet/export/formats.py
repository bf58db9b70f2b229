"""The formats that drywet writes, and whether a model fits one of them."""

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drywet.engine import read_bytes
from drywet.engine.contract import Network
from drywet.errors import ExportError, SettingsError
from drywet.export import c_header, nam, numpy_file, onnx, proteus, rtneural
from drywet.export.about import About
from drywet.models.contract import ModelSettings

RATES = {"aidax": rtneural.AIDAX_RATE, "proteus": proteus.RATE}


@dataclass(frozen=True)
class Format:
    """One way to write a model.

    Attributes
    ----------
    name, suffix, what : str
    fit : callable
        The network as the format holds it: padded, its dry path as the format wants it; ExportError if it cannot be.
    write : callable
        Content of the file, from what ``fit`` gave.
    knobs : int
        How many a file can have.
    """

    name: str
    suffix: str
    what: str
    fit: Callable[[Network], Network]
    write: Callable[[Any, About], bytes]
    knobs: int


FORMATS = {
    entry.name: entry
    for entry in (
        Format("nam", ".nam", "Neural Amp Modeler", nam.fit, nam.write, 0),
        Format("aidax", ".json", "AIDA-X", rtneural.fit_aidax, rtneural.write_aidax, rtneural.AIDAX_KNOBS),
        Format("proteus", ".json", "Proteus and BYOD", proteus.fit, proteus.write, proteus.KNOBS),
        Format("rtneural", ".json", "RTNeural, for plugin developers", rtneural.fit, rtneural.write, 16),
        Format("onnx", ".onnx", "ONNX runtimes", onnx.fit, onnx.write, 16),
        Format("numpy", ".safetensors", "drywet's engine, and anyone with numpy", numpy_file.fit, numpy_file.write, 16),
        Format("c", ".h", "one C header, for plugin developers", c_header.fit, c_header.write, 16),
    )
}


def format_named(name: str) -> Format:
    """The format of this name; SettingsError with the nearest one if there is none."""
    if name not in FORMATS:
        nearest = difflib.get_close_matches(name, FORMATS, n=1)
        hint = f"did you mean {nearest[0]!r}?" if nearest else f"there are: {', '.join(FORMATS)}"
        raise SettingsError(f"no format named {name!r}; {hint}")
    return FORMATS[name]


def family_for(name: str) -> str | None:
    """The model family to train for a format when none was asked for; None where a trial may choose any."""
    chosen = format_named(name).name
    if chosen in ("nam", "aidax", "proteus", "rtneural"):
        return "lstm"  # which all players know
    return "s4d" if chosen == "onnx" else None


def format_of_name(path: Path) -> str:
    """The format that a file's ending stands for; SettingsError where it stands for several."""
    endings = {entry.suffix: entry.name for entry in FORMATS.values() if entry.suffix != ".json"} | {".aidax": "aidax"}
    if path.suffix.lower() not in endings:
        raise SettingsError(
            f"{path}: {path.suffix or 'no ending'} does not say which format; add --format aidax, proteus or rtneural"
        )
    return endings[path.suffix.lower()]


def check(settings: ModelSettings, name: str, sample_rate: int | None = None) -> tuple[str, ...]:
    """Whether a model of these settings will fit a format, before it is trained; what to know about it.

    Raises
    ------
    ExportError
        If it will not: the reason, and the nearest that would.
    """
    from drywet.models import build, model_bytes

    chosen = format_named(name)
    file = read_bytes(model_bytes(build(settings), sample_rate or 48_000), "model")
    chosen.fit(file.network if file.network.knobs <= chosen.knobs else _still(file.network))
    notes = []
    if file.network.knobs > chosen.knobs:
        held = f"{chosen.knobs} knobs" if chosen.knobs else "no knobs"
        notes.append(f"{name} files hold {held}; export each setting with --set")
    if sample_rate is not None and sample_rate != RATES.get(name, sample_rate):
        notes.append(rate_note(name, sample_rate))
    return tuple(notes)


def rate_note(name: str, sample_rate: int) -> str:
    """What happens where a player takes another rate for granted."""
    if name == "aidax":
        change = "brighter and faster" if RATES[name] > sample_rate else "duller and slower"
        return (
            f"AIDA-X plays at the session's rate, whatever the file says: at {RATES[name]} Hz this model of {sample_rate} Hz "
            f"reacts {change} than it should. Train from recordings at {RATES[name]} Hz"
        )
    return f"Proteus takes its models for {RATES[name]} Hz, this one has {sample_rate} Hz. Train from recordings at that rate"


def _still(network: Network) -> Network:
    from drywet.export.changes import frozen

    return frozen(network, dict.fromkeys(range(network.knobs), 0.5))


def refuse_knobs(chosen: Format, network: Network, knobs: tuple[str, ...]) -> None:
    """ExportError when a file of the format cannot have the model's knobs."""
    if network.knobs > chosen.knobs:
        held = f"{chosen.knobs} knob" if chosen.knobs else "no knobs"
        settings = " ".join(f"--set {name}=12:00" for name in knobs)
        raise ExportError(
            f"a {chosen.name} file holds {held}, this model has {network.knobs} ({', '.join(knobs)}). Freeze them where you "
            f"want them, one file for each setting: {settings}"
        )
