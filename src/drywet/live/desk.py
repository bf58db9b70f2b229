"""What the audio thread plays, and what may be turned while it plays."""

import ctypes
import math
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from drywet import audio
from drywet.controls import rotation
from drywet.effect import Native
from drywet.errors import CircuitError, LiveError, SettingsError, SignalError
from drywet.live import record as r
from drywet.live.callback import compiled, in_cache
from drywet.live.mixing import run
from drywet.vectors import aligned

__all__ = ["Desk", "Meters", "Native", "Playable"]

RUN_IN_SECONDS = 0.05  # of a model that was just chosen, unheard
FADE_SECONDS = 0.01  # from model to model, to the dry signal, to silence
GAIN_SECONDS = 0.02  # from level to level
KNOB_SECONDS = 0.1  # from one end of a knob to the other
HIGHEST_GAIN_DB = 40.0


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


@dataclass(frozen=True)
class Meters:
    """What has been since the last look.

    Attributes
    ----------
    input_peak_dbfs, output_peak_dbfs : float
        Of what comes in (or of the loop), before the input gain; and of what goes out. -inf for silence.
    input_clipped, output_clipped : int
        Samples at or above full scale.
    blocks : int
    load, worst_load : float
        Time taken by all blocks, and by the slowest one, as a share of the time that they last.
    unwell : int
        Blocks in which a model gave no numbers or absurd ones, and silence was played in its place; or in which the input did.
    unwell_models : tuple of str
        Names of those models.
    """

    input_peak_dbfs: float
    output_peak_dbfs: float
    input_clipped: int
    output_clipped: int
    blocks: int
    load: float
    worst_load: float
    unwell: int
    unwell_models: tuple[str, ...]


