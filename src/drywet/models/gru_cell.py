"""The GRU cell with its gradient, compiled for the CPU.

Equations as torch and cuDNN have them, from K. Cho et al., "Learning phrase representations using RNN encoder-decoder for
statistical machine translation", EMNLP 2014, but with the reset gate after the recurrent product, and a bias in there::

    r = sigmoid(W_ir x + b_ir + W_hr h + b_hr)            reset
    z = sigmoid(W_iz x + b_iz + W_hz h + b_hz)            update
    m = W_hn h + b_hn                                     what is remembered
    n = tanh(W_in x + b_in + r m)                         candidate
    h' = (1 - z) n + z h

Gates stand in the order r, z, m.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from drywet.kernel_cache import kernel
from drywet.models.recurrence import FAST, HALF, ONE, STEPS, add_product, add_row, collect, fast_tanh, project
from drywet.models.recurrent_layers import Cell, LayerWeights


@kernel(fastmath=FAST)
def _forward(x, constant, input_weight, recurrent_weight, h, gates, candidate):
    """Fill ``h`` (T + 1, B, H), whose row 0 is the state before, ``gates`` (T, B, 3H) and ``candidate`` (T, B, H).

    From ``x`` (T, B, F), ``constant`` (B, 4H): biases and knobs of r, z, n, and b_hn; ``input_weight`` (F, 3H) of r, z, n,
    ``recurrent_weight`` (H, 3H) of r, z, m.
    """
    length, batch, hidden = candidate.shape
    split = gates.reshape(length, batch, 3, hidden)
    constants = constant.reshape(batch, 4, hidden)
    inputs = np.empty((batch, 3 * hidden), gates.dtype)
    split_inputs = inputs.reshape(batch, 3, hidden)
    for t in range(length):
        project(x[t], input_weight, constant, inputs)
        for b in range(batch):
            for gate in range(2):
                for j in range(hidden):
                    split[t, b, gate, j] = split_inputs[b, gate, j]
            for j in range(hidden):
                split[t, b, 2, j] = constants[b, 3, j]
        add_product(h[t], False, recurrent_weight, gates[t])
        for b in range(batch):
            for gate in range(2):
                for j in range(hidden):
                    split[t, b, gate, j] = HALF + HALF * fast_tanh(HALF * split[t, b, gate, j])
            for j in range(hidden):
                candidate[t, b, j] = fast_tanh(split_inputs[b, 2, j] + split[t, b, 0, j] * split[t, b, 2, j])
            for j in range(hidden):
                n = candidate[t, b, j]
                h[t + 1, b, j] = n + split[t, b, 1, j] * (h[t, b, j] - n)


@kernel(fastmath=FAST)
def _render(x, constant, input_weight, recurrent_weight, hidden, h):
    """Fill ``hidden`` (T, H) from one signal ``x`` (T, F); the state ``h`` (H,) is changed in place.

    ``constant`` (4H,), the weights as in :func:`_forward`. Nothing is kept, and every sample has the same bits in whatever
    block it comes.
    """
    length, units = hidden.shape
    inputs, gates = np.empty(3 * units, hidden.dtype), np.empty(3 * units, hidden.dtype)
    r, z, m, n = gates[:units], gates[units : 2 * units], gates[2 * units :], inputs[2 * units :]
    remembered, row = constant[3 * units :], h.reshape(1, units)
    for t in range(length):
        if len(input_weight) == 1:  # the first layer, whose input is one number
            value = x[t, 0]
            for j in range(3 * units):
                inputs[j] = constant[j] + value * input_weight[0, j]
        else:
            for j in range(3 * units):
                inputs[j] = constant[j]
            add_row(x, t, input_weight, inputs)
        for j in range(2 * units):
            gates[j] = inputs[j]
        for j in range(units):
            m[j] = remembered[j]
        add_row(row, 0, recurrent_weight, gates)
        for j in range(2 * units):
            gates[j] = HALF + HALF * fast_tanh(HALF * gates[j])
        for j in range(units):
            n[j] = fast_tanh(n[j] + r[j] * m[j])
        for j in range(units):
            h[j] = n[j] + z[j] * (h[j] - n[j])
        for j in range(units):
            hidden[t, j] = h[j]


@kernel(fastmath=FAST)
def _backward(
    x, input_weight, recurrent_weight, h, gates, candidate,
    grad_h, grad_x, grad_constant, grad_input, grad_recurrent,
):  # fmt: skip
    """Walk back in time, and add up the gradients of everything.

    ``input_weight`` (3H, F) and ``recurrent_weight`` (3H, H) as torch keeps them. ``grad_h`` (T + 1, B, H) comes with what
    the layer above and the last state want, and ends with the gradient of the first state in row 0. The others are as
    :func:`collect` has them.
    """
    length, batch, hidden = candidate.shape
    split = gates.reshape(length, batch, 3, hidden)
    constants = grad_constant.reshape(batch, 4, hidden)
    steps = min(STEPS, length)
    slopes = np.empty((steps, batch, 3 * hidden), gates.dtype)  # of r, z, m
    input_slopes = np.empty_like(slopes)  # of r, z, n
    split_slopes = slopes.reshape(steps, batch, 3, hidden)
    split_inputs = input_slopes.reshape(steps, batch, 3, hidden)
    for end in range(length, 0, -steps):
        start = max(0, end - steps)
        for t in range(end - 1, start - 1, -1):
            s = t - start
            for b in range(batch):
                for j in range(hidden):
                    z = split[t, b, 1, j]
                    split_slopes[s, b, 1, j] = grad_h[t + 1, b, j] * (h[t, b, j] - candidate[t, b, j]) * z * (ONE - z)
                for j in range(hidden):
                    n = candidate[t, b, j]
                    split_inputs[s, b, 2, j] = grad_h[t + 1, b, j] * (ONE - split[t, b, 1, j]) * (ONE - n * n)
                for j in range(hidden):
                    r = split[t, b, 0, j]
                    split_slopes[s, b, 0, j] = split_inputs[s, b, 2, j] * split[t, b, 2, j] * r * (ONE - r)
                for j in range(hidden):
                    split_slopes[s, b, 2, j] = split_inputs[s, b, 2, j] * split[t, b, 0, j]
                for j in range(hidden):
                    grad_h[t, b, j] += grad_h[t + 1, b, j] * split[t, b, 1, j]
                for gate in range(2):
                    for j in range(hidden):
                        split_inputs[s, b, gate, j] = split_slopes[s, b, gate, j]
                for j in range(hidden):
                    constants[b, 3, j] += split_slopes[s, b, 2, j]
            add_product(slopes[s], False, recurrent_weight, grad_h[t])
        collect(
            x[start:end], h[start:end], input_slopes[: end - start], slopes[: end - start], input_weight,
            grad_x[start:end], grad_constant, grad_input, grad_recurrent,
        )  # fmt: skip


def _weights(layer: nn.RNNBase, number: int, knobs: Tensor) -> LayerWeights:
    weight, recurrent_weight, bias, recurrent_bias = layer.all_weights[number]
    hidden = recurrent_weight.shape[1]
    both, remembered = recurrent_bias.split([2 * hidden, hidden])
    constant = torch.cat([bias + pad(both, (0, hidden)), remembered])
    if knobs.shape[1]:
        constant = constant + pad(knobs @ weight[:, 1:].T, (0, hidden))
    of_signal = weight[:, :1] if knobs.shape[1] else weight
    return LayerWeights(constant.expand(len(knobs), -1), of_signal, recurrent_weight)


GRU_CELL = Cell(states=1, kept=(3, 1), forward=_forward, backward=_backward, render=_render, weights=_weights)
