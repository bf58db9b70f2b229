"""Compiled networks against the plain ones and the players' own engines, and what a live loop relies on."""

import os
import platform
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from engine_networks import NETWORKS, recurrent, state_space

from drywet import audio
from drywet.engine import EngineEffect, load, read
from drywet.engine.kernels import Compiled, compiled
from drywet.engine.linear import Linear
from drywet.errors import SignalError

GOLDEN = Path(__file__).parents[1] / "golden"
KNOBS = np.array([0.2, 0.9])
X86 = platform.machine().lower() in ("x86_64", "amd64")
SMALLEST = np.finfo(np.float32).tiny  # below are the denormals


@pytest.fixture(scope="module")
def dry():
    """Longer than a compiled network keeps in one piece, with silence in it."""
    signal = 0.3 * np.random.default_rng(1).standard_normal(5000)
    signal[100:400] = 0
    return signal.astype(np.float32)


@pytest.fixture(scope="module", params=NETWORKS)
def pair(request):
    plain = NETWORKS[request.param]
    return plain, compiled(plain)


def played(network, dry, block, knobs):
    network.reset()
    return np.concatenate([network.process(dry[n : n + block], knobs) for n in range(0, len(dry), block)])


def test_a_compiled_network_sounds_like_the_plain_one(pair, dry):
    plain, fast = pair
    assert isinstance(fast, Compiled)
    knobs = KNOBS[: plain.knobs]
    expected = played(plain, dry, len(dry), knobs)
    np.testing.assert_allclose(played(fast, dry, len(dry), knobs), expected, rtol=0, atol=5e-6)
    assert expected.std() > 1e-3


@pytest.mark.parametrize("block", [1, 16, 63, 65, 1000])
def test_not_a_bit_depends_on_the_block_size(pair, dry, block):
    fast, knobs = pair[1], KNOBS[: pair[0].knobs]
    short = dry[:2500]
    np.testing.assert_array_equal(played(fast, short, block, knobs), played(fast, short, 64, knobs))


def test_a_knob_turned_while_playing_is_heard_as_in_the_plain_network(pair, dry):
    plain, fast = pair
    if not plain.knobs:
        pytest.skip("has no knobs")
    for network in pair:
        network.reset()
    for first, position in ((0, 0.1), (300, 0.8), (350, 0.8), (600, 0.3)):
        knobs, block = np.full(plain.knobs, position), dry[first : first + 300]
        np.testing.assert_allclose(fast.process(block, knobs), plain.process(block, knobs), rtol=0, atol=5e-6)


def test_reset_forgets_what_was_played(pair, dry):
    fast, knobs = pair[1], KNOBS[: pair[0].knobs]
    first = played(fast, dry[:500], 500, knobs)
    fast.process(np.full(3000, np.nan), 1 - knobs)
    np.testing.assert_array_equal(played(fast, dry[:500], 500, knobs), first)


def test_what_is_broken_shows(pair, dry):
    fast, knobs = pair[1], KNOBS[: pair[0].knobs]
    fast.reset()
    assert np.isnan(fast.process(np.array([0.1, np.nan, 0.1]), knobs)[1])
    fast.reset()


def test_playing_takes_no_memory(pair, dry):
    fast, wet = pair[1], np.empty(500, np.float32)
    blocks = [dry[n : n + 500] for n in range(0, len(dry), 500)]
    fast.reset()
    fast.turn(KNOBS[: pair[0].knobs])
    fast.process_into(blocks[0], wet)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    for block in blocks:
        fast.process_into(block, wet)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak - before < 1000  # bytes: an array of one block takes 2000; the call itself some 200


