"""A model file as an Effect."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from drywet.effect import Native
from drywet.engine.contract import Array, Network
from drywet.engine.formats import ModelFile, read
from drywet.engine.kernels import Compiled, compiled
from drywet.errors import LiveError


class EngineEffect:
    """A network of the engine as an Effect: no torch, no latency, state carried from block to block.

    At rest it is as its format's player leaves it after loading: run in on silence, with the knobs at their defaults.
    """

    latency = 0

    def __init__(
        self,
        file: ModelFile,
        controls: Mapping[str, float] | None = None,
        settle: bool = True,
        network: Network | None = None,
    ):
        """``controls`` are the knobs' default rotations, noon where none is given; ``settle=False`` leaves out the run-in.

        ``network`` is the file's own, or its compiled form.
        """
        self.file, self.network, self.sample_rate = file, network or file.network, file.sample_rate
        self.controls = {name: (controls or {}).get(name, 0.5) for name in file.knobs}
        self._settle = file.settle if settle else 0
        self.reset()

    def reset(self) -> None:
        self.network.reset()
        self.turn(self.controls)
        if self._settle:
            self.network.settle(self._settle, self._rotations(self.controls))

    def process(self, dry: np.ndarray, controls: Mapping[str, float]) -> np.ndarray:
        return self.network.process(np.asarray(dry, np.float64), self._rotations(controls)).astype(np.float32)

    def turn(self, controls: Mapping[str, float]) -> None:
        """Set the knobs for :meth:`process_into`."""
        self._turned = self._rotations(controls)
        if isinstance(self.network, Compiled):
            self.network.turn(self._turned)

    def process_into(self, dry: np.ndarray, wet: np.ndarray) -> None:
        """Fill ``wet`` from ``dry``, both float32 (T,) and contiguous, at the knobs of :meth:`turn`.

        A compiled network takes no memory for it: this is the call of a live loop.
        """
        if isinstance(self.network, Compiled):
            self.network.process_into(dry, wet)
        else:
            wet[:] = self.network.process(dry, self._turned)

    def native(self) -> Native:
        """How an audio thread plays it; :class:`drywet.errors.LiveError` for a network without compiled form."""
        if not isinstance(self.network, Compiled):
            raise LiveError(
                f"{self.network.describe()}: there is no compiled form of it to play live. Train a model that has one on its "
                "output (drywet distill --to lstm-40), or render files (drywet render)"
            )
        return self.network.native()

    def _rotations(self, controls: Mapping[str, float]) -> Array:
        return np.array([controls[name] for name in self.controls], np.float64)


def load(
    path: Path | str,
    controls: Mapping[str, float] | None = None,
    report: Callable[[str], None] = lambda text: None,
) -> EngineEffect:
    """The Effect in a model file of any format, or in a run folder, compiled where its kind has a compiled form.

    The first time on a machine the kernel is compiled, which takes some seconds; ``report`` is told before. See
    :func:`drywet.engine.formats.read` for errors. ``EngineEffect(read(path))`` is the same without compiling, for checks.
    """
    file = read(path)
    return EngineEffect(file, controls, network=compiled(file.network, report))
