"""A drive pedal as a chain of filters and diode clippers with its gradients, compiled for the CPU.

Each core takes parts of the batch through the whole chain, block after block. Inside, signals are (T, PART): sample by
sample in time, with the part's signals as the inner axis, where vector instructions find their work. Every sample is
treated alike, so no cutting of a signal into blocks changes a bit. Each backward loop is the adjoint recursion written
out; it is checked against finite differences in float64 and against plain torch (tests/models/test_circuit_blocks.py).
"""

import math

import numpy as np
import torch
from numba import njit, types
from numba.extending import overload
from torch import Tensor
from torch.autograd.function import once_differentiable

from drywet.kernel_cache import kernel
from drywet.models.parallel import PART, over_parts
from drywet.vectors import fma, of_width, store

# The clipper's sums are not reordered: the rounding in _exp_32 is a sum that only works in the order written.
EXACT_ORDER = {"contract", "nsz"}
WIDTH = 8  # signals of a vector, a divisor of PART

load, spread, _ = of_width(WIDTH)


def filter_numbers(climb: Tensor, damping: Tensor, low: Tensor, band: Tensor, high: Tensor) -> Tensor:
    """What a filter of :func:`learn_chain` takes, stacked in a new second-to-last axis, all others of one shape (..., B).

    The analogue filter is (low w^2 + band d w s + high s^2) / (s^2 + d w s + w^2) with d = ``damping`` = 1 / Q, brought to
    the sample rate by the bilinear transform; ``climb`` is tan(w / (2 sample rate)), w prewarped. Any positive climb and
    damping are stable. low = band = high = 1 lets everything pass.
    """
    keep = 1 / (1 + climb * (climb + damping))
    return torch.stack([keep, keep * climb, climb, high, damping * (band - high), low - high], dim=-2)


def learn_chain(
    signal: Tensor, filters: Tensor, stages: Tensor, first_stage: int, state: Tensor
) -> tuple[Tensor, Tensor]:
    """A chain of filters and stages: output (B, T) and the next state (B, 2 F + N), with gradients for everything.

    A filter's state is that of the two trapezoidal integrators of an analogue state-variable filter (V. Zavalishin, "The
    Art of VA Filter Design", ch. 4), a form that stays stable while its numbers are learned (B. Kuznetsov, J. Parker,
    F. Esqueda, "Differentiable IIR filters for machine learning applications", DAFx 2020).

    A clipper gives the voltage v across antiparallel diodes, a resistor and a capacitor driven by a current. In units of
    the forward diodes' thermal voltage, and of the current that it drives through the resistor,
    ``tau dv/dt = drive - v - forward (e^v - 1) + reverse (e^(-ratio v) - 1)``, the network in the feedback of an
    overdrive's op-amp (D. Yeh, J. Abel, J. Smith, "Simulation of the diode limiter in guitar distortion circuits by
    numerical solution of ordinary differential equations", DAFx 2007). The step is backward Euler, which stays calm
    however small tau is; its one equation per sample is solved to float32. Gradients come from the implicit function
    theorem, not from the steps of the solution.

    Parameters
    ----------
    signal : tensor, shape (B, T)
    filters : tensor, shape (F, 6, B)
        ``keep, feed, climb, direct, of_band, of_low``: with the state (s1, s2), band = keep s1 + feed (x - s2),
        low = s2 + climb band, output = direct x + of_band band + of_low low, and the next state is
        (2 band - s1, 2 low - s2).
    stages : tensor, shape (N, 7, B)
        ``gain, inertia, forward, reverse, ratio, clipped, clean``. Stage n turns its input x and what filter
        ``first_stage`` + n makes of x, y, into clipped v + clean x, where gain y drives the clipper. Those between are
        positive: ``inertia`` (tau in samples), ``forward``, ``reverse`` (saturation currents) and ``ratio`` (forward
        over reverse thermal voltage: 0.5 when twice as many diodes face backwards).
    first_stage : int
    state : tensor, shape (B, 2 F + N)
        Both of each filter, then the voltage of each clipper's capacitor.
    """
    return _LearnChain.apply(signal, filters, stages, first_stage, state)


