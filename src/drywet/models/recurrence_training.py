"""The LSTM recurrence with its gradient, compiled for the CPU and given to torch as one operation.

torch runs a small LSTM as thousands of little operations; here forward and backward are one loop each. Gradients are
checked against torch's own LSTM in float64 (tests/models/test_recurrence.py).
"""

from typing import ClassVar

import numpy as np
import torch
from numba import njit
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from drywet.models.recurrence import FAST, HALF, fast_tanh
from drywet.models.tiles import multiply_add


@njit(cache=True, fastmath=FAST, nogil=True, error_model="numpy")
def _forward(signal, constant, input_weight, recurrent_weight, dense, h, c, gates, tanh_c, out):
    """Fill ``gates`` (T, 4, B, H), ``tanh_c`` (T, B, H), ``h`` and ``c`` (T + 1, B, H), whose row 0 is the state before,
    and ``out`` (T, B).

    ``signal`` (T, B), ``constant`` (4, B, H): biases and knobs, ``input_weight`` (4, H), ``recurrent_weight`` (4, H, H):
    from the hidden unit in its second axis to the one in its third, ``dense`` (H,). Loops run over whole (B, H) planes,
    with few arrays in each, so that the compiler can prove them apart and use vector instructions.
    """
    length, batch = signal.shape
    for t in range(length):
        for gate in range(4):
            for b in range(batch):
                x, row = signal[t, b], gates[t, gate, b]
                for j in range(len(row)):
                    row[j] = constant[gate, b, j] + x * input_weight[gate, j]
            multiply_add(h[t], False, recurrent_weight[gate], gates[t, gate])
        i, f, g, o = (gates[t, 0].ravel(), gates[t, 1].ravel(), gates[t, 2].ravel(), gates[t, 3].ravel())
        before, after, bent, hidden = c[t].ravel(), c[t + 1].ravel(), tanh_c[t].ravel(), h[t + 1].ravel()
        for gate in (i, f, o):
            for n in range(len(gate)):
                gate[n] = HALF + HALF * fast_tanh(HALF * gate[n])
        for n in range(len(g)):
            g[n] = fast_tanh(g[n])
        for n in range(len(after)):
            after[n] = i[n] * g[n]
        for n in range(len(after)):
            after[n] += f[n] * before[n]
        for n in range(len(bent)):
            bent[n] = fast_tanh(after[n])
        for n in range(len(hidden)):
            hidden[n] = o[n] * bent[n]
        for b in range(batch):
            row = h[t + 1, b]
            total = dense.dtype.type(0)
            for j in range(len(row)):
                total += dense[j] * row[j]
            out[t, b] = total


@njit(cache=True, fastmath=FAST, nogil=True, error_model="numpy")
def _backward(
    grad_out, grad_h, grad_c, signal, recurrent_weight, dense, h, c, gates, tanh_c,
    grad_constant, grad_input, grad_recurrent, grad_dense,
):  # fmt: skip
    """Add up the gradients of everything, walking back in time; ``gates`` is used up.

    ``grad_out`` (T, B). ``grad_h``, ``grad_c`` (B, H): of the last state, end as those of the first.
    ``recurrent_weight`` (4, H, H): as torch keeps it, from the hidden unit in its third axis to the one in its second.
    ``grad_constant`` (4, B, H), ``grad_input`` (4, H), ``grad_recurrent`` (4, H, H), ``grad_dense`` (H,).
    """
    length, batch = signal.shape
    dh, dc = grad_h.ravel(), grad_c.ravel()
    for t in range(length - 1, -1, -1):
        for b in range(batch):
            slope, row, hidden = grad_out[t, b], grad_h[b], h[t + 1, b]
            for j in range(len(row)):
                row[j] += slope * dense[j]
            for j in range(len(row)):
                grad_dense[j] += slope * hidden[j]
        i, f, g, o = (gates[t, 0].ravel(), gates[t, 1].ravel(), gates[t, 2].ravel(), gates[t, 3].ravel())
        before, bent = c[t].ravel(), tanh_c[t].ravel()
        for n in range(len(dc)):
            dc[n] += dh[n] * o[n] * (1 - bent[n] * bent[n])
        for n in range(len(o)):
            o[n] = dh[n] * bent[n] * o[n] * (1 - o[n])
        for n in range(len(g)):
            slope_i, slope_g = g[n] * i[n] * (1 - i[n]), i[n] * (1 - g[n] * g[n])
            i[n], g[n] = dc[n] * slope_i, dc[n] * slope_g
        for n in range(len(f)):
            forget = f[n]
            f[n] = dc[n] * before[n] * forget * (1 - forget)
            dc[n] *= forget
        grad_h[:] = 0
        for gate in range(4):
            multiply_add(gates[t, gate], False, recurrent_weight[gate], grad_h)
            multiply_add(h[t], True, gates[t, gate], grad_recurrent[gate])
            constants, plane = grad_constant[gate].ravel(), gates[t, gate].ravel()
            for n in range(len(plane)):
                constants[n] += plane[n]
            inputs = grad_input[gate]
            for b in range(batch):
                x, row = signal[t, b], gates[t, gate, b]
                for j in range(len(row)):
                    inputs[j] += x * row[j]


