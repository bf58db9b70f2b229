import numpy as np
import pytest

from drywet.dataset import targets, windows
from drywet.errors import SignalError


def published_windows(dry, wet, n, hop):
    """The study's loop, as its description puts it: hop n, target i + n - 1, bound one short."""
    x, y = [], []
    for i in range(0, len(dry) - n, hop):
        x.append(dry[i : i + n])
        y.append(wet[i + n - 1])
    return np.array(x), np.array(y)


@pytest.mark.parametrize("length", [45, 88, 100, 440, 1000, 4411])
@pytest.mark.parametrize(("context", "hop"), [(44, None), (44, 1), (44, 10), (1, 1), (44, 60)])
def test_windows_are_those_of_the_published_loop(length, context, hop):
    dry, wet = np.arange(length, dtype=np.float32), -np.arange(length, dtype=np.float32)
    x, y = published_windows(dry, wet, context, hop or context)
    np.testing.assert_array_equal(windows(dry, context, hop), x)
    np.testing.assert_array_equal(targets(wet, context, hop), y)


def test_the_target_is_simultaneous_with_the_last_dry_sample():
    signal = np.arange(500, dtype=np.float32)
    np.testing.assert_array_equal(windows(signal, 66)[:, -1], targets(signal, 66))


def test_the_published_number_of_windows_comes_out():
    """About 187 s of audio gave the study 187,155 windows of 44, 124,770 of 66 and 93,578 of 88."""
    audio = np.zeros(8_234_850, np.float32)
    counts = [len(windows(audio, context)) for context in (44, 66, 88)]
    assert counts == pytest.approx([187_155, 124_770, 93_578], abs=2)


def test_nothing_is_copied():
    dry = np.zeros(10_000, np.float32)
    view = windows(dry, 88, 1)
    assert np.shares_memory(view, dry)
    assert view.shape == (9912, 88)


def test_a_recording_without_a_window_is_refused():
    with pytest.raises(SignalError, match="44 samples holds no window of 44"):
        windows(np.zeros(44), 44)
