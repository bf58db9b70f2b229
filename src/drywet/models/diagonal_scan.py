"""Banks of learned recursive filters around pointwise layers, forward and backward in compiled loops.

torch would need a kernel generation and three Fourier transforms per bank, or a Python step per sample. Here one signal
is walked through block by block: within a block each bank runs sample by sample, eight channels to a vector, and the
pointwise layers are matrix products over the block. Backward walks the blocks in reverse and computes the filters'
states again from those at the block's start, which takes less time than to store and load them. Gradients are checked
against plain torch in float64 (tests/models/test_state_space.py).

Letters of the shapes: B signals, T samples, K banks, S = K - 1 pointwise stages, N states a channel, C channels, W
hidden units, R rows (samples) of a block.
"""

import numpy as np
import torch
from numba import njit
from torch.autograd.function import once_differentiable

from drywet.kernel_cache import kernel
from drywet.models.parallel import over_parts
from drywet.models.recurrence import FAST, fast_tanh
from drywet.models.tiles import ROWS, multiply_add
from drywet.models.workspace import SPARE, Arrays
from drywet.vectors import fma, of_width, store, total

SLOWEST = 4410.0  # samples, 100 ms at 44.1 kHz: no filter's time constant is longer, so that a warm-up can fill it
BLOCK = 64  # samples; a multiple of ROWS, so that a row has the same bits wherever it stands
WIDTH = 8  # channels, or hidden units, of a vector

load, spread, _ = of_width(WIDTH)


@njit(inline="always")
def _scan(u, a, b, re, im, direct, x, y, rows):
    """One bank over a block: ``x[t+1] = lambda x[t] + u[t]``, ``y[t] = Re sum_n c_n x_n[t+1] + direct u[t]``.

    ``u``, ``y`` (R, C); ``a + ib = lambda`` and ``re + i im = c`` (N, C); ``direct`` (C,); ``x`` (R + 1, N, 2, C), row 0
    is the state before.
    """
    states, channels = a.shape
    step = 2 * states * channels
    for c in range(0, channels, WIDTH):
        through = load(direct, c)
        for t in range(rows):
            store(y, t * channels + c, through * load(u, t * channels + c))
        for n in range(0, states, 2):  # two states at a time: each waits for its own sample before, not for the other
            here, other = n * channels + c, (n + 1) * channels + c
            a1, b1, re1, im1 = load(a, here), load(b, here), load(re, here), load(im, here)
            a2, b2, re2, im2 = load(a, other), load(b, other), load(re, other), load(im, other)
            at = 2 * n * channels + c
            r1, i1 = load(x, at), load(x, at + channels)
            r2, i2 = load(x, at + 2 * channels), load(x, at + 3 * channels)
            for t in range(rows):
                inflow, outflow = load(u, t * channels + c), load(y, t * channels + c)
                r1, i1 = fma(a1, r1, fma(-b1, i1, inflow)), fma(a1, i1, b1 * r1)
                r2, i2 = fma(a2, r2, fma(-b2, i2, inflow)), fma(a2, i2, b2 * r2)
                at += step
                store(x, at, r1)
                store(x, at + channels, i1)
                store(x, at + 2 * channels, r2)
                store(x, at + 3 * channels, i2)
                first = fma(re1, r1, fma(-im1, i1, outflow))
                store(y, t * channels + c, fma(re2, r2, fma(-im2, i2, first)))


