"""Knobs: their names, and the clock face guitarists read to the rotation in [0, 1] that models read.

A knob turns 300 degrees, from 7:00 (0) over 12:00 (0.5) to 5:00 (1), 30 degrees an hour.
"""

import re
from collections.abc import Mapping

from drywet.errors import SettingsError

Controls = Mapping[str, float]  # knob name to rotation in [0, 1]

_CLOCK = re.compile(r"(\d{1,2}):([0-5]\d)")


def rotation(position: str | float) -> float:
    """Rotation in [0, 1] of a knob position, either a clock time (``"3:00"``) or the rotation itself (``0.8``).

    >>> rotation("9:00"), rotation("12:00"), rotation("3:00"), rotation("0.25")
    (0.2, 0.5, 0.8, 0.25)
    """
    if isinstance(position, str) and (clock := _CLOCK.fullmatch(position.strip())):
        hours = int(clock[1]) % 12 + int(clock[2]) / 60
        if int(clock[1]) > 12 or 5 < hours < 7:
            raise SettingsError(f"a knob goes from 7:00 over 12:00 to 5:00; {position!r} is outside that")
        return round(((hours - 7) % 12) / 10, 6)
    try:
        value = float(position)
    except ValueError:
        raise SettingsError(
            f"{position!r} is no knob position; write a clock time (3:00) or a number from 0 to 1"
        ) from None
    if not 0.0 <= value <= 1.0:  # NaN fails too
        raise SettingsError(f"a knob position lies between 0 and 1 (or 7:00 and 5:00), not {position}")
    return value


def clock(value: float) -> str:
    """The clock time of a rotation in [0, 1], to the minute.

    >>> clock(0.2), clock(0.5), clock(0.8)
    ('9:00', '12:00', '3:00')
    """
    minutes = round(value * 600) + 7 * 60
    return f"{(minutes // 60 - 1) % 12 + 1}:{minutes % 60:02d}"


def resolve(given: Mapping[str, str | float] | None, defaults: Controls) -> dict[str, float]:
    """Every knob in ``defaults`` with its rotation: the given one, else the default. An unknown name is refused."""
    given = given or {}
    unknown = sorted(set(given) - set(defaults))
    if unknown:
        known = ", ".join(defaults) or "none"
        raise SettingsError(f"no knob named {unknown[0]!r} here; the knobs are: {known}")
    return {name: rotation(given.get(name, default)) for name, default in defaults.items()}
