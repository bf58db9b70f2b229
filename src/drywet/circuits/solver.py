"""The time-stepping of a reduced circuit, compiled: per sample, solve ``v = p - K i(v)`` for the port voltages.

Newton's method evaluates all devices at once, eight to a vector. Ports that act on each other both ways form a block (a
clipping amplifier with its op-amp); blocks follow each other as the signal does. So the linear equations of a step are
solved block after block (Gauss-Seidel), and again until the residual of the *whole* system vanishes: what one block does to
those before it, through the bias supply say, is not neglected but found iteratively. In the last step the ports' currents
are carried along their tangents: the linear part then balances exactly, and a device law is off by the second order of the
step, which is what ends the iteration.

Where that does not settle - a plug pulled, 20 V on the input - the sample is solved again by following the solution from
the last one to this one in as many steps as it takes (continuation in ``p``), all ports in one block.
"""

from typing import Any

import numpy as np
from numba import njit
from numba.core import cgutils
from numba.extending import intrinsic

from drywet.circuits.devices import EMITTER, IS, TANH, VTE, WIDTH, evaluate, lane_count, lanes_of, limited, table_of
from drywet.circuits.lanes import INLINED, LANES, load, spread, spread_from
from drywet.circuits.mna import CHARGE_DAMPING, Reduced
from drywet.kernel_cache import kernel
from drywet.vectors import absolute, aligned, all_less, fma, neighbours, store, where_less

NEGLECTED = 5e-8  # of a port's own scale (n Vt, 1 for tanh): what the second order of the last Newton step makes of v
RESIDUAL = 1e-7  # of the scale, of the whole linear system
SMALL = 3e-4  # of the scale: a move of a port that carries nothing
MAX_NEWTON, MAX_SWEEPS, MAX_FOLLOW = 24, 8, 400
STRONG = 1e-3  # round-trip coupling above which two ports share a block

STEPS, SWEEPS, FOLLOWED, GIVEN_UP = range(4)
COUNTERS = 4

# A kernel's table of whole numbers: sizes, where in its numbers everything stands, and then kinds, ports and blocks.
(
    STATES, USED, WIDE, OUT, BLOCKS, ROWS, COUPLING, FROM_HISTORY, FROM_INPUT, FROM_PORTS, COMPANION, HISTORY_AT_REST,
    CHARGE_AT_REST, KINDS, PORTS, ENDS,
) = range(16)  # fmt: skip
# Rows of the table of constants after those of the laws: the rest and the tangent taken out there.
REST, REST_CURRENT, REST_CHARGE, SLOPE, ACROSS, SCALE, OWN, LAST = range(WIDTH, WIDTH + 8)
_ALL_ROWS = WIDTH + 8
_LAST = 0.25, 3e-3  # of the scale, the largest last step: of a junction, of tanh (whose third order is left)
# Rows of the working memory, a number per lane each; then the line of a sample, and a matrix.
V, I, G, X, Q, C, BENT, LEFT, MOVE, CHANGE, STEP, WISH, START, GOOD = range(14)  # noqa: E741
_WORK = 14
# Rows of the state after the histories.
CHARGES, NOW, BEFORE, EARLIER = range(4)
_KEPT = 4

_DONE, _AGAIN, _LOST = range(3)


