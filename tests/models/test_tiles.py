import os
import subprocess
import sys

import numpy as np
import pytest

from drywet.models.tiles import multiply_add

SHAPES = [
    (32, 64, 256),
    (64, 32, 64),
    (8, 5, 48),
    (8, 96, 96),
    (7, 5, 37),
    (9, 1, 16),
    (1, 1, 1),
    (3, 4, 100),
    (16, 0, 32),
]


def check(rows, steps, columns, transposed, dtype):
    rng = np.random.default_rng(rows)
    a = rng.standard_normal((steps, rows) if transposed else (rows, steps)).astype(dtype)
    w, start = rng.standard_normal((steps, columns)).astype(dtype), rng.standard_normal((rows, columns)).astype(dtype)
    out = start.copy()
    multiply_add(a, transposed, w, out)
    expected = start + (a.T if transposed else a).astype(np.float64) @ w.astype(np.float64)
    np.testing.assert_allclose(out, expected, atol=1e-4 if dtype == np.float32 else 1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(("rows", "steps", "columns"), SHAPES)
def test_products_are_those_of_numpy(rows, steps, columns, transposed, dtype):
    check(rows, steps, columns, transposed, dtype)


def test_nothing_outside_the_result_is_touched():
    around = np.full((12, 70), 7.0, np.float32)
    out = np.ascontiguousarray(around[2:10, 3:67])
    multiply_add(np.ones((8, 3), np.float32), False, np.ones((3, 64), np.float32), out)
    np.testing.assert_array_equal(out, 10.0)
    np.testing.assert_array_equal(around, 7.0)


def test_a_processor_without_avx_512_gets_the_same_products(tmp_path):
    """The other tile sizes, in a process that is told so before drywet is imported."""
    program = (
        "import llvmlite.binding as b\n"
        "features = b.get_host_cpu_features()\n"
        "features.update((name, False) for name in features if name.startswith('avx512'))\n"
        "b.get_host_cpu_features = lambda: features\n"
        "import numpy as np\n"
        "from drywet.models import tiles\n"
        "assert tiles.ROWS == 4 and tiles.LANES == 8\n"
        "for m, k, n in [(32, 64, 256), (8, 5, 24), (7, 5, 37)]:\n"
        "    a, w, o = np.random.randn(m, k), np.random.randn(k, n), np.zeros((m, n))\n"
        "    tiles.multiply_add(a, False, w, o)\n"
        "    np.testing.assert_allclose(o, a @ w, atol=1e-12)\n"
    )
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
