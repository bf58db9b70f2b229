"""A model file as an Effect."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from drywet.engine.contract import Array
from drywet.engine.formats import ModelFile, read


class EngineEffect:
    """A network of the engine as an Effect: no torch, no latency, state carried from block to block.

    At rest it is as its format's player leaves it after loading: run in on silence, with the knobs at their defaults.
    """

    latency = 0

    def __init__(self, file: ModelFile, controls: Mapping[str, float] | None = None, settle: bool = True):
        """``controls`` are the knobs' default rotations, noon where none is given; ``settle=False`` leaves out the run-in."""
        self.file, self.network, self.sample_rate = file, file.network, file.sample_rate
        self.controls = {name: (controls or {}).get(name, 0.5) for name in file.knobs}
        self._settle = file.settle if settle else 0
        self.reset()

    def reset(self) -> None:
        self.network.reset()
        if self._settle:
            self.network.settle(self._settle, self._rotations(self.controls))

    def process(self, dry: np.ndarray, controls: Mapping[str, float]) -> np.ndarray:
        return self.network.process(np.asarray(dry, np.float64), self._rotations(controls)).astype(np.float32)

    def _rotations(self, controls: Mapping[str, float]) -> Array:
        return np.array([controls[name] for name in self.controls], np.float64)


def load(path: Path | str, controls: Mapping[str, float] | None = None) -> EngineEffect:
    """The Effect in a model file of any format, or in a run folder, see :func:`drywet.engine.formats.read`."""
    return EngineEffect(read(path), controls)
