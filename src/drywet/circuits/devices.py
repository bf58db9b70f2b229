"""Laws of the nonlinear devices: current, charge and their derivatives at a port, after SPICE.

A port is a pair of nodes whose voltage a device law reads and into which it drives a current. Each port has a kind
(a small integer, so that compiled code can choose) and a row of constants.

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

THERMAL_VOLTAGE = 1.380649e-23 * 300.15 / 1.602176634e-19  # V at 27 °C, SPICE's temperature
GMIN = 1e-12  # S across every junction, as in SPICE

JUNCTION, TANH, EMITTER, COLLECTOR = range(4)
WIDTH = 12  # constants per port

# Columns of a JUNCTION row; the depletion columns are shared with EMITTER and COLLECTOR.
IS, VTE, CJ, VJ, M, KNEE, F1, F2, F3, COUNT, TT, BV = range(WIDTH)
# Of an EMITTER or COLLECTOR row: 1 / beta in place of COUNT, 1 / Early voltage of the other junction in place of TT.
INVERSE_BETA, INVERSE_EARLY = COUNT, TT
GAIN = 0  # of a TANH row

_EXP_LIMIT = 80.0  # beyond e^80 the exponential goes on as its tangent, so nothing overflows
_OFF = -40.0  # below e^-40 a junction carries its saturation current alone


def junction_row(model: Mapping[str, float], count: int = 1) -> np.ndarray:
    """Constants of ``count`` equal diodes in series (one port: they share current, so also voltage and charge)."""
    row = np.zeros(WIDTH)
    row[IS], row[VTE] = model["is"], count * model["n"] * THERMAL_VOLTAGE
    _depletion(row, model["cjo"], model["vj"], model["m"], model["fc"])
    row[COUNT], row[TT] = count, model["tt"]
    row[BV] = np.inf
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
        row = np.zeros(WIDTH)
        row[IS], row[VTE] = model["is"], model[n] * THERMAL_VOLTAGE
        _depletion(row, model[capacitance], model[potential], model[grading], model["fc"])
        row[INVERSE_BETA], row[INVERSE_EARLY] = 1 / model[beta], 1 / model[early]
        rows.append(row)
    return rows[0], rows[1]


def tanh_row(gain: float) -> np.ndarray:
    """Constants of a source of ``gain * tanh(v)``."""
    row = np.zeros(WIDTH)
    row[GAIN] = gain
    return row


def _depletion(row: np.ndarray, capacitance: float, potential: float, grading: float, fc: float) -> None:
    row[CJ], row[VJ], row[M], row[KNEE] = capacitance, potential, grading, fc * potential
    row[F1] = potential / (1 - grading) * (1 - (1 - fc) ** (1 - grading))  # [1]_ eqn (1-26)
    row[F2] = (1 - fc) ** (1 + grading)
    row[F3] = 1 - fc * (1 + grading)


@njit(cache=True, error_model="numpy", forceinline=True)
def _exp(x):
    """``(e^x, its derivative)``, e^x going on as its tangent beyond the limit."""
    if x < _EXP_LIMIT:
        e = math.exp(x)
        return e, e
    e = math.exp(_EXP_LIMIT)
    return e * (1.0 + x - _EXP_LIMIT), e


@njit(cache=True, error_model="numpy", forceinline=True)
def _diode(v, saturation, vte):
    """Shockley's law, current in A and slope in S."""
    x = v / vte
    if x < _OFF:
        return -saturation, 0.0
    e, slope = _exp(x)
    return saturation * (e - 1.0), saturation * slope / vte


@njit(cache=True, error_model="numpy", forceinline=True)
def _depletion_charge(v, cj, vj, m, knee, f1, f2, f3):
    """Depletion charge in C and capacitance in F; beyond ``FC VJ`` the straight line of SPICE."""
    if cj == 0.0:
        return 0.0, 0.0
    if v < knee:
        x = 1.0 - v / vj
        c = cj * math.exp(-m * math.log(x))
        return (cj - c * x) * vj / (1.0 - m), c
    linear = f3 * (v - knee) + m / (2.0 * vj) * (v * v - knee * knee)
    return cj * (f1 + linear / f2), cj / f2 * (f3 + m * v / vj)


