from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from drywet.models import FAMILIES, build
from drywet.models.workspace import SPARE, Workspaces

DTYPE = np.dtype(np.float32)
SMALL, LARGE = ((10,),), ((10,), (5, 4))  # 40 and 120 bytes


def test_what_was_given_back_is_taken_again_and_the_rest_is_zeros():
    workspaces = Workspaces()
    first = workspaces.take(LARGE, DTYPE)
    assert [array.shape for array in first] == [(10,), (5, 4)]
    assert not any(array.any() for array in first)
    workspaces.give_back(first)
    assert workspaces.bytes == 120
    assert workspaces.take(LARGE, np.dtype(np.float64))[0] is not first[0]
    assert workspaces.take(LARGE, DTYPE)[0] is first[0]
    assert workspaces.take(LARGE, DTYPE)[0] is not first[0]
    assert workspaces.bytes == 0


def test_the_shapes_that_come_back_least_recently_are_forgotten():
    workspaces = Workspaces(largest=200)
    small, large = workspaces.take(SMALL, DTYPE), workspaces.take(LARGE, DTYPE)
    workspaces.give_back(large)
    workspaces.give_back(small)
    workspaces.give_back(other := workspaces.take(((20,),), DTYPE))  # 80 bytes: 240 together
    assert workspaces.bytes == 120
    assert workspaces.take(LARGE, DTYPE)[0] is not large[0]
    assert workspaces.take(SMALL, DTYPE)[0] is small[0]
    assert workspaces.take(((20,),), DTYPE)[0] is other[0]


def test_one_shape_alone_stays_below_the_bound_and_a_giant_drives_nothing_out():
    workspaces = Workspaces(largest=100)
    for arrays in [workspaces.take(SMALL, DTYPE) for _ in range(9)]:
        workspaces.give_back(arrays)
    workspaces.give_back(workspaces.take(LARGE, DTYPE))
    assert workspaces.bytes == 80


def test_no_two_threads_ever_hold_the_same_arrays():
    workspaces = Workspaces(largest=400)

    def work(number):
        for _ in range(2000):
            (mine,) = arrays = workspaces.take(SMALL, DTYPE)
            mine[:] = number
            mine += 1
            assert (mine == number + 1).all()
            workspaces.give_back(arrays)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert 40 <= workspaces.bytes <= 320


@pytest.mark.parametrize("family", ["lstm", "gru", "s4d"])
def test_signals_of_ever_new_lengths_leave_no_more_than_the_bound(family, monkeypatch):
    model = build(FAMILIES[family][0]())
    monkeypatch.setattr(SPARE, "largest", 1 << 20)
    for length in range(300, 320):
        output, _ = model(torch.zeros(16, length), torch.zeros(16, 0), model.initial_state(16))
        output.sum().backward()
        assert 0 < SPARE.bytes <= 1 << 20
