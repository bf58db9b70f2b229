"""Nodal equations of a circuit, its operating point, its small-signal response, and its reduction to the ports.

Modified nodal analysis [1]_ writes the circuit as

    G x + E d/dt(C Eᵀ x) + N f(M x + m) = s + b u,

``x`` node voltages and branch currents, ``E`` where the capacitors sit, ``f`` the currents of the nonlinear ports,
whose voltages ``M`` reads and whose currents ``N`` injects, ``s`` the supplies, ``u`` the input. All further work is in
deviations from the operating point x0, so that silence is zero exactly, and ``f`` is split into its tangent there,
which joins the linear part, and a remainder that vanishes to second order.

A capacitor or a port's charge, integrated with weight θ on the new sample (1/2: the trapezoidal rule), is a conductance
C / (θT) beside a source h, its history [2]_. With it the linear part is solved once per knob setting, and per sample
only

    v = p - K i(v),    p = P h + Q u,    K = M A⁻¹ N

remains [3]_, one equation per port.

References
----------
.. [1] C. Ho, A. Ruehli, P. Brennan, "The modified nodal approach to network analysis", IEEE Trans. CAS 22(6), 1975.
.. [2] L. Nagel, "SPICE2: a computer program to simulate semiconductor circuits", UCB/ERL M520, 1975.
.. [3] D. Yeh, J. Abel, J. Smith, "Automated physical modeling of nonlinear audio circuits for real-time audio effects,
   part I", IEEE Trans. ASLP 18(4), 2010: the K method, eqns (8)-(12).
"""

from dataclasses import dataclass

import numpy as np

from drywet.circuits import devices
from drywet.circuits.devices import COLLECTOR, EMITTER, GMIN, JUNCTION, TANH
from drywet.circuits.netlist import Affine, Netlist, Part
from drywet.errors import CircuitError

MAX_PORTS = 64
CHARGE_DAMPING = 0.6
"""Weight θ of the new sample for the charges of junctions. A conducting junction is stiff, and under the trapezoidal
rule (1/2) its charge current alternates from sample to sample, which a clipper turns into aliasing: 3 dB more for 5 kHz
through the SD-1 at 3:00. The price is a fifth of backward Euler's error, on charges of a few picofarad."""


@dataclass
class System:
    """The matrices of the nodal equations. n unknowns, J capacitors, P ports."""

    nodes: dict[str, int]  # name to row; ground is absent
    conductance: np.ndarray  # (n, n), G
    supply: np.ndarray  # (n,), s
    input: np.ndarray  # (n,), b
    input_offset: float  # V or A, the input's value at rest
    output: np.ndarray  # (n,)
    capacitor_names: list[str]
    incidence: np.ndarray  # (n, J), E
    capacitance: np.ndarray  # (J,), F
    port_names: list[str]
    kinds: np.ndarray  # (P,)
    rows: np.ndarray  # (P, WIDTH)
    reads: np.ndarray  # (P, n), M
    reads_offset: np.ndarray  # (P,), m
    injects: np.ndarray  # (n, P), N
    linear: np.ndarray  # (P,), True where the netlist asks for the small-signal model


@dataclass
class OperatingPoint:
    """The circuit at rest."""

    x: np.ndarray  # (n,) V, and A for branches
    ports: np.ndarray  # (P,) V
    current: np.ndarray  # (P,) A
    slope: np.ndarray  # (P, P) S: its derivative by every port voltage
    charge: np.ndarray  # (P,) C
    capacitance: np.ndarray  # (P,) F


@dataclass
class Reduced:
    """What is left per sample once the linear part is eliminated, in deviations from rest. S histories, P ports."""

    kinds: np.ndarray  # (P,)
    rows: np.ndarray  # (P, WIDTH)
    rest: np.ndarray  # (P,) V, port voltages at rest
    rest_current: np.ndarray  # (P,) A
    rest_charge: np.ndarray  # (P,) C
    slope: np.ndarray  # (P,) A/V, taken out of the port's law, charge included
    across: np.ndarray  # (P,) A/V, the same by the voltage of the transistor's other port
    rate: float  # 1/s, 1 / (θT) of the ports' charges
    coupling: np.ndarray  # (P, P) ohm, K
    from_history: np.ndarray  # (S, S + P + 1), rows: one history; columns: histories, ports, output
    from_input: np.ndarray  # (S + P + 1,)
    from_ports: np.ndarray  # (P, S + 1): columns: histories, output
    companion: np.ndarray  # (S,) S, C / (θT)
    history_at_rest: np.ndarray  # (S,) A
    charge_history_at_rest: np.ndarray  # (P,) A


