"""What a sweep can answer and what it cannot: gaps, repeats, and things that move together."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Literal

import numpy as np

from drywet.analysis.results import RunResult, StudyResults
from drywet.analysis.run_means import RunMeans, factor_names

# A quantity counts as moving with a factor if its level means differ by a quarter or more, and the level explains at
# least half of its variance.
_RATIO, _SHARE = 1.25, 0.5


@dataclass(frozen=True)
class Finding:
    """One thing to know before reading the results."""

    kind: Literal["missing", "gap", "seeds", "one level", "confounded", "identical"]
    text: str


@dataclass(frozen=True)
class DesignCheck:
    """The sweep in numbers, and what was found.

    ``configurations`` counts those of the full grid, ``present`` those with a run; ``fewest`` and ``most`` are runs per
    configuration that is present.
    """

    runs: int
    planned_runs: int
    configurations: int
    present: int
    fewest: int
    most: int
    findings: tuple[Finding, ...]

    @property
    def balanced(self) -> bool:
        """Whether every configuration of the grid has as many runs as any other."""
        return self.present == self.configurations and self.fewest == self.most


def check_design(results: StudyResults, means: RunMeans) -> DesignCheck:
    """The check of the runs that are analysed."""
    design = means.design
    findings = [Finding("missing", note) for note in means.notes]
    for index, factor in enumerate(design.factors):
        levels = design.present(index)
        name = factor_names([factor])[0]
        if len(factor.levels) < 2:
            findings.append(
                Finding("one level", f"{name} has one level ({factor.levels[0]}), so nothing can be said of its effect")
            )
        elif len(levels) < len(factor.levels):
            absent = [label for i, label in enumerate(factor.levels) if i not in levels]
            findings.append(
                Finding("one level" if len(levels) < 2 else "gap", f"{name}: no run at {', '.join(absent)}")
            )
    grid = math.prod(max(1, len(design.present(index))) for index in range(len(design.factors)))
    if len(design.cells) < grid:
        findings.append(
            Finding(
                "gap",
                f"{grid - len(design.cells)} of {grid} configurations have no run; levels are compared where both have one",
            )
        )
    fewest, most = int(design.counts.min()), int(design.counts.max())
    if fewest < most:
        findings.append(
            Finding(
                "seeds",
                f"configurations have {fewest} to {most} runs; each configuration counts the same, however many runs it has",
            )
        )
    findings += _identical(means)
    runs = {f"#{run.number} {run.name}": run for run in results.runs}
    analysed = [runs[name] for name in means.runs]
    findings += _moving_factors(means)
    findings += _moving_settings(results, means, analysed)
    findings += _moving_quantities(results, means, analysed)
    findings += _budgets(means, analysed)
    full = math.prod(len(factor.levels) for factor in design.factors)
    return DesignCheck(len(means.response), len(results.runs), full, len(design.cells), fewest, most, tuple(findings))


def _identical(means: RunMeans) -> list[Finding]:
    design = means.design
    twins = [
        cell
        for cell in range(len(design.cells))
        if design.counts[cell] > 1 and np.ptp(means.clip_response[design.cell_of_run == cell], axis=0).max() == 0
        and not means.diverged[design.cell_of_run == cell].any()
    ]  # fmt: skip
    if not twins:
        return []
    return [
        Finding(
            "identical",
            f"in {len(twins)} of {len(design.cells)} configurations all seeds have the same scores to the last digit, as if "
            "the seed did not reach the training; such runs are no replicates",
        )
    ]


def _moving_factors(means: RunMeans) -> list[Finding]:
    """Pairs of factors of which one tells the other, or nearly so (Cramer's V over configurations)."""
    design, findings = means.design, []
    varying = design.varying()
    names = factor_names(design.factors)
    for position, one in enumerate(varying):
        for two in varying[position + 1 :]:
            table = np.zeros((len(design.factors[one].levels), len(design.factors[two].levels)))
            np.add.at(table, (design.cells[:, one], design.cells[:, two]), 1)
            table = table[table.any(axis=1)][:, table.any(axis=0)]
            expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
            v = math.sqrt(((table - expected) ** 2 / expected).sum() / table.sum() / (min(table.shape) - 1))
            if v > 0.999:
                text = f"{names[one]} and {names[two]} always move together; an effect of one cannot be told from the other's"
            elif v > 0.3:
                text = f"{names[one]} and {names[two]} tend to move together (Cramer's V {v:.2f}), so both effects are unsure"
            else:
                continue
            findings.append(Finding("confounded", text))
    return findings


def _moving_settings(results: StudyResults, means: RunMeans, runs: Sequence[RunResult]) -> list[Finding]:
    """Settings that no factor names, yet that change with the level of one."""
    own = {name for factor in results.factors for name in re.split(r" [+/] ", factor.setting)} | {"seed"}
    flat = [_flatten(run.settings) for run in runs]
    findings = []
    for setting in sorted({name for row in flat for name in row}):
        values = [str(row.get(setting)) for row in flat]
        if len(set(values)) < 2 or any(setting == name or setting.startswith(f"{name}.") for name in own):
            continue
        for index in means.design.varying():
            by_level: dict[int, set[str]] = {}
            for level, value in zip(means.design.levels[:, index], values, strict=True):
                by_level.setdefault(int(level), set()).add(value)
            if all(len(found) == 1 for found in by_level.values()):
                labels = means.design.factors[index].levels
                listed = ", ".join(f"{next(iter(by_level[i]))} at {labels[i]}" for i in means.design.present(index))
                name = factor_names([means.design.factors[index]])[0]
                findings.append(Finding("confounded", f"{setting} moves with {name}: {listed}"))
                break
    return findings


def _moving_quantities(results: StudyResults, means: RunMeans, runs: Sequence[RunResult]) -> list[Finding]:
    """How much training there was, by level."""
    covered = np.array([_audio_covered(run) for run in runs])
    length = _training_samples(results)
    left = np.array([_validation_rows(run, length) for run in runs])
    quantities = (
        ("the audio covered by training windows", covered, "samples"),
        ("the number of validation windows", left, ""),
        ("the number of updates", means.updates, ""),
        ("the number of epochs", means.epochs, ""),
    )
    findings = []
    for index in means.design.varying():
        factor = means.design.factors[index]
        if "budget" in factor.setting or factor.is_control:
            continue
        for what, values, unit in quantities:
            if np.isnan(values).any():
                continue
            by_level, alone = (
                [quantity[means.design.levels[:, index] == level] for level in means.design.present(index)]
                for quantity in (values, _without_other_factors(values, means.design.levels, index))
            )
            if not _moves(by_level) and not _moves(alone):
                continue
            labels = [factor.levels[level] for level in means.design.present(index)]
            listed = ", ".join(f"{fmean(found):,.0f} at {label}" for label, found in zip(labels, by_level, strict=True))
            findings.append(
                Finding(
                    "confounded",
                    f"{what} moves with {factor_names([factor])[0]}: {listed}{' ' + unit if unit else ''}; an effect of one "
                    "may be the other's",
                )
            )
    return findings


def _without_other_factors(values: np.ndarray, levels: np.ndarray, index: int) -> np.ndarray:
    """``values`` (N,) over their geometric mean among the runs that differ in the factor ``index`` alone.

    Ten times the epochs are ten times the updates, and would bury that half the batch is twice the updates.
    """
    _, group = np.unique(np.delete(levels, index, axis=1), axis=0, return_inverse=True)
    group = group.reshape(-1)
    logarithms = np.log(np.maximum(values, 1.0))  # a run that broke down at once counts as one of a single update
    return np.exp(logarithms - (np.bincount(group, logarithms) / np.bincount(group))[group])


def _moves(by_level: Sequence[np.ndarray]) -> bool:
    levels = [fmean(found) for found in by_level]
    if min(levels) <= 0 or max(levels) < _RATIO * min(levels):
        return False
    everything = np.concatenate(by_level)
    between = sum(len(found) * (mean - everything.mean()) ** 2 for found, mean in zip(by_level, levels, strict=True))
    return bool(between >= _SHARE * ((everything - everything.mean()) ** 2).sum())


def _budgets(means: RunMeans, runs: Sequence[RunResult]) -> list[Finding]:
    """Levels whose runs were cut off by a budget that others did not need."""
    limits = [re.fullmatch(r"(\d+(?:\.\d+)?) *epochs?", str(_training(run).get("budget", ""))) for run in runs]
    patient = ["patience" in _training(run) for run in runs]
    if not all(limits) or not all(patient):
        return []
    cut_off = np.array([run.epochs >= float(limit[1]) - 1e-6 for run, limit in zip(runs, limits, strict=True) if limit])
    findings = []
    for index in means.design.varying():
        factor = means.design.factors[index]
        at = {level: cut_off[means.design.levels[:, index] == level] for level in means.design.present(index)}
        shares = {level: found.mean() for level, found in at.items()}
        if max(shares.values()) - min(shares.values()) < _SHARE or "budget" in factor.setting:
            continue
        listed = ", ".join(
            f"{int(found.sum())} of {len(found)} at {factor.levels[level]}" for level, found in at.items()
        )
        findings.append(
            Finding(
                "confounded",
                f"the budget of epochs moves with {factor_names([factor])[0]}: it ended the training of {listed}; they are "
                "compared at this budget, and might be otherwise at a longer one",
            )
        )
    return findings


def _training(run: RunResult) -> Mapping[str, Any]:
    training = run.settings.get("training")
    return training if isinstance(training, Mapping) else {}


def _audio_covered(run: RunResult) -> float:
    """Samples of the recording that the training windows of the published recipe cover; NaN for other recipes."""
    model, training = run.settings.get("model"), _training(run)
    rows, context = training.get("train_rows"), model.get("context") if isinstance(model, Mapping) else None
    if training.get("recipe") != "windows" or not isinstance(rows, int) or not isinstance(context, int):
        return math.nan
    hop = training.get("hop")
    return float(rows * min(context, hop) if isinstance(hop, int) else rows * context)


def _validation_rows(run: RunResult, training_samples: float) -> float:
    """Windows that the random split leaves to validation; NaN where validation is on other recordings."""
    covered = _audio_covered(run)
    if _training(run).get("validate_on") != "training windows" or _training(run).get("hop") is not None:
        return math.nan
    return training_samples // run.settings["model"]["context"] - _training(run)["train_rows"] if covered else math.nan


def _training_samples(results: StudyResults) -> float:
    """Length of a rendered training track; NaN for recordings, whose files are not opened here."""
    dataset = results.settings.get("dataset")
    if not isinstance(dataset, Mapping):
        return math.nan
    seconds, rate = dataset.get("train_seconds"), dataset.get("sample_rate")
    return float(seconds * rate) if isinstance(seconds, int | float) and isinstance(rate, int | float) else math.nan


def _flatten(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        flat |= _flatten(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return flat
