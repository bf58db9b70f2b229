"""Laws of the nonlinear devices: current, charge and their derivatives at a port, after SPICE.

A port is a pair of nodes whose voltage a device law reads and into which it drives a current. Each port has a kind and a row
of constants. Compiled code computes all laws for eight ports at once; the constants take out what a kind lacks.

=============  ======================================  =======================================================
kind           law                                     source
=============  ======================================  =======================================================
JUNCTION       Shockley diode, depletion and           [1]_ sections 1.1, 1.3
               diffusion charge, breakdown
TANH           a tanh(v): a saturating source          the netlist's B card
EMITTER,       the two ports of a bipolar transistor:  [1]_ sections 2.1 to 2.4: Gummel-Poon without high
COLLECTOR      base-emitter, base-collector            injection, transport form
=============  ======================================  =======================================================

References
----------
.. [1] G. Massobrio, P. Antognetti, "Semiconductor Device Modeling with SPICE", 2nd edition, McGraw-Hill 1993.
"""

import math
from collections.abc import Mapping

import numpy as np
from numba import njit

from drywet.circuits.lanes import INLINED, LANES, exp, greater, lesser, load, log, spread
from drywet.kernel_cache import kernel
from drywet.vectors import absolute, all_less, neighbours, store, where_less, with_sign

THERMAL_VOLTAGE = 1.380649e-23 * 300.15 / 1.602176634e-19  # V at 27 °C, SPICE's temperature
GMIN = 1e-12  # S across every junction, as in SPICE

JUNCTION, TANH, EMITTER, COLLECTOR = range(4)

# Columns of a port's row. Every law is computed in every lane, so a constant that a kind lacks takes its law out.
(
    IS, VTE, INVERSE_VTE, CJ, INVERSE_VJ, GRADING, KNEE, LOWEST, DEPLETION, F1, INVERSE_F2, F3, BENT, BOW, EACH, TT,
    BV, SHARE, EARLY, TRANSISTOR, GAIN, CURVED,
) = range(22)  # fmt: skip
WIDTH = 22

_EXP_LIMIT = 80.0  # beyond e^80 the exponential goes on as its tangent, so nothing overflows
_OFF = -40.0  # below e^-40 a junction carries its saturation current alone


def _row() -> np.ndarray:
    """A port that carries nothing."""
    row = np.zeros(WIDTH)
    row[VTE] = row[INVERSE_VTE] = row[LOWEST] = row[EACH] = row[SHARE] = 1.0
    row[KNEE] = row[BV] = np.inf
    return row


def junction_row(model: Mapping[str, float], count: int = 1) -> np.ndarray:
    """Constants of ``count`` equal diodes in series (one port: they share current, so also voltage and charge)."""
    row = _row()
    _exponential(row, model["is"], count * model["n"] * THERMAL_VOLTAGE)
    _depletion(row, model["cjo"], model["vj"], model["m"], model["fc"])
    row[EACH], row[TT] = 1 / count, model["tt"]
    if np.isfinite(model["bv"]):
        # Current -IBV at v = -BV: [1]_ eqn (1-6), solved for the voltage where the breakdown exponential starts.
        row[BV] = model["bv"] - THERMAL_VOLTAGE * np.log1p(model["ibv"] / model["is"])
    return row


def transistor_rows(model: Mapping[str, float]) -> tuple[np.ndarray, np.ndarray]:
    """Constants of the EMITTER and the COLLECTOR port of a bipolar transistor."""
    rows = []
    for n, beta, early, capacitance, potential, grading in (
        ("nf", "bf", "var", "cje", "vje", "mje"),
        ("nr", "br", "vaf", "cjc", "vjc", "mjc"),
    ):
        row = _row()
        _exponential(row, model["is"], model[n] * THERMAL_VOLTAGE)
        _depletion(row, model[capacitance], model[potential], model[grading], model["fc"])
        row[SHARE], row[EARLY], row[TRANSISTOR] = 1 / model[beta], -1 / model[early], 1.0
        rows.append(row)
    return rows[0], rows[1]


def tanh_row(gain: float) -> np.ndarray:
    """Constants of a source of ``gain * tanh(v)``."""
    row = _row()
    row[GAIN], row[CURVED] = gain, 1.0
    return row


