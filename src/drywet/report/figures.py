"""Scores as figures: all models of a study, its factors, and how training went; ``narrow`` is the variant for a phone."""

import math
import textwrap
from collections.abc import Sequence
from statistics import fmean

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from drywet.analysis import Factor, FactorSummary, RunResult, StudyResults
from drywet.report.style import (
    ALARM,
    INK,
    LEVEL_COLOURS,
    LEVEL_MARKERS,
    LINE,
    MUTED,
    NARROW,
    WIDE,
    new_figure,
    percent_axis,
    shorten,
)

_FLOOR = 1e-8  # a logarithmic axis has no zero


def draw_all_results(results: StudyResults, *, narrow: bool = False) -> Figure:
    """Every model's mean ESR, its clips as small dots, the best linear model as a dash; a panel per level of the
    first factor, coloured by the last."""
    panels, colours = _panel_factor(results), _colour_factor(results)
    groups = split_by(panels, results.scored)
    height = 2.9 * len(groups) + 0.5 if narrow else 4.6
    figure = new_figure(NARROW if narrow else WIDE, height)
    shape = (len(groups), 1) if narrow else (1, len(groups))
    all_axes = figure.subplots(*shape, sharey=True, squeeze=False).flat
    shown = [f for f in results.factors if f not in (panels, colours)]
    for axes, (level, runs) in zip(all_axes, groups, strict=True):
        for x, run in enumerate(runs):
            style = _level_index(colours, run)
            colour = LEVEL_COLOURS[style]
            axes.plot(
                [x] * len(run.clips),
                [max(c.esr, _FLOOR) for c in run.clips],
                "o",
                ms=2.6,
                color=colour,
                alpha=0.35,
                mew=0,
            )
            axes.plot(x, max(run.mean_esr, _FLOOR), LEVEL_MARKERS[style], ms=6.5, color=colour, mec="white", mew=0.7)
            linear = run.mean("esr_linear")
            if not math.isnan(linear):
                axes.plot([x - 0.4, x + 0.4], [linear, linear], color=MUTED, lw=1.4)
        labels = ["\u2009·\u2009".join([f"#{run.number}", *(run.factors[f.name] for f in shown)]) for run in runs]
        many = len(runs) > 30
        axes.set_xticks(
            [] if many else range(len(runs)), [] if many else [shorten(text) for text in labels], rotation=90
        )
        axes.set_xlim(-0.7, len(runs) - 0.3)
        axes.set_title(_level_title(panels, level))
        percent_axis(axes)
        axes.tick_params(axis="y", labelleft=True)
    axes_list = list(figure.axes)
    for axes in axes_list if narrow else axes_list[:1]:
        axes.set_ylabel("ESR")
    handles = [
        *_level_handles(colours),
        Line2D([], [], ls="", marker="o", ms=3, color=MUTED, alpha=0.6, label="one clip"),
        Line2D([], [], color=MUTED, lw=1.4, label="best linear model"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2 if narrow else 6)
    return figure


def draw_summary(results: StudyResults, summaries: Sequence[FactorSummary], *, narrow: bool = False) -> Figure:
    """Per factor: every model as a dot, matched configurations joined, mean and SD per level."""
    shown = [summary for summary in summaries if len(summary.levels) > 1]
    columns = min(len(shown), 2 if narrow else 4) or 1
    rows = math.ceil(len(shown) / columns) or 1
    figure = new_figure(NARROW if narrow else WIDE, (2.7 if narrow else 3.7) * rows)
    grid = figure.subplots(rows, columns, sharey=True, squeeze=False)
    for axes in list(grid.flat)[len(shown) :]:
        axes.set_axis_off()
    for axes, summary in zip(grid.flat, shown, strict=False):
        factor = summary.factor
        others = [other.name for other in results.factors if other.name != factor.name]
        position = {row.level: x for x, row in enumerate(summary.levels)}
        matched: dict[tuple[str, ...], list[tuple[int, float]]] = {}
        for run in results.scored:
            key = tuple(run.factors[name] for name in others)
            matched.setdefault(key, []).append((position[run.factors[factor.name]], max(run.mean_esr, _FLOOR)))
        for points in matched.values():
            points.sort()
            axes.plot(*zip(*points, strict=True), color=LINE, lw=0.8, zorder=1)
        for index, row in enumerate(summary.levels):
            values = [y for points in matched.values() for x, y in points if x == index]
            colour = LEVEL_COLOURS[index % len(LEVEL_COLOURS)]
            marker = LEVEL_MARKERS[index % len(LEVEL_MARKERS)]
            axes.plot([index] * len(values), values, "o", ms=3.4, color=colour, alpha=0.45, mew=0, zorder=2)
            if not math.isnan(row.sd):
                low = max(row.mean_esr - row.sd, row.minimum, _FLOOR)
                axes.plot([index + 0.17] * 2, [low, row.mean_esr + row.sd], color=colour, lw=2.2, zorder=3)
            axes.plot(
                index + 0.17, max(row.mean_esr, _FLOOR), marker, ms=8, color=colour, mec="white", mew=0.8, zorder=4
            )
        axes.set_xticks(range(len(summary.levels)), [shorten(row.level, 12) for row in summary.levels])
        axes.set_xlim(-0.5, len(summary.levels) - 0.35)
        axes.set_title(shorten(_spoken(factor.name), 22))
        percent_axis(axes)
        axes.tick_params(axis="y", labelleft=axes in grid[:, 0])
    for axes in grid[:, 0]:
        axes.set_ylabel("mean ESR over clips")
    return figure


def draw_by_clip(results: StudyResults, along: Factor, *, narrow: bool = False) -> Figure:
    """ESR against the levels of ``along``, a panel per clip: single models faint, means per level of the first other
    factor bold."""
    lines = next((f for f in results.factors if f != along and not f.is_seed and len(f.levels) > 1), None)
    columns = min(len(results.clips), 2 if narrow else 3) or 1
    rows = math.ceil(len(results.clips) / columns) or 1
    figure = new_figure(NARROW if narrow else WIDE, (2.1 if narrow else 2.6) * rows + 0.6)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axes in list(grid.flat)[len(results.clips) :]:
        axes.set_axis_off()
    others = [f.name for f in results.factors if f != along]
    for axes, clip in zip(grid.flat, results.clips, strict=False):
        series: dict[tuple[str, ...], dict[int, float]] = {}
        bold: dict[int, dict[int, list[float]]] = {}
        for run in results.scored:
            score = run.clip(clip)
            if score is None:
                continue
            x = along.levels.index(run.factors[along.name])
            value = max(score.esr, _FLOOR)
            series.setdefault(tuple(run.factors[name] for name in others), {})[x] = value
            bold.setdefault(_level_index(lines, run), {}).setdefault(x, []).append(value)
            axes.plot(x, value, ".", ms=3, color=LEVEL_COLOURS[_level_index(lines, run)], alpha=0.4, mew=0)
        for key, points in series.items():
            index = lines.levels.index(key[others.index(lines.name)]) % len(LEVEL_COLOURS) if lines else 0
            axes.plot(*_sorted_points(points), color=LEVEL_COLOURS[index], lw=0.7, alpha=0.3)
        for index, scores in bold.items():
            means = {x: fmean(values) for x, values in scores.items()}
            axes.plot(
                *_sorted_points(means),
                color=LEVEL_COLOURS[index],
                marker=LEVEL_MARKERS[index],
                ms=6,
                mec="white",
                mew=0.7,
                lw=2,
            )
        axes.set_xticks(range(len(along.levels)), [shorten(level, 12) for level in along.levels])
        axes.set_xlim(-0.3, len(along.levels) - 0.7)
        axes.set_title(shorten(clip, 22))
        percent_axis(axes)
    for axes in grid[:, 0]:
        axes.set_ylabel("ESR")
    for axes in grid[-1, :]:
        axes.set_xlabel(shorten(_spoken(along.name)))
    if lines:
        figure.legend(handles=_level_handles(lines), loc="outside lower center", ncols=3 if narrow else 6)
    return figure


def draw_loss_curves(runs: Sequence[RunResult], *, narrow: bool = False) -> Figure:
    """Training and validation ESR of every run on common axes, a panel each; unstable runs are framed in red."""
    runs = [run for run in runs if run.log]
    columns = min(len(runs), 3 if narrow else 6) or 1
    rows = math.ceil(len(runs) / columns) or 1
    single = len(runs) == 1
    height = (2.9 if narrow else 3.8) if single else (1.36 if narrow else 1.45) * rows + 0.5
    figure = new_figure(NARROW if narrow else WIDE, height)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axes in list(grid.flat)[len(runs) :]:
        axes.set_axis_off()
    for axes, run in zip(grid.flat, runs, strict=False):
        _draw_loss(axes, run, single=single, narrow=narrow)
    for axes in grid[-1, :]:
        axes.set_xlabel("epoch")
    for axes in grid[:, 0]:
        axes.set_ylabel("ESR")
    handles = [
        Line2D([], [], color=LEVEL_COLOURS[0], label="training"),
        Line2D([], [], color=LEVEL_COLOURS[1], label="validation"),
    ]
    if any(run.instability for run in runs):
        handles.append(Line2D([], [], color=ALARM, ls="", marker="s", mfc="#fdeceb", ms=8, label="unstable run"))
        handles.append(Line2D([], [], color=ALARM, ls=":", label="event"))
    figure.legend(handles=handles, loc="outside upper center", ncols=4)
    return figure


def _draw_loss(axes: Axes, run: RunResult, *, single: bool, narrow: bool) -> None:
    step = max(1, len(run.log) // 400)
    rows = [row for i, row in enumerate(run.log) if i % step == 0 or row.event or i == len(run.log) - 1]
    epochs = [row.epoch if not math.isnan(row.epoch) else row.update for row in rows]
    for colour, name in ((LEVEL_COLOURS[0], "train_esr"), (LEVEL_COLOURS[1], "validation_esr")):
        values = np.array([getattr(row, name) for row in rows])
        axes.plot(epochs, np.maximum(values, _FLOOR), color=colour, lw=1.6 if single else 1.0)
    percent_axis(axes, dense=single)
    for epoch, row in zip(epochs, rows, strict=True):
        if row.event:
            axes.axvline(epoch, color=ALARM, lw=1, ls=":")
    if run.instability:
        axes.set_facecolor("#fdeceb")
        for spine in axes.spines.values():
            spine.set(visible=True, color=ALARM, linewidth=1.3)
    if not single:
        label = "\n".join(textwrap.wrap(shorten(f"#{run.number} {run.name}", 30), 15 if narrow else 30)[:2])
        axes.set_title(label, fontsize=6.6 if narrow else 7.6, color=ALARM if run.instability else INK, pad=3)
        axes.tick_params(labelsize=6.5 if narrow else 7.5)


def _panel_factor(results: StudyResults) -> Factor | None:
    return next((factor for factor in results.factors if len(factor.levels) <= 6 and not factor.is_seed), None)


def _colour_factor(results: StudyResults) -> Factor | None:
    panels = _panel_factor(results)
    candidates = [f for f in results.factors if f != panels and not f.is_seed and 1 < len(f.levels) <= 6]
    return candidates[-1] if candidates else None


def split_by(factor: Factor | None, runs: Sequence[RunResult]) -> list[tuple[str, list[RunResult]]]:
    """The runs at each level of ``factor`` that has any; all under one empty level without a factor."""
    if factor is None:
        return [("", list(runs))]
    groups = [(level, [run for run in runs if run.factors[factor.name] == level]) for level in factor.levels]
    return [(level, members) for level, members in groups if members]


def _level_index(factor: Factor | None, run: RunResult) -> int:
    return factor.levels.index(run.factors[factor.name]) % len(LEVEL_COLOURS) if factor else 0


def _level_handles(factor: Factor | None) -> list[Line2D]:
    if factor is None:
        return [Line2D([], [], ls="", marker="o", color=LEVEL_COLOURS[0], label="mean over clips")]
    return [
        Line2D(
            [],
            [],
            ls="",
            marker=LEVEL_MARKERS[i % 6],
            color=LEVEL_COLOURS[i % 6],
            ms=7,
            label=_level_title(factor, level),
        )
        for i, level in enumerate(factor.levels)
    ]


def _level_title(factor: Factor | None, level: str) -> str:
    return f"{shorten(_spoken(factor.name), 20)} {shorten(level, 14)}" if factor else ""


def _spoken(name: str) -> str:
    return name.replace("_", " ")


def _sorted_points(points: dict[int, float]) -> tuple[list[int], list[float]]:
    xs = sorted(points)
    return xs, [points[x] for x in xs]
