import numpy as np
import pytest
import torch
from numba import njit

from drywet.models import LSTMSettings, WindowLSTMSettings, build
from drywet.models.recurrence import fast_tanh, lstm_signal


@njit
def tanh_of_all(x):
    out = np.empty_like(x)
    for i in range(len(x)):
        out[i] = fast_tanh(x[i])
    return out


def test_fast_tanh_is_tanh_to_float32():
    x = np.concatenate([np.linspace(-20, 20, 400_001), np.geomspace(1e-30, 1, 1000)]).astype(np.float32)
    error = np.abs(tanh_of_all(x) - np.tanh(x.astype(np.float64)))
    assert error.max() < 4e-7
    small = np.abs(x) < 1e-2  # where relative accuracy matters: a quiet signal stays undistorted
    assert (error[small] <= 2e-7 * np.abs(x[small])).all()


def test_a_nan_is_not_hidden():
    assert np.isnan(tanh_of_all(np.array([np.nan], np.float32))).all()


@pytest.mark.parametrize("hidden", [1, 3, 4, 7, 16])
def test_the_recurrence_follows_the_textbook(hidden):
    """The LSTM equations written out in float64."""
    rng = np.random.default_rng(hidden)
    w, b = rng.standard_normal(4 * hidden), rng.standard_normal(4 * hidden)
    u, v = 0.5 * rng.standard_normal((hidden, 4 * hidden)), rng.standard_normal(hidden)
    x = rng.standard_normal(200)
    h, c, expected = np.zeros(hidden), np.zeros(hidden), []
    for value in x:
        i, f, g, o = (value * w + h @ u + b).reshape(4, hidden)
        i, f, o = (1 / (1 + np.exp(-gate)) for gate in (i, f, o))
        c = f * c + i * np.tanh(g)
        h = o * np.tanh(c)
        expected.append(h @ v + 0.25)
    single = [a.astype(np.float32) for a in (x, w, u, b, v)]
    state = np.zeros((2, hidden), np.float32)
    out = np.empty(200, np.float32)
    lstm_signal(*single, np.float32(0.25), state[0], state[1], out)
    np.testing.assert_allclose(out, expected, atol=2e-5)
    np.testing.assert_allclose(state[0], h, atol=2e-5)


def test_parameter_counts_are_those_of_the_published_models():
    assert build(WindowLSTMSettings(hidden_size=64)).parameter_count() == 16_961
    assert build(WindowLSTMSettings(hidden_size=96)).parameter_count() == 37_729
    assert build(LSTMSettings(hidden_size=32)).parameter_count() == 4 * 32**2 + 13 * 32 + 1


@pytest.mark.parametrize(("hidden", "length", "batch"), [(1, 3, 1), (5, 20, 3), (16, 33, 8), (20, 7, 9)])
@pytest.mark.parametrize("controls", [(), ("drive", "tone")])
def test_gradients_are_those_of_torch_in_float64(hidden, length, batch, controls):
    """Every parameter, the knobs and the state, through an output that uses all of them."""
    torch.manual_seed(hidden)
    model = build(LSTMSettings(hidden_size=hidden, controls=controls)).double()
    signal = torch.randn(batch, length, dtype=torch.float64)
    seen = {}
    for name, compute in (("torch", model._by_torch), ("drywet", model._learn)):
        knobs = torch.rand(batch, len(controls), dtype=torch.float64, generator=torch.Generator().manual_seed(1))
        state = [
            torch.randn(batch, hidden, dtype=torch.float64, generator=torch.Generator().manual_seed(2)) for _ in "hc"
        ]
        inputs = [tensor.requires_grad_() for tensor in (knobs, *state)]
        output, last = compute(signal, knobs, tuple(state))
        model.zero_grad()
        (output.sin().sum() + last[0].cos().sum() + (last[1] ** 2).sum()).backward()
        seen[name] = [output, *last, *(parameter.grad.clone() for parameter in model.parameters())]
        seen[name] += [tensor.grad for tensor in inputs if tensor.numel()]
    for ours, theirs in zip(seen["drywet"], seen["torch"], strict=True):
        torch.testing.assert_close(ours.detach(), theirs.detach(), atol=2e-6, rtol=2e-6)


def test_two_forwards_before_a_backward_do_not_disturb_each_other():
    model = build(LSTMSettings(hidden_size=8))
    signals = torch.randn(2, 4, 30)
    state, knobs = model.initial_state(4), torch.zeros(4, 0)
    apart = [torch.autograd.grad(model(s, knobs, state)[0].sum(), model.dense.weight)[0] for s in signals]
    outputs = [model(s, knobs, state)[0].sum() for s in signals]
    together = [torch.autograd.grad(output, model.dense.weight)[0] for output in reversed(outputs)][::-1]
    for a, b in zip(apart, together, strict=True):
        torch.testing.assert_close(a, b, atol=0, rtol=0)


@pytest.mark.parametrize("controls", [(), ("drive",)])
def test_windows_are_predicted_as_torch_does_with_the_same_gradients(controls):
    torch.manual_seed(0)
    model = build(WindowLSTMSettings(hidden_size=6, context=11, controls=controls)).double()
    windows, knobs = torch.randn(20, 11, dtype=torch.float64), torch.rand(20, len(controls), dtype=torch.float64)
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    ours, theirs = model.predict(windows, knobs), model._predict_by_torch(windows.T, knobs)
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-6)
    for a, b in zip(*(torch.autograd.grad(y.sin().sum(), trainable) for y in (ours, theirs)), strict=True):
        torch.testing.assert_close(a, b, atol=2e-6, rtol=2e-6)
