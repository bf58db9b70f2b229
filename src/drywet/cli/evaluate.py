"""``drywet evaluate``: how close a trained model comes to recordings it never saw."""

from pathlib import Path

import typer

from drywet.cli import common


def evaluate(
    run: Path = typer.Argument(help="Run folder, or a model file (.safetensors)."),
    dry: Path = typer.Argument(None, help="What went into the device."),
    wet: Path = typer.Argument(None, help="What came out at the same time."),
    dataset: Path = typer.Option(None, help="Instead of two files: the test recordings of this dataset folder."),
    json_: bool = typer.Option(False, "--json", help="Print the rows as JSON."),
) -> None:
    """Score a model: aligned ESR, best-lag ESR, published-compatible ESR, the best linear filter's, MSE and MAE.

    Ratios, not percent: 0.01 is 1 %. If the files are those the run was trained on, only its test part counts.

    Example: `drywet evaluate runs/my-pedal dry.wav wet.wav --json`
    """
    from drywet import evaluation
    from drywet.dataset import Dataset
    from drywet.errors import SettingsError
    from drywet.models import load_effect
    from drywet.training import read_settings
    from drywet.training.recording import test_part

    effect = load_effect(run)
    if dataset is not None:
        controls = read_settings(run).controls if run.is_dir() else {}
        clips = evaluation.test_clips(Dataset(dataset), controls)
    elif dry is not None and wet is not None:
        part = test_part(run, dry) if run.is_dir() else None
        if part:
            common.stderr.print(
                f"{dry}: this run was trained on it; only its test part counts (from sample {part[0]} on)"
            )
        clips = [evaluation.clip_of_files(dry, wet, *(part or (None, None)))]
    else:
        raise SettingsError("give a dry and a wet file, or --dataset FOLDER")
    rows = evaluation.evaluate(effect, clips)
    if json_:
        common.print_json(rows)
    else:
        names = ("clip", "esr", "esr_best_lag", "lag", "esr_published_compatible", "esr_linear", "mse", "mae")
        common.print_table([{name: row[name] for name in names} for row in rows], "ratios; 0.01 is 1 %")
