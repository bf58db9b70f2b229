"""``drywet export``: a trained model as a file for players and developers."""

from pathlib import Path
from typing import Any

import typer

from drywet.cli import common

# Options that convert and import have too.
SET = typer.Option(None, "--set", help="Freeze a knob: --set drive=3:00. Repeatable.")
NAME = typer.Option(None, help="What players show. Default: the name in the source, or the source's own.")
MODELED_BY = typer.Option(None, help="Who made it.")
GEAR_TYPE = typer.Option(None, help="amp, pedal, pedal_amp, amp_cab, amp_pedal_cab, preamp or studio.")
GEAR_MAKE = typer.Option(None, help="Maker of the device, e.g. Boss.")
GEAR_MODEL = typer.Option(None, help="The device, e.g. SD-1.")
TONE_TYPE = typer.Option(None, help="clean, overdrive, crunch, hi_gain or fuzz.")
INPUT_LEVEL_DBU = typer.Option(None, help="dBu at the device's input for a full-scale sine.")
OUTPUT_LEVEL_DBU = typer.Option(None, help="dBu at its output that recorded as a full-scale sine.")
SIZE = typer.Option(
    None, min=0, max=1, help="Of a container of several sizes: which one. Default: all in a .nam, else the full one."
)
REVERSED = typer.Option(
    False, "--reversed", help="A Linear .nam from NAM's trainer, which writes its filter backwards."
)
GOLDEN = typer.Option(
    True, help="Write a second of test input and of the model's output beside it, to compare a player with."
)
FORCE = typer.Option(False, "--force", help="Write over an existing file.")
JSON = typer.Option(False, "--json", help="Print the result as JSON.")


def export(
    run: Path = typer.Argument(help="Run folder, or a model file."),
    format_: str = typer.Option(..., "--format", "-f", help="nam, aidax, proteus, rtneural, onnx, numpy or c."),
    out: Path = typer.Option(
        None, "--out", "-o", help="The file. Default: named after the run, in its folder export/."
    ),
    set_: list[str] = SET,
    name: str = NAME,
    modeled_by: str = MODELED_BY,
    gear_type: str = GEAR_TYPE,
    gear_make: str = GEAR_MAKE,
    gear_model: str = GEAR_MODEL,
    tone_type: str = TONE_TYPE,
    input_level_dbu: float = INPUT_LEVEL_DBU,
    output_level_dbu: float = OUTPUT_LEVEL_DBU,
    size: float = SIZE,
    reversed_linear: bool = REVERSED,
    golden: bool = GOLDEN,
    force: bool = FORCE,
    json_: bool = JSON,
) -> None:
    """Write a model for a player, read the file back, and say how close it is.

    A format that cannot hold the model is refused with the nearest that can. docs/players.md says which player takes what.

    Example: `drywet export runs/my-pedal --format nam --out my-pedal.nam --gear-type pedal --tone-type overdrive`
    """
    from drywet.export.export import export as write
    from drywet.export.formats import format_named

    labels = labels_from(
        name=name,
        modeled_by=modeled_by,
        gear_type=gear_type,
        gear_make=gear_make,
        gear_model=gear_model,
        tone_type=tone_type,
        input_level_dbu=input_level_dbu,
        output_level_dbu=output_level_dbu,
    )
    chosen = format_named(format_)
    if out is None:
        folder = run / "export" if run.is_dir() else run.parent
        stem = run.resolve().name if run.is_dir() else run.stem
        out = folder / f"{stem}{'-' + format_ if chosen.suffix == '.json' else ''}{chosen.suffix}"
    knobs, order = common.parse_knobs(set_, "--set"), "trainer" if reversed_linear else "engine"
    print_result(write(run, format_, out, labels, knobs, golden, force, size, order), json_)


def labels_from(**options: str | float | None) -> Any:
    """The labels that were given on the command line."""
    from drywet.export.about import Labels
    from drywet.settings import parse

    return parse(Labels, {name: value for name, value in options.items() if value is not None}, "options")


def print_result(result, json_: bool) -> None:
    """What was written, how close it is, and who plays it."""
    if json_:
        common.print_json(result.as_json())
        return
    say = common.stdout.print
    say(f"{result.path}: {result.network}")
    say(f"read back by {result.checked_by}: differs by at most {result.difference:.1e}, its peak is {result.peak:.2g}")
    if result.golden:
        say(f"test input and output beside it: {result.golden['input']['path']}, {result.golden['output']['path']}")
    print_players(result.players)
    for note in result.notes:
        say(f"note: {note}")


def print_players(verdicts) -> None:
    """A line for each player: whether it takes the file, and what to know."""
    for verdict in verdicts:
        why = f" ({verdict.why})" if verdict.why else ""
        common.stdout.print(f"{'plays in' if verdict.loads else 'not in'} {verdict.player}{why}")
