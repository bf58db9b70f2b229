import numpy as np
import pytest
import torch
from scipy.signal import lfilter

from drywet import measures
from drywet.models import fir, parallel
from drywet.models.baselines import (
    Curve,
    Gain,
    GainSettings,
    Linear,
    LinearSettings,
    StaticCurve,
    StaticCurveSettings,
    WienerHammerstein,
    WienerHammersteinSettings,
)

RNG = np.random.default_rng(7)
REST = torch.zeros(1, 0)


def predict(model, dry):
    with torch.no_grad():
        signal, _ = model(torch.from_numpy(dry).unsqueeze(0), REST, model.initial_state(1))
    return signal[0].numpy()


def started(model, pair):
    model.start_from(pair.dry, pair.wet)
    return model


def hats(x, knots):
    """The piecewise linear function that is 1 at one knot and 0 at the others, for each knot, (T, K), by numpy."""
    return np.column_stack([np.interp(x, knots, unit) for unit in np.eye(len(knots))])


def test_the_gain_is_the_projection_of_wet_on_dry(pair):
    predicted = predict(started(Gain(GainSettings()), pair), pair.dry)
    (gain,), *_ = np.linalg.lstsq(pair.dry[:, None].astype(np.float64), pair.wet, rcond=None)
    np.testing.assert_allclose(predicted, gain * pair.dry, rtol=1e-5)


def test_a_filter_is_found_tap_by_tap():
    dry = np.append(RNG.standard_normal(50_000), np.zeros(32)).astype(np.float32)  # the response ends within the clip
    impulse_response = RNG.standard_normal(20)
    wet = np.convolve(dry, impulse_response)[: len(dry)].astype(np.float32)
    model = Linear(LinearSettings(taps=32))
    model.start_from(dry, wet)
    found = predict(model, np.eye(1, 40, dtype=np.float32)[0])
    np.testing.assert_allclose(found, np.pad(impulse_response, (0, 20)), atol=1e-5)


def test_no_causal_filter_of_that_length_does_better(pair):
    predicted = predict(started(Linear(LinearSettings(taps=8)), pair), pair.dry)
    columns = np.column_stack([np.concatenate([np.zeros(k), pair.dry[: len(pair.dry) - k]]) for k in range(8)])
    coefficients, *_ = np.linalg.lstsq(columns, pair.wet.astype(np.float64), rcond=None)
    best = measures.esr(pair.wet.astype(np.float64), columns @ coefficients)
    assert measures.esr(pair.wet, predicted) == pytest.approx(best, rel=1e-4)


def test_the_curve_is_numpys_interpolation_between_knots_and_straight_outside():
    curve = Curve()
    with torch.no_grad():
        curve.values.copy_(torch.from_numpy(RNG.standard_normal(33)))
        x = torch.linspace(-7.9, 7.9, 1001)
        found, outside = curve(x), curve(torch.tensor([8.0, 9.0, 10.0, -8.0, -9.0, -10.0]))
    expected = np.interp(x, curve.knots, curve.values.detach())
    np.testing.assert_allclose(found, expected, atol=1e-5)
    for at, once, twice in outside.reshape(2, 3):
        assert float(twice - at) == pytest.approx(2 * float(once - at), rel=1e-5)


def test_the_curve_starts_as_the_least_squares_one(pair):
    model = started(StaticCurve(StaticCurveSettings()), pair)
    x = pair.dry.astype(np.float64) * float(model.dry_scale)
    assert np.abs(x).max() < 8
    columns = hats(x, model.curve.knots.double().numpy())
    coefficients, *_ = np.linalg.lstsq(columns, pair.wet.astype(np.float64), rcond=None)
    best = measures.esr(pair.wet.astype(np.float64), columns @ coefficients)
    assert measures.esr(pair.wet, predict(model, pair.dry)) == pytest.approx(best, rel=1e-4)


def test_a_curve_goes_on_straight_where_no_sample_was():
    curve = Curve()
    curve.fit(x := RNG.uniform(-1, 1, 10_000), 3 * x + 1)
    np.testing.assert_allclose(curve.values.detach(), 3 * curve.knots + 1, atol=1e-3)


def test_wiener_hammerstein_is_filter_curve_filter():
    model = WienerHammerstein(WienerHammersteinSettings(taps_before=5, taps_after=7))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.from_numpy(RNG.standard_normal(parameter.shape)))
    before, after, curve = model.before.detach(), model.after.detach(), model.curve
    dry = 0.5 * RNG.standard_normal(400).astype(np.float32)
    at_rest = np.zeros(20, np.float32)  # what came before the signal
    bent = np.interp(lfilter(before, 1, np.append(at_rest, dry)), curve.knots, curve.values.detach())
    np.testing.assert_allclose(predict(model, dry), lfilter(after, 1, bent)[20:], atol=1e-4)


def test_wiener_hammerstein_starts_better_than_either_of_its_parts(pair):
    """The little pedal is a filter before a curve."""
    model = started(WienerHammerstein(WienerHammersteinSettings()), pair)
    error, linear, curve = (
        measures.esr(pair.wet, predict(model, pair.dry))
        for model in (model, started(Linear(LinearSettings()), pair), started(StaticCurve(StaticCurveSettings()), pair))
    )
    assert error < 0.5 * min(linear, curve)


@pytest.mark.parametrize(
    ("model", "count"),
    [
        (Gain(GainSettings()), 1),
        (Linear(LinearSettings(taps=9)), 9),
        (StaticCurve(StaticCurveSettings()), 33),
        (WienerHammerstein(WienerHammersteinSettings(taps_before=6, taps_after=9)), 48),
        (Gain(GainSettings(controls=("drive", "tone"))), 1 + 16 * 3 + 34),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_parameter_is_counted_and_learned(model, count, dry):
    assert model.parameter_count() == count
    model.dry_scale.fill_(float(20 / np.abs(dry[:4000]).max()))  # the signal reaches every knot
    signal = torch.from_numpy(dry[:4000]).reshape(2, 2000)
    predicted, _ = model(signal, torch.rand(2, len(model.settings.controls)), model.initial_state(2))
    predicted.square().sum().backward()
    for name, parameter in model.named_parameters():
        assert (parameter.grad != 0).all(), name


@pytest.mark.parametrize(
    "model",
    [
        Linear(LinearSettings(taps=9, controls=("drive",))),
        WienerHammerstein(WienerHammersteinSettings(taps_before=6, taps_after=9, controls=("drive",))),
    ],
    ids=lambda value: type(value).__name__,
)
def test_more_threads_give_the_same_bits(model, monkeypatch):
    """40 signals are ten parts of a filter."""
    signal, knobs, counts = torch.randn(40, 50), torch.rand(40, 1), []

    def counted(work, batch, *part):
        results = parallel.over_parts(work, batch, *part)
        counts.append(len(results))
        return results

    monkeypatch.setattr(fir, "over_parts", counted)
    results = []
    for threads in (1, 2, 3):
        with parallel.threads(threads):
            output, last = model(signal, knobs, model.initial_state(40))
            results.append([output, *last, *torch.autograd.grad(output.sin().sum(), list(model.parameters()))])
    assert min(counts) == 10
    for other in results[1:]:
        assert all(torch.equal(ours, theirs) for ours, theirs in zip(results[0], other, strict=True))
