"""The virtual circuit in the audio thread against the same circuit as an Effect."""

import ctypes
import threading

import numpy as np
import pytest
from numba.core.runtime import _nrt_python, rtsys

from drywet.circuits import VirtualCircuit, load
from drywet.circuits.netlist import parse
from drywet.engine.bench import bench
from drywet.errors import CircuitError, LiveError, SettingsError
from drywet.live.circuit import LIVE_OVERSAMPLING, PlayableCircuit
from drywet.live.desk import Desk

RATE = 44_100
TURNED = {"drive": 0.8, "tone": 0.1, "level": 0.9}


def sd1(oversampling=2):
    return load("sd1", oversampling=oversampling)


@pytest.fixture(scope="module")
def dry():
    t = np.arange(4000) / RATE
    return (0.4 * np.sin(2 * np.pi * 220 * t) + 0.2 * np.sin(2 * np.pi * 1333 * t)).astype(np.float32)


def played(effect, dry, block_size):
    wet = np.empty_like(dry)
    for start in range(0, len(dry), block_size):
        effect.process_into(dry[start : start + block_size], wet[start : start + block_size])
    return wet


@pytest.mark.parametrize(
    ("oversampling", "block_size"), [(1, 64), (2, 1), (2, 63), (2, 4000), (LIVE_OVERSAMPLING, 100)]
)
def test_it_plays_the_bits_of_the_circuit_in_blocks_of_any_size(dry, oversampling, block_size):
    circuit = sd1(oversampling)
    live = PlayableCircuit(circuit)
    live.turn(TURNED)
    assert (live.sample_rate, live.latency, live.controls) == (RATE, circuit.latency, circuit.controls)
    circuit.process(
        np.zeros(0, np.float32), circuit.controls
    )  # the audio thread, too, is at the defaults before it turns
    np.testing.assert_array_equal(played(live, dry, block_size), circuit.process(dry, TURNED))


def test_a_knob_turned_while_it_plays_is_heard_from_the_next_block_on_as_in_the_circuit(dry):
    circuit, live = sd1(), PlayableCircuit(sd1())
    for number, start in enumerate(range(0, len(dry), 500)):
        positions = {name: (0.37 * number + position) % 1 for name, position in circuit.controls.items()}
        live.turn(positions)
        block = dry[start : start + 500]
        np.testing.assert_array_equal(played(live, block, 64), circuit.process(block, positions))


def test_of_two_turns_within_a_block_the_last_one_counts(dry):
    circuit, live = sd1(), PlayableCircuit(sd1())
    np.testing.assert_array_equal(played(live, dry, 64), circuit.process(dry, circuit.controls))
    for drive in (0.0, 0.2, 1.0, 0.9):
        live.turn(circuit.controls | {"drive": drive})
    expected = circuit.process(dry, circuit.controls | {"drive": 0.9})
    np.testing.assert_array_equal(played(live, dry, 64), expected)


def test_the_c_function_plays_the_same_bits(dry):
    live, other = PlayableCircuit(sd1()), PlayableCircuit(sd1())
    native, wet = live.native(), np.empty_like(dry)
    whole = ctypes.c_int64
    function = ctypes.CFUNCTYPE(None, *[whole] * 7)(native.address)
    numbers, table = native.numbers, native.table
    live.turn(TURNED)
    other.turn(TURNED)
    arrays = numbers.ctypes.data, len(numbers), table.ctypes.data, len(table)
    function(dry.ctypes.data, wet.ctypes.data, len(dry), *arrays)
    np.testing.assert_array_equal(wet, played(other, dry, 64))


def test_a_desk_plays_it_and_neither_blocks_nor_turns_take_memory_of_compiled_code(dry):
    live, alone = PlayableCircuit(sd1()), PlayableCircuit(sd1())
    desk, wet = Desk({"sd1": live}, RATE), np.empty_like(dry)
    desk.process(dry[:64], wet[:64])
    counted = _nrt_python.memsys_stats_enabled()
    _nrt_python.memsys_enable_stats()
    taken = 0
    for start in range(64, 3264, 64):
        live.turn(live.controls | {"tone": start / 4000})  # takes memory, in its own thread
        before = rtsys.get_allocation_stats()[0]
        desk.process(dry[start : start + 64], wet[start : start + 64])
        taken += rtsys.get_allocation_stats()[0] - before
    assert taken == 0
    if not counted:
        _nrt_python.memsys_disable_stats()
    expected = [alone.process(dry[:64], alone.controls)]
    expected += [alone.process(dry[n : n + 64], alone.controls | {"tone": n / 4000}) for n in range(64, 3264, 64)]
    fade = round(0.01 * RATE)  # a desk fades in what begins to play
    np.testing.assert_array_equal(wet[fade:3264], np.concatenate(expected)[fade:])


