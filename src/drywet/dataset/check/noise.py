"""The best score there can be: what of wet no model can predict, because it is noise."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from drywet.dataset.alignment import Sliceable
from drywet.dataset.check.excerpt import Timing, wet_of
from drywet.dataset.check.levels import FRAME_S, Levels
from drywet.dataset.check.repeats import Repeat

SETTLE_FRAMES = 4  # 0.2 s after dry fell silent, until the device has
SHORTEST_FRAMES = 4  # 0.2 s of silence that count, after that
LONGEST_S = 60.0  # looked at in all


@dataclass(frozen=True)
class NoiseLimit:
    """Noise of wet and the error-to-signal ratio that it alone makes.

    ``source`` says how it was found: where dry repeats (what differs is noise), or while dry is silent (what remains is
    noise; what the device adds while it plays is not in it). ``seconds`` of sound it rests on. ``exact`` is False where
    dry itself was not quite the same or not quite silent, so that the figure is an upper bound.
    """

    noise_power: float
    esr: float
    source: Literal["repeats", "silence"]
    seconds: float
    exact: bool


def noise_from_repeats(repeats: list[Repeat], wet_power: float) -> NoiseLimit | None:
    """Mean over the passages, weighted by their length."""
    if not repeats or wet_power <= 0:
        return None
    seconds = sum(repeat.seconds for repeat in repeats)
    power = sum(repeat.noise_power * repeat.seconds for repeat in repeats) / seconds
    # Noise of dry goes through the device too; 20 dB covers the gain of an overdrive for small signals.
    exact = all(
        repeat.noise_power / repeat.wet_power > 100 * 10 ** (repeat.dry_difference_db / 10) for repeat in repeats
    )
    return NoiseLimit(power, power / wet_power, "repeats", seconds, exact)


def noise_in_silence(
    wet: Sliceable, sample_rate: int, dry_levels: Levels, wet_power: float, timing: Timing
) -> NoiseLimit | None:
    """Mean square of wet, without DC, while dry is silent: 60 dB below its own power, and as quiet as it ever is."""
    frames = dry_levels.frame_power
    quiet = np.sort(frames)[: max(1, len(frames) // 50)].mean() if len(frames) else 0.0
    silent = frames <= min(max(4 * quiet, 1e-13), 1e-6 * dry_levels.power)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], silent.astype(np.int8), [0]])))
    frame = round(FRAME_S * sample_rate)
    powers: list[float] = []
    lengths: list[int] = []
    for begin, end in zip(edges[::2] + SETTLE_FRAMES, edges[1::2], strict=True):
        if end - begin < SHORTEST_FRAMES or sum(lengths) > LONGEST_S * sample_rate:
            continue
        length = min(int(end - begin) * frame, round(5 * sample_rate))
        start = round(timing.place(begin * frame))
        if start < 0 or start + length > len(wet):
            continue
        sound = wet_of(wet, int(begin) * frame, length, Timing(timing.latency + timing.drift * begin * frame))
        powers.append(float(np.var(sound)))
        lengths.append(length)
    if not powers or wet_power <= 0:
        return None
    # Tails and handling noise only add to it, so the quieter half of the silence tells more.
    order = np.argsort(powers)[: (len(powers) + 1) // 2]
    power = float(np.average(np.array(powers)[order], weights=np.array(lengths)[order]))
    return NoiseLimit(power, power / wet_power, "silence", sum(lengths) / sample_rate, bool(quiet < 1e-12))
