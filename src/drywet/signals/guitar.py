"""An electric guitar and what is played on it: strings, pick, palm, pickup.

The vibration is that of :mod:`drywet.signals.string`; this file says how a player sets it in motion and what the
pickup makes of it. No recording is used, so what it plays is free of rights.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.signal import bilinear, lfilter

from drywet.errors import SignalError
from drywet.signals import string
from drywet.signals.tones import sample_count

LOSS_HZ = 3000.0  # where Guitar.sustain_high_s is told
PALM_T60_S = 0.26  # the fundamental under a fully muting palm
PALM_DULLS = 6.0  # the palm multiplies the loss at high frequencies by 1 + this
DAMPED = string.Loss.from_t60(0.10, 0.04, LOSS_HZ)  # a finger lifted, or laid on the string
DAMP_SECONDS = 0.006  # in which the finger arrives
DAMPED_TAIL_S = 0.18  # a damped string is 100 dB down after it, and is then taken as still
PICK_TOUCH_S = 0.004  # the pick rests on the string this long before it plucks it again
PICK_NOISE_S = 0.0025  # decay time constant of the scratch
VIBRATO_DELAY_S = 0.15  # a note is struck first, then shaken
STILL = 1e-9  # V, a decayed pickup filter is taken as silent below it


@dataclass(frozen=True)
class Guitar:
    """A guitar, its strings and its player's pick.

    Positions are fractions of the open string's length, measured from the bridge. Tuples run from the lowest string to
    the highest.
    """

    tuning: tuple[int, ...] = (40, 45, 50, 55, 59, 64)  # MIDI notes; E A D G B E
    a4_hz: float = 440.0
    frets: int = 24
    pick_position: float = 0.14
    pick_spread: float = 0.015  # standard deviation of the pick position from note to note
    pick_cutoff_hz: float = 1200.0  # softness of the pick: cutoff of its two-pole low-pass at full velocity
    pick_noise: float = 0.03  # scratch of the pick relative to the pluck
    pickup_position: float = 0.10
    pickup_resonance_hz: float = 3800.0  # coil inductance with the cable's capacitance
    pickup_q: float = 1.4
    # B = pi^3 E d^4 / (64 T L^2) with core diameter d and tension T of a .010-.046 set, L = 648 mm, E = 200 GPa
    inharmonicity: tuple[float, ...] = (8.0e-5, 5.5e-5, 4.5e-5, 1.1e-4, 4.0e-5, 1.3e-5)
    sustain_s: float = 9.0  # T60 of the lowest open string's fundamental
    sustain_high_s: float = 0.8  # its T60 at LOSS_HZ
    output: float = 0.2  # V, peak of the pick's velocity pulse at full velocity


@dataclass(frozen=True)
class Note:
    """One pluck of one string."""

    string: int  # as guitarists count: 1 is the highest
    fret: int
    start: float  # s
    duration: float  # s, until the player damps it; the next note on the string ends it earlier
    velocity: float = 0.8  # 0 < velocity <= 1
    palm_mute: float = 0.0  # 0 open ... 1 fully muted
    bend: tuple[tuple[float, float], ...] = ()  # (s after the start, semitones), joined smoothly; 0 semitones before
    vibrato: float = 0.0  # semitones the string is pulled up at most
    vibrato_hz: float = 5.5


def frequency(guitar: Guitar, note: Note) -> float:
    """Pitch in Hz of ``note`` before any bend."""
    midi = guitar.tuning[len(guitar.tuning) - note.string] + note.fret
    return guitar.a4_hz * 2.0 ** ((midi - 69) / 12)


def play(
    guitar: Guitar, notes: Sequence[Note], sample_rate: int = 44_100, seed: int = 25, *, seconds: float | None = None
) -> np.ndarray:
    """What the pickup gives while ``notes`` are played, float32 of shape (T,), 1.0 is 1 V.

    A string rings one note at a time. Where nothing rings, the signal is exactly 0. Pitch and decay times in seconds
    do not depend on the sample rate.

    Parameters
    ----------
    notes : sequence of Note
        In any order.
    seed : int
        Of what no player repeats exactly: the scratch and the place of the pick.
    seconds : float, optional
        Length of the signal; what rings longer is cut off. By default it ends when the last string is still.

    Raises
    ------
    SignalError
        If a note lies outside the guitar, or the sample rate is too low for it.
    """
    if sample_rate < 2.5 * guitar.pickup_resonance_hz:
        raise SignalError(
            f"a sample rate of {sample_rate} Hz is too low for a pickup that resonates at "
            f"{guitar.pickup_resonance_hz:g} Hz. Use 44100 Hz or more and resample"
        )
    for note in notes:
        _check(guitar, note)
    by_string = defaultdict(list)
    for note in sorted(notes, key=lambda note: (note.start, note.string)):
        by_string[note.string].append(note)
    if seconds is None:
        seconds = max((note.start + note.duration for note in notes), default=0.0) + DAMPED_TAIL_S + 0.02
    count = sample_count(seconds, sample_rate)
    total = np.zeros(count)
    for number, plucks in sorted(by_string.items()):
        rng = np.random.default_rng([seed, number])
        for note, following in zip(plucks, [*plucks[1:], None], strict=True):
            first = round(note.start * sample_rate)
            stop = min(count, round((note.start + note.duration + DAMPED_TAIL_S) * sample_rate))
            if following is not None:
                stop = min(stop, round(following.start * sample_rate))
            samples = _pluck(guitar, note, max(stop - first, 0), sample_rate, rng)
            total[first:stop] += samples
    return _pickup(guitar, total, sample_rate).astype(np.float32)


def _pluck(guitar: Guitar, note: Note, count: int, sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    """One note as velocity of the string over the pickup, float64 of shape (count,), faded out at its end."""
    # drawn first, so that a shorter note leaves the later ones as they are
    pick_position = guitar.pick_position + guitar.pick_spread * rng.uniform(-1.7, 1.7)
    noise_seed = int(rng.integers(2**63))
    if count == 0:
        return np.zeros(0)
    open_length = 2.0 ** (-note.fret / 12)  # of the sounding part, relative to the open string
    pitch = frequency(guitar, note)
    loss = _held_loss(guitar, note, pitch)
    held = loss.loop_filter(pitch, sample_rate)
    damped = string.Loss(max(DAMPED.b1, loss.b1), max(DAMPED.b3, loss.b3)).loop_filter(pitch, sample_rate)
    inharmonicity = guitar.inharmonicity[len(guitar.tuning) - note.string] / open_length**2
    allpass = string.dispersion_coefficient(pitch, inharmonicity, held[1], sample_rate)

    period = sample_rate / (pitch * 2 ** (_semitones(note, count, sample_rate) / 12))  # (count,) or (1,)
    omega = 2 * np.pi / period
    delay = period - string.lowpass_phase_delay(held[1], omega)
    delay -= string.DISPERSION_SECTIONS * string.allpass_phase_delay(allpass, omega)
    if delay.min() < string.SHORTEST_DELAY:
        raise SignalError(
            f"string {note.string}, fret {note.fret} reaches {sample_rate / period.min():.0f} Hz, whose loop at "
            f"{sample_rate} Hz is {delay.min():.1f} samples and needs {string.SHORTEST_DELAY:.0f}. Use a sample rate "
            "of 44100 Hz or more"
        )
    samples = np.empty(count)
    string.ring(
        _pick(guitar, note, np.clip(pick_position / open_length, 0.02, 0.98) * period[0], noise_seed, sample_rate),
        np.broadcast_to(delay, count),
        np.broadcast_to(np.minimum(guitar.pickup_position / open_length, 0.98) * period, count),
        held,
        damped,
        round(note.duration * sample_rate),
        max(round(DAMP_SECONDS * sample_rate), 1),
        allpass,
        samples,
    )
    touch = min(round(PICK_TOUCH_S * sample_rate), count)
    samples[count - touch :] *= 0.5 + 0.5 * np.cos(np.pi * np.arange(1, touch + 1) / touch)
    return samples


def _held_loss(guitar: Guitar, note: Note, pitch: float) -> string.Loss:
    loss = string.Loss.from_t60(guitar.sustain_s, guitar.sustain_high_s, LOSS_HZ)
    lowest = guitar.a4_hz * 2.0 ** ((guitar.tuning[0] - 69) / 12)
    b1 = loss.b1 * (pitch / lowest) ** 0.35  # thin and short strings decay sooner
    return string.Loss(
        b1 + note.palm_mute * string.LN_1000 / PALM_T60_S,
        loss.b3 * (1 + PALM_DULLS * note.palm_mute),
    )


def _semitones(note: Note, count: int, sample_rate: int) -> np.ndarray:
    """Deviation from the fretted pitch, shape (count,), or (1,) for a steady note."""
    if not note.bend and not note.vibrato:
        return np.zeros(1)
    t = np.arange(count) / sample_rate
    times, heights = np.array(((0.0, 0.0), *note.bend)).T
    after = np.clip(np.searchsorted(times, t, side="right"), 1, len(times) - 1) if note.bend else None
    semitones = np.zeros(count)
    if after is not None:
        part = np.clip((t - times[after - 1]) / np.maximum(times[after] - times[after - 1], 1e-9), 0, 1)
        semitones = heights[after - 1] + (heights[after] - heights[after - 1]) * (0.5 - 0.5 * np.cos(np.pi * part))
    shaken = 2 * np.pi * note.vibrato_hz * np.maximum(t - VIBRATO_DELAY_S, 0)
    return semitones + note.vibrato * (0.5 - 0.5 * np.cos(shaken))


def _pick(guitar: Guitar, note: Note, width: float, noise_seed: int, sample_rate: int) -> np.ndarray:
    """Velocity pulse of a pluck: as long as the wave takes from the pick to the bridge and back, ``width`` samples.

    A string let go from a triangle sends a step of velocity both ways; the one returning from the bridge ends it. The
    pulse thus has the comb of the pick position and the 1/n of the plucked string's velocity in one. The finite pick
    rounds its edges, the less the harder it is struck.
    """
    cutoff_hz = guitar.pick_cutoff_hz * (0.4 + 0.6 * note.velocity) * (1 - 0.4 * note.palm_mute)
    pole = np.exp(-2 * np.pi * cutoff_hz / sample_rate)
    n = np.arange(int(width + 8 / (1 - pole) + 8 * PICK_NOISE_S * sample_rate))
    pulse = np.clip(width - n, 0, 1)
    scratch = np.random.default_rng(noise_seed).standard_normal(len(n)) * np.sqrt(sample_rate / 44_100)
    scratch *= guitar.pick_noise * np.exp(-n / (PICK_NOISE_S * sample_rate))
    rounded = lfilter([1 - pole], [1, -pole], lfilter([1 - pole], [1, -pole], pulse))
    return guitar.output * note.velocity * (rounded + scratch)


def _pickup(guitar: Guitar, samples: np.ndarray, sample_rate: int) -> np.ndarray:
    """The coil's inductance with the cable's capacitance: a resonant low-pass of second order."""
    # the bilinear transform maps the resonance to itself when warped beforehand
    omega = 2 * sample_rate * np.tan(np.pi * guitar.pickup_resonance_hz / sample_rate)
    numerator, denominator = bilinear([1.0], [omega**-2, 1 / (guitar.pickup_q * omega), 1.0], sample_rate)
    filtered = lfilter(numerator, denominator, samples)
    filtered[np.abs(filtered) < STILL] = 0.0
    return filtered


def _check(guitar: Guitar, note: Note) -> None:
    where = f"note at {note.start} s (string {note.string}, fret {note.fret})"
    if not 1 <= note.string <= len(guitar.tuning):
        raise SignalError(f"{where}: the guitar has strings 1 to {len(guitar.tuning)}")
    if not 0 <= note.fret <= guitar.frets:
        raise SignalError(f"{where}: the fretboard has frets 0 to {guitar.frets}")
    if note.start < 0 or not note.duration > 0:
        raise SignalError(f"{where}: start must not be negative and duration above 0 s, not {note.duration} s")
    if not 0 < note.velocity <= 1 or not 0 <= note.palm_mute <= 1:
        raise SignalError(
            f"{where}: velocity lies above 0 and up to 1, palm_mute between 0 and 1, not {note.velocity} and "
            f"{note.palm_mute}"
        )
    times = [time for time, _ in note.bend]
    if times != sorted(times) or any(time < 0 for time in times):
        raise SignalError(f"{where}: the times of a bend must not be negative nor fall, these are {times}")
