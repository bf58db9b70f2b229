"""The results as CSV files, for those who want to compute with them."""

from pathlib import Path

from drywet.analysis.results import StudyResults
from drywet.analysis.summary import summarise
from drywet.analysis.table import csv_text
from drywet.files import write_text

_CLIP_SCORES = (
    "esr", "esr_best_lag", "lag", "esr_published_compatible", "esr_linear", "mse", "mae", "seconds"
)  # fmt: skip


def write_tables(results: StudyResults, folder: Path | str) -> list[Path]:
    """Write ``results.csv`` (a row per model and clip), ``models.csv`` (per model), ``summary.csv`` (per level).

    Ratios are ratios, not percent; an empty cell is a figure that is not known.
    """
    folder = Path(folder)
    names = [factor.name for factor in results.factors]
    identity = ["number", "id", "name", *names]
    per_clip, per_model, per_level = [], [], []
    for run in results.runs:
        who = [run.number, run.id, run.name, *(run.factors.get(name, "") for name in names)]
        per_clip += [[*who, clip.clip, *(getattr(clip, score) for score in _CLIP_SCORES)] for clip in run.clips]
        means = [run.mean(score) for score in ("esr_best_lag", "esr_published_compatible", "esr_linear")]
        per_model.append(
            [*who, run.missing or run.status, run.instability or "", run.parameters, run.epochs, run.seconds,
             len(run.clips), run.mean_esr, run.geometric_mean_esr, *means]
        )  # fmt: skip
    for summary in summarise(results):
        per_level += [
            [summary.factor.name, row.level, row.n, row.mean_esr, row.sd, row.minimum, row.maximum, row.mean_epochs,
             row.mean_seconds]
            for row in summary.levels
        ]  # fmt: skip
    tables = {
        "results.csv": ([*identity, "clip", *_CLIP_SCORES], per_clip),
        "models.csv": (
            [*identity, "status", "instability", "parameters", "epochs", "train_seconds", "clips", "mean_esr",
             "geometric_mean_esr", "mean_esr_best_lag", "mean_esr_published_compatible", "mean_esr_linear"],
            per_model,
        ),
        "summary.csv": (
            ["factor", "level", "models", "mean_esr", "sd_esr", "min_esr", "max_esr", "mean_epochs",
             "mean_train_seconds"],
            per_level,
        ),
    }  # fmt: skip
    for name, (header, rows) in tables.items():
        write_text(folder / name, csv_text(header, rows))
    return [folder / name for name in tables]