class Desk:
    """Several effects side by side, one of which sounds, and everything around it: levels, bypass, a loop to play to.

    The audio thread reads and writes one record of numbers, :data:`drywet.live.record.DESK`. All methods but
    :meth:`process` belong to other threads, any of them. Before the first block, settings take effect at once.
    """

    def __init__(
        self,
        effects: Mapping[str, Playable],
        sample_rate: int,
        loop: np.ndarray | None = None,
        largest_block: int = 8192,
        report: Callable[[str], None] = lambda text: None,
    ):
        """``effects`` by the names that people see, ``loop`` a signal (T,) that can be played over and over as the input.

        Longer blocks than ``largest_block`` are played in parts. ``report`` is told when something has to be compiled first.

        Raises
        ------
        LiveError
            If an effect is made for another rate or cannot be played live, or there are too many of them.
        SignalError
            If the loop is no finite signal.
        """
        if not 1 <= len(effects) <= r.MOST_EFFECTS:
            raise LiveError(f"{len(effects)} models: 1 to {r.MOST_EFFECTS} can be played side by side")
        for name, effect in effects.items():
            if effect.sample_rate != sample_rate:
                raise LiveError(
                    f"{name} is made for {effect.sample_rate} Hz, and is to be played at {sample_rate} Hz; nothing is "
                    "resampled while playing. Play models of one rate together, at that rate"
                )
        loop = None if loop is None else np.array(loop, np.float32)
        if loop is not None and (loop.ndim != 1 or len(loop) == 0 or not np.isfinite(loop).all()):
            raise SignalError(f"a loop is a finite signal of shape (T,), T >= 1; this one has shape {loop.shape}")
        if not in_cache():
            report("compiling what plays in the audio thread, once on this machine; some seconds")
        self.names, self.sample_rate = list(effects), sample_rate
        self._effects = list(effects.values())
        self._lock = threading.Lock()
        self._targets: dict[str, float] = {}
        for effect in self._effects:
            self._targets = dict(effect.controls) | self._targets
        self._positions = dict(self._targets)
        self._asked_in = 0  # block in which another model was last asked for
        self._used = {0}  # models that are not at rest, or may not be
        self._seen, self._seen_totals = 0, np.zeros(3, np.int64)  # blocks and counts at the last look at the meters
        self._seen_troubles = np.zeros(r.MOST_EFFECTS, np.int64)
        self._build(loop, largest_block)

    def _build(self, loop: np.ndarray | None, largest_block: int) -> None:
        self._memory = np.zeros(1, r.DESK)
        self._record = record = self._memory.view(np.recarray)[0]
        self._kept: list[Any] = [self._memory]  # everything whose address the audio thread has
        for effect, place in zip(self._effects, record.effects, strict=False):
            effect.reset()
            effect.turn(self._of(effect))
            native = effect.native()
            self._kept += [native.numbers, native.table]
            place["address"] = native.address
            place["numbers"], place["numbers_length"] = native.numbers.ctypes.data, len(native.numbers)
            place["table"], place["table_length"] = native.table.ctypes.data, len(native.table)
        record.effect_count, record.largest_block = len(self._effects), largest_block
        for name in ("source", "dry", "wet", "other_wet", "mono"):
            self._kept.append(aligned(np.zeros(largest_block, np.float32)))
            record[name] = self._kept[-1].ctypes.data
        if loop is not None:
            self._kept.append(loop)
            record.loop, record.loop_length = loop.ctypes.data, len(loop)
        record.input_gain = record.output_gain = 1.0
        record.coming = -1
        record.run_in_length = round(RUN_IN_SECONDS * self.sample_rate)
        record.fade_length = round(FADE_SECONDS * self.sample_rate)
        record.effects["well"] = record.fade_length
        record.glides[:, r.TO_WALK] = record.fade_length
        record.glides[[r.INPUT_GAIN, r.OUTPUT_GAIN], r.TO_WALK] = round(GAIN_SECONDS * self.sample_rate)
        record.glides[:, r.WALKED] = record.glides[:, r.TO_WALK]  # at their ends
        record.own_address, record.run = self.address, compiled(run).address
        record.clock, record.clock_arguments, record.clock_units = _clock(
            self.address + r.DESK.fields["time"][1]  # type: ignore[index]
        )
        self._run = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 4)(int(record.run))

    @property
    def address(self) -> int:
        """Of the record; whoever hands it to an audio thread keeps the desk alive."""
        return self._memory.ctypes.data

    @property
    def record(self) -> Any:
        """The record itself, for the streams that call it."""
        return self._record

    @property
    def chosen(self) -> int:
        """Index of the model that sounds, or is about to: it plays unheard for 50 ms, then fades in within 10 ms."""
        return int(self._record.chosen)

    @chosen.setter
    def chosen(self, index: int) -> None:
        if not 0 <= index < len(self._effects):
            raise SettingsError(f"no model number {index}; there are {len(self._effects)}, counted from 0")
        with self._lock:
            self._used.add(index)
            self._record.chosen = index
            self._asked_in = int(self._record.blocks)

    @property
    def bypassed(self) -> bool:
        """Dry through, at the output level. The model plays on unheard."""
        return bool(self._record.bypassed)

    @bypassed.setter
    def bypassed(self, on: bool) -> None:
        self._record.bypassed = on

    @property
    def muted(self) -> bool:
        """Silence."""
        return bool(self._record.muted)

    @muted.setter
    def muted(self, on: bool) -> None:
        self._record.muted = on

    @property
    def looping(self) -> bool:
        """The loop, from its beginning, in place of the input."""
        return bool(self._record.looping)

    @looping.setter
    def looping(self, on: bool) -> None:
        if on and not self._record.loop_length:
            raise SettingsError("there is no loop to play; give one when the desk is made")
        self._record.looping = on

    @property
    def input_db(self) -> float:
        """Gain before the model."""
        return audio.amplitude_to_db(float(self._record.input_gain))

    @input_db.setter
    def input_db(self, gain_db: float) -> None:
        self._record.input_gain = _gain(gain_db)

    @property
    def output_db(self) -> float:
        """Gain of everything that goes out, the bypassed signal too."""
        return audio.amplitude_to_db(float(self._record.output_gain))

    @output_db.setter
    def output_db(self, gain_db: float) -> None:
        self._record.output_gain = _gain(gain_db)

    @property
    def knobs(self) -> dict[str, float]:
        """The knobs of all models, by name, and where they stand or are turning to; models share knobs of one name."""
        return dict(self._targets)

    def turn(self, name: str, position: float) -> None:
        """Turn a knob; it arrives by and by, see :meth:`glide`.

        Raises
        ------
        SettingsError
            For an unknown name, or a position outside [0, 1].
        """
        if name not in self._targets:
            raise SettingsError(f"no knob named {name!r}; there are: {', '.join(self._targets) or 'none'}")
        self._targets[name] = rotation(position)

    def glide(self, seconds: float = 0.01) -> None:
        """Move the knobs as far as they get in ``seconds``, and care for models: call it about 100 times a second.

        A model that gave no numbers, or is no longer heard, is put to rest.

        Raises
        ------
        CircuitError
            If a circuit cannot follow its knobs; it goes on as it was, or with its defaults where it was put to rest. The
            other models have been seen to.
        """
        with self._lock:
            failed: CircuitError | None = None
            farthest, moved = seconds / KNOB_SECONDS, set()
            for name, target in self._targets.items():
                away = target - self._positions[name]
                if away:
                    near = abs(away) < 1.001 * farthest  # what rounding leaves is no step of its own
                    self._positions[name] = target if near else self._positions[name] + math.copysign(farthest, away)
                    moved.add(name)
            for effect in self._effects:
                if moved & effect.controls.keys():
                    failed = self._turn(effect) or failed
            failed = self._rest() or failed
        if failed:
            raise failed

    def _rest(self) -> CircuitError | None:
        record, failed = self._record, None
        for number, effect in enumerate(self._effects):
            if record.effects[number]["unwell"]:
                failed = self._reset(effect) or failed
                record.effects[number]["unwell"] = 0
        # A block that had begun when another model was asked for may still take up the one before.
        if record.blocks > self._asked_in:
            # The coming one first: where it becomes the one that sounds meanwhile, it is found there.
            coming = int(record.coming)
            busy = {int(record.chosen), coming, int(record.sounding)}
            for number in self._used - busy:
                failed = self._reset(self._effects[number]) or failed
            self._used &= busy
        return failed

    def _reset(self, effect: Playable) -> CircuitError | None:
        effect.reset()
        return self._turn(effect)

    def _turn(self, effect: Playable) -> CircuitError | None:
        """Its knobs to where the desk has them; why not, where it cannot follow."""
        try:
            effect.turn(self._of(effect))
        except CircuitError as error:
            return error
        return None

    def _of(self, effect: Playable) -> dict[str, float]:
        return {name: self._positions[name] for name in effect.controls}

    def meters(self) -> Meters:
        """Peaks, clipping, load and trouble since the last call."""
        with self._lock:
            blocks, totals = int(self._record.blocks), self._totals()
            rows = self._rows(self._seen, blocks)
            input_peak, output_peak = rows[:, [r.INPUT_PEAK, r.OUTPUT_PEAK]].max(axis=0, initial=0.0).tolist()
            lasted = rows[:, r.SAMPLES] * 1e9 / self.sample_rate
            input_clipped, output_clipped, unwell = (totals - self._seen_totals).tolist()
            troubles = self._record.effects["troubles"].copy()
            ailing = np.flatnonzero(troubles != self._seen_troubles).tolist()
            meters = Meters(
                input_peak_dbfs=audio.amplitude_to_db(input_peak),
                output_peak_dbfs=audio.amplitude_to_db(output_peak),
                input_clipped=input_clipped,
                output_clipped=output_clipped,
                blocks=blocks - self._seen,
                load=float(rows[:, r.TAKEN].sum() / lasted.sum()) if len(rows) else 0.0,
                worst_load=float((rows[:, r.TAKEN] / lasted).max(initial=0.0)),
                unwell=unwell,
                unwell_models=tuple(self.names[number] for number in ailing),
            )
            self._seen, self._seen_totals, self._seen_troubles = blocks, totals, troubles
        return meters

    @property
    def block_size(self) -> int:
        """Samples of the last block; 0 before the first."""
        return int(self._record.history[(self._record.blocks - 1) % r.HISTORY, r.SAMPLES])

    def _totals(self) -> np.ndarray:
        record = self._record
        return np.array([record.input_clipped, record.output_clipped, record.unwell])

    def block_loads(self, since: int) -> tuple[int, np.ndarray]:
        """How many blocks there have been, and the share of its time that each took since that was ``since``.

        The desk remembers the last 4096 blocks; a caller who waits longer misses some.
        """
        blocks = int(self._record.blocks)
        rows = self._rows(since, blocks)
        return blocks, rows[:, r.TAKEN] * self.sample_rate * 1e-9 / rows[:, r.SAMPLES]

    def _rows(self, first: int, end: int) -> np.ndarray:
        """The history of some blocks, without the oldest one, which may just be written over."""
        return self._record.history[np.arange(max(first, end - r.HISTORY + 1), end) % r.HISTORY]

    def process(self, dry: np.ndarray, wet: np.ndarray) -> None:
        """What the audio thread does with a block: fill ``wet`` from ``dry``, both float32 (T,) and contiguous."""
        for block in (dry, wet):
            if block.dtype != np.float32 or block.shape != (len(dry),) or not block.flags.c_contiguous:
                raise SignalError(
                    f"a block is contiguous float32 of shape ({len(dry)},), not {block.dtype} {block.shape}"
                )
        self._run(self.address, dry.ctypes.data, wet.ctypes.data, len(dry))


def _gain(gain_db: float) -> float:
    if not gain_db <= HIGHEST_GAIN_DB:  # NaN fails too
        raise SettingsError(f"a gain is at most {HIGHEST_GAIN_DB:g} dB, not {gain_db:g} dB")
    return 10 ** (gain_db / 20)


def _clock(answer: int) -> tuple[int, tuple[int, int], tuple[float, float]]:
    """Address of the system's steady clock, its arguments when it is to write to ``answer``, nanoseconds per word there."""
    if sys.platform == "win32":
        kernel = ctypes.windll.kernel32
        per_second = ctypes.c_int64()
        kernel.QueryPerformanceFrequency(ctypes.byref(per_second))
        function, arguments, units = kernel.QueryPerformanceCounter, (answer, 0), (1e9 / per_second.value, 0.0)
    else:
        function, arguments, units = ctypes.CDLL(None).clock_gettime, (time.CLOCK_MONOTONIC, answer), (1e9, 1.0)
    return ctypes.cast(function, ctypes.c_void_p).value or 0, arguments, units
