import numpy as np
import pytest

from drywet.effect import Effect, render
from drywet.errors import SettingsError, SignalError


class Echo:
    """Repeats the input ``latency`` samples late, times the gain knob."""

    sample_rate = 44_100

    def __init__(self, latency):
        self.latency = latency
        self.controls = {"gain": 1.0}
        self.reset()

    def reset(self):
        self.memory = np.zeros(self.latency, np.float32)

    def process(self, dry, controls):
        line = np.concatenate([self.memory, dry])
        self.memory = line[len(dry) :]
        return line[: len(dry)] * np.float32(controls["gain"])


@pytest.mark.parametrize("block_size", [1, 7, 64, 10_000])
@pytest.mark.parametrize("latency", [0, 5, 100])
def test_render_takes_the_latency_out_for_any_block_size(block_size, latency):
    dry = np.arange(1, 300, dtype=np.float32)
    effect = Echo(latency)
    assert isinstance(effect, Effect)
    np.testing.assert_array_equal(render(effect, dry, {"gain": 0.5}, block_size), 0.5 * dry)


def test_render_starts_from_rest():
    effect = Echo(10)
    effect.process(np.ones(50, np.float32), {"gain": 1.0})
    np.testing.assert_array_equal(render(effect, np.zeros(20, np.float32)), np.zeros(20))


def test_bad_input_is_refused():
    for dry in (np.zeros((2, 5)), np.zeros(0), np.array([np.nan])):
        with pytest.raises(SignalError):
            render(Echo(0), dry)
    with pytest.raises(SettingsError, match="no knob named 'tone'"):
        render(Echo(0), np.ones(5), {"tone": 0.5})


def test_progress_ends_at_one():
    shares = []
    render(Echo(3), np.ones(100, np.float32), block_size=30, report=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


@pytest.mark.parametrize("block_size", [1, 7, 64, 65, 1000, 10_000])
def test_a_knob_moves_in_steps_of_64_samples_whatever_the_block_size(block_size):
    dry = np.arange(1, 1500, dtype=np.float32)
    middles = (np.arange(len(dry)) // 64 * 64 + 32) / Echo.sample_rate
    gain = np.interp(middles, [0.005, 0.02], [0.2, 0.8]).astype(np.float32)
    wet = render(Echo(0), dry, {"gain": [[0.005, "9:00"], [0.02, 0.8]]}, block_size)
    np.testing.assert_array_equal(wet, gain * dry)
    assert len(set(gain.tolist())) > 5


def test_a_movement_that_stands_still_is_a_position():
    dry = np.arange(1, 300, dtype=np.float32)
    np.testing.assert_array_equal(render(Echo(5), dry, {"gain": [[0.0, 0.5], [1.0, 0.5]]}), 0.5 * dry)


def test_progress_is_not_told_64_samples_at_a_time():
    shares = []
    render(Echo(0), np.ones(6400, np.float32), {"gain": [[0.0, 0.0], [1.0, 1.0]]}, 3200, shares.append)
    assert shares == [0.5, 1.0]