@njit(cache=True, error_model="numpy", inline="always")
def evaluate(port, kinds, rows, v, i, g, across, q, c):
    """Fill current, charge and derivatives at ``port`` (and at ``port + 1`` for a transistor); how many were filled.

    Parameters
    ----------
    port : int
    kinds, rows : arrays, shapes (P,), (P, WIDTH or more)
    v : array, shape (P,)
        Port voltages in V.
    i, g, across, q, c : arrays, shape (P,), written
        Current in A, its derivative by the port's own voltage, by the voltage of the transistor's other port, charge
        in C and its derivative.
    """
    kind = kinds[port]
    if kind == JUNCTION:
        across[port] = 0.0
        current, slope = _diode(v[port], rows[port, IS], rows[port, VTE])
        count = rows[port, COUNT]
        each = v[port] / count
        charge, capacitance = _depletion_charge(
            each, rows[port, CJ], rows[port, VJ], rows[port, M], rows[port, KNEE], rows[port, F1], rows[port, F2],
            rows[port, F3],
        )  # fmt: skip
        q[port] = charge + rows[port, TT] * current
        c[port] = capacitance / count + rows[port, TT] * slope
        if each < -rows[port, BV]:
            e, e_slope = _exp(-(each + rows[port, BV]) / THERMAL_VOLTAGE)
            current -= rows[port, IS] * (e - 1.0)
            slope += rows[port, IS] * e_slope / (THERMAL_VOLTAGE * count)
        i[port], g[port] = current, slope
        return 1
    if kind == TANH:
        t = math.tanh(v[port])
        gain = rows[port, GAIN]
        across[port], i[port], g[port], q[port], c[port] = 0.0, gain * t, gain * (1.0 - t * t), 0.0, 0.0
        return 1
    vbe, vbc = v[port], v[port + 1]
    forward, gf = _diode(vbe, rows[port, IS], rows[port, VTE])
    reverse, gr = _diode(vbc, rows[port + 1, IS], rows[port + 1, VTE])
    by_vbe, by_vbc = -rows[port, INVERSE_EARLY], -rows[port + 1, INVERSE_EARLY]
    early = 1.0 + vbc * by_vbc + vbe * by_vbe  # 1 / q_b, [1]_ eqn (2-61)
    if early < 1e-3:
        early, by_vbe, by_vbc = 1e-3, 0.0, 0.0
    transport = (forward - reverse) * early
    t_vbe = gf * early + (forward - reverse) * by_vbe
    t_vbc = -gr * early + (forward - reverse) * by_vbc
    i[port] = forward * rows[port, INVERSE_BETA] + transport
    g[port] = gf * rows[port, INVERSE_BETA] + t_vbe
    across[port] = t_vbc
    i[port + 1] = reverse * rows[port + 1, INVERSE_BETA] - transport
    g[port + 1] = gr * rows[port + 1, INVERSE_BETA] - t_vbc
    across[port + 1] = -t_vbe
    q[port], c[port] = _depletion_charge(
        vbe, rows[port, CJ], rows[port, VJ], rows[port, M], rows[port, KNEE], rows[port, F1], rows[port, F2],
        rows[port, F3],
    )  # fmt: skip
    q[port + 1], c[port + 1] = _depletion_charge(
        vbc, rows[port + 1, CJ], rows[port + 1, VJ], rows[port + 1, M], rows[port + 1, KNEE], rows[port + 1, F1],
        rows[port + 1, F2], rows[port + 1, F3],
    )  # fmt: skip
    return 2


@njit(cache=True, error_model="numpy")
def evaluate_all(kinds, rows, v, i, g, across, q, c):
    """:func:`evaluate` at every port."""
    port = 0
    while port < len(kinds):
        port += evaluate(port, kinds, rows, v, i, g, across, q, c)


@njit(cache=True, error_model="numpy", forceinline=True)
def limited(kind, vte, saturation, v_new, v_old):
    """``v_new``, or less where a junction would see a jump its exponential cannot follow (SPICE's pnjlim)."""
    if kind == TANH or abs(v_new - v_old) <= 2.0 * vte:
        return v_new
    critical = vte * math.log(vte / (1.4142135623730951 * saturation))
    if v_new <= critical:
        return v_new
    if v_old > 0.0:
        ratio = 1.0 + (v_new - v_old) / vte
        return v_old + vte * math.log(ratio) if ratio > 0.0 else critical
    return vte * math.log(v_new / vte)
