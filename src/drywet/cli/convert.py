"""``drywet convert``: a model file in another format."""

from pathlib import Path

import typer

from drywet.cli import export as options


def convert(
    source: Path = typer.Argument(
        help="A model file of any kind: .nam, AIDA-X, Proteus, RTNeural, ONNX, safetensors, C header."
    ),
    target: Path = typer.Argument(help="The new file."),
    format_: str = typer.Option(None, "--format", "-f", help="Its format; needed for .json, else told by the name."),
    set_: list[str] = options.SET,
    name: str = options.NAME,
    modeled_by: str = options.MODELED_BY,
    gear_type: str = options.GEAR_TYPE,
    gear_make: str = options.GEAR_MAKE,
    gear_model: str = options.GEAR_MODEL,
    tone_type: str = options.TONE_TYPE,
    input_level_dbu: float = options.INPUT_LEVEL_DBU,
    output_level_dbu: float = options.OUTPUT_LEVEL_DBU,
    size: float = options.SIZE,
    reversed_linear: bool = options.REVERSED,
    golden: bool = options.GOLDEN,
    force: bool = options.FORCE,
    json_: bool = options.JSON,
) -> None:
    """Write a model of one player for another, where the other can hold it; the result is read back and compared.

    Units are added where the other player knows only some sizes. What the file says about the model goes along, where no
    option says otherwise.

    Example: `drywet convert proteus.json my-amp.nam`
    """
    from drywet.export.formats import format_of_name

    options.export(
        source,
        format_ or format_of_name(target),
        target,
        set_,
        name,
        modeled_by,
        gear_type,
        gear_make,
        gear_model,
        tone_type,
        input_level_dbu,
        output_level_dbu,
        size,
        reversed_linear,
        golden,
        force,
        json_,
    )