@njit(inline="always")
def _scan_backward(grad_y, u, a, b, re, im, direct, x, adjoint, grad_u, grads, grad_direct, rows):
    """The adjoint of :func:`_scan`, from the block's last sample to its first.

    ``adjoint`` (N, 2, C): of the state, carried to the block before. ``grads`` (4, N, C): of a, b, re, im.
    """
    states, channels = a.shape
    plane, step = states * channels, 2 * states * channels
    for c in range(0, channels, WIDTH):
        through, slope = load(direct, c), load(grad_direct, c)
        for t in range(rows):
            at = t * channels + c
            store(grad_u, at, through * load(grad_y, at))
            slope = fma(load(grad_y, at), load(u, at), slope)
        store(grad_direct, c, slope)
        for n in range(0, states, 2):
            here, other = n * channels + c, (n + 1) * channels + c
            a1, b1, re1, im1 = load(a, here), load(b, here), load(re, here), load(im, here)
            a2, b2, re2, im2 = load(a, other), load(b, other), load(re, other), load(im, other)
            at = 2 * n * channels + c
            g1, h1, g2, h2 = (
                load(adjoint, at), load(adjoint, at + channels),
                load(adjoint, at + 2 * channels), load(adjoint, at + 3 * channels),
            )  # fmt: skip
            da1, db1, dre1, dim1 = _four(grads, plane, here)
            da2, db2, dre2, dim2 = _four(grads, plane, other)
            at += rows * step
            for back in range(rows):
                row = (rows - 1 - back) * channels + c
                gy = load(grad_y, row)
                # g + ih arrive as lambda's conjugate times the adjoint one sample later
                g1, h1 = fma(re1, gy, g1), fma(-im1, gy, h1)
                g2, h2 = fma(re2, gy, g2), fma(-im2, gy, h2)
                store(grad_u, row, load(grad_u, row) + g1 + g2)
                dre1 = fma(gy, load(x, at), dre1)
                dim1 = fma(-gy, load(x, at + channels), dim1)
                dre2 = fma(gy, load(x, at + 2 * channels), dre2)
                dim2 = fma(-gy, load(x, at + 3 * channels), dim2)
                at -= step
                r1, i1 = load(x, at), load(x, at + channels)
                r2, i2 = load(x, at + 2 * channels), load(x, at + 3 * channels)
                da1 = fma(g1, r1, fma(h1, i1, da1))
                db1 = fma(h1, r1, fma(-g1, i1, db1))
                da2 = fma(g2, r2, fma(h2, i2, da2))
                db2 = fma(h2, r2, fma(-g2, i2, db2))
                g1, h1 = fma(a1, g1, b1 * h1), fma(a1, h1, -b1 * g1)
                g2, h2 = fma(a2, g2, b2 * h2), fma(a2, h2, -b2 * g2)
            store(adjoint, at, g1)
            store(adjoint, at + channels, h1)
            store(adjoint, at + 2 * channels, g2)
            store(adjoint, at + 3 * channels, h2)
            _store_four(grads, plane, here, da1, db1, dre1, dim1)
            _store_four(grads, plane, other, da2, db2, dre2, dim2)


@njit(inline="always")
def _four(planes, plane, at):
    return load(planes, at), load(planes, plane + at), load(planes, 2 * plane + at), load(planes, 3 * plane + at)


@njit(inline="always")
def _store_four(planes, plane, at, first, second, third, fourth):
    store(planes, at, first)
    store(planes, plane + at, second)
    store(planes, 2 * plane + at, third)
    store(planes, 3 * plane + at, fourth)


@njit(inline="always")
def _layer(source, weight, bias, out, rows):
    """``out = source @ weight + bias`` on the first ``rows`` rows."""
    width = len(bias)
    for j in range(0, width, WIDTH):
        start = load(bias, j)
        for r in range(rows):
            store(out, r * width + j, start)
    multiply_add(source[:rows], False, weight, out[:rows])


@njit(inline="always", fastmath=FAST)
def _bend(plane):
    flat = plane.ravel()
    for n in range(len(flat)):
        flat[n] = fast_tanh(flat[n])


