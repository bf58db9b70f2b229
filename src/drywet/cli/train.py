"""``drywet train``: from a dry and a wet recording to a model, its score, and a report."""

from pathlib import Path

import typer

from drywet.cli import common, progress


def train(
    dry: Path = typer.Argument(help="What went into the device: a mono sound file."),
    wet: Path = typer.Argument(help="What came out at the same time: same length, same sample rate."),
    out: Path = typer.Option(None, "--out", "-o", help="Run folder. Default: runs/<wet name>-<settings hash>."),
    budget: str = typer.Option("120s", help="How long to train: 120s, 2min, or 20epochs (repeats to the bit)."),
    model: str = typer.Option("lstm", help="Model family: lstm (carried state) or window-lstm."),
    seed: int = typer.Option(25, help="Seed of the weights and of the order of the audio."),
    set_: list[str] = typer.Option(None, "--set", help="Any setting, e.g. --set model.hidden_size=16. Repeatable."),
    json_: bool = typer.Option(False, "--json", help="Print the result as JSON."),
) -> None:
    """Learn a device from one recording of it.

    The recording is cut in time: the first part trains, a later one chooses the best moment, the last one gives the
    score. Interrupt with Ctrl-C whenever it is good enough; the same command goes on.

    Example: `drywet train dry.wav wet.wav --budget 2min --out runs/my-pedal`
    """
    from drywet import evaluation, report
    from drywet.models import load_effect
    from drywet.training import recording
    from drywet.training import train as train_run
    from drywet.training.run import open_run

    prepared = recording.prepare(dry, wet, model, budget, seed, common.parse_settings(set_))
    folder = out or Path("runs") / f"{wet.stem}-{prepared.config.run_id(prepared.data.sha256)}"
    common.stderr.print(f"{recording.describe(prepared)}\nrun folder: {folder}")
    open_run(folder, prepared.config, prepared.data.sha256)
    recording.remember(folder, prepared)  # first of all, so that no model is ever there without its split
    with common.stop_on_interrupt() as should_stop, progress.stage("training", 1) as stage:
        status = train_run(
            prepared.config,
            prepared.data,
            folder,
            report=lambda status: stage.update(0, status.share, progress.best_note(status.best_esr)),
            should_stop=should_stop,
        )
        stage.update(1, 1.0, progress.best_note(status.best_esr))
    if status.best_esr is None:
        common.stderr.print("stopped before the first validation: no model yet. The same command goes on")
        raise typer.Exit(130)
    test = prepared.split.test
    clip = evaluation.clip_of_files(dry, wet, test.start, test.stop)
    rows = evaluation.evaluate(load_effect(folder), [clip], folder)
    page = report.build_run_report(folder)
    if json_:
        common.print_json({"run": str(folder), "report": str(page), "state": status.state, "rows": rows})
        return
    _print_result(rows[0], folder, page, status.state == "interrupted")


def _print_result(row: dict, folder: Path, page: Path, interrupted: bool) -> None:
    from drywet.analysis import describe_esr

    out = common.stdout.print
    out(
        f"test ESR {common.percent(row['esr'])} on {row['seconds']:.1f} s that training never saw: {describe_esr(row['esr'])}"
    )
    out(f"the best linear filter scores {common.percent(row['esr_linear'])} there")
    if row["esr"] >= row["esr_linear"]:
        out(
            "The model is no better than a filter. Likely causes: dry and wet are not aligned, the device has echoes or "
            "compression that outlast the model's memory, noise, or too small a --budget"
        )
    if row["lag"] != 0:
        out(
            f"shifted by {row['lag']} samples it would score {common.percent(row['esr_best_lag'])}: check the alignment"
        )
    out(f"report: {page}")
    if interrupted:
        out("interrupted before the budget was spent; the same command goes on")
    out(f"next: {common.program()} render {folder} your-dry.wav your-wet.wav")
