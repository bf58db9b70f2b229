"""``drywet import``: a model file of another program as one of drywet's own."""

from pathlib import Path

import typer

from drywet.cli import common


def import_model(
    file: Path = typer.Argument(help="A model file: .nam, AIDA-X, Proteus or RTNeural; ONNX needs no import."),
    out: Path = typer.Option(None, "--out", "-o", help="Default: the same name, ending in .safetensors."),
    size: float = typer.Option(
        None, min=0, max=1, help="Of a container of several sizes: which. Default: the full one."
    ),
    reversed_linear: bool = typer.Option(
        False, "--reversed", help="A Linear .nam from NAM's trainer, which writes its filter backwards."
    ),
    force: bool = typer.Option(False, "--force", help="Write over an existing file."),
    json_: bool = typer.Option(False, "--json", help="Print the result as JSON."),
) -> None:
    """Check a model file strictly and keep it as a file that drywet plays: every weight counted, nothing guessed.

    Example: `drywet import amp.nam --out amp.safetensors`
    """
    from drywet.cli.export import print_result
    from drywet.engine import read
    from drywet.export.export import write_model

    model = read(file, "trainer" if reversed_linear else "engine")
    if size is not None:
        model = model.at_size(size)
    out = out or file.with_suffix(".safetensors")
    common.refuse_same_file(file, out)
    print_result(write_model(model, "numpy", out, file.name.split(".")[0], force=force), json_)