def build(netlist: Netlist, parts: list[Part]) -> System:
    """The nodal equations of ``parts``.

    Raises
    ------
    CircuitError
        If a node has no path to ground for direct current, or the input or the output is missing.
    """
    parts = merge_series_diodes(parts, keep={netlist.output})
    nodes = _number_nodes(netlist, parts)
    return _Stamper(netlist, parts, nodes).stamp()


def merge_series_diodes(parts: list[Part], keep: set[str]) -> list[Part]:
    """Equal diodes in series as one part of ``count`` diodes: exact, since they carry one current."""
    parts = list(parts)
    used: dict[str, list[Part]] = {}
    for part in parts:
        for node in _touched(part):
            used.setdefault(node, []).append(part)
    for node, around in used.items():
        if node in keep or node == "0" or len(around) != 2 or {part.kind for part in around} != {"D"}:
            continue
        into, out = around if around[0].nodes[1] == node else around[::-1]
        if into is out or into.nodes[1] != node or out.nodes[0] != node or into.linear != out.linear:
            continue
        single = [{key: value for key, value in part.model.items() if key != "count"} for part in (into, out)]
        if single[0] != single[1]:
            continue
        count = into.model.get("count", 1) + out.model.get("count", 1)
        merged = Part(
            "D", f"{into.name}+{out.name}", (into.nodes[0], out.nodes[1]), model={**single[0], "count": count},
            linear=into.linear, line=into.line,
        )  # fmt: skip
        parts = [part for part in parts if part is not into and part is not out] + [merged]
        for others in used.values():
            others[:] = [merged if part is into or part is out else part for part in others]
    return parts


def _touched(part: Part) -> list[str]:
    read = [part.control, *(inner for _, inner in part.tanhs)]
    return [*part.nodes, *(node for affine in read for node in affine.coefficients)]


def _number_nodes(netlist: Netlist, parts: list[Part]) -> dict[str, int]:
    """Rows of the nodes; refuses circuits whose direct voltages are not determined."""
    leader: dict[str, str] = {"0": "0"}

    def find(node: str) -> str:
        while leader.setdefault(node, node) != node:
            leader[node] = node = leader[leader[node]]  # halves the way for the next one
        return node

    for part in parts:
        for node in part.nodes:
            find(node)
        if part.kind in "RVEDQ" or part.gives_voltage:
            for node in part.nodes[1:]:
                leader[find(node)] = find(part.nodes[0])
    if all("0" not in part.nodes for part in parts):
        raise CircuitError(f"{netlist.name}: no part is connected to ground (node 0)")
    for part in parts:
        for node in _touched(part):
            if node not in leader:
                netlist.fail(part.line, f"{part.name} reads node {node}, to which no part is connected")
            if find(node) != find("0"):
                netlist.fail(
                    part.line,
                    f"node {node} has no path to ground for direct current (capacitors carry none); connect it, or "
                    "add a large resistor",
                )
    if netlist.output not in leader:
        raise CircuitError(f"{netlist.name}: output node {netlist.output!r} is not in the circuit")
    sources = {part.name: part for part in parts if part.kind in "VI"}
    if netlist.input not in sources:
        known = ", ".join(sources) or "none"
        raise CircuitError(f"{netlist.name}: input {netlist.input!r} is no V or I source; the sources are {known}")
    return {node: row for row, node in enumerate(node for node in leader if node != "0")}


