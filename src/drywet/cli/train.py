"""``drywet train``: from a dry and a wet recording to a model, its score, and a report."""

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import typer

from drywet.cli import common, progress


def train(
    dry: Path = typer.Argument(help="What went into the device, a mono sound file; or a dataset folder, without WET."),
    wet: Path = typer.Argument(None, help="What came out at the same time: same length, same sample rate."),
    out: Path = typer.Option(
        None, "--out", "-o", help="Run folder. Default: runs/<name>-<hash of all that was asked>."
    ),
    budget: str = typer.Option("120s", help="How long to train: 120s, 2min, or 20epochs (repeats to the bit)."),
    model: str | None = typer.Option(None, help="Model family, see drywet models. Default: chosen by a short trial."),
    for_: str = typer.Option(
        None, "--for", help="Train what this format holds, or refuse now: nam, aidax, proteus, ..."
    ),
    seed: int = typer.Option(25, help="Seed of the weights and of the order of the audio."),
    set_: list[str] = typer.Option(None, "--set", help="Any setting, e.g. --set model.hidden_size=16. Repeatable."),
    threads: int = typer.Option(None, min=1, help="Processor cores to use. Default: all."),
    device: str = typer.Option("cpu", help="cpu, or cuda where torch finds a GPU."),
    json_: bool = typer.Option(False, "--json", help="Print the result as JSON."),
) -> None:
    """Learn a device from one recording of it, or from a dataset.

    A recording is cut in time: the first part trains, a later one chooses the best moment, the last one gives the
    score. Interrupt with Ctrl-C whenever it is good enough; the same command goes on.

    Example: `drywet train dry.wav wet.wav --budget 2min --out runs/my-pedal`

    One model for all positions of a knob: `drywet train my-dataset --set model.controls='["drive"]'`
    """
    from drywet import evaluation, report
    from drywet.dataset import Dataset
    from drywet.executor import available_cores
    from drywet.export import formats
    from drywet.models import load_effect
    from drywet.training import recording
    from drywet.training import train as train_run
    from drywet.training.loop import check_device
    from drywet.training.run import open_run

    check_device(device)
    threads = threads or available_cores()
    if for_ is not None:
        model = model or formats.family_for(for_)
    asked: dict[str, Any] = {
        "family": model,
        "budget": budget,
        "seed": seed,
        "changes": common.parse_settings(set_),
        "out": out,
    }
    with progress.stage("trial", 1) if model is None else nullcontext() as trial:
        asked |= {"threads": threads}
        if trial:
            asked["report"] = lambda status: trial.update(0, status.share)
        if wet is None:
            dataset = Dataset(dry)
            prepared = recording.prepare_dataset(dataset, **asked)
        else:
            prepared = recording.prepare(dry, wet, **asked)
        if trial:
            trial.update(1, 1.0)
    # Now, because a dataset without test recordings should say so before an hour of training.
    if isinstance(prepared, recording.PreparedRecording):
        clips = [evaluation.clip_of_files(dry, wet, prepared.split.test.start, prepared.split.test.stop)]
    else:
        clips = evaluation.test_clips(dataset, prepared.config.settings.controls)
    if for_ is not None:
        for note in formats.check(prepared.config.settings.model, for_, prepared.data.sample_rate):
            common.stderr.print(f"note: {note}")
    _print_plan(prepared, threads, device)
    folder = prepared.folder
    open_run(folder, prepared.config, prepared.data.sha256)
    if isinstance(prepared, recording.PreparedRecording):
        recording.remember(folder, prepared)  # first of all, so that no model is ever there without its split
    with common.stop_on_interrupt() as should_stop, progress.stage("training", 1) as stage:
        status = train_run(
            prepared.config,
            prepared.data,
            folder,
            report=lambda status: stage.update(0, status.share, progress.best_note(status.best_esr)),
            should_stop=should_stop,
            threads=threads,
            device=device,
        )
        if status.state == "finished":  # which patience may do before the budget is spent
            stage.update(1, 1.0, progress.best_note(status.best_esr))
    if not (folder / "best.safetensors").is_file():
        common.stderr.print("stopped before the first update: no model yet. The same command goes on")
        raise typer.Exit(130)
    rows = evaluation.evaluate(load_effect(folder), clips, folder)
    page = report.build_run_report(folder)
    if json_:
        common.print_json({"run": str(folder), "report": str(page), "state": status.state, "rows": rows})
        return
    _print_result(rows, folder, page, status.state == "interrupted")


def _print_plan(prepared, threads: int, device: str) -> None:
    """What will be done, what it takes, and why this model; SettingsError if the budget is too small to do anything."""
    from drywet.errors import SettingsError
    from drywet.models import build
    from drywet.training import recording
    from drywet.training.estimate import estimate

    say, settings = common.stderr.print, prepared.config.settings
    if isinstance(prepared, recording.PreparedRecording):
        say(recording.describe(prepared))
    if prepared.why:
        say(f"model: {prepared.why}")
    cost = estimate(prepared.config, prepared.data, threads, device)
    if cost.seconds < cost.update_seconds:
        raise SettingsError(
            f"--budget {settings.training.budget}: too small for one update, which takes {cost.update_seconds:.3g} s here"
        )
    memory = f", {cost.memory / 1e6:.0f} MB of memory" if cost.memory else ""
    network = build(settings.model)
    say(
        f"{settings.model.family}: {network.parameter_count()} parameters, {network.macs_per_sample()} multiplications per "
        f"sample; about {common.duration(cost.seconds)} on {threads} cores, {cost.epochs:.3g} epochs{memory}"
    )
    say(f"run folder: {prepared.folder}")


def _print_result(rows: list[dict], folder: Path, page: Path, interrupted: bool) -> None:
    from statistics import mean

    from drywet.analysis import describe_esr

    out = common.stdout.print
    esr, linear = mean(row["esr"] for row in rows), mean(row["esr_linear"] for row in rows)
    what = f"{sum(row['seconds'] for row in rows):.1f} s that training never saw"
    if len(rows) > 1:
        what += f" ({len(rows)} recordings, mean; worst {common.percent(max(row['esr'] for row in rows))})"
    out(f"test ESR {common.percent(esr)} on {what}: {describe_esr(esr)}")
    out(f"the best linear filter scores {common.percent(linear)} there")
    if esr >= linear:
        out(
            "The model is no better than a filter. Likely causes: dry and wet are not aligned, the device has echoes or "
            "compression that outlast the model's memory, noise, or too small a --budget. `drywet check` on the recording "
            "says which"
        )
    worst = max(rows, key=lambda row: abs(row["lag"]))
    if worst["lag"] != 0:
        out(
            f"shifted by {worst['lag']} samples {worst['clip']} would score {common.percent(worst['esr_best_lag'])}: check "
            "the alignment with `drywet align`"
        )
    out(f"report: {page}")
    if interrupted:
        out("interrupted before the budget was spent; the same command goes on")
    out(f"next: {common.program()} render {folder} your-dry.wav your-wet.wav")
