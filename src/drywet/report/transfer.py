"""How level goes in and comes out: wet against dry, sample by sample, through one note, and frame by frame."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from drywet.dataset.pair import loudest
from drywet.report.style import NARROW, SIGNAL_COLOURS, WIDE, new_figure
from drywet.report.waveforms import Waveforms

_NOTE_S = 0.025  # two periods of the low E string
_FRAME_S = 0.02
_QUIETEST_DB = -70.0
_STEPS = 33
_FEWEST = 8  # values in a step, for its median to mean something


def draw_transfer(waves: Waveforms, *, narrow: bool = False) -> Figure:
    """Static curve, loops of the loudest note, and level out over level in, of the device and of the model."""
    figure = new_figure(NARROW if narrow else WIDE, 10.0 if narrow else 3.9)
    static, loops, levels = figure.subplots(*((3, 1) if narrow else (1, 3)))
    peak = float(np.max(np.abs(waves.dry))) or 1.0
    for name in ("wet", "predicted"):
        _draw_steps(static, waves.dry, getattr(waves, name), np.linspace(-peak, peak, _STEPS + 1), name)
    static.set_title("sample by sample")
    static.set_xlabel("dry")
    static.locator_params(axis="x", nbins=5)
    static.set_ylabel("out")
    length = round(_NOTE_S * waves.sample_rate)
    start = loudest(waves.wet, length)
    note = slice(start, start + length)
    for name in ("wet", "predicted"):
        style = {"lw": 3.0, "alpha": 0.45} if name == "wet" else {"lw": 1.1}
        loops.plot(waves.dry[note], getattr(waves, name)[note], color=SIGNAL_COLOURS[name], **style)
    loops.set_title(f"the loudest {1000 * _NOTE_S:.0f} ms, in order")
    loops.set_xlabel("dry")
    loops.locator_params(axis="x", nbins=5)
    frames = {name: level_db(getattr(waves, name), waves.sample_rate) for name in ("dry", "wet", "predicted")}
    steps = np.arange(_QUIETEST_DB, 3.1, 3.0)
    for name in ("wet", "predicted"):
        _draw_steps(levels, frames["dry"], frames[name], steps, name)
    levels.set_title("level, 20 ms at a time")
    levels.set_xlabel("dry in dBFS RMS")
    levels.set_ylabel("out in dBFS RMS")
    for axes in (static, loops, levels):
        axes.grid(visible=True, axis="both")
    handles = [
        Line2D([], [], color=SIGNAL_COLOURS["wet"], lw=3, alpha=0.5, label="wet (device)"),
        Line2D([], [], color=SIGNAL_COLOURS["predicted"], lw=1.6, label="predicted (model)"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure


def level_db(signal: np.ndarray, sample_rate: int) -> np.ndarray:
    """RMS of frames of 20 ms in dBFS (a sine of full scale has -3 dB), shape (frames,)."""
    length = min(max(1, round(_FRAME_S * sample_rate)), len(signal))
    whole = signal[: len(signal) // length * length].astype(np.float64).reshape(-1, length)
    return 10 * np.log10(np.maximum(np.mean(whole**2, axis=1), 1e-12))


def median_in_steps(x: np.ndarray, y: np.ndarray, steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where x lies between neighbouring ``steps``: their middles, shape (N,), and the 10th, 50th and 90th percentile of
    y there, shape (3, N). Steps with fewer than 8 values are left out."""
    order = np.argsort(x, kind="stable")
    bounds = np.searchsorted(x[order], steps)
    middles, rows = [], []
    for low, high, first, last in zip(steps[:-1], steps[1:], bounds[:-1], bounds[1:], strict=True):
        if last - first >= _FEWEST:
            middles.append((low + high) / 2)
            rows.append(np.percentile(y[order[first:last]], (10, 50, 90)))
    return np.array(middles), np.array(rows).reshape(-1, 3).T


def _draw_steps(axes: Axes, x: np.ndarray, y: np.ndarray, steps: np.ndarray, name: str) -> None:
    middles, (low, median, high) = median_in_steps(x, y, steps)
    width, opacity = (3.0, 0.5) if name == "wet" else (1.4, 1.0)
    axes.fill_between(middles, low, high, color=SIGNAL_COLOURS[name], alpha=0.13, lw=0)
    axes.plot(middles, median, color=SIGNAL_COLOURS[name], lw=width, alpha=opacity)
