import numpy as np
import pytest
import torch
from scipy.optimize import brentq
from scipy.signal import bilinear, lfilter

from drywet import measures
from drywet.models import circuit_blocks, parallel
from drywet.models.grey_box import GreyBox, GreyBoxSettings

REST = torch.zeros(1, 0)


def predict(model, dry):
    with torch.no_grad():
        signal, _ = model(torch.from_numpy(dry).unsqueeze(0), REST, model.initial_state(1))
    return signal[0].numpy()


def turned(model, amount):
    """The same pedal with every part off its value, repeatably."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += amount * torch.randn(parameter.shape, generator=generator)
    return model


def analogue(row, signal):
    """One row of filter values by scipy: the bilinear transform of its analogue filter."""
    climb, damping, low, band, high = np.exp(row[0]), np.exp(row[1]), *row[2:]
    w = 2 * climb
    return lfilter(*bilinear([high, band * damping * w, low * w * w], [1, damping * w, w * w], fs=1), signal)


def test_it_is_filter_stage_filter_as_scipy_computes_them(dry):
    model = turned(GreyBox(GreyBoxSettings(filters_after=1)), 0.2)
    model.dry_scale.fill_(4.0)
    model.wet_scale.fill_(0.3)
    before, inside, after = model.filters.detach().double().numpy()
    log_gain, log_inertia, forward, reverse, log_ratio, clipped, clean = model.clippers.detach().double().numpy()[0]
    inertia, ratio = np.exp(log_inertia), np.exp(log_ratio)
    forward, reverse = 1 / (1 + np.exp(-forward)), 1 / (1 + np.exp(-reverse))
    entering = analogue(before, 4.0 * dry[:1000])
    v, voltage = 0.0, []
    for drive in np.exp(log_gain) * analogue(inside, entering):
        v = brentq(
            lambda v, drive, last: (
                v + inertia * (v - last) + forward * np.expm1(v) - reverse * np.expm1(-ratio * v) - drive
            ),
            -100,
            100,
            args=(drive, v),
        )
        voltage.append(v)
    expected = 0.3 * analogue(after, clipped * np.array(voltage) + clean * entering)
    np.testing.assert_allclose(predict(model, dry[:1000]), expected, atol=1e-5 * np.abs(expected).max())


def test_silence_stays_silence():
    model = turned(GreyBox(GreyBoxSettings()), 0.3)
    np.testing.assert_array_equal(predict(model, np.zeros(500, np.float32)), 0)


@pytest.mark.parametrize("stages", [1, 2])
def test_it_finds_a_pedal_of_its_own_kind(stages, dry):
    """Half a second, thirty times: the error has to fall to a hundredth."""
    settings = GreyBoxSettings(stages=stages, filters_after=1)
    dry = dry[:22_016]
    wet = predict(turned(GreyBox(settings), 0.4), dry)
    model = GreyBox(settings)
    model.start_from(dry, wet)
    at_start = measures.esr(wet, predict(model, dry))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    streams = [torch.from_numpy(signal.reshape(8, -1)) for signal in (dry, wet)]
    for _ in range(30):
        state = model.initial_state(8)
        for chunk, target in zip(*(stream.split(344, dim=1) for stream in streams), strict=True):
            predicted, state = model(chunk, REST.expand(8, -1), tuple(tensor.detach() for tensor in state))
            optimizer.zero_grad()
            ((predicted - target) ** 2).mean().div(float(np.mean(wet**2))).backward()
            optimizer.step()
    assert measures.esr(wet, predict(model, dry)) < 0.01 * at_start


def test_the_start_takes_over_gain_and_polarity(dry):
    device = turned(GreyBox(GreyBoxSettings()), 0.1)
    wet = -0.02 * predict(device, dry)
    model = GreyBox(GreyBoxSettings())
    model.start_from(dry, wet)
    predicted = predict(model, dry)
    assert np.dot(predicted, wet) == pytest.approx(np.dot(predicted, predicted), rel=1e-3)  # no gain would be better
    assert measures.esr(wet, predicted) < 0.5


def test_a_start_on_silence_leaves_a_pedal_that_can_learn(dry):
    model = GreyBox(GreyBoxSettings())
    quiet = np.concatenate([np.zeros(1 << 18, np.float32), dry])
    model.start_from(quiet, quiet)
    assert np.isfinite(predict(model, dry)).all()
    assert model.filters[-1, 2:].abs().max() > 0


@pytest.mark.parametrize(("stages", "controls"), [(1, ()), (2, ()), (1, ("drive",)), (2, ("drive", "tone"))])
def test_every_value_is_learned_and_the_parameters_are_as_many_as_documented(stages, controls, dry):
    model = turned(GreyBox(GreyBoxSettings(controls=controls, stages=stages)), 0.1)
    filters, knobs = 1 + stages + 3, len(controls)
    values = 5 * filters + 7 * stages
    assert model.parameter_count() == values + (16 * (knobs + 1) + 34 * values if knobs else 0)
    signal = torch.from_numpy(dry[:2000]).reshape(4, 500)
    predicted, _ = model(signal, torch.rand(4, knobs), model.initial_state(4))
    predicted.square().sum().backward()
    for name, parameter in model.named_parameters():
        assert (parameter.grad != 0).all(), name


def test_a_nan_is_not_hidden(dry):
    broken = dry[:100].copy()
    broken[50] = np.nan
    assert np.isnan(predict(GreyBox(GreyBoxSettings()), broken)[50:]).all()


def test_more_threads_give_the_same_bits(monkeypatch):
    """40 signals are three parts, the last one smaller."""
    model = turned(GreyBox(GreyBoxSettings(controls=("drive",), stages=2)), 0.1)
    signal, knobs, counts = torch.randn(40, 50), torch.rand(40, 1), []

    def counted(work, batch, *part):
        results = parallel.over_parts(work, batch, *part)
        counts.append(len(results))
        return results

    monkeypatch.setattr(circuit_blocks, "over_parts", counted)
    results = []
    for threads in (1, 2, 3):
        with parallel.threads(threads):
            output, last = model(signal, knobs, model.initial_state(40))
            results.append([output, *last, *torch.autograd.grad(output.sin().sum(), list(model.parameters()))])
    assert min(counts) == 3
    for other in results[1:]:
        assert all(torch.equal(ours, theirs) for ours, theirs in zip(results[0], other, strict=True))
