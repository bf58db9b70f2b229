"""Is a recording fit to learn from? Levels, faults, alignment, the kind of device, and the best score there can be."""

from drywet.dataset.check.finding import Finding
from drywet.dataset.check.pair import Check, check_files, check_pair

__all__ = ["Check", "Finding", "check_files", "check_pair"]
