"""A netlist as an Effect: dry in volts in, wet in volts out."""

from collections import Counter
from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from drywet import controls as knobs
from drywet.audio import HIGHEST_RATE, LOWEST_RATE
from drywet.circuits import mna, solver
from drywet.circuits.laws import LAWS
from drywet.circuits.loop import SIGNATURE, play
from drywet.circuits.netlist import Netlist, parse, read
from drywet.circuits.oversampling import PASS_BAND, Oversampler
from drywet.errors import CircuitError, SettingsError, SignalError
from drywet.kernel_cache import prepare

MAX_OVERSAMPLING = 64
NETLISTS = (".cir", ".net", ".sp")  # endings of the files
_CACHED_SETTINGS = 64
_PART_NAMES = {
    "R": "resistors", "C": "capacitors", "V": "voltage sources", "I": "current sources", "E": "controlled voltages",
    "G": "controlled currents", "B": "expressions", "D": "diodes", "Q": "transistors",
}  # fmt: skip


def builtin() -> list[str]:
    """Names of the circuits that come with drywet, for :func:`load`."""
    folder = resources.files("drywet.circuits")
    return sorted(item.name.removesuffix(".cir") for item in folder.iterdir() if item.name.endswith(".cir"))


def is_circuit(name: str) -> bool:
    """Whether a circuit is meant, not a model: a built-in one, or a netlist by the ending of its file.

    A file or folder that is there goes before a built-in circuit of its name. SettingsError for a name of nothing.
    """
    path = Path(name)
    if path.exists() or path.suffix:
        return path.suffix.lower() in NETLISTS
    if name not in builtin() and len(path.parts) == 1:
        raise SettingsError(
            f"no run folder, model file or circuit named {name!r}; built-in circuits: {', '.join(builtin())}"
        )
    return name in builtin()


def load(
    name: str | Path,
    *,
    sample_rate: int = 44_100,
    oversampling: int = 8,
    laws: Mapping[str, str] | None = None,
) -> "VirtualCircuit":
    """A virtual circuit: one of :func:`builtin`, or the netlist in a file.

    Parameters
    ----------
    name : str or path
        ``"sd1"``, or a path (anything with a folder or an ending in it).
    sample_rate, oversampling, laws
        As for :class:`VirtualCircuit`.

    Raises
    ------
    CircuitError
        If the netlist cannot be read or solved.
    SettingsError
        If there is no such circuit, or an option is impossible.
    """
    return VirtualCircuit(load_netlist(name), sample_rate, oversampling, laws)


def load_netlist(name: str | Path) -> Netlist:
    """The netlist of a built-in circuit, or in a file."""
    if str(name) in builtin():
        text = resources.files("drywet.circuits").joinpath(f"{name}.cir").read_text(encoding="utf-8")
        return parse(text, name=f"{name}.cir")
    path = Path(name)
    if not path.suffix and len(path.parts) == 1 and not path.exists():
        raise SettingsError(f"no circuit named {str(name)!r}; built in: {', '.join(builtin())}. Or give a netlist file")
    return read(path)


