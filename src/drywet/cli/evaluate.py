"""``drywet evaluate``: how close a trained model comes to recordings it never saw."""

from pathlib import Path
from typing import Any

import typer

from drywet.cli import common, progress

CLIPS_A_TABLE = 4


def evaluate(
    run: Path = typer.Argument(help="Run folder, or a model file (.safetensors)."),
    dry: Path = typer.Argument(None, help="What went into the device."),
    wet: Path = typer.Argument(None, help="What came out at the same time."),
    dataset: Path = typer.Option(None, help="Instead of two files: the test recordings of this dataset folder."),
    full: bool = typer.Option(
        False, "--full", help="Also test signals: aliasing, harmonics, faults. They need no recording."
    ),
    device: str = typer.Option(
        None, help="With --full: the circuit that was learnt, sd1 or a netlist file, for comparison."
    ),
    knob: list[str] = typer.Option(None, "--knob", "-k", help="With --full: where a knob stands, e.g. drive=3:00."),
    json_: bool = typer.Option(
        False, "--json", help="Print the rows as JSON; with --full an object of rows and probes."
    ),
) -> None:
    """Score a model: its ESR beside the best linear filter's and the best that noise allows, and the panel of measures.

    Ratios, not percent: 0.01 is 1 %. If the files are those the run was trained on, only its test part counts. The
    figures of --full are written to probes.json in the run folder.

    Example: `drywet evaluate runs/my-pedal dry.wav wet.wav --json`
    """
    from drywet import evaluation
    from drywet.errors import SettingsError
    from drywet.models import load_effect

    if (device or knob) and not full:
        raise SettingsError("--device and --knob belong to --full")
    if dry is not None and dataset is not None:
        raise SettingsError("give two files or --dataset FOLDER, not both")
    if dry is None and dataset is None and not full:
        raise SettingsError("give a dry and a wet file, or --dataset FOLDER; or --full alone, for test signals only")
    effect = load_effect(run)
    rows = evaluation.evaluate(effect, _clips(run, dry, wet, dataset)) if dry or dataset else []
    probes = _probe(run, effect, dataset, device, knob) if full else None
    if json_:
        common.print_json({"rows": rows, "probes": probes} if full else rows)
        return
    if rows:
        _print_rows(rows)
    if probes:
        _print_probes(probes)


def _clips(run: Path, dry: Path | None, wet: Path | None, dataset: Path | None) -> list:
    from drywet import evaluation
    from drywet.dataset import Dataset
    from drywet.errors import SettingsError
    from drywet.training import read_settings
    from drywet.training.recording import test_part

    if dataset is not None:
        controls = read_settings(run).controls if run.is_dir() else {}
        return evaluation.test_clips(Dataset(dataset), controls)
    if dry is None or wet is None:
        raise SettingsError("give a dry and a wet file, or --dataset FOLDER")
    part = test_part(run, dry) if run.is_dir() else None
    if part:
        common.stderr.print(f"{dry}: this run was trained on it; only its test part counts (from sample {part[0]} on)")
    return [evaluation.clip_of_files(dry, wet, *(part or (None, None)))]


def _probe(
    run: Path, effect: Any, dataset: Path | None, circuit: str | None, knobs: list[str] | None
) -> dict[str, Any]:
    """Probes of the model and, where it is known, of the circuit it learnt, the knobs at the same places."""
    from drywet import circuits, controls, evaluation, files
    from drywet.errors import RunError
    from drywet.training import read_settings

    positions: dict[str, Any] = {}
    recipe = dataset / "made-from.json" if dataset is not None else None
    if circuit is None and recipe is not None and recipe.is_file():
        made_from = files.read_json_object(recipe)
        if not isinstance(made_from.get("circuit"), str) or not isinstance(made_from.get("controls"), dict):
            raise RunError(f"{recipe}: does not say which circuit at which knobs; name it with --device")
        circuit, positions = made_from["circuit"], dict(made_from["controls"])
    if run.is_dir():
        positions |= read_settings(run).controls
    given = common.parse_knobs(knobs)
    device = circuits.load(circuit, sample_rate=effect.sample_rate) if circuit else None
    if device:
        device.prepare(common.stderr.print)
    known = {**effect.controls, **(device.controls if device else {})}
    controls.resolve(given, known)  # refuses a knob that neither has
    for one in (effect, device) if device else (effect,):
        chosen = {name: place for name, place in (positions | given).items() if name in one.controls}
        one.controls.update(controls.resolve(chosen, one.controls))
    with progress.stage("test signals", 1) as stage:
        probes = evaluation.probe(effect, device, lambda share: stage.update(0, min(share, 0.99)))
        stage.update(1, 1.0)
    if run.is_dir():
        probes["model_sha256"] = files.sha256(
            run / "best.safetensors"
        )  # so that a report knows whether they are its model's
        files.write_json(run / evaluation.PROBES, probes)
        common.stderr.print(f"written: {run / evaluation.PROBES}")
    return probes


def _print_rows(rows: list[dict[str, Any]]) -> None:
    from drywet import evaluation

    names = (
        "clip",
        "esr",
        "esr_best_lag",
        "lag",
        "esr_published_compatible",
        "esr_linear",
        "esr_noise_limit",
        "mse",
        "mae",
    )
    common.print_table([{name: row[name] for name in names} for row in rows], "ratios; 0.01 is 1 %")
    _print_panel({row["clip"]: row["panel"] for row in rows}, "panel")
    settings = evaluation.by_controls(rows)
    if len(rows) > 1:
        means = [{"knobs": _place(row["controls"]), **row} for row in settings]
        kept = ("knobs", "clips", "esr", "esr_geometric", "esr_published_compatible", "esr_linear", "esr_noise_limit")
        common.print_table([{name: row[name] for name in kept} for row in means], "by knob setting, means over clips")
        if len(settings) > 1:
            _print_panel({row["knobs"]: row["panel"] for row in means}, "panel by knob setting, means over clips")
    _print_words(rows)


