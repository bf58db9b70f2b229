"""``drywet check``: is a recording fit to learn from, and how well can a model do on it at best?"""

from functools import partial
from pathlib import Path

import typer

from drywet.cli import common, progress

NOT_USABLE = 3  # exit status, that of a SignalError
_SIGNS = {"ok": " ", "note": "·", "repair": "!", "fatal": "X"}


def check(
    dry: Path = typer.Argument(help="What went into the device. Or a folder: of pairs, or a dataset."),
    wet: Path = typer.Argument(None, help="What came out of it."),
    dry_channel: int = typer.Option(None, min=1, help="Which channel of a dry file of several, counted from 1."),
    wet_channel: int = typer.Option(None, min=1, help="Which channel of a wet file of several."),
    picture: Path = typer.Option(None, help="Where the picture goes. Default: WET-check.png, in this folder."),
    no_picture: bool = typer.Option(False, "--no-picture", help="Draw nothing."),
    force: bool = typer.Option(False, "--force", help="Write over the file that --picture names."),
    json_: bool = typer.Option(False, "--json", help="Print as JSON."),
) -> None:
    """Check a recording: levels, clipping, dropouts, alignment, what kind of device it is, and the best score there can be.

    Nothing is changed. Leaves with status 0 when the recording can be used, with 3 when training would be meaningless.

    Example: `drywet check dry.wav wet.wav`
    """
    from drywet.dataset.check import check_files
    from drywet.errors import SettingsError

    pairs = _pairs(dry, wet)
    if picture is not None and len(pairs) > 1:
        raise SettingsError(f"--picture {picture}: {dry} holds {len(pairs)} pairs, and one picture shows one of them")
    if picture is not None:
        common.refuse_existing(picture, force)
    results = []
    for number, (one, other) in enumerate(pairs):
        with progress.stage(f"checking {other.name}", 1) as stage:
            result = check_files(
                one,
                other,
                dry_channel=None if dry_channel is None else dry_channel - 1,
                wet_channel=None if wet_channel is None else wet_channel - 1,
                report=partial(_tell, stage),
            )
        results.append(result)
        if not json_:
            if number:
                common.stdout.print()
            _print(result)
        if not no_picture and result.dry is not None:
            from drywet.report.recording import draw_check

            path = draw_check(result, picture or _picture_path(other, len(pairs)))
            common.stderr.print(f"picture: {path}")
    if json_:
        values = [result.as_json() for result in results]
        common.print_json(values if dry.is_dir() else values[0])
    elif len(results) > 1:
        common.stdout.print()
        common.print_table([{"wet": r.names[1], "verdict": r.verdict} for r in results], f"{len(results)} recordings")
    if any(result.status == "not usable" for result in results):
        raise typer.Exit(NOT_USABLE)


def _tell(stage: progress.Stage, share: float) -> None:
    stage.update(int(share), share)


def _pairs(dry: Path, wet: Path | None) -> list[tuple[Path, Path]]:
    """The files to check: two, or those of a folder; recordings that share their files are checked once."""
    from drywet.dataset import Dataset
    from drywet.dataset.manifest import MANIFEST
    from drywet.dataset.pairs import find_pairs
    from drywet.errors import SettingsError

    if wet is not None:
        return [(dry, wet)]
    if not dry.is_dir():
        raise SettingsError(f"{dry}: give the wet file too (`drywet check dry.wav wet.wav`), or a folder of pairs")
    if (dry / MANIFEST).is_file():
        found = [(dry / r.dry, dry / r.wet) for r in Dataset(dry).manifest.recording]
        return list(dict.fromkeys(found))
    return [(pair.dry, pair.wet) for pair in find_pairs(dry)]


def _picture_path(wet: Path, count: int) -> Path:
    """In the folder the command runs in; wet files of several folders may have one name."""
    return Path(f"{wet.parent.name}-{wet.stem}-check.png" if count > 1 else f"{wet.stem}-check.png")


def _print(result) -> None:
    """One page: the verdict, then what was found, faults first."""
    common.stdout.print(f"{result.names[0]} -> {result.names[1]}")
    common.stdout.print(f"verdict: {result.verdict}")
    order = {"fatal": 0, "repair": 1, "note": 2, "ok": 3}
    for finding in sorted(result.findings, key=lambda finding: order[finding.severity]):
        common.stdout.print(f"{_SIGNS[finding.severity]} {finding.name:<14} {finding.text}")
        if finding.advice:
            common.stdout.print(f"{'':17}-> {finding.advice}")
