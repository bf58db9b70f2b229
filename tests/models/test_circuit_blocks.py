import numpy as np
import pytest
import torch
from numba import njit
from scipy.integrate import solve_ivp
from scipy.optimize import brentq
from scipy.signal import bilinear, lfilter

from drywet.models import circuit_blocks
from drywet.models.circuit_blocks import filter_numbers, learn_chain, render_chain

RNG = np.random.default_rng(11)


def state_variable_filter(signal, numbers, state):
    """A chain of one filter: output (T, B) and the next state (B, 2)."""
    out, after = learn_chain(signal.T, numbers[None], numbers.new_zeros(0, 7, signal.shape[1]), 0, state)
    return out.T, after


def diode_clipper(drive, numbers, state):
    """A chain of one stage whose filter is a wire: voltage (T, B) and the next state (B, 1)."""
    one = torch.ones_like(drive[0])
    wire = torch.stack([0 * one, 0 * one, 0 * one, one, 0 * one, 0 * one])
    stage = torch.stack([one, *numbers, one, 0 * one])  # gain 1, and nothing but what is clipped
    out, after = learn_chain(drive.T, wire[None], stage[None], 0, torch.cat([0 * state, 0 * state, state], dim=1))
    return out.T, after[:, 2:]


def random_filters(batch):
    """climb, damping, low, band, high, each (batch,), float64."""
    positive = np.exp(RNG.uniform(-3, 1, (2, batch)))
    return [torch.tensor(values) for values in (*positive, *RNG.standard_normal((3, batch)))]


def test_the_filter_is_the_bilinear_transform_of_its_analogue():
    parts = random_filters(6)
    signal = RNG.standard_normal((400, 6))
    out, _ = state_variable_filter(torch.tensor(signal), filter_numbers(*parts), torch.zeros(6, 2, dtype=torch.float64))
    for b, (climb, damping, low, band, high) in enumerate(np.transpose(parts)):
        w = 2 * climb  # rad/s at a sample rate of 1 Hz, prewarped
        digital = bilinear([high, band * damping * w, low * w * w], [1, damping * w, w * w], fs=1)
        np.testing.assert_allclose(out[:, b], lfilter(*digital, signal[:, b]), atol=1e-9)


def test_low_band_and_high_at_one_let_everything_pass():
    climb, damping, *_ = random_filters(4)
    one = torch.ones(4, dtype=torch.float64)
    signal = torch.tensor(RNG.standard_normal((50, 4)))
    out, _ = state_variable_filter(signal, filter_numbers(climb, damping, one, one, one), signal.new_zeros(4, 2))
    torch.testing.assert_close(out, signal)


def test_the_filters_gradients_are_those_of_finite_differences():
    parts = torch.stack(random_filters(3))
    inputs = (
        torch.tensor(RNG.standard_normal((7, 3))),
        filter_numbers(*parts),
        torch.tensor(RNG.standard_normal((3, 2))),
    )
    assert torch.autograd.gradcheck(state_variable_filter, [tensor.requires_grad_() for tensor in inputs])


def random_diodes(batch, kind=np.float64):
    """drive (batch,) and numbers (4, batch) over a wide range: leaky to tight diodes, whispers to overload."""
    drive = RNG.choice([-1, 1], batch) * 10 ** RNG.uniform(-3, 3, batch)
    numbers = 10 ** RNG.uniform([[-4], [-10], [-10], [-0.5]], [[1], [0], [0], [0.5]], (4, batch))
    return drive.astype(kind), numbers.astype(kind)


def imbalance(v, drive, before, inertia, forward, reverse, ratio):
    """The current that is left over at voltage v: zero at the solution."""
    return v + inertia * (v - before) + forward * np.expm1(v) - reverse * np.expm1(-ratio * v) - drive


@pytest.mark.parametrize(("kind", "tolerance"), [(np.float64, 1e-8), (np.float32, 2e-5)])
def test_every_sample_balances_its_currents(kind, tolerance):
    """Against bracketed root finding in float64."""
    drive, numbers = random_diodes(2000, kind)
    before = RNG.standard_normal(2000).astype(kind)
    v, state = diode_clipper(torch.tensor(drive)[None], torch.tensor(numbers), torch.tensor(before)[:, None])
    expected = [
        brentq(imbalance, -110, 110, args=tuple(np.float64(row)), xtol=1e-14, rtol=1e-14)
        for row in zip(drive, before, *numbers, strict=True)
    ]
    np.testing.assert_allclose(v[0], expected, rtol=tolerance, atol=tolerance)
    np.testing.assert_array_equal(state[:, 0], v[0])


