"""A causal FIR filter with its gradient, compiled for the CPU.

Every output sample is one sum over the taps, always in the same order, so no cutting of a signal into blocks changes a
bit. A library's convolution chooses its method by the length of the signal and does not promise that. Cores share the
signals of a batch.
"""

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import pad

from drywet.kernel_cache import kernel
from drywet.models.parallel import over_parts
from drywet.models.recurrence import FAST

_PART = 4  # signals that one core takes at a time; the loops run along time, so few are as fast as many


def fir_filter(signal: Tensor, taps: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
    """``sum_k taps[k] signal[t - k]`` (B, T) and the next ``past``, with gradients for everything.

    Parameters
    ----------
    signal : tensor, shape (B, T)
    taps : tensor, shape (K,)
    past : tensor, shape (B, K - 1)
        The last input samples before ``signal``, oldest first.
    """
    history = torch.cat([past, signal], dim=1)  # (B, K - 1 + T)
    filtered = _FIR.apply(history.cpu(), taps.cpu()).to(signal.device)
    return filtered, history[:, signal.shape[1] :]


class _FIR(torch.autograd.Function):
    """``taps`` (K,) over ``history`` (B, K - 1 + T), output (B, T)."""

    @staticmethod
    def forward(ctx, history, taps):
        history, taps = history.contiguous(), taps.contiguous()
        ctx.save_for_backward(history, taps)
        return _weigh(history, taps.flip(0))

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_out):
        history, taps = ctx.saved_tensors
        margin = len(taps) - 1
        grad_history = _weigh(pad(grad_out, (margin, margin)), taps) if ctx.needs_input_grad[0] else None
        slopes, samples = grad_out.contiguous().numpy(), history.numpy()

        def run(part: slice) -> np.ndarray:
            grad_weights = np.zeros(len(taps), samples.dtype)
            _add_products(slopes[part], samples[part], grad_weights)
            return grad_weights

        grad_taps = np.sum(over_parts(run, len(slopes), _PART), axis=0)
        return grad_history, torch.from_numpy(grad_taps).flip(0)


def _weigh(history: Tensor, weights: Tensor) -> Tensor:
    """Weighted sum of every ``len(weights)`` consecutive samples."""
    samples, numbers = history.contiguous().numpy(), weights.contiguous().detach().numpy()
    out = np.empty((len(samples), samples.shape[1] - len(numbers) + 1), samples.dtype)
    over_parts(lambda part: _weighted_sums(samples[part], numbers, out[part]), len(samples), _PART)
    return torch.from_numpy(out)


@kernel(fastmath=FAST)
def _weighted_sums(history, weights, out):
    """``out`` (B, T) from ``history`` (B, K - 1 + T) and ``weights`` (K,), oldest sample first."""
    for b in range(len(out)):
        for t in range(out.shape[1]):
            total = weights.dtype.type(0)
            for k in range(len(weights)):
                total += weights[k] * history[b, t + k]
            out[b, t] = total


@kernel(fastmath=FAST)
def _add_products(grad_out, history, grad_weights):
    """``grad_weights[k] += sum_t grad_out[t] history[t + k]``, four samples at a time: fewer passes over the sums."""
    length = grad_out.shape[1]
    for b in range(len(grad_out)):
        for t in range(0, length - 3, 4):
            g0, g1, g2, g3 = grad_out[b, t], grad_out[b, t + 1], grad_out[b, t + 2], grad_out[b, t + 3]
            for k in range(len(grad_weights)):
                grad_weights[k] += (
                    g0 * history[b, t + k]
                    + g1 * history[b, t + 1 + k]
                    + g2 * history[b, t + 2 + k]
                    + g3 * history[b, t + 3 + k]
                )
        for t in range(length - length % 4, length):
            for k in range(len(grad_weights)):
                grad_weights[k] += grad_out[b, t] * history[b, t + k]
