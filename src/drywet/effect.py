"""An Effect turns dry into wet: a virtual circuit, a trained model, an exported file, a recording played back.

Whatever renders, measures or plays takes an Effect and need not know which.
"""

from collections.abc import Callable, Mapping
from typing import Protocol, runtime_checkable

import numpy as np

from drywet import controls as knobs
from drywet.errors import SignalError


@runtime_checkable
class Effect(Protocol):
    """Dry in, wet out, block by block.

    Attributes
    ----------
    sample_rate : int
        Hz, of dry and wet.
    latency : int
        Samples by which the output of :meth:`process` trails the simultaneous wet signal. :func:`render` takes it out.
    controls : dict of str to float
        The knobs and their default rotation in [0, 1]; empty when there is nothing to turn.
    """

    sample_rate: int
    latency: int
    controls: dict[str, float]

    def reset(self) -> None:
        """Back to the state of a device that has rested on silence."""

    def process(self, dry: np.ndarray, controls: Mapping[str, float]) -> np.ndarray:
        """The next wet block, float32 of shape (T,), for a dry block of shape (T,). State is carried between calls."""


def render(
    effect: Effect,
    dry: np.ndarray,
    controls: Mapping[str, knobs.Position] | None = None,
    block_size: int = 65_536,
    report: Callable[[float], None] = lambda share: None,
) -> np.ndarray:
    """Wet signal of ``dry`` through ``effect``, shape (T,), aligned with ``dry``: the effect's latency is taken out.

    Knobs that are not given stay at the effect's default. A knob may move: its position is then a list of [seconds,
    position], see :func:`drywet.controls.movement`, and it turns in steps of 64 samples. (Inside an effect with a
    latency it turns earlier than the sound by some part of that, a millisecond or two.) The result does not depend on
    ``block_size``. ``report(share)`` is told after each block how much is done, in [0, 1].

    Raises
    ------
    SignalError
        If ``dry`` is not a finite signal of shape (T,), T >= 1.
    SettingsError
        If a knob is unknown or out of range.
    """
    dry = np.asarray(dry, dtype=np.float32)
    if dry.ndim != 1 or len(dry) == 0 or not np.isfinite(dry).all():
        raise SignalError(f"dry must be a finite signal of shape (T,) with T >= 1; this one has shape {dry.shape}")
    movements = knobs.resolve_movements(controls, effect.controls)
    effect.reset()
    padded = np.concatenate([dry, np.zeros(effect.latency, np.float32)])
    wet = []
    for part, positions in knobs.still_parts(movements, len(padded), effect.sample_rate, block_size):
        wet.append(effect.process(padded[part], positions))
        if part.stop % block_size == 0 or part.stop == len(padded):
            report(part.stop / len(padded))
    return np.concatenate(wet)[effect.latency :]