def test_it_follows_the_differential_equation_and_twice_the_rate_halves_the_error():
    """scipy's stiff solver on tau v' = drive - v - diodes; backward Euler is of first order."""
    tau, forward, reverse, ratio = 1e-4, 1e-3, 3e-3, 0.5

    def drive(t):
        return 60 * np.sin(2 * np.pi * 300 * t)

    def slope(t, v):
        return (drive(t) - v - forward * np.expm1(v) + reverse * np.expm1(-ratio * v)) / tau

    errors = []
    for sample_rate in (400_000, 800_000):
        times = np.arange(1, sample_rate // 200 + 1) / sample_rate  # 5 ms, one and a half periods
        truth = solve_ivp(slope, (0, times[-1]), [0.0], "Radau", times, rtol=1e-9, atol=1e-9).y[0]
        numbers = torch.tensor([[tau * sample_rate], [forward], [reverse], [ratio]], dtype=torch.float64)
        v, _ = diode_clipper(torch.tensor(drive(times))[:, None], numbers, torch.zeros(1, 1, dtype=torch.float64))
        errors.append(np.max(np.abs(v[:, 0].numpy() - truth)))
    assert errors[1] < 0.3  # of a swing from -16 to 11
    assert errors[0] / errors[1] == pytest.approx(2, rel=0.1)


def test_the_clippers_gradients_are_those_of_finite_differences():
    numbers = torch.tensor([[0.3, 2.0], [0.01, 1e-4], [0.02, 1e-3], [0.5, 1.7]], dtype=torch.float64)
    drive, before = torch.tensor(20 * RNG.standard_normal((9, 2))), torch.tensor(RNG.standard_normal((2, 1)))
    assert torch.autograd.gradcheck(diode_clipper, [tensor.requires_grad_() for tensor in (drive, numbers, before)])


def test_the_clippers_gradients_in_float32_are_those_of_an_unrolled_solution():
    """Plain torch in float64 differentiates a hundred Newton steps per sample."""
    drive = torch.tensor(50 * RNG.standard_normal((12, 3)))
    numbers = torch.tensor([[0.3, 2.0, 1e-3], [0.01, 1e-4, 1e-6], [0.02, 1e-3, 1e-6], [0.5, 1.7, 1.0]])
    weights = torch.tensor(RNG.standard_normal((12, 3)))
    exact = [tensor.double().requires_grad_() for tensor in (drive, numbers, torch.zeros(3, 1))]
    v, loss = exact[2][:, 0], 0
    inertia, forward, reverse, ratio = exact[1]
    for t in range(12):
        target = exact[0][t] + inertia * v
        v = torch.sign(target) * torch.minimum(target.abs(), torch.log1p(target.abs() / 1e-6) * 2)  # far out, and safe
        for _ in range(100):
            up, down = forward * v.exp(), reverse * (-ratio * v).exp()
            balance = (1 + inertia) * v + up - forward - down + reverse - target
            v = v - balance / (1 + inertia + up + ratio * down)
        loss = loss + (weights[t] * v).sum()
    loss.backward()
    single = [tensor.detach().float().requires_grad_() for tensor in exact]
    out, _ = diode_clipper(*single)
    (weights * out).sum().backward()
    for found, expected in zip(single, exact, strict=True):
        torch.testing.assert_close(found.grad, expected.grad.float(), rtol=1e-3, atol=1e-4)


def random_chain(batch, length):
    """Filter, stage, filter, stage: what learn_chain takes, float64, with gradients."""
    filters = torch.stack([filter_numbers(*random_filters(batch)) for _ in range(4)])
    stages = torch.tensor(np.exp(RNG.uniform(-1, 1, (2, 7, batch))))
    signal, state = torch.tensor(RNG.standard_normal((batch, length))), torch.tensor(RNG.standard_normal((batch, 10)))
    return [tensor.requires_grad_() for tensor in (signal, filters, stages, state)]


@pytest.mark.parametrize("first_stage", [1, 2])
def test_the_chains_gradients_are_those_of_finite_differences(first_stage):
    def chain(signal, filters, stages, state):
        return learn_chain(signal, filters, stages, first_stage, state)

    assert torch.autograd.gradcheck(chain, random_chain(2, 5))


def test_what_learns_is_what_plays():
    """Compiled twice: over a batch with gradients, and sample by sample without."""
    signal, filters, stages, state = (tensor.detach() for tensor in random_chain(21, 200))  # two parts, one not full
    learned, after = learn_chain(signal, filters, stages, 1, state)
    played = render_chain(signal, filters, stages, 1, state)
    torch.testing.assert_close(learned, played)
    torch.testing.assert_close(after, state)


def test_equal_diodes_treat_both_half_waves_alike():
    drive = torch.tensor(30 * RNG.standard_normal((50, 1)))
    numbers = torch.tensor([[0.5], [1e-3], [1e-3], [1.0]], dtype=torch.float64)
    rest = drive.new_zeros(1, 1)
    torch.testing.assert_close(diode_clipper(-drive, numbers, rest)[0], -diode_clipper(drive, numbers, rest)[0])


@njit
def exp_and_log_of_all(x, exps, logs):
    for i in range(len(x)):
        exps[i] = circuit_blocks._exp_32(x[i])
        logs[i] = circuit_blocks._rough_log_32(max(exps[i], np.float32(1)))


def test_the_fast_exponential_is_the_exponential_to_float32():
    x = np.linspace(-86, 88, 300_001).astype(np.float32)
    exps, logs = np.empty_like(x), np.empty_like(x)
    exp_and_log_of_all(x, exps, logs)
    np.testing.assert_allclose(exps, np.exp(x.astype(np.float64)), rtol=3e-7)
    np.testing.assert_allclose(logs, np.maximum(x, 0), atol=0.007)


def test_a_nan_is_not_hidden():
    signal = torch.zeros(4, 1)
    signal[2] = float("nan")
    numbers = filter_numbers(*torch.ones(5, 1))
    filtered, _ = state_variable_filter(signal, numbers, torch.zeros(1, 2))
    clipped, _ = diode_clipper(signal, torch.full((4, 1), 0.5), torch.zeros(1, 1))
    assert torch.isnan(filtered[:, 0]).tolist() == torch.isnan(clipped[:, 0]).tolist() == [False, False, True, True]
