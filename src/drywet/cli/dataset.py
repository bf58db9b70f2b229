"""``drywet dataset``: make, fill, import, check, split and show datasets."""

from pathlib import Path

import typer

from drywet.cli import common, progress

app = typer.Typer(no_args_is_help=True)

_FOLDER = typer.Argument(help="A folder with a dataset.toml.")
_ROLE = typer.Option("train", help="train, validation or test.")
_KNOBS = typer.Option(None, "--knob", help="Where a knob stood: --knob drive=3:00. Repeatable.")
_DEVICE = typer.Option("", help="What was recorded: maker, model, serial number.")
_LICENCE = typer.Option("", "--licence", "--license", help="What others may do with it: CC0, CC-BY-4.0 ...")
_JSON = typer.Option(False, "--json", help="Print as JSON.")


@app.command()
def init(
    folder: Path = typer.Argument(help="Folder for the dataset."),
    device: str = typer.Option(..., help="What is recorded: maker, model, serial number."),
    sample_rate: int = typer.Option(44_100, help="Hz, of every file in it."),
    licence: str = _LICENCE,
    name: str = typer.Option("", help="Default: the folder's name."),
    interface: str = typer.Option("", help="The audio interface."),
    latency: int = typer.Option(0, help="Samples by which wet trails dry in the files; taken out when they are read."),
    description: str = typer.Option("", help="How dry and wet were recorded."),
) -> None:
    """Make an empty dataset.

    Example: `drywet dataset init my-pedal --device "Boss SD-1, serial 1234" --licence CC0`
    """
    from drywet.dataset import Chain, create_dataset
    from drywet.settings import parse

    chain = {"sample_rate": sample_rate, "interface": interface, "latency": latency, "description": description}
    dataset = create_dataset(folder, parse(Chain, chain, "--sample-rate"), device, licence, name)
    common.stdout.print(f"{dataset.folder / 'dataset.toml'}: {device}, {sample_rate} Hz, no recordings yet")
    if not licence:
        common.stderr.print("no --licence: others cannot know what they may do with it")
    common.stdout.print(f"next: {common.program()} dataset add {folder} dry.wav wet.wav --role train --knob drive=3:00")


@app.command()
def add(
    folder: Path = _FOLDER,
    dry: Path = typer.Argument(help="What went into the device; or a folder of pairs, without WET."),
    wet: Path = typer.Argument(None, help="What came out at the same time."),
    role: str = _ROLE,
    knob: list[str] = _KNOBS,
    clip: str = typer.Option("", help="The music played. Default: the dry file's name."),
    id_: str = typer.Option("", "--id", help="Name of the recording. Default: clip and knobs."),
    json_: bool = _JSON,
) -> None:
    """Copy a pair, or all pairs of a folder, into a dataset. The originals stay as they are.

    Refused: files that are no pair, that are there already, or that share dry audio with a recording of another role.

    Example: `drywet dataset add my-pedal dry.wav wet.wav --role test --knob drive=3:00`
    """
    from typing import Any

    from drywet.dataset import NewPair, add_pairs, find_pairs
    from drywet.errors import SettingsError

    same: dict[str, Any] = {"role": role, "controls": common.parse_knobs(knob)}
    if wet is not None:
        pairs = [NewPair(dry, wet, clip=clip, id=id_, **same)]
    elif clip or id_:
        raise SettingsError("--clip and --id name one recording; for a folder of pairs the file names are taken")
    else:
        pairs = [NewPair(pair.dry, pair.wet, clip=pair.name, **same) for pair in find_pairs(dry)]
    with progress.stage("adding", len(pairs)) as stage:
        added = add_pairs(folder, pairs)
        stage.update(len(pairs), 1.0)
    if json_:
        common.print_json([recording.model_dump(mode="json", exclude_none=True) for recording in added])
        return
    for recording in added:
        common.stdout.print(f"{recording.id}: {recording.role}, {recording.dry}, {recording.wet}")


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
        dataset = render_dataset(
            settings, out, executor.Local(), lambda share: stage.update(0, share), common.stderr.print
        )
        stage.update(1, 1.0)
    common.stdout.print(f"{dataset.folder}: {len(dataset.manifest.recording)} recordings at {dataset.sample_rate} Hz")


