"""The signals of one clip, and their waveforms."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from drywet import audio
from drywet.analysis import ClipScore
from drywet.dataset.pair import Pair, loudest, take_out_latency
from drywet.errors import AudioFileError, SignalError
from drywet.report.style import NARROW, SIGNAL_COLOURS, WIDE, new_figure

SIGNALS = ("dry", "wet", "predicted", "difference")
ZOOM_SAMPLES = 500  # as the published study's waveform plots


@dataclass(frozen=True)
class Waveforms:
    """The signals of one clip, each of shape (T,)."""

    dry: np.ndarray
    wet: np.ndarray
    predicted: np.ndarray
    sample_rate: int

    @cached_property
    def difference(self) -> np.ndarray:
        """Wet minus predicted."""
        return self.wet - self.predicted


def load_clip(score: ClipScore) -> Waveforms:
    """The signals of one scored clip.

    Raises
    ------
    AudioFileError
        If a file is missing or unreadable, or their rates or lengths disagree. It names files without their folders,
        because it is told on a page that may be sent to anybody.
    """
    signals, rates = {}, {}
    for name in ("dry", "wet", "predicted"):
        path = getattr(score, name)
        if path is None:
            raise AudioFileError(f"clip {score.clip!r}: no {name} file is named in evaluation.jsonl")
        try:
            signals[name], rates[name] = audio.read(path)
        except AudioFileError as error:
            raise AudioFileError(f"clip {score.clip!r}: {str(error).replace(str(path), path.name)}") from error
    if len(set(rates.values())) > 1:
        raise AudioFileError(f"clip {score.clip!r}: sample rates disagree ({rates})")
    if score.latency:
        try:
            pair = take_out_latency(Pair(signals["dry"], signals["wet"], rates["wet"]), score.latency)
        except SignalError as error:
            raise AudioFileError(f"clip {score.clip!r}: {error}") from error
        signals |= {"dry": pair.dry, "wet": pair.wet}
    if score.start is not None or score.stop is not None:
        part = slice(score.start, score.stop)
        whole = len(signals["wet"])
        signals = {name: s[part] if len(s) == whole else s for name, s in signals.items()}
    lengths = {name: len(signal) for name, signal in signals.items()}
    if len(set(lengths.values())) > 1 or not lengths["wet"]:
        raise AudioFileError(f"clip {score.clip!r}: lengths disagree, in samples: {lengths}")
    return Waveforms(**signals, sample_rate=rates["wet"])


def draw_waveforms(waves: Waveforms, *, narrow: bool = False) -> Figure:
    """Dry, wet with predicted, and their difference: the whole clip, and 500 samples where wet is loudest."""
    figure = new_figure(NARROW if narrow else WIDE, 7.0 if narrow else 4.3)
    ratios: dict[str, Any] = {"height_ratios": (1.12, 1)} if narrow else {"width_ratios": (1, 1.25)}
    halves = figure.subfigures(*((2, 1) if narrow else (1, 2)), squeeze=False, **ratios)
    left, right = np.ravel(halves)
    whole = left.subplots(4, 1, sharex=True)
    zoom = right.subplots(3, 1, sharex=True, height_ratios=(1, 2, 1))
    start = loudest(waves.wet, ZOOM_SAMPLES)
    stop = min(start + ZOOM_SAMPLES, len(waves.wet))
    wet_limit = max(_peak(waves.wet), _peak(waves.predicted))
    limits = {name: _peak(waves.dry) if name == "dry" else wet_limit for name in SIGNAL_COLOURS}
    for axes, (name, colour) in zip(whole, SIGNAL_COLOURS.items(), strict=True):
        _draw_envelope(axes, getattr(waves, name), waves.sample_rate, colour)
        axes.axvspan(start / waves.sample_rate, stop / waves.sample_rate, color="#E69F00", alpha=0.6, lw=0, zorder=3)
        axes.set_ylim(-1.05 * limits[name], 1.05 * limits[name])
        axes.set_ylabel(name, fontsize=8)
    milliseconds = 1000 * np.arange(start, stop) / waves.sample_rate
    for axes, names in zip(zoom, (("dry",), ("wet", "predicted"), ("difference",)), strict=True):
        for name in names:
            style = {"lw": 3.0, "alpha": 0.5} if name == "wet" else {"lw": 1.2}
            axes.plot(milliseconds, getattr(waves, name)[start:stop], color=SIGNAL_COLOURS[name], **style)
        axes.set_ylim(-1.05 * limits[names[0]], 1.05 * limits[names[0]])
        axes.set_ylabel("\n".join(names), fontsize=8)
        axes.margins(x=0)
    for axes in (*whole, *zoom):
        axes.tick_params(labelsize=7)
    whole[0].set_title("whole clip", fontsize=8.5)
    zoom[0].set_title(f"{stop - start} samples where wet is loudest", fontsize=8.5)
    whole[-1].set_xlabel("seconds", fontsize=8)
    zoom[-1].set_xlabel("milliseconds", fontsize=8)
    handles = [Line2D([], [], color=colour, lw=2.4, label=name) for name, colour in SIGNAL_COLOURS.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, fontsize=8)
    return figure


def _draw_envelope(axes: Axes, signal: np.ndarray, sample_rate: int, colour: str, columns: int = 450) -> None:
    starts = np.arange(0, len(signal), math.ceil(len(signal) / columns))
    low, high = np.minimum.reduceat(signal, starts), np.maximum.reduceat(signal, starts)
    axes.fill_between(starts / sample_rate, low, high, color=colour, alpha=0.85, lw=0)
    axes.margins(x=0)


def _peak(signal: np.ndarray) -> float:
    return float(np.max(np.abs(signal))) or 1.0