def _exponential(row: np.ndarray, saturation: float, vte: float) -> None:
    row[IS], row[VTE], row[INVERSE_VTE] = saturation, vte, 1 / vte


def _depletion(row: np.ndarray, capacitance: float, potential: float, grading: float, fc: float) -> None:
    if capacitance == 0:
        return
    row[CJ], row[INVERSE_VJ], row[GRADING] = capacitance, 1 / potential, grading
    row[KNEE], row[LOWEST], row[DEPLETION] = fc * potential, 1 - fc, potential / (1 - grading)
    row[F1] = potential / (1 - grading) * (1 - (1 - fc) ** (1 - grading))  # [1]_ eqn (1-26)
    row[INVERSE_F2] = (1 - fc) ** -(1 + grading)
    row[F3] = 1 - fc * (1 + grading)
    row[BENT], row[BOW] = grading / (2 * potential), grading / (potential * (1 - fc))


def lanes_of(kinds: np.ndarray) -> np.ndarray:
    """The lane of each port, shape (P,): in turn, but a transistor begins at an even one, as :func:`evaluate` wants."""
    lanes, lane = np.empty(len(kinds), np.int64), 0
    for port, kind in enumerate(kinds):
        lane += lane % 2 if kind == EMITTER else 0
        lanes[port] = lane
        lane += 1
    return lanes


