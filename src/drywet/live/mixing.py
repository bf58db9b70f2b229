"""A block in the audio thread: the source, one effect or two while the model changes, gains and fades, meters."""

from typing import Any

import numpy as np
from numba import carray, njit, types

from drywet.engine.kernels.denormals import flush_denormals, restore
from drywet.interfaces import FULL_SCALE
from drywet.live.addresses import FLOAT, call, fence, floats
from drywet.live.record import (
    BYPASS,
    COMES_FROM,
    DESK_POINTER,
    GOES_TO,
    HEARD,
    HISTORY,
    INPUT_GAIN,
    INPUT_PEAK,
    LOOP,
    OUTPUT_GAIN,
    OUTPUT_PEAK,
    SAMPLES,
    TAKEN,
    TO_WALK,
    WALKED,
)

# One function in the end, which cannot fail: a division by zero is infinite, and raises nothing.
_COMPILED: Any = {"error_model": "numpy", "forceinline": True}
_HIGHEST = 1e6  # 120 dB above full scale: no effect sounds like that, it has left its course


RUN = types.void(DESK_POINTER, types.int64, types.int64, types.int64)


def run(desk, dry, wet, frames):
    """Play a block of ``frames`` samples from the address ``dry`` to the address ``wet``, which may be the same."""
    _play(carray(desk, (1,))[0], dry, wet, frames)


@njit(**_COMPILED)
def _play(desk, dry, wet, frames):
    if frames <= 0:
        return
    mode = flush_denormals()
    start = _nanoseconds(desk)
    row = desk.history[desk.blocks % HISTORY]
    row[INPUT_PEAK] = row[OUTPUT_PEAK] = 0.0
    first = 0
    while first < frames:
        count = min(frames - first, desk.largest_block)
        _play_piece(desk, row, floats(dry + FLOAT * first, count), floats(wet + FLOAT * first, count), count)
        first += count
    row[SAMPLES] = frames
    row[TAKEN] = _nanoseconds(desk) - start
    fence()
    desk.blocks += 1
    restore(mode)


@njit(**_COMPILED)
def _nanoseconds(desk):
    if desk.clock == 0:
        return 0.0
    call(desk.clock, (desk.clock_arguments[0], desk.clock_arguments[1]))
    return desk.time[0] * desk.clock_units[0] + desk.time[1] * desk.clock_units[1]


@njit(**_COMPILED)
def _play_piece(desk, meters, dry, wet, count):
    _obey(desk)
    source, x, y = floats(desk.source, count), floats(desk.dry, count), floats(desk.wet, count)
    _take_source(desk, dry, source)
    meters[INPUT_PEAK] = max(meters[INPUT_PEAK], _peak(source))
    desk.input_clipped += _clipped(source)
    gain = desk.glides[INPUT_GAIN]
    for t in range(count):
        x[t] = np.float32(_at(gain, t)) * source[t]
    _play_effect(desk, desk.sounding, desk.dry, desk.wet, count)
    if desk.coming >= 0:
        _change_effect(desk, y, count)
    bypass, heard, level = desk.glides[BYPASS], desk.glides[HEARD], desk.glides[OUTPUT_GAIN]
    for t in range(count):
        share = np.float32(_at(bypass, t))
        mixed = (np.float32(1) - share) * y[t] + share * source[t]
        wet[t] = np.float32(_at(level, t) * _at(heard, t)) * mixed
    for n in range(len(desk.glides)):
        desk.glides[n, WALKED] = min(desk.glides[n, WALKED] + count, desk.glides[n, TO_WALK])
    meters[OUTPUT_PEAK] = max(meters[OUTPUT_PEAK], _peak(wet))
    desk.output_clipped += _clipped(wet)


@njit(**_COMPILED)
def _obey(desk):
    """Begin what other threads have asked for. Before the first block there is nothing to fade from."""
    _aim(desk, INPUT_GAIN, desk.input_gain)
    _aim(desk, OUTPUT_GAIN, desk.output_gain)
    _aim(desk, BYPASS, 1.0 if desk.bypassed != 0 else 0.0)
    _aim(desk, HEARD, 0.0 if desk.muted != 0 else 1.0)
    _aim(desk, LOOP, 1.0 if desk.looping != 0 and desk.loop_length > 0 else 0.0)
    chosen = min(max(desk.chosen, 0), desk.effect_count - 1)
    if desk.blocks == 0:
        desk.sounding = chosen
    elif desk.coming < 0 or desk.run_in <= desk.run_in_length:  # nothing of the coming one is heard yet
        if chosen == desk.sounding:
            desk.coming = -1
        elif chosen != desk.coming:
            desk.coming, desk.run_in = chosen, 0