class _Workspace:
    """What forward leaves for backward, kept from update to update.

    Fresh megabytes for every update would cost more in page faults than the arithmetic takes.
    """

    free: ClassVar[dict[tuple, list["_Workspace"]]] = {}

    def __init__(self, length: int, batch: int, hidden: int, dtype: np.dtype):
        self.key = length, batch, hidden, dtype
        self.gates = np.empty((length, 4, batch, hidden), dtype)
        self.tanh_c = np.empty((length, batch, hidden), dtype)
        self.h, self.c = (np.empty((length + 1, batch, hidden), dtype) for _ in range(2))

    @classmethod
    def take(cls, *key) -> "_Workspace":
        waiting = cls.free.setdefault(key, [])
        return waiting.pop() if waiting else cls(*key)

    def give_back(self) -> None:
        self.free[self.key].append(self)


def lstm_with_output(
    layer: nn.LSTM, dense: nn.Linear, signal: Tensor, controls: Tensor, h: Tensor, c: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """What ``layer`` and ``dense`` make of a signal (T, B) and constant knobs (B, C) from the state ``h``, ``c`` (B, H).

    Output (T, B) and the next state, with gradients for all weights, knobs and the state.
    """
    weight = layer.weight_ih_l0  # (4H, 1 + C)
    keep = torch.is_grad_enabled()
    output, h, c = LSTMWithOutput.apply(
        keep, signal, gate_constant(layer, controls), weight[:, 0], layer.weight_hh_l0, dense.weight[0], h, c
    )
    return output + dense.bias, h, c


def gate_constant(layer: nn.LSTM, controls: Tensor) -> Tensor:
    """What reaches the gates whatever the signal does: biases and knobs, (B, 4H)."""
    return layer.bias_ih_l0 + layer.bias_hh_l0 + controls @ layer.weight_ih_l0[:, 1:].T


class LSTMWithOutput(torch.autograd.Function):
    """LSTM and dense output: ``(output (T, B), last h (B, H), last c (B, H))``.

    From ``signal (T, B), constant (B, 4H), input_weight (4H,), recurrent_weight (4H, H), dense (H,), h (B, H), c (B, H)``,
    rows of the gates in torch's order; ``keep`` says whether a gradient will be wanted. ``signal`` gets none: it is the
    recording.
    """

    @staticmethod
    def forward(ctx, keep, signal, constant, input_weight, recurrent_weight, dense, h, c):
        (length, batch), hidden = signal.shape, len(dense)
        work = _Workspace.take(length, batch, hidden, dense.numpy().dtype)
        work.h[0], work.c[0] = h.numpy(), c.numpy()
        out = torch.empty_like(signal, memory_format=torch.contiguous_format)
        inputs = (
            signal.contiguous(),
            constant.reshape(batch, 4, hidden).transpose(0, 1).contiguous(),
            input_weight.reshape(4, hidden).contiguous(),
            recurrent_weight.reshape(4, hidden, hidden).transpose(1, 2).contiguous(),
            dense.contiguous(),
        )
        _forward(*(tensor.numpy() for tensor in inputs), work.h, work.c, work.gates, work.tanh_c, out.numpy())
        ctx.save_for_backward(inputs[0], recurrent_weight, inputs[4])
        last = torch.from_numpy(work.h[-1].copy()), torch.from_numpy(work.c[-1].copy())
        ctx.work = work
        if not keep:
            work.give_back()
        return out, *last

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_out: Tensor, grad_h: Tensor, grad_c: Tensor):
        signal, recurrent_weight, dense = ctx.saved_tensors
        work, hidden, ctx.work = ctx.work, len(dense), None
        if work is None:
            raise RuntimeError("the gradient of this LSTM was taken before; run it forward again first")
        grad_h, grad_c = grad_h.clone(), grad_c.clone()
        grads = [
            torch.zeros(shape, dtype=dense.dtype)
            for shape in ((4, signal.shape[1], hidden), (4, hidden), (4, hidden, hidden), (hidden,))
        ]
        inputs = (signal, recurrent_weight.detach().reshape(4, hidden, hidden).contiguous(), dense)
        _backward(
            *(
                tensor.numpy()
                for tensor in (grad_out.contiguous(), grad_h, grad_c, *(tensor.detach() for tensor in inputs))
            ),
            work.h,
            work.c,
            work.gates,
            work.tanh_c,
            *(tensor.numpy() for tensor in grads),
        )
        work.give_back()
        constant, input_weight, recurrent, dense = grads
        return (
            None,
            None,
            constant.transpose(0, 1).reshape(-1, 4 * hidden),
            input_weight.flatten(),
            recurrent.transpose(1, 2).reshape(4 * hidden, hidden),
            dense,
            grad_h,
            grad_c,
        )
