"""What a model file says about its model, beside the weights."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import Field

from drywet.settings import Settings

GearType = Literal["amp", "pedal", "pedal_amp", "amp_cab", "amp_pedal_cab", "preamp", "studio"]
ToneType = Literal["clean", "overdrive", "crunch", "hi_gain", "fuzz"]


class Labels(Settings):
    """What only its maker knows. The levels are those of a full-scale sine at the interface, in dBu."""

    name: str | None = Field(default=None, max_length=200)
    modeled_by: str | None = Field(default=None, max_length=200)
    gear_type: GearType | None = None
    gear_make: str | None = Field(default=None, max_length=200)
    gear_model: str | None = Field(default=None, max_length=200)
    tone_type: ToneType | None = None
    input_level_dbu: float | None = Field(default=None, ge=-100, le=100)
    output_level_dbu: float | None = Field(default=None, ge=-100, le=100)


@dataclass(frozen=True)
class About:
    """Everything around the weights.

    Attributes
    ----------
    sample_rate : int
        Hz.
    knobs : tuple of str
    labels : Labels
    loudness : float or None
        dB, RMS of the model on the standard passage (``proof.loudness_passage``).
    gain : float or None
        In [0, 1], how much louder a quiet passage comes out than a straight device would have it.
    esr : float or None
        Measured on recordings that training never saw.
    source : mapping
        Where the model comes from: run, family, versions.
    settle : int
        Zeros that bring the model to rest.
    date : tuple of six int, or None
        Year, month, day, hour, minute, second.
    """

    sample_rate: int
    knobs: tuple[str, ...] = ()
    labels: Labels = field(default_factory=Labels)
    loudness: float | None = None
    gain: float | None = None
    esr: float | None = None
    source: Mapping[str, Any] = field(default_factory=dict)
    settle: int = 0
    date: tuple[int, int, int, int, int, int] | None = None
