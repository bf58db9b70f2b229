"""What the audio thread plays, and what may be turned while it plays."""

from collections.abc import Mapping
from typing import Protocol

from drywet.effect import Native

__all__ = ["Native", "Playable"]


class Playable(Protocol):
    """An Effect that compiled code can play, while another thread turns its knobs.

    Attributes
    ----------
    sample_rate : int
        Hz.
    latency : int
        Samples by which wet trails dry.
    controls : dict of str to float
        The knobs and their default rotation in [0, 1].
    """

    sample_rate: int
    latency: int
    controls: dict[str, float]

    def reset(self) -> None:
        """To rest, knobs at their defaults. Only while no thread plays it."""

    def turn(self, controls: Mapping[str, float]) -> None:
        """Set the knobs, from any thread, while the audio thread plays: heard from the next block on."""

    def native(self) -> Native:
        """What the audio thread calls; the same arrays for as long as the effect lives."""