def _print_panel(columns: dict[str, dict[str, Any]], title: str) -> None:
    """Measures down, clips or settings across."""
    from drywet.evaluation import PANEL

    names = list(columns)
    for first in range(0, len(names), CLIPS_A_TABLE):
        part = names[first : first + CLIPS_A_TABLE]
        common.print_table(
            [
                {
                    "measure": each.label,
                    "unit": each.unit,
                    **{_column(name): _cell(columns[name].get(each.name)) for name in part},
                }
                for each in PANEL
            ],
            title if first == 0 else None,
        )


def _column(clip: str) -> str:
    """The heading of a clip, which is none of the table's own."""
    return f"{clip} (clip)" if clip in ("measure", "unit") else clip


def _cell(value: float | None) -> str:
    return "–" if value is None else common.format_value(float(value))


def _place(controls: dict[str, Any]) -> str:
    from drywet.controls import describe_all

    return describe_all(controls) or "none"


def _print_words(rows: list[dict[str, Any]]) -> None:
    """What of it is worth hearing, for the worst clip of each measure of which anything is known."""
    from drywet.analysis import decibels, describe_esr
    from drywet.analysis.describe import percent
    from drywet.evaluation import PANEL, in_words

    say = common.stdout.print
    worst = max(rows, key=lambda row: row["esr"])
    where = f" on {worst['clip']}, the worst clip" if len(rows) > 1 else ""
    say(f"ESR{where}: {describe_esr(worst['esr'])}")
    if worst["esr"] > 0 and worst["esr_linear"] > 0:
        gain = decibels(worst["esr_linear"]) - decibels(worst["esr"])
        verdict = f"{abs(gain):.1f} dB {'better' if gain > 0 else 'worse'}"
        say(f"best linear filter: {percent(worst['esr_linear'])}; the model is {verdict}")
    if worst["esr_noise_limit"] is None:
        say(f"noise-limited best: {worst['noise_limit_from']}")
    else:
        gap = decibels(worst["esr"]) - decibels(worst["esr_noise_limit"]) if worst["esr"] > 0 else 0.0
        beside = f", {abs(gap):.1f} dB {'below' if gap > 0 else 'above'} the model's" if gap else ""
        say(f"noise-limited best: {percent(worst['esr_noise_limit'])}{beside} ({worst['noise_limit_from']})")
    for each in PANEL:
        known = [row for row in rows if row["panel"][each.name] is not None]
        if each.hearing is None or not known:
            continue
        row = max(known, key=lambda row: each.badness(row["panel"][each.name]))
        value = row["panel"][each.name]
        clip = f" on {row['clip']}" if len(rows) > 1 else ""
        say(f"{each.label}{clip}: {value:+.1f} {each.unit}, {in_words(each, value)}")
    for row in rows:
        if row["clicks_s"]:
            times = ", ".join(f"{second:.3f}" for second in row["clicks_s"][:10])
            more = ", ..." if row["panel"]["clicks"] > 10 else ""
            say(f"clicks in {row['clip']}: {row['panel']['clicks']:.0f}, at {times}{more} s")
    say("None of these limits comes from a listening test of pedals. Where it matters, listen.")


def _print_probes(probes: dict[str, Any]) -> None:
    against, found = probes.get("against_device"), probes["aliasing"]
    if found:
        table = []
        for i, level in enumerate(found["levels_dbfs"]):
            row = {
                "sines at": f"{level:g} dBFS",
                "mean, dB": found["mean_db"][i],
                "worst, dB": found["worst_db"][i],
                "worst MIDI note": found["worst_note"][i],
            }
            if against and against["aliasing_excess_db"]:
                row |= {
                    "device's mean, dB": probes["device"]["aliasing"]["mean_db"][i],
                    "what the model adds, dB": against["aliasing_excess_db"][i],
                }
            table.append(row)
        common.print_table(table, f"aliasing-to-signal ratio, MIDI {found['notes'][0]} to {found['notes'][-1]}")
    if probes["harmonics"]:
        middle = len(probes["harmonics"]["frequency_hz"]) // 2
        levels = probes["harmonics"]["level_db"][middle]
        common.print_table(
            [
                {"in, dBFS": level, **{f"H{h + 1}": value for h, value in enumerate(row[:6])}}
                for level, row in zip(probes["harmonics"]["levels_dbfs"], levels, strict=True)
            ],
            f"harmonics of {probes['harmonics']['frequency_hz'][middle]:.0f} Hz in dBFS",
        )
    say = common.stdout.print
    if against:
        for key, what in (
            ("harmonic_error_db", "harmonics, RMS difference to the device's"),
            ("intermodulation_error_db", "intermodulation, RMS difference to the device's"),
            ("overload_peak_db", "peak 12 dB over full scale, against the device's"),
        ):
            if against[key] is not None:
                say(f"{what}: {against[key]:.1f} dB")
    for fault in probes["faults"]:
        at = f" at {fault['seconds']:.2f} s" if fault["seconds"] is not None else ""
        say(f"fault ({fault['probe'].replace('_', ' ')}{at}): {fault['text']}")
    if not probes["faults"]:
        say("no faults: quiet on silence and after a burst, no drift, bounded when overloaded")
