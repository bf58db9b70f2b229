"""One recording through what a user calls a model; ``render`` and ``circuit render`` share it."""

import math
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drywet.cli import common, progress

if TYPE_CHECKING:
    from drywet.audio import Source
    from drywet.effect import Effect

PIPE = Path("-")


@dataclass(frozen=True)
class CircuitToPlay:
    """How a circuit is solved; None is its own default."""

    oversampling: int | None = None
    laws: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class HowToRender:
    """What is the same for every file; goes to other processes."""

    model: str
    knobs: Mapping[str, Any] = field(default_factory=dict)
    channel: int | None = None  # from 0
    input_db: float = 0.0
    output_db: float = 0.0
    interface_dbu: float | None = None
    subtype: str = "PCM_24"
    circuit: CircuitToPlay | None = None  # of a model None


def render_and_tell(how: HowToRender, dry: Path, out: Path, force: bool, json_: bool) -> None:
    """Render a file or pipe, with progress, and print what became of it; refuse to write over a file or to a terminal."""
    from drywet.errors import SettingsError

    if out == PIPE and json_:
        raise SettingsError("--json prints on stdout, where the sound goes; name a file for the sound")
    if out == PIPE and sys.stdout.isatty():
        raise SettingsError("- would send the sound to the terminal; name a file, or pipe it on: ... - | ffplay -")
    if out != PIPE:
        common.refuse_same_file(dry, out)
        common.refuse_existing(out, force)
    with progress.stage(f"rendering {dry.name}", 1) as stage:
        row = render_one(how, dry, out, common.stderr.print, lambda share: stage.update(int(share >= 1), share))
    if json_:
        common.print_json(row)
    else:
        (common.stderr if out == PIPE else common.stdout).print(in_words(row))


def render_one(
    how: HowToRender, dry: Path, out: Path, say: Callable[[str], None], report: Callable[[float], None]
) -> dict[str, Any]:
    """Render a file or pipe; what became of it, as JSON takes it.

    ``say`` is told what a user should know, ``report`` how much is done, in [0, 1], where that can be known.
    """
    from drywet import audio
    from drywet.rendering import render_file

    with _opened(dry, how.channel) as source:
        effect = effect_of(how, source.sample_rate)
        input_db, output_db = gains(how, effect, say)
        if effect.sample_rate != source.sample_rate:
            say(f"sound of {source.sample_rate} Hz is resampled to the model's {effect.sample_rate} Hz, and back")
        target = sys.stdout.buffer if out == PIPE else out
        levels = {"input_db": input_db, "output_db": output_db}
        written = render_file(effect, source, target, how.knobs, **levels, subtype=how.subtype, report=report)
    peak = audio.amplitude_to_db(written.peak)
    if written.clipped:
        say(
            f"{out}: {written.clipped} samples were louder than full scale and are clipped; the peak is {peak:+.2f} dBFS, so "
            f"lower the level by {math.ceil(10 * peak) / 10:.1f} dB"
        )
    unsolved = getattr(effect, "unsolved", 0)  # of a circuit
    if unsolved:
        say(
            f"{out}: {unsolved} times the equations were not solved to the end; look for steps in {dry}, or raise "
            "--oversampling"
        )
    return {
        "dry": str(dry),
        "wet": str(out),
        "samples": written.samples,
        "seconds": written.samples / written.sample_rate,
        "sample_rate": written.sample_rate,
        "model_sample_rate": effect.sample_rate,
        **levels,
        "peak_dbfs": peak if written.peak else None,
        "clipped": written.clipped,
    }


def in_words(row: Mapping[str, Any]) -> str:
    """``out.wav: 3.5 s at 44100 Hz, peak -4.1 dBFS``."""
    peak = "silent" if row["peak_dbfs"] is None else f"peak {row['peak_dbfs']:.1f} dBFS"
    return f"{row['wet']}: {row['seconds']:.1f} s at {row['sample_rate']} Hz, {peak}"


def effect_of(how: HowToRender, sample_rate: int) -> "Effect":
    """The model, or the circuit at ``sample_rate``."""
    if how.circuit is None:
        from drywet.engine import load

        return load(how.model, report=common.stderr.print)
    from drywet.circuits import load as load_circuit

    solved = {} if how.circuit.oversampling is None else {"oversampling": how.circuit.oversampling}
    circuit = load_circuit(how.model, sample_rate=sample_rate, laws=dict(how.circuit.laws), **solved)
    circuit.prepare(common.stderr.print)
    return circuit


def gains(how: HowToRender, effect: "Effect", say: Callable[[str], None]) -> tuple[float, float]:
    """Gain before and after the model in dB: those asked for, and what matches its volts to those of the interface.

    Raises
    ------
    SettingsError
        If the volts are to be matched and the model does not state its own.
    """
    if how.interface_dbu is None:
        return how.input_db, how.output_db
    from drywet.engine.formats.file import number_in
    from drywet.errors import SettingsError
    from drywet.rendering import LARGEST_GAIN_DB, ONE_VOLT_DBU, matching_gains

    if not abs(how.interface_dbu) <= LARGEST_GAIN_DB:  # NaN fails too
        raise SettingsError(f"--interface-dbu {how.interface_dbu:g}: is a level in dBu; interfaces have 0 to 30")
    stated = {"input_level_dbu": ONE_VOLT_DBU, "output_level_dbu": ONE_VOLT_DBU}
    if how.circuit is None:
        stated = effect.file.metadata  # type: ignore[attr-defined]
    model_in, model_out = (number_in(stated, f"{side}_level_dbu") for side in ("input", "output"))
    if model_in is None:
        raise SettingsError(
            f"{how.model}: does not state the level it was captured at (input_level_dbu), so --interface-dbu has nothing to "
            "match. Set the gain by ear with --input-db"
        )
    before, after = matching_gains(how.interface_dbu, model_in, model_out)
    say(
        f"volts matched to an interface of {how.interface_dbu:+.1f} dBu: input {before:+.1f} dB, output {after:+.1f} dB"
    )
    if model_out is None:
        say(f"{how.model}: does not state its output level (output_level_dbu), so the output is not matched")
    return before + how.input_db, after + how.output_db


def _opened(dry: Path, channel: int | None) -> AbstractContextManager["Source"]:
    from drywet import audio
    from drywet.audio_pipe import PipeReader
    from drywet.errors import SettingsError

    if dry != PIPE:
        return audio.open_reader(dry, channel=channel)
    if sys.stdin.isatty():
        raise SettingsError("- stands for a WAV from a pipe, and nothing is piped in; name a file")
    return nullcontext(PipeReader(sys.stdin.buffer, "standard input", channel))
