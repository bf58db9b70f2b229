"""``drywet import``: a model file of another program as one of drywet's own."""

from pathlib import Path

import typer

from drywet.cli import export as options


def import_model(
    file: Path = typer.Argument(help="A model file: .nam, AIDA-X, Proteus, RTNeural, C header; ONNX needs no import."),
    out: Path = typer.Option(None, "--out", "-o", help="Default: the same name, ending in .safetensors."),
    size: float = options.SIZE,
    reversed_linear: bool = options.REVERSED,
    force: bool = options.FORCE,
    json_: bool = options.JSON,
) -> None:
    """Check a model file strictly and keep it as a file that drywet plays: every weight counted, nothing guessed.

    Example: `drywet import amp.nam --out amp.safetensors`
    """
    from drywet.export.export import export as write

    out = out or file.parent / f"{file.resolve().stem}.safetensors"
    result = write(
        file,
        "numpy",
        out,
        golden=False,
        force=force,
        size=size,
        linear_order="trainer" if reversed_linear else "engine",
    )
    options.print_result(result, json_)
