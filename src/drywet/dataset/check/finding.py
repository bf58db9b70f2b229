"""What a check says: one finding per thing looked at, and the verdict on all of them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["ok", "note", "repair", "fatal"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    name : str
        What was looked at, e.g. ``wet clipping``.
    severity : {"ok", "note", "repair", "fatal"}
        ``note`` is worth knowing and no obstacle; ``repair`` makes a model worse until it is mended; ``fatal`` makes
        training meaningless.
    text : str
        What was found, with its numbers and units.
    numbers : mapping of str to float
        The same for programs; the unit ends each name (``_db``, ``_s``, ``_hz``, ``_samples``, ``_ppm``).
    where : tuple of (start, stop)
        Places in time, in s of the file that the finding is about; at most :data:`MOST_PLACES`.
    advice : str
        What to do; empty where there is nothing to do.
    """

    name: str
    severity: Severity
    text: str
    numbers: Mapping[str, float] = field(default_factory=dict)
    where: tuple[tuple[float, float], ...] = ()
    advice: str = ""

    def as_json(self) -> dict[str, Any]:
        """The finding as a JSON value; infinity becomes null."""
        return {
            "name": self.name,
            "severity": self.severity,
            "text": self.text,
            "numbers": {
                name: round(float(value), 9) if math.isfinite(value) else None for name, value in self.numbers.items()
            },
            "where_s": [[round(start, 4), round(stop, 4)] for start, stop in self.where],
            "advice": self.advice,
        }


MOST_PLACES = 20


def status_of(findings: tuple[Finding, ...]) -> Literal["good", "usable", "not usable"]:
    """The worst of the findings decides."""
    severities = {finding.severity for finding in findings}
    return "not usable" if "fatal" in severities else "usable" if "repair" in severities else "good"


def verdict_of(findings: tuple[Finding, ...]) -> str:
    """One line: good, usable with which repairs, or not usable because of what."""
    status = status_of(findings)
    if status == "good":
        notes = sum(finding.severity == "note" for finding in findings)
        return "good" + (f", with {notes} {'note' if notes == 1 else 'notes'}" if notes else "")
    if status == "usable":
        names = [finding.name for finding in findings if finding.severity == "repair"]
        return f"usable, better with {len(names)} {'repair' if len(names) == 1 else 'repairs'}: {', '.join(names)}"
    return "not usable: " + "; ".join(finding.text for finding in findings if finding.severity == "fatal")


def times(places: tuple[tuple[float, float], ...], total: int | None = None) -> str:
    """Places for people: ``at 1.25 s, 3.5 s and 7 more``."""
    total = total or len(places)
    shown = [f"{start:.3f} s" for start, _ in places[:3]]
    more = f" and {total - len(shown)} more" if total > len(shown) else ""
    return f"at {', '.join(shown)}{more}"
