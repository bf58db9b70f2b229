import numpy as np
import pytest
from numba import njit

from drywet.models.vectors import WIDTH, load, multiply_plus, spread, store, total


@njit
def compute(a, b, factor, out):
    sums = spread(a.dtype.type(0))
    for at in range(0, len(a), WIDTH):
        x, y = load(a, at), load(b, at)
        sums = multiply_plus(x, y, sums)
        store(out, at, -(x - y) * (x + y) * spread(factor))
    return total(sums)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_vectors_compute_what_numpy_does(dtype):
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 5 * WIDTH)).astype(dtype)
    out = np.zeros_like(a)
    found = compute(a[1:-7], b[1:-7], dtype(3), out[1:-7])  # not aligned
    tolerance = 1e-5 if dtype == np.float32 else 1e-13
    assert found == pytest.approx(a[1:-7] @ b[1:-7], abs=tolerance)
    np.testing.assert_allclose(out[1:-7], 3 * (b * b - a * a)[1:-7], atol=tolerance)
    assert out[0] == 0
    assert not out[-7:].any()
