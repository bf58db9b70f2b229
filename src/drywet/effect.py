"""An Effect turns dry into wet: a virtual circuit, a trained model, an exported file, a recording played back.

Whatever renders, measures or plays takes an Effect and need not know which.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple, Protocol, runtime_checkable

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


def stream(
    effect: Effect, blocks: Iterable[np.ndarray], controls: Mapping[str, knobs.Position] | None = None
) -> Iterator[np.ndarray]:
    """Wet blocks for dry ones, from rest: together as many samples, and aligned, for the effect's latency is taken out.

    Knobs that are not given stay at the effect's default. A knob may move: its position is then a list of [seconds,
    position], see :func:`drywet.controls.movement`, and it turns in steps of 64 samples. (Inside an effect with a
    latency it turns earlier than the sound by some part of that, a millisecond or two.) The wet signal does not depend
    on the cutting into blocks.

    Raises
    ------
    SettingsError
        If a knob is unknown or out of range: at once, before a block is taken.
    SignalError
        If a block is not a finite signal of shape (T,): when it is taken.
    """
    return _stream(effect, blocks, knobs.resolve_movements(controls, effect.controls))


def _stream(
    effect: Effect, blocks: Iterable[np.ndarray], movements: Mapping[str, knobs.Movement]
) -> Iterator[np.ndarray]:
    effect.reset()
    start = 0
    for block in itertools.chain(blocks, [np.zeros(effect.latency, np.float32)]):
        dry = np.asarray(block, dtype=np.float32)
        if dry.ndim != 1 or not np.isfinite(dry).all():
            raise SignalError(f"dry must be a finite signal of shape (T,); this block has shape {dry.shape}")
        for part, positions in knobs.still_parts(movements, start, start + len(dry), effect.sample_rate):
            wet = effect.process(dry[part.start - start : part.stop - start], positions)
            yield wet[max(effect.latency - part.start, 0) :]
        start += len(dry)


class Native(NamedTuple):
    """How compiled code plays an effect, without Python and without taking memory: what an audio thread needs.

    Attributes
    ----------
    address : int
        Of a C function ``void(float *dry, float *wet, int64 frames, float *numbers, int64 numbers_len, int64 *table, int64
        table_len)``. It plays ``frames`` samples; it never allocates, raises or waits.
    numbers : array of float32
        Weights, state and working memory. (A kernel in float64 sees its own numbers here, as pairs.)
    table : array of int64
        Sizes and places. Whoever calls the function keeps both arrays alive.
    """

    address: int
    numbers: np.ndarray
    table: np.ndarray


def render(
    effect: Effect,
    dry: np.ndarray,
    controls: Mapping[str, knobs.Position] | None = None,
    block_size: int = 65_536,
    report: Callable[[float], None] = lambda share: None,
) -> np.ndarray:
    """Wet signal of ``dry`` through ``effect``, shape (T,), aligned with ``dry``: :func:`stream` over a whole signal.

    The result does not depend on ``block_size``. ``report(share)`` is told after each block how much is done, in [0, 1].

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

    def blocks() -> Iterator[np.ndarray]:
        for start in range(0, len(dry), block_size):
            yield dry[start : start + block_size]
            report(min(start + block_size, len(dry)) / len(dry))

    return np.concatenate([*stream(effect, blocks(), controls)])
