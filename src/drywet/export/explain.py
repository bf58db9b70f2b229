"""A model file in plain words: what it is, what it costs, who plays it, and what is odd in it."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from drywet import audio
from drywet.engine import ModelFile
from drywet.engine.formats.file import number_in
from drywet.engine.recurrent import CellLayer, Recurrent
from drywet.export.players import Verdict, players
from drywet.export.rtneural import AIDAX_KNOBS
from drywet.text import one_line

NAMES = {
    "nam": "Neural Amp Modeler",
    "aidax": "AIDA-X",
    "proteus": "Proteus (CoreAudioML)",
    "rtneural": "RTNeural",
    "onnx": "ONNX",
    "numpy": "drywet network (numpy)",
    "c": "C header of drywet",
    "drywet": "drywet run",
}
_HISS_DB, _SELF_TEST = -60.0, 1e-5
_SELF_TEST_SAMPLES = 2048


@dataclass(frozen=True)
class Explained:
    """Lines of (what, in words), the players' verdicts, and what is odd."""

    lines: list[tuple[str, str]]
    players: list[Verdict]
    odd: list[str]

    def as_json(self) -> dict[str, Any]:
        return {"facts": dict(self.lines), "players": [vars(verdict) for verdict in self.players], "odd": self.odd}


def explain(file: ModelFile) -> Explained:
    """What is worth knowing about ``file``; it is played to in order to find out."""
    network = file.network
    version = f" {file.version}" if file.version else ""
    lines = [
        ("format", f"{NAMES[file.format]}{version}, {file.architecture}"),
        ("network", network.describe()),
        ("size", f"{file.weight_count} weights"),
        (
            "cost",
            f"{network.cost()} multiplications a sample, {network.cost() * file.sample_rate / 1e6:.3g} million a second",
        ),
        ("memory", _memory(file)),
        ("sample rate", f"{file.sample_rate} Hz"),
        ("knobs", ", ".join(file.knobs) or "none"),
        ("dry path", _dry_path(file)),
        *_levels(file),
    ]
    if file.sizes:
        lines.insert(2, ("sizes", "; ".join(f"up to {top:g}: {inner.network.describe()}" for top, inner in file.sizes)))
    return Explained(lines, players(file), [*file.notes, *_odd(file)])


def _memory(file: ModelFile) -> str:
    field = file.network.receptive_field
    if field is None:
        return "a state without end"
    return f"{field} samples, {1000 * field / file.sample_rate:.3g} ms"


def _dry_path(file: ModelFile) -> str:
    if file.dry_path == 0:
        return "none"
    by = "its player adds" if file.format in ("aidax", "proteus") else "adds"
    return f"{by} the dry signal, {audio.amplitude_to_db(abs(file.dry_path)):+.1f} dB"


def _levels(file: ModelFile) -> list[tuple[str, str]]:
    units = {
        "loudness": "dB, RMS on a standard passage",
        "gain": "of 1, how compressed",
        "input_level_dbu": "dBu, what a full-scale sine was at the device's input",
        "output_level_dbu": "dBu, what a full-scale sine was at its output",
    }
    found = []
    for name, unit in units.items():
        value = number_in(file.metadata, name)
        if value is not None:
            found.append((name.replace("_", " "), f"{value:.3g} {unit}"))
    texts = [
        one_line(str(file.metadata[name]), 80) for name in ("name", "modeled_by", "author") if file.metadata.get(name)
    ]
    return [*found, *([("says it is", ", ".join(dict.fromkeys(texts)))] if texts else [])]


def _odd(file: ModelFile) -> list[str]:
    odd = []
    knobs = np.full(file.network.knobs, 0.5)
    if file.self_test is not None:
        test, still = file.self_test, np.full(len(knobs), file.self_test.rotation)
        file.network.reset()
        given, promised = (part[:_SELF_TEST_SAMPLES] for part in (test.given, test.promised))
        with np.errstate(over="ignore", invalid="ignore"):
            file.network.settle(test.run_in, still)
            off = float(np.abs(file.network.process(given, still) - promised).max(initial=0.0))
        if not off <= _SELF_TEST:
            odd.append(f"its self-test is missed by {off:.2g}: the weights were changed after it was made")
    rest = _rest(file, knobs)
    if not np.isfinite(rest):
        odd.append("it does not stay finite on silence")
    elif abs(rest) > 10 ** (_HISS_DB / 20):
        odd.append(
            f"on silence it puts out a constant {rest:+.3g} ({audio.amplitude_to_db(abs(rest)):.0f} dBFS DC); add a high-pass"
        )
    if isinstance(file.network, Recurrent):
        silent = sum(_idle(layer) for layer in file.network.layers)
        if silent:
            odd.append(f"{silent} hidden units do nothing (padding): a smaller file would sound the same")
    if len(knobs) > AIDAX_KNOBS and file.format == "aidax":
        odd.append(f"{len(knobs)} knobs, its players have {AIDAX_KNOBS}")
    if not any(key in file.metadata for key in ("input_level_dbu", "output_level_dbu")) and file.format == "nam":
        odd.append("no levels in dBu: players cannot match the gain of your interface to that of the capture")
    file.network.reset()
    return odd


def _rest(file: ModelFile, knobs: np.ndarray) -> float:
    """What it puts out after silence."""
    file.network.reset()
    with np.errstate(over="ignore", invalid="ignore"):
        file.network.settle(max(file.settle, file.sample_rate // 4), knobs)
        return float(file.network.process(np.zeros(1), knobs)[0])


def _idle(layer: CellLayer) -> int:
    """Units whose own weights are all zero."""
    rows = [part.reshape(-1, layer.units, *part.shape[1:]) for part in (layer.input_weight, layer.recurrent_weight)]
    busy = np.any([np.abs(part).sum(axis=(0, 2)) for part in rows], axis=0)
    return int(np.sum(~busy.astype(bool)))
