"""``drywet render``: recordings through a model or a circuit."""

import json
from pathlib import Path
from typing import Any

import typer

from drywet.cli import common, progress
from drywet.cli.render_one import (
    PIPE,
    CircuitToPlay,
    HowToRender,
    effect_of,
    gains,
    in_words,
    render_and_tell,
    render_one,
)
from drywet.text import one_line

SUBTYPES = {"16": "PCM_16", "24": "PCM_24", "float": "FLOAT"}


def render(
    model: str = typer.Argument(
        help="Run folder, model file of any format (.safetensors, .nam, .json, .onnx), or circuit (sd1, a netlist file)."
    ),
    dry: Path = typer.Argument(help="A sound file; a folder of them; or -, a WAV from a pipe."),
    out: Path = typer.Argument(help="Where the wet sound goes; a folder for a folder; or -, a WAV into a pipe."),
    knob: list[str] = typer.Option(
        None,
        help="Where a knob stands: --knob drive=3:00; or how it moves, times in seconds: "
        "--knob 'drive=[[0, \"9:00\"], [2.5, 0.8]]'. Repeatable.",
    ),
    channel: int = typer.Option(None, min=1, help="Which channel of a file of several, counted from 1."),
    input_db: float = typer.Option(0.0, help="Gain before the model, in dB."),
    output_db: float = typer.Option(0.0, help="Gain after the model, in dB."),
    interface_dbu: float = typer.Option(
        None,
        help="Level in dBu of a full-scale sine at your interface: matches the volts at a model that states its own "
        "(input_level_dbu), or at a circuit (1.0 is 1 V). At 12, a model of 18 hears dry 6 dB lower.",
    ),
    bits: str = typer.Option("24", help="Of the wet file: 16, 24, or float, which never clips."),
    oversampling: int = typer.Option(None, help="Of a circuit: solve at this many times the sample rate."),
    jobs: int = typer.Option(None, min=1, help="Of a folder: files at a time. Default: one a core."),
    force: bool = typer.Option(False, "--force", help="Write over files that are there."),
    json_: bool = typer.Option(False, "--json", help="Print the result as JSON."),
) -> None:
    """Play recordings of any length through a model; wet is as long as dry and aligned to it, sample by sample.

    Sound of another sample rate is resampled to the model's, and back. Of a folder, files that are there already are left
    as they are. Pipes: `sox in.wav -t wav - | drywet render amp.nam - - | ffplay -`

    Example: `drywet render runs/my-pedal dry.wav out.wav`
    """
    from drywet.circuits import is_circuit
    from drywet.errors import SettingsError

    how = HowToRender(
        model=model,
        knobs=_positions(knob),
        channel=None if channel is None else channel - 1,
        input_db=input_db,
        output_db=output_db,
        interface_dbu=interface_dbu,
        subtype=SUBTYPES[common.choice(bits, tuple(SUBTYPES), "--bits")],
        circuit=CircuitToPlay(oversampling) if is_circuit(model) else None,
    )
    if oversampling is not None and how.circuit is None:
        raise SettingsError(f"--oversampling {oversampling}: is for circuits, {model} is none")
    if dry.is_dir():
        _render_folder(how, dry, out, jobs, force, json_)
        return
    if jobs is not None:
        raise SettingsError(f"--jobs {jobs}: is for folders, {dry} is none")
    render_and_tell(how, dry, out, force, json_)


def _positions(knobs: list[str] | None) -> dict[str, Any]:
    """Positions as text, movements as lists."""
    from drywet.errors import SettingsError

    found: dict[str, Any] = dict(common.parse_knobs(knobs))
    for name, text in found.items():
        if text.startswith("["):
            try:
                found[name] = json.loads(text)
            except (ValueError, RecursionError) as error:
                raise SettingsError(
                    f"--knob {name}={one_line(text, 100)}: a movement is a list of [seconds, position], for example "
                    f'[[0, "9:00"], [2.5, 0.8]] ({error})'
                ) from None
    return found


