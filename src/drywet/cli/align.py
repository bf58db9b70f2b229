"""``drywet align``: where wet lies against dry, and a repaired copy."""

from pathlib import Path

import typer

from drywet.cli import common


def align(
    dry: Path = typer.Argument(help="What went into the device."),
    wet: Path = typer.Argument(help="What came out."),
    out: Path = typer.Option(None, "--out", help="Folder for the repaired copy: dry.wav, wet.wav, alignment.json."),
    repair: str = typer.Option(
        "latency,drift,polarity", help="What to repair: any of latency, drift, polarity, fraction."
    ),
    latency: float = typer.Option(None, help="Samples by which wet trails, if you know better; also fractions."),
    dry_channel: int = typer.Option(None, min=1, help="Which channel of a dry file of several, counted from 1."),
    wet_channel: int = typer.Option(None, min=1, help="Which channel of a wet file of several."),
    max_offset: float = typer.Option(15.0, help="Largest latency looked for, in seconds, either way."),
    force: bool = typer.Option(False, "--force", help="Write over a copy that is there."),
    json_: bool = typer.Option(False, "--json", help="Print as JSON."),
) -> None:
    """Measure latency, polarity and clock drift of a recording; with --out, write a repaired copy.

    The files given stay as they are.

    Example: `drywet align dry.wav wet.wav --out aligned`
    """
    from dataclasses import replace

    from drywet import audio, files
    from drywet.dataset.alignment import measure_alignment
    from drywet.dataset.repair import repair as repair_recording
    from drywet.dataset.repair import whole_samples
    from drywet.errors import SettingsError, SignalError

    channels = [None if channel is None else channel - 1 for channel in (dry_channel, wet_channel)]
    with (
        audio.open_reader(dry, channel=channels[0]) as dry_reader,
        audio.open_reader(wet, channel=channels[1]) as wet_reader,
    ):
        rate = dry_reader.sample_rate
        if wet_reader.sample_rate != rate:
            raise SignalError(
                f"{wet}: sample rate is {wet_reader.sample_rate} Hz, but {dry} has {rate} Hz. Record both at one rate, or "
                "convert one of them"
            )
        found = measure_alignment(dry_reader, wet_reader, rate, max_offset)
        subtypes = (dry_reader.subtype, wet_reader.subtype)
    if latency is not None:
        found = replace(found, latency=latency, confidence=1.0)
    report = {"dry": str(dry), "wet": str(wet), "sample_rate": rate, **found.as_json(), "trusted": found.trusted}
    if out is not None:
        if not found.trusted:
            raise SignalError(
                f"{wet}: where it lies against {dry} is not certain ({doubt(found)}), so nothing was written. Is it the same "
                "take, and without a jump? `drywet check` says more; if you know the latency, give it with --latency"
            )
        targets = [out / "dry.wav", out / "wet.wav"]
        for target in targets:
            if target.exists() and (target.samefile(dry) or target.samefile(wet)):
                raise SettingsError(f"{target}: is a file that is read; choose another folder for --out")
            common.refuse_existing(target, force)
        wanted = [word.strip() for word in repair.split(",") if word.strip()]
        repaired = repair_recording(
            audio.read(dry, channel=channels[0])[0], audio.read(wet, channel=channels[1])[0], found, rate, wanted
        )
        for target, signal, source in zip(targets, (repaired.pair.dry, repaired.pair.wet), subtypes, strict=True):
            # 24 bits hold a file of 16 or 24; a float or louder one keeps its values as floats.
            whole = source in ("PCM_16", "PCM_24") and audio.peak_dbfs(signal) < 0
            audio.write(target, signal, rate, subtype="PCM_24" if whole else "FLOAT")
        report |= {"actions": list(repaired.actions), "out": str(out)}
        files.write_json(out / "alignment.json", report)
    if json_:
        common.print_json(report)
        return
    for line in describe(found, rate):
        common.stdout.print(line)
    if out is not None:
        for action in report["actions"] or ["nothing needed repair; the copy has the same values"]:
            common.stdout.print(f"repaired: {action}")
        common.stdout.print(f"next: {common.program()} train {out / 'dry.wav'} {out / 'wet.wav'}")
    elif found.trusted and (
        whole_samples(found.latency) or found.polarity < 0 or abs(found.drift_ppm) > 3 * found.drift_uncertainty_ppm
    ):
        common.stdout.print(f"to repair: {common.program()} align {dry} {wet} --out aligned")


def describe(found, rate: int) -> list[str]:
    """The alignment in words, a line each."""
    if not found.trusted:
        return [
            f"no trustworthy alignment ({doubt(found)}). Is it the same take, and without a jump? `drywet check` says more"
        ]
    late = "trails" if found.latency >= 0 else "leads"
    polarity = "upright" if found.polarity > 0 else "inverted"
    return [
        f"wet {late} dry by {abs(found.latency):.2f} ± {found.uncertainty:.2f} samples "
        f"({1000 * abs(found.latency) / rate:.3f} ms at {rate} Hz)",
        f"polarity: {polarity}; drift of the clocks: {found.drift_ppm:+.2f} ± {found.drift_uncertainty_ppm:.2f} ppm",
        f"confidence {found.confidence:.2f}: {len(found.windows)} of {found.asked} windows agree within {found.spread:.2f} "
        f"samples; filter, curve, filter explain {100 * found.explained:.1f} % of wet",
    ]


def doubt(found) -> str:
    """Why an alignment is not trusted, in figures."""
    return (
        f"confidence {found.confidence:.2f}, 0.5 is needed; {len(found.windows)} of {found.asked} windows agree within "
        f"{found.spread:.1f} samples, uncertainty {found.uncertainty:.1f} samples"
    )
