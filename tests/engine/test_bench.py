"""``drywet bench``: what it says about a block, and as it is typed."""

import json
import time
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from drywet.cli import app
from drywet.engine.bench import Timing, bench, first_block, smallest_block
from drywet.engine.kernels import Compiled, compiled
from drywet.engine.typical import TYPICAL
from drywet.errors import ModelFileError, SettingsError

GOLDEN = Path(__file__).parents[1] / "golden"


class Sleeper:
    """An Effect that takes at least a millisecond for a block."""

    sample_rate, latency, controls = 48_000, 0, {}

    def reset(self):
        pass

    def process(self, dry, controls):
        time.sleep(1e-3)
        return dry


def timing(block_size=48, p99_us=100.0):
    return Timing(block_size, 48_000, 100, 500.0, p99_us)


def test_speed_and_load_follow_from_the_times():
    """500 ns a sample are half of 1 us, 48 samples at 48 kHz last 1 ms."""
    assert timing().times_real_time == pytest.approx(1e9 / (500 * 48_000))
    assert timing().p99_load == pytest.approx(0.1)
    assert timing().can_be_played
    assert not timing(p99_us=600.0).can_be_played  # leaves less than half of the block to everything else
    assert not timing().disturbed
    assert timing(p99_us=600.0).disturbed  # 48 samples usually take 24 us


def test_a_millisecond_a_block_is_measured_as_at_least_that():
    (found,) = bench(Sleeper(), [480], seconds=1e-3)
    assert found.ns_per_sample >= 1e6 / 480
    assert found.p99_us >= 1000
    assert found.blocks >= 100


def test_the_first_block_counts_from_loading_on():
    def load():
        time.sleep(2e-3)
        return Sleeper()

    effect, seconds = first_block(load)
    assert isinstance(effect, Sleeper)
    assert seconds >= 3e-3  # two for loading, one for the block


def test_a_size_is_playable_when_all_larger_ones_are():
    early, late = timing(16, 900.0), timing(64, 100.0)
    assert smallest_block([early, late, timing(256, 100.0)]) == 64
    assert smallest_block([timing(16, 10.0), timing(64, 5000.0), timing(256, 100.0)]) == 256
    assert smallest_block([timing(16, 10.0), timing(1024, 30_000.0)]) is None


def test_every_typical_network_stays_a_signal():
    """Measured on what decays or grows without end, speed would be that of silence or of infinity."""
    noise = 0.1 * np.random.default_rng(0).standard_normal(2000)
    for name, make in TYPICAL.items():
        network = compiled(make())
        assert isinstance(network, Compiled)
        wet = network.process(noise, np.zeros(0))
        assert 1e-4 < wet[1000:].std() < 10, name


def test_the_command_measures_a_file_at_the_given_block_sizes():
    given = ["bench", str(GOLDEN / "nam/linear_32.nam"), "--block", "64", "--block", "16", "--seconds", "0.001"]
    done = CliRunner().invoke(app, [*given, "--json"])
    (row,) = json.loads(done.stdout)
    assert [one["block_size"] for one in row["timings"]] == [16, 64]
    assert row["first_block_seconds"] > 0
    for one in row["timings"]:
        assert one["times_real_time"] == pytest.approx(1e9 / (one["ns_per_sample"] * row["sample_rate"]))
    assert "linear_32.nam" in CliRunner().invoke(app, given).stdout


def test_impossible_requests_are_refused():
    for words, error, text in (
        (["--block", "0"], SettingsError, "1 to 65536"),
        (["--seconds", "0"], SettingsError, "above 0"),
        (["missing.nam"], ModelFileError, "no such file"),
    ):
        done = CliRunner().invoke(app, ["bench", *words])
        assert isinstance(done.exception, error)
        assert text in str(done.exception)


def test_what_is_played_is_low_notes_and_goes_on_from_block_to_block():
    heard = []

    class Listener:
        sample_rate, latency, controls = 48_000, 0, {}

        def reset(self): ...

        def process(self, dry, controls):
            heard.append(dry)
            return dry

    bench(Listener(), [64], 0.0)
    dry = np.concatenate(heard)
    assert 0.2 < np.abs(dry).max() < 0.5
    assert (
        np.abs(np.diff(dry)).max() < 0.15 * 2 * np.pi * (110 + 165 + 221) / 48_000
    )  # the steepest that these sines can be
