"""Vectors of eight: their exp and log against the C library's, and what comparisons do with NaN."""

import numpy as np
import pytest
from numba import njit

from drywet import vectors
from drywet.circuits import lanes
from drywet.circuits.devices import COLLECTOR, EMITTER, JUNCTION, TANH, lane_count, lanes_of


@njit
def exps_and_logs(x, exps, logs):
    for k in range(0, len(x), 8):
        vectors.store(exps, k, lanes.exp(lanes.load(x, k)))
        vectors.store(logs, k, lanes.log(vectors.absolute(lanes.load(x, k))))


@pytest.fixture(scope="module")
def compared():
    """Numbers, and their exp and log by the vectors."""
    random = np.random.default_rng(0)
    x = np.concatenate([random.uniform(-700, 700, 4000), random.normal(0, 1, 4000), 1 + random.normal(0, 1e-6, 4000)])
    x[:8] = -700.0, 700.0, 1.0, 0.5, 2.0, np.sqrt(0.5), np.sqrt(2.0), 1e-300
    exps, logs = np.empty_like(x), np.empty_like(x)
    exps_and_logs(x, exps, logs)
    return x, exps, logs


def test_exp_is_that_of_the_c_library_to_two_bits(compared):
    x, exps, _ = compared
    np.testing.assert_array_less(np.abs(exps - np.exp(x)) / np.spacing(np.exp(x)), 2.5)


def test_log_is_that_of_the_c_library_to_two_bits(compared):
    x, _, logs = compared
    exact = np.log(np.abs(x))
    np.testing.assert_array_less(np.abs(logs - exact) / np.spacing(np.abs(exact)), 2.5)
    assert logs[2] == 0.0  # of 1, exactly


@njit
def compare(a, b, out):
    x, y = lanes.load(a, 0), lanes.load(b, 0)
    vectors.store(out, 0, lanes.lesser(x, y))
    vectors.store(out, 8, vectors.neighbours(x))
    return vectors.all_less(x, y), vectors.total(x)


def test_nan_is_never_less_and_neighbours_change_places():
    a, b, out = np.arange(8.0), np.full(8, 9.0), np.empty(16)
    assert compare(a, b, out) == (True, 28.0)
    np.testing.assert_array_equal(out, [*a, 1, 0, 3, 2, 5, 4, 7, 6])
    a[3] = np.nan
    assert compare(a, b, out)[0] is False
    assert out[3] == 9.0


def test_a_transistor_stands_in_an_even_lane_and_there_is_room_in_any_order():
    one = np.array([JUNCTION, EMITTER, COLLECTOR, TANH, EMITTER, COLLECTOR])
    np.testing.assert_array_equal(lanes_of(one), [0, 2, 3, 4, 6, 7])
    for kinds in (one, one[[1, 2, 4, 5, 0, 3]], one[[0, 1, 2, 4, 5, 3]], one[:0]):
        assert lanes_of(kinds).max(initial=-1) < lane_count(one)
    assert (lane_count(one), lane_count(one[:0])) == (8, 0)
