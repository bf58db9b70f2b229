"""A stack of dilated causal convolutions with its gradient, compiled for the CPU.

One array of numbers, the memory, holds every signal of the network for one stream: a row of samples per channel, with the
past that a convolution needs in front of the present. Two tables of whole numbers, made by ``WaveNet``, say where the rows
of each layer lie and where its weights are in the flat list of weights. The equations are in ``wavenet.py``.
"""

import numpy as np
from numba import njit

from drywet.kernel_cache import kernel
from drywet.models.convolution_tiles import TILE_WIDTH, add_gradient, add_products
from drywet.models.recurrence import FAST, HALF, ONE, fast_tanh

SPAN = (
    4 * TILE_WIDTH
)  # samples that pass through all layers before the next follow, so that their signals stay in the caches
CHUNK = 8 * TILE_WIDTH  # the same within one layer, in the gradient, where every chunk costs a sum over the lanes

ACTIVATIONS = ("Tanh", "Sigmoid", "ReLU", "LeakyReLU", "Hardtanh", "Softsign")
TANH, SIGMOID, RELU, LEAKY_RELU, HARDTANH, SOFTSIGN = range(len(ACTIVATIONS))
LEAK = np.float32(0.01)

# Columns of the table of layer arrays. ``AT`` is a place in the memory; a weight's name is its first place in the weights;
# -1 where there is none.
ARRAY_COLUMNS = (
    "channels", "head_size", "first", "last", "in_channels", "in_at", "in_stride",
    "head_at", "result_at", "rechannel", "head", "head_bias",
)  # fmt: skip
CHANNELS, HEAD_SIZE, FIRST, LAST, IN_CHANNELS, IN_AT, IN_STRIDE, HEAD_AT, RESULT_AT, RECHANNEL, HEAD, HEAD_BIAS = range(
    len(ARRAY_COLUMNS)
)

# Columns of the table of layers. ``bent``: after the activation, ``gated``: whether the bent rows are twice the channels,
# ``z``: what the layer gives to the head, ``next``: where its residual output goes.
LAYER_COLUMNS = (
    "taps", "dilation", "activation", "gated", "x_at", "x_stride", "bent_at", "z_at", "next_at", "next_stride", "state_at",
    "conv", "conv_bias", "mixin", "residual", "residual_bias",
)  # fmt: skip
(
    TAPS, DILATION, ACTIVATION, GATED, X_AT, X_STRIDE, BENT_AT, Z_AT, NEXT_AT, NEXT_STRIDE, STATE_AT,
    CONV, CONV_BIAS, MIXIN, RESIDUAL, RESIDUAL_BIAS,
) = range(len(LAYER_COLUMNS))  # fmt: skip


@njit(fastmath=FAST, error_model="numpy")
def _bend(rows, at, stop, kind):
    """An activation, in place. Loops have a fixed length, so that every sample takes the same instructions."""
    for start in range(at, stop, TILE_WIDTH):
        row = rows[start : start + TILE_WIDTH]
        if kind == TANH:
            for i in range(TILE_WIDTH):
                row[i] = fast_tanh(row[i])
        elif kind == SIGMOID:
            for i in range(TILE_WIDTH):
                row[i] = HALF + HALF * fast_tanh(HALF * row[i])
        elif kind == RELU:
            for i in range(TILE_WIDTH):
                row[i] = max(row[i], row[i] * 0)
        elif kind == LEAKY_RELU:
            for i in range(TILE_WIDTH):
                row[i] = max(row[i], row[i] * LEAK)
        elif kind == HARDTANH:
            for i in range(TILE_WIDTH):
                row[i] = min(max(row[i], -ONE), ONE)
        else:
            for i in range(TILE_WIDTH):
                row[i] = row[i] / (ONE + abs(row[i]))


@njit(fastmath=FAST, error_model="numpy")
def _multiply_by_slope(slope, bent, kind):
    """``slope`` times the activation's derivative, which each of them lets one read off its result ``bent``."""
    if kind == TANH:
        for i in range(len(slope)):
            slope[i] *= ONE - bent[i] * bent[i]
    elif kind == SIGMOID:
        for i in range(len(slope)):
            slope[i] *= bent[i] * (ONE - bent[i])
    elif kind == RELU:
        for i in range(len(slope)):
            slope[i] = slope[i] if bent[i] > 0 else slope[i] * 0
    elif kind == LEAKY_RELU:
        for i in range(len(slope)):
            slope[i] = slope[i] if bent[i] > 0 else slope[i] * LEAK
    elif kind == HARDTANH:
        for i in range(len(slope)):
            slope[i] = slope[i] if abs(bent[i]) < 1 else slope[i] * 0
    else:
        for i in range(len(slope)):
            slope[i] *= (ONE - abs(bent[i])) * (ONE - abs(bent[i]))


