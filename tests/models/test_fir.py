import numpy as np
import pytest
import torch
from scipy.signal import lfilter

from drywet.models.fir import fir_filter

RNG = np.random.default_rng(5)


@pytest.mark.parametrize("count", [1, 2, 37, 64])
def test_it_filters_as_scipy_does(count):
    signal, taps = RNG.standard_normal((2, 300)), RNG.standard_normal(count)
    out, past = fir_filter(torch.tensor(signal), torch.tensor(taps), torch.zeros(2, count - 1, dtype=torch.float64))
    np.testing.assert_allclose(out, lfilter(taps, 1, signal), atol=1e-12)
    np.testing.assert_array_equal(past, signal[:, 300 - (count - 1) :])


@pytest.mark.parametrize("length", [1, 4, 7])  # shorter and longer than the filter, and no multiple of four
def test_its_gradients_are_those_of_finite_differences(length):
    signal, taps, past = (
        torch.tensor(RNG.standard_normal(shape), requires_grad=True) for shape in ((2, length), (5,), (2, 4))
    )
    assert torch.autograd.gradcheck(fir_filter, (signal, taps, past))


def test_a_nan_is_not_hidden():
    signal = torch.zeros(1, 10)
    signal[0, 3] = float("nan")
    out, _ = fir_filter(signal, torch.ones(3), torch.zeros(1, 2))
    assert torch.isnan(out[0]).tolist() == [False] * 3 + [True] * 3 + [False] * 4
