"""The LSTM recurrence compiled for the CPU, for rendering.

torch spends some microseconds of bookkeeping on every time step of a single signal; this loop spends them on
arithmetic. It is float32, allocates nothing inside the loop, and gives the same bits for any block size, because it
treats every sample alike.
"""

import numpy as np
from numba import njit

# tanh(x) ~ x P(x^2) / Q(x^2) on |x| <= 9: least maximum relative error, found by Sanathanan-Koerner iteration with
# Lawson weights; 2.1e-8 in exact arithmetic, 3.4e-7 absolute in float32 (tests/models/test_recurrence.py).
P0, P1, P2, P3, P4 = (
    np.float32(c)
    for c in (0.9999999794474, 0.1338102671875, 3.495589417323682e-3, 2.060910336735848e-5, 1.3354689613827e-8)
)
Q1, Q2, Q3, Q4 = (
    np.float32(c) for c in (0.4671434230996893, 2.587698709196881e-2, 3.285636925791469e-4, 7.77657006596561e-7)
)
ONE, HALF, NINE = np.float32(1.0), np.float32(0.5), np.float32(9.0)

# Sums may be reordered, but NaN and infinity must show: a diverged model is not hidden.
FAST = {"contract", "nsz", "arcp", "reassoc"}


@njit(inline="always", fastmath=FAST)
def fast_tanh(x):
    """tanh in float32 without a branch, so that the compiler can work on many units at once."""
    x = min(max(x, -NINE), NINE)
    u = x * x
    return x * (P0 + u * (P1 + u * (P2 + u * (P3 + u * P4)))) / (ONE + u * (Q1 + u * (Q2 + u * (Q3 + u * Q4))))


@njit(cache=True, fastmath=FAST, nogil=True, error_model="numpy")
def lstm_signal(drive, input_weight, recurrent_weight, bias, output_weight, output_bias, h, c, out):
    """One LSTM layer and a dense output over one signal.

    Equations as in Hochreiter & Schmidhuber 1997 with forget gate (Gers 2000), gates in the order input, forget,
    candidate, output; sigmoid(x) = 0.5 + 0.5 tanh(x / 2).

    Parameters
    ----------
    drive : float32, shape (T,)
        Input, already scaled.
    input_weight, bias : float32, shape (4H,)
        ``bias`` is the sum of both biases and of whatever constant inputs (knobs) contribute.
    recurrent_weight : float32, shape (H, 4H)
    output_weight : float32, shape (H,)
    output_bias : float32
    h, c : float32, shape (H,)
        State, changed in place.
    out : float32, shape (T,)
        Filled with the output.
    """
    hidden = len(h)
    gates = np.empty(4 * hidden, np.float32)
    for t in range(len(drive)):
        x = drive[t]
        for j in range(4 * hidden):
            gates[j] = bias[j] + input_weight[j] * x
        for k in range(0, hidden - 3, 4):  # four rows at a time: fewer passes over the gates
            h0, h1, h2, h3 = h[k], h[k + 1], h[k + 2], h[k + 3]
            for j in range(4 * hidden):
                gates[j] += (
                    h0 * recurrent_weight[k, j]
                    + h1 * recurrent_weight[k + 1, j]
                    + h2 * recurrent_weight[k + 2, j]
                    + h3 * recurrent_weight[k + 3, j]
                )
        for k in range(hidden - hidden % 4, hidden):
            for j in range(4 * hidden):
                gates[j] += h[k] * recurrent_weight[k, j]
        for j in range(hidden):
            input_gate = HALF + HALF * fast_tanh(HALF * gates[j])
            forget_gate = HALF + HALF * fast_tanh(HALF * gates[hidden + j])
            candidate = fast_tanh(gates[2 * hidden + j])
            output_gate = HALF + HALF * fast_tanh(HALF * gates[3 * hidden + j])
            c[j] = forget_gate * c[j] + input_gate * candidate
            h[j] = output_gate * fast_tanh(c[j])
        y = output_bias
        for j in range(hidden):
            y += output_weight[j] * h[j]
        out[t] = y
