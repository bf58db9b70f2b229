"""A table in the three forms people paste: CSV, Markdown, LaTeX."""

import csv
import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}", "−": "$-$",
    "×": r"$\times$", "ω²": r"$\omega^2$", "Ω": r"$\Omega$", "·": r"$\cdot$", "²": r"$^2$",
}  # fmt: skip


@dataclass(frozen=True)
class Table:
    """Rows of values under headings; floats are rounded for readers, and whole in CSV."""

    name: str
    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    def as_csv(self) -> str:
        """Every digit; an empty cell is a figure that is not known."""
        return csv_text(self.header, self.rows)

    def as_markdown(self) -> str:
        """A GitHub table under its title."""
        lines = [_markdown_row(self.header), "|" + "|".join("---" for _ in self.header) + "|"]
        lines += [_markdown_row([rounded(value) for value in row]) for row in self.rows]
        return f"**{_markdown(self.title)}**\n\n" + "\n".join(lines) + "\n"

    def as_latex(self) -> str:
        """A ``table`` with ``booktabs`` rules."""
        numeric = [all(isinstance(row[i], int | float | None) for row in self.rows) for i in range(len(self.header))]
        lines = [
            r"\begin{table}",
            rf"\caption{{{_latex(self.title)}}}",
            rf"\begin{{tabular}}{{{''.join('r' if right else 'l' for right in numeric)}}}",
            r"\toprule",
            " & ".join(_latex(name) for name in self.header) + r" \\",
            r"\midrule",
            *(" & ".join(_latex(rounded(value)) for value in row) + r" \\" for row in self.rows),
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
        ]
        return "\n".join(lines) + "\n"


def csv_text(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Rows as CSV; what a spreadsheet would run as a formula is made text."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([_cell(name) for name in header])
    writer.writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue()


def rounded(value: Any) -> str:
    """A value for readers: floats with three significant digits, two decimals from 1 up, small p as ``< 0.001``.

    >>> rounded(0.12345), rounded(12.345), rounded(0.0), rounded(None), rounded("a")
    ('0.123', '12.35', '0', '', 'a')
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if not isinstance(value, float):
        return str(value)
    if value != 0 and abs(value) < 1e-3:
        return f"{value:.0e}"
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.3g}"


def _cell(value: Any) -> Any:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return "'" + value  # a spreadsheet would run it as a formula
    return value


def _markdown_row(values: Sequence[str]) -> str:
    return "| " + " | ".join(_markdown(value) for value in values) + " |"


def _markdown(text: str) -> str:
    """One line that Markdown shows as it is: no cell, tag or link opens in it."""
    return re.sub(r"([\\|<>\[\]`*_#])", r"\\\1", " ".join(text.split()))


def _latex(text: str) -> str:
    return re.sub("|".join(map(re.escape, _LATEX)), lambda found: _LATEX[found[0]], " ".join(text.split()))
