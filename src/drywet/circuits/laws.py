"""Pot laws: the electrical fraction of a track for a rotation in [0, 1]."""

import math
from collections.abc import Callable

LAWS: dict[str, Callable[[float], float]] = {
    "linear": lambda x: x,
    "audio": lambda x: math.expm1(5 * x) / math.expm1(5),  # (e^5x - 1) / (e^5 - 1): 7.6 % at noon
    "cubic": lambda x: x**3,  # 12.5 % at noon
    "w": lambda x: (1 - (1 - x) ** 4) / 2 + x**4 / 2,  # S-shaped: steep at both ends, 50 % at noon
}
"""Name of each law, as a netlist's ``*.knob`` card and ``load(..., laws=...)`` know it."""
