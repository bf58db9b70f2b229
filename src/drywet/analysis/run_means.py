"""One number per training run: the response in dB that every test of the analysis compares.

The run is the unit of replication. Its number is the mean over clips of 10 log10 ESR, the logarithm because ESR is skewed and
its factors multiply. No model counts as worse than silence: an ESR above 1 is taken as 1, and so is a run that diverged
and left nothing to score. So no run is dropped for doing badly.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from drywet.analysis.design import Design
from drywet.analysis.results import NAN, ClipScore, Factor, RunResult, StudyResults
from drywet.errors import SettingsError
from drywet.evaluation.panel import PANEL

FLOOR = 1e-12  # the ratio that stands for 0, which has no logarithm: -120 dB


@dataclass(frozen=True)
class RunMeans:
    """The table that is analysed.

    Attributes
    ----------
    response : array, shape (N,)
        dB, one for each of N runs; lower is better.
    clip_response : array, shape (N, K)
        dB per clip; NaN where a run was not scored on a clip.
    diverged, unstable : bool arrays, shape (N,)
        Runs whose training diverged; runs that were rolled back or collapsed on the way, diverged ones among them.
    seconds, parameters, epochs, updates : arrays, shape (N,)
        Training time, size, passes and updates; NaN where unknown.
    notes : tuple of str
        What was done to the data, and what is missing from it.
    """

    label: str
    design: Design
    response: np.ndarray
    clip_response: np.ndarray
    clips: tuple[str, ...]
    runs: tuple[str, ...]
    seeds: tuple[str, ...]
    diverged: np.ndarray
    unstable: np.ndarray
    seconds: np.ndarray
    parameters: np.ndarray
    epochs: np.ndarray
    updates: np.ndarray
    notes: tuple[str, ...] = ()


def response_names() -> list[str]:
    """What can be analysed: ``esr``, its two variants, and the measures of the panel."""
    return ["esr", "esr_best_lag", "esr_published_compatible", *(measure.name for measure in PANEL)]


def run_means(results: StudyResults, response: str = "esr") -> RunMeans:
    """The table of ``results`` for one response; ratios and other positive quantities in dB, those in dB or LU as they are.

    Signed differences (loudness) count by their size. Clips that a run lacks are made up for by least squares: what the
    clips it has are easier or harder than the others is taken out of its mean, and said.

    Raises
    ------
    SettingsError
        If there is no response of that name, or no run has it.
    """
    if response not in response_names():
        raise SettingsError(f"no response named {response!r}; there are: {', '.join(response_names())}")
    lost = [run for run in results.runs if not run.clips and run.status == "diverged"]
    kept = [run for run in results.runs if run.clips or run in lost]
    clips = results.clips
    table = np.array([[_in_db(run.clip(clip), response) for clip in clips] for run in kept]).reshape(
        len(kept), len(clips)
    )
    notes = _missing_runs(results, kept)
    for index, run in enumerate(kept):
        if run in lost and response.startswith("esr"):
            table[index] = 0.0
    unusable = [index for index, row in enumerate(table) if np.isnan(row).all()]
    if len(unusable) == len(kept):
        raise SettingsError(
            f"{results.folder}: no run has a score named {response!r}"
            + ("" if response == "esr" else ". Evaluate the study again, or analyse esr")
            + (f"; {notes[0]}" if notes else "")
        )
    if unusable:
        notes.append(f"no {response} for {_names([kept[i] for i in unusable])}; not in the analysis")
        kept = [run for index, run in enumerate(kept) if index not in unusable]
        table = np.delete(table, unusable, axis=0)
    notes += _notes_on_scores(kept, lost, table, clips)
    factors = tuple(factor for factor in results.factors if not factor.is_seed)
    levels = [[factor.levels.index(run.factors[factor.name]) for factor in factors] for run in kept]
    seeds = [factor.name for factor in results.factors if factor.is_seed]
    return RunMeans(
        label=_label(response),
        design=Design(factors, np.array(levels, int).reshape(len(kept), len(factors))),
        response=_means_over_clips(table),
        clip_response=table,
        clips=clips,
        runs=tuple(f"#{run.number} {run.name}" for run in kept),
        seeds=tuple(" ".join(run.factors[name] for name in seeds) for run in kept),
        diverged=np.array([run.status == "diverged" for run in kept], bool),
        unstable=np.array([run.instability is not None for run in kept], bool),
        seconds=np.array([run.seconds for run in kept]),
        parameters=np.array([run.parameters if run.parameters is not None else NAN for run in kept], float),
        epochs=np.array([run.epochs for run in kept]),
        updates=np.array([run.updates for run in kept]),
        notes=tuple(notes),
    )


def _label(response: str) -> str:
    """``response`` as it stands on an axis."""
    known = {measure.name: measure.label for measure in PANEL}
    return known.get(response, response.replace("_", " ").replace("esr", "ESR"))


def _in_db(score: ClipScore | None, response: str) -> float:
    if score is None:
        return NAN
    measure = next((measure for measure in PANEL if measure.name == response), None)
    if measure is None:
        return _decibels(min(getattr(score, response), 1.0))
    value = score.panel.get(response, NAN)
    if measure.better == "zero":
        value = abs(value)
    if measure.unit in ("dB", "LU"):
        return value
    return _decibels(min(value, 1.0) if measure.unit == "ratio" else value)


def _decibels(value: float) -> float:
    return NAN if math.isnan(value) else 10 * math.log10(max(value, FLOOR))


def _means_over_clips(table: np.ndarray) -> np.ndarray:
    """Mean over clips per run; with gaps, the run's mean in the additive least-squares fit of run and clip."""
    gaps = np.isnan(table)
    if not gaps.any():
        return table.mean(axis=1)
    run, clip = np.nonzero(~gaps)
    n_runs, n_clips = table.shape
    columns = np.zeros((len(run), n_runs + n_clips))
    columns[np.arange(len(run)), run] = 1
    columns[np.arange(len(run)), n_runs + clip] = 1
    fit = np.linalg.lstsq(columns, table[run, clip], rcond=None)[0]
    return fit[:n_runs] + fit[n_runs:][~gaps.all(axis=0)].mean()