def render_chain(signal: Tensor, filters: Tensor, stages: Tensor, first_stage: int, state: Tensor) -> Tensor:
    """A chain of filters and stages without gradient, output (B, T); ``state`` (B, 2 F + N) is changed in place.

    One compiled loop instead of two per block, for short blocks while playing.

    Parameters
    ----------
    signal, filters, stages, first_stage, state
        As for :func:`learn_chain`.
    """
    out = torch.empty_like(signal, memory_format=torch.contiguous_format)
    for b, (filter_rows, stage_rows) in enumerate(zip(_by_signal(filters), _by_signal(stages), strict=True)):
        _chain(signal[b].contiguous().numpy(), filter_rows, stage_rows, first_stage, state[b].numpy(), out[b].numpy())
    return out


def _by_signal(numbers: Tensor) -> np.ndarray:
    """(B, blocks, numbers of each) from (blocks, numbers of each, B)."""
    return numbers.detach().permute(2, 0, 1).contiguous().numpy()


class _LearnChain(torch.autograd.Function):
    @staticmethod
    def forward(ctx, signal, filters, stages, first_stage, state):
        signal, state = (tensor.detach().contiguous().numpy() for tensor in (signal, state))
        filters, stages = _by_signal(filters), _by_signal(stages)
        out, after = np.empty_like(signal), np.empty_like(state)
        length, kind = signal.shape[1], signal.dtype
        count, stage_count = filters.shape[1], stages.shape[1]
        shapes = (
            (count, 6, PART), (stage_count, 7, PART), (count + 1, length, PART), (count, length + 1, 2, PART),
            (stage_count, length, PART), (stage_count, length + 1, PART),
        )  # fmt: skip

        def run(part: slice) -> list[np.ndarray]:
            kept = [np.empty(shape, kind) for shape in shapes]
            given = signal[part], filters[part], stages[part], first_stage, state[part]
            _chain_forward(*given, *kept, out[part], after[part])
            return kept

        ctx.first_stage, ctx.kept = first_stage, over_parts(run, len(signal))
        return torch.from_numpy(out), torch.from_numpy(after)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_out, grad_after):
        grad_out, grad_after = (tensor.contiguous().numpy() for tensor in (grad_out, grad_after))
        batch, kind = len(grad_out), grad_out.dtype
        grad_signal, grad_state = np.empty_like(grad_out), np.empty_like(grad_after)
        grad_filters, grad_stages = (np.empty((batch, *kept.shape[:2]), kind) for kept in ctx.kept[0][:2])

        def run(part: slice) -> None:
            grads = grad_signal[part], grad_filters[part], grad_stages[part], grad_state[part]
            _chain_backward(grad_out[part], grad_after[part], ctx.first_stage, *ctx.kept[part.start // PART], *grads)

        over_parts(run, batch)
        of_blocks = (torch.from_numpy(grads).permute(1, 2, 0) for grads in (grad_filters, grad_stages))
        return torch.from_numpy(grad_signal), *of_blocks, None, torch.from_numpy(grad_state)


@njit
def _filter_forward(signal, numbers, memory, out):
    """Fill ``out`` (T, PART) and ``memory`` (T + 1, 2, PART), whose row 0 is the state before."""
    for b in range(0, PART, WIDTH):
        keep, feed, climb = load(numbers, b), load(numbers, PART + b), load(numbers, 2 * PART + b)
        direct, of_band, of_low = load(numbers, 3 * PART + b), load(numbers, 4 * PART + b), load(numbers, 5 * PART + b)
        first, second = load(memory, b), load(memory, PART + b)
        for t in range(len(signal)):
            x = load(signal, t * PART + b)
            band = fma(feed, x - second, keep * first)
            low = fma(climb, band, second)
            store(out, t * PART + b, fma(of_low, low, fma(of_band, band, direct * x)))
            first, second = band + band - first, low + low - second
            store(memory, 2 * (t + 1) * PART + b, first)
            store(memory, 2 * (t + 1) * PART + PART + b, second)


@njit
def _filter_backward(slope, grad_memory, signal, numbers, memory, grad_numbers):
    """Turn ``slope`` (T, PART), of the output, into that of ``signal``, and fill ``grad_numbers`` (6, PART).

    Walks back in time. ``grad_memory`` (2, PART): of the last state, ends as that of the first.
    """
    for b in range(0, PART, WIDTH):
        keep, feed, climb = load(numbers, b), load(numbers, PART + b), load(numbers, 2 * PART + b)
        direct, of_band, of_low = load(numbers, 3 * PART + b), load(numbers, 4 * PART + b), load(numbers, 5 * PART + b)
        d_first, d_second = load(grad_memory, b), load(grad_memory, PART + b)
        grad_keep = grad_feed = grad_climb = grad_direct = grad_of_band = grad_of_low = spread(numbers.dtype.type(0))
        for t in range(len(signal) - 1, -1, -1):
            x, dy = load(signal, t * PART + b), load(slope, t * PART + b)
            first, second = load(memory, 2 * t * PART + b), load(memory, 2 * t * PART + PART + b)
            drop = x - second
            band = fma(feed, drop, keep * first)
            low = fma(climb, band, second)
            d_low = fma(of_low, dy, d_second + d_second)
            d_band = fma(climb, d_low, fma(of_band, dy, d_first + d_first))
            d_drop = feed * d_band
            d_second = d_low - d_second - d_drop
            d_first = fma(keep, d_band, -d_first)
            store(slope, t * PART + b, fma(direct, dy, d_drop))
            grad_keep = fma(d_band, first, grad_keep)
            grad_feed = fma(d_band, drop, grad_feed)
            grad_climb = fma(d_low, band, grad_climb)
            grad_direct = fma(dy, x, grad_direct)
            grad_of_band = fma(dy, band, grad_of_band)
            grad_of_low = fma(dy, low, grad_of_low)
        store(grad_memory, b, d_first)
        store(grad_memory, PART + b, d_second)
        store(grad_numbers, b, grad_keep)
        store(grad_numbers, PART + b, grad_feed)
        store(grad_numbers, 2 * PART + b, grad_climb)
        store(grad_numbers, 3 * PART + b, grad_direct)
        store(grad_numbers, 4 * PART + b, grad_of_band)
        store(grad_numbers, 5 * PART + b, grad_of_low)


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


@njit(fastmath=EXACT_ORDER, error_model="numpy")
def _stage_forward(signal, filtered, numbers, voltage, out):
    """Fill ``out`` (T, PART) and ``voltage`` (T + 1, PART), whose row 0 is the state before."""
    length, width = signal.shape
    gain, inertia, forward, reverse, ratio = numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]
    clipped, clean = numbers[5], numbers[6]
    one, v = signal.dtype.type(1), voltage[0].copy()
    for t in range(length):
        x, y, after, mixed = signal[t], filtered[t], voltage[t + 1], out[t]
        for b in range(width):
            target = gain[b] * y[b] + inertia[b] * v[b]
            v[b] = _clip(target, inertia[b], forward[b], reverse[b], ratio[b], one)
        for b in range(width):
            after[b] = v[b]
        for b in range(width):
            mixed[b] = clipped[b] * v[b] + clean[b] * x[b]


@njit(fastmath=EXACT_ORDER, error_model="numpy")
def _stage_backward(slope, grad_last, signal, filtered, numbers, voltage, grad_filtered, grad_numbers):
    """Fill ``grad_filtered`` (T, PART) and ``grad_numbers`` (7, PART), and turn ``slope`` (T, PART), of the output, into
    the share of ``signal`` that does not pass the filter.

    Walks back in time. Where F(v, drive, numbers) = 0, dv = -dF / (dF/dv), whatever steps led to v. ``grad_last`` (PART,):
    of the last state, ends as that of the first.
    """
    length, width = signal.shape
    gain, inertia, forward, reverse, ratio = numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]
    clipped, clean = numbers[5], numbers[6]
    grad_numbers[:] = 0
    grad_gain, grad_inertia, grad_forward, grad_reverse = (
        grad_numbers[0], grad_numbers[1], grad_numbers[2], grad_numbers[3]
    )  # fmt: skip
    grad_ratio, grad_clipped, grad_clean = grad_numbers[4], grad_numbers[5], grad_numbers[6]
    one, up, down = voltage.dtype.type(1), np.empty_like(grad_last), np.empty_like(grad_last)
    share = np.empty_like(grad_last)
    for t in range(length - 1, -1, -1):
        x, y, v, before = signal[t], filtered[t], voltage[t + 1], voltage[t]
        dz, dy = slope[t], grad_filtered[t]
        for b in range(width):
            up[b] = _exp(v[b])
        for b in range(width):
            down[b] = _exp(-ratio[b] * v[b])
        for b in range(width):
            steepness = one + inertia[b] + forward[b] * up[b] + ratio[b] * reverse[b] * down[b]
            share[b] = (clipped[b] * dz[b] + grad_last[b]) / steepness
        for b in range(width):
            grad_last[b] = inertia[b] * share[b]
        for b in range(width):
            dy[b] = gain[b] * share[b]
        for b in range(width):
            grad_gain[b] += share[b] * y[b]
        for b in range(width):
            grad_inertia[b] += share[b] * (before[b] - v[b])
        for b in range(width):
            grad_forward[b] -= share[b] * (up[b] - one)
        for b in range(width):
            grad_reverse[b] += share[b] * (down[b] - one)
        for b in range(width):
            grad_ratio[b] -= share[b] * reverse[b] * v[b] * down[b]
        for b in range(width):
            grad_clipped[b] += dz[b] * v[b]
        for b in range(width):
            grad_clean[b] += dz[b] * x[b]
        for b in range(width):
            dz[b] *= clean[b]


