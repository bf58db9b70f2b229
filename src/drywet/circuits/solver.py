"""The time-stepping of a reduced circuit, compiled: per sample, solve ``v = p - K i(v)`` for the port voltages.

Ports that act on each other both ways form a block (a clipping amplifier with its op-amp); blocks follow each other as
the signal does. Newton's method runs block after block (nonlinear Gauss-Seidel), and the sweep is repeated until the
residual of the *whole* system vanishes: what one block does to those before it, through the bias supply say, is not
neglected but found iteratively. The ports' currents are carried along their tangents in the last Newton step, so the
linear part balances exactly and a device law is off by the second order of a step below ``TOLERANCE``.

Where a block does not settle - a plug pulled, 20 V on the input - the sample is solved again by following the solution
from the last one to this one in as many steps as it takes (continuation in ``p``), with the full Jacobian.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numba.core import cgutils
from numba.extending import intrinsic

from drywet.circuits.devices import EMITTER, IS, TANH, VTE, WIDTH, evaluate, limited
from drywet.circuits.mna import CHARGE_DAMPING, Reduced

TOLERANCE = 3e-4  # of a port's own scale (n Vt, 1 for tanh): the last Newton step; squared and halved 5e-8 of a current
RESIDUAL = 1e-7  # of the scale, of the whole system
MAX_NEWTON, MAX_SWEEPS, MAX_FOLLOW = 12, 8, 400
STRONG = 1e-3  # round-trip coupling above which two ports share a block

STEPS, SWEEPS, FOLLOWED, GIVEN_UP = range(4)
COUNTERS = 4

# Columns of a port's row after the constants of its law: its rest and the tangent taken out there.
REST, REST_CURRENT, REST_CHARGE, SLOPE, ACROSS, SCALE = range(WIDTH, WIDTH + 6)
_SCRATCH = 10  # vectors of one number per port that run() needs


class Kernel:
    """The constants of one knob setting as :func:`run` wants them, ports in the order of solution."""

    def __init__(self, reduced: Reduced):
        order, ends = blocks_of(reduced)
        scales = np.where(reduced.kinds == TANH, 1.0, reduced.rows[:, VTE])
        taken_out = (
            reduced.rest, reduced.rest_current, reduced.rest_charge, reduced.slope, reduced.across, scales,
        )  # fmt: skip
        states = len(reduced.companion)
        columns = np.concatenate([np.arange(states), states + order, [states + len(order)]])
        self.order = order
        self.arguments = (
            reduced.kinds[order],
            np.ascontiguousarray(np.column_stack([reduced.rows, *taken_out])[order]),
            ends,
            reduced.rate,
            CHARGE_DAMPING,
            np.ascontiguousarray(reduced.coupling[np.ix_(order, order)].T),
            np.ascontiguousarray(reduced.from_history[:, columns]),
            np.ascontiguousarray(reduced.from_input[columns]),
            np.ascontiguousarray(reduced.from_ports[order]),
        )


def blocks_of(reduced: Reduced) -> tuple[np.ndarray, np.ndarray]:
    """Ports in the order of solution, and where each block begins, shapes (P,), (blocks + 1,).

    Two ports solved in turn converge by ``|K_ij K_ji / (K_ii K_jj)|`` per sweep or faster, whatever their conductances;
    above ``STRONG`` they are solved together. Blocks are ordered so that each acts mainly on those after it.
    """
    coupling = np.abs(reduced.coupling)
    count = len(coupling)
    own = np.sqrt(np.maximum(np.diag(coupling), 1e-300))
    strength = coupling / own[:, None] / own[None, :]  # of column on row
    together = strength * strength.T > STRONG
    for port in np.flatnonzero(reduced.kinds == EMITTER):
        together[port, port + 1] = together[port + 1, port] = True
    label = np.arange(count)
    for _ in range(count):  # spread the smallest label over each block
        label = np.array([label[together[port] | (np.arange(count) == port)].min() for port in range(count)], dtype=int)
    waiting = [np.flatnonzero(label == name) for name in np.unique(label)]
    order: list[np.ndarray] = []
    while waiting:
        received = [
            max((strength[np.ix_(block, other)].max() for other in waiting if other is not block), default=0.0)
            for block in waiting
        ]
        order.append(waiting.pop(int(np.argmin(received))))
    ends = np.cumsum([0, *(len(block) for block in order)])
    return np.concatenate([np.zeros(0, int), *order]).astype(np.int64), ends.astype(np.int64)


@njit(cache=True, error_model="numpy", forceinline=True)
def _eliminate(matrix, right, size):
    """Solve in place by Gauss elimination with row pivoting; False where the matrix is singular."""
    for k in range(size):
        best, where = abs(matrix[k, k]), k
        for row in range(k + 1, size):
            if abs(matrix[row, k]) > best:
                best, where = abs(matrix[row, k]), row
        if not best > 1e-280:
            return False
        if where != k:
            for column in range(k, size):
                matrix[k, column], matrix[where, column] = matrix[where, column], matrix[k, column]
            right[k], right[where] = right[where], right[k]
        inverse = 1.0 / matrix[k, k]
        for row in range(k + 1, size):
            factor = matrix[row, k] * inverse
            for column in range(k + 1, size):
                matrix[row, column] -= factor * matrix[k, column]
            right[row] -= factor * right[k]
    for k in range(size - 1, -1, -1):
        total = right[k]
        for column in range(k + 1, size):
            total -= matrix[k, column] * right[column]
        right[k] = total / matrix[k, k]
    return True


@njit(cache=True, error_model="numpy", forceinline=True)
def _look(first, last, kinds, table, rate, charge_history, coupling, v, i, g, x, q, c, at, look, without):
    """Evaluate ports ``first`` to ``last`` at ``v``: charge q, slopes g, x, c, and the remainder current i.

    ``without = p - K i`` is kept up to date.
    """
    port = first
    while port < last:
        at[port] = table[port, REST] + v[port]
        if kinds[port] == EMITTER:
            at[port + 1] = table[port + 1, REST] + v[port + 1]
        filled = evaluate(port, kinds, table, at, look, g, x, q, c)
        for k in range(port, port + filled):
            slope = table[k, SLOPE]
            q[k] -= table[k, REST_CHARGE]
            look[k] += rate * q[k] - table[k, REST_CURRENT] - slope * v[k] - charge_history[k]
            g[k] += rate * c[k] - slope
        if filled == 2:
            x[port] -= table[port, ACROSS]
            x[port + 1] -= table[port + 1, ACROSS]
            look[port] -= table[port, ACROSS] * v[port + 1]
            look[port + 1] -= table[port + 1, ACROSS] * v[port]
        for k in range(port, port + filled):
            change = look[k] - i[k]
            i[k] = look[k]
            for row in range(len(without)):
                without[row] -= coupling[k, row] * change
        port += filled


@njit(cache=True, error_model="numpy", forceinline=True)
def _newton_step(first, last, kinds, table, coupling, v, i, g, x, q, c, without, matrix, step, active):
    """One limited Newton step of ports ``first`` to ``last``, currents carried along; its largest relative size."""
    size = 0
    for port in range(first, last):
        if g[port] != 0.0 or x[port] != 0.0:
            active[size] = port
            step[size] = without[port] - v[port]
            size += 1
    for b in range(size):
        other = active[b]
        slope = g[other]
        for a in range(size):
            matrix[a, b] = coupling[other, active[a]] * slope
        if kinds[other] == EMITTER:
            for a in range(size):
                matrix[a, b] += coupling[other + 1, active[a]] * x[other + 1]
        elif kinds[other] == EMITTER + 1:
            for a in range(size):
                matrix[a, b] += coupling[other - 1, active[a]] * x[other - 1]
        matrix[b, b] += 1.0
    if size == 1:
        step[0] /= matrix[0, 0]
    elif size == 2:
        determinant = matrix[0, 0] * matrix[1, 1] - matrix[0, 1] * matrix[1, 0]
        left = step[0]
        step[0] = (left * matrix[1, 1] - matrix[0, 1] * step[1]) / determinant
        step[1] = (matrix[0, 0] * step[1] - left * matrix[1, 0]) / determinant
    elif size > 2 and not _eliminate(matrix, step, size):
        return np.inf
    largest = 0.0
    for a in range(size):
        port = active[a]
        relative = abs(step[a]) / table[port, SCALE]
        if not relative < 1e12:
            return np.inf
        if relative > 2.0:
            there = table[port, REST] + v[port]
            moved = limited(kinds[port], table[port, VTE], table[port, IS], there + step[a], there) - there
            step[a] = moved
        largest = max(largest, relative)
    for a in range(size):
        port = active[a]
        v[port] += step[a]
        q[port] += c[port] * step[a]
        change = g[port] * step[a]
        i[port] += change
        for row in range(len(without)):
            without[row] -= coupling[port, row] * change
        if kinds[port] >= EMITTER:
            partner = port + 1 if kinds[port] == EMITTER else port - 1
            change = x[partner] * step[a]
            i[partner] += change
            for row in range(len(without)):
                without[row] -= coupling[partner, row] * change
    for port in range(first, last):
        if g[port] == 0.0 and x[port] == 0.0:  # off, so its voltage follows the others
            wanted = without[port]
            jump = abs(wanted - v[port]) > TOLERANCE * table[port, SCALE]
            if jump and table[port, REST] + wanted > -40.0 * table[port, SCALE]:  # and now it switches on
                there = table[port, REST] + v[port]
                wanted = limited(kinds[port], table[port, VTE], table[port, IS], table[port, REST] + wanted, there)
                wanted -= table[port, REST]
                largest = np.inf
            v[port] = wanted
    return largest


@njit(cache=True, error_model="numpy", forceinline=True)
def _follow(
    start, p, kinds, table, rate, charge_history, coupling, v, i, g, x, q, c, at, look, without, matrix, step, active
):  # fmt: skip
    """Follow the solution from ``start`` to the one for ``p``; what part of the way was left, 0 when all went well."""
    count = len(v)
    begin, good = np.zeros(count), start.copy()
    done, stride, spent = 0.0, 0.25, 0
    v[:] = start
    without[:] = 0.0
    i[:] = 0.0
    _look(0, count, kinds, table, rate, charge_history, coupling, v, i, g, x, q, c, at, look, without)
    for port in range(count):
        begin[port] = v[port] - without[port]  # the p for which ``start`` is the solution
    while done < 1.0 and spent < MAX_FOLLOW:
        goal = min(1.0, done + stride)
        v[:] = good
        i[:] = 0.0
        for port in range(count):
            without[port] = begin[port] + goal * (p[port] - begin[port])
        settled = False
        for _ in range(MAX_NEWTON):
            spent += 1
            _look(0, count, kinds, table, rate, charge_history, coupling, v, i, g, x, q, c, at, look, without)
            size = _newton_step(0, count, kinds, table, coupling, v, i, g, x, q, c, without, matrix, step, active)
            if size < TOLERANCE:
                settled = True
                break
        if settled:
            good[:] = v
            done = goal
            stride *= 2.0
        else:
            stride *= 0.25
    if done < 1.0:
        v[:] = good
        _look(0, count, kinds, table, rate, charge_history, coupling, v, i, g, x, q, c, at, look, without)
    return 1.0 - done


def run(kernel: Kernel, dry: np.ndarray, state: "State", counters: np.ndarray) -> np.ndarray:
    """Step the circuit through ``dry``, shape (T,), to the wet signal of that shape; ``state`` is carried on in place.

    Parameters
    ----------
    counters : array of int64, shape (COUNTERS,)
        Newton steps, sweeps, samples that had to be followed, and samples that were given up before the end.
    """
    wet = np.empty_like(dry)
    count, width = len(kernel.order), len(kernel.arguments[7])
    scratch = (np.zeros((_SCRATCH, count)), np.empty((count, count)), np.empty(width), np.empty(count, np.int64))
    _run(dry, wet, *kernel.arguments, state.history, state.charge_history, state.ports, counters, *scratch)
    return wet


@dataclass
class State:
    """What the circuit remembers, in deviations from rest; ports in the kernel's order."""

    history: np.ndarray  # (S,) A, of the capacitors
    charge_history: np.ndarray  # (P,) A, of the ports' charges
    ports: np.ndarray  # (3, P): voltages of the last sample and of the one before, and remainder currents


