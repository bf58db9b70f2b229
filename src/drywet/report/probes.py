"""What test signals showed: probes.json of a run folder, as figures and lines for the page."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from drywet import controls as knobs
from drywet.errors import RunError
from drywet.evaluation.probes import PROBES
from drywet.files import read_json, sha256
from drywet.report.page import Page
from drywet.report.style import (
    LEVEL_COLOURS,
    LEVEL_MARKERS,
    MUTED,
    NARROW,
    WIDE,
    frequency_axis,
    new_figure,
)

_SHOWN_ORDERS = (1, 2, 3, 4, 5)
_QUIETEST_DB = -130.0


@dataclass(frozen=True)
class Aliasing:
    """Aliasing-to-signal ratio in dB, shape (levels, notes)."""

    levels_dbfs: np.ndarray
    frequency_hz: np.ndarray
    asr_db: np.ndarray


@dataclass(frozen=True)
class Harmonics:
    """Levels in dBFS, shape (frequencies, levels, orders); NaN above Nyquist."""

    frequency_hz: np.ndarray
    levels_dbfs: np.ndarray
    level_db: np.ndarray


@dataclass(frozen=True)
class Fault:
    """What is wrong, and at which second of the probe's signal."""

    probe: str
    seconds: float | None
    text: str


@dataclass(frozen=True)
class Probes:
    """Response of a model to test signals, beside its device's where that was probed too."""

    aliasing: Aliasing | None
    harmonics: Harmonics | None
    device_aliasing: Aliasing | None
    device_harmonics: Harmonics | None
    harmonic_error_db: float | None
    intermodulation_error_db: float | None
    faults: tuple[Fault, ...]
    knobs: str  # where they stood, for people
    is_outdated: bool  # made of a model that the run no longer holds