class VirtualCircuit:
    """A circuit that is played through: an :class:`drywet.effect.Effect`. 1.0 is 1 V.

    The netlist is solved at ``oversampling`` times the sample rate; up- and down-sampling are linear phase. It starts
    at rest (DC operating point), and silence in is silence out, exactly: wet is the deviation of the output from its
    voltage at rest, as behind the coupling capacitor of an audio interface.

    Parameters
    ----------
    netlist : Netlist
    sample_rate : int
        Hz, of dry and wet.
    oversampling : int
        1 to 64. Aliasing, not accuracy, asks for 8 (see docs).
    laws : mapping of knob to law, optional
        A pot law other than the netlist's: one of :data:`drywet.circuits.LAWS`.

    Attributes
    ----------
    sample_rate, latency, controls
        See :class:`drywet.effect.Effect`.
    laws : dict of knob to law
    unsolved : int
        Samples (at the higher rate) since :meth:`reset` whose equations were left before the solution was reached.
    """

    def __init__(
        self,
        netlist: Netlist,
        sample_rate: int = 44_100,
        oversampling: int = 8,
        laws: Mapping[str, str] | None = None,
    ):
        if not LOWEST_RATE <= sample_rate <= HIGHEST_RATE or int(sample_rate) != sample_rate:
            raise SettingsError(
                f"sample_rate is {sample_rate} Hz, not a whole number from {LOWEST_RATE} to {HIGHEST_RATE}"
            )
        if not 1 <= oversampling <= MAX_OVERSAMPLING or int(oversampling) != oversampling:
            raise SettingsError(f"oversampling is {oversampling}, not a whole number from 1 to {MAX_OVERSAMPLING}")
        self.netlist = netlist
        self.sample_rate = int(sample_rate)
        self.oversampling = int(oversampling)
        self.controls = {name: knob.default for name, knob in netlist.knobs.items()}
        self.laws = {name: knob.law for name, knob in netlist.knobs.items()}
        for name, law in (laws or {}).items():
            if name not in self.laws:
                raise SettingsError(f"no knob named {name!r} in {netlist.name}; the knobs are {', '.join(self.laws)}")
            if law not in LAWS:
                raise SettingsError(f"unknown pot law {law!r}; known are {', '.join(LAWS)}")
            self.laws[name] = law
        self._settings: dict[tuple[float, ...], _Setting] = {}
        self._treble = self._lost_treble()
        self._oversampler = self.oversampler()
        self.latency = self._oversampler.latency
        self.reset()

    def prepare(self, report: Callable[[str], None] = lambda text: None) -> None:
        """Have the solver ready, as the first :meth:`process` would; ``report`` is told if it has to be compiled first."""
        prepare(play, SIGNATURE, "circuit solver", report)

    def parameters(self, controls: Mapping[str, str | float] | None = None) -> dict[str, float]:
        """The netlist's ``.param`` values for knob positions: rotations through the pot laws."""
        positions = knobs.resolve(controls, self.controls)
        return {self.netlist.knobs[name].parameter: LAWS[self.laws[name]](x) for name, x in positions.items()}

    def reset(self) -> None:
        """Back to rest: the operating point, nothing in the filters."""
        self._oversampler.reset()
        self._setting: _Setting | None = None
        self._counters = np.zeros(solver.COUNTERS, np.int64)

    @property
    def unsolved(self) -> int:
        return int(self._counters[solver.GIVEN_UP])

    def process(self, dry: np.ndarray, controls: Mapping[str, str | float]) -> np.ndarray:
        """The next wet block, float32 of shape (T,). Knobs may move between blocks; the charges stay where they are.

        Raises
        ------
        SignalError
            If ``dry`` is not a finite signal of shape (T,).
        SettingsError
            If a knob is unknown or out of range.
        """
        dry = np.array(dry, np.float32)
        if dry.ndim != 1 or not np.isfinite(dry).all():
            raise SignalError(f"dry must be finite and of shape (T,); this block has shape {dry.shape}")
        self.prepare()
        self._setting = self._turn(self.parameters(controls))
        kernel, oversampler, wet = self._setting.kernel, self._oversampler, np.empty_like(dry)
        play(
            dry, wet, oversampler.sizes, oversampler.filters, oversampler.lines, kernel.whole, kernel.numbers, self._state,
            self._work, self._counters,
        )  # fmt: skip
        return wet

    def kernel(self, controls: Mapping[str, str | float] | None = None) -> solver.Kernel:
        """The constants of the time-stepping at a position of the knobs; made once, and not to be written to."""
        return self._make(self.parameters(controls)).kernel

    def oversampler(self) -> Oversampler:
        """The filters up and down, at rest."""
        return Oversampler(self.oversampling, self._treble)

    def operating_point(self, controls: Mapping[str, str | float] | None = None) -> dict[str, float]:
        """Node voltages in V at rest."""
        setting = self._make(self.parameters(controls))
        return {node: float(setting.at.x[row]) for node, row in setting.system.nodes.items()}

    def frequency_response(
        self, frequency_hz: np.ndarray, controls: Mapping[str, str | float] | None = None
    ) -> np.ndarray:
        """Complex small-signal gain of the circuit itself (continuous time) at each frequency in Hz, shape (F,)."""
        setting = self._make(self.parameters(controls))
        return mna.small_signal(setting.system, setting.at, np.atleast_1d(frequency_hz))

    def describe(self) -> dict[str, Any]:
        """Knobs, input, output, node count, parts of each kind and nonlinear ports, as JSON takes them."""
        netlist, parameters = self.netlist, self.parameters()
        system = self._make(parameters).system
        kinds = Counter(part.kind for part in netlist.parts(parameters))
        ports = zip(system.port_names, system.linear, strict=True)
        return {
            "name": Path(netlist.name).stem,
            "title": netlist.title,
            "knobs": {
                name: {
                    "parameter": knob.parameter,
                    "law": self.laws[name],
                    "laws": list(knob.laws),
                    "default": knob.default,
                }
                for name, knob in netlist.knobs.items()
            },
            "input": netlist.input,
            "output": netlist.output,
            "nodes": len(system.nodes),
            "parts": {_PART_NAMES[kind]: count for kind, count in kinds.items()},
            "ports": list(dict.fromkeys(name for name, linear in ports if not linear)),
        }

    def _lost_treble(self) -> float:
        """What the down-sampling filter gives back of the treble that the time step takes.

        The trapezoidal rule bends the frequency axis (tan): a circuit that falls by 6 dB an octave lies 0.1 dB low at
        20 kHz with 8 steps a sample. Its small signals, knobs at their defaults, say how low; one coefficient ``a`` of
        ``1 + a (1 - cos ωT)`` is fitted to that.
        """
        setting, step = self._make(self.parameters()), 1 / (self.sample_rate * self.oversampling)
        frequency = np.linspace(0.1, 1.0, 19) * PASS_BAND * self.sample_rate
        exact, stepped = (mna.small_signal(setting.system, setting.at, frequency, at) for at in (None, step))
        if self.oversampling == 1 or np.abs(stepped).min() < 1e-12:
            return 0.0
        bend = 1 - np.cos(2 * np.pi * frequency * step)
        coefficient = float(bend @ (np.abs(exact / stepped) - 1) / (bend @ bend))
        return float(np.clip(coefficient * bend[-1], -0.1, 0.1) / bend[-1])

    def _turn(self, parameters: Mapping[str, float]) -> "_Setting":
        """The matrices of a knob setting; the state is carried over to them."""
        old, new = self._setting, self._make(parameters)
        if new is old:
            return new
        if old is None or old.kernel.keepers != new.kernel.keepers:
            self._state = new.kernel.rest()
            self._work, counters = new.kernel.memory()
            counters[: solver.COUNTERS] = self._counters[: solver.COUNTERS]
            self._counters = counters
            return new
        absolute = np.empty(new.kernel.absolute_size())
        solver.lift(old.kernel.whole, old.kernel.numbers, self._state, absolute)
        solver.settle(new.kernel.whole, new.kernel.numbers, absolute, self._state)
        return new

    def _make(self, parameters: Mapping[str, float]) -> "_Setting":
        key = tuple(parameters.values())
        if key not in self._settings:
            if len(self._settings) >= _CACHED_SETTINGS:
                self._settings.pop(next(iter(self._settings)))
            step = 1 / (self.sample_rate * self.oversampling)
            self._settings[key] = _Setting(key, self.netlist, parameters, step)
        return self._settings[key]


class _Setting:
    """The matrices of one position of the knobs."""

    def __init__(self, key: tuple[float, ...], netlist: Netlist, parameters: Mapping[str, float], step: float):
        self.key = key
        self.system = mna.build(netlist, netlist.parts(parameters))
        self.at = mna.operating_point(netlist, self.system)
        reduced = self.reduced = mna.reduce(self.system, self.at, step)
        if not np.isfinite(reduced.coupling).all() or not np.isfinite(reduced.from_history).all():
            raise CircuitError(f"{netlist.name}: the equations of a time step have no finite solution")
        system, ports = self.system, zip(self.system.port_names, self.system.linear, self.at.capacitance, strict=True)
        charged = [f"charge of {name}" for name, linear, farads in ports if linear and farads > 0]
        self.kernel = solver.Kernel(reduced, (*system.capacitor_names, *system.port_names, *charged))
