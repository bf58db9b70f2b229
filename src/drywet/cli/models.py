"""``drywet models``: which families there are, and what each costs at its standard size."""

import typer

from drywet.cli import common


def models(json_: bool = typer.Option(False, "--json", help="Print the table as JSON.")) -> None:
    """List the model families with size and cost; choose one with drywet train --model.

    Cost is multiplications by learned numbers per sample. Memory is how many samples reach one output.

    Example: `drywet models`
    """
    from drywet.models import FAMILIES, build

    rows = []
    for family, (settings, kind) in sorted(FAMILIES.items()):
        model = build(settings())
        rows.append(
            {
                "family": family,
                "parameters": model.parameter_count(),
                "multiplications": model.macs_per_sample(),
                "memory": model.receptive_field,
                "what": (kind.__doc__ or "").split("\n")[0].split(";")[0].rstrip("."),
            }
        )
    if json_:
        common.print_json(rows)
    else:
        common.print_table([row | {"memory": row["memory"] or "state"} for row in rows])