@njit(fastmath=FAST, error_model="numpy")
def _set(rows, at, stop, source, factor, constant):
    """``rows[at:stop] = constant + factor * rows[source:...]``."""
    for start in range(0, stop - at, TILE_WIDTH):
        target, signal = rows[at + start : at + start + TILE_WIDTH], rows[source + start : source + start + TILE_WIDTH]
        for i in range(TILE_WIDTH):
            target[i] = constant + factor * signal[i]


@njit(fastmath=FAST, error_model="numpy")
def _add(rows, at, stop, source):
    """``rows[at:stop] += rows[source:...]``."""
    for start in range(0, stop - at, TILE_WIDTH):
        target, signal = rows[at + start : at + start + TILE_WIDTH], rows[source + start : source + start + TILE_WIDTH]
        for i in range(TILE_WIDTH):
            target[i] += signal[i]


@njit(fastmath=FAST, error_model="numpy")
def _set_product(target, at, one, one_at, other, other_at, count):
    """``target[at:] = one[one_at:] * other[other_at:]``, ``count`` numbers."""
    row, a, b = target[at : at + count], one[one_at : one_at + count], other[other_at : other_at + count]
    for t in range(count):
        row[t] = a[t] * b[t]


@njit(fastmath=FAST, error_model="numpy")
def _add_scaled(target, at, source, start, count, factor):
    """``target[at:] += factor * source[start:]``, ``count`` numbers."""
    row, other = target[at : at + count], source[start : start + count]
    for t in range(count):
        row[t] += factor * other[t]


@njit(fastmath=FAST, error_model="numpy")
def _total(row):
    total = row.dtype.type(0)
    for t in range(len(row)):
        total += row[t]
    return total


@njit(fastmath=FAST, error_model="numpy")
def _dot(row, other):
    total = row.dtype.type(0)
    for t in range(len(row)):
        total += row[t] * other[t]
    return total


@njit(error_model="numpy")
def _copy(target, at, source, start, count):
    """``target[at:at + count] = source[start:start + count]``, from front to back."""
    row, other = target[at : at + count], source[start : start + count]
    for t in range(count):
        row[t] = other[t]


@njit(error_model="numpy")
def _rows_of(sources, at, stride, count):
    for k in range(count):
        sources[k] = at + k * stride


@njit(error_model="numpy")
def _places_of(places, at, step, count):
    for k in range(count):
        places[k] = at + k * step


@njit(error_model="numpy")
def _taps_of(sources, layer, channels, start):
    """Rows that the convolution reads, in the order of its weights: each channel with all its delays, oldest first."""
    taps = layer[TAPS]
    for channel in range(channels):
        for tap in range(taps):
            sources[channel * taps + tap] = (
                layer[X_AT] + channel * layer[X_STRIDE] - (taps - 1 - tap) * layer[DILATION] + start
            )


