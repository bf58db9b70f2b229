"""``drywet circuit``: render through a virtual circuit, list the circuits there are, show what one consists of."""

from pathlib import Path

import typer

from drywet.cli import common

app = typer.Typer(no_args_is_help=True)

_NETLIST = typer.Argument(help="A built-in circuit (`drywet circuit list`) or a SPICE netlist file.")
_KNOB = "Knob position, 7:00 to 5:00 or 0 to 1; noon when left out."
_JSON = typer.Option(False, "--json", help="Print JSON.")


@app.command()
def render(
    netlist: str = _NETLIST,
    dry: Path = typer.Argument(help="A sound file; 1.0 is 1 V."),
    wet: Path = typer.Argument(help="Where the wet sound goes (24 bit)."),
    drive: str = typer.Option(None, help=_KNOB),
    tone: str = typer.Option(None, help=_KNOB),
    level: str = typer.Option(None, help=_KNOB),
    knobs: list[str] = typer.Option(None, "--set", help="Any knob by its name: --set presence=2:00."),
    laws: list[str] = typer.Option(None, "--law", help="Another pot law: --law drive=linear."),
    oversampling: int = typer.Option(8, help="Solve at this many times the sample rate."),
    channel: int = typer.Option(None, min=1, help="Which channel of a file of several, counted from 1."),
    force: bool = typer.Option(False, "--force", help="Write over a file that is there."),
) -> None:
    """Play a dry recording through a circuit; wet is aligned to dry, sample by sample.

    `drywet render sd1 dry.wav wet.wav` does the same, and folders, pipes and levels too.

    Example: `drywet circuit render sd1 dry.wav wet.wav --drive 3:00 --tone 12:00 --level 12:00`
    """
    from drywet.cli.render_one import CircuitToPlay, HowToRender, render_and_tell

    named = {"drive": drive, "tone": tone, "level": level}
    controls = {name: position for name, position in named.items() if position is not None}
    chosen = CircuitToPlay(oversampling, tuple(common.parse_settings(laws).items()))
    how = HowToRender(
        model=netlist,
        circuit=chosen,
        knobs={**controls, **common.parse_settings(knobs)},
        channel=None if channel is None else channel - 1,
    )
    render_and_tell(how, dry, wet, force, json_=False)


@app.command("list")
def list_circuits(as_json: bool = _JSON) -> None:
    """The circuits that come with drywet.

    Example: `drywet circuit list`
    """
    from drywet.circuits import builtin, load_netlist

    rows = []
    for name in builtin():
        netlist = load_netlist(name)
        rows.append({"name": name, "knobs": ", ".join(netlist.knobs), "title": netlist.title})
    common.print_json(rows) if as_json else common.print_table(rows)


@app.command()
def show(netlist: str = _NETLIST, as_json: bool = _JSON) -> None:
    """Knobs, parts and nonlinear ports of a circuit.

    Example: `drywet circuit show sd1`
    """
    from drywet.circuits import load

    about = load(netlist).describe()
    if as_json:
        common.print_json(about)
        return
    rows = [
        {"knob": name, "default": knob["default"], "law": knob["law"], "other_laws": ", ".join(knob["laws"][1:])}
        for name, knob in about["knobs"].items()
    ]
    common.print_table(rows, title=about["title"])
    parts = ", ".join(f"{count} {kind}" for kind, count in about["parts"].items())
    common.stdout.print(f"{about['nodes']} nodes, from {about['input']} to {about['output']}: {parts}")
    common.stdout.print(f"{len(about['ports'])} nonlinear devices: {', '.join(about['ports'])}")
