"""Two blocks of a drive pedal with their gradients, compiled for the CPU: a filter and a diode clipper.

Signals are (T, B): sample by sample in time, with the batch as the inner axis, where the compiler finds work for vector
instructions. Every sample is treated alike, so no cutting of a signal into blocks changes a bit. Each backward loop is
the adjoint recursion written out; it is checked against finite differences in float64 and against plain torch
(tests/models/test_circuit_blocks.py).
"""

import math

import numpy as np
import torch
from numba import njit, types
from numba.extending import overload
from torch import Tensor
from torch.autograd.function import once_differentiable

from drywet.models.recurrence import FAST

# The clipper's sums are not reordered: the rounding in _exp_32 is a sum that only works in the order written.
EXACT_ORDER = {"contract", "nsz"}


def filter_numbers(climb: Tensor, damping: Tensor, low: Tensor, band: Tensor, high: Tensor) -> Tensor:
    """What :func:`state_variable_filter` takes, stacked in a new second-to-last axis, all others of one shape (..., B).

    The analogue filter is (low w^2 + band d w s + high s^2) / (s^2 + d w s + w^2) with d = ``damping`` = 1 / Q, brought to
    the sample rate by the bilinear transform; ``climb`` is tan(w / (2 sample rate)), w prewarped. Any positive climb and
    damping are stable. low = band = high = 1 lets everything pass.
    """
    keep = 1 / (1 + climb * (climb + damping))
    return torch.stack([keep, keep * climb, climb, high, damping * (band - high), low - high], dim=-2)


def state_variable_filter(signal: Tensor, numbers: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """Second-order filter of ``signal`` (T, B): output (T, B) and the next state (B, 2), with gradients for everything.

    The state is that of the two trapezoidal integrators of an analogue state-variable filter (V. Zavalishin, "The Art of
    VA Filter Design", ch. 4), a form that stays stable while its numbers are learned (B. Kuznetsov, J. Parker,
    F. Esqueda, "Differentiable IIR filters for machine learning applications", DAFx 2020).

    Parameters
    ----------
    signal : tensor, shape (T, B)
    numbers : tensor, shape (6, B)
        ``keep, feed, climb, direct, of_band, of_low``: with the state (s1, s2), band = keep s1 + feed (x - s2),
        low = s2 + climb band, output = direct x + of_band band + of_low low, and the next state is
        (2 band - s1, 2 low - s2).
    state : tensor, shape (B, 2)
    """
    return _StateVariableFilter.apply(signal, numbers, state)


def diode_clipper(drive: Tensor, numbers: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """Voltage (T, B) across antiparallel diodes, a resistor and a capacitor driven by a current, and the next state (B, 1).

    In units of the forward diodes' thermal voltage, and of the current that it drives through the resistor,
    ``tau dv/dt = drive - v - forward (e^v - 1) + reverse (e^(-ratio v) - 1)``, the network in the feedback of an
    overdrive's op-amp (D. Yeh, J. Abel, J. Smith, "Simulation of the diode limiter in guitar distortion circuits by
    numerical solution of ordinary differential equations", DAFx 2007). The step is backward Euler, which stays calm
    however small tau is; its one equation per sample is solved to float32. Gradients come from the implicit function
    theorem, not from the steps of the solution.

    Parameters
    ----------
    drive : tensor, shape (T, B)
    numbers : tensor, shape (4, B)
        All positive: ``inertia`` (tau in samples), ``forward``, ``reverse`` (saturation currents) and ``ratio`` (forward
        over reverse thermal voltage: 0.5 when twice as many diodes face backwards).
    state : tensor, shape (B, 1)
        The capacitor's voltage.
    """
    return _DiodeClipper.apply(drive, numbers, state)


def render_chain(signal: Tensor, filters: Tensor, stages: Tensor, first_stage: int, state: Tensor) -> Tensor:
    """A chain of filters and stages without gradient, output (B, T); ``state`` (B, 2 F + N) is changed in place.

    One compiled loop instead of two per block, for short blocks while playing.

    Parameters
    ----------
    signal : tensor, shape (B, T)
    filters : tensor, shape (F, 6, B)
    stages : tensor, shape (N, 7, B)
        Gain, the clipper's four numbers, shares of the clipped and of the stage's own input. Stage n clips what leaves
        filter ``first_stage`` + n.
    first_stage : int
    state : tensor, shape (B, 2 F + N)
    """
    out = torch.empty_like(signal, memory_format=torch.contiguous_format)
    by_signal = [tensor.detach().permute(2, 0, 1).contiguous().numpy() for tensor in (filters, stages)]
    for b, (filter_rows, stage_rows) in enumerate(zip(*by_signal, strict=True)):
        _chain(signal[b].contiguous().numpy(), filter_rows, stage_rows, first_stage, state[b].numpy(), out[b].numpy())
    return out


class _StateVariableFilter(torch.autograd.Function):
    @staticmethod
    def forward(ctx, signal, numbers, state):
        (length, batch), kind = signal.shape, signal.dtype
        signal, numbers = signal.contiguous(), numbers.contiguous()
        memory, inner = torch.empty(length + 1, 2, batch, dtype=kind), torch.empty(length, 2, batch, dtype=kind)
        out = torch.empty(length, batch, dtype=kind)
        memory[0] = state.T
        _filter_forward(*(tensor.numpy() for tensor in (signal, numbers, memory, inner, out)))
        ctx.save_for_backward(signal, numbers, memory, inner)
        return out, memory[-1].T.contiguous()

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_out, grad_state):
        signal, numbers, memory, inner = ctx.saved_tensors
        grad_memory = grad_state.T.clone(memory_format=torch.contiguous_format)
        grad_signal, grad_numbers = torch.empty_like(signal), torch.zeros_like(numbers)
        arrays = (grad_out.contiguous(), grad_memory, signal, numbers, memory, inner, grad_signal, grad_numbers)
        _filter_backward(*(tensor.detach().numpy() for tensor in arrays))
        return grad_signal, grad_numbers, grad_memory.T


class _DiodeClipper(torch.autograd.Function):
    @staticmethod
    def forward(ctx, drive, numbers, state):
        drive, numbers = drive.contiguous(), numbers.contiguous()
        voltage = torch.empty(len(drive) + 1, drive.shape[1], dtype=drive.dtype)
        voltage[0] = state[:, 0]
        _clipper_forward(drive.numpy(), numbers.numpy(), voltage.numpy())
        ctx.save_for_backward(numbers, voltage)
        return voltage[1:].clone(), voltage[-1:].T.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_voltage, grad_state):
        numbers, voltage = ctx.saved_tensors
        grad_last = grad_state[:, 0].clone()
        grad_drive, grad_numbers = torch.empty_like(voltage[1:]), torch.zeros_like(numbers)
        arrays = (grad_voltage.contiguous(), grad_last, numbers, voltage, grad_drive, grad_numbers)
        _clipper_backward(*(tensor.detach().numpy() for tensor in arrays))
        return grad_drive, grad_numbers, grad_last.unsqueeze(1)


