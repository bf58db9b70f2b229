"""The panel: every measure of a clip beside its ESR, in one list that evaluation, analysis, report and listening share.

No single number agrees with listeners. An ESR hears a delay of one sample that nobody hears, and hardly hears the
aliasing that everybody does; so a clip gets several numbers that fail in different ways.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any, Literal

import numpy as np

from drywet import measures
from drywet.errors import SignalError

Better = Literal["lower", "zero"]


@dataclass(frozen=True)
class Hearing:
    """From where on a value is heard in music, as far as anybody knows.

    Attributes
    ----------
    inaudible_below, audible_above : float
        In the unit of the measure, for its magnitude when zero is best. Between them it can be either.
    evidence : str
        ``"rule of thumb"`` (general knowledge of the field, no test known) or ``"model of hearing"`` (made for codecs, not
        for guitars). None of them is a listening test of guitar sounds.
    """

    inaudible_below: float
    audible_above: float
    evidence: Literal["rule of thumb", "model of hearing"]


@dataclass(frozen=True)
class Measure:
    """One column of the panel.

    Attributes
    ----------
    name : str
        Its key in a row's ``panel``.
    label, unit : str
        For people. The unit is ``"ratio"`` for ratios of energies (0.01 is 1 %).
    better : str
        ``"lower"``, or ``"zero"`` for signed differences, positive where the prediction has more.
    meaning : str
        One sentence: what it tells.
    compute : callable
        ``compute(dry, wet, predicted, sample_rate)``, float64 signals of shape (T,), a float. SignalError where the
        measure is undefined.
    hearing : Hearing, optional
        None where no limit of audibility is known.
    """

    name: str
    label: str
    unit: str
    better: Better
    meaning: str
    compute: Callable[[np.ndarray, np.ndarray, np.ndarray, int], float]
    hearing: Hearing | None = None

    def badness(self, value: float) -> float:
        """What to rank and to average: the magnitude where zero is best, so that plus and minus do not cancel."""
        return abs(value) if self.better == "zero" else value


PANEL: tuple[Measure, ...] = (
    Measure(
        "esr_pre_emphasised",
        "ESR, pre-emphasised",
        "ratio",
        "lower",
        "Error-to-signal ratio after a first-order high-pass (0.85), which gives the treble more weight.",
        lambda dry, wet, predicted, rate: measures.esr(wet, predicted, pre_emphasis=0.85),
    ),
    Measure(
        "esr_a_weighted",
        "ESR, A-weighted",
        "ratio",
        "lower",
        "Error-to-signal ratio after A-weighting; as a loss it gave the models that listeners preferred.",
        lambda dry, wet, predicted, rate: measures.a_weighted_esr(wet, predicted, rate),
    ),
    Measure(
        "dc",
        "DC",
        "ratio",
        "lower",
        "What a constant offset adds to the ESR; not heard itself, but it clicks where the sound begins and ends.",
        lambda dry, wet, predicted, rate: measures.dc_error(wet, predicted),
    ),
    Measure(
        "null_depth_db",
        "Null depth",
        "dB",
        "lower",
        "What is left when the best gain, delay and offset are taken out and the two are subtracted.",
        lambda dry, wet, predicted, rate: measures.null_depth_db(wet, predicted),
        Hearing(-30.0, -10.0, "rule of thumb"),
    ),
    Measure(
        "mrstft",
        "Multi-resolution STFT",
        "",
        "lower",
        "Distance of the spectrograms at three resolutions; deaf to phase.",
        # In float32: six digits agree, and it is the most expensive measure.
        lambda dry, wet, predicted, rate: measures.mrstft(wet.astype(np.float32), predicted.astype(np.float32)),
    ),
    Measure(
        "log_mel",
        "Log-mel",
        "dB",
        "lower",
        "Mean difference of the mel spectrograms in dB; deaf to phase, coarse in the treble as ears are.",
        lambda dry, wet, predicted, rate: measures.log_mel_error(wet, predicted, rate),
    ),
    Measure(
        "loudness_difference_lu",
        "Loudness difference",
        "LU",
        "zero",
        "Integrated loudness (ITU-R BS.1770) of the prediction less that of wet.",
        lambda dry, wet, predicted, rate: measures.loudness_difference(wet, predicted, rate),
        Hearing(0.5, 1.0, "rule of thumb"),
    ),
    Measure(
        "crest_difference_db",
        "Crest factor difference",
        "dB",
        "lower",
        "Median over frames of how far the crest factors (peak over RMS) are apart: too squashed, or too spiky.",
        lambda dry, wet, predicted, rate: measures.crest_difference_db(wet, predicted, rate).median,
    ),
    Measure(
        "centroid_difference_percent",
        "Spectral centroid difference",
        "%",
        "lower",
        "Median over frames of how far the spectral centroids are apart: too dark, or too bright.",
        lambda dry, wet, predicted, rate: measures.centroid_difference_percent(wet, predicted, rate).median,
    ),
    Measure(
        "transient_esr",
        "ESR at onsets",
        "ratio",
        "lower",
        "Error-to-signal ratio from 2 ms before to 20 ms after the notes of dry begin.",
        lambda dry, wet, predicted, rate: measures.transient_esr(dry, wet, predicted, rate),
    ),
    Measure(
        "noise_to_mask_db",
        "Noise to mask",
        "dB",
        "lower",
        "How far the error stands above what wet masks in the ear, by a model of hearing: a stand-in for ears.",
        lambda dry, wet, predicted, rate: measures.noise_to_mask_ratio_db(wet, predicted, rate),
        Hearing(-10.0, 0.0, "model of hearing"),
    ),
    Measure(
        "clicks",
        "Clicks",
        "",
        "lower",
        "How often the prediction jumps where neither wet nor a beginning note explains it.",
        lambda dry, wet, predicted, rate: len(_clicks(dry, wet, predicted, rate)),
    ),
)


def measure_clip(
    dry: np.ndarray, wet: np.ndarray, predicted: np.ndarray, sample_rate: int
) -> tuple[dict[str, float | None], list[float]]:
    """The panel of one clip, name to value, and the times of its clicks in s.

    None where a measure is undefined: no note begins in the clip, or it is too short. Signals of shape (T,) that are
    simultaneous; ``wet`` is not silent.
    """
    dry, wet, predicted = (np.asarray(signal, np.float64) for signal in (dry, wet, predicted))
    values: dict[str, float | None] = {}
    for each in PANEL:
        try:
            value = float(each.compute(dry, wet, predicted, sample_rate))
        except SignalError:
            value = math.nan
        values[each.name] = value if math.isfinite(value) else None
    clicks = _clicks(dry, wet, predicted, sample_rate) if values["clicks"] else ()
    return values, [click.seconds for click in clicks]


def _clicks(dry: np.ndarray, wet: np.ndarray, predicted: np.ndarray, sample_rate: int) -> tuple[measures.Click, ...]:
    return measures.clicks(wet, predicted, sample_rate, measures.onsets(dry, sample_rate))


def in_words(each: Measure, value: float | None) -> str:
    """Whether a difference of this size is worth hearing, no more certain than the evidence is.

    >>> loudness = next(each for each in PANEL if each.name == "loudness_difference_lu")
    >>> in_words(loudness, -0.2)
    'tends to be inaudible in music (rule of thumb)'
    """
    if value is None:
        return "not defined for this clip"
    if each.hearing is None:
        return "no limit of audibility is known"
    size = each.badness(value)
    if size < each.hearing.inaudible_below:
        words = "tends to be inaudible in music"
    elif size < each.hearing.audible_above:
        words = "can be either, heard or not"
    else:
        words = "likely to be heard"
    return f"{words} ({each.hearing.evidence})"


def by_controls(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One row for each knob setting among the rows of :func:`drywet.evaluation.evaluate`, in the order of the first.

    ``clips`` counts them. ESRs are arithmetic means over clips, as in the published study; ``esr_geometric`` is the
    geometric mean, which the worst clip does not rule. The figures of ``panel`` are arithmetic means, those of signed
    differences means of the magnitude, over the clips where they are defined. The noise-limited best is a mean only where
    every clip has one.
    """
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault(json.dumps(row.get("controls") or {}, sort_keys=True), []).append(row)
    return [_mean_row(group) for group in groups.values()]


def _mean_row(group: list[Mapping[str, Any]]) -> dict[str, Any]:
    esrs = [row["esr"] for row in group]
    limits = [row.get("esr_noise_limit") for row in group]
    return {
        "controls": dict(group[0].get("controls") or {}),
        "clips": len(group),
        "esr": mean(esrs),
        "esr_geometric": math.exp(mean(map(math.log, esrs))) if min(esrs) > 0 else 0.0,
        "esr_published_compatible": mean(row["esr_published_compatible"] for row in group),
        "esr_linear": mean(row["esr_linear"] for row in group),
        "esr_noise_limit": None if None in limits else mean(limit for limit in limits if limit is not None),
        "panel": {each.name: _mean_of(each, group) for each in PANEL},
    }


def _mean_of(each: Measure, group: list[Mapping[str, Any]]) -> float | None:
    values = [value for row in group if (value := row.get("panel", {}).get(each.name)) is not None]
    return mean(map(each.badness, values)) if values else None