def test_knobs_turned_by_another_thread_leave_it_at_the_sound_of_where_they_rest(dry):
    circuit = sd1(1)
    live = PlayableCircuit(circuit)
    rest = {"drive": 0.2, "tone": 0.7, "level": 0.6}
    done = threading.Event()

    def turn():
        for number in range(40):
            live.turn({name: (position + 0.13 * number) % 1 for name, position in rest.items()})
        live.turn(rest)
        done.set()

    thread = threading.Thread(target=turn)
    thread.start()
    while not done.is_set():
        assert np.abs(played(live, dry, 64)).max() < 20
    thread.join()
    settling = np.tile(dry, 22)  # 2 s: the bias supply settles in 0.8 s
    wet = played(live, settling, 64)
    circuit.reset()
    expected = circuit.process(settling, rest)
    np.testing.assert_allclose(wet[-4410:], expected[-4410:], atol=1e-4 * np.abs(expected).max())


def test_reset_leads_back_to_rest_and_to_the_defaults(dry):
    live = PlayableCircuit(sd1())
    first = played(live, dry, 64)
    live.turn(TURNED)
    assert np.abs(played(live, dry, 64) - first).max() > 0.01
    live.reset()
    np.testing.assert_array_equal(played(live, dry, 64), first)
    live.reset()
    assert not played(live, np.zeros(4000, np.float32), 64).any()


def test_a_knob_that_takes_a_part_out_is_refused_and_the_sound_goes_on(dry):
    text = (
        "a bright switch\n*.input VIN\n*.output out\n*.knob bright c law=linear laws=linear default=0.5\n.param c=0.5\n"
        ".param cb={1n*c}\nVIN in 0 0\nR1 in out 10k\nC1 in out {cb}\nR2 out 0 10k\n"
    )
    live = PlayableCircuit(VirtualCircuit(parse(text), oversampling=1))
    before = played(live, dry, 64)
    with pytest.raises(CircuitError, match="cannot be done while playing"):
        live.turn({"bright": 0.0})
    live.reset()
    np.testing.assert_array_equal(played(live, dry, 64), before)


def test_a_knob_that_takes_one_part_for_another_is_refused_though_there_are_as_many():
    text = (
        "a switch\n*.input VIN\n*.output out\n*.knob which c default=0\n.param c=0\nVIN in 0 0\nR1 in out 10k\n"
        "C1 out 0 {1n*c}\nC2 in out {1n*(1-c)}\nR2 out 0 10k\n"
    )
    with pytest.raises(CircuitError, match=r"\(c1, c2\).*cannot be done while playing"):
        PlayableCircuit(VirtualCircuit(parse(text), oversampling=1)).turn({"which": 1.0})


def test_a_block_that_may_not_be_written_to_is_played(dry):
    live = PlayableCircuit(sd1())
    expected = live.process(dry, {})
    live.reset()
    block = dry.copy()
    block.flags.writeable = False
    np.testing.assert_array_equal(live.process(block, {}), expected)


@pytest.mark.parametrize("positions", [{"presence": 0.5}, {"drive": 1.5}])
def test_knobs_that_are_not_there_are_refused(positions):
    with pytest.raises(SettingsError):
        PlayableCircuit(sd1()).turn(positions)


def test_its_rate_must_be_that_of_the_interface():
    with pytest.raises(LiveError, match=r"44100 Hz.*48000 Hz"):
        Desk({"sd1": PlayableCircuit(sd1())}, 48_000)


def test_it_can_be_timed_like_any_effect():
    (timing,) = bench(PlayableCircuit(sd1()), [64], seconds=0.05)
    assert timing.blocks > 0