def lane_count(kinds: np.ndarray) -> int:
    """Lanes that these ports need in any order, whole groups of LANES."""
    return -(-(len(kinds) + int(np.sum(kinds == EMITTER))) // LANES) * LANES


def table_of(rows: np.ndarray, lanes: np.ndarray, count: int) -> np.ndarray:
    """Constants by row and lane, shape (WIDTH, count), from those by port (P, WIDTH); empty lanes carry nothing."""
    table = np.repeat(_row()[:, None], count, axis=1)
    table[:, lanes] = rows.T
    return table


@njit(**INLINED)
def evaluate(table, first, lanes, rate, v):
    """The laws of LANES ports at ``v`` volts.

    Parameters
    ----------
    table : array of float64, flat
        WIDTH rows of ``lanes`` constants.
    first : int
        Where in it the first row has these ports.
    rate : float
        1/s, of the time-stepping: what makes a current of a change of charge.
    v : LANES numbers

    Returns
    -------
    current, slope, across, charge, capacitance, bend : LANES numbers each
        Current in A, its derivative by the port's own voltage and by the voltage of the transistor's other port, charge
        in C and its derivative; and how fast ``slope + rate * capacitance`` changes, at most, in A/V^2.
    """
    one, zero = spread(1.0), spread(0.0)
    is_, inverse_vte = load(table, first + IS * lanes), load(table, first + INVERSE_VTE * lanes)
    gain, curved = load(table, first + GAIN * lanes), load(table, first + CURVED * lanes)
    x = where_less(zero, curved, spread(-2.0) * absolute(v), v * inverse_vte)
    top = spread(_EXP_LIMIT)
    power = exp(greater(lesser(x, top), spread(_OFF)))
    power = where_less(x, spread(_OFF), zero, power)
    # Shockley's law; e^x goes on as its tangent beyond the limit.
    raised = where_less(top, x, power * (one + (x - top)), power)
    own = is_ * (raised - one)
    own_slope = is_ * inverse_vte * power
    bend = own_slope * inverse_vte
    # The other law of the same exponential, tanh |v| = (1 - e^-2|v|) / (1 + e^-2|v|).
    share = one / (one + power)
    t = (one - power) * share
    tanh_slope = gain * (spread(4.0) * power * share * share)
    # Depletion charge; beyond FC VJ the straight line of SPICE.
    each_share, cj = load(table, first + EACH * lanes), load(table, first + CJ * lanes)
    each, knee = v * each_share, load(table, first + KNEE * lanes)
    inverse_vj, grading = load(table, first + INVERSE_VJ * lanes), load(table, first + GRADING * lanes)
    rest = greater(one - each * inverse_vj, load(table, first + LOWEST * lanes))
    capacitance = cj * exp((zero - grading) * log(rest))
    charge = (cj - capacitance * rest) * load(table, first + DEPLETION * lanes)
    if not all_less(each, knee):
        bent, inverse_f2 = load(table, first + BENT * lanes), load(table, first + INVERSE_F2 * lanes)
        f1, f3 = load(table, first + F1 * lanes), load(table, first + F3 * lanes)
        linear = f3 * (each - knee) + bent * (each * each - knee * knee)
        beyond = cj * (f1 + linear * inverse_f2)
        charge = where_less(each, knee, charge, beyond)
        capacitance = where_less(each, knee, capacitance, cj * inverse_f2 * (f3 + (bent + bent) * each))
    tt = load(table, first + TT * lanes)
    bowed = capacitance * load(table, first + BOW * lanes) + tt * bend
    charge = charge + tt * own
    capacitance = capacitance * each_share + tt * own_slope
    # Transistors: the transport form, the same for both ports. 1 / q_b is [1]_ eqn (2-61).
    early, by_own = one, load(table, first + EARLY * lanes)
    by_other = neighbours(by_own)
    other_v, other, other_slope = neighbours(v), neighbours(own), neighbours(own_slope)
    early = one + (v * by_own + other_v * by_other)
    low = spread(1e-3)
    by_own, by_other = where_less(early, low, zero, by_own), where_less(early, low, zero, by_other)
    early = greater(early, low)
    transistor, part = load(table, first + TRANSISTOR * lanes), load(table, first + SHARE * lanes)
    net = transistor * (own - other)
    current = own * part + net * early
    slope = own_slope * part + transistor * own_slope * early + net * by_own
    across = net * by_other - transistor * other_slope * early
    bend = bend * (part + transistor)
    bv = load(table, first + BV * lanes)
    if not all_less(zero - each, bv):
        over = (zero - (each + bv)) * spread(1 / THERMAL_VOLTAGE)
        power = exp(greater(lesser(over, top), spread(_OFF)))
        raised = where_less(top, over, power * (one + (over - top)), power)
        broken = spread(1 / THERMAL_VOLTAGE) * is_ * power * each_share
        current = where_less(bv, zero - each, current - is_ * (raised - one), current)
        slope = where_less(bv, zero - each, slope + broken, slope)
        bend = where_less(bv, zero - each, bend + broken * spread(1 / THERMAL_VOLTAGE) * each_share, bend)
    current = current + gain * with_sign(t, v)
    slope = slope + tanh_slope
    bend = bend + spread(2.0) * t * absolute(tanh_slope) + spread(rate) * bowed
    return current, slope, across, charge, capacitance, bend


@kernel()
def _evaluate_table(table, v, out):
    lanes = len(v)
    for first in range(0, lanes, LANES):
        current, slope, across, charge, capacitance, _ = evaluate(table, first, lanes, 0.0, load(v, first))
        store(out, first, current)
        store(out, lanes + first, slope)
        store(out, 2 * lanes + first, across)
        store(out, 3 * lanes + first, charge)
        store(out, 4 * lanes + first, capacitance)


def evaluate_all(kinds: np.ndarray, rows: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Current, slope, slope across, charge and capacitance of every port at ``v``, shape (5, P); see :func:`evaluate`."""
    lanes, count = lanes_of(kinds), lane_count(kinds)
    at, out = np.zeros(count), np.zeros((5, count))
    at[lanes] = v
    _evaluate_table(table_of(rows, lanes, count).ravel(), at, out.ravel())
    return out[:, lanes]


@kernel(forceinline=True)
def limited(kind, vte, saturation, v_new, v_old):
    """``v_new``, or less where the law cannot follow: a junction's exponential (SPICE's pnjlim), tanh across its slope."""
    if kind == TANH:
        return max(-1.0, min(1.0, v_new)) if v_new * v_old < 0.0 and abs(v_old) > 1.0 else v_new
    if abs(v_new - v_old) <= 2.0 * vte:
        return v_new
    critical = vte * math.log(vte / (1.4142135623730951 * saturation))
    if v_new <= critical:
        return v_new
    if v_old > 0.0:
        ratio = 1.0 + (v_new - v_old) / vte
        return v_old + vte * math.log(ratio) if ratio > 0.0 else critical
    return vte * math.log(v_new / vte)
