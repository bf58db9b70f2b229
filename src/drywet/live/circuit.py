"""A virtual circuit in the audio thread, its knobs turned while it plays.

A position of the knobs is a set of matrices, which takes a few milliseconds to make: the control thread makes it, and the
audio thread takes it at the beginning of a block. There are three places for a set. One is played, one is being written, and
one lies between: each thread exchanges its own for that in a single atomic step, so neither waits, and a set that has not
been taken when the next one is ready is written over.
"""

import threading
from collections.abc import Callable, Mapping

import numpy as np
from numba import types
from numba.extending import intrinsic

from drywet.circuits import VirtualCircuit
from drywet.circuits.loop import play
from drywet.circuits.solver import GIVEN_UP, Kernel, lift, settle
from drywet.effect import Native
from drywet.engine.kernels.native import kernel_address, play_address
from drywet.errors import CircuitError
from drywet.kernel_cache import kernel, prepare
from drywet.vectors import aligned

LIVE_OVERSAMPLING = 8  # the SD-1 then takes a fifth of a core, see docs/circuits.md

_SIGNATURE = "void(float32[::1], float32[::1], float64[::1], int64[::1])"
# The table: the set between the threads, the one that is played, where in the numbers everything begins, how long a set is.
_BETWEEN, _PLAYED, _FILTERS, _LINES, _STATE, _WORK, _ABSOLUTE, _SETS, _END, _SET_NUMBERS, _SET_WHOLE, _COUNTED = range(
    12
)
_SIZES = 12  # of the filters, three numbers; then counters and the tables of the sets
_COUNTERS = _SIZES + 3
_NEW = 4  # beside the number of the set between: it has not been played yet


@intrinsic
def _exchange(typing_context, table, place, value):
    """Write ``value`` to a place of a table of int64, and give what was there, in one step that no thread can part."""

    def codegen(context, builder, signature, arguments):
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        return builder.atomic_rmw("xchg", builder.gep(data, [arguments[1]]), arguments[2], "seq_cst")

    return types.int64(table, types.int64, types.int64), codegen


@kernel()
def _publish(table, number):
    return _exchange(table, _BETWEEN, number | _NEW) & (_NEW - 1)


@kernel()
def _play(dry, wet, numbers, table):
    state = numbers[table[_STATE] : table[_WORK]]
    if table[_BETWEEN] & _NEW:
        absolute = numbers[table[_ABSOLUTE] : table[_SETS]]
        whole, constants = _set(numbers, table)
        lift(whole, constants, state, absolute)
        table[_PLAYED] = _exchange(table, _BETWEEN, table[_PLAYED]) & (_NEW - 1)
        whole, constants = _set(numbers, table)
        settle(whole, constants, absolute, state)
    whole, constants = _set(numbers, table)
    play(
        dry, wet, table[_SIZES:_COUNTERS], numbers[table[_FILTERS] : table[_LINES]],
        numbers[table[_LINES] : table[_STATE]], whole, constants, state, numbers[table[_WORK] : table[_ABSOLUTE]],
        table[_COUNTERS : _COUNTERS + table[_COUNTED]],
    )  # fmt: skip


@kernel()
def _set(numbers, table):
    """Whole numbers and constants of the set that is played."""
    played = table[_PLAYED]
    whole = _COUNTERS + table[_COUNTED] + played * table[_SET_WHOLE]
    constants = table[_SETS] + played * table[_SET_NUMBERS]
    return table[whole : whole + table[_SET_WHOLE]], numbers[constants : constants + table[_SET_NUMBERS]]