@njit(cache=True, fastmath=FAST, nogil=True, error_model="numpy")
def _filter_forward(signal, numbers, memory, inner, out):
    """Fill ``inner`` (T, 2, B): band and low, ``memory`` (T + 1, 2, B), whose row 0 is the state before, and ``out`` (T, B).

    Few arrays in each loop, so that the compiler can prove them apart and use vector instructions.
    """
    length, batch = signal.shape
    keep, feed, climb = numbers[0], numbers[1], numbers[2]
    direct, of_band, of_low = numbers[3], numbers[4], numbers[5]
    for t in range(length):
        x, y, band, low = signal[t], out[t], inner[t, 0], inner[t, 1]
        first, second = memory[t, 0], memory[t, 1]
        first_after, second_after = memory[t + 1, 0], memory[t + 1, 1]
        for b in range(batch):
            band[b] = keep[b] * first[b] + feed[b] * (x[b] - second[b])
        for b in range(batch):
            low[b] = second[b] + climb[b] * band[b]
        for b in range(batch):
            y[b] = direct[b] * x[b] + of_band[b] * band[b] + of_low[b] * low[b]
        for b in range(batch):
            first_after[b] = band[b] + band[b] - first[b]
        for b in range(batch):
            second_after[b] = low[b] + low[b] - second[b]


