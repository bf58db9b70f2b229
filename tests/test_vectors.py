import numpy as np
import pytest
import scipy.special
from numba import njit

from drywet.vectors import CACHE_LINE, aligned, clip, fma, of_width, sigmoid, store, tanh, total


def compute(width):
    load, spread, spread_from = of_width(width)

    @njit
    def run(a, b, factor, out):
        sums = spread(a.dtype.type(0))
        for at in range(0, len(a), width):
            x, y = load(a, at), load(b, at)
            sums = fma(x, y, sums)
            store(out, at, -(x - y) * (x + y) * spread_from(factor, 0) / spread(a.dtype.type(2)))
        return total(sums)

    return run


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("width", [8, 16])
def test_vectors_compute_what_numpy_does(dtype, width):
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 81)).astype(dtype)
    inner = slice(1, 65)  # not aligned
    out = np.zeros_like(a)
    found = compute(width)(a[inner], b[inner], np.array([6], dtype), out[inner])
    tolerance = 1e-5 if dtype == np.float32 else 1e-13
    assert found == pytest.approx(a[inner] @ b[inner], abs=tolerance)
    np.testing.assert_allclose(out[inner], 3 * (b * b - a * a)[inner], atol=tolerance)
    assert out[0] == 0
    assert not out[65:].any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("count", [0, 1, 7, 1000])
def test_aligned_numbers_begin_a_cache_line(dtype, count):
    numbers = np.arange(count, dtype=dtype)
    copy = aligned(numbers)
    np.testing.assert_array_equal(copy, numbers)
    assert copy.dtype == dtype
    assert count == 0 or copy.ctypes.data % CACHE_LINE == 0
    assert not np.shares_memory(copy, numbers)


load, spread, _ = of_width(8)


@njit
def curves(x, tanhs, sigmoids, clipped):
    for at in range(0, len(x), 8):
        store(tanhs, at, tanh(load(x, at)))
        store(sigmoids, at, sigmoid(load(x, at)))
        store(clipped, at, clip(load(x, at), spread(x.dtype.type(-1)), spread(x.dtype.type(2))))


def test_curves_are_those_of_numpy_and_nan_stays():
    x = np.concatenate([np.linspace(-12, 12, 4000), [0, np.inf, -np.inf, np.nan, 1e-9, -1e9, 3e38, -0.0]])
    for dtype, tolerance in ((np.float32, 4e-7), (np.float64, 3e-8)):
        tanhs, sigmoids, clipped = np.empty((3, len(x)), dtype)
        curves(x.astype(dtype), tanhs, sigmoids, clipped)
        np.testing.assert_allclose(tanhs, np.tanh(x), atol=tolerance)
        small = np.abs(x) < 1e-3
        np.testing.assert_allclose(tanhs[small], np.tanh(x[small]), rtol=tolerance)
        np.testing.assert_allclose(sigmoids, scipy.special.expit(x), atol=tolerance)
        np.testing.assert_array_equal(clipped, np.clip(x, -1, 2).astype(dtype))