class _Stamper:
    """Writes each part into the matrices."""

    def __init__(self, netlist: Netlist, parts: list[Part], nodes: dict[str, int]):
        self.netlist, self.parts, self.nodes = netlist, parts, dict(nodes)
        self.branches: list[tuple[Part, int]] = []
        extra = 0
        for part in parts:  # a branch current for each voltage source, an inner node for each series resistance
            if part.kind in "VE" or (part.kind == "B" and part.gives_voltage):
                extra += 1
            elif part.kind == "D":
                extra += part.model["rs"] > 0
            elif part.kind == "Q":
                extra += sum(part.model[key] > 0 for key in ("rb", "rc", "re"))
        self.next_row = len(nodes)
        n = len(nodes) + extra
        self.conductance = np.zeros((n, n))
        self.supply, self.input = np.zeros(n), np.zeros(n)
        self.input_offset = 0.0
        self.capacitors: list[tuple[str, np.ndarray, float]] = []
        self.ports: list[tuple[str, int, np.ndarray, np.ndarray, float, np.ndarray, bool]] = []

    def stamp(self) -> System:
        for part in self.parts:
            getattr(self, f"_stamp_{part.kind.lower()}")(part)
        if len(self.ports) > MAX_PORTS:
            raise CircuitError(
                f"{self.netlist.name}: {len(self.ports)} nonlinear ports, at most {MAX_PORTS} are solved"
            )
        n = len(self.supply)
        return System(
            nodes=self.nodes,
            conductance=self.conductance,
            supply=self.supply,
            input=self.input,
            input_offset=self.input_offset,
            output=self._across(self.netlist.output, "0"),
            capacitor_names=[item[0] for item in self.capacitors],
            incidence=np.array([item[1] for item in self.capacitors]).reshape(-1, n).T.copy(),
            capacitance=np.array([item[2] for item in self.capacitors]),
            port_names=[item[0] for item in self.ports],
            kinds=np.array([item[1] for item in self.ports], dtype=np.int64),
            rows=np.array([item[2] for item in self.ports]).reshape(-1, devices.WIDTH),
            reads=np.array([item[3] for item in self.ports]).reshape(-1, n),
            reads_offset=np.array([item[4] for item in self.ports]),
            injects=np.array([item[5] for item in self.ports]).reshape(-1, n).T.copy(),
            linear=np.array([item[6] for item in self.ports], dtype=bool),
        )

    def _across(self, plus: str | int, minus: str | int) -> np.ndarray:
        row = np.zeros(len(self.supply))
        for node, sign in ((plus, 1.0), (minus, -1.0)):
            if node != "0":
                row[self.nodes[node] if isinstance(node, str) else node] += sign
        return row

    def _new_row(self) -> int:
        self.next_row += 1
        return self.next_row - 1

    def _conduct(self, incidence: np.ndarray, siemens: float) -> None:
        self.conductance += siemens * np.outer(incidence, incidence)

    def _read(self, affine: Affine) -> np.ndarray:
        row = np.zeros(len(self.supply))
        for node, coefficient in affine.coefficients.items():
            row += coefficient * self._across(node, "0")
        return row

    def _branch(self, part: Part) -> int:
        """A branch whose current flows from the first node through the source to the second."""
        row = self._new_row()
        incidence = self._across(*part.nodes)
        self.conductance[:, row] += incidence
        self.conductance[row, :] += incidence
        return row

    def _stamp_r(self, part: Part) -> None:
        self._conduct(self._across(*part.nodes), 1 / part.value)

    def _stamp_c(self, part: Part) -> None:
        if part.value > 0 and part.nodes[0] != part.nodes[1]:
            self.capacitors.append((part.name, self._across(*part.nodes), part.value))

    def _source(self, part: Part, injection: np.ndarray) -> None:
        self.supply += part.value * injection
        if part.name == self.netlist.input:
            self.input += injection
            self.input_offset = part.value

    def _stamp_v(self, part: Part) -> None:
        injection = np.zeros(len(self.supply))
        injection[self._branch(part)] = 1.0
        self._source(part, injection)

    def _stamp_i(self, part: Part) -> None:
        self._source(part, -self._across(*part.nodes))

    def _stamp_e(self, part: Part) -> None:
        row = self._branch(part)
        self.conductance[row] -= part.value * self._read(part.control)

    def _stamp_g(self, part: Part) -> None:
        self.conductance += part.value * np.outer(self._across(*part.nodes), self._read(part.control))

    def _stamp_b(self, part: Part) -> None:
        # KCL: the source's current leaves its first node. As a voltage it stands on the right of its branch equation.
        if part.gives_voltage:
            into = np.zeros(len(self.supply))
            into[self._branch(part)] = -1.0
        else:
            into = self._across(*part.nodes)
        self.conductance += np.outer(into, self._read(part.control))
        self.supply -= part.control.constant * into
        for gain, inner in part.tanhs:
            row = devices.tanh_row(gain)
            self.ports.append((part.name, TANH, row, self._read(inner), inner.constant, into, part.linear))

    def _stamp_d(self, part: Part) -> None:
        anode, cathode = part.nodes
        inner: str | int = anode
        count = int(part.model.get("count", 1))
        if part.model["rs"] > 0:
            inner = self._new_row()
            self._conduct(self._across(anode, inner), 1 / (count * part.model["rs"]))
        self._junction(part, JUNCTION, devices.junction_row(part.model, count), inner, cathode, count)

    def _junction(self, part: Part, kind: int, row: np.ndarray, plus, minus, count: int = 1) -> None:
        incidence = self._across(plus, minus)
        self._conduct(incidence, GMIN / count)
        self.ports.append((part.name, kind, row, incidence, 0.0, incidence, part.linear))

    def _stamp_q(self, part: Part) -> None:
        inner: list[str | int] = []
        for node, key in zip(part.nodes, ("rc", "rb", "re"), strict=True):
            inner.append(node)
            if part.model[key] > 0:
                inner[-1] = self._new_row()
                self._conduct(self._across(node, inner[-1]), 1 / part.model[key])
        collector, base, emitter = inner
        for kind, row, end in zip(
            (EMITTER, COLLECTOR), devices.transistor_rows(part.model), (emitter, collector), strict=True
        ):
            plus, minus = (base, end) if part.polarity > 0 else (end, base)
            self._junction(part, kind, row, plus, minus)


