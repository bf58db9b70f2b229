"""What the recurrent cells (``lstm_cell.py``, ``gru_cell.py``) share, compiled for the CPU.

torch spends some microseconds of bookkeeping on every time step; these loops spend them on arithmetic. They allocate
nothing per time step, and treat every time step alike, so a signal's bits do not depend on how it is cut into blocks.

Two habits make LLVM use vector instructions. Arrays are indexed in place (``gates[t, b, 0, j]``, with ``j`` from zero),
because slices are reference-counted and a start other than zero brings a test for negative indices. And few arrays
meet in one loop, and at most one place of each is written, because LLVM gives up where it would have to check many pairs for
overlap, and finds overlap where two gates of one array are written.
"""

import numpy as np
from numba import njit

from drywet.kernel_cache import kernel
from drywet.models.tiles import ROWS, multiply_add
from drywet.vectors import TANH_P, TANH_Q

P0, P1, P2, P3, P4 = (np.float32(c) for c in TANH_P)
_, Q1, Q2, Q3, Q4 = (np.float32(c) for c in TANH_Q)
ONE, HALF, NINE = np.float32(1.0), np.float32(0.5), np.float32(9.0)  # a plain 1 would make float64 of float32

# Sums may be reordered, but NaN and infinity must show: a diverged model is not hidden.
FAST = {"contract", "nsz", "arcp", "reassoc"}

STEPS = 4  # time steps whose weight gradients are one matrix product: its sums are loaded and stored once for all


@njit(inline="always", fastmath=FAST)
def fast_tanh(x):
    """tanh in float32 without a branch, as that of :mod:`drywet.vectors`, where a loop is left to the compiler."""
    x = min(max(x, -NINE), NINE)
    u = x * x
    return x * (P0 + u * (P1 + u * (P2 + u * (P3 + u * P4)))) / (ONE + u * (Q1 + u * (Q2 + u * (Q3 + u * Q4))))


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def add_row(a, row, w, out):
    """``out += a[row] @ w``: ``a`` (M, K), ``w`` (K, N), ``out`` (N,)."""
    steps = len(w)
    for k in range(0, steps - 7, 8):  # eight at a time: fewer passes over the row
        a0, a1, a2, a3 = a[row, k], a[row, k + 1], a[row, k + 2], a[row, k + 3]
        a4, a5, a6, a7 = a[row, k + 4], a[row, k + 5], a[row, k + 6], a[row, k + 7]
        for j in range(len(out)):
            out[j] += (a0 * w[k, j] + a1 * w[k + 1, j] + a2 * w[k + 2, j] + a3 * w[k + 3, j]) + (
                a4 * w[k + 4, j] + a5 * w[k + 5, j] + a6 * w[k + 6, j] + a7 * w[k + 7, j]
            )
    for k in range(steps - steps % 8, steps):
        factor = a[row, k]
        for j in range(len(out)):
            out[j] += factor * w[k, j]


@njit(fastmath=FAST, error_model="numpy")
def add_product(a, transposed, w, out):
    """``out += a @ w``, or ``a.T @ w`` when ``transposed``; all C-contiguous.

    As :func:`~drywet.models.tiles.multiply_add`, but quick also in the rows that fill no tile.
    """
    whole = len(out) - len(out) % ROWS
    if whole:
        multiply_add(a, transposed, w, out[:whole])
    for row in range(whole, len(out)):
        if transposed:
            add_row(a.T, row, w, out[row])
        else:
            add_row(a, row, w, out[row])


@njit(fastmath=FAST, error_model="numpy")
def project(x, weight, constant, out):
    """``out = constant + x @ weight``: (B, N) from ``x`` (B, F), ``weight`` (F, N) and ``constant`` (B, N or more)."""
    rows, columns = out.shape
    if len(weight) == 1:  # the first layer, whose input is one number
        for b in range(rows):
            value = x[b, 0]
            for j in range(columns):
                out[b, j] = constant[b, j] + value * weight[0, j]
    else:
        for b in range(rows):
            for j in range(columns):
                out[b, j] = constant[b, j]
        add_product(x, False, weight, out)


@njit(fastmath=FAST, error_model="numpy")
def collect(
    x, h, input_slopes, slopes, input_weight, grad_x, grad_constant, grad_input, grad_recurrent
):  # fmt: skip
    """Add what some time steps contribute to the gradients that do not run back in time.

    ``x`` (S, B, F), ``h`` (S, B, H); ``slopes`` (S, B, N): gradient before the curves of what ``h`` was multiplied into,
    and ``input_slopes`` (S, B, N) of what ``x`` was; ``input_weight`` (N, F). Added to are ``grad_x`` (S, B, F), unless
    it is empty, ``grad_constant`` (B, N or more), ``grad_input`` (F, N), ``grad_recurrent`` (H, N).
    """
    steps, batch, columns = slopes.shape
    features, rows = x.shape[2], steps * batch
    flat = input_slopes.reshape(rows, columns)
    for b in range(batch):
        for s in range(0, steps - 3, 4):  # fewer passes over the row
            for j in range(columns):
                grad_constant[b, j] += (
                    input_slopes[s, b, j]
                    + input_slopes[s + 1, b, j]
                    + input_slopes[s + 2, b, j]
                    + input_slopes[s + 3, b, j]
                )
        for s in range(steps - steps % 4, steps):
            for j in range(columns):
                grad_constant[b, j] += input_slopes[s, b, j]
    add_product(x.reshape(rows, features), True, flat, grad_input)
    add_product(h.reshape(rows, h.shape[2]), True, slopes.reshape(rows, columns), grad_recurrent)
    if len(grad_x):
        add_product(flat, False, input_weight, grad_x.reshape(rows, features))


@kernel(fastmath=FAST)
def dense_forward(h, weight, bias, out):
    """``out`` (B, T) from the hidden units ``h`` (T + 1, B, H), whose row 0 is the state before."""
    batch, length = out.shape
    for t in range(length):
        for b in range(batch):
            total = weight.dtype.type(0)
            for j in range(len(weight)):
                total += weight[j] * h[t + 1, b, j]
            out[b, t] = bias[0] + total


@kernel(fastmath=FAST)
def dense_backward(grad_out, h, weight, grad_h, grad_weight):
    """Fill ``grad_h`` (T + 1, B, H), with zeros in row 0, and add to ``grad_weight`` (H,), from ``grad_out`` (B, T)."""
    batch, length = grad_out.shape
    grad_h[0] = 0
    for t in range(length):
        for b in range(batch):
            slope = grad_out[b, t]
            for j in range(len(weight)):
                grad_h[t + 1, b, j] = slope * weight[j]
            for j in range(len(weight)):
                grad_weight[j] += slope * h[t + 1, b, j]
