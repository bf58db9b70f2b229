"""Figures of an analysis: effects with intervals, interactions, residuals, error against cost, ranks."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from scipy.special import ndtri, stdtrit

from drywet.analysis import Analysis, LevelComparison
from drywet.analysis.pareto import Point
from drywet.analysis.ranks import Ranks
from drywet.report.style import (
    ALARM,
    INK,
    LEVEL_COLOURS,
    LEVEL_MARKERS,
    LINE,
    MUTED,
    NARROW,
    WIDE,
    drawing,
    new_figure,
    save_figure,
    shorten,
)

# Colour and marker say the same, so that either is enough.
_VERDICTS = {
    "confirmed": (LEVEL_COLOURS[1], "D", "a difference"),
    "equivalent": (LEVEL_COLOURS[2], "s", "equivalent within the margin"),
    "undecided": (LEVEL_COLOURS[0], "o", "undecided"),
    "described": (MUTED, "o", "not tested"),
}
_MOST_INTERACTIONS = 6
_COSTS = {
    "seconds": "training time in seconds",
    "parameters": "parameters (about one multiply-add per sample each)",
}


@dataclass(frozen=True)
class EffectFigure:
    """One figure: its file name, what a reader who cannot see it needs to know, and how it is drawn."""

    name: str
    alt: str
    draw: Callable[..., Figure]


def effect_figures(analysis: Analysis) -> list[EffectFigure]:
    """The figures that this analysis has something to show for; ``figure.draw(analysis, narrow=False)`` draws one."""
    found = []
    if analysis.comparisons:
        found.append(
            EffectFigure(
                "effects",
                "Effect of each change of a setting in dB, with 95 % intervals and the margin of equivalence; the table of "
                "comparisons holds the same figures.",
                draw_effects,
            )
        )
    if len(analysis.means.design.varying()) > 1:
        found.append(
            EffectFigure("interactions", "Means in dB of pairs of settings, one line per level.", draw_interactions)
        )
    if analysis.anova:
        found.append(
            EffectFigure(
                "residuals",
                "Residuals of the runs against the means of their configurations, and against normal quantiles.",
                draw_residuals,
            )
        )
    if any(analysis.pareto.values()):
        found.append(
            EffectFigure(
                "cost", "Error against training time and size of every configuration, with the Pareto front.", draw_cost
            )
        )
    if isinstance(analysis.ranks, Ranks):
        found.append(
            EffectFigure("ranks", "Mean ranks of the configurations with the critical difference.", draw_ranks)
        )
    return found


def write_effect_figures(analysis: Analysis, folder: Path | str) -> list[Path]:
    """Write every figure as SVG, PDF and PNG."""
    written = []
    with drawing():
        for figure in effect_figures(analysis):
            drawn = figure.draw(analysis)
            written += [save_figure(drawn, Path(folder) / f"{figure.name}.{end}") for end in ("svg", "pdf", "png")]
    return written


def draw_effects(analysis: Analysis, *, narrow: bool = False) -> Figure:
    """A row per comparison: effect, 95 % interval over runs (thick) and over runs and clips (thin), margin shaded."""
    rows = [c for c in analysis.comparisons if not c.is_knob] + [c for c in analysis.comparisons if c.is_knob]
    figure = new_figure(NARROW if narrow else 0.75 * WIDE, 0.34 * len(rows) + 1.3)
    axes = figure.subplots()
    axes.axvspan(-analysis.margin_db, analysis.margin_db, color=LINE, alpha=0.45, lw=0)
    axes.axvline(0, color=INK, lw=0.8)
    for y, c in enumerate(rows):
        colour, marker, _ = _VERDICTS[c.verdict]
        if c.bootstrap_db:
            axes.plot(c.bootstrap_db, [y, y], color=colour, lw=1)
        if c.interval_db:
            axes.plot(c.interval_db, [y, y], color=colour, lw=3.2, alpha=0.75)
        axes.plot(c.effect_db, y, marker, ms=6.5, color=colour, mec="white", mew=0.7)
    axes.set_yticks(range(len(rows)), [shorten(_named(c), 26 if narrow else 48) for c in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(True, axis="x")
    axes.grid(False, axis="y")
    axes.set_xlabel(f"change of {analysis.means.label} in dB (left of 0: better)")
    seen = {c.verdict for c in rows}
    handles: list[Artist] = [
        Line2D([], [], ls="", marker=marker, color=colour, ms=6.5, label=label)
        for verdict, (colour, marker, label) in _VERDICTS.items()
        if verdict in seen
    ]
    handles.append(Patch(color=LINE, alpha=0.45, label=f"margin of {analysis.margin_db:g} dB"))
    figure.legend(handles=handles, loc="outside lower center", ncols=2 if narrow else len(handles))
    return figure


def draw_interactions(analysis: Analysis, *, narrow: bool = False) -> Figure:
    """Means per pair of levels, a panel per pair of factors; bars are 95 % intervals. Parallel lines: no interaction."""
    pairs = _pairs(analysis)
    columns = min(len(pairs), 1 if narrow else 3)
    rows = math.ceil(len(pairs) / columns)
    figure = new_figure(NARROW if narrow else WIDE, 2.9 * rows + 0.2)
    grid = figure.subplots(rows, columns, sharey=True, squeeze=False)
    for axes in list(grid.flat)[len(pairs) :]:
        axes.set_axis_off()
    for axes, pair in zip(grid.flat, pairs, strict=False):
        _draw_interaction(axes, analysis, *pair)
    for axes in grid[:, 0]:
        axes.set_ylabel(f"mean {analysis.means.label} in dB")
    return figure


def draw_residuals(analysis: Analysis, *, narrow: bool = False) -> Figure:
    """What the seed did to each run, against the mean of its configuration; and its quantiles against the normal ones."""
    means = analysis.means
    design = means.design
    residuals = design.residuals(means.response)
    fitted = means.response - residuals
    repeated = design.counts[design.cell_of_run] > 1
    figure = new_figure(NARROW if narrow else 0.8 * WIDE, 6.0 if narrow else 3.4)
    left, right = figure.subplots(*((2, 1) if narrow else (1, 2)))
    left.axhline(0, color=INK, lw=0.8)
    for diverged, colour, marker in ((False, LEVEL_COLOURS[0], "o"), (True, ALARM, "X")):
        shown = repeated & (means.diverged == diverged)
        left.plot(fitted[shown], residuals[shown], marker, ms=4.5, color=colour, alpha=0.7, mew=0)
    left.set_xlabel("mean of the configuration in dB")
    left.set_ylabel("residual in dB")
    left.set_title("runs" + (" (crosses diverged)" if means.diverged.any() else ""))
    # Residuals of small configurations are smaller than the luck itself: 1 - 1/n.
    scaled = np.sort((residuals / np.sqrt(1 - 1 / np.maximum(design.counts[design.cell_of_run], 2)))[repeated])
    quantiles = ndtri((np.arange(len(scaled)) + 0.5) / len(scaled))
    right.plot(quantiles, quantiles * scaled.std(), color=INK, lw=0.8)
    right.plot(quantiles, scaled, "o", ms=4.5, color=LEVEL_COLOURS[0], alpha=0.7, mew=0)
    right.set_xlabel("normal quantile")
    right.set_ylabel("residual in dB")
    right.set_title("normal Q-Q")
    return figure


def draw_cost(analysis: Analysis, *, narrow: bool = False) -> Figure:
    """Every configuration by its cost; those that no other beats in both are joined and named."""
    shown = [(cost, points) for cost, points in analysis.pareto.items() if points]
    figure = new_figure(NARROW if narrow else WIDE, (3.6 * len(shown)) if narrow else 4.0)
    grid = figure.subplots(*((len(shown), 1) if narrow else (1, len(shown))), squeeze=False)
    for axes, (cost, points) in zip(grid.flat, shown, strict=True):
        _draw_front(axes, points)
        axes.set_title(_configuration_names(analysis))
        axes.set_xlabel(_COSTS[cost])
        axes.set_ylabel(f"mean {analysis.means.label} in dB")
    return figure


def draw_ranks(analysis: Analysis, *, narrow: bool = False) -> Figure:
    """Mean ranks, best on top; a bar joins what the critical difference cannot tell apart (Demsar 2006)."""
    ranks = analysis.ranks
    assert isinstance(ranks, Ranks)
    values = ranks.mean_ranks
    figure = new_figure(NARROW if narrow else 0.7 * WIDE, 0.27 * len(values) + 1.1)
    axes = figure.subplots()
    bars: list[tuple[int, int]] = []
    for first, value in enumerate(values):
        last = max(i for i, other in enumerate(values) if other - value <= ranks.critical_difference)
        if last > first and (not bars or last > bars[-1][1]):
            bars.append((first, last))
    right = max(values) + 0.35
    for column, (first, last) in enumerate(bars):
        x = right + 0.25 * column * max(1.0, len(values) / 12)
        axes.plot([x, x], [first - 0.2, last + 0.2], color=MUTED, lw=3, solid_capstyle="butt")
    axes.plot(values, range(len(values)), "o", ms=6, color=LEVEL_COLOURS[0])
    axes.set_title(_configuration_names(analysis))
    axes.set_yticks(range(len(values)), [shorten(name, 24 if narrow else 40) for name in ranks.configurations])
    axes.set_ylim(len(values) - 0.4, -0.6)
    axes.grid(True, axis="x")
    axes.set_xlabel(
        f"mean rank over {ranks.blocks} blocks (1 is best); critical difference {ranks.critical_difference:.1f}"
    )
    return figure


def _configuration_names(analysis: Analysis) -> str:
    """Which setting each part of a configuration's name is."""
    design = analysis.means.design
    tuned = [design.factors[i] for i in design.varying() if not design.factors[i].is_control]
    return shorten(" · ".join(factor.name.replace("_", " ") for factor in tuned), 60)


