import numpy as np
import pytest
import torch
from numba import njit

from drywet.models import GRUSettings, LSTMSettings, WindowLSTMSettings, build, parallel, window_lstm
from drywet.models.recurrence import fast_tanh
from drywet.models.tiles import ROWS

RECURRENT = [LSTMSettings, GRUSettings]


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


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm_step(x, state, layer, hidden):
    """Hochreiter & Schmidhuber 1997 with forget gate, from torch's weights."""
    w, u, b, v = layer
    h, c = state
    i, f, g, o = (w @ x + b + u @ h + v).reshape(4, hidden)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def gru_step(x, state, layer, hidden):
    """Cho et al. 2014 with the reset gate after the recurrent product, from torch's weights."""
    w, u, b, v = layer
    (h,) = state
    (ir, iz, i_n), (hr, hz, hn) = (w @ x + b).reshape(3, hidden), (u @ h + v).reshape(3, hidden)
    n = np.tanh(i_n + sigmoid(ir + hr) * hn)
    z = sigmoid(iz + hz)
    return ((1 - z) * n + z * h,)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("hidden", [1, 3, 8, 23])
@pytest.mark.parametrize(("settings", "step"), [(LSTMSettings, lstm_step), (GRUSettings, gru_step)])
def test_rendering_follows_the_textbook(settings, step, hidden, layers):
    """The equations written out in float64, one sample after the other, from a state that is not silence."""
    torch.manual_seed(hidden)
    model = build(settings(hidden_size=hidden, layers=layers, controls=("drive",)))
    dry, knobs = torch.randn(2, 50), torch.tensor([[0.2], [0.9]])
    before = tuple(torch.randn_like(tensor) for tensor in model.initial_state(2))
    with torch.no_grad():
        predicted, after = model(dry, knobs, before)
    weights = [[w.detach().double().numpy() for w in layer] for layer in model.recurrent.all_weights]
    dense, bias = (parameter.detach().double().numpy() for parameter in model.dense.parameters())
    count = model.cell.states
    for b in range(2):
        states = [[tensor[b].double().numpy() for tensor in before[n * count : (n + 1) * count]] for n in range(layers)]
        for t in range(50):
            x = np.array([dry[b, t], knobs[b, 0]], float)
            for n, layer in enumerate(weights):
                states[n] = step(x, states[n], layer, hidden)
                x = states[n][0]
            assert predicted[b, t] == pytest.approx((dense @ x + bias).item(), abs=2e-5)
        for ours, expected in zip(after, [tensor for state in states for tensor in state], strict=True):
            np.testing.assert_allclose(ours[b], expected, atol=2e-5)


def test_parameter_counts_are_those_of_the_published_models():
    assert build(WindowLSTMSettings(hidden_size=64)).parameter_count() == 16_961
    assert build(WindowLSTMSettings(hidden_size=96)).parameter_count() == 37_729
    assert build(LSTMSettings(hidden_size=32)).parameter_count() == 4 * 32**2 + 13 * 32 + 1
    assert build(GRUSettings(hidden_size=32)).parameter_count() == 3 * 32**2 + 10 * 32 + 1


def test_the_cost_of_a_sample_is_counted_by_hand():
    knobs = ("drive", "tone")  # stand still, so they cost nothing per sample
    assert build(LSTMSettings(hidden_size=8, controls=knobs)).macs_per_sample() == 4 * 8 * (1 + 8) + 8
    assert build(GRUSettings(hidden_size=8, layers=2)).macs_per_sample() == 3 * 8 * (1 + 8) + 3 * 8 * (8 + 8) + 8


def test_a_model_of_one_layer_keeps_the_names_in_its_file():
    """Models trained before there were layers stay readable."""
    names = {f"recurrent.{kind}_{end}_l0" for kind in ("weight", "bias") for end in ("ih", "hh")}
    names |= {"dense.weight", "dense.bias", "dry_scale", "wet_scale"}
    assert set(build(LSTMSettings(hidden_size=4)).state_dict()) == names


@pytest.mark.parametrize(
    ("hidden", "length", "batch", "layers"),
    [(1, 3, 1, 1), (5, 20, 3, 1), (16, 33, 8, 1), (20, 9, 40, 1), (6, 19, 20, 3)],
)
@pytest.mark.parametrize("controls", [(), ("drive", "tone")], ids=["no knobs", "two knobs"])
@pytest.mark.parametrize("settings", RECURRENT)
def test_gradients_are_those_of_torch_in_float64(settings, hidden, length, batch, layers, controls):
    """Every parameter, the knobs and the first state, through an output and last state that use all of them."""
    torch.manual_seed(hidden)
    model = build(settings(hidden_size=hidden, layers=layers, controls=controls)).double()
    signal, knobs = (
        torch.randn(batch, length, dtype=torch.float64),
        torch.rand(batch, len(controls), dtype=torch.float64),
    )
    state = [torch.randn(batch, hidden, dtype=torch.float64) for _ in model.initial_state(1)]
    weights = [torch.randn_like(tensor) for tensor in state]
    seen = []
    for compute in (model._by_torch, model._learn):
        inputs = [tensor.clone().requires_grad_() for tensor in (knobs, *state)]
        output, last = compute(signal, inputs[0], tuple(inputs[1:]))
        loss = output.sin().sum() + sum((w * tensor.cos()).sum() for w, tensor in zip(weights, last, strict=True))
        wanted = [*model.parameters(), *(inputs if controls else inputs[1:])]
        seen.append([output, *last, *torch.autograd.grad(loss, wanted)])
    for theirs, ours in zip(*seen, strict=True):
        assert theirs.abs().max() > 1e-3  # nothing is equal because it is nothing
        torch.testing.assert_close(ours, theirs, atol=2e-6, rtol=2e-6)


