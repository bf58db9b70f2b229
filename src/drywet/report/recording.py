"""The picture of a check: both signals with their faults, the latency second by second, memory and noise."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from drywet.dataset.check import Check, Finding
from drywet.dataset.check.levels import FRAME_S, Levels
from drywet.dataset.check.memory import LATE_DB, LATE_S
from drywet.files import atomic_path
from drywet.report.style import ALARM, INK, LEVEL_COLOURS, MUTED, SIGNAL_COLOURS, drawing, new_figure, shorten

_COLUMNS = 1200  # of a waveform; more cannot be seen
_VERDICT_COLOURS = {"good": LEVEL_COLOURS[2], "usable": LEVEL_COLOURS[1], "not usable": ALARM}


def draw_check(check: Check, path: Path | str) -> Path:
    """Draw a check whose signals were measured as a PNG (or what else the name ends in), whole or not at all."""
    path = Path(path)
    with drawing():
        figure = _draw(check)
        FigureCanvasAgg(figure)
        with atomic_path(path) as temporary:
            try:
                figure.savefig(temporary, dpi=110)
            except ValueError as error:  # a format that matplotlib does not know
                raise _unknown_format(path, error) from error
    return path


def _unknown_format(path: Path, error: ValueError) -> Exception:
    from drywet.errors import StorageError

    return StorageError(f"{path}: cannot be drawn ({error}). Let the name end in .png, .svg or .pdf")


def _draw(check: Check) -> Figure:
    figure = new_figure(11.0, 8.0)
    figure.suptitle(
        shorten(check.verdict, 120), x=0.01, ha="left", color=_VERDICT_COLOURS[check.status], fontsize=12, weight="bold"
    )
    grid = figure.add_gridspec(3, 2, height_ratios=(1.1, 1.1, 1.3))
    dry_axes = figure.add_subplot(grid[0, :])
    wet_axes = figure.add_subplot(grid[1, :], sharex=dry_axes)
    assert check.dry is not None
    assert check.wet is not None
    _draw_signal(dry_axes, "dry", check.names[0], check.dry.levels, check.findings)
    _draw_signal(wet_axes, "wet", check.names[1], check.wet.levels, check.findings)
    wet_axes.set_xlabel("time in s")
    _draw_latency(figure.add_subplot(grid[2, 0]), check)
    _draw_memory(figure.add_subplot(grid[2, 1]), check)
    return figure


def _draw_signal(axes: Axes, role: str, name: str, levels: Levels, findings: tuple[Finding, ...]) -> None:
    ranges = levels.frame_range
    width = max(1, len(ranges) // _COLUMNS)
    whole = ranges[: max(1, len(ranges) // width) * width].reshape(-1, width, 2)
    low, high = whole[:, :, 0].min(axis=1), whole[:, :, 1].max(axis=1)
    seconds = np.arange(len(low)) * width * FRAME_S
    axes.fill_between(seconds, low, high, color=SIGNAL_COLOURS[role], lw=0, step="post", alpha=0.85)
    limit = 1.15 * max(float(np.abs(ranges).max(initial=0.0)), 1e-3)
    axes.set_ylim(-limit, limit)
    told = f"peak {levels.peak_dbfs:.1f}, RMS {levels.rms_dbfs:.1f}, quietest {levels.noise_floor_dbfs:.1f} dBFS"
    axes.set_title(f"{role}: {shorten(Path(name).name, 40)}   {told}")
    marks = [("v", "clipping"), ("s", "dropouts"), ("X", "clicks"), ("D", "jumps"), ("P", "lost samples")]
    for index, (marker, kind) in enumerate(marks):
        wanted = {f"{role} {kind}"} | ({kind} if role == "wet" else set())
        for finding in findings:
            if finding.name in wanted and finding.where:
                places = [(start + stop) / 2 for start, stop in finding.where]
                axes.plot(
                    places,
                    [limit * 0.9] * len(places),
                    marker,
                    color=LEVEL_COLOURS[(index + 1) % len(LEVEL_COLOURS)],
                    mec=INK,
                    mew=0.5,
                    ms=7,
                    ls="",
                    label=kind,
                    clip_on=False,
                )
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        one_each = dict(zip(labels, handles, strict=True))
        axes.legend(
            list(one_each.values()), list(one_each), loc="lower right", bbox_to_anchor=(1, 0.97), ncols=len(one_each)
        )


def _draw_latency(axes: Axes, check: Check) -> None:
    axes.set_xlabel("time in s")
    axes.set_ylabel("samples")
    alignment, track = check.alignment, check.track
    if alignment is None or track is None or not len(track.times_s):
        axes.set_title("latency: not measured")
        return
    axes.set_title(
        f"latency {alignment.latency:+.2f} samples, {alignment.drift_ppm:+.2f} ppm, confidence {alignment.confidence:.2f}"
    )
    axes.plot(track.times_s, track.latencies, ".", color=MUTED, ms=4, label="correlation, second by second")
    times = np.array([window.time_s for window in alignment.windows])
    found = np.array([window.latency for window in alignment.windows])
    axes.plot(times, found, "o", color=LEVEL_COLOURS[0], ms=6, label="windows, device taken out")
    span = np.array([0.0, track.times_s[-1]])
    line = alignment.latency + alignment.drift_ppm * 1e-6 * check.sample_rate * span
    axes.plot(span, line, color=LEVEL_COLOURS[1], lw=1.2, label="latency and drift")
    middle = np.median(track.latencies)
    shown = np.concatenate([found, line, track.latencies[np.abs(track.latencies - middle) < 2000]])
    margin = max(3.0, 0.1 * float(np.ptp(shown)))
    axes.set_ylim(float(shown.min()) - margin, float(shown.max()) + 0.6 * float(np.ptp(shown)) + 3 * margin)
    axes.legend(loc="upper left", ncols=1, fontsize=7.5)


def _draw_memory(axes: Axes, check: Check) -> None:
    memory = check.memory
    axes.set_ylabel("share of wet in dB")
    if memory is None:
        axes.set_title("memory: not measured")
        return
    axes.set_title(f"what wet owes to dry of so long ago: {memory.kind}")
    low = -60.0
    labels = [f"{1000 * a:.0f}-{1000 * b:.0f}" for a, b in zip(memory.lags_s[:-1], memory.lags_s[1:], strict=True)]
    places = np.arange(len(labels))
    late = np.array([lag >= LATE_S for lag in memory.lags_s[:-1]])
    colours = [
        ALARM if is_late and db > LATE_DB else SIGNAL_COLOURS["dry"]
        for is_late, db in zip(late, memory.late_db, strict=True)
    ]
    axes.bar(places, np.array(memory.late_db) - low, bottom=low, color=colours, width=0.7)
    first_late = int(np.flatnonzero(late)[0])
    axes.plot([first_late - 0.5, len(labels) - 0.5], [LATE_DB, LATE_DB], color=MUTED, ls="--", lw=1)
    axes.text(len(labels) - 0.5, LATE_DB + 1, "pedals stay below", ha="right", color=MUTED, fontsize=7.5)
    lines = []
    if check.noise is not None:
        noise_db = 10 * np.log10(max(check.noise.esr, 1e-12))
        lines.append((noise_db, f"noise limit, from {check.noise.source}: {noise_db:.1f} dB", LEVEL_COLOURS[2]))
    if check.linear_esr:
        linear_db = 10 * np.log10(check.linear_esr)
        lines.append((linear_db, f"best linear model: {linear_db:.1f} dB", LEVEL_COLOURS[1]))
    for db, label, colour in lines:
        axes.axhline(max(db, low + 0.5), color=colour, lw=1.4, label=label)
    axes.set_xticks(places, labels)
    axes.set_xlabel("ms ago")
    axes.set_ylim(low, 12)
    if lines:
        axes.legend(loc="upper right", ncols=2, fontsize=7.5)