def _named(c: LevelComparison) -> str:
    name = c.factor.replace("_", " ")
    return (
        f"{name} {c.second} instead of {c.first}" if c.kind == "pair" else f"{name}: trend from {c.first} to {c.second}"
    )


def _pairs(analysis: Analysis) -> list[tuple[int, int]]:
    """The pairs of factors to show: most telling first, where there is a table of variance."""
    varying = analysis.means.design.varying()
    telling = {e.factors: e.p for e in analysis.anova.effects} if analysis.anova else {}
    pairs = sorted(combinations(varying, 2), key=lambda pair: telling.get(pair, 1.0))
    return pairs[:_MOST_INTERACTIONS]


def _draw_interaction(axes: Axes, analysis: Analysis, one: int, two: int) -> None:
    """Factor with more levels along x, the other as lines."""
    means, design = analysis.means, analysis.means.design
    along, lines = sorted((one, two), key=lambda factor: -len(design.present(factor)))
    positions = {level: x for x, level in enumerate(design.present(along))}
    cell_means, variances = design.means(means.response), design.variances(means.response) / design.counts
    for number, level in enumerate(design.present(lines)):
        xs, ys, halves = [], [], []
        for other, x in positions.items():
            here = (design.cells[:, lines] == level) & (design.cells[:, along] == other)
            if here.any():
                freedom = max(1, int((design.counts[here] - 1).sum()))
                xs.append(x + 0.06 * (number - 1))
                ys.append(cell_means[here].mean())
                halves.append(math.sqrt(variances[here].sum()) / here.sum() * float(stdtrit(freedom, 0.975)))
        colour, marker = LEVEL_COLOURS[number % len(LEVEL_COLOURS)], LEVEL_MARKERS[number % len(LEVEL_MARKERS)]
        label = shorten(design.factors[lines].levels[level], 14)
        axes.plot(xs, ys, color=colour, marker=marker, ms=5.5, mec="white", mew=0.7, label=label)
        if analysis.anova:
            axes.errorbar(xs, ys, halves, fmt="none", ecolor=colour, elinewidth=1, capsize=2)
    labels = design.factors[along].levels
    axes.set_xticks(list(positions.values()), [shorten(labels[level], 12) for level in positions])
    axes.set_xlabel(shorten(design.factors[along].name.replace("_", " ")))
    axes.legend(title=shorten(design.factors[lines].name.replace("_", " ")), title_fontsize=8)


def _draw_front(axes: Axes, points: Sequence[Point]) -> None:
    front = [point for point in points if point.on_front]
    others = [point for point in points if not point.on_front]
    axes.plot([p.cost for p in others], [p.response_db for p in others], "o", ms=4.5, color=MUTED, alpha=0.6, mew=0)
    axes.step([p.cost for p in front], [p.response_db for p in front], where="post", color=LEVEL_COLOURS[1], lw=1.2)
    axes.plot([p.cost for p in front], [p.response_db for p in front], "D", ms=6, color=LEVEL_COLOURS[1], mec="white")
    costs = [point.cost for point in points]
    if 0 < 5 * min(costs) < max(costs):
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=8))
        axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    for point in front[-8:]:
        axes.annotate(
            shorten(point.configuration, 24), (point.cost, point.response_db), xytext=(5, 5), textcoords="offset points",
            fontsize=7, color=INK,
        )  # fmt: skip
    axes.margins(0.12)
    axes.grid(True, axis="both")