def outputs_and_gradients(model, signal, knobs):
    output, last = model(signal, knobs, model.initial_state(len(signal)))
    return [output, *last, *torch.autograd.grad(output.sin().sum(), list(model.parameters()))]


@pytest.mark.parametrize("settings", RECURRENT)
def test_two_threads_compute_the_same_bits(settings):
    """60 signals are four parts, the last one smaller and no multiple of a tile."""
    torch.manual_seed(0)
    model = build(settings(hidden_size=11, layers=2, controls=("drive",)))
    signal, knobs = torch.randn(60, 70), torch.rand(60, 1)
    alone = outputs_and_gradients(model, signal, knobs)
    for count in (2, 3):
        with parallel.threads(count):
            for one, other in zip(alone, outputs_and_gradients(model, signal, knobs), strict=True):
                assert torch.equal(one, other)
    theirs = model._by_torch(signal * model.dry_scale, knobs, model.initial_state(60))[0]
    torch.testing.assert_close(alone[0], theirs, atol=1e-5, rtol=1e-5)  # so every part is where it belongs


def test_a_nan_in_a_signal_shows_in_the_output_and_in_the_gradient():
    for settings in RECURRENT:
        model = build(settings(hidden_size=4))
        signal = torch.zeros(1, 10)
        signal[0, 5] = torch.nan
        output, *others = outputs_and_gradients(model, signal, torch.zeros(1, 0))
        assert not output[0, :5].isnan().any()
        assert output[0, 5:].isnan().all()
        assert all(gradient.isnan().any() for gradient in others[model.cell.states :][:4])


@pytest.mark.parametrize("settings", RECURRENT)
def test_two_forwards_before_a_backward_do_not_disturb_each_other(settings):
    model = build(settings(hidden_size=8))
    signals = torch.randn(2, 4, 30)
    state, knobs = model.initial_state(4), torch.zeros(4, 0)
    apart = [torch.autograd.grad(model(s, knobs, state)[0].sum(), model.dense.weight)[0] for s in signals]
    outputs = [model(s, knobs, state)[0].sum() for s in signals]
    together = [torch.autograd.grad(output, model.dense.weight)[0] for output in reversed(outputs)][::-1]
    for a, b in zip(apart, together, strict=True):
        torch.testing.assert_close(a, b, atol=0, rtol=0)


def test_a_second_backward_says_what_is_missing():
    model = build(LSTMSettings(hidden_size=4))
    output, _ = model(torch.randn(2, 9), torch.zeros(2, 0), model.initial_state(2))
    output.sum().backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="run them forward again"):
        output.sum().backward()


@pytest.mark.parametrize(("hidden", "context"), [(1024, 256), (64, 4096), (3, 87_381), (96, 88), (1, 1)])
def test_rendering_with_windows_takes_less_than_200_megabytes(hidden, context):
    """Six numbers a unit and sample: h, c and four gates."""
    settings = WindowLSTMSettings(hidden_size=hidden, context=context)
    assert settings.windows_at_once % ROWS == 0
    assert 4 * 6 * hidden * context * settings.windows_at_once < 200e6
    assert settings.windows_at_once == 256 or hidden * context > 96 * 88  # the published sizes as fast as can be


def test_fewer_windows_at_once_have_the_same_bits(monkeypatch):
    model = build(WindowLSTMSettings(hidden_size=6, context=11))
    seen = []
    for numbers in (1 << 25, 6 * 11 * 6 * 40):
        monkeypatch.setattr(window_lstm, "_NUMBERS_AT_ONCE", numbers)
        torch.manual_seed(0)
        with torch.no_grad():
            seen.append(model(torch.randn(2, 300), torch.zeros(2, 0), model.initial_state(2))[0])
    assert model.settings.windows_at_once == 40
    assert torch.equal(*seen)


@pytest.mark.parametrize("controls", [(), ("drive",)])
def test_windows_are_predicted_as_torch_does_with_the_same_gradients(controls):
    torch.manual_seed(0)
    model = build(WindowLSTMSettings(hidden_size=6, context=11, controls=controls)).double()
    windows, knobs = torch.randn(20, 11, dtype=torch.float64), torch.rand(20, len(controls), dtype=torch.float64)
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    ours, theirs = model.predict(windows, knobs), model._predict_by_torch(windows, knobs)
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-6)
    for a, b in zip(*(torch.autograd.grad(y.sin().sum(), trainable) for y in (ours, theirs)), strict=True):
        torch.testing.assert_close(a, b, atol=2e-6, rtol=2e-6)
