import numpy as np
import pytest
from numba import njit

from drywet.vectors import CACHE_LINE, aligned, fma, of_width, store, total


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
