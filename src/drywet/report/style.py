"""One look for every figure: colours that colour-blind readers can tell apart, markers that repeat what colours say."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from drywet.files import atomic_path

# Okabe, Ito, "Color universal design" (2008), without the yellow that vanishes on white.
LEVEL_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
LEVEL_MARKERS = ("o", "s", "^", "D", "v", "P")
SIGNAL_COLOURS = {"dry": "#0072B2", "wet": "#2b2e36", "predicted": "#D55E00", "difference": "#A6397B"}
INK, MUTED, LINE, PAPER, ALARM = "#1d2027", "#5d6270", "#dcd9d2", "#ffffff", "#B3261E"

WIDE, NARROW = 11.0, 4.3  # inches; the narrow variant is for phones

_RC: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 6,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.facecolor": PAPER,
    "figure.facecolor": PAPER,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "legend.handlelength": 1.6,
    "lines.linewidth": 1.3,
    "lines.solid_capstyle": "round",
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "svg.fonttype": "path",
    "svg.hashsalt": "drywet",  # the same figure gives the same file
    "pdf.fonttype": 42,  # TrueType, embedded: printers and journals refuse Type 3
}


@contextmanager
def drawing() -> Iterator[None]:
    """Figures made within have the report's look."""
    with mpl.rc_context(_RC):
        yield


def new_figure(width: float, height: float) -> Figure:
    """An empty figure in inches, with no global state behind it."""
    figure = Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.06))
    FigureCanvasSVG(figure)
    return figure


def save_figure(figure: Figure, path: Path) -> Path:
    """Write the figure as SVG, PDF or PNG, as the name ends, whole or not at all; the same figure gives the same bytes."""
    undated = {".svg": {"Date": None, "Creator": None}, ".pdf": {"CreationDate": None}, ".png": {}}
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format=path.suffix[1:], metadata=undated[path.suffix])
    return path


def frequency_ticks(lowest: float, highest: float) -> dict[int, str]:
    """The frequencies in Hz that a sound engineer expects on an axis, and how they are written."""
    usual = (50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000)
    return {f: f"{f // 1000} k" if f >= 1000 else str(f) for f in usual if lowest <= f <= highest}


def frequency_axis(axes: Axes, lowest: float, highest: float, name: str = "frequency in Hz") -> None:
    """A logarithmic x axis of frequency from ``lowest`` to ``highest`` Hz."""
    ticks = frequency_ticks(lowest, highest)
    axes.set_xscale("log")
    axes.set_xticks(list(ticks), list(ticks.values()))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlim(lowest, highest)
    axes.set_xlabel(name)


def percent_axis(axes: Axes, *, dense: bool = True) -> None:
    """A logarithmic ESR axis labelled in percent, densely or with powers of ten alone. Call it after plotting."""
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    digits = (1,) if not dense else (1, 2, 5) if high / low > 12 else (1, 1.5, 2, 3, 5, 7)
    axes.yaxis.set_major_locator(LogLocator(subs=digits, numticks=12))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_minor_formatter(NullFormatter())


def shorten(text: str, length: int = 28) -> str:
    """``text`` on one line, cut to ``length`` characters, so that no name can push a figure out of shape."""
    text = " ".join(text.split())
    text = "".join(character for character in text if character.isprintable())
    return text if len(text) <= length else text[: length - 1] + "…"
