"""Knobs: their names, their movements, and the clock face guitarists read to the rotation in [0, 1] that models read.

A knob turns 300 degrees, from 7:00 (0) over 12:00 (0.5) to 5:00 (1), 30 degrees an hour.
"""

import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator

from drywet.errors import SettingsError

CONTROL_BLOCK = 64  # samples for which a moving knob is taken to stand still: 1.5 ms at 44.1 kHz
MAX_BREAKPOINTS = 10_000

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
    except (TypeError, ValueError):
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
    _refuse_unknown(given, defaults)
    return {name: rotation(given.get(name, default)) for name, default in defaults.items()}


@dataclass(frozen=True)
class Movement:
    """Where a knob stands while time passes; one that stands still has a single breakpoint, or equal ones.

    Attributes
    ----------
    seconds : tuple of float
        Times of the breakpoints, increasing.
    rotations : tuple of float
        Rotation in [0, 1] at each of them: linear in between, constant before the first and after the last.
    """

    seconds: tuple[float, ...]
    rotations: tuple[float, ...]

    @property
    def is_still(self) -> bool:
        return len(set(self.rotations)) == 1

    def at(self, seconds: np.ndarray) -> np.ndarray:
        """Rotation at each of the times, same shape."""
        return np.interp(seconds, self.seconds, self.rotations)

    def from_then_on(self, seconds: float) -> "Movement":
        """The same movement for who counts time from ``seconds`` on."""
        return Movement(tuple(time - seconds for time in self.seconds), self.rotations)

    def as_json(self) -> float | list[list[float]]:
        """The rotation, or a list of [seconds, rotation]; what :func:`movement` reads."""
        if self.is_still:
            return self.rotations[0]
        return [[time, value] for time, value in zip(self.seconds, self.rotations, strict=True)]


def movement(position: str | float | Sequence[Any]) -> Movement:
    """What a manifest says of a knob: a position as in :func:`rotation`, or a list of [seconds, position] breakpoints.

    >>> float(movement([[0.0, "9:00"], [2.5, 0.8]]).at(1.25))
    0.5

    Raises
    ------
    SettingsError
        If a position is impossible, or the times are not finite, increasing and from 0 on.
    """
    if isinstance(position, str) or not isinstance(position, Sequence):
        return Movement((0.0,), (rotation(position),))
    if not 1 <= len(position) <= MAX_BREAKPOINTS:
        raise SettingsError(f"a movement has 1 to {MAX_BREAKPOINTS} breakpoints, this one has {len(position)}")
    seconds: list[float] = []
    rotations: list[float] = []
    for number, breakpoint_ in enumerate(position):
        if isinstance(breakpoint_, str) or not isinstance(breakpoint_, Sequence) or len(breakpoint_) != 2:
            raise SettingsError(
                f"breakpoint {number} of a movement is {breakpoint_!r}; write [seconds, position], for example "
                '[[0.0, "9:00"], [2.5, 0.8]]'
            )
        time, place = breakpoint_
        if isinstance(time, bool) or not isinstance(time, int | float) or not math.isfinite(time) or time < 0:
            raise SettingsError(f"breakpoint {number} of a movement is at {time!r}, not a time of 0 or more seconds")
        if seconds and time <= seconds[-1]:
            raise SettingsError(
                f"breakpoint {number} of a movement is at {time} s, but the one before it is at {seconds[-1]} s; put them "
                "in order of time"
            )
        seconds.append(float(time))
        rotations.append(rotation(place))
    return Movement(tuple(seconds), tuple(rotations))


def _checked(position: Any) -> Any:
    try:
        movement(position)
    except SettingsError as error:
        raise ValueError(str(error)) from None
    return position


# A position as people write it, for settings: clock time, rotation, or breakpoints of a movement.
Position = Annotated[str | float | list[tuple[float, str | float]], BeforeValidator(_checked)]


def resolve_movements(given: Mapping[str, Position] | None, defaults: Controls) -> dict[str, Movement]:
    """As :func:`resolve`, for knobs that may move."""
    given = given or {}
    _refuse_unknown(given, defaults)
    return {name: movement(given.get(name, default)) for name, default in defaults.items()}


def _refuse_unknown(given: Mapping[str, Any], defaults: Controls) -> None:
    unknown = sorted(set(given) - set(defaults))
    if unknown:
        known = ", ".join(defaults) or "none"
        raise SettingsError(f"no knob named {unknown[0]!r} here; the knobs are: {known}")


def still_parts(
    movements: Mapping[str, Movement], start: int, stop: int, sample_rate: int
) -> Iterator[tuple[slice, dict[str, float]]]:
    """Cut the samples from ``start`` to ``stop`` where a knob moves, and give the rotations that hold for each part.

    Knobs move in steps, on a grid of :data:`CONTROL_BLOCK` samples that starts at sample 0: in each block of the grid
    they stand where the movement is at the block's middle sample. Rotations therefore do not depend on where a part
    starts, and where no knob moves nothing is cut.
    """
    if start >= stop:
        return
    blocks = np.arange(start // CONTROL_BLOCK, -(-stop // CONTROL_BLOCK)) * CONTROL_BLOCK
    middles = (blocks + CONTROL_BLOCK // 2) / sample_rate
    rotations = np.stack([move.at(middles) for move in movements.values()]) if movements else np.empty((0, len(blocks)))
    steps = np.flatnonzero((np.diff(rotations, axis=1) != 0).any(axis=0)) + 1
    for first, end in itertools.pairwise([0, *steps.tolist(), len(blocks)]):
        here = slice(max(start, int(blocks[first])), stop if end == len(blocks) else int(blocks[end]))
        yield here, dict(zip(movements, rotations[:, first].tolist(), strict=True))


def describe(position: Position) -> str:
    """A position for people, on one line: as it was written, movements with their times.

    >>> describe("9:00"), describe(0.5), describe([[0, "9:00"], [2.5, 0.8]])
    ('9:00', '0.5', '9:00 at 0 s to 0.8 at 2.5 s')
    """
    if isinstance(position, str) or not isinstance(position, Sequence):
        return str(position)
    points = [f"{point[1]} at {point[0]:g} s" for point in position]
    if len(points) > 4:
        points = [*points[:2], f"{len(points) - 3} more", points[-1]]
    return " to ".join(points)


def describe_all(positions: Mapping[str, Position]) -> str:
    """Several knobs for people, on one line.

    >>> describe_all({"drive": "9:00", "tone": 0.5})
    'drive 9:00, tone 0.5'
    """
    return ", ".join(f"{name} {describe(position)}" for name, position in positions.items())