def read_probes(folder: Path) -> Probes | None:
    """The probes of a run; None where none were made. RunError if the file is damaged."""
    path = folder / PROBES
    if not path.is_file():
        return None
    table = read_json(path)
    try:
        device, against = table.get("device") or {}, table.get("against_device") or {}
        return Probes(
            aliasing=_aliasing(table),
            harmonics=_harmonics(table),
            device_aliasing=_aliasing(device),
            device_harmonics=_harmonics(device),
            harmonic_error_db=_number(against.get("harmonic_error_db")),
            intermodulation_error_db=_number(against.get("intermodulation_error_db")),
            faults=tuple(
                Fault(str(fault["probe"]).replace("_", " "), _number(fault["seconds"]), str(fault["text"]))
                for fault in table["faults"]
            ),
            knobs=knobs.describe_all(
                {str(name): float(place) for name, place in (table.get("controls") or {}).items()}
            ),
            is_outdated=_is_outdated(folder / "best.safetensors", table.get("model_sha256")),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise RunError(
            f"{path}: is not what `drywet evaluate` writes ({type(error).__name__}: {error}). Delete it, or probe again"
        ) from error


def picture_probes(page: Page, probes: Probes) -> dict[str, Any]:
    """The probes with their figures, for the template."""
    pictures: dict[str, Any] = {"found": probes, "aliasing": None, "harmonics": None}
    if probes.aliasing:
        pictures["aliasing"] = page.picture(
            "probe-aliasing", "Aliasing-to-signal ratio over the frequency of a sine.", draw_aliasing, probes
        )
    if probes.harmonics:
        pictures["harmonics"] = page.picture(
            "probe-harmonics", "Level of each harmonic over the level of the sine that goes in.", draw_probed_harmonics,
            probes,
        )  # fmt: skip
    return pictures


def draw_aliasing(probes: Probes, *, narrow: bool = False) -> Figure:
    """Aliasing-to-signal ratio over frequency, a line for each level; dashed for the device."""
    figure = new_figure(NARROW if narrow else WIDE, 3.2 if narrow else 3.4)
    axes = figure.subplots()
    for found, style in ((probes.device_aliasing, "--"), (probes.aliasing, "-")):
        if found is None:
            continue
        for index, (level, row) in enumerate(zip(found.levels_dbfs, found.asr_db, strict=True)):
            axes.plot(
                found.frequency_hz, np.maximum(row, _QUIETEST_DB), style, color=LEVEL_COLOURS[index % 6],
                marker=LEVEL_MARKERS[index % 6] if style == "-" else None, ms=4, lw=1.2,
                label=f"{'model' if style == '-' else 'device'}, {level:.0f} dBFS",
            )  # fmt: skip
    found = probes.aliasing
    assert found is not None
    frequency_axis(axes, found.frequency_hz.min() * 0.95, found.frequency_hz.max() * 1.05, "sine in Hz")
    axes.set_ylabel("aliasing in dB")
    axes.legend(loc="best", fontsize=8)
    return figure


def draw_probed_harmonics(probes: Probes, *, narrow: bool = False) -> Figure:
    """Harmonics 1 to 5 over the level that goes in, a panel for each sine; dashed for the device."""
    found = probes.harmonics
    assert found is not None
    n = len(found.frequency_hz)
    columns = 2 if narrow else n
    rows = -(-n // columns)
    figure = new_figure(NARROW if narrow else WIDE, 2.3 * rows + 0.8)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    orders = [order for order in _SHOWN_ORDERS if order <= found.level_db.shape[-1]]
    for axes in list(grid.flat)[n:]:
        axes.set_axis_off()
    for table, style in ((probes.device_harmonics, "--"), (found, "-")):
        if table is None or table.level_db.shape[0] != n:
            continue
        for axes, frequency, levels in zip(grid.flat, table.frequency_hz, table.level_db, strict=False):
            for order in orders:
                axes.plot(
                    table.levels_dbfs, levels[:, order - 1], style, color=LEVEL_COLOURS[(order - 1) % 6],
                    marker=LEVEL_MARKERS[(order - 1) % 6] if style == "-" else None, ms=3.5, lw=1.1,
                )  # fmt: skip
            axes.set_title(f"{frequency:.0f} Hz")
    highest = float(np.nanmax(found.level_db))
    grid[0, 0].set_ylim(highest - 80, highest + 5)
    for axes in grid[-1, :]:
        axes.set_xlabel("in, dBFS")
    for axes in grid[:, 0]:
        axes.set_ylabel("out, dBFS")
    handles = [
        Line2D([], [], color=LEVEL_COLOURS[(o - 1) % 6], marker=LEVEL_MARKERS[(o - 1) % 6], ms=5, label=f"H{o}")
        for o in orders
    ]
    if probes.device_harmonics:
        handles.append(Line2D([], [], color=MUTED, ls="--", label="device"))
    figure.legend(handles=handles, loc="outside lower center", ncols=3 if narrow else 6)
    return figure


def _aliasing(table: Mapping[str, Any]) -> Aliasing | None:
    found = table.get("aliasing")
    if not found:
        return None
    levels, frequency, ratio = (np.array(found[name], np.float64) for name in ("levels_dbfs", "frequency_hz", "asr"))
    if ratio.shape != (len(levels), len(frequency)) or not np.isfinite(ratio).all():
        raise ValueError(f"aliasing has shape {ratio.shape} for {len(levels)} levels of {len(frequency)} notes")
    return Aliasing(levels, frequency, 10 * np.log10(np.maximum(ratio, 1e-14)))


def _harmonics(table: Mapping[str, Any]) -> Harmonics | None:
    found = table.get("harmonics")
    if not found:
        return None
    frequency, levels, table_db = (
        np.array(found[name], np.float64) for name in ("frequency_hz", "levels_dbfs", "level_db")
    )
    if table_db.ndim != 3 or table_db.shape[:2] != (len(frequency), len(levels)) or not np.isfinite(table_db).any():
        raise ValueError(f"harmonics have shape {table_db.shape} for {len(frequency)} sines at {len(levels)} levels")
    return Harmonics(frequency, levels, table_db)


def _is_outdated(model: Path, probed_sha256: Any) -> bool:
    return probed_sha256 is not None and (not model.is_file() or sha256(model) != probed_sha256)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and np.isfinite(value) else None
