"""The report of a study: every model, what mattered, what it sounds like, and how the numbers were made."""

import math
from pathlib import Path
from statistics import fmean
from typing import Any

from drywet.analysis import (
    Analysis,
    Factor,
    RunResult,
    StudyResults,
    Trial,
    analyze,
    limits_in_words,
    published,
    read_study,
    seed_spread,
    summarise,
    summarise_trials,
    write_tables,
)
from drywet.errors import AudioFileError, DrywetError
from drywet.report.clip import picture_clip
from drywet.report.effects import effect_figures
from drywet.report.figures import draw_all_results, draw_by_clip, draw_loss_curves, draw_summary, split_by
from drywet.report.listeners import read_listening_tests
from drywet.report.listening import MAX_GROUPS, Audio, build_desk, by_knobs, choose_models
from drywet.report.page import Page, Picture, flatten
from drywet.report.panel import measures_of, panel_mean
from drywet.report.waveforms import load_clip

_HEAT_STEPS = 8


def build_study_report(study_folder: Path | str, out: Path | str | None = None, audio: Audio = 3) -> Path:
    """Write the report of a study as one static folder, and return its ``index.html``.

    Parameters
    ----------
    study_folder : path
    out : path, optional
        Where the report goes; ``study_folder/report`` unless given.
    audio : int, "best", "none" or "all"
        How many models are heard at each knob position; 3 are best, median and worst. The folder stays below 30 MB, unless
        all are wanted.

    Raises
    ------
    RunError
        If the folder holds no study, or a file in it is damaged. Runs without scores are listed, not refused.
    """
    results = read_study(study_folder)
    page = Page(out if out is not None else Path(study_folder) / "report")
    summaries = summarise(results)
    write_tables(results, page.out)
    notes: list[str] = []
    context_factor = _context_factor(results)
    pictures: dict[str, Picture | None] = dict.fromkeys(("all", "summary", "clips", "loss"))
    if results.scored:
        pictures["all"] = page.picture(
            "all-results", "Mean error-to-signal ratio of every model, with single clips and the best linear model; "
            "the table below holds the same figures.", draw_all_results, results,
        )  # fmt: skip
        if any(len(summary.levels) > 1 for summary in summaries):
            pictures["summary"] = page.picture(
                "summary", "Mean error-to-signal ratio per level of each hyperparameter; the table below holds the "
                "same figures.", draw_summary, results, summaries,
            )  # fmt: skip
        if context_factor:
            pictures["clips"] = page.picture(
                "by-clip", f"Error-to-signal ratio against {context_factor.name}, one panel for each clip.",
                draw_by_clip, results, context_factor,
            )  # fmt: skip
    if any(run.log for run in results.runs):
        pictures["loss"] = page.picture(
            "loss-curves", "Training and validation error-to-signal ratio of every run over the epochs.",
            draw_loss_curves, results.runs,
        )  # fmt: skip
    analysis, refusal = _analysis(results)
    effects = (
        {f.name: page.picture(f.name, f.alt, f.draw, analysis) for f in effect_figures(analysis)} if analysis else {}
    )
    heard = _heard(results, page, notes)
    desk = build_desk(
        choose_models(results, audio), results.clips, page, lambda run: describe_model(results, run),
        limited=audio != "all",
    )  # fmt: skip
    unheard = list(by_knobs(results))[MAX_GROUPS:]
    if unheard and audio != "all":
        notes.append(f"Listening, and figures of single clips: {len(unheard)} knob positions ({'; '.join(unheard)}).")
    measures = measures_of(results.scored)
    tests, unread = read_listening_tests(Path(study_folder))
    return page.finish(
        "study.html",
        results=results,
        listening_tests=tests,
        summaries=summaries,
        published_summaries=_published_summaries(results),
        pictures=pictures,
        analysis=analysis,
        refusal=refusal,
        effects=effects,
        heard=heard,
        desk=desk,
        context_factor=context_factor,
        headline=_headline(results),
        rows=[_row(results, run) for run in results.runs],
        heat=_heat(results),
        measures=measures,
        panel_rows=[(run, [panel_mean(run, measure) for measure in measures]) for run in results.scored],
        limits=limits_in_words(results),
        spread=seed_spread(results.factors, [Trial(dict(run.factors), run.mean_esr) for run in results.scored]),
        settings=_settings(results.runs),
        origin=_origin(results.runs),
        unstable=[run for run in results.runs if run.instability],
        missing=[run for run in results.runs if run.missing],
        notes=list(dict.fromkeys([*desk.notes, *notes, *unread])),
        describe=lambda run: describe_model(results, run),
    )


def describe_model(results: StudyResults, run: RunResult) -> str:
    """A model's number and levels, in the study's order of factors."""
    return " · ".join([f"#{run.number}", *(run.factors[factor.name] for factor in results.factors)])


