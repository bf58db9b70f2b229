"""``drywet dataset``: make, import and show datasets."""

from pathlib import Path

import typer

from drywet.cli import common, progress

app = typer.Typer(no_args_is_help=True)


@app.command()
def render(
    out: Path = typer.Argument(help="Folder for the dataset."),
    all_drives: bool = typer.Option(
        False, "--all-drives", help="For one model with a drive knob: drives from 0 to 1, others in the test."
    ),
    train_drive: str = typer.Option(None, help="Drives that share the training track: 7:00,0.5,5:00."),
    moving: int = typer.Option(None, help="How many training recordings in which the drive moves."),
    validation_drive: str = typer.Option(None, help="Drives of the validation riff."),
    test_drive: str = typer.Option(None, help="Drives of the test riffs: 0.1,0.35,0.65,0.9."),
    set_: list[str] = typer.Option(None, "--set", help="Any setting, e.g. --set train_seconds=60. Repeatable."),
) -> None:
    """Render the built-in guitar through the virtual SD-1, at three drives or, with one of the drive options, at many.

    Example: `drywet dataset render my-dataset --all-drives --set train_seconds=60`
    """
    from drywet import executor
    from drywet.dataset.virtual import VirtualDataset, render_dataset
    from drywet.settings import parse, set_path

    given = {"train": train_drive, "validation": validation_drive, "test": test_drive}
    chosen: dict = {role: text.replace(",", " ").split() for role, text in given.items() if text is not None}
    chosen |= {} if moving is None else {"moving": moving}
    values: dict = {"all_drives": chosen} if all_drives or chosen else {}
    for name, value in common.parse_settings(set_).items():
        values = set_path(values, name, value)
    settings = parse(VirtualDataset, values, "--set")
    with progress.stage("rendering", 1) as stage:
        dataset = render_dataset(settings, out, executor.Local(), lambda share: stage.update(0, share))
    common.stdout.print(f"{dataset.folder}: {len(dataset.manifest.recording)} recordings at {dataset.sample_rate} Hz")


@app.command(name="import")
def import_(
    tree: Path = typer.Argument(
        help="Data/<effect>/<version> of the published study's tree, with Train, Val, Test in it."
    ),
    drive: list[str] = typer.Option(
        None,
        "--drive",
        help="Position of the drive knob for a level folder: Low=9:00. Default: Low 9:00, Mid 12:00, High 3:00.",
    ),
) -> None:
    """Describe a tree of the published study in a dataset.toml; the audio stays where it is.

    Example: `drywet dataset import Data/SD-1/DS340`
    """
    from drywet.dataset import import_published
    from drywet.dataset.published import DRIVE_POSITIONS

    given = {name: str(value) for name, value in common.parse_settings(drive).items()}
    dataset = import_published(tree, DRIVE_POSITIONS | given)
    common.stdout.print(f"{dataset.folder / 'dataset.toml'}: {len(dataset.manifest.recording)} recordings")


@app.command()
def show(
    folder: Path = typer.Argument(help="A folder with a dataset.toml."),
    json_: bool = typer.Option(False, "--json", help="Print as JSON."),
) -> None:
    """List the recordings of a dataset.

    Example: `drywet dataset show my-dataset`
    """
    from drywet import audio
    from drywet.controls import describe_all
    from drywet.dataset import Dataset

    dataset = Dataset(folder)
    rows = [
        {
            "id": recording.id,
            "role": recording.role,
            "clip": recording.clip,
            "controls": describe_all(recording.controls),
            "seconds": round(audio.duration_seconds(dataset.folder / recording.dry), 3),
        }
        for recording in dataset.manifest.recording
    ]
    if json_:
        common.print_json(rows)
    else:
        manifest = dataset.manifest
        common.print_table(rows, f"{manifest.name}: {manifest.device}, {dataset.sample_rate} Hz, {dataset.sha256[:12]}")
