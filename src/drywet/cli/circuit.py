"""``drywet circuit``: render through a virtual circuit, list the circuits there are, show what one consists of."""

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Virtual circuits: SPICE netlists that are played through.", no_args_is_help=True)

NetlistArgument = Annotated[str, typer.Argument(help="A built-in circuit (drywet circuit list) or a netlist file.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command(epilog="Example: drywet circuit render sd1 dry.wav wet.wav --drive 3:00 --tone 12:00 --level 12:00")
def render(
    netlist: NetlistArgument,
    dry: Annotated[Path, typer.Argument(help="The dry sound file, mono; full scale is 1 V.")],
    wet: Annotated[Path, typer.Argument(help="The wet sound file to write, 24 bit.")],
    drive: Annotated[str | None, typer.Option(help="Knob position: a clock time (3:00) or 0 to 1.")] = None,
    tone: Annotated[str | None, typer.Option(help="As --drive.")] = None,
    level: Annotated[str | None, typer.Option(help="As --drive.")] = None,
    knob: Annotated[list[str] | None, typer.Option("--set", help="Any knob: --set presence=2:00.")] = None,
    law: Annotated[list[str] | None, typer.Option(help="Another pot law: --law drive=linear.")] = None,
    oversampling: Annotated[int, typer.Option(help="Solve at this many times the sample rate.")] = 8,
) -> None:
    """Render a dry recording through a circuit. The wet file is aligned to the dry one, sample by sample."""
    from drywet import audio
    from drywet import effect as effects
    from drywet.circuits import load
    from drywet.errors import SettingsError

    if wet.exists() and dry.exists() and wet.samefile(dry):
        raise SettingsError(f"{wet}: is the dry file itself; give the wet file another name")
    named = {name: position for name, position in (("drive", drive), ("tone", tone), ("level", level)) if position}
    controls = {**named, **_pairs(knob, "--set knob=position")}
    samples, sample_rate = audio.read(dry)
    circuit = load(netlist, sample_rate=sample_rate, oversampling=oversampling, laws=_pairs(law, "--law knob=law"))
    rendered = effects.render(circuit, samples, controls)
    clipped = audio.write(wet, rendered, sample_rate)
    typer.echo(f"{wet}: {len(rendered) / sample_rate:.2f} s, peak {audio.peak_dbfs(rendered):.1f} dBFS")
    if clipped:
        typer.echo(
            f"{clipped} of {len(rendered)} samples were louder than full scale (1 V) and clipped; turn down the level knob",
            err=True,
        )
    if circuit.unsolved:
        typer.echo(
            f"at {circuit.unsolved} points in time the equations were not solved exactly; look for steps in the dry "
            "signal, or raise --oversampling",
            err=True,
        )


@app.command("list", epilog="Example: drywet circuit list --json")
def list_circuits(as_json: JsonOption = False) -> None:
    """The circuits that come with drywet."""
    from drywet.circuits import builtin
    from drywet.circuits.circuit import load_netlist

    rows = [{"name": name, "title": load_netlist(name).title} for name in builtin()]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
    else:
        for row in rows:
            typer.echo(f"{row['name']:8} {row['title']}")


@app.command(epilog="Example: drywet circuit show sd1")
def show(netlist: NetlistArgument, as_json: JsonOption = False) -> None:
    """Knobs, parts and nonlinear ports of a circuit."""
    from drywet.circuits import load

    description = load(netlist).describe()
    if as_json:
        typer.echo(json.dumps(description, indent=2, ensure_ascii=False))
        return
    typer.echo(description["title"])
    for name, item in description["knobs"].items():
        laws = ", ".join(item["laws"])
        typer.echo(
            f"knob    {name}: .param {item['parameter']}, law {item['law']} (of {laws}), default {item['default']}"
        )
    typer.echo(f"nodes   {description['nodes']}, input {description['input']}, output {description['output']}")
    typer.echo("parts   " + ", ".join(f"{count} {kind}" for kind, count in description["parts"].items()))
    typer.echo("ports   " + ", ".join(description["ports"]))


def _pairs(texts: list[str] | None, form: str) -> dict[str, str]:
    from drywet.errors import SettingsError

    pairs = {}
    for text in texts or []:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise SettingsError(f"{text!r}: write {form}")
        pairs[name] = value
    return pairs