class Kernel:
    """The constants of one knob setting as the compiled loop wants them, in two flat arrays.

    Attributes
    ----------
    whole : array of int64
        Sizes, and where in ``numbers`` everything stands; then kind and port of every lane, and where blocks begin.
    numbers : array of float64
    wide, out : int
        Lanes of the ports, and of the histories with the output.
    keepers : tuple of str
        The capacitors and ports whose charge is the state: it can be taken over from a kernel with the same ones.
    """

    def __init__(self, reduced: Reduced, keepers: tuple[str, ...]):
        self.keepers = keepers
        order, begins = blocks_of(reduced)
        kinds = reduced.kinds[order]
        lanes, wide = lanes_of(kinds), lane_count(kinds)
        states = len(reduced.companion)
        out = -(-(states + 1) // LANES) * LANES
        self.wide, self.out = wide, out

        table = np.zeros((_ALL_ROWS, wide))
        table[:WIDTH] = table_of(reduced.rows[order], lanes, wide)
        table[[SCALE, LAST]] = 1.0
        own = np.abs(np.diag(reduced.coupling))
        scales = np.where(kinds == TANH, 1.0, reduced.rows[order, VTE])
        last = scales * np.where(kinds == TANH, _LAST[1], _LAST[0])
        table[WIDTH:, lanes] = [
            reduced.rest[order], reduced.rest_current[order], reduced.rest_charge[order], reduced.slope[order],
            reduced.across[order], scales, own[order], last,
        ]  # fmt: skip
        coupling = np.zeros((wide, wide))
        coupling[np.ix_(lanes, lanes)] = reduced.coupling[np.ix_(order, order)].T
        columns = np.concatenate([wide + np.arange(states), lanes[np.argsort(order)], [wide + states]])
        from_history, from_input = np.zeros((states, wide + out)), np.zeros(wide + out)
        from_history[:, columns], from_input[columns] = reduced.from_history, reduced.from_input
        from_ports, charge_at_rest = np.zeros((wide, out)), np.zeros(wide)
        from_ports[lanes, : states + 1] = reduced.from_ports[order]
        charge_at_rest[lanes] = reduced.charge_history_at_rest[order]
        companion, history_at_rest = np.ones(out), np.zeros(out)
        companion[:states], history_at_rest[:states] = reduced.companion, reduced.history_at_rest

        self.whole = np.zeros(ENDS + 1 + 3 * wide + 1, np.int64)
        self.whole[[STATES, USED, WIDE, OUT]] = states, lanes.max(initial=-1) + 1, wide, out
        self.whole[BLOCKS] = len(begins) - 1
        parts = [np.full(LANES, reduced.rate)]
        for place, part in (
            (ROWS, table), (COUPLING, coupling), (FROM_HISTORY, from_history), (FROM_INPUT, from_input),
            (FROM_PORTS, from_ports), (COMPANION, companion), (HISTORY_AT_REST, history_at_rest),
            (CHARGE_AT_REST, charge_at_rest),
        ):  # fmt: skip
            self.whole[place] = sum(map(len, parts))
            parts.append(part.ravel())
        self.numbers = aligned(np.concatenate(parts))
        self.whole[[KINDS, PORTS, ENDS]] = ENDS + 1 + wide * np.arange(3)
        of_kind, of_port, of_block = (self.whole[start:] for start in self.whole[[KINDS, PORTS, ENDS]])
        of_kind[:wide], of_port[:wide] = TANH, -1
        of_kind[lanes], of_port[lanes] = kinds, order
        of_block[: len(begins)] = [*lanes[begins[:-1]], self.whole[USED]]

    def rest(self) -> np.ndarray:
        """The state of a circuit that has rested: histories, then charges and voltages of three samples, all deviations."""
        return aligned(np.zeros(self.out + _KEPT * self.wide))

    def absolute_size(self) -> int:
        """Numbers of what :func:`lift` gives."""
        return 2 * self.out + _KEPT * self.wide

    def memory(self) -> tuple[np.ndarray, np.ndarray]:
        """Working memory of the loop: numbers, and :data:`COUNTERS` counters with what else is counted on the way."""
        work = np.zeros(_WORK * self.wide + self.wide**2 + self.wide + self.out)
        return aligned(work), np.zeros(COUNTERS + self.wide, np.int64)


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
    together |= np.eye(count, dtype=bool)
    label, before = np.arange(count), None
    while before is None or (label != before).any():  # spread the smallest label over each block
        before, label = label, np.where(together, label, count).min(axis=1, initial=count)
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


def _without_count(typing_context, array):
    """The array without its reference count: inside a loop, counting costs ten times what the devices' laws do."""

    def generate(context, builder, signature, arguments):
        view = context.make_array(array)(context, builder, value=arguments[0])
        view.meminfo = cgutils.get_null_value(view.meminfo.type)
        return view._getvalue()

    return array(array), generate


_borrowed: Any = intrinsic(_without_count)


@njit(**INLINED)
def _look(whole, numbers, state, work, p):
    """Evaluate all ports at V: remainder currents, slopes, charges; and LEFT, what ``p - K i(v) - v`` still is."""
    wide, used, rate = whole[WIDE], whole[USED], numbers[0]
    table, coupling, charges = whole[ROWS], whole[COUPLING], whole[OUT] + CHARGES * wide
    for k in range(0, wide, LANES):
        at = table + k
        v = load(work, V * wide + k)
        current, slope, across, charge, capacitance, bend = evaluate(
            numbers, at, wide, rate, load(numbers, at + REST * wide) + v
        )
        per_second, out = spread(rate), load(numbers, at + SLOPE * wide)
        out_across = load(numbers, at + ACROSS * wide)
        charge = charge - load(numbers, at + REST_CHARGE * wide)
        current = current - load(numbers, at + REST_CURRENT * wide) + per_second * charge - out * v
        current = current - out_across * neighbours(v) - load(state, charges + k)
        store(work, I * wide + k, current)
        store(work, G * wide + k, slope + per_second * capacitance - out)
        store(work, X * wide + k, across - out_across)
        store(work, Q * wide + k, charge)
        store(work, C * wide + k, capacitance)
        store(work, BENT * wide + k, bend)
        store(work, MOVE * wide + k, spread(0.0))
    for k in range(0, wide, LANES):
        left = load(work, p + k) - load(work, V * wide + k)
        for lane in range(used):
            left = fma(spread(-work[I * wide + lane]), load(numbers, coupling + lane * wide + k), left)
        store(work, LEFT * wide + k, left)


@njit(**INLINED)
def _solve_block(wide, coupling, numbers, work, active, size):
    """Fill STEP with the Newton step of the ``active`` ports of one block; False where its matrix is singular."""
    step, m = STEP * wide, _WORK * wide
    for a in range(size):
        lane = active[a]
        work[step + a] = work[LEFT * wide + lane] - work[MOVE * wide + lane]
        slope, other = work[G * wide + lane], lane ^ 1
        across = work[X * wide + other]
        for b in range(size):
            entry = numbers[coupling + lane * wide + active[b]] * slope
            if across != 0.0:
                entry += numbers[coupling + other * wide + active[b]] * across
            work[m + b * wide + a] = entry
        work[m + a * wide + a] += 1.0
    if size == 1:
        work[step] /= work[m]
        return True
    if size == 2:
        a, b, c, d = work[m], work[m + 1], work[m + wide], work[m + wide + 1]
        x, y = work[step], work[step + 1]
        inverse = 1.0 / (a * d - b * c)
        work[step], work[step + 1] = (x * d - b * y) * inverse, (a * y - c * x) * inverse
        return True
    if size == 3:  # Cramer's rule; what rounding leaves of it, the next sweep takes
        a, b, c = work[m], work[m + 1], work[m + 2]
        d, e, f = work[m + wide], work[m + wide + 1], work[m + wide + 2]
        g, h, i = work[m + 2 * wide], work[m + 2 * wide + 1], work[m + 2 * wide + 2]
        x, y, z = work[step], work[step + 1], work[step + 2]
        p, q, r = e * i - f * h, f * g - d * i, d * h - e * g
        inverse = 1.0 / (a * p + b * q + c * r)
        work[step] = (x * p + y * (c * h - b * i) + z * (b * f - c * e)) * inverse
        work[step + 1] = (x * q + y * (a * i - c * g) + z * (c * d - a * f)) * inverse
        work[step + 2] = (x * r + y * (b * g - a * h) + z * (a * e - b * d)) * inverse
        return True
    return _eliminate(work, m, step, wide, size)


@njit(**INLINED)
def _eliminate(work, matrix, right, stride, size):
    """Solve in place by Gauss elimination with row pivoting; False where the matrix is singular."""
    for k in range(size):
        best, where = abs(work[matrix + k * stride + k]), k
        for row in range(k + 1, size):
            if abs(work[matrix + row * stride + k]) > best:
                best, where = abs(work[matrix + row * stride + k]), row
        if not best > 1e-280:
            return False
        if where != k:
            for column in range(k, size):
                one, other = matrix + k * stride + column, matrix + where * stride + column
                work[one], work[other] = work[other], work[one]
            work[right + k], work[right + where] = work[right + where], work[right + k]
        inverse = 1.0 / work[matrix + k * stride + k]
        for row in range(k + 1, size):
            factor = work[matrix + row * stride + k] * inverse
            for column in range(k + 1, size):
                work[matrix + row * stride + column] -= factor * work[matrix + k * stride + column]
            work[right + row] -= factor * work[right + k]
    for k in range(size - 1, -1, -1):
        total = work[right + k]
        for column in range(k + 1, size):
            total -= work[matrix + k * stride + column] * work[right + column]
        work[right + k] = total / work[matrix + k * stride + k]
    return True


@njit(**INLINED)
def _linear(whole, numbers, work, counters, together):
    """Find the MOVE of the ports that leaves nothing, currents carried along. Lost where there is no such move."""
    wide, coupling, scales = whole[WIDE], whole[COUPLING], whole[ROWS] + SCALE * whole[WIDE]
    lasts = whole[ROWS] + LAST * wide
    active, ends, blocks = counters[COUNTERS:], whole[whole[ENDS] :], whole[BLOCKS]
    if together:
        blocks = 1
    for sweep in range(MAX_SWEEPS):
        counters[SWEEPS] += 1
        for block in range(blocks):
            first, last = ends[block], ends[block + 1]
            if together:
                last = whole[USED]
            size, settled = 0, sweep > 0
            for lane in range(first, last):
                if work[G * wide + lane] != 0.0 or work[X * wide + lane] != 0.0:
                    active[size] = lane
                    size += 1
                    if not abs(work[LEFT * wide + lane] - work[MOVE * wide + lane]) < RESIDUAL * numbers[scales + lane]:
                        settled = False
            if settled or size == 0:
                continue
            if not _solve_block(wide, coupling, numbers, work, active, size):
                return False
            for lane in range(first, last):
                work[CHANGE * wide + lane] = 0.0
            for a in range(size):
                lane, move = active[a], work[STEP * wide + a]
                other = lane ^ 1
                work[MOVE * wide + lane] += move
                work[CHANGE * wide + lane] += work[G * wide + lane] * move
                across = work[X * wide + other]
                if across != 0.0:
                    work[CHANGE * wide + other] += across * move
            for lane in range(first, last):
                work[I * wide + lane] += work[CHANGE * wide + lane]
            for k in range(0, wide, LANES):
                left = load(work, LEFT * wide + k)
                for lane in range(first, last):
                    change = spread(-work[CHANGE * wide + lane])
                    left = fma(change, load(numbers, coupling + lane * wide + k), left)
                store(work, LEFT * wide + k, left)
        settled, near = True, True
        for k in range(0, wide, LANES):
            slopes = absolute(load(work, G * wide + k)) + absolute(load(work, X * wide + k))
            left = absolute(load(work, LEFT * wide + k) - load(work, MOVE * wide + k))
            left = where_less(spread(0.0), slopes, left, spread(0.0))
            settled &= all_less(left, spread(RESIDUAL) * load(numbers, scales + k))
            near &= all_less(absolute(load(work, MOVE * wide + k)), load(numbers, lasts + k))
        if settled:
            return _DONE
        if not near:  # there will be another step, so this one need not be exact
            break
    return _AGAIN


@njit(**INLINED)
def _move(whole, numbers, work):
    """Move the voltages, at most by what the devices can follow. Done when no device's curvature would show."""
    wide, table = whole[WIDE], whole[ROWS]
    fine, sane = True, True
    zero, one = spread(0.0), spread(1.0)
    for k in range(0, wide, LANES):
        at = table + k
        slope = absolute(load(work, G * wide + k))
        carries = slope + absolute(load(work, X * wide + k))
        # A port without slope carries nothing: what is left there moves its voltage.
        move = where_less(zero, carries, load(work, MOVE * wide + k), load(work, LEFT * wide + k))
        store(work, MOVE * wide + k, move)
        size, scale, own = absolute(move), load(numbers, at + SCALE * wide), load(numbers, at + OWN * wide)
        there = load(numbers, at + REST * wide) + load(work, V * wide + k) + move
        # K i'' move^2 / 2 in place of the current, less what the tangents of this port make of that: g K / (1 + g K).
        error = spread(0.5) * own * load(work, BENT * wide + k) * size * size
        bound = spread(NEGLECTED) * scale * fma(own, slope, one)
        on = where_less(error, bound, where_less(size, load(numbers, at + LAST * wide), zero, one), one)
        wakes = where_less(there, spread(-40.0) * scale, zero, where_less(size, spread(SMALL) * scale, zero, one))
        fine &= all_less(where_less(zero, carries, on, wakes), one)
        sane &= all_less(size, spread(1e12) * scale)
    if not sane:
        return _LOST
    if fine:
        for k in range(0, wide, LANES):
            move = load(work, MOVE * wide + k)
            store(work, V * wide + k, load(work, V * wide + k) + move)
            store(work, Q * wide + k, fma(load(work, C * wide + k), move, load(work, Q * wide + k)))
        return _DONE
    for lane in range(whole[USED]):
        move, scale = work[MOVE * wide + lane], numbers[table + SCALE * wide + lane]
        there = numbers[table + REST * wide + lane] + work[V * wide + lane]
        off = work[G * wide + lane] == 0.0 and work[X * wide + lane] == 0.0
        if abs(move) > 2.0 * scale and (not off or there + move > -40.0 * scale):
            vte, saturation = numbers[table + VTE * wide + lane], numbers[table + IS * wide + lane]
            move = limited(whole[whole[KINDS] + lane], vte, saturation, there + move, there) - there
        work[V * wide + lane] += move
    return _AGAIN


@njit(**INLINED)
def _newton(whole, numbers, state, work, counters, p, together):
    """Solve for the voltages V from where they are; whether that went well."""
    for _ in range(MAX_NEWTON):
        counters[STEPS] += 1
        _look(whole, numbers, state, work, p)
        balanced = _linear(whole, numbers, work, counters, together)
        if balanced == _LOST:
            return False
        moved = _move(whole, numbers, work)
        if moved == _LOST:
            return False
        if moved == _DONE and balanced == _DONE:
            return True
    return False


@njit(error_model="numpy")
def _follow(whole, numbers, state, work, counters, p):
    """Follow the solution from the last sample's to the one for ``p``; what part of the way was left, 0 when all went well."""
    wide = whole[WIDE]
    before = whole[OUT] + NOW * wide
    for lane in range(wide):
        work[GOOD * wide + lane] = work[V * wide + lane] = state[before + lane]
        work[WISH * wide + lane] = 0.0
    _look(whole, numbers, state, work, WISH * wide)
    for lane in range(wide):
        work[START * wide + lane] = -work[LEFT * wide + lane]  # the p for which these voltages are the solution
    done, stride = 0.0, 0.25
    most = counters[STEPS] + MAX_FOLLOW
    while done < 1.0 and counters[STEPS] < most:
        goal = min(1.0, done + stride)
        for lane in range(wide):
            work[V * wide + lane] = work[GOOD * wide + lane]
            start = work[START * wide + lane]
            work[WISH * wide + lane] = start + goal * (work[p + lane] - start)
        if _newton(whole, numbers, state, work, counters, WISH * wide, True):
            for lane in range(wide):
                work[GOOD * wide + lane] = work[V * wide + lane]
            done = goal
            stride *= 2.0
        else:
            stride *= 0.25
    if done < 1.0:
        for lane in range(wide):
            work[V * wide + lane] = work[GOOD * wide + lane]
        _look(whole, numbers, state, work, p)
    return 1.0 - done


@kernel()
def step(dry_, wet_, whole_, numbers_, state_, work_, counters_):
    """Fill ``wet`` from ``dry``, both float64 (T,), at the constants of a :class:`Kernel`; nothing is allocated.

    ``state`` (:meth:`Kernel.rest`) is carried on in place, ``work`` and ``counters`` are of :meth:`Kernel.memory`: Newton
    steps, linear sweeps, samples that had to be followed, and samples that were given up before the end.
    """
    # Every array below is an argument of this function, so it outlives the loop.
    dry, wet, whole, numbers = _borrowed(dry_), _borrowed(wet_), _borrowed(whole_), _borrowed(numbers_)
    state, work, counters = _borrowed(state_), _borrowed(work_), _borrowed(counters_)
    states, used, wide, out = whole[STATES], whole[USED], whole[WIDE], whole[OUT]
    width, line = wide + out, _WORK * wide + wide * wide
    scales = whole[ROWS] + SCALE * wide
    now, before, earlier = out + NOW * wide, out + BEFORE * wide, out + EARLIER * wide
    of_charge, charges = numbers[0] / CHARGE_DAMPING, out + CHARGES * wide
    forget = (1.0 - CHARGE_DAMPING) / CHARGE_DAMPING
    for n in range(len(dry)):
        u = spread(dry[n])
        for k in range(0, width, LANES):
            total = u * load(numbers, whole[FROM_INPUT] + k)
            for s in range(states):
                total = fma(spread_from(state, s), load(numbers, whole[FROM_HISTORY] + s * width + k), total)
            store(work, line + k, total)
        for k in range(0, wide, LANES):
            last, one, two = load(state, now + k), load(state, before + k), load(state, earlier + k)
            change = spread(2.0) * last - spread(3.0) * one + two
            far = spread(4.0) * load(numbers, scales + k)
            change = where_less(absolute(change), far, change, spread(0.0))
            store(work, V * wide + k, last + change)
        if not _newton(whole, numbers, state, work, counters, line, False):
            counters[FOLLOWED] += 1
            if _follow(whole, numbers, state, work, counters, line) > 0.0:
                counters[GIVEN_UP] += 1
        for k in range(0, out, LANES):
            total = load(work, line + wide + k)
            for lane in range(used):
                total = fma(
                    spread_from(work, I * wide + lane), load(numbers, whole[FROM_PORTS] + lane * out + k), total
                )
            store(state, k, total)
        wet[n] = state[states]
        for k in range(0, wide, LANES):
            charge = load(state, charges + k)
            store(state, charges + k, spread(of_charge) * load(work, Q * wide + k) - spread(forget) * charge)
            store(state, earlier + k, load(state, before + k))
            store(state, before + k, load(state, now + k))
            store(state, now + k, load(work, V * wide + k))


@kernel()
def lift(whole, numbers, state, absolute):
    """What the circuit remembers, in absolute terms and by port: the state is kept as deviations from rest, in lanes."""
    wide, out = whole[WIDE], whole[OUT]
    for s in range(out):
        absolute[s] = state[s] + numbers[whole[HISTORY_AT_REST] + s]
        absolute[out + s] = numbers[whole[COMPANION] + s]
    for lane in range(wide):
        port = whole[whole[PORTS] + lane]
        if port >= 0:
            absolute[2 * out + port] = state[out + CHARGES * wide + lane] + numbers[whole[CHARGE_AT_REST] + lane]
            for row in (NOW, BEFORE, EARLIER):
                rest = numbers[whole[ROWS] + REST * wide + lane]
                absolute[2 * out + row * wide + port] = state[out + row * wide + lane] + rest


@kernel()
def settle(whole, numbers, absolute, state):
    """The state for the constants of another knob setting from what :func:`lift` gave: rest has moved, so have the lanes."""
    wide, out = whole[WIDE], whole[OUT]
    for s in range(out):
        turned = numbers[whole[COMPANION] + s] / absolute[out + s]
        state[s] = absolute[s] * turned - numbers[whole[HISTORY_AT_REST] + s]
    for lane in range(wide):
        port = whole[whole[PORTS] + lane]
        for row in range(_KEPT):
            state[out + row * wide + lane] = 0.0
        if port >= 0:
            state[out + CHARGES * wide + lane] = absolute[2 * out + port] - numbers[whole[CHARGE_AT_REST] + lane]
            for row in (NOW, BEFORE, EARLIER):
                rest = numbers[whole[ROWS] + REST * wide + lane]
                state[out + row * wide + lane] = absolute[2 * out + row * wide + port] - rest