@njit(fastmath=FAST, error_model="numpy")
def _span(arrays, layers, weights, memory, row_stride, dry_at, sources, places, start, stop):
    """All layers, for the samples from ``start`` to ``stop``, a whole number of WIDTHs apart."""
    zero = memory.dtype.type(0)
    for a in range(len(arrays)):
        array = arrays[a]
        channels, x_at, stride = array[CHANNELS], layers[array[FIRST], X_AT], layers[array[FIRST], X_STRIDE]
        _rows_of(sources, array[IN_AT], array[IN_STRIDE], array[IN_CHANNELS])
        _places_of(places, array[RECHANNEL], 1, array[IN_CHANNELS])
        for channel in range(channels):
            memory[x_at + channel * stride + start : x_at + channel * stride + stop] = zero
            if a == 0:
                memory[array[HEAD_AT] + channel * row_stride + start : array[HEAD_AT] + channel * row_stride + stop] = (
                    zero
                )
        inputs = array[IN_CHANNELS]
        add_products(memory, x_at, stride, channels, weights, places, inputs, memory, sources, inputs, start, stop)
        for number in range(array[FIRST], array[LAST]):
            layer = layers[number]
            rows, count = channels * (1 + layer[GATED]), channels * layer[TAPS]
            for row in range(rows):
                at = layer[BENT_AT] + row * row_stride
                constant, factor = weights[layer[CONV_BIAS] + row], weights[layer[MIXIN] + row]
                _set(memory, at + start, at + stop, dry_at + start, factor, constant)
            _taps_of(sources, layer, channels, 0)
            _places_of(places, layer[CONV], 1, count)
            bent_at, z_at = layer[BENT_AT], layer[Z_AT]
            add_products(memory, bent_at, row_stride, rows, weights, places, count, memory, sources, count, start, stop)
            for row in range(rows):
                at, kind = bent_at + row * row_stride, layer[ACTIVATION] if row < channels else SIGMOID
                _bend(memory, at + start, at + stop, kind)
            for channel in range(channels):
                z, head = z_at + channel * row_stride, array[HEAD_AT] + channel * row_stride
                if layer[GATED]:
                    bent, gate = bent_at + channel * row_stride, bent_at + (channels + channel) * row_stride
                    _set_product(memory, z + start, memory, bent + start, memory, gate + start, stop - start)
                _add(memory, head + start, head + stop, z + start)
            if layer[NEXT_AT] < 0:
                continue
            for channel in range(channels):
                at, x = layer[NEXT_AT] + channel * layer[NEXT_STRIDE], layer[X_AT] + channel * layer[X_STRIDE]
                constant = weights[layer[RESIDUAL_BIAS] + channel]
                _set(memory, at + start, at + stop, x + start, ONE, constant)
            _rows_of(sources, z_at, row_stride, channels)
            _places_of(places, layer[RESIDUAL], 1, channels)
            at, stride = layer[NEXT_AT], layer[NEXT_STRIDE]
            add_products(
                memory, at, stride, channels, weights, places, channels, memory, sources, channels, start, stop
            )
        for row in range(array[HEAD_SIZE]):
            at = array[RESULT_AT] + row * row_stride
            memory[at + start : at + stop] = weights[array[HEAD_BIAS] + row] if array[HEAD_BIAS] >= 0 else zero
        _rows_of(sources, array[HEAD_AT], row_stride, channels)
        _places_of(places, array[HEAD], 1, channels)
        at, rows = array[RESULT_AT], array[HEAD_SIZE]
        add_products(memory, at, row_stride, rows, weights, places, channels, memory, sources, channels, start, stop)


@kernel(fastmath=FAST)
def run_stack(
    arrays, layers, widest, capacity, row_stride, dry_at, out_at, weights, memory, dry, scale, before, after, out
):
    """The stack over one stream, at most ``capacity`` samples at a time.

    Parameters
    ----------
    arrays, layers : int64, shapes (A, len(ARRAY_COLUMNS)), (L, len(LAYER_COLUMNS))
    widest : int
        Most rows that one sum goes over.
    capacity, row_stride : int
        Samples in a row, a multiple of TILE_WIDTH, and how far apart rows without a past are.
    dry_at, out_at : int
        Where in the memory the input and the output are.
    weights : shape (P,)
    memory : shape (M,)
        As the tables lay it out.
    dry, out : shape (T,)
    scale : number
        Multiplies the output.
    before, after : shape (S,)
        State: the past of every layer's input, layer by layer, channel by channel, oldest sample first.
    """
    sources, places = np.empty(widest, np.int64), np.empty(widest, np.int64)
    if len(dry) == 0:
        after[:] = before
    for a in range(len(arrays)):
        for number in range(arrays[a, FIRST], arrays[a, LAST]):
            layer = layers[number]
            past = (layer[TAPS] - 1) * layer[DILATION]
            for channel in range(arrays[a, CHANNELS]):
                x, at = layer[X_AT] + channel * layer[X_STRIDE], layer[STATE_AT] + channel * past
                _copy(memory, x - past, before, at, past)
    for first in range(0, len(dry), capacity):
        length = min(capacity, len(dry) - first)
        stop = (length + TILE_WIDTH - 1) // TILE_WIDTH * TILE_WIDTH
        memory[dry_at : dry_at + length] = dry[first : first + length]
        memory[dry_at + length : dry_at + stop] = 0
        for start in range(0, stop, SPAN):
            _span(arrays, layers, weights, memory, row_stride, dry_at, sources, places, start, min(start + SPAN, stop))
        target, signal = out[first : first + length], memory[out_at : out_at + length]
        for t in range(length):
            target[t] = scale * signal[t]
        last = first + length >= len(dry)
        for a in range(len(arrays)):
            for number in range(arrays[a, FIRST], arrays[a, LAST]):
                layer = layers[number]
                past = (layer[TAPS] - 1) * layer[DILATION]
                for channel in range(arrays[a, CHANNELS]):
                    x, at = layer[X_AT] + channel * layer[X_STRIDE], layer[STATE_AT] + channel * past
                    if last:
                        _copy(after, at, memory, x + length - past, past)
                    else:
                        _copy(memory, x - past, memory, x + length - past, past)