def operating_point(netlist: Netlist, system: System, start: np.ndarray | None = None) -> OperatingPoint:
    """The circuit at rest: Newton's method, then with conductances beside the junctions, then with rising supplies.

    Parameters
    ----------
    start : array, shape (n,), optional
        Where to begin, such as the operating point of the knobs as they were.

    Raises
    ------
    CircuitError
        If the equations are singular, or no operating point is found.
    """
    n = len(system.supply)
    x = np.zeros(n) if start is None or len(start) != n else start
    found = _newton(netlist, system, x, 0.0, 1.0)
    if found is None:
        x = np.zeros(n)
        for gmin in [10.0**-k for k in range(2, 13)] + [0.0]:  # gmin stepping
            found = _newton(netlist, system, x, gmin, 1.0)
            if found is None:
                break
            x = found
    if found is None:
        x, level, step = np.zeros(n), 0.0, 0.1
        while level < 1.0 and step > 1e-6:  # source stepping
            found = _newton(netlist, system, x, 0.0, min(1.0, level + step))
            if found is None:
                step /= 4
            else:
                x, level, step = found, min(1.0, level + step), step * 2
    if found is None:
        raise CircuitError(
            f"{netlist.name}: no operating point was found. Check the supplies and that every transistor has a bias; "
            "ngspice's .op shows which node is far from what is meant"
        )
    return _at(system, found)


def _at(system: System, x: np.ndarray) -> OperatingPoint:
    ports = system.reads @ x + system.reads_offset
    current, slope, charge, capacitance = _laws(system, ports)
    return OperatingPoint(x, ports, current, slope, charge, capacitance)


def _laws(system: System, ports: np.ndarray):
    current, own, across, charge, capacitance = devices.evaluate_all(system.kinds, system.rows, ports)
    slope = np.diag(own)
    for port in np.flatnonzero(system.kinds == EMITTER):
        slope[port, port + 1], slope[port + 1, port] = across[port], across[port + 1]
    return current, slope, charge, capacitance


def _newton(netlist: Netlist, system: System, x: np.ndarray, gmin: float, supplies: float) -> np.ndarray | None:
    """Where the direct currents balance, or None. Ports see limited steps, as in SPICE."""
    junctions = (system.kinds != TANH).astype(float)
    base = system.conductance + (system.injects * (gmin * junctions)) @ system.reads
    seen = system.reads @ x + system.reads_offset
    for _ in range(200):
        current, slope, _, _ = _laws(system, seen)
        matrix = base + system.injects @ slope @ system.reads
        right = supplies * system.supply - system.injects @ (current - slope @ (seen - system.reads_offset))
        try:
            new = np.linalg.solve(matrix, right)
        except np.linalg.LinAlgError:
            raise CircuitError(
                f"{netlist.name}: the equations have no unique solution; look for a loop of voltage sources, or a part "
                "of the circuit that hangs on current sources alone"
            ) from None
        if not np.isfinite(new).all():
            return None
        ports = system.reads @ new + system.reads_offset
        steps = [
            devices.limited(kind, row[devices.VTE], row[devices.IS], wanted, old)
            for kind, row, wanted, old in zip(system.kinds, system.rows, ports, seen, strict=True)
        ]
        settled = np.allclose(new, x, rtol=1e-10, atol=1e-10) and np.allclose(steps, seen, rtol=1e-9, atol=1e-10)
        # Rounding can keep the iterates some 1e-10 V apart for ever; that is an operating point too.
        nearly = np.allclose(new, x, rtol=0, atol=1e-8) and np.allclose(steps, seen, rtol=0, atol=1e-8)
        x, seen = new, np.array(steps)
        if settled:
            return x
    return x if nearly else None