def _without_count(typing_context, array):
    """The array without its reference count: inside a loop, counting costs ten times what the devices' laws do."""

    def generate(context, builder, signature, arguments):
        view = context.make_array(array)(context, builder, value=arguments[0])
        view.meminfo = cgutils.get_null_value(view.meminfo.type)
        return view._getvalue()

    return array(array), generate


_borrowed: Any = intrinsic(_without_count)


@njit(cache=True, nogil=True, error_model="numpy")
def _run(
    dry, wet, kinds_, table_, ends_, rate, charge_damping, coupling_, from_history_, from_input_, from_ports_, history_,
    charge_history_, ports_, counters_, vectors_, matrix_, line_, active_,
):  # fmt: skip
    # Every array below is an argument of this function, so it outlives the loop.
    kinds, table, ends, coupling = _borrowed(kinds_), _borrowed(table_), _borrowed(ends_), _borrowed(coupling_)
    from_history, from_input = _borrowed(from_history_), _borrowed(from_input_)
    from_ports, counters, active = _borrowed(from_ports_), _borrowed(counters_), _borrowed(active_)
    history, charge_history = _borrowed(history_), _borrowed(charge_history_)
    ports, vectors, matrix, line = _borrowed(ports_), _borrowed(vectors_), _borrowed(matrix_), _borrowed(line_)
    now, before, i = ports[0], ports[1], ports[2]
    p, v, without, at, look = vectors[0], vectors[1], vectors[2], vectors[3], vectors[4]
    g, x, q, c, step = vectors[5], vectors[6], vectors[7], vectors[8], vectors[9]
    states, count, blocks = len(history), len(kinds), len(ends) - 1
    width = states + count + 1
    forget = (1.0 - charge_damping) / charge_damping
    for n in range(len(dry)):
        u = dry[n]
        for k in range(width):
            line[k] = from_input[k] * u
        for s in range(states):
            h = history[s]
            for k in range(width):
                line[k] += from_history[s, k] * h
        for port in range(count):
            p[port] = line[states + port]
            without[port] = p[port]
            v[port] = 2.0 * now[port] - before[port]
            if abs(v[port] - now[port]) > 4.0 * table[port, SCALE]:
                v[port] = now[port]
        for port in range(count):
            current = i[port]
            for row in range(count):
                without[row] -= coupling[port, row] * current
        settled = False
        for sweep in range(MAX_SWEEPS):
            counters[SWEEPS] += 1
            worked = True
            for block in range(blocks):
                first, last = ends[block], ends[block + 1]
                size = np.inf
                for newton in range(MAX_NEWTON):
                    if sweep == 0 or newton > 0:
                        _look(
                            first, last, kinds, table, rate, charge_history, coupling, v, i, g, x, q, c, at, look,
                            without,
                        )  # fmt: skip
                    counters[STEPS] += 1
                    size = _newton_step(
                        first, last, kinds, table, coupling, v, i, g, x, q, c, without, matrix, step, active
                    )
                    if size < TOLERANCE:
                        break
                if not size < TOLERANCE:
                    worked = False
                    break
            if not worked:
                break
            residual = 0.0
            for port in range(count):
                residual = max(residual, abs(without[port] - v[port]) / table[port, SCALE])
            if residual < RESIDUAL:
                settled = True
                break
        if not settled:
            counters[FOLLOWED] += 1
            left = _follow(
                now, p, kinds, table, rate, charge_history, coupling, v, i, g, x, q, c, at, look, without, matrix, step,
                active,
            )  # fmt: skip
            if left > 0.0:
                counters[GIVEN_UP] += 1
        for s in range(states):
            history[s] = line[s]
        total = line[width - 1]
        for port in range(count):
            current = i[port]
            for s in range(states):
                history[s] += from_ports[port, s] * current
            total += from_ports[port, states] * current
            charge_history[port] = rate / charge_damping * q[port] - forget * charge_history[port]
            before[port] = now[port]
            now[port] = v[port]
        wet[n] = total