@kernel(fastmath=FAST)
def stack_gradient(
    arrays, layers, widest, padded, row_stride, dry_at, out_at, lead, weights, memory, scale, grad_out, with_state,
    grad_after, grad_weights, grad_before,
):  # fmt: skip
    """Add up the gradients of one stream that ran through :func:`run_stack` in one go, whose memory this is.

    ``lead`` is the longest past of a layer, rounded up to whole WIDTHs. ``grad_out`` (T,); ``grad_after`` and
    ``grad_before`` (S,) are used if ``with_state``; ``grad_weights`` (P,) is added to.
    """
    zero = memory.dtype.type(0)
    sources, places = np.empty(widest, np.int64), np.empty(widest, np.int64)
    channels = 1
    for a in range(len(arrays)):
        channels = max(channels, arrays[a, CHANNELS], arrays[a, HEAD_SIZE])
    past_and_present, all_times = lead + row_stride, lead + row_stride + lead
    # Gradients: of the residual signal, of the sums for the head before and after its 1x1 convolution, and of what goes
    # into the activation, which has zeros before and after the present.
    grads = np.zeros(channels * (past_and_present + 2 * row_stride + 2 * all_times), memory.dtype)
    x_at, slope_at = lead, channels * past_and_present + lead
    result_at = channels * (past_and_present + 2 * all_times)
    head_at = result_at + channels * row_stride
    _add_scaled(grads, result_at, grad_out, 0, len(grad_out), scale)
    for a in range(len(arrays) - 1, -1, -1):
        array = arrays[a]
        channels, outputs = array[CHANNELS], array[HEAD_SIZE]
        _rows_of(sources, array[HEAD_AT], row_stride, channels)
        _places_of(places, array[HEAD], 1, channels)
        add_gradient(
            grad_weights, places, channels, grads, result_at, row_stride, outputs, memory, sources, channels, padded
        )
        if array[HEAD_BIAS] >= 0:
            for row in range(outputs):
                at = result_at + row * row_stride
                grad_weights[array[HEAD_BIAS] + row] += _total(grads[at : at + padded])
        grads[head_at : head_at + channels * row_stride] = 0
        _rows_of(sources, result_at, row_stride, outputs)
        _places_of(places, array[HEAD], channels, outputs)
        add_products(grads, head_at, row_stride, channels, weights, places, 1, grads, sources, outputs, 0, padded)
        for number in range(array[LAST] - 1, array[FIRST] - 1, -1):
            layer = layers[number]
            gated, taps, dilation = layer[GATED], layer[TAPS], layer[DILATION]
            past, bent_at, z_at = (taps - 1) * dilation, layer[BENT_AT], layer[Z_AT]
            rows, count = channels * (1 + gated), channels * taps
            for start in range(0, padded, CHUNK):
                stop = min(start + CHUNK, padded)
                length = stop - start
                for channel in range(channels):
                    at, head = slope_at + channel * all_times, head_at + channel * row_stride
                    _set(grads, at + start, at + stop, head + start, ONE, zero)
                    if gated:
                        z, bent = z_at + channel * row_stride + start, bent_at + channel * row_stride + start
                        _set_product(memory, z, memory, bent, memory, bent + channels * row_stride, length)
                if layer[NEXT_AT] >= 0:
                    at, stride = slope_at, past_and_present
                    _rows_of(sources, x_at, stride, channels)
                    _places_of(places, layer[RESIDUAL], channels, channels)
                    add_products(
                        grads, at, all_times, channels, weights, places, 1, grads, sources, channels, start, stop
                    )
                    at = x_at + start
                    _rows_of(sources, z_at + start, row_stride, channels)
                    _places_of(places, layer[RESIDUAL], 1, channels)
                    add_gradient(
                        grad_weights, places, channels, grads, at, stride, channels, memory, sources, channels, length
                    )
                    for channel in range(channels):
                        row = at + channel * stride
                        grad_weights[layer[RESIDUAL_BIAS] + channel] += _total(grads[row : row + length])
                for channel in range(channels):
                    at, bent = slope_at + channel * all_times + start, bent_at + channel * row_stride + start
                    if gated:
                        gate_at, gate = at + channels * all_times, bent + channels * row_stride
                        _set_product(grads, gate_at, grads, at, memory, bent, length)
                        _multiply_by_slope(grads[gate_at : gate_at + length], memory[gate : gate + length], SIGMOID)
                        _set_product(grads, at, grads, at, memory, gate, length)
                    _multiply_by_slope(grads[at : at + length], memory[bent : bent + length], layer[ACTIVATION])
                _taps_of(sources, layer, channels, start)
                _places_of(places, layer[CONV], 1, count)
                at = slope_at + start
                add_gradient(grad_weights, places, count, grads, at, all_times, rows, memory, sources, count, length)
                signal = memory[dry_at + start : dry_at + stop]
                for row in range(rows):
                    slope = grads[at + row * all_times : at + row * all_times + length]
                    grad_weights[layer[MIXIN] + row] += _dot(slope, signal)
                    grad_weights[layer[CONV_BIAS] + row] += _total(slope)
            start = 0
            if with_state:
                start = -((past + TILE_WIDTH - 1) // TILE_WIDTH * TILE_WIDTH)
                for channel in range(channels):
                    at, state = x_at + channel * past_and_present, layer[STATE_AT] + channel * past
                    grads[at + start : at] = 0
                    _add_scaled(grads, at + len(grad_out) - past, grad_after, state, past, ONE)
            for row in range(rows):
                for tap in range(taps):
                    sources[row * taps + tap] = slope_at + row * all_times + (taps - 1 - tap) * dilation
                    places[row * taps + tap] = layer[CONV] + row * count + tap
            add_products(
                grads,
                x_at,
                past_and_present,
                channels,
                weights,
                places,
                taps,
                grads,
                sources,
                rows * taps,
                start,
                padded,
            )
            if with_state:
                for channel in range(channels):
                    at, state = x_at + channel * past_and_present, layer[STATE_AT] + channel * past
                    grad_before[state : state + past] = grads[at - past : at]
        inputs = array[IN_CHANNELS]
        _rows_of(sources, array[IN_AT], array[IN_STRIDE], inputs)
        _places_of(places, array[RECHANNEL], 1, inputs)
        add_gradient(
            grad_weights, places, inputs, grads, x_at, past_and_present, channels, memory, sources, inputs, padded
        )
        if a > 0:
            # The sums for the head started from the result of the array before, so that has their gradient.
            result_at, head_at = head_at, result_at
            before = np.zeros(inputs * padded, memory.dtype)
            _rows_of(sources, x_at, past_and_present, channels)
            _places_of(places, array[RECHANNEL], inputs, channels)
            add_products(before, 0, padded, inputs, weights, places, 1, grads, sources, channels, 0, padded)
            for channel in range(inputs):
                at = x_at + channel * past_and_present
                grads[at : at + padded] = before[channel * padded : (channel + 1) * padded]


@kernel()
def fold(weights, channel_of, is_bias, scale, shift, folded):
    """Weights (B, P) of a network whose channels are multiplied by ``scale`` and raised by ``shift``, both (B, channels).

    ``channel_of`` (P,) says which of these channels a weight leads to, -1 for none; ``is_bias`` (P,) whether it is added.
    """
    for b in range(len(folded)):
        for p in range(len(weights)):
            c = channel_of[p]
            folded[b, p] = weights[p] if c < 0 else weights[p] * scale[b, c]
            if c >= 0 and is_bias[p]:
                folded[b, p] += shift[b, c]


@kernel()
def unfold_gradient(weights, channel_of, is_bias, scale, grad_folded, grad_weights, grad_scale, grad_shift):
    """The gradients of :func:`fold`, added to ``grad_weights`` (P,), ``grad_scale`` and ``grad_shift`` (B, channels)."""
    for b in range(len(grad_folded)):
        for p in range(len(weights)):
            c, slope = channel_of[p], grad_folded[b, p]
            if c < 0:
                grad_weights[p] += slope
            else:
                grad_weights[p] += slope * scale[b, c]
                grad_scale[b, c] += slope * weights[p]
                if is_bias[p]:
                    grad_shift[b, c] += slope