def _render_folder(how: HowToRender, folder: Path, out: Path, jobs: int | None, force: bool, json_: bool) -> None:
    """Every sound file of a folder, several at a time; one that fails stops no other."""
    from drywet import controls, executor
    from drywet.errors import SettingsError

    if out == PIPE or (out.exists() and not out.is_dir()):
        raise SettingsError(f"{out}: is no folder, but {folder} is one; name a folder for the wet files")
    if out.is_dir() and out.samefile(folder):
        raise SettingsError(f"{out}: is the folder that is read; choose another for the wet files")
    targets = _targets(folder, out)
    effect = effect_of(how, 44_100)  # so that a mistake shows, and a kernel is compiled, once and now
    controls.resolve_movements(how.knobs, effect.controls)
    said: set[str] = set()

    def say(text: str) -> None:
        if text not in said:
            said.add(text)
            common.stderr.print(text)

    gains(how, effect, say)
    todo = [(dry, wet) for dry, wet in targets.items() if force or not wet.is_file()]
    sizes = [dry.stat().st_size for dry, _ in todo]
    shares = [0.0] * len(todo)
    workers = executor.Inline() if jobs == 1 or len(todo) < 2 else executor.Local(jobs)
    with progress.stage(f"rendering {folder}", len(todo)) as stage:

        def hear(index: int, news: float | str) -> None:
            if isinstance(news, str):
                say(news)
                return
            shares[index] = news
            done = sum(share * size for share, size in zip(shares, sizes, strict=True)) / max(sum(sizes), 1)
            stage.update(sum(share >= 1 for share in shares), done)

        outcomes = workers.map(_render_task, [(how, *paths) for paths in todo], hear)
    rows: list[dict[str, Any]] = []
    for (dry, wet), outcome in zip(todo, outcomes, strict=True):
        failed = {"dry": str(dry), "wet": str(wet), "error": str(outcome.error)}
        rows.append(failed if outcome.error else outcome.result)
    _show_folder(rows, out, len(targets) - len(todo), json_)
    errors = [outcome.error for outcome in outcomes if outcome.error]
    if errors:
        raise typer.Exit(errors[0].exit_status)


def _targets(folder: Path, out: Path) -> dict[Path, Path]:
    """The wet file of each sound file: of the same name, but WAV where the kind is lossy."""
    from drywet.audio import ENDINGS, LOSSY
    from drywet.errors import AudioFileError, SettingsError

    targets: dict[Path, Path] = {}
    for dry in sorted(folder.iterdir()):
        ending = dry.suffix.lower()
        if ending not in ENDINGS or dry.name.startswith(".") or not dry.is_file():
            continue
        wet = out / (f"{dry.stem}.wav" if ending in LOSSY else dry.name)
        if wet in targets.values():
            raise SettingsError(f"{dry}: and another file of {folder} would both become {wet}; rename one of them")
        targets[dry] = wet
    if not targets:
        raise AudioFileError(f"{folder}: holds no sound files ({', '.join(ENDINGS)})")
    return targets


def _render_task(task, tell) -> dict[str, Any]:
    how, dry, wet = task
    row = render_one(how, dry, wet, tell, tell)
    tell(1.0)
    return row


def _show_folder(rows: list[dict[str, Any]], out: Path, skipped: int, json_: bool) -> None:
    failed = [row for row in rows if "error" in row]
    for row in failed:
        common.stderr.print(f"error: {row['error']}")
    if json_:
        common.print_json(
            {"rendered": [row for row in rows if "error" not in row], "failed": failed, "skipped": skipped}
        )
        return
    for row in rows:
        if "error" not in row:
            common.stdout.print(in_words(row))
    there = f", {skipped} were there already (--force renders them again)" if skipped else ""
    fault = f", {len(failed)} failed" if failed else ""
    common.stdout.print(f"{out}: {len(rows) - len(failed)} files rendered{there}{fault}")
