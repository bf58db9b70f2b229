"""``drywet report``: the pages of a run or a study."""

from pathlib import Path

import typer

from drywet.cli import common


def report(
    folder: Path = typer.Argument(help="A study folder or a run folder."),
    out: Path = typer.Option(None, "--out", "-o", help="Where the report goes. Default: FOLDER/report."),
) -> None:
    """Write the report of a study or a run, as one folder that opens without a server.

    Example: `drywet report studies/ds340-stateful`
    """
    from drywet import report as pages

    build = pages.build_study_report if (folder / "study.json").is_file() else pages.build_run_report
    common.stdout.print(str(build(folder, out)))
