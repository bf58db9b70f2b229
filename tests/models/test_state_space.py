"""The compiled filter banks beside plain torch and beside scipy's recursive filters."""

import numpy as np
import pytest
import torch
from scipy.signal import lfilter

from drywet.models import parallel
from drywet.models.diagonal_scan import BLOCK, SLOWEST, FilterBanks
from drywet.models.state_space import StateSpace, StateSpaceSettings, filter_banks_by_torch

SHAPES = [
    {},
    {"stages": 1, "channels": 16, "states": 2, "units": 8},
    {"stages": 3, "channels": 8, "states": 6, "units": 24},
]


def operands(batch, **shape):
    """Everything that the banks take, after the signal, in float64 and wanting a gradient."""
    torch.manual_seed(1)
    model = StateSpace(StateSpaceSettings(**shape)).double()
    stages, channels = model.settings.stages, model.settings.channels
    state = torch.randn_like(model.initial_state(batch)[0])
    scale, shift = torch.randn(2, batch, stages, channels, dtype=torch.float64)
    parameters = dict(model.named_parameters())
    names = ["decay", "turn", "real", "imaginary", "direct", "w1", "b1", "w2", "b2", "w3", "b3", "bias"]
    given = {"state": state, "scale": scale, "shift": shift} | {name: parameters[name].detach() for name in names}
    return {name: tensor.requires_grad_() for name, tensor in given.items()}


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("length", [1, BLOCK, 2 * BLOCK + 13])
def test_output_and_gradients_are_those_of_plain_torch(shape, length):
    given = operands(batch=5, **shape)
    signal = torch.randn(5, length, dtype=torch.float64)
    found = []
    for compute in (lambda *operands: FilterBanks.apply(True, *operands), filter_banks_by_torch):
        output, after = compute(signal, *given.values())
        goal = (output * torch.linspace(-1, 2, length)).sum() + (after * torch.linspace(0, 1, after.shape[-1])).sum()
        found.append([output, after, *torch.autograd.grad(goal, list(given.values()))])
    for name, ours, theirs in zip(["output", "after", *given], *found, strict=True):
        # fast_tanh is good to 2e-8, see test_recurrence.py
        torch.testing.assert_close(ours, theirs, atol=3e-7 * float(theirs.detach().abs().max()), rtol=0, msg=name)


def test_one_bank_is_a_sum_of_second_order_sections():
    """Against scipy: Re(c / (1 - lambda z^-1)) as a quotient of real polynomials, on a step."""
    given = operands(batch=1, stages=1, channels=8, states=2, units=8)
    given["state"] = torch.zeros_like(given["state"])
    given["scale"], given["shift"] = torch.zeros(2, 1, 1, 8, dtype=torch.float64)  # nothing but the last biases comes
    given["b1"] = given["b2"] = torch.zeros(1, 8, dtype=torch.float64)  # from stage 0: bank 1 filters the constant b3
    signal = torch.zeros(1, 500, dtype=torch.float64)
    output, _ = FilterBanks.apply(False, signal, *given.values())
    decay, turn, real, imaginary = (given[name][1].detach().numpy() for name in ("decay", "turn", "real", "imaginary"))
    radius = np.exp(-np.exp(decay) - 1 / SLOWEST)
    expected = np.full(500, given["bias"].item())
    for c in range(8):
        step = np.full(500, given["b3"][0, c].item())
        expected += given["direct"][1, c].item() * step
        for n in range(2):
            readout = (1 - radius[n, c]) * (real[n, c] + 1j * imaginary[n, c])
            pole = radius[n, c] * np.exp(1j * turn[n, c])
            numerator = [readout.real, -(readout * pole.conjugate()).real]
            expected += lfilter(numerator, [1, -2 * pole.real, radius[n, c] ** 2], step)
    np.testing.assert_allclose(output[0].detach().numpy(), expected, atol=1e-10)


def test_gradient_through_chunks_is_cut_but_the_sound_is_not():
    model = StateSpace(StateSpaceSettings())
    dry, knobs = torch.randn(3, 200), torch.zeros(3, 0)
    whole, end = model(dry, knobs, model.initial_state(3))
    first, state = model(dry[:, :77], knobs, model.initial_state(3))
    second, end_in_parts = model(dry[:, 77:], knobs, state)
    torch.testing.assert_close(torch.cat([first, second], 1), whole, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(end_in_parts[0], end[0], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("batch", [1, 6, 16])
def test_more_threads_give_the_same_bits(batch):
    given = operands(batch)
    signal = torch.randn(batch, 300, dtype=torch.float64)
    results = []
    for threads in (1, 2, 3):
        with parallel.threads(threads):
            output, after = FilterBanks.apply(True, signal, *given.values())
            results.append([output, after, *torch.autograd.grad((output**2).sum(), list(given.values())[1:])])
    for other in results[1:]:
        assert all(torch.equal(ours, theirs) for ours, theirs in zip(results[0], other, strict=True))


def test_a_gradient_is_taken_once():
    model = StateSpace(StateSpaceSettings())
    output, _ = model(torch.randn(1, 10), torch.zeros(1, 0), model.initial_state(1))
    output.sum().backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="taken before"):
        output.sum().backward()


def test_no_filter_outlasts_a_warm_up():
    """Whatever is learned, a state decays to 1/e within SLOWEST samples."""
    model = StateSpace(StateSpaceSettings())
    with torch.no_grad():
        model.decay.fill_(-30.0)
        _, state = model(torch.ones(1, 100), torch.zeros(1, 0), model.initial_state(1))
        _, later = model(torch.zeros(1, int(SLOWEST)), torch.zeros(1, 0), state)
    assert float((later[0][:, 0].norm(dim=2) / state[0][:, 0].norm(dim=2)).max()) == pytest.approx(np.exp(-1), rel=1e-3)


def test_parameters_are_counted_as_the_docstring_says():
    for shape in SHAPES:
        settings = StateSpaceSettings(**shape)
        stages, channels, states, units = settings.stages, settings.channels, settings.states, settings.units
        banks = stages + 1
        expected = 4 * banks * states * channels + banks * channels
        expected += stages * (2 * channels * units + units**2 + 2 * units + channels) + 1
        assert StateSpace(settings).parameter_count() == expected
