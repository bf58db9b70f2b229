"""What the audio thread and the other threads share: one record of numbers, each written by one side only.

A number is one aligned word, so that no side ever reads half of it.
"""

import numba
import numpy as np

HISTORY = 4096  # blocks whose levels and times are kept
CHANNELS = 64  # of an interface
MOST_EFFECTS = 16  # to change between
REASON = 256  # bytes

# Rows of ``glides``, and what each of them has: where it comes from, where it goes, samples walked, samples to walk.
INPUT_GAIN, OUTPUT_GAIN, BYPASS, HEARD, LOOP = range(5)
COMES_FROM, GOES_TO, WALKED, TO_WALK = range(4)
# What each row of ``history`` has: peaks of input and output, nanoseconds taken, samples.
INPUT_PEAK, OUTPUT_PEAK, TAKEN, SAMPLES = range(4)

_WHOLE, _REAL = np.int64, np.float64

RACK = np.dtype(
    [
        ("address", _WHOLE),  # see drywet.effect.Native
        ("numbers", _WHOLE),
        ("numbers_length", _WHOLE),
        ("table", _WHOLE),
        ("table_length", _WHOLE),
        (
            "unwell",
            _WHOLE,
        ),  # set by the audio thread, which leaves the effect alone until another thread has cleared it
        ("well", _WHOLE),  # samples since then, at most the length of a fade
        ("troubles", _WHOLE),  # how often it became unwell, ever
    ],
    align=True,
)

DESK = np.dtype(
    [
        # Asked for by other threads, read at the beginning of a block.
        ("chosen", _WHOLE),
        ("bypassed", _WHOLE),
        ("muted", _WHOLE),
        ("looping", _WHOLE),
        ("input_gain", _REAL),
        ("output_gain", _REAL),
        # Written by the audio thread.
        ("sounding", _WHOLE),  # index of the effect that is heard
        ("coming", _WHOLE),  # of the one that is to follow, or -1
        ("run_in", _WHOLE),  # samples that it has played
        ("loop_position", _WHOLE),
        ("glides", _REAL, (5, 4)),
        ("blocks", _WHOLE),  # the last thing written in a block
        ("history", _REAL, (HISTORY, 4)),
        ("input_clipped", _WHOLE),  # samples, ever
        ("output_clipped", _WHOLE),
        ("unwell", _WHOLE),  # blocks, ever
        ("xruns", _WHOLE),
        ("gone", _WHOLE),  # whether the server has shut down, for a reason
        ("reason", np.uint8, (REASON,)),
        ("time", _WHOLE, (2,)),  # what the clock last said
        # Set before the audio thread begins.
        ("run_in_length", _WHOLE),  # samples
        ("fade_length", _WHOLE),
        ("largest_block", _WHOLE),
        ("effects", RACK, (MOST_EFFECTS,)),
        ("effect_count", _WHOLE),
        ("loop", _WHOLE),  # address
        ("loop_length", _WHOLE),
        ("source", _WHOLE),  # addresses of working memory for a block
        ("dry", _WHOLE),
        ("wet", _WHOLE),
        ("other_wet", _WHOLE),
        ("clock", _WHOLE),  # address of the system's clock, its two arguments, nanoseconds per word of its answer
        ("clock_arguments", _WHOLE, (2,)),
        ("clock_units", _REAL, (2,)),
        ("own_address", _WHOLE),
        ("run", _WHOLE),  # address of what plays a block
        # JACK
        ("port_buffer", _WHOLE),  # address of jack_port_get_buffer
        ("port_in", _WHOLE),
        ("port_out", _WHOLE),
        # PortAudio
        ("inputs", _WHOLE),  # channels in a frame
        ("outputs", _WHOLE),
        ("records", _WHOLE, (CHANNELS,)),  # whether a channel is recorded, played
        ("plays", _WHOLE, (CHANNELS,)),
        ("mono", _WHOLE),  # address of working memory for a block
    ],
    align=True,
)

DESK_POINTER = numba.types.CPointer(
    numba.from_dtype(DESK)
)  # numba's caches know by this type how the record lies in memory