FILES = sorted(path for folder in ("nam", "aidax", "proteus", "rtneural") for path in (GOLDEN / folder).glob("*.*am"))
FILES += sorted(path for folder in ("aidax", "proteus", "rtneural") for path in (GOLDEN / folder).glob("*.json"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_compiled_file_sounds_as_in_its_players_engine(path):
    dry, _ = audio.read(GOLDEN / "nam" / "input.wav")
    nam = path.suffix == ".nam"
    outputs = [path.with_suffix(".npy")] if nam else sorted(path.parent.glob(f"{path.stem}.*npy"))
    outputs = [output for output in outputs if output.exists()]
    file = read(path)
    effect = EngineEffect(file, settle=nam, network=compiled(file.network))
    assert isinstance(effect.network, Compiled)
    assert outputs
    for output in outputs:
        knob = output.stem.rpartition(".p")[2]
        knobs = dict.fromkeys(file.knobs, float(knob) if file.knobs else 0.0)
        effect.reset()
        wet = np.concatenate([effect.process(dry[n : n + 100], knobs) for n in range(0, len(dry), 100)])
        np.testing.assert_allclose(wet, np.load(output), rtol=0, atol=1e-5)


def test_a_loaded_file_is_compiled_and_plays_into_a_given_block(dry):
    effect = load(GOLDEN / "rtneural/lstm_16_two_inputs.json")
    assert isinstance(effect.network, Compiled)
    whole = effect.process(
        dry[:128], {"param1": 0.7} if "param1" in effect.controls else dict.fromkeys(effect.controls, 0.7)
    )
    effect.reset()
    effect.turn(dict.fromkeys(effect.controls, 0.7))
    wet = np.empty(128, np.float32)
    for part in (slice(0, 64), slice(64, 128)):
        effect.process_into(dry[part], wet[part])
    np.testing.assert_array_equal(wet, whole)


@pytest.mark.skipif(not X86, reason="other processors are not slowed down by denormals")
def test_a_decaying_state_ends_at_zero_and_not_among_denormals():
    bank = state_space(1, 2, 8, 1)
    bank.bias = 0.0
    fast = compiled(bank)
    fast.process(np.ones(10), KNOBS[:0])
    fast.process(np.zeros(300_000), KNOBS[:0])
    states = np.abs(fast.numbers[fast.table[19] : fast.table[19] + 64])
    assert ((states == 0) | (states >= SMALLEST)).all()
    assert (states == 0).any()


def test_denormals_count_again_after_a_block():
    compiled(Linear(np.ones(1, np.float32))).process(np.ones(64), KNOBS[:0])
    assert np.full(16, SMALLEST, np.float32)[3] * np.float32(0.5) > 0


def test_any_kind_of_block_can_be_processed():
    fast = compiled(Linear(np.full(1, 2, np.float32)))
    frozen = np.ones(5, np.float32)
    frozen.flags.writeable = False
    for block in (frozen, np.ones(5), np.ones(10)[::2], [1.0] * 5, np.ones(5, int)):
        np.testing.assert_array_equal(fast.process(block, KNOBS[:0]), np.full(5, 2))
    assert fast.process(np.zeros(0), KNOBS[:0]).shape == (0,)
    with pytest.raises(SignalError, match=r"\(2, 3\)"):
        fast.process(np.zeros((2, 3)), KNOBS[:0])


def test_a_window_lstm_forgets_what_is_older_than_its_window():
    """A NaN is heard as long as it stands in a window, and not a sample longer."""
    fast, context = compiled(NETWORKS["window lstm"]), NETWORKS["window lstm"].context
    fast.reset()
    dry = np.full(100, 0.1)
    dry[30] = np.nan
    assert np.flatnonzero(np.isnan(fast.process(dry, KNOBS[:0]))).tolist() == list(range(30, 30 + context))


def test_a_network_at_rest_settles_where_the_plain_one_does(dry):
    plain = recurrent("lstm", 5)
    fast = compiled(plain)
    for network in (plain, fast):
        network.reset()
        network.settle(24_000, KNOBS[:0])
    np.testing.assert_allclose(fast.process(dry[:50], KNOBS[:0]), plain.process(dry[:50], KNOBS[:0]), atol=1e-6)


COMPILE = """
import numpy as np
from drywet.engine.grey_box import GreyBox
from drywet.engine.kernels import compiled
network = compiled(GreyBox(np.zeros((1, 5)), np.zeros((0, 7)), 0), report=print)
print(network.process(np.zeros(3), np.zeros(0)).shape)
"""


def test_the_first_compilation_is_said_and_the_second_start_is_silent(tmp_path):
    said = []
    for _ in range(2):
        run = subprocess.run(
            [sys.executable, "-c", COMPILE], env=os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}, capture_output=True, text=True
        )  # fmt: skip
        said.append(run.stdout.splitlines())
    assert said[0][0].startswith("compiling the grey-box kernel")
    assert said[0][1:] == said[1] == ["(3,)"], run.stderr
