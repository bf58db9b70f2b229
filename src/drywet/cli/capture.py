"""``drywet capture``: play a signal through a device and record it, once for each knob setting."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from drywet.cli import common

if TYPE_CHECKING:
    from drywet.interfaces import Interface, Levels

METER_DB = 60  # from the left end of a meter to full scale
METER_WIDTH = 20


def capture(
    signal: Path = typer.Option(help="What to play: a mono sound file, such as `drywet signal make` writes."),
    out: Path = typer.Option(help="Folder of the dataset; a session that was left goes on in it."),
    knob: list[str] = typer.Option(
        None, help="Positions of a knob, each of which is recorded: --knob drive=9:00,12:00,3:00. Repeatable."
    ),
    device: str = typer.Option("", help="Name of the device that is captured. Default: the folder's name."),
    licence: str = typer.Option("", help="Of the recordings, e.g. CC-BY-4.0."),
    backend: str = typer.Option("portaudio", help="portaudio or jack."),
    interface: str = typer.Option(
        "",
        help="Audio interface: a name, part of one, or a number from `drywet devices`. With jack: the server's name.",
    ),
    play_channel: str = typer.Option("1", help="Output that plays; several with commas. With jack also a port's name."),
    wet_channel: str = typer.Option("1", help="Input that the device's output goes to. With jack also a port's name."),
    dry_channel: str = typer.Option(
        None, help="Input for what the device is fed with (a split, or a second output). Best where there is one."
    ),
    calibrate: bool = typer.Option(
        False, "--calibrate", help="First measure interface and cable alone, with a cable in place of the device."
    ),
    play_level: float = typer.Option(None, help="Peak to play at, in dBFS. Default: as the file is."),
    float_: bool = typer.Option(False, "--float", help="Store 32-bit float instead of 24-bit."),
    tries: int = typer.Option(3, min=1, max=100, help="Takes of a setting until one is good."),
    yes: bool = typer.Option(False, "--yes", help="Do not wait for Enter."),
    json_: bool = typer.Option(False, "--json", help="Print as JSON."),
) -> None:
    """Play a signal through a device and record it, once for each knob setting, into a dataset.

    Takes with lost blocks or clipping are made again. A finished take is never lost: the same command goes on.

    Example: `drywet capture --signal capture.wav --out my-sd1 --knob drive=9:00,12:00,3:00 --dry-channel 2`
    """
    from drywet import interfaces
    from drywet.dataset import calibration
    from drywet.dataset.capture import Plan, Session, knob_settings
    from drywet.errors import SettingsError

    if calibrate and dry_channel:
        raise SettingsError("--calibrate and --dry-channel: a dry return needs no calibration; leave one of them out")
    plan = Plan(
        signal=signal,
        folder=out,
        settings=knob_settings(_positions(knob)),
        device=device,
        licence=licence,
        play_level_dbfs=play_level,
        dry_return=dry_channel is not None,
        subtype="FLOAT" if float_ else "PCM_24",
        tries=tries,
    )
    session = Session(plan)
    done = len(plan.settings) - len(session.missing)
    if session.missing:
        record = [common.parse_channel(name) for name in (wet_channel, dry_channel) if name]
        play = [common.parse_channel(name) for name in play_channel.split(",")]
        operator = Terminal(waits=not yes)
        if done:
            operator.tell(f"{done} of {len(plan.settings)} settings are recorded already; going on with the others")
        opened = interfaces.open_interface(backend, interface, session.sample_rate, play, record)
        try:
            loop = None if plan.dry_return else calibration.load(out)
            if calibrate:
                loop = _calibrate(opened, operator)
                calibration.save(out, loop)
            dataset = session.run(opened, operator, loop)
        finally:
            opened.close()
    else:
        from drywet.dataset import Dataset

        dataset = Dataset(out)
    rows = [note.model_dump() for note in session.notes]
    if json_:
        common.print_json(rows)
        return
    keys = ("id", "peak_dbfs", "latency", "latency_from", "behind", "polarity", "tries")
    common.print_table([{key: row[key] for key in keys} for row in rows], f"{out}: {dataset.manifest.device}")
    if {recording.role for recording in dataset.manifest.recording} == {"train"}:
        common.stdout.print(f"all of it is for training; for the other roles: {common.program()} dataset split {out}")


def _positions(assignments: list[str] | None) -> dict[str, list[str]]:
    """``["drive=9:00,3:00"]`` as ``{"drive": ["9:00", "3:00"]}``."""
    from drywet.errors import SettingsError

    knobs = common.parse_knobs(assignments)
    if len(knobs) < len(assignments or []):
        raise SettingsError("--knob: a knob is named once, with all its positions: --knob drive=9:00,3:00")
    return {name: [place.strip() for place in places.split(",")] for name, places in knobs.items()}


class Terminal:
    """An :class:`drywet.dataset.capture.Operator` at a terminal; everything it says goes to stderr."""

    def __init__(self, waits: bool):
        self.waits = waits

    def ask(self, what_to_do: str) -> None:
        from drywet.errors import CaptureError

        if not self.waits:
            self.tell(what_to_do)
            return
        common.stderr.print(f"{what_to_do}, then Enter ", end="")
        if not sys.stdin.readline():
            raise CaptureError("nobody is there to press Enter. Add --yes to go on without waiting")

    def tell(self, news: str) -> None:
        common.stderr.print(news)

    def watch(self, levels: "Levels") -> None:
        if not common.stderr.is_terminal:
            return
        common.stderr.file.write("\r\x1b[2K" + _meters(levels) + ("\n" if levels.share >= 1 else ""))
        common.stderr.file.flush()


def _meters(levels: "Levels") -> str:
    """``wet [#########           ] -31.2 dBFS  CLIP  43 %``."""
    parts = []
    for name, peak, clipped in zip(("wet", "dry"), levels.peaks_dbfs, levels.clipped, strict=False):
        filled = round(METER_WIDTH * min(max(1 + peak / METER_DB, 0), 1))
        lamp = "CLIP" if clipped else "    "
        parts.append(f"{name} [{'#' * filled:{METER_WIDTH}}] {max(peak, -999):6.1f} dBFS {lamp}")
    xruns = f"  xruns: {levels.xruns}" if levels.xruns else ""
    return f"{'  '.join(parts)} {100 * levels.share:3.0f} %{xruns}"


def _calibrate(interface: "Interface", operator: Terminal):
    from drywet.dataset.calibration import calibrate

    operator.ask("Take the device out: a cable from the output that plays to the input of the wet channel")
    loop = calibrate(interface, operator.watch)
    operator.tell(
        f"the loop: round trip {loop.latency:.2f} samples ({1000 * loop.latency / loop.sample_rate:.2f} ms), gain "
        f"{loop.gain_db:+.2f} dB at 1 kHz, even to {loop.unevenness_db:.2f} dB"
    )
    for remark in loop.remarks():
        operator.tell(f"warning: {remark}")
    return loop
