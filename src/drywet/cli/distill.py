"""``drywet distill``: a model for a player that cannot hold the trained one."""

from pathlib import Path

import typer

from drywet.cli import common, progress


def distill(
    run: Path = typer.Argument(help="Run folder of any family."),
    to: str = typer.Option(..., "--to", help="The student: lstm-24, gru-16, wavenet-nano, ..."),
    for_: str = typer.Option("nam", "--for", help="nam, aidax, proteus, rtneural, onnx, numpy or c."),
    out: Path = typer.Option(None, "--out", "-o", help="Folder. Default: in the run's folder, export/<student>."),
    budget: str = typer.Option("120s", help="How long to train: 120s, 2min, or 20epochs."),
    seed: int = typer.Option(25, help="Seed of the student."),
    set_: list[str] = typer.Option(None, "--set", help="Where a knob stands: --set drive=3:00. Default: noon."),
    threads: int = typer.Option(None, min=1, help="Processor cores to use. Default: all."),
    force: bool = typer.Option(False, "--force", help="Write over an existing file."),
    json_: bool = typer.Option(False, "--json", help="Print the result as JSON."),
) -> None:
    """Train a smaller or other network on what a model plays, write it for a player, and say what was lost.

    Example: `drywet distill runs/my-pedal --to lstm-24 --for nam`
    """
    from drywet.cli.export import print_result
    from drywet.executor import available_cores
    from drywet.export.distill import distill as train_student

    with common.stop_on_interrupt() as should_stop, progress.stage("student", 1) as stage:
        found = train_student(
            run,
            to,
            for_,
            out or run / "export" / to,
            budget,
            seed,
            common.parse_knobs(set_, "--set"),
            force,
            threads or available_cores(),
            lambda status: stage.update(0, status.share, progress.best_note(status.best_esr)),
            should_stop,
        )
        stage.update(1, 1.0)
    if json_:
        common.print_json(found.as_json())
        return
    say = common.stdout.print
    say(f"ESR of the student to the model it learned from: {common.percent(found.esr_to_model)}")
    if found.esr_of_model is not None and found.esr_of_student is not None:
        say(
            f"ESR to the device: {common.percent(found.esr_of_student)}, the model itself {common.percent(found.esr_of_model)}"
        )
    print_result(found.exported, False)
