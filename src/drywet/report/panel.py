"""The panel of measures as the pages show it: a line per measure, and what its size is worth to the ear."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from drywet.analysis import ClipScore, RunResult
from drywet.analysis.describe import INAUDIBLE_DB, decibels, percent
from drywet.evaluation.panel import PANEL, Measure, in_words

NO_BREAK = "\u00a0"
MOSTLY_NOISE = 0.5  # share of the error's energy from which on noise is what it is


@dataclass(frozen=True)
class Line:
    """A measure over the clips of one run. ``mean`` is that of the magnitudes where zero is best."""

    measure: Measure
    mean: float
    worst: float
    worst_clip: str
    words: str  # whether the mean is worth hearing; empty where no limit is known


def panel_lines(clips: Sequence[ClipScore]) -> list[Line]:
    """The measures that at least one clip has, in the order of the panel. Runs evaluated before there was one have none."""
    lines = []
    for measure in PANEL:
        known = [(value, clip.clip) for clip in clips if not math.isnan(value := panel_value(clip, measure.name))]
        if not known:
            continue
        mean = fmean(measure.badness(value) for value, _ in known)
        worst, worst_clip = max(known, key=lambda pair: measure.badness(pair[0]))
        words = in_words(measure, mean) if measure.hearing else ""
        lines.append(Line(measure, mean, worst, worst_clip, words))
    return lines


def disagreement(clips: Sequence[ClipScore]) -> str:
    """Why the ESR can call an error inaudible that the model of hearing does not; empty where they do not disagree.

    Both are means over the clips. Where the noise-limited best is known, it is said how near the ESR is to it.
    """
    masking = next((line for line in panel_lines(clips) if line.measure.name == "noise_to_mask_db"), None)
    if masking is None or masking.measure.hearing is None:
        return ""
    esr = fmean(clip.esr for clip in clips)
    if decibels(esr) >= INAUDIBLE_DB or masking.mean < masking.measure.hearing.audible_above:
        return ""
    why = (
        "The ESR and the noise-to-mask ratio disagree here: the ESR weighs the error against the whole clip, in which loud "
        "notes count most; the model of hearing asks at every moment, also in pauses and dying notes, where little masks it."
    )
    limit = fmean(clip.esr_noise_limit for clip in clips)
    if math.isnan(limit):
        return (
            why
            + " A device that hisses between the notes does that: its hiss is in the error, and no model repeats it."
        )
    share = limit / esr if esr else 1.0
    if share < MOSTLY_NOISE:
        return why
    return why + (
        f" About {min(share, 1):.0%} of this error is the noise of the recording itself, which no model repeats and none "
        "should: what is heard then is the device’s own hiss missing."
    )


def measures_of(runs: Sequence[RunResult]) -> list[Measure]:
    """The measures that any clip of the runs has."""
    clips = [clip for run in runs for clip in run.clips]
    return [measure for measure in PANEL if any(not math.isnan(panel_value(c, measure.name)) for c in clips)]


def panel_value(clip: ClipScore, name: str) -> float:
    """A measure of a clip; NaN where it is undefined or was not computed."""
    return clip.panel.get(name, math.nan)


def panel_mean(run: RunResult, measure: Measure) -> float:
    """Mean of a measure over the clips of a run that have it, of its magnitude where zero is best; NaN without any."""
    known = [value for clip in run.clips if not math.isnan(value := panel_value(clip, measure.name))]
    return fmean(measure.badness(value) for value in known) if known else math.nan


def format_measure(measure: Measure, value: float) -> str:
    """A value with its unit: ratios in percent, signed differences with their sign."""
    if math.isnan(value):
        return "–"
    if measure.unit == "ratio":
        return percent(value).replace(" ", NO_BREAK)
    if not measure.unit:
        return f"{value:.3g}"
    return f"{value:.{1 if abs(value) >= 10 else 2}f}{NO_BREAK}{measure.unit}".replace("-", "−")