def _headline(results: StudyResults) -> dict[str, Any] | None:
    if not results.scored:
        return None
    ordered = sorted(results.scored, key=lambda run: run.mean_esr)
    rate = next((f for f in results.factors if f.setting.endswith("learning_rate")), None)
    rates = []
    for level, runs in split_by(rate, results.scored):
        rates.append(
            {
                "level": level,
                "esr": fmean(run.mean_esr for run in runs),
                "seconds": fmean(run.seconds for run in runs),
                "unstable": sum(run.instability is not None for run in runs),
                "n": len(runs),
            }
        )
    linear = [value for run in results.scored if not math.isnan(value := run.mean("esr_linear"))]
    return {
        "best": ordered[0],
        "worst": ordered[-1],
        "mean": fmean(run.mean_esr for run in ordered),
        "linear": fmean(linear) if linear else None,
        "rates": rates,
    }


def _row(results: StudyResults, run: RunResult) -> dict[str, Any]:
    return {"run": run, "published": published.counterpart(results, dict(run.factors)) if run.factors else None}


def _published_summaries(results: StudyResults) -> dict[tuple[str, str], dict[str, float]]:
    """Per factor and level: the published mean, and ours by the published comparison, where the grids match."""
    if not all(published.counterpart(results, dict(run.factors)) for run in results.runs) or not results.runs:
        return {}
    theirs = summarise_trials(published.FACTORS, published.ds340_trials())
    ours = summarise(results, "esr_published_compatible")
    by_place = {
        (summary.factor.name, float(row.level) if summary.factor.is_numeric else row.level): row.mean_esr
        for summary in theirs
        for row in summary.levels
    }
    return {
        (summary.factor.name, row.level): {"ours": row.mean_esr, "theirs": by_place[place]}
        for summary in ours
        for row in summary.levels
        if (place := (summary.factor.name, float(row.level) if summary.factor.is_numeric else row.level)) in by_place
    }


def _context_factor(results: StudyResults) -> Factor | None:
    """The factor that sets how far back a model looks; failing that, the first whose levels are numbers."""
    usable = [f for f in results.factors if len(f.levels) > 1 and not f.is_seed]
    words = ("context", "tbptt", "receptive")
    named = [f for f in usable if any(word in f"{f.name} {f.setting}" for word in words)]
    return next(iter([*named, *(f for f in usable if f.is_numeric)]), None)


def _heat(results: StudyResults) -> dict[str, Any]:
    """ESR per model and clip, with a step from 0 (lowest) to 7 (highest) on a logarithmic scale."""
    scores = [clip.esr for run in results.scored for clip in run.clips if clip.esr > 0]
    low, high = (math.log(min(scores)), math.log(max(scores))) if scores else (0.0, 1.0)

    def step(esr: float) -> int:
        if esr <= 0 or high <= low:
            return 0
        return min(_HEAT_STEPS - 1, int(_HEAT_STEPS * (math.log(esr) - low) / (high - low)))

    rows = [
        (run, [(score.esr, step(score.esr)) if (score := run.clip(name)) else (None, 0) for name in results.clips])
        for run in results.scored
    ]
    means = []
    for name in results.clips:
        found = [score.esr for run in results.scored if (score := run.clip(name))]
        means.append((fmean(found), step(fmean(found))))
    return {"rows": rows, "means": means}


def _analysis(results: StudyResults) -> tuple[Analysis | None, str]:
    """What the statistics say, or why they say nothing."""
    try:
        return analyze(results), ""
    except DrywetError as error:
        return None, str(error)


def _heard(results: StudyResults, page: Page, notes: list[str]) -> list[dict[str, Any]]:
    """Best and worst model per knob position, on the clip their group finds hardest; the best one in full."""
    shown, seen = [], set()
    choices = choose_models(results)
    for index, choice in enumerate(choices):
        if choice.rank == "median" or (choice.group, choice.run.id, choice.run.number) in seen:
            continue
        seen.add((choice.group, choice.run.id, choice.run.number))
        peers = [other.run for other in choices if other.group == choice.group]
        clip = max(
            choice.run.clips,
            key=lambda clip: fmean(score.esr for run in peers if (score := run.clip(clip.clip))),
        )
        try:
            waves = load_clip(clip)
        except AudioFileError as error:
            notes.append(str(error))
            continue
        pictures = picture_clip(page, f"{index:02d}", clip, waves, in_full=choice.rank == "best")
        shown.append({"choice": choice, "name": describe_model(results, choice.run), "pictures": pictures})
    return shown


def _settings(runs: tuple[RunResult, ...]) -> dict[str, list[str]]:
    """Every setting with all the values it took, in order of first use."""
    values: dict[str, dict[str, None]] = {}
    for run in runs:
        for name, value in flatten(run.settings).items():
            values.setdefault(name, {})[value] = None
    return {name: list(seen) for name, seen in values.items()}


def _origin(runs: tuple[RunResult, ...]) -> dict[str, Any]:
    """Where and with what the runs were made: every distinct value, and the sum of the training times."""
    names = ("drywet", "python", "torch", "numpy", "machine", "cores", "threads")
    distinct = {
        name: list(dict.fromkeys(str(run.provenance[name]) for run in runs if run.provenance.get(name) is not None))
        for name in names
    }
    times = [run.seconds for run in runs if not math.isnan(run.seconds)]
    dates = sorted(
        str(run.provenance[key]) for run in runs for key in ("started", "finished") if run.provenance.get(key)
    )
    span = [dates[0], dates[-1]] if dates else []
    return {"versions": distinct, "train_seconds": sum(times) if times else None, "dates": span}
