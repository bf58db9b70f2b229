"""``drywet report``: the pages of a run or a study."""

from pathlib import Path
from typing import Any

import typer

from drywet.cli import common


def report(
    folder: Path = typer.Argument(help="A study folder or a run folder."),
    out: Path = typer.Option(None, "--out", "-o", help="Where the report goes. Default: FOLDER/report."),
    audio: str = typer.Option(
        "3",
        help="How many models of a study are heard at each knob position: a number (3 are best, median and worst), best, "
        "none, or all, which may take far more than the usual 30 MB.",
    ),
) -> None:
    """Write the report of a study or a run, as one folder that opens without a server.

    Example: `drywet report studies/ds340-stateful`
    """
    from drywet import report as pages
    from drywet.errors import SettingsError

    if out is not None and (out / "index.html").exists() and not (out / "files.json").exists():
        raise SettingsError(f"{out / 'index.html'}: is no report of drywet's; choose another folder for --out")
    build = pages.build_study_report if (folder / "study.json").is_file() else pages.build_run_report
    page = build(folder, out, _heard(audio))
    size = sum(path.stat().st_size for path in page.parent.rglob("*") if path.is_file())
    common.stderr.print(f"{size / 1e6:.1f} MB; open it in a browser")
    common.stdout.print(str(page))


def _heard(audio: str) -> Any:
    from drywet.errors import SettingsError

    if audio.isdecimal():
        return int(audio)
    if audio not in ("all", "best", "none"):
        raise SettingsError(f"--audio {audio}: is a number, best, none or all")
    return audio
