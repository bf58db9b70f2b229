"""``drywet inspect``: a model file in plain words."""

from pathlib import Path

import typer

from drywet.cli import common


def inspect(
    file: Path = typer.Argument(help="A model file of any kind, or a run folder."),
    json_: bool = typer.Option(False, "--json", help="Print the facts as JSON."),
) -> None:
    """Say what a model file is, what it costs, how far it remembers, who plays it, and what is odd in it.

    Example: `drywet inspect amp.nam`
    """
    from drywet.cli.export import print_players
    from drywet.engine import read
    from drywet.export.explain import explain

    found = explain(read(file))
    if json_:
        common.print_json(found.as_json())
        return
    say = common.stdout.print
    for what, words in found.lines:
        say(f"{what}: {words}")
    print_players(found.players)
    for note in found.odd:
        say(f"odd: {note}")
