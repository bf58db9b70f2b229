import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drywet.dataset import split_by_time, split_windows_at_random
from drywet.errors import SignalError


@given(length=st.integers(500_000, 10_000_000), gap=st.integers(0, 20_000))
def test_parts_are_in_order_and_a_gap_apart(length, gap):
    split = split_by_time(length, 44_100, gap)
    assert split.train.start == 0
    assert split.validation.start - split.train.stop == gap
    assert split.test.start - split.validation.stop == gap
    assert split.test.stop == length


def test_a_37_second_recording_is_cut_at_25_and_4_and_8_seconds():
    split = split_by_time(37 * 44_100, 44_100, 0)
    assert [(part.stop - part.start) / 44_100 for part in vars(split).values()] == [25, 4, 8]


def test_too_short_a_recording_says_how_long_the_parts_would_be():
    with pytest.raises(SignalError, match=r"44100 samples \(1.00 s\) are too few.*0\.\d\d s would remain for training"):
        split_by_time(44_100, 44_100, 100)


def test_random_rows_are_disjoint_complete_and_decided_by_the_seed():
    train, validation = split_windows_at_random(1000, 700, 25)
    assert len(train) == 700
    np.testing.assert_array_equal(np.sort(np.concatenate([train, validation])), np.arange(1000))
    np.testing.assert_array_equal(train, split_windows_at_random(1000, 700, 25)[0])
    assert not np.array_equal(train, split_windows_at_random(1000, 700, 26)[0])


def test_as_many_rows_as_windows_leave_nothing_to_validate():
    with pytest.raises(SignalError, match="1000 training windows are wanted, but the recording holds 1000"):
        split_windows_at_random(1000, 1000, 25)
