"""``drywet devices``: the audio interfaces that can be used here."""

import dataclasses

import typer

from drywet.cli import common


def devices(json_: bool = typer.Option(False, "--json", help="Print as JSON.")) -> None:
    """List audio interfaces: name, channels, rate. With JACK every client is listed: its ports can be used as well.

    Example: `drywet devices --json`
    """
    from drywet.interfaces import list_devices

    found, remarks = list_devices()
    rows = [dataclasses.asdict(device) for device in found]
    if json_:
        common.print_json(rows)
    elif rows:
        common.print_table(rows)
    else:
        common.stdout.print("no audio interface")
    for remark in remarks:
        common.stderr.print(remark)
