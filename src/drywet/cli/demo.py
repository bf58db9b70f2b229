"""``drywet demo``: the whole way once, from the circuit to the report."""

import time
from pathlib import Path

import typer

from drywet.cli import common


def demo(
    out: Path = typer.Option(Path("drywet-demo"), "--out", "-o", help="Study folder."),
    jobs: int = typer.Option(None, "--jobs", "-j", min=1, help="Models at a time. Default: one per core."),
) -> None:
    """Repeat the Boss SD-1 study on the virtual SD-1: 36 models, six riffs, one report.

    Example: `drywet demo`
    """
    from drywet.analysis import describe_esr, read_study
    from drywet.cli.study import run_study

    started = time.perf_counter()
    page = run_study("ds340-stateful", out, None, jobs, "local", {})
    best = min(read_study(out).scored, key=lambda run: run.mean_esr)
    say = common.stdout.print
    say(f"done in {common.duration(time.perf_counter() - started)}")
    say(f"best model: number {best.number} ({best.name}), mean ESR over six riffs {common.percent(best.mean_esr)}")
    say(describe_esr(best.mean_esr))
    say(f"report: {page}")
    program = common.program()
    say(f"next: {program} train your-dry.wav your-wet.wav")
    say(f"or:   {program} render {best.folder} your-dry.wav wet.wav")