@kernel()
def _chain_forward(
    signal, filters, stages, first_stage, state, filter_numbers, stage_numbers, signals, memory, filtered, voltage, out, after
):  # fmt: skip
    """One part of the batch: ``signal``, ``out`` (b, T), ``filters`` (b, F, 6), ``stages`` (b, N, 7) and ``state``, ``after``
    (b, 2 F + N), b up to PART.

    Between them, backward needs them again, are the numbers (F, 6, PART) and (N, 7, PART), ``signals`` (F + 1, T, PART)
    before, between and after the blocks, ``memory`` (F, T + 1, 2, PART), ``filtered`` (N, T, PART), what drives the
    clippers, and ``voltage`` (N, T + 1, PART). Places of which the part has no signal repeat its last one.
    """
    (batch, length), count = signal.shape, len(memory)
    for b in range(PART):
        n = min(b, batch - 1)
        filter_numbers[:, :, b] = filters[n]
        stage_numbers[:, :, b] = stages[n]
        signals[0, :, b] = signal[n]
        for i in range(count):
            memory[i, 0, :, b] = state[n, 2 * i : 2 * i + 2]
        voltage[:, 0, b] = state[n, 2 * count :]
    for i in range(count):
        n = i - first_stage
        in_stage = 0 <= n < len(voltage)
        _filter_forward(signals[i], filter_numbers[i], memory[i], filtered[n] if in_stage else signals[i + 1])
        if in_stage:
            _stage_forward(signals[i], filtered[n], stage_numbers[n], voltage[n], signals[i + 1])
    for b in range(batch):
        out[b] = signals[count, :, b]
        for i in range(count):
            after[b, 2 * i : 2 * i + 2] = memory[i, length, :, b]
        after[b, 2 * count :] = voltage[:, length, b]