@kernel(fastmath=FAST)
def _forward(
    keep, signal, coefficients, direct, w1, b1, w2, b2, w3, b3, bias, scale, shift,
    state, starts, u, v, h1, h2, x, y, out,
):  # fmt: skip
    """Fill ``out`` (B, T) and bring ``state`` (B, K, N, 2, C) to the end of the signal (B, T).

    ``coefficients`` (4, K, N, C), ``direct`` (K, C), ``w1`` (S, C, W), ``w2`` (S, W, W), ``w3`` (S, W, C), ``scale`` and
    ``shift`` (B, S, C). With ``keep``, what backward needs stays in ``starts`` (B, blocks, K, N, 2, C), ``u`` (B, blocks,
    K, R, C), ``v`` (.., S, R, C), ``h1``, ``h2`` (.., S, R, W); without, these have room for one block.
    """
    signals, length = signal.shape
    banks, _, channels = coefficients.shape[1:]
    for s in range(signals):
        for first in range(0, length, BLOCK):
            rows = min(BLOCK, length - first)
            whole = (rows + ROWS - 1) // ROWS * ROWS
            k_signal, k_block = (s, first // BLOCK) if keep else (0, 0)
            source = u[k_signal, k_block]
            for t in range(rows):
                sample = spread(signal[s, first + t])
                for c in range(0, channels, WIDTH):
                    store(source, t * channels + c, sample)
            if keep:
                starts[k_signal, k_block] = state[s]
            for k in range(banks):
                a, b, re, im = coefficients[0, k], coefficients[1, k], coefficients[2, k], coefficients[3, k]
                x[0] = state[s, k]
                _scan(source[k], a, b, re, im, direct[k], x, y, rows)
                state[s, k] = x[rows]
                if k == banks - 1:
                    break
                modulated = v[k_signal, k_block, k]
                for c in range(0, channels, WIDTH):
                    factor, offset = load(scale[s, k], c), load(shift[s, k], c)
                    for r in range(whole):
                        at = r * channels + c
                        store(modulated, at, fma(load(y, at), factor, offset))
                bent, again = h1[k_signal, k_block, k], h2[k_signal, k_block, k]
                _layer(modulated, w1[k], b1[k], bent, whole)
                _bend(bent[:whole])
                _layer(bent, w2[k], b2[k], again, whole)
                _bend(again[:whole])
                following = source[k + 1]
                _layer(again, w3[k], b3[k], following, whole)
                for at in range(0, whole * channels, WIDTH):
                    store(following, at, load(following, at) + load(modulated, at))
            for t in range(rows):
                mixed = load(y, t * channels)
                for c in range(WIDTH, channels, WIDTH):
                    mixed = mixed + load(y, t * channels + c)
                out[s, first + t] = bias + total(mixed)


@njit(inline="always")
def _layer_backward(source, grad_out, weight_transposed, grad_weight, grad_bias, grad_source):
    """Add the gradients of :func:`_layer` to ``grad_weight``, ``grad_bias`` and ``grad_source``."""
    multiply_add(source, True, grad_out, grad_weight)
    width = len(grad_bias)
    for j in range(0, width, WIDTH):
        slope = load(grad_bias, j)
        for r in range(len(grad_out)):
            slope = slope + load(grad_out, r * width + j)
        store(grad_bias, j, slope)
    multiply_add(grad_out, False, weight_transposed, grad_source)


@njit(inline="always", fastmath=FAST)
def _unbend(grad, bent):
    slope, value = grad.ravel(), bent.ravel()
    for n in range(len(slope)):
        slope[n] *= 1 - value[n] * value[n]


@kernel(fastmath=FAST)
def _backward(
    grad_out, coefficients, direct, w1, w2, w3, scale, adjoint, starts, u, v, h1, h2, x, y,
    grads, grad_direct, grad_w1, grad_b1, grad_w2, grad_b2, grad_w3, grad_b3, grad_scale, grad_shift,
):  # fmt: skip
    """Add up all gradients; ``w1``, ``w2``, ``w3`` come transposed, ``adjoint`` (B, K, N, 2, C) is that of the last state
    and ends as that of the first."""
    signals, length = grad_out.shape
    banks, _, channels = coefficients.shape[1:]
    units = w2.shape[1]
    grad_y, grad_u = np.zeros((BLOCK, channels), y.dtype), np.zeros((BLOCK, channels), y.dtype)
    grad_h1, grad_h2 = np.empty((BLOCK, units), y.dtype), np.empty((BLOCK, units), y.dtype)
    for s in range(signals):
        last = (length - 1) // BLOCK
        for number in range(last + 1):
            block = last - number
            rows = min(BLOCK, length - block * BLOCK)
            whole = (rows + ROWS - 1) // ROWS * ROWS
            for t in range(rows):
                slope_out = spread(grad_out[s, block * BLOCK + t])
                for c in range(0, channels, WIDTH):
                    store(grad_y, t * channels + c, slope_out)
            for back in range(banks):
                k = banks - 1 - back
                a, b, re, im = coefficients[0, k], coefficients[1, k], coefficients[2, k], coefficients[3, k]
                x[0] = starts[s, block, k]
                _scan(u[s, block, k], a, b, re, im, direct[k], x, y, rows)
                if (
                    k < banks - 1
                ):  # grad_u holds the gradient of the stage after this bank, through its pointwise layers
                    for c in range(0, channels, WIDTH):
                        factor = load(scale[s, k], c)
                        d_scale, d_shift = load(grad_scale[s, k], c), load(grad_shift[s, k], c)
                        for r in range(rows):
                            at = r * channels + c
                            slope_v = load(grad_u, at)
                            d_scale, d_shift = fma(slope_v, load(y, at), d_scale), d_shift + slope_v
                            store(grad_y, at, slope_v * factor)
                        store(grad_scale[s, k], c, d_scale)
                        store(grad_shift[s, k], c, d_shift)
                _scan_backward(
                    grad_y, u[s, block, k], a, b, re, im, direct[k], x, adjoint[s, k], grad_u, grads[k], grad_direct[k], rows
                )  # fmt: skip
                for r in range(rows, whole):
                    for c in range(channels):
                        grad_u[r, c] = 0
                if k > 0:
                    stage = k - 1
                    modulated, bent, again = v[s, block, stage], h1[s, block, stage], h2[s, block, stage]
                    slope_2, slope_1, slope = grad_h2[:whole], grad_h1[:whole], grad_u[:whole]
                    slope_2[:] = 0
                    slope_1[:] = 0
                    _layer_backward(again[:whole], slope, w3[stage], grad_w3[stage], grad_b3[stage], slope_2)
                    _unbend(slope_2, again[:whole])
                    _layer_backward(bent[:whole], slope_2, w2[stage], grad_w2[stage], grad_b2[stage], slope_1)
                    _unbend(slope_1, bent[:whole])
                    _layer_backward(modulated[:whole], slope_1, w1[stage], grad_w1[stage], grad_b1[stage], slope)


def _shapes(
    signals: int, blocks: int, banks: int, states: int, channels: int, units: int
) -> tuple[tuple[int, ...], ...]:
    """Of what forward leaves for backward: ``starts``, ``u``, ``v``, ``h1``, ``h2``, ``x``, ``y``.

    A workspace starts as zeros, and here it has to: rows beyond the signal's end are multiplied by gradients of zero, and
    must be numbers for that.
    """
    hidden = signals, blocks, banks - 1, BLOCK, units
    return (
        (signals, blocks, banks, states, 2, channels),
        (signals, blocks, banks, BLOCK, channels),
        (signals, blocks, banks - 1, BLOCK, channels),
        hidden,
        hidden,
        (BLOCK + 1, states, 2, channels),
        (BLOCK, channels),
    )


class FilterBanks(torch.autograd.Function):
    """Banks and pointwise stages: ``(output (B, T), state (B, K, N, 2, C))``; ``keep``: a gradient will be wanted.

    ``decay``, ``turn``, ``real``, ``imaginary`` (K, N, C): lambda = exp(-exp(decay) - 1 / SLOWEST + i turn), and the readout is
    (1 - |lambda|) (real + i imaginary), so that a slow filter has no more gain than a fast one. ``signal`` gets no gradient.
    """

    @staticmethod
    def forward(
        ctx, keep, signal, state, scale, shift, decay, turn, real, imaginary, direct, w1, b1, w2, b2, w3, b3, bias
    ):
        length = signal.shape[1]
        arrays = [t.detach().contiguous().numpy() for t in (signal, scale, shift, direct, w1, b1, w2, b2, w3, b3)]
        signal, scale, shift, direct, w1, b1, w2, b2, w3, b3 = arrays
        parameters = tuple(t.detach().numpy() for t in (decay, turn, real, imaginary))
        coefficients = _coefficients(*parameters)
        state = state.numpy().copy()
        out, offset = np.empty(signal.shape, signal.dtype), signal.dtype.type(bias.item())

        def compute(part: slice) -> Arrays:
            signals = part.stop - part.start
            shapes = _shapes(
                signals if keep else 1, -(-length // BLOCK) if keep else 1, *parameters[0].shape, w1.shape[2]
            )
            work = SPARE.take(shapes, signal.dtype)
            _forward(
                keep, signal[part], coefficients, direct, w1, b1, w2, b2, w3, b3, offset, scale[part], shift[part],
                state[part], *work, out[part],
            )  # fmt: skip
            if not keep:
                SPARE.give_back(work)
            return work

        ctx.work = over_parts(compute, len(signal), part_size(len(signal)))
        ctx.arrays = parameters, coefficients, direct, w1, w2, w3, scale
        return torch.from_numpy(out), torch.from_numpy(state)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_out, grad_state):
        parameters, coefficients, direct, w1, w2, w3, scale = ctx.arrays
        works, ctx.work = ctx.work, None
        if works is None:
            raise RuntimeError("the gradient of these filter banks was taken before; run them forward again first")
        grad_out, adjoint = grad_out.contiguous().numpy(), grad_state.numpy().copy()
        stages, channels, units = w1.shape
        transposed = [np.ascontiguousarray(w.transpose(0, 2, 1)) for w in (w1, w2, w3)]
        grad_scale, grad_shift = np.zeros_like(scale), np.zeros_like(scale)
        banks, states, _ = coefficients.shape[1:]
        shapes = [
            (banks, 4, states, channels), direct.shape, w1.shape, (stages, units), w2.shape, (stages, units), w3.shape,
            (stages, channels),
        ]  # fmt: skip

        def compute(part: slice) -> list[np.ndarray]:
            work = works[part.start // part_size(len(grad_out))]
            grads = [np.zeros(shape, w1.dtype) for shape in shapes]
            _backward(
                grad_out[part], coefficients, direct, *transposed, scale[part], adjoint[part], *work, *grads,
                grad_scale[part], grad_shift[part],
            )  # fmt: skip
            SPARE.give_back(work)
            return grads

        parts = over_parts(compute, len(grad_out), part_size(len(grad_out)))
        sums = parts[0]
        for other in parts[1:]:
            for mine, theirs in zip(sums, other, strict=True):
                mine += theirs
        grads = (*_coefficients_backward(sums[0], *parameters), *sums[1:], grad_out.sum(dtype=w1.dtype).reshape(1))
        return None, None, *(torch.from_numpy(g) for g in (adjoint, grad_scale, grad_shift, *grads))


def part_size(signals: int) -> int:
    """Signals that one core takes at a time: a quarter of the batch, whatever the number of cores."""
    return -(-signals // 4)


def _coefficients(decay, turn, real, imaginary) -> np.ndarray:
    """(4, K, N, C): lambda's real and imaginary part, and those of the readout."""
    radius = np.exp(-np.exp(decay) - 1 / SLOWEST)
    return np.stack([radius * np.cos(turn), radius * np.sin(turn), (1 - radius) * real, (1 - radius) * imaginary])


def _coefficients_backward(grads, decay, turn, real, imaginary) -> tuple[np.ndarray, ...]:
    """From gradients of a, b, re, im, (K, 4, N, C), to those of the parameters."""
    radius = np.exp(-np.exp(decay) - 1 / SLOWEST)
    a, b, re, im = grads.transpose(1, 0, 2, 3)
    cosine, sine = np.cos(turn), np.sin(turn)
    grad_radius = a * cosine + b * sine - re * real - im * imaginary
    return (
        grad_radius * -np.exp(decay) * radius,
        radius * (b * cosine - a * sine),
        (1 - radius) * re,
        (1 - radius) * im,
    )