@njit(cache=True, fastmath=FAST, nogil=True, error_model="numpy")
def _filter_backward(grad_out, grad_memory, signal, numbers, memory, inner, grad_signal, grad_numbers):
    """Fill ``grad_signal`` (T, B) and add to ``grad_numbers`` (6, B), walking back in time.

    ``grad_memory`` (2, B): of the last state, ends as that of the first.
    """
    length, batch = signal.shape
    keep, feed, climb = numbers[0], numbers[1], numbers[2]
    direct, of_band, of_low = numbers[3], numbers[4], numbers[5]
    grad_keep, grad_feed, grad_climb = grad_numbers[0], grad_numbers[1], grad_numbers[2]
    grad_direct, grad_of_band, grad_of_low = grad_numbers[3], grad_numbers[4], grad_numbers[5]
    d_first, d_second = grad_memory[0], grad_memory[1]
    d_band, d_low = np.empty_like(d_first), np.empty_like(d_first)
    for t in range(length - 1, -1, -1):
        x, dy, dx, band, low = signal[t], grad_out[t], grad_signal[t], inner[t, 0], inner[t, 1]
        first, second = memory[t, 0], memory[t, 1]
        for b in range(batch):
            d_low[b] = of_low[b] * dy[b] + d_second[b] + d_second[b]
        for b in range(batch):
            d_band[b] = of_band[b] * dy[b] + d_first[b] + d_first[b] + climb[b] * d_low[b]
        for b in range(batch):
            d_second[b] = d_low[b] - d_second[b] - feed[b] * d_band[b]
        for b in range(batch):
            d_first[b] = keep[b] * d_band[b] - d_first[b]
        for b in range(batch):
            dx[b] = direct[b] * dy[b] + feed[b] * d_band[b]
        for b in range(batch):
            grad_keep[b] += d_band[b] * first[b]
        for b in range(batch):
            grad_feed[b] += d_band[b] * (x[b] - second[b])
        for b in range(batch):
            grad_climb[b] += d_low[b] * band[b]
        for b in range(batch):
            grad_direct[b] += dy[b] * x[b]
        for b in range(batch):
            grad_of_band[b] += dy[b] * band[b]
        for b in range(batch):
            grad_of_low[b] += dy[b] * low[b]


def _exp(x):
    """e^x. Compiled code takes the one for the type of ``x``: float32 for music, float64 for checking gradients."""
    raise NotImplementedError


def _rough_log(x):
    """ln x of ``x`` >= 1, in float32 only good enough to start from."""
    raise NotImplementedError


@njit
def _exp_32(x):
    """e^x to 2.5e-7, without a branch, so that the compiler can work on many signals at once.

    x = n ln 2 + r; adding 1.5 2^23 rounds to the integer n and leaves it in the lowest bits.
    """
    x = min(max(x, np.float32(-87)), np.float32(88))
    shifted = x * np.float32(1 / math.log(2)) + np.float32(12582912)
    n = shifted - np.float32(12582912)
    r = x - n * np.float32(0.693145751953125)  # ln 2 in two parts: the first has few digits, so times n it is exact
    r = r - n * np.float32(1.4286068203094172e-06)
    series = np.float32(1 / 120) + r * np.float32(1 / 720)
    series = np.float32(1 / 6) + r * (np.float32(1 / 24) + r * series)
    series = np.float32(1) + r * (np.float32(1) + r * (np.float32(0.5) + r * series))
    power = np.int32((np.float32(shifted).view(np.int32) + np.int32(127)) << np.int32(23))  # the bits of 2^n
    return series * power.view(np.float32)


@njit
def _rough_log_32(x):
    """ln x from the exponent and a parabola through the mantissa, at most 0.007 off."""
    bits = np.float32(x).view(np.int32)
    exponent = np.float32(np.int32(bits >> np.int32(23)) - np.int32(127))
    beyond_one = np.int32((bits & np.int32(0x7FFFFF)) | np.int32(0x3F800000)).view(np.float32) - np.float32(1)
    parabola = beyond_one * (np.float32(4 / 3) - np.float32(1 / 3) * beyond_one)
    return np.float32(math.log(2)) * (exponent + parabola)


@overload(_exp)
def _choose_exp(x):
    return (lambda x: _exp_32(x)) if x == types.float32 else (lambda x: math.exp(x))


@overload(_rough_log)
def _choose_rough_log(x):
    return (lambda x: _rough_log_32(x)) if x == types.float32 else (lambda x: math.log(x))


@njit(inline="always")
def _halley(size, pull, conducting, blocking, conducting_rate, blocking_rate, target, zero, two):
    """One step towards the root of an increasing function by Halley's rule, Newton's relative of third order.

    E. Hansen, M. Patrick, "A family of root finding methods", Numerische Mathematik 27 (1977).
    """
    up, down = conducting * _exp(conducting_rate * size), blocking * _exp(-blocking_rate * size)
    excess = pull * size + (up - conducting) - (down - blocking) - target
    slope = pull + conducting_rate * up + blocking_rate * down
    bend = conducting_rate * conducting_rate * up - blocking_rate * blocking_rate * down
    return max(size - two * excess * slope / (two * slope * slope - excess * bend), zero)