def small_signal(system: System, at: OperatingPoint, frequency_hz: np.ndarray, step: float | None = None) -> np.ndarray:
    """Complex gain from input to output of the circuit linearised at rest, shape of ``frequency_hz``.

    With ``step`` in seconds it is the gain of the time-stepping: each derivative jω becomes
    ``(1 - z) / (T (θ + (1 - θ) z))``, ``z = exp(-jωT)``, which for θ = 1/2 is ``2j tan(ωT / 2) / T``.
    """
    static = system.conductance + system.injects @ at.slope @ system.reads
    damping = _damping(system, len(at.ports))
    plus = np.hstack([system.incidence * system.capacitance, system.injects * at.capacitance])
    minus = np.vstack([system.incidence.T, system.reads])
    gains = []
    for frequency in frequency_hz:
        derivative = np.full(len(damping), 2j * np.pi * frequency)
        if step is not None:
            z = np.exp(-derivative * step)
            derivative = (1 - z) / (step * (damping + (1 - damping) * z))
        gains.append(system.output @ np.linalg.solve(static + (plus * derivative) @ minus, system.input))
    return np.array(gains)


def _damping(system: System, charges: int) -> np.ndarray:
    """θ of every capacitor (1/2, the trapezoidal rule) and of as many junction charges."""
    return np.concatenate([np.full(len(system.capacitance), 0.5), np.full(charges, CHARGE_DAMPING)])


def reduce(system: System, at: OperatingPoint, step: float) -> Reduced:
    """Eliminate the linear part for a time step of ``step`` seconds: what :mod:`drywet.circuits.solver` runs.

    Devices that the netlist marks as linear stay in the linear part with their charge as a capacitor.
    """
    charged = np.flatnonzero(system.linear & (at.capacitance > 0))
    incidence = np.hstack([system.incidence, system.reads[charged].T])
    capacitance = np.concatenate([system.capacitance, at.capacitance[charged]])
    damping = _damping(system, len(charged))
    keep = ~system.linear
    rate = 1 / (CHARGE_DAMPING * step)
    tangent = at.slope + np.diag(np.where(keep, rate * at.capacitance, 0.0))
    companion = capacitance / (damping * step)
    matrix = system.conductance + (incidence * companion) @ incidence.T + system.injects @ tangent @ system.reads
    reads, injects = system.reads[keep], system.injects[:, keep]
    solved = np.linalg.solve(matrix, np.hstack([incidence, injects, system.input[:, None]]))
    count, ports = len(capacitance), int(keep.sum())
    by_history, by_ports, by_input = solved[:, :count], solved[:, count:-1], solved[:, -1]
    fed_back = (companion / damping)[:, None] * incidence.T
    forgotten = np.diag((1 - damping) / damping)
    voltages = incidence.T @ at.x
    rest_charge = at.charge[keep]
    partner = np.zeros(ports)
    slope = tangent[np.ix_(keep, keep)]
    for port in np.flatnonzero(system.kinds[keep] == EMITTER):
        partner[port], partner[port + 1] = slope[port, port + 1], slope[port + 1, port]
    return Reduced(
        kinds=system.kinds[keep],
        rows=np.ascontiguousarray(system.rows[keep]),
        rest=at.ports[keep],
        rest_current=at.current[keep],
        rest_charge=rest_charge,
        slope=np.diag(slope).copy(),
        across=partner,
        rate=rate,
        coupling=np.ascontiguousarray(reads @ by_ports),
        from_history=np.ascontiguousarray(
            np.vstack([fed_back @ by_history - forgotten, reads @ by_history, (system.output @ by_history)[None]]).T
        ),
        from_input=np.concatenate([fed_back @ by_input, reads @ by_input, [system.output @ by_input]]),
        from_ports=np.ascontiguousarray(-np.vstack([fed_back @ by_ports, (system.output @ by_ports)[None]]).T),
        companion=companion,
        history_at_rest=companion * voltages,
        charge_history_at_rest=rate * rest_charge,
    )