@app.command(name="import")
def import_(
    source: Path = typer.Argument(
        help="A tree of the published study (with Train, Val, Test in it), a folder of pairs, or one stereo file."
    ),
    out: Path = typer.Option(
        None, "--out", "-o", help="For a stereo file: the dataset's folder. Default: named like it."
    ),
    left: str = typer.Option("wet", help="For a stereo file: what is on the left, wet or dry."),
    role: str = typer.Option(None, help="For pairs or a stereo file: train, validation or test. Default: train."),
    knob: list[str] = _KNOBS,
    drive: list[str] = typer.Option(
        None,
        "--drive",
        help="For a tree: position of the drive knob of a level folder: Low=9:00. Default: Low 9:00, Mid 12:00, High 3:00.",
    ),
    device: str = _DEVICE,
    licence: str = _LICENCE,
) -> None:
    """Describe recordings in a dataset.toml. Trees and folders of pairs stay where they are and as they are.

    A folder of pairs holds dry/ and wet/ with files of the same names, or d_song.wav beside w_song.wav. Of a stereo file
    the sides are written to OUT as mono files.

    Example: `drywet dataset import take.wav --out my-pedal --left wet --knob drive=3:00`
    """
    from drywet.dataset import imports, leakage
    from drywet.dataset.published import DRIVE_POSITIONS, ROLES, import_published
    from drywet.errors import SettingsError

    said = {"device": device, "licence": licence}
    is_tree = any((source / name).is_dir() for name in ROLES)
    unused = [name for name, value in (("--role", role), ("--knob", knob)) if value and is_tree]
    unused += ["--drive"] if drive and not is_tree else []
    unused += ["--out"] if out and source.is_dir() else []
    if unused:
        raise SettingsError(f"{unused[0]} says nothing about {source}; see drywet dataset import --help")
    if is_tree or (source.is_dir() and drive):
        given = {name: str(value) for name, value in common.parse_settings(drive).items()}
        dataset = import_published(source, DRIVE_POSITIONS | given, **said)
    else:
        controls = common.parse_knobs(knob)
        the_role = common.choice(role or "train", ("train", "validation", "test"), "--role")
        if source.is_dir():
            dataset = imports.import_pairs(source, the_role, controls, **said)
        else:
            side = common.choice(left, ("wet", "dry"), "--left")
            out = out or Path(source.stem)
            dataset = imports.import_stereo(source, out, the_role, controls, left=side, **said)
    common.stdout.print(f"{dataset.folder / 'dataset.toml'}: {len(dataset.manifest.recording)} recordings")
    for leak in leakage.find_leaks(leakage.listen_to(dataset.folder, dataset.manifest)):
        common.stderr.print(f"{dataset.folder}: {leak}; scores on it mean nothing until both have the same role")
    if {recording.role for recording in dataset.manifest.recording} == {"train"}:
        common.stdout.print(f"next: {common.program()} dataset split {dataset.folder}, for validation and test parts")


@app.command()
def show(folder: Path = _FOLDER, json_: bool = _JSON) -> None:
    """List the recordings of a dataset with length and levels, and how much there is for each role.

    Example: `drywet dataset show my-dataset`
    """
    from dataclasses import asdict

    from drywet.dataset import Dataset, summary

    dataset = Dataset(folder)
    manifest = dataset.manifest
    if json_:
        common.print_json(summary.as_json(dataset))
        return
    rows = summary.summarise(dataset)
    title = f"{manifest.name}: {manifest.device}, {dataset.sample_rate} Hz, {dataset.sha256[:12]}"
    if not rows:
        common.stdout.print(f"{title}\nno recordings yet")
        return
    common.print_table([asdict(row) for row in rows], title)
    common.print_table([asdict(total) for total in summary.totals(rows)])


@app.command()
def check(folder: Path = _FOLDER, json_: bool = _JSON) -> None:
    """Check every file of a dataset, and that no two roles share audio, whatever the files are called.

    The exit status is 0 when the dataset can be used, 3 when not.

    Example: `drywet dataset check my-dataset`
    """
    from dataclasses import asdict

    from drywet.dataset import Dataset
    from drywet.dataset.audit import audit

    dataset = Dataset(folder)
    with progress.stage("checking", 1) as stage:
        found = audit(dataset, lambda share: stage.update(int(share >= 1), share))
    if json_:
        common.print_json(found.as_json())
    else:
        if found.remarks:
            common.print_table([asdict(remark) for remark in found.remarks])
        common.stdout.print(f"{folder}: {found.recordings} recordings, {found.verdict}")
    if not found.usable:
        raise typer.Exit(3)


@app.command()
def split(
    folder: Path = _FOLDER,
    id_: list[str] = typer.Option(None, "--id", help="Which recording; all for training by default. Repeatable."),
    gap: float = typer.Option(0.5, help="Seconds left out between the parts."),
    validation: float = typer.Option(4 / 37, help="Share of the length for validation.", show_default="4/37"),
    test: float = typer.Option(8 / 37, help="Share of the length for the test.", show_default="8/37"),
) -> None:
    """Cut training recordings in time into training, validation and test; the files stay as they are.

    A recording of drywet's capture signal is cut where the signal says.

    Example: `drywet dataset split my-dataset --gap 0.5`
    """
    from dataclasses import asdict

    from drywet.dataset import split_dataset, summary

    dataset = split_dataset(folder, id_ or (), gap_seconds=gap, validation_share=validation, test_share=test)
    common.print_table([asdict(total) for total in summary.totals(summary.summarise(dataset))], str(folder))


@app.command()
def card(folder: Path = _FOLDER) -> None:
    """Write a card of the dataset into its README.md: licence, device, chain, lengths, levels, splits, knobs.

    Run it again when the dataset has changed; what you write outside the card stays.

    Example: `drywet dataset card my-dataset`
    """
    from drywet.dataset import Dataset, summary

    common.stdout.print(str(summary.write_card(Dataset(folder))))