@njit(inline="always")
def _clip(drive, inertia, forward, reverse, ratio, one):
    """The v with ``(1 + inertia) v + forward (e^v - 1) - reverse (e^(-ratio v) - 1) = drive``.

    v has the sign of ``drive``, so its size is sought. The start is the lesser of what the resistor alone and the
    conducting diodes alone allow. Three steps then leave a relative error below 1e-11 for 99.9 % of a million diodes drawn
    with saturation currents of 1e-10 to 1, ratios of 0.1 to 10 and drives of 1e-3 to 1e4, and below 6e-5 for all.
    """
    positive = drive >= 0
    conducting, blocking = (forward, reverse) if positive else (reverse, forward)
    conducting_rate, blocking_rate = (one, ratio) if positive else (ratio, one)
    target, pull, zero, two = abs(drive), one + inertia, one - one, one + one
    by_diode = _rough_log(one + target / conducting) / conducting_rate
    size = min(target / (pull + conducting * conducting_rate), by_diode)
    size = _halley(size, pull, conducting, blocking, conducting_rate, blocking_rate, target, zero, two)
    size = _halley(size, pull, conducting, blocking, conducting_rate, blocking_rate, target, zero, two)
    size = _halley(size, pull, conducting, blocking, conducting_rate, blocking_rate, target, zero, two)
    return size if positive else -size


@njit(cache=True, fastmath=EXACT_ORDER, nogil=True, error_model="numpy")
def _clipper_forward(drive, numbers, voltage):
    """Fill ``voltage`` (T + 1, B), whose row 0 is the state before."""
    length, batch = drive.shape
    inertia, forward, reverse, ratio = numbers[0], numbers[1], numbers[2], numbers[3]
    one, v = drive.dtype.type(1), voltage[0].copy()
    for t in range(length):
        pushed, after = drive[t], voltage[t + 1]
        for b in range(batch):
            target = pushed[b] + inertia[b] * v[b]
            v[b] = _clip(target, inertia[b], forward[b], reverse[b], ratio[b], one)
        for b in range(batch):
            after[b] = v[b]


@njit(cache=True, fastmath=EXACT_ORDER, nogil=True, error_model="numpy")
def _chain(signal, filters, stages, first_stage, state, out):
    """One signal (T,), ``filters`` (F, 6), ``stages`` (N, 7), ``state`` (2 F + N,), see :func:`render_chain`."""
    count, one = len(filters), signal.dtype.type(1)
    for t in range(len(signal)):
        x = signal[t]
        for i in range(count):
            first, second = state[2 * i], state[2 * i + 1]
            band = filters[i, 0] * first + filters[i, 1] * (x - second)
            low = second + filters[i, 2] * band
            y = filters[i, 3] * x + filters[i, 4] * band + filters[i, 5] * low
            state[2 * i], state[2 * i + 1] = band + band - first, low + low - second
            n = i - first_stage
            if 0 <= n < len(stages):
                inertia = stages[n, 1]
                target = stages[n, 0] * y + inertia * state[2 * count + n]
                v = _clip(target, inertia, stages[n, 2], stages[n, 3], stages[n, 4], one)
                state[2 * count + n] = v
                y = stages[n, 5] * v + stages[n, 6] * x
            x = y
        out[t] = x


@njit(cache=True, fastmath=EXACT_ORDER, nogil=True, error_model="numpy")
def _clipper_backward(grad_voltage, grad_last, numbers, voltage, grad_drive, grad_numbers):
    """Fill ``grad_drive`` (T, B) and add to ``grad_numbers`` (4, B), walking back in time.

    Where F(v, drive, numbers) = 0, dv = -dF / (dF/dv), whatever steps led to v. ``grad_last`` (B,): of the last state, ends
    as that of the first.
    """
    length, batch = grad_drive.shape
    inertia, forward, reverse, ratio = numbers[0], numbers[1], numbers[2], numbers[3]
    grad_inertia, grad_forward, grad_reverse, grad_ratio = (
        grad_numbers[0], grad_numbers[1], grad_numbers[2], grad_numbers[3]
    )  # fmt: skip
    one, up, down = voltage.dtype.type(1), np.empty_like(grad_last), np.empty_like(grad_last)
    slope = np.empty_like(grad_last)
    for t in range(length - 1, -1, -1):
        v, before, dv, share = voltage[t + 1], voltage[t], grad_voltage[t], grad_drive[t]
        for b in range(batch):
            up[b] = _exp(v[b])
        for b in range(batch):
            down[b] = _exp(-ratio[b] * v[b])
        for b in range(batch):
            slope[b] = one + inertia[b] + forward[b] * up[b] + ratio[b] * reverse[b] * down[b]
        for b in range(batch):
            share[b] = (dv[b] + grad_last[b]) / slope[b]
        for b in range(batch):
            grad_last[b] = inertia[b] * share[b]
        for b in range(batch):
            grad_inertia[b] += share[b] * (before[b] - v[b])
        for b in range(batch):
            grad_forward[b] -= share[b] * (up[b] - one)
        for b in range(batch):
            grad_reverse[b] += share[b] * (down[b] - one)
        for b in range(batch):
            grad_ratio[b] -= share[b] * reverse[b] * v[b] * down[b]
