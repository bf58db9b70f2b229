"""The C functions that JACK and PortAudio call in the audio thread. No Python runs in them, and they take no memory.

They are compiled by numba, cached like the engine's kernels, and know the desk by its address.
"""

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba import carray, types
from numba.core.ccallback import CFunc

from drywet.engine.kernels.native import c_function, play
from drywet.kernel_cache import holds
from drywet.live.addresses import call, fence, floats
from drywet.live.mixing import RUN, run
from drywet.live.record import CHANNELS, DESK_POINTER, REASON

_WHOLE, _ADDRESS = types.int64, types.voidptr
_INT, _UNSIGNED = types.int32, types.uint32
_LONG = types.uint64 if ctypes.sizeof(ctypes.c_ulong) == 8 else types.uint32  # C's unsigned long
_XRUN_FLAGS = 0b1111  # of PortAudio: input underflow and overflow, output underflow and overflow


def jack_process(frames, desk):
    """JackProcessCallback."""
    record = carray(desk, (1,))[0]
    dry = call(record.port_buffer, (record.port_in, _WHOLE(frames)))
    wet = call(record.port_buffer, (record.port_out, _WHOLE(frames)))
    call(record.run, (record.own_address, dry, wet, _WHOLE(frames)))
    return 0


def jack_xrun(desk):
    """JackXRunCallback."""
    carray(desk, (1,))[0].xruns += 1
    return 0


def jack_shutdown(status, reason, desk):
    """JackInfoShutdownCallback."""
    record = carray(desk, (1,))[0]
    text = carray(reason, (REASON,), np.uint8)
    for n in range(REASON - 1):  # the last one stays zero
        record.reason[n] = text[n]
        if text[n] == 0:
            break
    fence()
    record.gone = 1


def jack_quiet(message):
    """What libjack would write to stderr; what matters arrives as a status."""


def portaudio_process(arrived, outgoing, frames, when, flags, desk):
    """PaStreamCallback with interleaved float32: recorded channels are added, what is played goes to all channels played."""
    record = carray(desk, (1,))[0]
    record.xruns += (flags & _XRUN_FLAGS) != 0
    inputs, outputs = record.inputs, record.outputs
    incoming = carray(arrived, (_WHOLE(frames) * inputs,), np.float32)
    played = carray(outgoing, (_WHOLE(frames) * outputs,), np.float32)
    mono = floats(record.mono, record.largest_block)
    first = 0
    while first < frames:
        count = min(_WHOLE(frames) - first, record.largest_block)
        mono[:count] = 0
        for channel in range(min(inputs, CHANNELS)):
            if record.records[channel] != 0:
                for t in range(count):
                    mono[t] += incoming[(first + t) * inputs + channel]
        call(record.run, (record.own_address, record.mono, record.mono, count))
        for channel in range(outputs):
            on = channel < CHANNELS and record.plays[channel] != 0
            for t in range(count):
                played[(first + t) * outputs + channel] = mono[t] if on else 0
        first += count
    return 0


_SIGNATURES: dict[Callable[..., Any], Any] = {
    run: RUN,
    jack_process: _INT(_UNSIGNED, DESK_POINTER),
    jack_xrun: _INT(DESK_POINTER),
    jack_shutdown: types.void(_INT, _ADDRESS, DESK_POINTER),
    jack_quiet: types.void(_ADDRESS),
    portaudio_process: _INT(_ADDRESS, _ADDRESS, _LONG, _ADDRESS, _LONG, DESK_POINTER),
}


@cache
def compiled(function: Callable[..., Any]) -> CFunc:
    """One of the functions above, or :func:`drywet.live.mixing.run`, as C; it lives as long as this process."""
    return c_function(function, _SIGNATURES[function])


def in_cache(*functions: Callable[..., Any]) -> bool:
    """Whether these, and what they call, seem to have been compiled by an earlier process."""
    return all(holds(function) for function in (*functions, run, play))
