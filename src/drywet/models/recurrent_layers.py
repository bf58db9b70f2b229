"""Layers of a recurrent cell with one dense output, as one torch operation on several cores.

torch runs a small recurrent network as thousands of little operations; here forward and backward of a layer are one
compiled loop each (``lstm_cell.py``, ``gru_cell.py``), and cores share the parts of a batch. Gradients are checked against
torch's own layers in float64 (tests/models/test_recurrence.py).

Letters of the shapes: B signals, T samples, F inputs of a layer (1 in the first one, H later), H hidden units, N as many
gates as the cell has times H, L layers.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from drywet.models.parallel import PART, over_parts
from drywet.models.recurrence import dense_backward, dense_forward
from drywet.models.workspace import SPARE, Arrays

Array = np.ndarray
_SAMPLES_AT_ONCE = 4096  # while rendering: bounds memory, 4 H bytes a sample


class LayerWeights(NamedTuple):
    """What one layer is made of, rows in torch's order."""

    constant: Tensor  # (B, 4H), what reaches the gates whatever the signal does: biases and knobs
    input_weight: Tensor  # (N, F)
    recurrent_weight: Tensor  # (N, H)


class Cell(NamedTuple):
    """What tells one kind of recurrent cell from another.

    ``forward(x, constant, input_weight, recurrent_weight, *states, *kept)`` fills ``states``, of which the hidden units
    come first, and leaves in ``kept`` what ``backward`` needs; ``render(x, constant, input_weight, recurrent_weight, hidden,
    *states)`` is for one signal and keeps nothing. See ``lstm_cell.py`` for the shapes.
    """

    states: int  # arrays (T + 1, B, H)
    kept: tuple[int, ...]  # for each array (T, B, width * H) its width
    forward: Callable[..., None]
    backward: Callable[..., None]
    render: Callable[..., None]
    weights: Callable[[nn.RNNBase, int, Tensor], LayerWeights]  # of torch's layers, a layer's number and knobs (B, C)


