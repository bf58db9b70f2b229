"""``drywet render``: a dry file through a model."""

from pathlib import Path

import typer

from drywet.cli import common


def render(
    run: Path = typer.Argument(help="Run folder, or a model file of any format: .safetensors, .nam, .json, .onnx."),
    dry: Path = typer.Argument(help="A mono sound file at the model's sample rate."),
    out: Path = typer.Argument(help="Where the wet sound goes (24 bit)."),
    knob: list[str] = typer.Option(
        None, help="Position of a knob that the model follows: --knob drive=3:00. Repeatable."
    ),
) -> None:
    """Play a dry recording through a model: a run, or a file of any player that drywet reads.

    Example: `drywet render runs/my-pedal dry.wav out.wav`
    """
    from drywet import audio
    from drywet.effect import render as render_effect
    from drywet.engine import load

    effect = load(run, report=common.stderr.print)
    knobs = common.parse_knobs(knob)
    samples, rate = audio.read(dry, sample_rate=effect.sample_rate)
    common.refuse_same_file(dry, out)
    clipped = audio.write(out, render_effect(effect, samples, knobs), rate)
    common.report_clipping(out, clipped)
    common.stdout.print(f"{out}: {len(samples) / rate:.1f} s at {rate} Hz")
