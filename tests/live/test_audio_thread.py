"""What must never happen in the audio thread: memory taken, Python called, an error raised.

The machine code of the callbacks is made of the LLVM IR that is read here. Kernels of the engine, which may come from a cache
without their IR, are watched while they play: all memory of compiled code comes from numba's runtime, which counts.
"""

import re

import numpy as np
import pytest
from engine_networks import NETWORKS
from live_effects import RATE, effect
from numba import carray
from numba.core.ccallback import CFunc
from numba.core.runtime import _nrt_python, rtsys

from drywet.effect import Native
from drywet.engine.kernels import native
from drywet.live import callback, mixing
from drywet.live.desk import Desk

HARMLESS = re.compile(r"llvm\.")  # instructions that look like calls


def compiled_ir(function, signature, compiled=None):
    """LLVM IR of a C function, and the name of its inner function, which does all the work.

    It is compiled here and now, unless ``compiled`` was in this process; what comes from a cache has lost its IR.
    """
    if compiled is None or compiled.cache_hits:
        compiled = CFunc(function, (signature.args, signature.return_type), {}, {"error_model": "numpy"})
        compiled.compile()
    return compiled.inspect_llvm(), compiled.native_name.removeprefix("cfunc.")


def called(ir, entry):
    """Names of all functions that ``entry`` calls, directly or not; those reached by an address have none."""
    bodies = dict(re.findall(r'^define[^\n]*?@"?([^"(\s]+)"?\([^\n]*\{\n(.*?)^\}', ir, re.M | re.S))
    found, left = set(), [entry]
    while left:
        body = bodies.get(left.pop(), "")
        new = set(re.findall(r'\b(?:call|invoke)\b[^\n@]*@"?([^"(\s]+)"?\(', body)) - found
        found |= new
        left += new
    assert entry in bodies
    return {name for name in found if not HARMLESS.match(name)}


def results(ir, entry):
    """The constants that a function returns to its caller in C; anything but 0 would be an error of Python's."""
    (body,) = re.findall(rf'^define[^\n]*?@"?{re.escape(entry)}"?\([^\n]*\{{\n(.*?)^\}}', ir, re.M | re.S)
    return set(re.findall(r"^\s*ret (.*)$", body, re.M))


@pytest.mark.parametrize("function", [*callback._SIGNATURES, native.play], ids=lambda function: function.__name__)
def test_a_callback_calls_nothing_that_takes_memory_or_runs_python_and_cannot_fail(function):
    if function is native.play:
        ir, entry = compiled_ir(function, native._SIGNATURE, native.compiled_play())
    else:
        ir, entry = compiled_ir(function, callback._SIGNATURES[function], callback.compiled(function))
    assert called(ir, entry) == set()
    assert results(ir, entry) == {"i32 0"}


def test_a_callback_that_takes_memory_or_may_fail_is_found_out():
    def takes_memory(desk, dry, wet, frames):
        scratch = np.zeros(frames)
        carray(desk, (1,))[0].output_gain = scratch.sum()

    def may_fail(desk, dry, wet, frames):
        if frames == 0:
            raise ValueError

    ir, entry = compiled_ir(takes_memory, mixing.RUN)
    assert any(name.startswith("NRT_MemInfo_alloc") for name in called(ir, entry))
    ir, entry = compiled_ir(may_fail, mixing.RUN)
    assert results(ir, entry) != {"i32 0"}


@pytest.fixture
def allocations():
    """How often numba's runtime has given memory."""
    counted = _nrt_python.memsys_stats_enabled()
    _nrt_python.memsys_enable_stats()
    yield lambda: rtsys.get_allocation_stats()[0]
    if not counted:
        _nrt_python.memsys_disable_stats()


def of_each_kernel():
    """The first network of each kernel, by the kernel's name."""
    found = {}
    for network in NETWORKS.values():
        made = effect(network, knobs=[f"knob {n}" for n in range(network.knobs)])
        kernel = made.network.kernel.py_func
        found.setdefault(f"{kernel.__module__}.{kernel.__name__}", made)
    return found


def test_no_kernel_takes_memory_in_10_000_blocks(allocations):
    effects = of_each_kernel()
    assert len(effects) >= 6
    desk = Desk(effects, RATE)
    dry = (0.3 * np.random.default_rng(0).standard_normal(16)).astype(np.float32)
    wet = np.empty_like(dry)
    before = allocations()
    for number in range(len(effects)):
        desk.chosen = number
        for _ in range(10_000):
            desk.process(dry, wet)
        assert desk.record.sounding == number
    assert allocations() == before
    assert desk.meters().unwell == 0


class Hungry:
    """An effect that takes memory for each block."""

    sample_rate, latency, controls = RATE, 0, {}

    def __init__(self):
        def play(dry, wet, frames, numbers, numbers_length, table, table_length):
            carray(wet, (frames,))[:] = np.full(frames, 0.5)

        self.function = CFunc(play, (native._SIGNATURE.args, native._SIGNATURE.return_type), {}, {})
        self.function.compile()

    def reset(self): ...

    def turn(self, controls): ...

    def native(self):
        return Native(self.function.address, np.zeros(1, np.float32), np.zeros(1, np.int64))


def test_an_effect_that_takes_memory_is_found_out(allocations):
    desk = Desk({"hungry": Hungry()}, RATE)
    before = allocations()
    block = np.zeros(64, np.float32)
    for _ in range(10):
        desk.process(block, block)
    assert block[0] == 0.5
    assert allocations() == before + 10
