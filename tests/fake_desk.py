"""A desk, a stream and models without sound: what was turned can be read, and readings and troubles are planted."""

from dataclasses import dataclass, field
from types import SimpleNamespace

from drywet.errors import SettingsError


@dataclass
class Reading:
    """What a desk's meters say; by default a hundred blocks of silence at a tenth of their time."""

    input_peak_dbfs: float = -float("inf")
    output_peak_dbfs: float = -float("inf")
    input_clipped: int = 0
    output_clipped: int = 0
    blocks: int = 100
    load: float = 0.1
    worst_load: float = 0.2
    unwell: int = 0
    unwell_models: tuple = ()


class FakeDesk:
    def __init__(self, models, sample_rate=48_000, looping=False, readings=()):
        self.names, self.sample_rate = list(models), sample_rate
        self.chosen, self.bypassed, self.muted, self.looping = 0, False, False, looping
        self.input_db = self.output_db = 0.0
        self.knobs = {name: place for model in models.values() for name, place in model.controls.items()}
        self.readings, self.glides = list(readings), []

    def turn(self, name, position):
        if not 0 <= position <= 1:
            raise SettingsError(f"{name} {position}")
        self.knobs[name] = position

    def glide(self, seconds):
        self.glides.append(seconds)

    def meters(self):
        return self.readings.pop(0) if self.readings else Reading()


@dataclass
class FakeStream:
    """``troubles`` is what :meth:`trouble` answers, one after the other, then ''."""

    latency_seconds: float = 0.004
    xruns: int = 0
    block_size: int = 480
    troubles: list = field(default_factory=list)

    def trouble(self):
        return self.troubles.pop(0) if self.troubles else ""


def models(**knobs):
    """``models(clean=[], lead=["drive"])``: by name, with knobs at noon."""
    return {
        name: SimpleNamespace(latency=48 * place, controls=dict.fromkeys(names, 0.5))
        for place, (name, names) in enumerate(knobs.items())
    }
