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
