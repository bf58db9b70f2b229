"""One Effect and held-out clips to one row of numbers per clip, and the predicted sound files."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from drywet import audio, executor, files, measures
from drywet import controls as knobs
from drywet.dataset import Dataset
from drywet.effect import Effect, render
from drywet.errors import RunError, SignalError
from drywet.evaluation.clips import Clip, test_clips
from drywet.evaluation.limit import noise_limit
from drywet.evaluation.panel import measure_clip

EVALUATION = "evaluation.jsonl"
MOST_CLICKS = 100  # whose times are kept


def score(effect: Effect, clip: Clip) -> tuple[dict[str, Any], np.ndarray]:
    """The row of one clip, and the predicted signal of its part, shape (T,).

    The row's errors are ratios, not percent: ``esr`` (aligned, over the whole clip), ``esr_best_lag`` with ``lag`` in
    samples (positive: the prediction trails), ``esr_published_compatible`` (one sample late, as the published study
    compared), ``esr_linear`` (the best FIR filter of 512 taps on this very clip), ``mse`` and ``mae``.
    ``esr_noise_limit`` is the best that noise allows, None where ``noise_limit_from`` says why it is not known. ``panel``
    holds the measures of :data:`drywet.evaluation.PANEL`, ``clicks_s`` the times of the first 100 clicks in s.
    ``controls`` says where the knobs stood in the recording: rotations, or [seconds, rotation] breakpoints. Those that
    the effect has stand or move there too; its others stay at their defaults.

    Raises
    ------
    SignalError
        If the clip's sample rate is not the effect's, the clip is silent or too short, or the prediction is not finite.
    """
    try:
        return _score(effect, clip)
    except SignalError as error:
        raise SignalError(f"clip {clip.name!r}: {error}") from error


def _score(effect: Effect, clip: Clip) -> tuple[dict[str, Any], np.ndarray]:
    pair = clip.pair
    if pair.sample_rate != effect.sample_rate:
        raise SignalError(
            f"{clip.dry_path}: sample rate is {pair.sample_rate} Hz, but the model was made for {effect.sample_rate} Hz; "
            "convert the recording to that rate"
        )
    # An effect has the knobs it was trained with; the recording may name more that never moved.
    controls = {name: value for name, value in clip.controls.items() if name in effect.controls}
    part = slice(clip.start, clip.stop)
    predicted = render(effect, pair.dry, controls)[part]
    if not np.isfinite(predicted).all():
        raise SignalError("the prediction holds NaN or infinity; the model has diverged")
    dry, wet = pair.dry[part], pair.wet[part]
    if not wet.any():
        raise SignalError(f"{clip.wet_path}: the part under evaluation is silent, so its error ratio is undefined")
    wet64, predicted64 = wet.astype(np.float64), predicted.astype(np.float64)
    esr_best_lag, lag = measures.best_lag_esr(wet64, predicted64)
    esr_noise_limit, noise_limit_from = noise_limit(dry, wet, pair.sample_rate)
    panel, clicks_s = measure_clip(dry, wet64, predicted64, pair.sample_rate)
    row = {
        "clip": clip.name,
        "controls": {name: knobs.movement(position).as_json() for name, position in clip.controls.items()},
        "esr": float(measures.esr(wet64, predicted64)),
        "esr_best_lag": esr_best_lag,
        "lag": lag,
        "esr_published_compatible": measures.published_compatible_esr(wet64, predicted64),
        "esr_linear": measures.best_linear_esr(dry, wet),
        "esr_noise_limit": esr_noise_limit,
        "noise_limit_from": noise_limit_from,
        "mse": float(measures.mse(wet64, predicted64)),
        "mae": float(measures.mae(wet64, predicted64)),
        "seconds": len(wet) / pair.sample_rate,
        "sample_rate": pair.sample_rate,
        "start": clip.start,
        "stop": clip.stop,
        "latency": clip.latency,
        "panel": panel,
        "clicks_s": clicks_s[:MOST_CLICKS],
    }
    return row, predicted


def evaluate(effect: Effect, clips: Sequence[Clip], folder: Path | str | None = None) -> list[dict[str, Any]]:
    """Rows of :func:`score` for all clips.

    With a ``folder``, the predicted sounds are saved in ``folder/renders`` (24 bit), the rows in
    ``folder/evaluation.jsonl``, and each row says where its sounds are, relative to ``folder``.
    """
    rows: list[dict[str, Any]] = []
    taken: set[str] = set()
    for clip in clips:
        row, predicted = score(effect, clip)
        if folder is not None:
            folder = Path(folder)
            name = safe_name(clip.name)
            while name.casefold() in taken:  # some systems do not tell Lead.wav from lead.wav
                name = f"{name}-{len(rows)}"
            taken.add(name.casefold())
            predicted_path = folder / "renders" / f"{name}.wav"
            row["clipped"] = audio.write(predicted_path, predicted, clip.pair.sample_rate)
            for key, path in (("dry", clip.dry_path), ("wet", clip.wet_path), ("predicted", predicted_path)):
                row[key] = Path(os.path.relpath(path, folder)).as_posix()
        rows.append(row)
    if folder is not None:
        files.write_json_lines(Path(folder) / EVALUATION, rows)
    return rows


def evaluate_study(
    folder: Path | str, workers: executor.Executor, report: executor.Report = lambda index, rows: None
) -> list[executor.Outcome]:
    """Evaluate every trained run of a study on the test recordings with its knob positions.

    Runs whose rows belong to their present model, and hold its panel, are not evaluated again.
    """
    folder = Path(folder)
    study = files.read_json(folder / "study.json")
    tasks = [(folder / run["folder"], folder / study["dataset"]) for run in study["runs"]]
    return workers.map(_evaluate_one, tasks, report)


def safe_name(name: str) -> str:
    """``name`` as a file name: nothing that leaves the folder or that a system objects to, and not too long."""
    return re.sub(r"[^\w.-]+", "_", name).strip(".")[:50] or "clip"  # 50 characters have at most 200 bytes


def _evaluate_one(task: tuple[Path, Path], tell: Any) -> list[dict[str, Any]]:
    from drywet.models import load_effect

    run_folder, dataset_folder = task
    model_path = run_folder / "best.safetensors"
    if not model_path.is_file():
        raise RunError(f"{run_folder}: holds no trained model (best.safetensors)")
    model_sha256 = files.sha256(model_path)
    marker = run_folder / "renders" / "model.json"
    rows: list[dict[str, Any]] = []
    if marker.is_file() and (run_folder / EVALUATION).is_file() and files.read_json(marker) == model_sha256:
        rows = files.read_json_lines(run_folder / EVALUATION)
    if not rows or any("panel" not in row for row in rows):  # none yet, or made before there was a panel
        controls: Mapping[str, Any] = files.read_json(run_folder / "config.json")["controls"]
        rows = evaluate(load_effect(model_path), test_clips(Dataset(dataset_folder), dict(controls)), run_folder)
        files.write_json(marker, model_sha256)
    tell(rows)
    return rows
