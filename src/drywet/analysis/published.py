"""The published study's own figures, SD-1/DS340: 36 models, ESR on one riff (shadowlove), compared one sample late."""

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from drywet.analysis.results import ClipScore, Factor, RunResult, StudyResults
from drywet.analysis.summary import Trial

FACTORS = (
    Factor("gain", "controls.drive", ("Low", "Mid", "High")),
    Factor("context", "model.context", ("44", "66", "88")),
    Factor("units", "model.hidden_size", ("64", "96")),
    Factor("learning_rate", "training.learning_rate", ("0.01", "0.0001")),
)


@dataclass(frozen=True)
class PublishedModel:
    """One row of the published table."""

    number: int
    factors: dict[str, str]
    epochs: int
    seconds: float
    esr: float  # shadowlove, one sample late


@cache
def ds340() -> tuple[PublishedModel, ...]:
    """The published table, in its own numbering."""
    with (files("drywet.analysis") / "published_ds340.csv").open(encoding="utf-8") as file:
        return tuple(
            PublishedModel(
                number=int(row["number"]),
                factors={factor.name: row[factor.name] for factor in FACTORS},
                epochs=int(row["epochs"]),
                seconds=float(row["seconds"]),
                esr=float(row["esr_shadowlove_one_sample_late"]),
            )
            for row in csv.DictReader(file)
        )


def ds340_trials() -> list[Trial]:
    """The published table as trials, for the same summary as ours."""
    return [Trial(model.factors, model.esr, model.epochs, model.seconds) for model in ds340()]


def ds340_results() -> StudyResults:
    """The published table as a study, with the settings it was made with, for the same analysis as ours.

    The training recording of each gain was about 187 s long; both sizes as Keras counts parameters.
    """
    training = {
        "recipe": "windows", "budget": "100epochs", "patience": 15, "train_rows": 74862,
        "validate_on": "training windows",
    }  # fmt: skip
    runs = []
    for model in ds340():
        levels = model.factors
        units = int(levels["units"])
        runs.append(
            RunResult(
                number=model.number,
                id=str(model.number),
                name=" ".join(levels.values()),
                folder=Path("SD-1/DS340"),
                factors=levels,
                settings={
                    "model": {"context": int(levels["context"]), "hidden_size": units},
                    "training": {**training, "learning_rate": float(levels["learning_rate"])},
                },
                provenance={
                    "status": "finished", "epochs": model.epochs, "train_seconds": model.seconds,
                    "parameters": 4 * units * (units + 2) + units + 1,
                },
                clips=(ClipScore("shadowlove", model.esr, esr_published_compatible=model.esr),),
            )
        )  # fmt: skip
    return StudyResults(
        folder=Path("SD-1/DS340"),
        name="ds340-published",
        title="The Boss SD-1 study, as it was published",
        description="ESR on one riff (shadowlove), compared one sample late.",
        factors=FACTORS,
        runs=tuple(runs),
        settings={"dataset": {"train_seconds": 187, "sample_rate": 44_100}},
    )


def counterpart(results: StudyResults, factors: dict[str, str]) -> PublishedModel | None:
    """The published model of the same configuration; None where the study is not on the published grid."""
    if not {factor.name for factor in FACTORS} <= {factor.name for factor in results.factors}:
        return None
    wanted = {factor.name: _same(factors[factor.name]) for factor in FACTORS}
    return next((m for m in ds340() if {k: _same(v) for k, v in m.factors.items()} == wanted), None)


def _same(level: str) -> str | float:
    """A level as what it means: 1e-4 and 0.0001 are one learning rate."""
    try:
        return float(level)
    except ValueError:
        return level.casefold()