def _missing_runs(results: StudyResults, kept: Sequence[RunResult]) -> list[str]:
    absent = [run for run in results.runs if run not in kept]
    if not absent:
        return []
    reasons = sorted({str(run.missing) for run in absent})
    return [
        f"{len(absent)} of {len(results.runs)} runs are missing ({'; '.join(reasons)}): {_names(absent)}. Run the same "
        "`drywet study run` again to complete them"
    ]


def _notes_on_scores(
    kept: Sequence[RunResult], lost: Sequence[RunResult], table: np.ndarray, clips: Sequence[str]
) -> list[str]:
    notes = []
    gone = [run for run in kept if run in lost]
    if gone:
        notes.append(
            f"{_names(gone)} diverged and left nothing to score; kept with the ESR of silence, 1 (0 dB), on every clip"
        )
    loud = [run for run in kept if any(clip.esr > 1 for clip in run.clips)]
    if loud:
        notes.append(f"{_names(loud)} scored worse than silence on some clip; an ESR above 1 counts as 1 (0 dB)")
    if any(clip.esr <= FLOOR for run in kept for clip in run.clips):
        notes.append("an ESR of 0 counts as 1e-12 (-120 dB), since 0 has no logarithm")
    gaps = np.isnan(table)
    if gaps.any():
        short = [
            f"{run.name} lacks {', '.join(np.array(clips)[row])}"
            for run, row in zip(kept, gaps, strict=True)
            if row.any()
        ]
        notes.append(
            f"{len(short)} of {len(kept)} runs lack scores of some clips ({_few(short)}); their means are adjusted for "
            "how hard the clips they do have are (least squares over runs and clips)"
        )
    return notes


def _names(runs: Sequence[RunResult]) -> str:
    return _few([f"#{run.number} {run.name}" for run in runs])


def _few(names: Sequence[str], most: int = 6) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def factor_names(factors: Sequence[Factor]) -> list[str]:
    """Names as they are spoken: ``learning rate`` for ``learning_rate``."""
    return [factor.name.replace("_", " ") for factor in factors]
