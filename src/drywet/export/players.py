"""Which players load a model file, and what they make of it; from their sources (docs/players.md)."""

from dataclasses import dataclass

from drywet.engine.formats import ModelFile
from drywet.engine.recurrent import Recurrent
from drywet.export.proteus import UNITS
from drywet.export.rtneural import AIDAX_KNOBS, AIDAX_RATE, AIDAX_SIZES

NEURALPI_UNITS = 20


@dataclass(frozen=True)
class Verdict:
    """One player's word on a file: whether it loads, and the condition or the reason."""

    player: str
    loads: bool
    why: str = ""


def players(file: ModelFile) -> list[Verdict]:
    """What each player of the file's format will do with it."""
    return {"nam": _nam, "aidax": _aidax, "proteus": _proteus, "rtneural": _rtneural}.get(file.format, _own)(file)


def _nam(file: ModelFile) -> list[Verdict]:
    since = {
        "0.5": "any since 2023",
        "0.6": "with Core 0.4.0 or newer",
        "0.7": "with Core 0.4.1 or newer; plugin 0.7.13 refuses it",
    }
    series = ".".join(file.version.split(".")[:2])
    known = file.architecture in ("LSTM", "WaveNet") and series == "0.5"
    return [
        Verdict("Neural Amp Modeler plugin", True, since[series]),
        Verdict("players on NeuralAudio", known, "" if known else "knows LSTM and the WaveNet of version 0.5"),
    ]


def _aidax(file: ModelFile) -> list[Verdict]:
    network = file.network
    reason = ""
    if not isinstance(network, Recurrent) or len(network.layers) > 1:
        reason = "plays one LSTM or GRU layer only"
    elif network.layers[0].units not in AIDAX_SIZES:
        reason = f"{network.layers[0].units} units are none of {', '.join(map(str, AIDAX_SIZES))}"
    elif network.knobs > AIDAX_KNOBS:
        reason = f"has {AIDAX_KNOBS} knobs, this model {network.knobs}"
    remarks = []
    if not reason and isinstance(network, Recurrent) and network.layers[0].units > 64:
        remarks.append("80 units were reported as silently unloaded by some builds")
    if file.sample_rate != AIDAX_RATE:
        remarks.append(f"only right in a session at {file.sample_rate} Hz, it does not resample")
    skip = file.dry_path != 0
    old = ["in versions of 2023 the dry path has another level"] if file.dry_path not in (0, 1) else []
    return [
        Verdict("AIDA-X", not reason, reason or "; ".join([*remarks, *old])),
        Verdict("aidadsp-lv2", not reason, reason or "; ".join(remarks)),
        Verdict(
            "players on NeuralAudio",
            not reason,
            reason or ("leaves out the dry path, so it sounds wrong" if skip else ""),
        ),
    ]


def _proteus(file: ModelFile) -> list[Verdict]:
    network = file.network
    assert isinstance(network, Recurrent)
    plain = network.cell == "lstm" and len(network.layers) == 1 and network.knobs <= 1
    units = network.layers[0].units
    rate = "" if file.sample_rate == 44_100 else f"takes it for a model of 44100 Hz, it is one of {file.sample_rate} Hz"

    def verdict(player: str, wanted: int, remark: str) -> Verdict:
        fits = plain and units == wanted
        return Verdict(
            player, fits, remark if fits else f"plays one LSTM of {wanted} units; this: {network.describe()}"
        )

    return [
        verdict("Proteus", UNITS, rate),
        verdict("NeuralPi", NEURALPI_UNITS, rate),
        verdict("BYOD", UNITS, "reads the sample rate"),
    ]


def _rtneural(file: ModelFile) -> list[Verdict]:
    return [
        Verdict("RTNeural, dynamic model", True, "json_parser::parseJson"),
        Verdict(
            "RTNeural, ModelT", True, "when compiled for exactly these layers; else it stays silent without a word"
        ),
    ]


def _own(file: ModelFile) -> list[Verdict]:
    if file.format == "onnx":
        return [Verdict("onnxruntime", True, "opset 17"), Verdict("drywet", True)]
    if file.format == "c":
        return [Verdict("any C99 compiler", True, "no library but libm"), Verdict("drywet", True)]
    return [Verdict("drywet", True)]
