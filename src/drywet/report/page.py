"""From figures and values to one static folder: pictures, style, script, and the page itself."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeGuard

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from matplotlib.figure import Figure

from drywet.analysis.conclusions import probability, signed, span
from drywet.analysis.describe import decibels, describe_esr, percent
from drywet.files import read_json, write_bytes, write_json, write_text
from drywet.report.panel import NO_BREAK, format_measure, panel_value
from drywet.report.style import drawing, save_figure
from drywet.text import printable

MISSING = "–"


@dataclass(frozen=True)
class Picture:
    """A figure in its wide and its narrow variant, with the sizes a browser needs to lay the page out."""

    name: str
    alt: str
    size: tuple[int, int]
    narrow_size: tuple[int, int]


class Page:
    """A report folder being written: ``index.html`` and beside it figures/, audio/, report.css, report.js, files.json.

    What is put into it is listed in ``written``, so that the report before can be cleared away without a file of the user's.
    """

    def __init__(self, out: Path | str):
        self.out = Path(out)
        self.written: set[Path] = set()

    def picture(self, name: str, alt: str, draw: Callable[..., Figure], *arguments: Any) -> Picture:
        """Draw a figure twice, for the desk (and as PDF, for print) and for the phone."""
        sizes = []
        with drawing():
            for narrow, endings in ((False, (".svg", ".pdf")), (True, ("-narrow.svg",))):
                figure = draw(*arguments, narrow=narrow)
                for ending in endings:
                    self.written.add(save_figure(figure, self.out / "figures" / f"{name}{ending}"))
                    figure.set_layout_engine("none")  # laid out once; doing it again takes as long as drawing
                sizes.append(tuple(round(96 * inches) for inches in figure.get_size_inches()))
        return Picture(name, alt, *sizes)

    @property
    def n_bytes(self) -> int:
        """Size of what has been written so far."""
        return sum(path.stat().st_size for path in self.written)

    def finish(self, template: str, **context: Any) -> Path:
        """Write style, script and page, remove the figures and sounds of an earlier report, return ``index.html``."""
        for name in ("report.css", "report.js"):
            write_bytes(self.out / name, (files("drywet.report") / "static" / name).read_bytes())
        write_text(self.out / "index.html", _environment().get_template(template).render(**context))
        # Only what an earlier report wrote here, by its own list: the folder may hold files of the user's.
        listing, written = self.out / "files.json", {path.relative_to(self.out).as_posix() for path in self.written}
        before = read_json(listing) if listing.is_file() else []
        for name in before if isinstance(before, list) else []:
            if re.fullmatch(r"(figures|audio)/[\w-][\w.-]*", str(name)) and name not in written:
                (self.out / name).unlink(missing_ok=True)
        write_json(listing, sorted(written))
        return self.out / "index.html"


def _shown(value: Any) -> Any:
    """Texts of strangers are only text: autoescape sees to the markup in them, this to what has none."""
    return printable(value, "\n\t") if isinstance(value, str) and not isinstance(value, Markup) else value


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("drywet.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, finalize=_shown,
    )  # fmt: skip
    filters: dict[str, Callable[..., Any]] = {
        "percent": format_percent,
        "db": format_db,
        "duration": format_duration,
        "number": format_number,
        "in_words": describe_esr,
        "bare": lambda text: text.split(NO_BREAK)[0],  # without its unit, which the heading names
        "spoken": lambda name: str(name).replace("_", " "),
        "known": _is_known,
        "signed": lambda value: signed(value, 2),
        "interval": lambda interval: span(interval).strip() if interval else MISSING,
        "probability": lambda p: probability(p).removeprefix("p ").removeprefix("= ") if _is_known(p) else MISSING,
        "tiny": lambda value: f"{value:.2g}" if _is_known(value) else MISSING,
        "sentence": lambda text: format_code(text[:1].upper() + text[1:] + "."),
        "code": format_code,
        "of_measure": lambda value, measure: format_measure(measure, value),
        "panel_value": panel_value,
    }
    environment.filters |= filters
    return environment


def format_percent(ratio: float | None) -> str:
    """A ratio in percent, a dash when it is not known."""
    return percent(ratio).replace(" ", NO_BREAK) if _is_known(ratio) else MISSING


def format_db(ratio: float | None) -> str:
    """A ratio of energies in dB with a true minus sign."""
    return f"{decibels(ratio):.1f}{NO_BREAK}dB".replace("-", "−") if _is_known(ratio) else MISSING


def format_duration(seconds: float | None) -> str:
    """Seconds up to 10 minutes, then minutes, then hours."""
    if not _is_known(seconds):
        return MISSING
    if seconds < 600:
        return f"{seconds:.1f}{NO_BREAK}s" if seconds < 10 else f"{seconds:.0f}{NO_BREAK}s"
    return f"{seconds / 60:.0f}{NO_BREAK}min" if seconds < 7200 else f"{seconds / 3600:.1f}{NO_BREAK}h"


def format_number(value: float | None, decimals: int = 1) -> str:
    """A number with up to ``decimals`` decimals and thin spaces between thousands."""
    if not _is_known(value):
        return MISSING
    text = f"{value:,.{decimals}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace(",", "\u202f").replace("-", "−")


def format_code(text: str) -> Markup:
    """Text for the page, what stands between backquotes as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704, escaped just now


def flatten(settings: Any, prefix: str = "") -> dict[str, str]:
    """Nested settings as dotted names with printable values."""
    flat: dict[str, str] = {}
    for name, value in settings.items():
        dotted = f"{prefix}{name}"
        if isinstance(value, dict):
            flat |= flatten(value, f"{dotted}.")
        else:
            flat[dotted] = str(value).lower() if isinstance(value, bool) else MISSING if value is None else str(value)
    return flat


def _is_known(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not math.isnan(value)