@kernel()
def _chain_backward(
    grad_out, grad_after, first_stage, filter_numbers, stage_numbers, signals, memory, filtered, voltage,
    grad_signal, grad_filters, grad_stages, grad_state,
):  # fmt: skip
    """The adjoint of :func:`_chain_forward`: fills the last four, shaped as what they are gradients of."""
    batch, count = len(grad_out), len(memory)
    slope, around = np.empty_like(signals[0]), np.empty_like(signals[0])
    grad_memory, grad_voltage = np.empty_like(memory[:, 0]), np.empty_like(voltage[:, 0])
    grad_filter_numbers, grad_stage_numbers = np.empty_like(filter_numbers), np.empty_like(stage_numbers)
    for b in range(PART):
        n = min(b, batch - 1)
        slope[:, b] = grad_out[n]
        for i in range(count):
            grad_memory[i, :, b] = grad_after[n, 2 * i : 2 * i + 2]
        grad_voltage[:, b] = grad_after[n, 2 * count :]
    for i in range(count - 1, -1, -1):
        n, x = i - first_stage, signals[i]
        in_stage = 0 <= n < len(voltage)
        if in_stage:
            slope, around = around, slope
            _stage_backward(
                around, grad_voltage[n], x, filtered[n], stage_numbers[n], voltage[n], slope, grad_stage_numbers[n]
            )
        _filter_backward(slope, grad_memory[i], x, filter_numbers[i], memory[i], grad_filter_numbers[i])
        if in_stage:
            slope += around
    for b in range(batch):
        grad_signal[b] = slope[:, b]
        grad_filters[b] = grad_filter_numbers[:, :, b]
        grad_stages[b] = grad_stage_numbers[:, :, b]
        for i in range(count):
            grad_state[b, 2 * i : 2 * i + 2] = grad_memory[i, :, b]
        grad_state[b, 2 * count :] = grad_voltage[:, b]


@kernel(fastmath=EXACT_ORDER)
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
