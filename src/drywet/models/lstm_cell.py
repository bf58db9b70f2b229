"""The LSTM cell with its gradient, compiled for the CPU.

Equations as in Hochreiter & Schmidhuber 1997 with forget gate (Gers 2000); sigmoid(x) = 0.5 + 0.5 tanh(x / 2). Gates
stand in torch's order: input, forget, candidate, output.
"""

import numpy as np
from torch import Tensor, nn

from drywet.kernel_cache import kernel
from drywet.models.recurrence import FAST, HALF, ONE, STEPS, add_product, add_row, collect, fast_tanh, project
from drywet.models.recurrent_layers import Cell, LayerWeights


@kernel(fastmath=FAST)
def _forward(x, constant, input_weight, recurrent_weight, h, c, gates):
    """Fill ``h`` and ``c`` (T + 1, B, H), whose row 0 is the state before, and ``gates`` (T, B, 4H).

    From ``x`` (T, B, F), ``constant`` (B, 4H): biases and knobs, ``input_weight`` (F, 4H), ``recurrent_weight`` (H, 4H).
    """
    length, batch, hidden = len(x), x.shape[1], h.shape[2]
    split = gates.reshape(length, batch, 4, hidden)
    for t in range(length):
        project(x[t], input_weight, constant, gates[t])
        add_product(h[t], False, recurrent_weight, gates[t])
        for b in range(batch):
            for gate in range(4):
                if gate == 2:
                    for j in range(hidden):
                        split[t, b, 2, j] = fast_tanh(split[t, b, 2, j])
                else:
                    for j in range(hidden):
                        split[t, b, gate, j] = HALF + HALF * fast_tanh(HALF * split[t, b, gate, j])
            for j in range(hidden):
                c[t + 1, b, j] = split[t, b, 1, j] * c[t, b, j] + split[t, b, 0, j] * split[t, b, 2, j]
            for j in range(hidden):
                h[t + 1, b, j] = split[t, b, 3, j] * fast_tanh(c[t + 1, b, j])


@kernel(fastmath=FAST)
def _render(x, constant, input_weight, recurrent_weight, hidden, h, c):
    """Fill ``hidden`` (T, H) from one signal ``x`` (T, F); the state ``h``, ``c`` (H,) is changed in place.

    ``constant`` (4H,), the weights as in :func:`_forward`. Nothing is kept, and every sample has the same bits in whatever
    block it comes.
    """
    length, units = hidden.shape
    gates = np.empty(4 * units, hidden.dtype)
    i, f, g, o = gates[:units], gates[units : 2 * units], gates[2 * units : 3 * units], gates[3 * units :]
    row = h.reshape(1, units)
    for t in range(length):
        if len(input_weight) == 1:  # the first layer, whose input is one number
            value = x[t, 0]
            for j in range(4 * units):
                gates[j] = constant[j] + value * input_weight[0, j]
        else:
            for j in range(4 * units):
                gates[j] = constant[j]
            add_row(x, t, input_weight, gates)
        add_row(row, 0, recurrent_weight, gates)
        for j in range(2 * units):
            gates[j] = HALF + HALF * fast_tanh(HALF * gates[j])
        for j in range(units):
            g[j] = fast_tanh(g[j])
        for j in range(units):
            o[j] = HALF + HALF * fast_tanh(HALF * o[j])
        for j in range(units):
            c[j] = f[j] * c[j] + i[j] * g[j]
        for j in range(units):
            h[j] = o[j] * fast_tanh(c[j])
        for j in range(units):
            hidden[t, j] = h[j]


@kernel(fastmath=FAST)
def _backward(
    x, input_weight, recurrent_weight, h, c, gates,
    grad_h, grad_c, grad_x, grad_constant, grad_input, grad_recurrent,
):  # fmt: skip
    """Walk back in time, and add up the gradients of everything.

    ``input_weight`` (4H, F) and ``recurrent_weight`` (4H, H) as torch keeps them. ``grad_h`` (T + 1, B, H) comes with what
    the layer above and the last state want, and ends with the gradient of the first state in row 0; ``grad_c`` (B, H)
    likewise. The others are as :func:`collect` has them.
    """
    length, batch, hidden = len(x), x.shape[1], h.shape[2]
    split = gates.reshape(length, batch, 4, hidden)
    steps = min(STEPS, length)
    slopes = np.empty((steps, batch, 4 * hidden), gates.dtype)
    split_slopes = slopes.reshape(steps, batch, 4, hidden)
    for end in range(length, 0, -steps):
        start = max(0, end - steps)
        for t in range(end - 1, start - 1, -1):
            s = t - start
            for b in range(batch):
                for j in range(hidden):
                    dh, o, bent = grad_h[t + 1, b, j], split[t, b, 3, j], fast_tanh(c[t + 1, b, j])
                    grad_c[b, j] += dh * o * (ONE - bent * bent)
                    split_slopes[s, b, 3, j] = dh * bent * o * (ONE - o)
                for j in range(hidden):
                    dc, i, g = grad_c[b, j], split[t, b, 0, j], split[t, b, 2, j]
                    split_slopes[s, b, 0, j] = dc * g * i * (ONE - i)
                for j in range(hidden):
                    dc, i, g = grad_c[b, j], split[t, b, 0, j], split[t, b, 2, j]
                    split_slopes[s, b, 2, j] = dc * i * (ONE - g * g)
                for j in range(hidden):
                    dc, f = grad_c[b, j], split[t, b, 1, j]
                    split_slopes[s, b, 1, j] = dc * c[t, b, j] * f * (ONE - f)
                    grad_c[b, j] = dc * f
            add_product(slopes[s], False, recurrent_weight, grad_h[t])
        here = slopes[: end - start]
        collect(
            x[start:end], h[start:end], here, here, input_weight, grad_x[start:end],
            grad_constant, grad_input, grad_recurrent,
        )  # fmt: skip


def _weights(layer: nn.RNNBase, number: int, knobs: Tensor) -> LayerWeights:
    weight, recurrent_weight, bias, recurrent_bias = layer.all_weights[number]
    constant = bias + recurrent_bias
    if knobs.shape[1]:
        constant = constant + knobs @ weight[:, 1:].T
    of_signal = weight[:, :1] if knobs.shape[1] else weight
    return LayerWeights(constant.expand(len(knobs), -1), of_signal, recurrent_weight)


LSTM_CELL = Cell(states=2, kept=(4,), forward=_forward, backward=_backward, render=_render, weights=_weights)
