"""``drywet convert``: a model file in another format."""

from pathlib import Path

import typer

from drywet.cli import common


def convert(
    source: Path = typer.Argument(help="A model file of any kind: .nam, AIDA-X, Proteus, RTNeural, ONNX, safetensors."),
    target: Path = typer.Argument(help="The new file."),
    format_: str = typer.Option(None, "--format", "-f", help="Its format; needed for .json, else told by the name."),
    set_: list[str] = typer.Option(None, "--set", help="Freeze a knob: --set 'knob 1=3:00'. Repeatable."),
    golden: bool = typer.Option(False, "--golden", help="Also write a test input and the model's output beside it."),
    force: bool = typer.Option(False, "--force", help="Write over an existing file."),
    json_: bool = typer.Option(False, "--json", help="Print the result as JSON."),
) -> None:
    """Write a model of one player for another, where the other can hold it; the result is read back and compared.

    Example: `drywet convert proteus.json my-amp.nam`
    """
    from drywet.cli.export import print_result
    from drywet.export.export import export as write
    from drywet.export.formats import format_of_name

    knobs = common.parse_knobs(set_, "--set")
    print_result(write(source, format_ or format_of_name(target), target, None, knobs, golden, force), json_)