class PlayableCircuit:
    """A :class:`~drywet.circuits.VirtualCircuit` that compiled code can play, see :class:`drywet.live.desk.Playable`.

    It sounds as the circuit does, to the bit. The circuit itself stays as it is; only what it remembers of knob settings is
    shared.

    Attributes
    ----------
    sample_rate, latency, controls
        See :class:`drywet.effect.Effect`.
    """

    def __init__(self, circuit: VirtualCircuit, report: Callable[[str], None] = lambda text: None):
        """``report`` is told when the solver has to be compiled first."""
        self.circuit, self.controls = circuit, dict(circuit.controls)
        self.sample_rate, self.latency = circuit.sample_rate, circuit.latency
        prepare(_play, _SIGNATURE, "circuit solver", report)
        self._lock = threading.Lock()
        kernel, oversampler = circuit.kernel(), circuit.oversampler()
        state, (work, counters) = kernel.rest(), kernel.memory()
        parts = [oversampler.filters, oversampler.lines, state, work, np.zeros(kernel.absolute_size())]
        places = np.cumsum([0, *map(len, parts), 3 * len(kernel.numbers)])
        self._numbers = aligned(np.concatenate([*parts, np.zeros(3 * len(kernel.numbers))]))
        self._native_table = np.zeros(1 + _COUNTERS + len(counters) + 3 * len(kernel.whole), np.int64)
        self._table = table = self._native_table[1:]  # the address of the kernel comes first
        table[_FILTERS : _END + 1] = places
        table[[_SET_NUMBERS, _SET_WHOLE, _COUNTED]] = len(kernel.numbers), len(kernel.whole), len(counters)
        table[_SIZES:_COUNTERS] = oversampler.sizes
        self._keepers = kernel.keepers
        self.reset()

    def reset(self) -> None:
        """To rest, knobs at their defaults. Only while no thread plays it."""
        with self._lock:
            numbers, table = self._numbers, self._table
            numbers[table[_LINES] : table[_SETS]] = 0.0
            table[_COUNTERS : _COUNTERS + table[_COUNTED]] = 0
            table[[_BETWEEN, _PLAYED]] = 1, 0
            self._writing, self._turned = 2, self.circuit.parameters()
            self._write(0, self.circuit.kernel())

    def turn(self, controls: Mapping[str, str | float]) -> None:
        """Set the knobs, from any thread, while the audio thread plays: heard from the next block on.

        Raises
        ------
        SettingsError
            If a knob is unknown or out of range.
        CircuitError
            If the circuit cannot be solved there, or is another one: a knob may take a part out.
        """
        parameters = self.circuit.parameters(controls)
        with self._lock:
            if parameters != self._turned:
                self._write(self._writing, self.circuit.kernel(controls))
                self._writing = _publish(self._table, self._writing)
                self._turned = parameters

    def _write(self, number: int, kernel: Kernel) -> None:
        if kernel.keepers != self._keepers:
            parts = ", ".join(sorted(set(kernel.keepers) ^ set(self._keepers))) or "parts in another order"
            raise CircuitError(
                f"{self.circuit.netlist.name}: at this position of the knobs its equations are not those of the defaults "
                f"({parts}): a knob takes a part in or out, which cannot be done while playing"
            )
        whole, constants = len(kernel.whole), len(kernel.numbers)
        start = _COUNTERS + self._table[_COUNTED] + number * whole
        self._table[start : start + whole] = kernel.whole
        start = self._table[_SETS] + number * constants
        self._numbers[start : start + constants] = kernel.numbers

    def process_into(self, dry: np.ndarray, wet: np.ndarray) -> None:
        """Fill ``wet`` from ``dry``, both float32 (T,) and contiguous, at the knobs of :meth:`turn`."""
        _play(dry, wet, self._numbers, self._table)

    def process(self, dry: np.ndarray, controls: Mapping[str, str | float]) -> np.ndarray:
        """The next wet block: it is an :class:`drywet.effect.Effect`, too."""
        self.turn(controls)
        dry = np.array(dry, np.float32)
        wet = np.empty_like(dry)
        self.process_into(dry, wet)
        return wet

    def native(self) -> Native:
        self._native_table[0] = kernel_address(_play)
        return Native(play_address(), self._numbers.view(np.float32), self._native_table)

    @property
    def unsolved(self) -> int:
        """Samples (at the higher rate) since :meth:`reset` whose equations were left before the solution was reached."""
        return int(self._table[_COUNTERS + GIVEN_UP])
