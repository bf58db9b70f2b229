"""``drywet signal``: make a signal to play through a device, and show what a file's parts are."""

from pathlib import Path

import typer

from drywet.cli import common

app = typer.Typer(no_args_is_help=True)

_JSON = typer.Option(False, "--json", help="Print as JSON.")


@app.command()
def make(
    path: Path = typer.Argument(help="Where the signal goes: a .wav or .flac, 24 bit."),
    seconds: float = typer.Option(180.0, help="Length, 20 to 3600 s; all parts keep their proportion."),
    sample_rate: int = typer.Option(44_100, help="Hz: that of the interface and of the model to be."),
    peak: float = typer.Option(-3.0, help="Level of the loudest sample in dBFS."),
    seed: int = typer.Option(25, min=0, help="Draws the noise and the guitar phrases for training."),
    force: bool = typer.Option(False, "--force", help="Write over a file that is there."),
    json_: bool = _JSON,
) -> None:
    """Make a capture signal: clicks, silence, sweeps, multitones, noise, guitar, and a passage that occurs twice.

    It says which of its parts train, validate and test. `drywet signal show` explains each.

    Example: `drywet signal make capture.wav --seconds 180`
    """
    from drywet import audio, files, signals
    from drywet.errors import SettingsError

    if not audio.LOWEST_RATE <= sample_rate <= audio.HIGHEST_RATE:
        raise SettingsError(
            f"--sample-rate {sample_rate}: outside {audio.LOWEST_RATE} to {audio.HIGHEST_RATE} Hz, what interfaces offer"
        )
    common.refuse_existing(path, force)
    samples = signals.capture_signal(sample_rate, seconds, seed, peak_dbfs=peak)
    audio.write(path, samples, sample_rate)
    roles = signals.capture_roles(signals.capture_sections(seconds))
    if json_:
        common.print_json(
            {
                "path": str(path),
                "seconds": seconds,
                "sample_rate": sample_rate,
                "peak_dbfs": peak,
                "seed": seed,
                "sha256": files.sha256(path),
                "roles": {role: list(ends) for role, ends in roles.items()},
                "parts": signals.explain_parts(samples, sample_rate),
            }
        )
        return
    common.stdout.print(f"{path}: {seconds:g} s at {sample_rate} Hz, 24 bit, peak {peak:g} dBFS, seed {seed}")
    common.stdout.print(_roles(roles))
    common.stdout.print(f"next: {common.program()} signal show {path}; or play it through the device and record both")


@app.command()
def show(
    path: Path = typer.Argument(help="A mono sound file."),
    json_: bool = _JSON,
) -> None:
    """Explain the parts of a signal: from when to when, how loud, what for, and for which role in a dataset.

    Signals of drywet are known by their clicks and silences, in any format, at any level, with anything silent around
    them. Of other files it shows where they sound and where they are silent.

    Example: `drywet signal show capture.wav`
    """
    from drywet import audio, signals

    samples, rate = audio.read(path)
    known = signals.explain(samples, rate)
    parts = signals.explain_parts(samples, rate)
    roles = signals.capture_roles(known.sections) if known else {}
    if json_:
        common.print_json(
            {
                "path": str(path),
                "kind": known.kind if known else None,
                "seconds": round(len(samples) / rate, 6),
                "sample_rate": rate,
                "offset_s": round(known.offset_s, 6) if known else None,
                "roles": {role: [round(end, 6) for end in ends] for role, ends in roles.items()},
                "parts": parts,
            }
        )
        return
    title = f"{path}: {len(samples) / rate:.3f} s at {rate} Hz, "
    if known:
        title += f"the {known.kind} of {known.seconds:g} s"
        title += f", which begins at {known.offset_s:.3f} s" if abs(known.offset_s) > 0.001 else ""
    else:
        title += "not made by drywet: only its levels are known"
    common.print_table(parts, title)
    if roles:
        common.stdout.print(_roles(roles))


def _roles(roles: dict[str, tuple[float, float]]) -> str:
    return ", ".join(f"{role} {start:.1f} to {stop:.1f} s" for role, (start, stop) in roles.items())