@njit(**_COMPILED)
def _aim(desk, which, target):
    glide = desk.glides[which]
    if target != glide[GOES_TO]:
        glide[COMES_FROM] = _at(glide, -1)
        glide[GOES_TO] = target
        glide[WALKED] = glide[TO_WALK] if desk.blocks == 0 else 0


@njit(**_COMPILED)
def _at(glide, t):
    """Where a glide is at sample ``t`` of this block."""
    walked = glide[WALKED] + t + 1
    if walked >= glide[TO_WALK]:
        return glide[GOES_TO]
    return glide[COMES_FROM] + (glide[GOES_TO] - glide[COMES_FROM]) * (walked / glide[TO_WALK])


@njit(**_COMPILED)
def _take_source(desk, dry, source):
    """The input, the loop, or some of both. What is no number counts as silence, or it would stay in the effects."""
    broken = False
    for t in range(len(source)):
        sound = abs(dry[t]) <= _HIGHEST
        broken |= not sound
        source[t] = dry[t] if sound else np.float32(0)
    desk.unwell += broken
    glide = desk.glides[LOOP]
    if desk.loop_length == 0 or (glide[GOES_TO] == 0 and glide[WALKED] >= glide[TO_WALK]):
        desk.loop_position = 0
        return
    loop = floats(desk.loop, desk.loop_length)
    for t in range(len(source)):
        share = np.float32(_at(glide, t))
        source[t] = (np.float32(1) - share) * source[t] + share * loop[desk.loop_position]
        desk.loop_position += 1
        if desk.loop_position == desk.loop_length:
            desk.loop_position = 0


@njit(**_COMPILED)
def _effect(desk, number):
    return desk.effects[number]


@njit(**_COMPILED)
def _play_effect(desk, number, dry, wet, count):
    """Fill ``count`` samples at the address ``wet``; with silence while the effect is unwell."""
    effect, y = _effect(desk, number), floats(wet, count)
    if effect.unwell != 0:
        y[:] = 0
        return
    call(
        effect.address,
        (dry, wet, count, effect.numbers, effect.numbers_length, effect.table, effect.table_length),
    )
    broken = False
    for t in range(count):
        broken |= not abs(y[t]) <= _HIGHEST
    if broken:
        y[:] = 0
        effect.troubles += 1  # first: who finds the desk's count finds whose it is
        fence()
        desk.unwell += 1
        effect.well = 0
        fence()
        effect.unwell = 1
    elif effect.well < desk.fade_length:
        for t in range(count):
            y[t] *= np.float32(min(1.0, (effect.well + t + 1) / desk.fade_length))
        effect.well += count


@njit(**_COMPILED)
def _change_effect(desk, y, count):
    """The coming effect plays unheard at first, then from one to the other in a straight line, into ``y``."""
    _play_effect(desk, desk.coming, desk.dry, desk.other_wet, count)
    z = floats(desk.other_wet, count)
    for t in range(count):
        walked = desk.run_in + t + 1 - desk.run_in_length
        if walked > 0:
            share = np.float32(min(1.0, walked / desk.fade_length))
            y[t] = (np.float32(1) - share) * y[t] + share * z[t]
    if _effect(desk, desk.coming).unwell != 0 and desk.run_in <= desk.run_in_length:
        desk.run_in = 0  # again, when it is well
        return
    desk.run_in += count
    if desk.run_in >= desk.run_in_length + desk.fade_length:
        desk.sounding = desk.coming
        fence()  # who finds that none is coming shall find the one that came
        desk.coming = -1


@njit(**_COMPILED)
def _peak(signal):
    highest = np.float32(0)
    for value in signal:
        highest = max(highest, abs(value))
    return highest


@njit(**_COMPILED)
def _clipped(signal):
    count = 0
    for value in signal:
        count += abs(value) >= FULL_SCALE
    return count