def recurrent_output(
    cell: Cell, recurrent: nn.RNNBase, dense: nn.Linear, signal: Tensor, controls: Tensor, state: tuple[Tensor, ...]
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """What ``recurrent`` and ``dense`` make of a signal (B, T) and constant knobs (B, C) from a state.

    Output (B, T) and the next state, with gradients for all weights, knobs and the state; none for the signal, which is
    the recording. A state is for each layer in turn the cell's tensors (B, H).
    """
    weights, constants = _weights(cell, recurrent, controls)
    rows = [*constants, *state]  # what has one row for each signal
    if torch.is_grad_enabled():
        output, *last = _RecurrentOutput.apply(cell, signal, dense.weight, dense.bias, *weights, *rows)
    else:
        output, last, parts = _forward(cell, signal, dense.weight, dense.bias, weights, rows)
        for layers in parts:
            for arrays in layers:
                SPARE.give_back(arrays)
    return output, tuple(last)


def render_output(
    cell: Cell, recurrent: nn.RNNBase, dense: nn.Linear, signal: Tensor, controls: Tensor, state: tuple[Tensor, ...]
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """The same without gradients, signal by signal, with the same bits however a signal is cut into blocks."""
    weights, constants = _weights(cell, recurrent, controls)
    matrices, dense_weight, bias = (
        [_transposed(weight) for weight in weights],
        _array(dense.weight)[0],
        _array(dense.bias),
    )
    rows = [_array(constant) for constant in constants]
    last = [tensor.detach().clone() for tensor in state]
    states = [tensor.numpy() for tensor in last]
    output = np.empty(signal.shape, dense_weight.dtype)
    for start in range(0, signal.shape[1], _SAMPLES_AT_ONCE):
        block = _array(signal[:, start : start + _SAMPLES_AT_ONCE])
        out = np.empty_like(block)
        for b in range(len(block)):
            x = block[b, :, np.newaxis]
            for n, constant in enumerate(rows):
                hidden = np.empty((len(x) + 1, 1, len(dense_weight)), x.dtype)
                of_signal = (array[b] for array in states[n * cell.states : (n + 1) * cell.states])
                cell.render(x, constant[b], matrices[2 * n], matrices[2 * n + 1], hidden[1:, 0], *of_signal)
                x = hidden[1:, 0]
            dense_forward(hidden, dense_weight, bias, out[b : b + 1])
        output[:, start : start + _SAMPLES_AT_ONCE] = out
    return torch.from_numpy(output), tuple(last)


def _weights(cell: Cell, recurrent: nn.RNNBase, controls: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Of all layers in turn both matrices, and the constants (B, 4H); the knobs enter the first layer."""
    layers = [cell.weights(recurrent, n, controls if n == 0 else controls[:, :0]) for n in range(recurrent.num_layers)]
    return [weight for _, *weights in layers for weight in weights], [layer.constant for layer in layers]


class _RecurrentOutput(torch.autograd.Function):
    @staticmethod
    def forward(ctx, cell, signal, dense_weight, dense_bias, *weights_and_rows):
        layers = len(weights_and_rows) // (3 + cell.states)
        weights, rows = weights_and_rows[: 2 * layers], weights_and_rows[2 * layers :]
        output, last, ctx.kept = _forward(cell, signal, dense_weight, dense_bias, weights, rows)
        ctx.cell = cell
        ctx.save_for_backward(signal, dense_weight, *weights)
        return output, *last

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_output, *grad_last):
        kept, ctx.kept = ctx.kept, None
        if kept is None:
            raise RuntimeError("the gradient of these layers was taken before; run them forward again first")
        signal, dense, *weights = (_array(tensor) for tensor in ctx.saved_tensors)
        slopes, after = _array(grad_output), [tensor.numpy() for tensor in grad_last]

        def run(part: slice) -> tuple[list[Array], list[Array]]:
            return _backward_part(
                ctx.cell,
                kept[part.start // PART],
                signal[part],
                dense[0],
                list(zip(weights[::2], weights[1::2], strict=True)),
                slopes[part],
                [tensor[part] for tensor in after],
            )

        parts = over_parts(run, len(signal))
        shared, rows = (
            parts[0][0],
            [np.concatenate(arrays) for arrays in zip(*(part[1] for part in parts), strict=True)],
        )
        for others, _ in parts[1:]:
            for total, other in zip(shared, others, strict=True):
                total += other
        grad_dense, *of_weights = shared
        of_weights = [np.ascontiguousarray(weight.T) for weight in of_weights]
        grads = [grad_dense[np.newaxis], slopes.sum(keepdims=True)[0], *of_weights, *rows]
        return None, None, *(torch.from_numpy(grad) for grad in grads)


def _forward(
    cell: Cell,
    signal: Tensor,
    dense_weight: Tensor,
    dense_bias: Tensor,
    weights: Sequence[Tensor],
    rows: Sequence[Tensor],
) -> tuple[Tensor, list[Tensor], list[list[Arrays]]]:
    """Output (B, T), the last state, and of each part of the batch the arrays of each layer."""
    signals, dense, bias = _array(signal), _array(dense_weight)[0], _array(dense_bias)
    matrices = [_transposed(weight) for weight in weights]
    arrays = [_array(tensor) for tensor in rows]
    constants, before = arrays[: len(weights) // 2], arrays[len(weights) // 2 :]
    length, hidden = signals.shape[1], len(dense)
    output = np.empty_like(signals)

    def run(part: slice) -> list[Arrays]:
        x, layers = _time_first(signals[part]), []
        for number, constant in enumerate(constants):
            shapes = [(length + 1, x.shape[1], hidden)] * cell.states
            shapes += [(length, x.shape[1], width * hidden) for width in cell.kept]
            arrays = SPARE.take(tuple(shapes), dense.dtype)
            for n in range(cell.states):
                arrays[n][0] = before[number * cell.states + n][part]
            cell.forward(x, constant[part], matrices[2 * number], matrices[2 * number + 1], *arrays)
            layers.append(arrays)
            x = arrays[0][1:]
        dense_forward(arrays[0], dense, bias, output[part])
        return layers

    parts = over_parts(run, len(signals))
    last = [
        torch.from_numpy(np.concatenate([layers[number][n][-1] for layers in parts]))
        for number in range(len(constants))
        for n in range(cell.states)
    ]
    return torch.from_numpy(output), last, parts


def _backward_part(
    cell: Cell,
    kept: list[Arrays],
    signal: Array,
    dense: Array,
    weights: list[tuple[Array, Array]],
    slopes: Array,
    after: list[Array],
) -> tuple[list[Array], list[Array]]:
    """Of one part of the batch the gradients of the weights (the dense one, then of each layer both, transposed), and of
    what has one row for each signal. ``kept`` is used up.
    """
    shape = kept[0][0].shape  # (T + 1, B, H)
    grad_dense = np.zeros_like(dense)
    (grad_h,) = SPARE.take((shape,), dense.dtype)
    dense_backward(slopes, kept[-1][0], dense, grad_h, grad_dense)
    of_weights: list[Array] = []
    of_constants: list[Array] = []
    of_state: list[Array] = []
    for number in reversed(range(len(kept))):
        last_h, *others = after[number * cell.states : (number + 1) * cell.states]
        grad_h[-1] += last_h
        others = [other.copy() for other in others]
        if number == 0:
            x, below = _time_first(signal), np.empty((1, 0, 0), dense.dtype)
        else:
            x, (below,) = kept[number - 1][0][1:], SPARE.take((shape,), dense.dtype)
            below[:] = 0
        constant = np.zeros((shape[1], 4 * shape[2]), dense.dtype)
        grads = [np.zeros(weight.shape[::-1], dense.dtype) for weight in weights[number]]
        cell.backward(x, *weights[number], *kept[number], grad_h, *others, below[1:], constant, *grads)
        of_weights, of_constants = grads + of_weights, [constant, *of_constants]
        of_state = [grad_h[0].copy(), *others, *of_state]
        SPARE.give_back((grad_h,))
        SPARE.give_back(kept[number])
        grad_h = below
    return [grad_dense, *of_weights], of_constants + of_state


def _array(tensor: Tensor) -> Array:
    return tensor.detach().contiguous().numpy()


def _transposed(tensor: Tensor) -> Array:
    return np.ascontiguousarray(tensor.detach().numpy().T)


def _time_first(signal: Array) -> Array:
    """(T, B, 1) from (B, T)."""
    return np.ascontiguousarray(signal.T)[:, :, np.newaxis]
